"""The helpful indexes on the application's tables: the only thing of ours there, made only when asked for by name.

The map in force says which columns they are on. The index on tasks holds open tasks alone, so it stays small and serves
every question about tasks: reading it from end to end is cheap. Nothing else depends on these indexes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg2 import Error
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application import map_in_force
from sequora_orchestration.application.catalog import about_the_statement, rows, sentence, verbatim
from sequora_orchestration.application.map_in_force import Index
from sequora_orchestration.application.sql_text import literal, without_parameters
from sequora_orchestration.database import SchemaMissingError
from sequora_orchestration.migrations import index_builds
from sequora_orchestration.migrations.index_builds import StoppedError

_PARTITIONED = "p"
_TABLE = "r"

# A change to a partitioned table as a whole takes a moment, but waits for all who use it, and everybody else waits
# behind it: better to give up soon.
_SOON = "SET LOCAL lock_timeout = '10s'; "

# Any number that nobody else locks on, nor `sequora migrate`: it spells "seqindex" in ASCII.
_LOCK = int.from_bytes(b"seqindex", "big")

_IS_LIKE_THE_PROBE = """
    SELECT substring(pg_get_indexdef(to_regclass(:name)) FROM ' USING .*')
         = substring(pg_get_indexdef(to_regclass('pg_temp.sequora_probe_index')) FROM ' USING .*')
"""


class IndexRefusedError(Exception):
    """The database does not make an index; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """Whether a helpful index is there, or why it cannot be."""

    index: Index
    is_there: bool = False
    """Whether the index is there, whole, and made for the map in force."""

    why_not: str | None = None
    """The reason, if there can be no such index."""


def index_states(connection: Connection) -> list[IndexState]:
    """Return the state of each index of the map in force. Raises SchemaMissingError."""
    made = map_in_force.in_force(connection)
    if made is None:
        raise SchemaMissingError("the schema orchestration is missing or too old: run `sequora migrate`")
    return [_state(connection, index) for index in made.indexes]


def _state(connection: Connection, index: Index) -> IndexState:
    kinds = rows(connection, "kind_of_table", table=index.table)
    kind = kinds[0]["kind"] if kinds else None
    if index.definition is None:
        return IndexState(index=index, why_not=index.why_not)
    if kind not in {_TABLE, _PARTITIONED}:
        return IndexState(index=index, why_not=f"{index.table} is no table, but a view: index the tables under it")
    if elsewhere := _partitions_elsewhere(connection, index.table):
        return IndexState(index=index, why_not=f"parts of it are in another database: {', '.join(elsewhere)}")
    at_hand = (connection, index.name, index.table, index.definition)
    # The server finishes an index that a killed run has begun, but not its comment.
    return IndexState(index=index, is_there=_is_there(*at_hand) or _is_the_same(*at_hand))


def _is_there(connection: Connection, name: str, table: str, definition: str) -> bool:
    """Whether a table has a valid index of that name and definition; the definition stands in its comment."""
    return bool(
        connection.scalar(
            text("""
                SELECT i.indisvalid AND obj_description(c.oid, 'pg_class') IS NOT DISTINCT FROM :definition
                FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE i.indrelid = to_regclass(:table) AND c.relname = :name
            """),
            {"name": name, "table": table, "definition": definition},
        )
    )


def make_app_indexes(engine: Engine, tell: Callable[[str], None] = lambda _: None) -> list[IndexState]:
    """Make the helpful indexes that are missing, without blocking writers; return the state of each before.

    An index that an interrupted run left invalid is dropped and made anew; an index for another map serves until the
    new one is whole. After a while `tell` is given the sessions that this waits for. Raises IndexRefusedError, and
    SchemaMissingError.
    """
    with _alone(engine), _patient(engine) as connection:
        _nothing_is_left_at_work(connection)
        return [_made_if_missing(connection, state, tell) for state in _states_before(connection)]


def _nothing_is_left_at_work(connection: Connection) -> None:
    """Raise IndexRefusedError if the server still makes an index for a killed run: that index must not be dropped."""
    if pids := index_builds.at_work(connection):
        waits = index_builds.whom_it_waits_for(connection)
        raise IndexRefusedError(
            f"the server is still at an index that an interrupted run has begun (session {pids[0]}"
            + (f", which waits for the transaction of {waits}" if waits else "")
            + f"): run `sequora migrate --app-indexes` again when that has ended; SELECT pg_cancel_backend({pids[0]}) "
            "ends it"
        )


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Hold a lock against another run. Raises IndexRefusedError if one is under way.

    The lock has a transaction of its own, so it holds behind a pooler and never outlives this process. No run waits for
    it: CREATE INDEX CONCURRENTLY would wait for the waiting run's transaction, and Postgres would not notice.
    """
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        if not connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}):
            raise IndexRefusedError(
                "another `sequora migrate --app-indexes` is at work on this database: run it again when that has ended"
            )
        yield


@contextmanager
def _patient(engine: Engine) -> Iterator[Connection]:
    """Yield a connection without a time limit for statements: on a large table they take longer than many roles may."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        try:
            yield connection
        finally:
            if not connection.invalidated:
                connection.execute(text("RESET statement_timeout"))


def _states_before(connection: Connection) -> list[IndexState]:
    try:
        return index_states(connection)
    except DBAPIError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise IndexRefusedError(
                "which indexes are helpful cannot be read: run `sequora migrate --app-indexes` as a role that may read "
                f"the schema orchestration and owns the application's tables ({str(error.orig).strip()})"
            ) from None
        raise


def _made_if_missing(connection: Connection, state: IndexState, tell: Callable[[str], None]) -> IndexState:
    """Make an index if it is missing; return its state before."""
    index = state.index
    if state.why_not or not index.definition:
        return state

    def told(said: str) -> None:
        tell(f"index {index.name} on {index.table}: {said}")

    try:
        if not state.is_there:
            _make(connection, index.name, index.table, index.definition, told)
        elif _is_there(connection, index.name, index.table, index.definition):
            _drop(connection, _while_made(index.name), index.table, told)
        else:
            _comment(connection, index.name, index.table, index.definition)
    except StoppedError as error:
        raise IndexRefusedError(
            f"index {index.name} on {index.table} is not made: {error}; run `sequora migrate --app-indexes` again"
        ) from None
    except DBAPIError as error:
        raise IndexRefusedError(f"index {index.name} on {index.table} cannot be made: {_why_not(error)}") from None
    return state


def _why_not(error: DBAPIError) -> str:
    """Return why an index is not made, and what to do. Raises the error if it is not one of the database's."""
    if isinstance(error.orig, InsufficientPrivilege):
        return f"{sentence(about_the_statement(error))}; run `sequora migrate --app-indexes` as the owner"
    if not isinstance(error.orig, Error):
        raise error
    try:
        return sentence(about_the_statement(error))
    except DBAPIError:  # a lock, a broken connection, or another run at the same index
        first, *_ = str(error.orig).strip().splitlines() or ["the connection broke"]
        return f"{first}; run `sequora migrate --app-indexes` again"


def _while_made(name: str) -> str:
    """Return the name of a new index until it replaces the index that serves."""
    return f"{name}_new"


def _is_the_same(connection: Connection, name: str, table: str, definition: str) -> bool:
    """Whether a table has a valid index of that name with this meaning, perhaps written otherwise by another version.

    Postgres writes every definition in its own words. To have ours in those words, too, an index with our definition is
    made for a moment on an empty table like this one.
    """
    if not _serves(connection, name, table):
        return False
    probe = (
        f"CREATE TEMP TABLE sequora_probe (LIKE {table}) ON COMMIT DROP; "
        f"CREATE INDEX sequora_probe_index ON pg_temp.sequora_probe {definition};"
    )
    try:
        return bool(
            connection.scalar(
                text(without_parameters(probe) + _IS_LIKE_THE_PROBE), {"name": _in_schema_of(connection, table, name)}
            )
        )
    except DBAPIError as error:
        if isinstance(error.orig, InsufficientPrivilege):  # this role may make no temporary tables
            return False
        raise


def _serves(connection: Connection, name: str, table: str) -> bool:
    """Whether a table has a valid index of that name, for any map."""
    return bool(
        connection.scalar(
            text("""
                SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                WHERE i.indrelid = to_regclass(:table) AND c.relname = :name
            """),
            {"name": name, "table": table},
        )
    )


def _make(connection: Connection, name: str, table: str, definition: str, tell: Callable[[str], None]) -> None:
    """Make an index; an index of that name that serves is dropped only when the new one is whole.

    An interrupted run leaves at least one of the two serving, and the next run goes on from there.
    """
    new = _while_made(name)
    if not _is_there(connection, new, table, definition):
        _drop(connection, new, table, tell)
        if not _serves(connection, name, table):
            _build(connection, name, table, definition, tell)
            return
        _build(connection, new, table, definition, tell)
    _drop(connection, name, table, tell)
    _rename(connection, new, name, table)


def _build(connection: Connection, name: str, table: str, definition: str, tell: Callable[[str], None]) -> None:
    (kind,) = rows(connection, "kind_of_table", table=table)
    _drop(connection, name, table, tell)
    if kind["kind"] == _TABLE:
        index_builds.run(connection, f"CREATE INDEX CONCURRENTLY {name} ON {table} {definition}", tell)
    else:
        _make_on_partitions(connection, name, table, definition, tell)
    _comment(connection, name, table, definition)


def _make_on_partitions(
    connection: Connection, name: str, table: str, definition: str, tell: Callable[[str], None]
) -> None:
    """Make an index for each partition, which blocks nobody, and attach it: the whole becomes valid with the last."""
    connection.execute(verbatim(f"{_SOON}CREATE INDEX {name} ON ONLY {table} {definition}"))
    for number, partition in _partitions(connection, table):
        of_partition = f"{name}_{number}"  # the number stays the partition's own: the index may be there from before
        _build(connection, of_partition, partition, definition, tell)
        connection.execute(
            verbatim(
                f"{_SOON}ALTER INDEX {_in_schema_of(connection, table, name)} ATTACH PARTITION "
                f"{_in_schema_of(connection, partition, of_partition)}"
            )
        )


def _partitions(connection: Connection, table: str) -> Sequence[tuple[int, str]]:
    """Return a number and the name of each partition."""
    found = connection.execute(
        text("""
            SELECT inhrelid::bigint AS number, inhrelid::regclass::text AS name
            FROM pg_inherits WHERE inhparent = to_regclass(:table) ORDER BY 2
        """),
        {"table": table},
    )
    return [(row.number, row.name) for row in found]


def _partitions_elsewhere(connection: Connection, table: str) -> Sequence[str]:
    """Return the partitions that are foreign tables: none of them can have an index."""
    return connection.scalars(
        text("""
            SELECT part.relid::text
            FROM pg_partition_tree(to_regclass(:table)) AS part JOIN pg_class c ON c.oid = part.relid
            WHERE c.relkind = 'f' ORDER BY 1
        """),
        {"table": table},
    ).all()


def _drop(connection: Connection, name: str, table: str, tell: Callable[[str], None]) -> None:
    for found in _named(connection, name, table):
        # An index on a partitioned table cannot be dropped concurrently; the partitions' indexes go with it.
        drop = f"{_SOON}DROP INDEX" if found.kind == "I" else "DROP INDEX CONCURRENTLY"
        index_builds.run(connection, f"{drop} IF EXISTS {found.full_name}", tell)


def _rename(connection: Connection, name: str, to: str, table: str) -> None:
    """Rename an index and its partitions' indexes, all or none."""
    renamed = (
        f"ALTER INDEX {found.full_name} RENAME TO {to}{found.name.removeprefix(name)}"
        for found in _named(connection, name, table)
    )
    connection.execute(verbatim(_SOON + "; ".join(renamed)))


def _named(connection: Connection, name: str, table: str) -> Sequence[Row[tuple[str, str, str]]]:
    """Return the index of that name on a table, and after it the indexes that were made for the table's partitions."""
    return connection.execute(
        text(r"""
            SELECT c.oid::regclass::text AS full_name, c.relname AS name, c.relkind::text AS kind
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE (
                    i.indrelid = to_regclass(:table)
                    OR i.indrelid IN (SELECT relid FROM pg_partition_tree(to_regclass(:table)))
                )
                AND c.relname ~ ('^' || :name || '(_\d+)*$')
            ORDER BY length(c.relname)
        """),
        {"name": name, "table": table},
    ).all()


def _comment(connection: Connection, name: str, table: str, definition: str) -> None:
    index = _in_schema_of(connection, table, name)
    connection.execute(verbatim(f"COMMENT ON INDEX {index} IS {literal(definition)}"))


def _in_schema_of(connection: Connection, table: str, name: str) -> str:
    schema = connection.scalar(
        text("SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass(:table)"), {"table": table}
    )
    return f"{schema}.{name}"
