"""A trial of what a map writes into a task that its nurse accepts or resolves, before a nurse does so.

It is made on an empty copy of the tasks' table, with its types, defaults, NOT NULLs and CHECKs, in a transaction that
is rolled back; the application's own table is not touched. Its triggers, foreign keys and policies take no part.
Not here: the functions that write (`written_answers`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2.errors import CheckViolation, InsufficientPrivilege, InvalidTextRepresentation, NotNullViolation
from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.application_map import spellings
from sequora_orchestration.application.catalog import attempt, rows, verbatim
from sequora_orchestration.application.contract import COMMANDS
from sequora_orchestration.application.expressions import words_among
from sequora_orchestration.application.fitting import Fit
from sequora_orchestration.application.sql_text import literal, quoted, values_written
from sequora_orchestration.application.trial import ABOUT_NAMES, columns_of_check, is_looked_up, nobodys_id
from sequora_orchestration.application.view_columns import is_closed, is_taken
from sequora_orchestration.application.written_answers import row_of_answer, update_of_answer

_COPY = "pg_temp.sequora_task_trial"

_TIMES = "D"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The outcome of a trial."""

    problems: Sequence[str] = ()
    """Why the application's table would refuse an answer, or the answer would not do; sentences."""

    untried: Sequence[str] = ()
    """The commands that could not be tried, and why; sentences."""

    left_out: Sequence[str] = ()
    """The names of CHECKs that took no part, for they are about columns of which a trial knows nothing."""


def try_answers(connection: Connection, fitted: Fit) -> Tried:
    """Try each command that the map writes, on tasks of every status from which it can be given.

    The transaction under way is rolled back. It must be one that may write, and what it writes is a temporary table.
    """
    trial = _Trial(connection, fitted)
    try:
        trial.make_copy()
        for command in COMMANDS:
            if fitted.map.answers[COMMANDS[command]]:
                trial.try_command(command)
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return Tried(untried=["this role may make no temporary table like that of the tasks"])
    finally:
        connection.rollback()
    return Tried(problems=_joined(trial.problems), untried=_joined(trial.untried), left_out=sorted(trial.left_out))


def _joined(found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return sentences, each with the statuses of the tasks of which it is true."""
    return [f"{said} (a task that is {' or '.join(words)})" if words else said for said, words in found.items()]


class _Trial:
    """One trial, and what it has found so far."""

    def __init__(self, connection: Connection, fitted: Fit) -> None:
        self.connection, self.fitted = connection, fitted
        self.task = fitted.sections["task"]
        self.columns = {row["name"]: row for row in rows(connection, "columns_of_table", table=self.task.table)}
        self._id = self._nobodys_id("id", "task")
        self._person = self._nobodys_id("assigned_to_user_id", "person")
        self.problems: dict[str, list[str]] = {}
        self.untried: dict[str, list[str]] = {}
        self.left_out: set[str] = set()

    def make_copy(self) -> None:
        """Make the empty copy. A column of it may lack a value, for a row of the trial has few."""
        connection = self.connection
        connection.execute(text("SET LOCAL timezone TO 'UTC'"))  # as the functions have it
        like = f"LIKE {self.task.table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED"
        connection.execute(verbatim(f"CREATE TEMP TABLE {_COPY.partition('.')[2]} ({like}) ON COMMIT DROP"))
        changes = [f"ALTER {quoted(name)} DROP NOT NULL" for name in self.columns]
        # A sequence of the application's is left alone.
        changes += [f"ALTER {quoted(name)} DROP DEFAULT" for name, row in self.columns.items() if row["is_counted"]]
        connection.execute(verbatim(f"ALTER TABLE {_COPY} {', '.join(changes)}"))

    def try_command(self, command: str) -> None:
        """Try a command on tasks of each status."""
        statuses = self.fitted.map.statuses
        starts = [(word, False) for word in statuses.get("open", [])]
        if command == "RESOLVE":
            starts += [(word, True) for word in statuses.get("taken", [])]
        if self.task.columns["status"].name is None:
            starts = []
        were_possible = [self._is_tried_from(command, word, is_picked_up=is_picked_up) for word, is_picked_up in starts]
        if any(were_possible) or self._is_tried_from(command, _BY_DEFAULT, is_picked_up=False):
            return
        self._note(self.untried, f"{COMMANDS[command]}: no task can have a status that is open by the map", "")

    def _is_tried_from(self, command: str, word: str, *, is_picked_up: bool) -> bool:
        """Try a command on a task of that status; return False if no task can have it. The copy is empty afterwards."""
        with self.connection.begin_nested() as one:
            is_possible = self._try_from(command, word, is_picked_up=is_picked_up)
            one.rollback()
        return is_possible

    def _try_from(self, command: str, word: str, *, is_picked_up: bool) -> bool:
        part = COMMANDS[command]
        refused = self._insert(word, is_picked_up=is_picked_up)
        if refused is _NO_SUCH_STATUS:
            return False
        if refused:
            self._note(self.untried, f"{part}: {refused}", word)
            return True
        update = update_of_answer(self.fitted, command, of_task=self._id, of_person=self._person, table=_COPY)
        found = self._attempt(f"{update} RETURNING {', '.join(self._afterwards(part))}")
        if isinstance(found, psycopg2.Error):
            self._note(self.problems, self._why(part, found), word)
        elif not found:
            self._note(self.untried, f"{part}: the map takes the task of the trial for closed or taken", word)
        else:
            for said in self._shortcomings(part, found[0]):
                self._note(self.problems, said, word)
        return True

    # --- a task of the trial ------------------------------------------------------------------------------------------

    def _insert(self, word: str, *, is_picked_up: bool) -> str | None:
        """Insert a task; return why that is not possible."""
        values = {"id": self._id, "assigned_to_user_id": self._person}
        values["created_at"] = "orchestration.clock() - interval '1 hour'"
        if is_picked_up:
            values["picked_up_at"] = "orchestration.clock() - interval '30 minutes'"
        row = {name: sql for one, sql in values.items() if (name := self._settable(one))}
        refused: str | None = _NO_SUCH_STATUS
        for spelt in self._spelt(word):
            refused = self._insert_row({**row, **spelt})
            if refused is not _NO_SUCH_STATUS:
                return refused
        return refused

    def _settable(self, column: str) -> str | None:
        """Return the name of the application's column for one of ours, if a value can be put there as it is."""
        expression = self.task.columns[column]
        is_as_it_is = not column.endswith("_at") or expression.type.category == _TIMES
        return expression.name if is_as_it_is else None

    def _spelt(self, word: str) -> Iterator[Mapping[str, str]]:
        """Yield the column of the status with each spelling of a word that it may hold."""
        status = self.task.columns["status"]
        name = status.name
        if not name:
            yield {}
        elif word is _BY_DEFAULT:
            yield from ({}, {name: "NULL"})
        else:
            spelt = words_among(status.type.words, [word]) if status.type.is_enum else spellings(word)
            yield from ({name: literal(one)} for one in spelt)

    def _insert_row(self, row: Mapping[str, str]) -> str | None:
        names = ", ".join(map(quoted, row))
        written = values_written(row, self.fitted.task_types)
        insert = f"INSERT INTO {_COPY} ({names}) SELECT {', '.join(written.values())}"
        status = self.task.columns["status"].name or ""
        while isinstance(found := self._attempt(insert), psycopg2.Error):
            name = found.diag.constraint_name or ""
            checked = columns_of_check(self.connection, _COPY, name) if isinstance(found, CheckViolation) else []
            is_of_its_type = found.diag.datatype_name == _bare_type(self.fitted.task_types.get(status, ""))
            is_no_word = isinstance(found, InvalidTextRepresentation) and status in row
            if is_no_word or is_of_its_type or checked == [status]:
                return _NO_SUCH_STATUS
            if not checked:
                return f"a task cannot be made up, SQLSTATE {found.pgcode}"
            self.left_out.add(name)
            self.connection.execute(verbatim(f"ALTER TABLE {_COPY} DROP CONSTRAINT {quoted(name)}"))
        return None

    def _nobodys_id(self, column: str, section: str) -> str:
        """Return SQL for an id that is nobody's, as text, and as short as the application's column has it."""
        id_ = literal(nobodys_id(self.fitted, section))
        type_name = self.fitted.task_types.get(self.task.columns[column].name or "", "text")
        return f"CAST(CAST({id_} AS {type_name}) AS text)"

    def _attempt(self, sql: str) -> list[RowMapping] | psycopg2.Error:
        return attempt(self.connection, verbatim(sql))

    # --- what is found ------------------------------------------------------------------------------------------------

    def _note(self, found: dict[str, list[str]], said: str, word: str) -> None:
        words = found.setdefault(said, [])
        if word and word not in words:
            words.append(word)

    def _afterwards(self, part: str) -> Iterator[str]:
        """Yield SQL for what is to be known of the task when it is written."""
        values = {name: one.sql for name, one in self.task.columns.items()}
        yield f"({is_closed(self.fitted, self.task.columns['status'], values['status'])}) AS is_closed"
        yield f"({is_taken(self.fitted, self.task, values)}) AS is_taken"
        for number, name in enumerate(self.fitted.map.answers[part]):
            yield f"task.{quoted(name)} IS NULL AS null_{number}"

    def _shortcomings(self, part: str, row: RowMapping) -> Iterator[str]:
        """Yield why a task that could be written is not as it should be."""
        for number, (name, sql) in enumerate(self.fitted.map.answers[part].items()):
            # A look-up finds nothing in the trial, for its ids are nobody's.
            if row[f"null_{number}"] and self.columns[name]["is_not_null"] and not is_looked_up(sql):
                yield f"{part}.{name}: {name} is NOT NULL, and there is nothing for it"
        if part == "resolving" and not row["is_closed"]:
            yield "resolving: the task is still open afterwards: write a status that [task.statuses] has under closed"
        if part == "accepting" and row["is_closed"]:
            yield "accepting: the task is closed afterwards: write a status that [task.statuses] has under taken"
        elif part == "accepting" and not row["is_taken"]:
            yield (
                "accepting: the task does not count as taken afterwards: write a status that [task.statuses] has under "
                "taken, or the column of task.picked_up_at"
            )

    def _why(self, part: str, error: psycopg2.Error) -> str:
        """Return why a task is refused, with its keys in the map, and no value of a row."""
        said = error.diag
        if isinstance(error, CheckViolation) and said.constraint_name:
            checked = columns_of_check(self.connection, _COPY, said.constraint_name)
            # The CHECK of a domain has no columns.
            written = [one for one in checked or self._at_fault(part) if one in self.fitted.map.answers[part]]
            return f"{_keys(part, written)}: the CHECK {said.constraint_name} refuses it"
        keys = _keys(part, self._at_fault(part))
        if isinstance(error, NotNullViolation):
            return f"{keys}: the type {said.datatype_name} is NOT NULL, and there is nothing for it"
        code = error.pgcode or ""
        if isinstance(error, InvalidTextRepresentation) and self._is_of_the_map(part, said.message_primary or ""):
            return f"{keys}: {said.message_primary}"
        if code.startswith(ABOUT_NAMES):
            return f"{keys}: {said.message_primary}, SQLSTATE {code}"
        return f"{keys}: the value is refused, {type(error).__name__}, SQLSTATE {code}"

    def _at_fault(self, part: str) -> list[str]:
        """Return the columns whose expressions fail."""
        values = values_written(self.fitted.map.answers[part], self.fitted.task_types)
        answered = row_of_answer(self.fitted, self._person)
        each = {name: f"SELECT {sql} FROM {_COPY} AS task CROSS JOIN {answered}" for name, sql in values.items()}
        return [name for name, sql in each.items() if isinstance(self._attempt(sql), psycopg2.Error)]

    def _is_of_the_map(self, part: str, said: str) -> bool:
        """Whether the database complains about a word that stands in the map."""
        value = re.search(r': "(.*)"$', said, re.DOTALL)
        return value is not None and any(literal(value[1]) in sql for sql in self.fitted.map.answers[part].values())


_NO_SUCH_STATUS = "no task can have this status"

# Instead of a word: the status that the column has by default, or else none.
_BY_DEFAULT = ""


def _bare_type(name: str) -> str:
    """Return a type's name without its schema, and without quotes."""
    return name.rpartition(".")[2].strip('"')


def _keys(part: str, columns: Sequence[str]) -> str:
    """Return the columns' keys in the map; if there are none, the part's name."""
    return " and ".join(f"{part}.{one}" for one in columns) or part
