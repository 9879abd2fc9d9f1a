"""The helpful indexes on the application's tables: the only thing of ours there, made only when asked for by name.

What they are on is said by the map in force. The one on tasks is partial, on what is open, so it stays small and serves
every question about tasks: reading it from end to end is cheap. Nothing else depends on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application import seam
from sequora_orchestration.application.catalog import about_the_statement, rows, sentence, verbatim
from sequora_orchestration.application.seam import Index
from sequora_orchestration.application.sql_text import literal
from sequora_orchestration.resources.database import SchemaMissingError

_PARTITIONED = "p"
_TABLE = "r"

# What is done to a partitioned table as a whole is done in a moment, but waits for whoever uses it, and everybody else
# behind it: better to give up soon.
_SOON = "SET LOCAL lock_timeout = '10s'; "


class IndexRefusedError(Exception):
    """The database does not make an index; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """How it stands with a helpful index."""

    index: Index
    is_there: bool = False
    """Whether it is there, whole, and made for the map in force."""

    why_not: str | None = None
    """Why there can be none, if there can be none."""


def index_states(connection: Connection) -> list[IndexState]:
    """Return how it stands with each index of the map in force. Raises SchemaMissingError."""
    made = seam.in_force(connection)
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
    return IndexState(index=index, is_there=_is_there(connection, index.name, index.table, index.definition))


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


def make_app_indexes(engine: Engine) -> list[IndexState]:
    """Make the helpful indexes that are missing, without blocking writers; return how it stood with each before.

    One that an interrupted run left invalid, or that was made for another map, is dropped and made anew. Raises
    IndexRefusedError, and SchemaMissingError.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        before = index_states(connection)
        for state in before:
            if not state.is_there and not state.why_not and state.index.definition:
                try:
                    _make(connection, state.index.name, state.index.table, state.index.definition)
                except DBAPIError as error:
                    said = sentence(about_the_statement(error))
                    if isinstance(error.orig, InsufficientPrivilege):
                        said += "; run `sequora migrate --app-indexes` as the owner"
                    raise IndexRefusedError(
                        f"index {state.index.name} on {state.index.table} cannot be made: {said}"
                    ) from None
        return before


def _make(connection: Connection, name: str, table: str, definition: str) -> None:
    (kind,) = rows(connection, "kind_of_table", table=table)
    _drop(connection, name, table)
    if kind["kind"] == _TABLE:
        connection.execute(verbatim(f"CREATE INDEX CONCURRENTLY {name} ON {table} {definition}"))
    else:
        _make_on_partitions(connection, name, table, definition)
    _comment(connection, name, table, definition)


def _make_on_partitions(connection: Connection, name: str, table: str, definition: str) -> None:
    """Make an index for each partition, which blocks nobody, and attach it: the whole becomes valid with the last."""
    connection.execute(verbatim(f"{_SOON}CREATE INDEX {name} ON ONLY {table} {definition}"))
    for number, partition in _partitions(connection, table):
        of_partition = f"{name}_{number}"  # by whatever other partitions come between: it may be there from before
        _make(connection, of_partition, partition, definition)
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


def _drop(connection: Connection, name: str, table: str) -> None:
    found = connection.execute(
        text("""
            SELECT c.oid::regclass::text AS name, c.relkind::text AS kind
            FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indrelid = to_regclass(:table) AND c.relname = :name
        """),
        {"name": name, "table": table},
    ).first()
    if found:  # one on a partitioned table cannot be dropped concurrently, and takes those of the partitions along
        drop = f"{_SOON}DROP INDEX" if found.kind == "I" else "DROP INDEX CONCURRENTLY"
        connection.execute(verbatim(f"{drop} {found.name}"))


def _comment(connection: Connection, name: str, table: str, definition: str) -> None:
    index = _in_schema_of(connection, table, name)
    connection.execute(verbatim(f"COMMENT ON INDEX {index} IS {literal(definition)}"))


def _in_schema_of(connection: Connection, table: str, name: str) -> str:
    schema = connection.scalar(
        text("SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass(:table)"), {"table": table}
    )
    return f"{schema}.{name}"
