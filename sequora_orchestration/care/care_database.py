"""The application, as far as we read it: through the views of the map in force."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping

from sequora_orchestration.database import NamedStatements, engine_for, execute, rows_by_id
from sequora_orchestration.domain.care import Episode, EscalationTask, Patient, User
from sequora_orchestration.domain.case import TaskTimes
from sequora_orchestration.settings.database import DatabaseSettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

_COUNTS_AS = {
    "status": "open",
    "severity": "HIGH",
    "role": "none: who has it is given no task, and is not told what goes wrong",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownWord:
    """A word of the application's without a meaning in the map in force, and the number of rows that have it."""

    column_name: str
    word: str | None
    """None for values that are no single word: they may be anything that somebody typed."""

    tasks: int
    """How many open tasks have it; 0 for a role."""

    people: int = 0
    """How many active people have it as their role."""

    @property
    def sentence(self) -> str:
        """The consequence of the word's having no meaning in the map."""
        what = repr(self.word) if self.word else "that is no single word"
        have = f"{self.tasks} open task{'s have' if self.tasks != 1 else ' has'} it"
        if self.column_name == "role":
            have = f"{self.people} active {'people have' if self.people != 1 else 'person has'} it"
        counts_as = _COUNTS_AS[self.column_name]
        return f"the {self.column_name} {what} is not in the map ({have}) and counts as {counts_as}"


class CareDatabase:
    """Reads the application's rows by id. Database errors are raised, never taken for "nothing found"."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine`; nothing is connected yet."""
        self._engine = engine

    def tasks(self, ids: Iterable[str]) -> dict[str, EscalationTask]:
        """Return the tasks that exist, by id."""
        return {row["id"]: _task(dict(row)) for row in self._by_id("tasks", ids)}

    def task_times(self, ids: Iterable[str]) -> dict[str, TaskTimes]:
        """Return the times of these tasks (created, changed, picked up, resolved), by id."""
        return {row["id"]: TaskTimes(**row) for row in self._by_id("task_times", ids)}

    def open_tasks_of_episode(self, episode_id: str) -> list[str]:
        """Return the ids of an episode's open tasks."""
        return [row["id"] for row in self._by_id("open_tasks_of_episodes", [episode_id])]

    def users(self, ids: Iterable[str]) -> dict[str, User]:
        """Return the users that exist, by id."""
        return {row["id"]: User(**row) for row in self._by_id("users", ids)}

    def users_of_roles(self, roles: Iterable[str], *, on_call: bool = False) -> list[User]:
        """Return everybody who has one of these roles; with `on_call`, only those whom the map counts as on call."""
        parameters = {"roles": list(roles), "on_call": on_call}
        return [User(**row) for row in execute(self._engine, SQL["users_of_roles"], parameters)[1]]

    def unknown_words(self) -> list[UnknownWord]:
        """Return the words in columns of open tasks and of active people that have no meaning in the map."""
        return [UnknownWord(**row) for row in execute(self._engine, SQL["unknown_words"], {})[1]]

    def episodes(self, ids: Iterable[str]) -> dict[str, Episode]:
        """Return the episodes that exist, by id."""
        return {row["id"]: Episode(**row) for row in self._by_id("episodes", ids)}

    def patients(self, ids: Iterable[str]) -> dict[str, Patient]:
        """Return the patients that exist, by id."""
        return {row["id"]: Patient(**row) for row in self._by_id("patients", ids)}

    def _by_id(self, statement: str, ids: Iterable[str]) -> Sequence[RowMapping]:
        return rows_by_id(self._engine, SQL[statement], ids)


def _task(row: Mapping[str, Any]) -> EscalationTask:
    return EscalationTask(**{**row, "reason_codes": _reason_codes(row["reason_codes"])})


def _reason_codes(raw: object) -> tuple[str, ...]:
    """Return the codes of a `text[]` or `jsonb` column; a value that is no list counts as one code."""
    codes = raw if isinstance(raw, list) else [raw]
    texts = (code if isinstance(code, str) else json.dumps(code) for code in codes if code is not None)
    return tuple(text for text in texts if text.strip())


def open_care_database() -> CareDatabase:
    """Return the application's tables on SUPABASE_DB_URL. Raises SettingError."""
    return CareDatabase(engine_for(DatabaseSettings.load().supabase_db_url))
