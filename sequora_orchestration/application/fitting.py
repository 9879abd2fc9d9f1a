"""Checking a map against a database: whether each of its tables, columns and expressions is there and serves.

Here: the whole map, section by section, and the reasons why it cannot be used, in sentences. Nothing is changed.
Not here: a single expression (`expressions`), and the views that are made from a map that fits (`seam`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg2
from psycopg2.errors import InvalidTextRepresentation
from sqlalchemy import Connection

from sequora_orchestration.application.application_map import ApplicationMap, Section
from sequora_orchestration.application.catalog import SQL, Denial, attempt, rows, sentence, types_of_columns, verbatim
from sequora_orchestration.application.contract import ASSIGNMENT, COMMANDS, MESSAGE, VIEWS, answer
from sequora_orchestration.application.expressions import (
    Expression,
    NotUnderstood,
    alternative_taken,
    ask_about_expressions,
    why_unfit,
)
from sequora_orchestration.application.sql_text import nothing, quoted
from sequora_orchestration.application.written_map import in_toml

# A key that TOML takes without quotes.
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedSection:
    """A view's table, and an expression for each of its columns."""

    table: str
    columns: Mapping[str, Expression]


@dataclass(slots=True, kw_only=True)
class Fit:
    """A map as it was checked against a database."""

    map: ApplicationMap
    sections: dict[str, FittedSection] = field(default_factory=dict)
    """By name; a section is missing if the application has no table for it."""

    log_types: Mapping[str, str] = field(default_factory=dict)
    """The types of the columns of the application's log, by name."""

    task_types: Mapping[str, str] = field(default_factory=dict)
    """The types of the columns of the tasks' table, by name."""

    problems: list[str] = field(default_factory=list)
    """Why the map cannot be used, in sentences; empty if it can."""

    @property
    def faults(self) -> Sequence[str]:
        """The problems that any role would meet: those that are not about a right."""
        return [one for one in self.problems if not isinstance(one, Denial)]


def fit(connection: Connection, application_map: ApplicationMap) -> Fit:
    """Check a map against the database."""
    found = Fit(map=application_map)
    for name, section in application_map.sections.items():
        if section.is_optional and attempt(connection, SQL["kind_of_table"], table=section.table) == []:
            continue
        fitted = fit_section(connection, found.problems, name, section)
        if fitted:
            found.sections[name] = fitted
    task = application_map.sections["task"]
    if _missing_table(connection, task.table) is None:
        found.task_types = types_of_columns(connection, task.table)
    _fit_log(connection, found)
    _fit_changes_of_tasks(connection, found)
    found.problems = list(
        dict.fromkeys(found.problems)
    )  # a missing right on a table is reported for each of its columns
    return found


def fit_section(connection: Connection, problems: list[str], name: str, section: Section) -> FittedSection | None:
    """Check a section against the database. If it does not fit, add sentences to `problems` and return None."""
    if problem := _missing_table(connection, section.table):
        problems.append(_with_its_place(f"{name}.table", problem))
        return None
    columns: dict[str, Expression] = {}
    expressions = [one for alternatives in section.columns.values() for one in alternatives]
    each = iter(ask_about_expressions(connection, name, section.table, expressions))
    for column, alternatives in section.columns.items():
        tried = [next(each) for _ in alternatives]
        number = alternative_taken(VIEWS[name].columns[column], tried)
        taken = tried[number]
        if isinstance(taken, NotUnderstood):
            problems.append(_with_its_place(f"{name}.{column} = {in_toml(alternatives[number])}", taken.said))
        elif problem := why_unfit(VIEWS[name].columns[column], taken):
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
    # Without a schema, a role with another search path would find another table.
    return None if found[0]["has_schema"] else f"say in which schema it is: {in_toml(found[0]['full_name'])}"


def _fit_log(connection: Connection, found: Fit) -> None:
    log = found.map.log
    if log is None:
        return
    if problem := _missing_table(connection, log.table):
        found.problems.append(_with_its_place("log.table", problem))
        return
    found.log_types = types_of_columns(connection, log.table)
    message = nothing("message", MESSAGE)
    for part, columns in (("row", log.row), ("delivered", log.delivered), ("undelivered", log.undelivered)):
        found.problems += _problems_of_values(connection, f"log.{part}", columns, found.log_types, message)


def _fit_changes_of_tasks(connection: Connection, found: Fit) -> None:
    """Check what the map writes into a task: [assignment], [accepting] and [resolving]."""
    changes = {"assignment": found.map.assignment, **found.map.answers}
    if not any(changes.values()) or not found.task_types:
        return
    table = found.map.sections["task"].table
    found.problems += _problems_of_values(
        connection, "assignment", found.map.assignment, found.task_types, nothing("assignment", ASSIGNMENT)
    )
    if task := found.sections.get("task"):
        answered = nothing("answer", answer(task.columns["assigned_to_user_id"].type.of_any_length))
        for part in COMMANDS.values():
            row = f"{answered} CROSS JOIN {table} AS task"
            found.problems += _problems_of_values(connection, part, found.map.answers[part], found.task_types, row)
    if not rows(connection, "takes_updates", table=table)[0]["it_does"]:
        parts = [part for part, columns in changes.items() if columns]
        found.problems.append(
            f"{', '.join(parts)}: {table} takes no UPDATE, as a view of several tables does not; "
            f"leave {', '.join(f'[{part}]' for part in parts)} out"
        )
    name = task.columns["assigned_to_user_id"].name if task else None
    if found.map.assignment and name and name not in found.map.assignment:
        # Otherwise a task would count as assigned, and no nurse would have it.
        found.problems.append(
            f"assignment lacks {name}, the column of task.assigned_to_user_id; write "
            f'{name if _BARE_KEY.fullmatch(name) else in_toml(name)} = "assignment.person_id"'
        )


def _problems_of_values(
    connection: Connection, where: str, columns: Mapping[str, str], types: Mapping[str, str], row: str
) -> Iterator[str]:
    """Yield a sentence for each column that is not there, and for each value that the database does not understand.

    One statement asks about all of them; see `ask_about_expressions`.
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
            yield _with_its_place(f"{where}.{column} = {in_toml(sql)}", sentence(error))
        # A word that an enum lacks keeps no text from being sent, so the trial of the log reports it.


def _with_its_place(where: str, problem: str) -> str:
    """Return a problem with its place in the map; a missing right has no place in the map, and is returned as it is."""
    return problem if isinstance(problem, Denial) else f"{where}: {problem}"
