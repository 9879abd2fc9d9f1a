"""Running the named statements of `catalog.sql`, and statements that are made from a map.

Here: running them, telling an error in the statement from any other error, and wording an error for a person.
Not here: the questions about a map's expressions (`expressions`), and about a map as a whole (`fitting`).
"""

from collections.abc import Sequence
from pathlib import Path

import psycopg2
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, RowMapping, TextClause, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.sql_text import without_parameters
from sequora_orchestration.database import NamedStatements

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Classes of errors (appendix A of Postgres' manual): syntax and names, values, constraints, errors that a function
# raises, limits that are exceeded.
_ABOUT_THE_STATEMENT = frozenset({"0A", "21", "22", "23", "2F", "38", "39", "3F", "42", "44", "54", "P0"})


class Denial(str):
    """The database's complaint that this role lacks a right; the map may fit all the same."""

    __slots__ = ()


def verbatim(sql: str) -> TextClause:
    """Return SQL as a clause in which no colon begins a parameter."""
    return text(without_parameters(sql))


def rows(connection: Connection, statement: str, **parameters: object) -> Sequence[RowMapping]:
    """Return the rows of a named statement of `catalog.sql`."""
    return connection.execute(SQL[statement], parameters).mappings().all()


def attempt(connection: Connection, sql: TextClause, **parameters: object) -> list[RowMapping] | psycopg2.Error:
    """Run a statement; return its rows or the error. After an error the transaction is as it was before."""
    try:
        with connection.begin_nested():
            result = connection.execute(sql, parameters)
            return list(result.mappings().all()) if result.returns_rows else []
    except DBAPIError as error:
        return about_the_statement(error)


def about_the_statement(error: DBAPIError) -> psycopg2.Error:
    """Return the database's error if the statement is at fault; raise it if a lock, a time-out or the server is."""
    if isinstance(error.orig, psycopg2.Error) and (error.orig.pgcode or "")[:2] in _ABOUT_THE_STATEMENT:
        return error.orig
    raise error


def types_of_columns(connection: Connection, table: str) -> dict[str, str]:
    """Return the type of each of a table's columns, by the column's name."""
    return {row["name"]: row["type_name"] for row in rows(connection, "columns_of_table", table=table)}


def sentence(error: psycopg2.Error) -> str:
    """Return the database's complaint about an expression of the map's. It quotes no value of a row."""
    parts = [error.diag.message_primary, error.diag.message_hint]
    said = "; ".join(one for one in parts if one) or str(error).strip()
    return Denial(said) if isinstance(error, InsufficientPrivilege) else said
