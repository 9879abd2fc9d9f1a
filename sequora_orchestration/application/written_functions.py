"""The functions that write into the application's tables: a row of its log, and a task's nurse.

Here: their SQL, and the rights that they need. Not here: whether the log would take a row (`trial`), and what a
nurse answers (`written_answers`).
"""

import re
from collections.abc import Iterator, Mapping

from sequora_orchestration.application.application_map import Log
from sequora_orchestration.application.contract import MESSAGE
from sequora_orchestration.application.fitting import Fit
from sequora_orchestration.application.map_in_force import Right
from sequora_orchestration.application.sql_text import assignments, quoted, values_written
from sequora_orchestration.application.view_columns import is_closed

# A function that writes into the application's tables finds their types as this transaction does, whoever calls it: it
# keeps this transaction's search path, from which "$user" was taken before. A time that is written into a column
# without a zone, by us or by a default, is UTC, whatever the session's zone.
# Sequential scans are off because a session keeps a plan that it made while the log was empty, and that plan must not
# read a log of millions of rows from end to end.
WRITES = "SET timezone TO 'UTC' SET enable_seqscan TO off SET search_path FROM CURRENT"
"""How a function that writes is made."""


def rights_to_write(fitted: Fit) -> Iterator[Right]:
    """Yield the rights that the functions need to write; those that the views need to read come from `view_maker`."""
    log, task = fitted.map.log, fitted.sections["task"]
    if log:
        yield Right(table=log.table, column=None, command="INSERT")
        for column in {**log.delivered, **log.undelivered}:
            yield Right(table=log.table, column=column, command="UPDATE")
        if log.key and (log.delivered or log.undelivered):
            yield Right(table=log.table, column=log.key, command="SELECT")
    for column in fitted.map.assignment:
        yield Right(table=task.table, column=column, command="UPDATE", is_to_assign=True)


def functions_of_log(fitted: Fit) -> list[str]:
    """Return the statements that make the log's functions: which messages it takes, and the one that writes a row."""
    log = fitted.map.log
    row = ", ".join(f"{_OF_LEDGER[one]} AS {one}" for one in MESSAGE)
    body = _body_of_log(log, fitted.log_types, f"(SELECT {row}) AS message") if log else "NULL;"
    audiences = log.audiences if log else ()
    wanted = {"staff": f"NOT {_IS_TO_A_PATIENT.format('kind')}", "patients": _IS_TO_A_PATIENT.format("kind")}
    takes = " OR ".join(wanted[one] for one in audiences) or "false"
    has_receipts = bool(log and (log.delivered or log.undelivered))
    wants_content = bool(log and any(re.search(r"\bcontent\b", sql) for sql in log.row.values()))
    return [
        f"""CREATE OR REPLACE FUNCTION orchestration.log_takes(kind text) RETURNS boolean
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {takes}""",
        f"""CREATE OR REPLACE FUNCTION orchestration.log_takes_receipts() RETURNS boolean
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {has_receipts}""",
        f"""CREATE OR REPLACE FUNCTION orchestration.log_takes_content() RETURNS boolean
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {wants_content}""",
        f"""CREATE OR REPLACE FUNCTION orchestration.log_notification(
                sent orchestration.notification, texted text, is_new boolean
            ) RETURNS void LANGUAGE plpgsql {WRITES} AS $function$
            DECLARE
                refusing_constraint text;
                refusing_table text;
            BEGIN
                IF orchestration.log_takes(coalesce(sent.audience, sent.kind)) THEN
                    {body}
                END IF;
            -- The server's own message would quote the refused row, with the text in it, in the server's log.
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS refusing_constraint = CONSTRAINT_NAME, refusing_table = TABLE_NAME;
                RAISE EXCEPTION 'the application''s log refuses a row'
                    USING ERRCODE = SQLSTATE, CONSTRAINT = refusing_constraint, TABLE = refusing_table;
            END $function$""",
    ]


# Compared with an audience; or with a kind, if an older version wrote the row, or its worker calls.
_IS_TO_A_PATIENT = "({} IN ('PATIENT', 'check-in'))"
_AUDIENCE = "coalesce(sent.audience, sent.kind)"

# SQL that reads each value for the log from `sent`, a row of the ledger. A receipt's time is the time of the call.
_OF_LEDGER: Mapping[str, str] = {
    "id": "sent.id",
    "kind": "sent.kind",
    "channel": "sent.channel",
    "state": "sent.state",
    "task_id": "sent.task_id",
    "episode_id": "sent.episode_id",
    "user_id": f"CASE WHEN NOT {_IS_TO_A_PATIENT.format(_AUDIENCE)} THEN sent.recipient_id END",
    "patient_id": f"CASE WHEN {_IS_TO_A_PATIENT.format(_AUDIENCE)} THEN sent.recipient_id END",
    "content": "texted",
    "provider_id": "sent.provider_sid",
    "provider_code": "sent.provider_code",
    "reason": "sent.reason",
    "attempts": "CAST(sent.attempts AS integer)",
    "sent_at": "sent.sent_at",
    "settled_at": "greatest(orchestration.clock(), sent.sent_at)",
}


def _body_of_log(log: Log, types: Mapping[str, str], message: str) -> str:
    row = values_written(log.row, types)
    lines = [
        "IF is_new THEN",
        f"INSERT INTO {log.table} ({', '.join(map(quoted, row))})",
        f"SELECT {', '.join(row.values())} FROM {message};",
        "END IF;",
    ]
    for state, columns in (("DELIVERED", log.delivered), ("UNDELIVERED", log.undelivered)):
        if columns and log.key:
            changes = assignments(values_written(columns, types))
            lines += [
                f"IF sent.state = '{state}' THEN",
                f"UPDATE {log.table} AS logged SET {changes} FROM {message}",
                f"WHERE logged.{quoted(log.key)} = {row[log.key]};",
                "END IF;",
            ]
    return "\n".join(lines)


def function_of_assignment(fitted: Fit) -> str:
    """Return the function that gives an open task to somebody if nobody has it, and returns whether it did."""
    columns = fitted.map.assignment
    task = fitted.sections["task"]
    if not columns:
        body = "RETURN false;"
    else:
        assigned = assignments(values_written(columns, fitted.task_types))
        status = task.columns["status"]
        body = f"""
            UPDATE {task.table} AS task SET {assigned}
            FROM (SELECT of_person AS person_id, orchestration.clock() AS at) AS assignment
            WHERE {task.columns["id"].sql} = CAST(of_task AS {task.columns["id"].type.of_any_length})
              AND {task.columns["assigned_to_user_id"].sql} IS NULL
              AND NOT ({is_closed(fitted, status, status.sql)});
            RETURN FOUND;"""
    return f"""CREATE OR REPLACE FUNCTION orchestration.assign_task(of_task text, of_person text) RETURNS boolean
        LANGUAGE plpgsql {WRITES} AS $function$ BEGIN {body} END $function$"""
