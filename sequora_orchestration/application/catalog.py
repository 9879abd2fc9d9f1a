"""What a database says of a map: whether it understands each expression, and of what type it is. It changes nothing."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.errors import InsufficientPrivilege, InvalidTextRepresentation, UndefinedTable
from sqlalchemy import Connection, RowMapping, TextClause, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.application_map import ApplicationMap, Section, plain
from sequora_orchestration.application.contract import ASSIGNMENT, IN_WORDS, MESSAGE, VIEWS, Column, Form
from sequora_orchestration.application.sql_text import quoted, without_parameters
from sequora_orchestration.database import NamedStatements

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# What cannot fail, for whatever row: a column, or a constant.
_COLUMN = r'{name}\.(?P<column>(?i:[a-z_]\w*)|"(?:[^"]|"")+")'
_CONSTANT = re.compile(r"(?i)null|true|false|-?\d+|'(?:[^']|'')*'")

# What TOML takes for a key without quotes.
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# Classes of errors (appendix A of Postgres' manual): of syntax and names, of values, of constraints, of what a function
# raises, of what is too much.
_ABOUT_THE_STATEMENT = frozenset({"0A", "21", "22", "23", "2F", "38", "39", "3F", "42", "44", "54", "P0"})

_HINTS = {
    ("S", Form.TIME): "orchestration.time_of({expression})",
    ("N", Form.TIME): "to_timestamp({expression})",
    ("N", Form.FLAG): "{expression} <> 0",
    ("S", Form.FLAG): "lower({expression}) IN ('true', 'yes', 'y', 't', '1')",
    ("S", Form.COUNT): "nullif({expression}, '')::integer",
}

# What else may be meant.
_OTHER_HINTS = {("N", Form.TIME): ("to_timestamp({expression} / 1000.0)", "if it counts milliseconds")}

_CATEGORIES = {Form.TIME: "D", Form.FLAG: "B", Form.COUNT: "N"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A type of the database's."""

    id: int
    category: str
    """As `pg_type.typcategory`: S for texts, D for times, N for numbers, B for booleans, E for enums."""

    kind: str
    """As `pg_type.typtype`: e for enums, p for what no column can be of."""

    name: str
    words: Sequence[str]
    """Of an enum."""

    @property
    def is_enum(self) -> bool:
        """Whether it is an enum."""
        return self.kind == "e"

    @property
    def of_any_length(self) -> str:
        """What a value is cast to, to stay as it is: `character` alone is char(1)."""
        return "bpchar" if self.name == "character" else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """An expression that the database understands."""

    sql: str
    type: Type
    column: str | None
    """The name, quoted where need be, if it is a column and nothing else."""

    is_constant: bool

    @property
    def is_null(self) -> bool:
        """Whether it is nothing at all, of any type."""
        return self.sql.upper() == "NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUnderstood:
    """An expression that the database does not understand."""

    said: str
    """Why, in its words."""

    lacks_table: bool = False
    """Whether it reads a table that is not there."""

    lacks_column: bool = False
    """Whether it is a column of the section's own table, and nothing else, that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSection:
    """A view's table, and an expression for each of its columns."""

    table: str
    columns: Mapping[str, Expression]


class Denial(str):
    """What the database says where this role lacks a right; the map may fit all the same."""

    __slots__ = ()


@dataclass(slots=True, kw_only=True)
class Fit:
    """A map as a database understands it."""

    map: ApplicationMap
    sections: dict[str, FittedSection] = field(default_factory=dict)
    """One that the application has no table for is missing."""

    log_types: Mapping[str, str] = field(default_factory=dict)
    """The types of the log's columns."""

    task_types: Mapping[str, str] = field(default_factory=dict)
    """The types of the task's columns."""

    problems: list[str] = field(default_factory=list)
    """Why the map cannot be used, in sentences; empty if it can."""

    @property
    def faults(self) -> Sequence[str]:
        """Those of the problems that another role would have, too."""
        return [one for one in self.problems if not isinstance(one, Denial)]


def verbatim(sql: str) -> TextClause:
    """Return SQL in which no colon begins a parameter."""
    return text(without_parameters(sql))


def rows(connection: Connection, statement: str, **parameters: object) -> Sequence[RowMapping]:
    """Return the rows of a statement of this module."""
    return connection.execute(SQL[statement], parameters).mappings().all()


def facts(connection: Connection, application_map: ApplicationMap) -> str:
    """Return what the catalog says of the map's tables: the same as long as nothing about them has changed."""
    tables = [section.table for section in application_map.sections.values()]
    if application_map.log:
        tables.append(application_map.log.table)
    found = attempt(connection, SQL["ids_of_tables"], tables=sorted(set(tables)))
    if isinstance(found, psycopg2.Error):
        return ""
    with connection.begin_nested() as with_full_names:
        # Else the catalog leaves out the schemas that this role, and not the next one, need not name.
        connection.execute(text("SET LOCAL search_path TO pg_catalog"))
        (row,) = rows(connection, "facts", ids=[one["id"] for one in found])
        with_full_names.rollback()
    return "\n".join([str(row["facts"]), *_alternatives_taken(connection, application_map)])


def _alternatives_taken(connection: Connection, application_map: ApplicationMap) -> Iterator[str]:
    """Yield which alternative is taken: the database may have got the table that another one reads."""
    for name, section in application_map.sections.items():
        for column, alternatives in section.columns.items():
            if len(alternatives) > 1:
                tried = _expressions(connection, name, section.table, alternatives)
                number = _taken(VIEWS[name].columns[column], tried)
                taken = tried[number]
                is_understood = isinstance(taken, Expression) or isinstance(taken.said, Denial)
                yield f"{name}.{column} {number if is_understood else None}"


def _taken(column: Column, tried: Sequence[Expression | NotUnderstood]) -> int:
    """Return the number of the alternative that is taken, or that is to be complained about.

    One is passed over only for what tells an older database from a newer: a table that is not there, or a column of the
    section's own table. Any other error may be a mistake, or a right that is lacking. A flag says who is texted, so a
    column that was renamed is not to become a yes: it is passed over for a missing table alone.
    """
    is_flag = column.form is Form.FLAG
    for number, one in enumerate(tried):
        if isinstance(one, Expression) or not (one.lacks_table or (one.lacks_column and not is_flag)):
            return number
    return 0


def attempt(connection: Connection, sql: TextClause, **parameters: object) -> list[RowMapping] | psycopg2.Error:
    """Run a statement; return its rows, or the error, after which the transaction goes on as if nothing had been."""
    try:
        with connection.begin_nested():
            result = connection.execute(sql, parameters)
            return list(result.mappings().all()) if result.returns_rows else []
    except DBAPIError as error:
        return about_the_statement(error)


def about_the_statement(error: DBAPIError) -> psycopg2.Error:
    """Return the database's error; raise it where it is about a lock, a time-out or the server."""
    if isinstance(error.orig, psycopg2.Error) and (error.orig.pgcode or "")[:2] in _ABOUT_THE_STATEMENT:
        return error.orig
    raise error


def fit(connection: Connection, application_map: ApplicationMap) -> Fit:
    """Hold a map against the database."""
    found = Fit(map=application_map)
    for name, section in application_map.sections.items():
        if section.is_optional and attempt(connection, SQL["kind_of_table"], table=section.table) == []:
            continue
        fitted = fit_section(connection, found.problems, name, section)
        if fitted:
            found.sections[name] = fitted
    task = application_map.sections["task"]
    if _missing_table(connection, task.table) is None:
        found.task_types = _columns(connection, task.table)
    _log(connection, found)
    _assignment(connection, found)
    found.problems = list(dict.fromkeys(found.problems))  # a right on a table is lacking for each of its columns
    return found


def _columns(connection: Connection, table: str) -> dict[str, str]:
    return {row["name"]: row["type_name"] for row in rows(connection, "columns_of_table", table=table)}


def fit_section(connection: Connection, problems: list[str], name: str, section: Section) -> FittedSection | None:
    """Hold a section against the database; what is wrong with it is added to the problems, and None returned."""
    if problem := _missing_table(connection, section.table):
        problems.append(_placed(f"{name}.table", problem))
        return None
    columns: dict[str, Expression] = {}
    expressions = [one for alternatives in section.columns.values() for one in alternatives]
    each = iter(_expressions(connection, name, section.table, expressions))
    for column, alternatives in section.columns.items():
        tried = [next(each) for _ in alternatives]
        number = _taken(VIEWS[name].columns[column], tried)
        taken = tried[number]
        if isinstance(taken, NotUnderstood):
            problems.append(_placed(f"{name}.{column} = {in_toml(alternatives[number])}", taken.said))
        elif problem := _unfit(VIEWS[name].columns[column], taken):
            problems.append(f"{name}.{column} = {in_toml(taken.sql)} {problem}")
        else:
            columns[column] = taken
    return FittedSection(table=section.table, columns=columns) if len(columns) == len(section.columns) else None


def _missing_table(connection: Connection, table: str) -> str | None:
    found = attempt(connection, SQL["kind_of_table"], table=table)
    if isinstance(found, psycopg2.Error):
        return sentence(found)
    if not found:
        with_capitals = ".".join(one if one == one.lower() else quoted(one) for one in table.split("."))
        if with_capitals != table and '"' not in table and _missing_table(connection, with_capitals) is None:
            return f"there is no table {table}; a name with capital letters is quoted: '{with_capitals}'"
        return f"there is no table {table}; is SUPABASE_DB_URL the application's database?"
    if found[0]["kind"] not in {"r", "p", "v", "m", "f"}:
        return f"{table} is no table"
    # Who asks for it without gets another one where the search path is another.
    return None if found[0]["has_schema"] else f"say in which schema it is: {in_toml(found[0]['full_name'])}"


def _expressions(connection: Connection, name: str, table: str, sql: Sequence[str]) -> list[Expression | NotUnderstood]:
    """Return of each expression over a table's row what it is, or why the database does not understand it.

    All are asked about at once, for the database may be far away; each by itself only if it does not understand one.
    """
    ids = _types(connection, name, table, sql)
    if len(sql) > 1 and (isinstance(ids, psycopg2.Error) or len(ids) != len(sql)):
        return [found for one in sql for found in _expressions(connection, name, table, [one])]
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
        # One that is there can lack no more than a right; one that is not may be taken for a function of its name.
        lacks_column=_column(name, sql) is not None and not isinstance(error, InsufficientPrivilege),
    )


def _column(name: str, sql: str) -> str | None:
    """Return the name of the column that an expression is, quoted where need be, if it is one and nothing else."""
    column = re.fullmatch(_COLUMN.format(name=name), sql)
    return column["column"] if column else None


def _expression(name: str, sql: str, type_: Type) -> Expression | NotUnderstood:
    if type_.kind == "p":
        said = f"it is of the type {type_.name}, which no column can be of; write an expression that is one value"
        return NotUnderstood(said=said)
    return Expression(sql=sql, type=type_, column=_column(name, sql), is_constant=_CONSTANT.fullmatch(sql) is not None)


def _unfit(column: Column, expression: Expression) -> str | None:
    """Return why a view's column cannot be made of an expression, and what to write."""
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


def _log(connection: Connection, found: Fit) -> None:
    log = found.map.log
    if log is None:
        return
    if problem := _missing_table(connection, log.table):
        found.problems.append(_placed("log.table", problem))
        return
    found.log_types = _columns(connection, log.table)
    message = nothing("message", MESSAGE)
    for part, columns in (("row", log.row), ("delivered", log.delivered), ("undelivered", log.undelivered)):
        found.problems += _assigned(connection, f"log.{part}", columns, found.log_types, message)


def _assignment(connection: Connection, found: Fit) -> None:
    if not found.map.assignment or not found.task_types:
        return
    assignment = nothing("assignment", ASSIGNMENT)
    found.problems += _assigned(connection, "assignment", found.map.assignment, found.task_types, assignment)
    table = found.map.sections["task"].table
    if not rows(connection, "takes_updates", table=table)[0]["it_does"]:
        found.problems.append(
            f"assignment: {table} takes no UPDATE, as a view of several tables does not; leave [assignment] out"
        )
    elif (task := found.sections.get("task")) and (assignee := task.columns["assigned_to_user_id"].column):
        # Else a task would count as given that nobody has got.
        name = _bare(assignee)
        if name not in found.map.assignment:
            found.problems.append(
                f"assignment lacks {name}, the column of task.assigned_to_user_id; write "
                f'{name if _BARE_KEY.fullmatch(name) else in_toml(name)} = "assignment.person_id"'
            )


def _bare(column: str) -> str:
    """Return a column's name as the catalog has it."""
    if column.startswith('"'):
        return column[1:-1].replace('""', '"')
    return "".join(one.lower() if one.isascii() else one for one in column)


def nothing(name: str, types: Mapping[str, str]) -> str:
    """Return a row of NULLs, as it stands after FROM."""
    columns = ", ".join(f"CAST(NULL AS {type_name}) AS {column}" for column, type_name in types.items())
    return f"(SELECT {columns}) AS {name}"


def _assigned(
    connection: Connection, where: str, columns: Mapping[str, str], types: Mapping[str, str], row: str
) -> Iterator[str]:
    """Yield which columns are not there, and what is written into others that the database does not understand.

    All are asked about at once, as a table's expressions are.
    """
    if columns and columns.keys() <= types.keys():
        values = ", ".join(f"CAST(({sql}) AS {types[column]})" for column, sql in columns.items())
        if attempt(connection, verbatim(f"SELECT {values} FROM {row} LIMIT 0")) == []:
            return
    for column, sql in columns.items():
        if column not in types:
            yield f"{where}.{column}: there is no such column; there are {', '.join(types)}"
            continue
        error = attempt(connection, verbatim(f"SELECT CAST(({sql}) AS {types[column]}) FROM {row} LIMIT 0"))
        if isinstance(error, psycopg2.Error) and not isinstance(error, InvalidTextRepresentation):
            yield _placed(f"{where}.{column} = {in_toml(sql)}", sentence(error))
        # A word that an enum lacks keeps no text from being sent: it is found by a trial.


def sentence(error: psycopg2.Error) -> str:
    """Return what the database says of an expression of the map's: there is no row's value in it."""
    parts = [error.diag.message_primary, error.diag.message_hint]
    said = "; ".join(one for one in parts if one) or str(error).strip()
    return Denial(said) if isinstance(error, InsufficientPrivilege) else said


def _placed(where: str, problem: str) -> str:
    """Return a problem with its place in the map, which a right that is lacking has not."""
    return problem if isinstance(problem, Denial) else f"{where}: {problem}"


def in_toml(expression: str) -> str:
    """Return an expression as it stands in a map."""
    return json.dumps(expression, ensure_ascii=False)


def words_among(labels: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return those of an enum's labels that are one of these words, however it is spelt."""
    meant = {plain(word) for word in words}
    return [label for label in labels if plain(label) in meant]
