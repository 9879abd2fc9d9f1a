"""One pooled engine for each process and URL, and the named statements that run on it."""

import logging
import os
import re
import select
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.errors import (
    InvalidTextRepresentation,
    LockNotAvailable,
    NumericValueOutOfRange,
    QueryCanceled,
    UndefinedColumn,
    UndefinedFunction,
)
from sqlalchemy import Connection, Engine, RowMapping, TextClause, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import QueuePool

# Small plans of Supabase allow 15 clients; two workers and the code server together stay under that.
CONNECTIONS_PER_PROCESS = 4

# Options of a connection, in seconds and milliseconds: the kernel ends it when the other side is silent for 20 to 25 s.
KEEPALIVES: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


# The options of every pooled engine of ours.
POOLED: dict[str, Any] = {
    "isolation_level": "AUTOCOMMIT",
    "poolclass": QueuePool,
    "pool_use_lifo": True,
    "pool_recycle": 300,
    "hide_parameters": True,
}


def engine_for(url: str) -> Engine:
    """Return this process's engine for `url`; nothing is connected before the first use.

    Every statement commits by itself (AUTOCOMMIT): changes that belong together are one statement. It works through a
    transaction pooler: no prepared statements, no session state.
    """
    return _engine(url, os.getpid())


@cache
def _engine(url: str, _process: int) -> Engine:
    """Return a new engine; keyed by process, for a connection must not be shared over a fork."""
    engine = create_engine(
        url,
        pool_size=CONNECTIONS_PER_PROCESS,
        max_overflow=0,
        connect_args={"application_name": "sequora", "connect_timeout": 10, **KEEPALIVES},
        **POOLED,
    )
    replace_ended_connections(engine)
    return engine


def replace_ended_connections(engine: Engine) -> None:
    """Let a pooled connection that has ended while it rested be replaced before it is used.

    SQLAlchemy's `pool_pre_ping` asks the server each time: a second round trip for every statement, a quarter of a
    text's cost. Here the connection's own socket is looked at. It shows at once that a server has ended or restarted,
    and after KEEPALIVES that a server is silent; until then a statement fails, as any may at any time.
    """

    @event.listens_for(engine, "checkout")
    def _look(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
        try:
            if _has_news(connection):
                with closing(connection.cursor()) as cursor:
                    cursor.execute("SELECT 1")
        except psycopg2.Error:
            raise InvalidatePoolError from None  # all others are as old: SQLAlchemy connects anew


def _has_news(connection: DBAPIConnection) -> bool:
    """Whether the server has sent something unasked: its end, or for instance that it has read its settings again."""
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return bool(socket.poll(0))


# The classes of errors whose message is about the server or the statement (appendix A of Postgres' manual). Messages of
# other classes may quote a row, or a trigger of the application's.
_CLASSES_WITHOUT_VALUES = frozenset({"08", "25", "28", "3D", "40", "42", "53", "54", "55", "57", "58"})

_SCHEMA_MISSING = r'(orchestration\.|schema "orchestration"|of relation "notification").* does not exist'

# At its level DEBUG SQLAlchemy would log every row that is read, with names and numbers.
logging.getLogger("sqlalchemy.engine.Engine").addFilter(lambda record: record.levelno > logging.DEBUG)


class SchemaMissingError(Exception):
    """The schema `orchestration` is not there, or older than this code."""


class ViewsDroppedError(SchemaMissingError):
    """The views of the application's tables were dropped by command, for a migration of the application's own.

    That migration may go on: nobody should bring the views back only because they are missing.
    """

    to_do = "run `sequora migrate` when the application's migration is done"

    def __init__(self, at: datetime) -> None:
        """`at` is the time when they were dropped."""
        self.said = (
            "the views of the application's tables were dropped by `sequora migrate --drop-views` at "
            f"{at:%Y-%m-%d %H:%M:%S %Z}, and nobody is texted meanwhile"
        )
        super().__init__(f"{self.said}; {self.to_do}")


def _schema_missing(engine: Engine) -> SchemaMissingError:
    with engine.connect() as connection:
        if dropped_at := views_dropped_at(connection):
            return ViewsDroppedError(dropped_at)
    return SchemaMissingError(
        "the schema orchestration on SUPABASE_DB_URL is missing or too old: run `sequora migrate`"
    )


def _is_too_old(engine: Engine) -> bool:
    """Whether the schema lacks a migration that this code comes with."""
    newest = max(path.name[:4] for path in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))
    with engine.connect() as connection:
        applied: str | None = connection.scalar(text("SELECT version_num FROM orchestration.migration"))
    return applied is None or applied < newest


def views_dropped_at(connection: Connection) -> datetime | None:
    """Return when the views were dropped by command; None if they were not, or have been brought back since."""
    is_known = "SELECT to_regclass('orchestration.operator_action') IS NOT NULL AND NOT EXISTS (" + _VIEWS + ")"
    if not connection.scalar(text(is_known)):
        return None
    found: datetime | None = connection.scalar(text(_DROPPED_AT))
    return found


_VIEWS = """
    SELECT FROM pg_class
    WHERE relnamespace = to_regnamespace('orchestration') AND relkind = 'v' AND starts_with(relname, 'care_')
"""

_DROPPED_AT = """
    SELECT CASE WHEN verb = 'drop-views' THEN at END FROM orchestration.operator_action
    WHERE notification_id IS NULL AND verb IN ('drop-views', 'make-views') ORDER BY id DESC LIMIT 1
"""


WHATEVER_THE_DEFAULTS = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL jit = off; "
"""The settings before each statement: the server, the database, the role and the pooler may have other defaults.

At another isolation level, two of our statements that meet would fail instead of waiting for each other. Compiling a
statement (JIT) would take seconds, and it runs for milliseconds: the planner cannot know how few rows it finds.
The settings are sent in one message with the statement: that costs no round trip, and both are one transaction, so the
settings hold behind a pooler as well, and end with the statement.
"""


@cache
def _whatever_the_defaults(sql: TextClause, lock_timeout: float | None) -> TextClause:
    patience = "" if lock_timeout is None else f"SET LOCAL lock_timeout = {lock_timeout * 1000:.0f}; "
    return text(WHATEVER_THE_DEFAULTS + patience + sql.text)


def execute(
    engine: Engine,
    sql: TextClause,
    parameters: Mapping[str, object],
    *,
    lock_timeout: float | None = None,
    is_undone: bool = False,
) -> tuple[int, Sequence[RowMapping]]:
    """Run a statement; return how many rows it touched, and the rows that it returned.

    If it `is_undone`, its changes are rolled back at once.

    Raises SchemaMissingError, and the database's errors: LockNotAvailable if it waits longer than `lock_timeout`
    seconds for a lock.
    """
    try:
        with engine.connect() as connection:
            if is_undone:  # a transaction that nobody commits: it ends with the block
                connection.execution_options(isolation_level="READ COMMITTED")
            result = connection.execute(_whatever_the_defaults(sql, lock_timeout), parameters)
            return result.rowcount, result.mappings().all() if result.returns_rows else []
    except DBAPIError as error:
        if isinstance(error.orig, psycopg2.Error) and error.orig.pgcode:
            is_missing = re.search(_SCHEMA_MISSING, error.orig.diag.message_primary or "")
            if is_missing or (isinstance(error.orig, (UndefinedColumn, UndefinedFunction)) and _is_too_old(engine)):
                raise _schema_missing(engine) from None
            # SQLAlchemy's error and the driver's each keep a message, and a traceback shows both.
            sentence = without_values(error.orig)
            error.orig.args = (sentence,)
            error.args = (f"({type(error.orig).__name__}) {sentence}",)
        raise


def rows_by_id(
    engine: Engine, sql: TextClause, ids: Iterable[str], parameters: Mapping[str, object] | None = None
) -> Sequence[RowMapping]:
    """Return the rows that a statement finds by :ids of the application's; its column may have any type.

    An id that the type does not take finds nothing, and does not stop the others. Raises as `execute` does.
    """
    typed = [one for one in ids if is_text(one)]
    try:
        return execute(engine, sql, {**(parameters or {}), "ids": id_array(typed)})[1]
    except DataError as error:
        if not isinstance(error.orig, (InvalidTextRepresentation, NumericValueOutOfRange)):
            raise
        half = len(typed) // 2
        parts = [typed[:half], typed[half:]] if half else []
        return [row for part in parts for row in rows_by_id(engine, sql, part, parameters)]


def without_values(error: psycopg2.Error) -> str:
    """Return the database's message, as far as no value of a row (a name, a number) can be in it."""
    code = error.pgcode or ""
    is_raised = error.diag.source_function == "exec_stmt_raise"  # a trigger's own words, under any code
    if code[:2] in _CLASSES_WITHOUT_VALUES and not is_raised:
        return f"{error.diag.message_primary} (SQLSTATE {code})"
    where = (error.diag.table_name, error.diag.constraint_name)
    return " ".join(["SQLSTATE", code, *(name for name in where if name)])


def is_locked(error: DBAPIError) -> bool:
    """Whether a statement failed because it waited too long for a lock."""
    return isinstance(error.orig, LockNotAvailable)


def refuses_a_row(error: DBAPIError) -> bool:
    """Whether a database in good order refuses a row, or its table is locked; false if the database is in trouble.

    A server that ends during a statement may leave an error without a code, of a class that says nothing.
    """
    if isinstance(error.orig, (QueryCanceled, LockNotAvailable)):
        return True
    return not isinstance(error, OperationalError) and getattr(error.orig, "pgcode", None) is not None


class NamedStatements:
    """The statements of one `.sql` file, each under a line `-- name: <name>`.

    They can be run with psql as they stand: there `:name` is a variable, too. SQL that several have in common is a view
    or a function of the database.
    """

    def __init__(self, path: Path) -> None:
        """Remember the file; it is read at the first look-up."""
        self.path = path

    @cached_property
    def all(self) -> dict[str, TextClause]:
        """Every statement by its name."""
        _, *split = re.split(r"^-- name: (\w+)$", self.path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        return {name: text(_escaped(sql)) for name, sql in zip(split[::2], split[1::2], strict=True)}

    def __getitem__(self, name: str) -> TextClause:
        """Return the statement of that name."""
        return self.all[name]


def _escaped(sql: str) -> str:
    """Return a statement in which a colon within a literal or a comment begins no parameter."""
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", lambda piece: re.sub(r"(?<![:\\]):(?=\w)", r"\:", piece[0]), sql)


def as_text(typed: str) -> str:
    """Return typed text as Postgres takes it: a NUL, and signs that UTF-8 does not have, become question marks."""
    return typed.replace("\0", "?").encode(errors="replace").decode()


def is_text(typed: str) -> bool:
    """Whether Postgres takes typed text as it is."""
    return as_text(typed) == typed


def id_array(ids: Iterable[str]) -> str:
    """Return ids as an array literal without a type.

    When it is compared with a column, Postgres gives it the column's type: so an index serves, whether the
    application's ids are `uuid` or `text`.
    """
    quoted = ('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in ids)
    return "{" + ",".join(quoted) + "}"
