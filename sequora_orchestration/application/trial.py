"""A trial of the application's log: whether it would take what a map writes, before a text depends on it.

It is made on an empty copy of the table, with its types, defaults, NOT NULLs and CHECKs, in the transaction of
`sequora migrate`; the application's own table is not touched, and its triggers do not fire.
"""

from collections.abc import Mapping
from datetime import timedelta

import psycopg2
from psycopg2.errors import CheckViolation, ForeignKeyViolation, InvalidTextRepresentation, NotNullViolation
from sqlalchemy import Connection, text

from sequora_orchestration.application.application_map import Log
from sequora_orchestration.application.catalog import Fit, attempt, rows, verbatim
from sequora_orchestration.application.contract import MESSAGE
from sequora_orchestration.application.sql_text import assignments, quoted, values_written, without_parameters
from sequora_orchestration.domain.message_kind import CHECK_IN, KINDS

_COPY = "orchestration.map_trial"

_NUMBERS = "N"

# A text that was in doubt is logged when it is found, as sent back then.
_AGES = (timedelta(0), timedelta(hours=1))


def log_problems(connection: Connection, fitted: Fit) -> list[str]:
    """Return why the log would refuse a row, or its receipt, in sentences; empty if it takes them."""
    log = fitted.map.log
    if log is None:
        return []
    with connection.begin_nested() as trial:
        connection.execute(text("SET LOCAL timezone TO 'UTC'"))  # as the function that writes the rows has it
        connection.execute(
            verbatim(
                f"CREATE TABLE {_COPY} (LIKE {log.table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED)"
            )
        )
        problems = _missing_columns(connection, log)
        for kind in KINDS:
            if ("patients" if kind == CHECK_IN.name else "staff") in log.audiences:
                for age in _AGES:
                    problems |= _tried(connection, fitted, log, kind, age)
        trial.rollback()
    return list(problems)


def _missing_columns(connection: Connection, log: Log) -> dict[str, None]:
    """Return which columns must have a value and get none; in the copy they may lack it from now on."""
    problems: dict[str, None] = {}
    for row in rows(connection, "columns_of_table", table=log.table):
        name = row["name"]
        if name in log.row:
            if row["is_always_counted"]:
                problems[f"log.row has {name}, which the database alone counts: leave it out"] = None
            continue
        if row["must_be_given"]:
            problems[f"log.row lacks {name}, which is NOT NULL and has no default: write an expression for it"] = None
        if row["must_be_given"] or row["is_counted"]:  # a sequence of the application's is left alone
            own = quoted(name)
            connection.execute(verbatim(f"ALTER TABLE {_COPY} ALTER {own} DROP DEFAULT, ALTER {own} DROP NOT NULL"))
    return problems


def _tried(connection: Connection, fitted: Fit, log: Log, kind: str, age: timedelta) -> dict[str, None]:
    """Write a row of a kind, and its receipts, one after the other; return what was refused."""
    is_to_patient = kind == CHECK_IN.name
    types = fitted.log_types
    values = {
        "id": _SOME_UUID,
        "kind": kind,
        "state": "SENT",
        "task_id": None if is_to_patient else _sample(fitted, "task"),
        "episode_id": _sample(fitted, "episode"),
        "user_id": None if is_to_patient else _sample(fitted, "person"),
        "patient_id": _sample(fitted, "patient") if is_to_patient else None,
        "content": "a text",
        "provider_id": "SM" + "0" * 32,
        "provider_code": 30003,
        "reason": "not delivered",
        "attempts": 1,
    }
    row = ", ".join(
        f"CAST(:{one} AS {type_name}) AS {one}" if one in values else f"{_TIMES[one]} AS {one}"
        for one, type_name in MESSAGE.items()
    )
    problems: dict[str, None] = {}
    parameters = {**values, "age": age}

    values_of_row = values_written(log.row, types)
    names, sql = ", ".join(map(quoted, values_of_row)), ", ".join(values_of_row.values())
    insert = without_parameters(f"INSERT INTO {_COPY} ({names}) SELECT {sql}")
    problems |= _refused(connection, f"{insert} FROM (SELECT {row}) AS message", parameters, f"a row of {kind}")
    for part, columns in (("delivered", log.delivered), ("undelivered", log.undelivered)):
        if columns and not problems:
            changes = without_parameters(assignments(values_written(columns, types)))
            update = f"UPDATE {_COPY} SET {changes} FROM (SELECT {row}) AS message"
            problems |= _refused(connection, update, parameters, f"the receipt ({part}) of {kind}")
    connection.execute(text(f"DELETE FROM {_COPY}"))
    return problems


_TIMES = {"sent_at": "orchestration.clock() - CAST(:age AS interval)", "settled_at": "orchestration.clock()"}


_SOME_UUID = "00000000-0000-4000-8000-000000000000"


def _sample(fitted: Fit, section: str) -> str:
    """Return an id as that table's own are."""
    found = fitted.sections.get(section)
    return "1" if found and found.columns["id"].type.category == _NUMBERS else _SOME_UUID


def _refused(connection: Connection, statement: str, parameters: Mapping[str, object], what: str) -> dict[str, None]:
    error = attempt(connection, text(statement), **parameters)
    if not isinstance(error, psycopg2.Error) or isinstance(error, ForeignKeyViolation):
        return {}
    said = error.diag
    if isinstance(error, NotNullViolation):
        return {f"log: {what} has nothing for {said.column_name or said.datatype_name}, which is NOT NULL": None}
    if isinstance(error, CheckViolation):
        return {f"log: {what} breaks its CHECK {said.constraint_name}": None}
    if isinstance(error, InvalidTextRepresentation):
        return {f"log: {what}: {said.message_primary}": None}
    return {f"log: {what}: {said.message_primary} (SQLSTATE {error.pgcode})": None}
