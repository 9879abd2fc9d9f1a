"""A trial of the application's log: whether it would take a map's rows, before a text depends on it.

It is made on an empty copy of the table, with its types, defaults, NOT NULLs and CHECKs, in the transaction of
`sequora migrate`; the application's own table is not touched, and its triggers do not fire.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import psycopg2
from psycopg2.errors import CheckViolation, ForeignKeyViolation, InvalidTextRepresentation, NotNullViolation
from sqlalchemy import Connection, text

from sequora_orchestration.application.application_map import Log
from sequora_orchestration.application.catalog import attempt, rows, verbatim
from sequora_orchestration.application.contract import MESSAGE
from sequora_orchestration.application.fitting import Fit
from sequora_orchestration.application.sql_text import assignments, literal, quoted, values_written, without_parameters
from sequora_orchestration.domain.notification import SMS, VOICE
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.workflows import WorkflowSettings

_COPY = "orchestration.map_trial"

_NUMBERS = "N"

# The class of errors of syntax and names (appendix A of Postgres' manual): Postgres raises them before it reads a row.
ABOUT_NAMES = "42"


class _Text(NamedTuple):
    """What may differ between the rows of two texts of a kind."""

    age: timedelta = timedelta(0)
    """How long ago it was sent."""

    provider_id: str | None = "SM" + "0" * 32
    attempts: int = 1


# A text that was in doubt is logged only when it is found, with its earlier time of sending.
_TEXTS = (_Text(), _Text(age=timedelta(hours=1)))

# A task that a digest tells of has a row, though it has no text of its own.
_TOLD_BY_DIGEST = _Text(provider_id=None, attempts=0)
_WHAT_TO_DO_FOR_DIGESTS = (
    "a task that a digest tells of has no provider_id and 0 attempts, for those are the digest's: let the log take "
    "that, or write another value for it (coalesce), or leave SEQUORA_DIGEST_AFTER off"
)


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
        problems = _problems_of_missing_columns(connection, log)
        tried = [
            kind
            for kind in _kinds_in_use()
            if KINDS[kind].is_logged and ("patients" if is_to_a_patient(kind) else "staff") in log.audiences
        ]
        refused: dict[_Refused, dict[str, None]] = {}
        for kind in tried:
            for sent in _TEXTS:
                for one in _try_row(connection, fitted, log, kind, sent):
                    refused.setdefault(one, {})[kind] = None
        of_digests = [kind for kind in tried if KINDS[kind].gathered_in and _are_gathered()]
        for kind in of_digests:
            of_own_texts = {one.why for one, kinds in refused.items() if kind in kinds}
            for one in _try_row(connection, fitted, log, kind, _TOLD_BY_DIGEST):
                if one.why not in of_own_texts:
                    refused.setdefault(_Refused(one.what, f"{one.why}; {_WHAT_TO_DO_FOR_DIGESTS}"), {})[kind] = None
        trial.rollback()
    of_kinds = {one: "any kind" if [*kinds] == tried else ", ".join(kinds) for one, kinds in refused.items()}
    return [*problems, *(f"{one.why} ({one.what} of {kinds})" for one, kinds in of_kinds.items())]


class _Refused(NamedTuple):
    """A value or a row that the log refuses, for texts of any kind."""

    what: str
    why: str


def _kinds_in_use() -> list[str]:
    """Return the kinds of messages that may be logged: of calls only if nurses are called."""
    try:
        are_called = DeliverySettings.load().least_urgency_called_for is not None
    except SettingError:  # a senseless setting is told elsewhere
        are_called = False
    return [name for name, kind in KINDS.items() if kind.channel == SMS or are_called]


def _are_gathered() -> bool:
    """Tell whether digests are on."""
    try:
        return WorkflowSettings.load().flood is not None
    except SettingError:  # as above
        return False


def _problems_of_missing_columns(connection: Connection, log: Log) -> dict[str, None]:
    """Return the problems of columns that must have a value and get none; the copy lets them lack it from now on."""
    problems: dict[str, None] = {}
    for row in rows(connection, "columns_of_table", table=log.table):
        name = row["name"]
        if any(is_looked_up(part[name]) for part in (log.row, log.delivered, log.undelivered) if name in part):
            # A look-up finds nothing in the trial, for its ids are nobody's.
            connection.execute(verbatim(f"ALTER TABLE {_COPY} ALTER {quoted(name)} DROP NOT NULL"))
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


def _try_row(connection: Connection, fitted: Fit, log: Log, kind: str, sent: _Text) -> list[_Refused]:
    """Write a row for a text of this kind, and then its receipts; return the refusals."""
    is_to_patient = is_to_a_patient(kind)
    types = fitted.log_types
    values = {
        "id": _SOME_UUID,
        "kind": kind,
        "channel": KINDS[kind].channel,
        "state": "SENT",
        "task_id": None if is_to_patient else nobodys_id(fitted, "task"),
        "episode_id": nobodys_id(fitted, "episode"),
        "user_id": None if is_to_patient else nobodys_id(fitted, "person"),
        "patient_id": nobodys_id(fitted, "patient") if is_to_patient else None,
        "content": "a text",
        "provider_id": sent.provider_id,
        "provider_code": 30003,
        "reason": "not delivered",
        "attempts": sent.attempts,
    }
    row = ", ".join(
        f"CAST(:{one} AS {type_name}) AS {one}" if one in values else f"{_TIMES[one]} AS {one}"
        for one, type_name in MESSAGE.items()
    )
    refused: list[_Refused] = []
    parameters = {**values, "age": sent.age}

    values_of_row = values_written(log.row, types)
    names, sql = ", ".join(map(quoted, values_of_row)), ", ".join(values_of_row.values())
    insert = without_parameters(f"INSERT INTO {_COPY} ({names}) SELECT {sql}")
    message = f"(SELECT {row}) AS message"
    found = attempt(connection, text(f"{insert} FROM {message}"), **parameters)
    if isinstance(found, psycopg2.Error):
        at_fault = _columns_at_fault(connection, values_of_row, message, parameters)
        if why := _why(connection, log, "row", found, at_fault):
            refused.append(_Refused("a row", why))
    for part, columns in (("delivered", log.delivered), ("undelivered", log.undelivered)):
        if columns and log.key and not refused:
            # The same values as in the function that brings rows up to date.
            values_of_receipt = values_written(columns, types)
            changes = without_parameters(assignments(values_of_receipt))
            is_its = without_parameters(f"logged.{quoted(log.key)} = {values_of_row[log.key]}")
            update = f"UPDATE {_COPY} AS logged SET {changes} FROM {message} WHERE {is_its} RETURNING 1"
            what = "the receipt"
            of_receipt = {**parameters, "state": part.upper()}
            found = attempt(connection, text(update), **of_receipt)
            if isinstance(found, psycopg2.Error):
                at_fault = _columns_at_fault(connection, values_of_receipt, message, of_receipt)
                if why := _why(connection, log, part, found, at_fault):
                    refused.append(_Refused(what, why))
            elif not found and not is_looked_up(log.row[log.key]):
                why = f"log.row.{log.key} is not the same value again, so no row is found: write one that is, such as "
                refused.append(_Refused(what, f"{why}message.id"))
    connection.execute(text(f"DELETE FROM {_COPY}"))
    return refused


def _columns_at_fault(
    connection: Connection, values: Mapping[str, str], message: str, parameters: Mapping[str, object]
) -> list[str]:
    """Return the columns whose expressions fail."""
    each = {column: text(f"SELECT {without_parameters(sql)} FROM {message}") for column, sql in values.items()}
    return [one for one, sql in each.items() if isinstance(attempt(connection, sql, **parameters), psycopg2.Error)]


_TIMES = {"sent_at": "orchestration.clock() - CAST(:age AS interval)", "settled_at": "orchestration.clock()"}


_SOME_UUID = "00000000-0000-4000-8000-000000000000"


# No row has this id, for numbers are counted from 1 on: with a real id a sub-select would find that person.
_NOBODYS_NUMBER = "-1"


def nobodys_id(fitted: Fit, section: str) -> str:
    """Return an id of the type that the section's table has, but nobody's."""
    found = fitted.sections.get(section)
    return _NOBODYS_NUMBER if found and found.columns["id"].type.category == _NUMBERS else _SOME_UUID


def is_looked_up(sql: str) -> bool:
    """Whether an expression may read the application's tables."""
    return re.search(r"(?i)\bselect\b", sql) is not None


def _why(connection: Connection, log: Log, part: str, error: psycopg2.Error, columns: Sequence[str]) -> str | None:
    """Return why a value or a row is refused, with its keys in the map, and no value of the application's rows."""
    if isinstance(error, ForeignKeyViolation):
        return None
    said = error.diag
    if isinstance(error, NotNullViolation):
        keys = _keys(log, part, [said.column_name or ""])
        return f"{keys}: {said.column_name or said.datatype_name} is NOT NULL, and there is nothing for it"
    if isinstance(error, CheckViolation):
        checked = columns_of_check(connection, _COPY, said.constraint_name or "")
        return f"{_keys(log, part, checked)}: the CHECK {said.constraint_name} refuses it"
    keys = _keys(log, part, columns)
    if isinstance(error, InvalidTextRepresentation) and _is_of_the_map(log, said.message_primary or ""):
        return f"{keys}: {said.message_primary}"
    code = error.pgcode or ""
    if code.startswith(ABOUT_NAMES):
        return f"{keys}: {said.message_primary}, SQLSTATE {code}"
    return f"{keys}: the value is refused, {type(error).__name__}, SQLSTATE {code}"


def columns_of_check(connection: Connection, table: str, name: str) -> Sequence[str]:
    """Return the columns of a table that one of its CHECKs is about; none if it is another's."""
    return connection.scalars(_COLUMNS_OF_CHECK, {"table": table, "name": name}).all()


_COLUMNS_OF_CHECK = text("""
    SELECT a.attname FROM pg_constraint con
    JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = ANY (con.conkey)
    WHERE con.conrelid = to_regclass(:table) AND con.conname = :name ORDER BY a.attnum
""")


def _keys(log: Log, part: str, columns: Sequence[str]) -> str:
    """Return the columns' keys in the map; if there are none, the part's name."""
    written = {"row": log.row, "delivered": log.delivered, "undelivered": log.undelivered}[part]
    return " and ".join(f"log.{part}.{one}" for one in columns if one in written) or f"log.{part}"


def _is_of_the_map(log: Log, said: str) -> bool:
    """Whether the database complains about a word that stands in the map, or about a channel's name."""
    value = re.search(r': "(.*)"$', said, re.DOTALL)
    expressions = [*log.row.values(), *log.delivered.values(), *log.undelivered.values()]
    return value is not None and (value[1] in {SMS, VOICE} or any(literal(value[1]) in sql for sql in expressions))
