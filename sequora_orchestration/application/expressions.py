"""One expression of a map: whether the database understands it, its type, and the forms it can be brought into.

Here: asking the database about expressions over a table's row, choosing among alternatives, and saying how to mend an
expression that does not serve. Nothing is changed.
Not here: a map as a whole (`fitting`), and the SQL that a view makes of an expression (`view_columns`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.errors import InsufficientPrivilege, UndefinedTable
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.application_map import plain
from sequora_orchestration.application.catalog import about_the_statement, rows, sentence, verbatim
from sequora_orchestration.application.contract import IN_WORDS, Column, Form
from sequora_orchestration.application.written_map import in_toml

# Expressions that cannot fail, whatever the row: a column, or a constant.
_COLUMN = r'{name}\.(?P<column>(?i:[a-z_]\w*)|"(?:[^"]|"")+")'
_CONSTANT = re.compile(r"(?i)null|true|false|-?\d+|'(?:[^']|'')*'")

_HINTS = {
    ("S", Form.TIME): "orchestration.time_of({expression})",
    ("N", Form.TIME): "to_timestamp({expression})",
    ("N", Form.FLAG): "{expression} <> 0",
    ("S", Form.FLAG): "lower({expression}) IN ('true', 'yes', 'y', 't', '1')",
    ("S", Form.COUNT): "nullif({expression}, '')::integer",
}

# A second hint, where the value may have either of two meanings.
_OTHER_HINTS = {("N", Form.TIME): ("to_timestamp({expression} / 1000.0)", "if it counts milliseconds")}

_CATEGORIES = {Form.TIME: "D", Form.FLAG: "B", Form.COUNT: "N"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A type of the database."""

    id: int
    category: str
    """`pg_type.typcategory`: S for texts, D for times, N for numbers, B for booleans, E for enums."""

    kind: str
    """`pg_type.typtype`: e for enums, p for pseudo-types (no column can have one)."""

    name: str
    words: Sequence[str]
    """An enum's labels."""

    @property
    def is_enum(self) -> bool:
        """Whether it is an enum."""
        return self.kind == "e"

    @property
    def of_any_length(self) -> str:
        """The type for a cast that cuts nothing off: `character` alone is char(1)."""
        return "bpchar" if self.name == "character" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """An expression that the database understands."""

    sql: str
    type: Type
    column: str | None
    """The column's name, quoted where need be, if the expression is a column and nothing else."""

    is_constant: bool

    @property
    def name(self) -> str | None:
        """The column's name as the catalog has it, if the expression is a column and nothing else."""
        if self.column is None or not self.column.startswith('"'):
            return self.column and "".join(one.lower() if one.isascii() else one for one in self.column)
        return self.column[1:-1].replace('""', '"')

    @property
    def is_null(self) -> bool:
        """Whether it is a bare NULL, which fits any type."""
        return self.sql.upper() == "NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstood:
    """An expression that the database does not understand."""

    said: str
    """The reason, in the database's words."""

    lacks_table: bool = False
    """Whether it reads a table that is not there."""

    lacks_column: bool = False
    """Whether it is a column of the section's own table, and nothing else, that is not there."""


def alternative_taken(column: Column, tried: Sequence[Expression | NotUnderstood]) -> int:
    """Return the number of the alternative that the view uses; if none serves, of the one to complain about.

    An alternative is passed over only if the database may simply be an older or a newer version: a table is missing,
    or a column of the section's own table. Any other error may be a mistake, or a right that this role lacks. A flag
    decides who is texted, and a renamed column must not turn into a yes: a flag's alternative is passed over for a
    missing table alone.
    """
    is_flag = column.form is Form.FLAG
    for number, one in enumerate(tried):
        if isinstance(one, Expression) or not (one.lacks_table or (one.lacks_column and not is_flag)):
            return number
    return 0


def ask_about_expressions(
    connection: Connection, name: str, table: str, sql: Sequence[str]
) -> list[Expression | NotUnderstood]:
    """Return the type of each expression over a table's row, or why the database does not understand it.

    One statement asks about all of them, for the database may be far away. If it fails, one is sent for each.
    """
    ids = _types(connection, name, table, sql)
    if len(sql) > 1 and (isinstance(ids, psycopg2.Error) or len(ids) != len(sql)):
        return [found for one in sql for found in ask_about_expressions(connection, name, table, [one])]
    if isinstance(ids, psycopg2.Error):
        return [_not_understood(name, sql[0], ids)]
    types = {row["id"]: Type(**row) for row in rows(connection, "types", ids=sorted(set(ids)))}
    return [_expression(name, one, types[id_]) for one, id_ in zip(sql, ids, strict=False)]


def _types(connection: Connection, name: str, table: str, sql: Sequence[str]) -> list[Any] | psycopg2.Error:
    """Return the types of expressions over a table's row, or the error if the database does not understand them."""
    try:
        with connection.begin_nested():
            values = ", ".join(f"({one})" for one in sql)
            result = connection.execute(verbatim(f"SELECT {values} FROM {table} AS {name} LIMIT 0"))
            return [column[1] for column in result.cursor.description]
    except DBAPIError as error:
        return about_the_statement(error)


def _not_understood(name: str, sql: str, error: psycopg2.Error) -> NotUnderstood:
    return NotUnderstood(
        said=sentence(error),
        # A mistyped alias has the same SQLSTATE as a table that is not there, but comes from elsewhere in Postgres.
        lacks_table=isinstance(error, UndefinedTable) and error.diag.source_function == "parserOpenTable",
        # Only a right is lacking on a column that exists. Postgres may take a missing column for a function's name.
        lacks_column=_column(name, sql) is not None and not isinstance(error, InsufficientPrivilege),
    )


def _column(name: str, sql: str) -> str | None:
    """Return the column's name, quoted where need be, if an expression is a column and nothing else."""
    column = re.fullmatch(_COLUMN.format(name=name), sql)
    return column["column"] if column else None


def _expression(name: str, sql: str, type_: Type) -> Expression | NotUnderstood:
    if type_.kind == "p":
        said = f"it is of the type {type_.name}, which no column can be of; write an expression that is one value"
        return NotUnderstood(said=said)
    return Expression(sql=sql, type=type_, column=_column(name, sql), is_constant=_CONSTANT.fullmatch(sql) is not None)


def why_unfit(column: Column, expression: Expression) -> str | None:
    """Return why an expression does not serve for a view's column, and what to write instead; None if it serves."""
    if column.form is Form.ID and column.default is None and expression.column is None:
        return "is to be a column: rows are found by it"
    if expression.is_null:
        return "is nothing, and the system cannot do without it" if column.default is None else None
    wanted = _CATEGORIES.get(column.form)
    if wanted is None or expression.type.category == wanted:
        return "is a time of the day, without a date" if expression.type.name.startswith("time ") else None
    said = f"is of the type {expression.type.name}, which is not {IN_WORDS[column.form]}; write "
    case = expression.type.category, column.form
    if case not in _HINTS:
        return said + "an expression that is"
    said += in_toml(_HINTS[case].format(expression=expression.sql))
    if case in _OTHER_HINTS:
        other, condition = _OTHER_HINTS[case]
        said += f", or {in_toml(other.format(expression=expression.sql))} {condition}"
    return said


def words_among(labels: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return those of an enum's labels that are among these words, however they are spelt."""
    meant = {plain(word) for word in words}
    return [label for label in labels if plain(label) in meant]
