"""Tasks that came without an assignee: leases them for a run, lists the nurses, and records who was given which.

The statements stand in `assignments.sql`, each with the reason why it is safe to run twice. The rule that chooses a
nurse is in `domain/assignment.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, RowMapping

from sequora_orchestration.database import NamedStatements, engine_for, execute, id_array
from sequora_orchestration.domain.assignment import Choice, UnassignedTask
from sequora_orchestration.domain.case import Assignment
from sequora_orchestration.ledger.rows import Claim, Claims, Subject
from sequora_orchestration.settings.database import DatabaseSettings

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# The most tasks that one run gets.
MOST_TASKS = 50

# Seconds for which a run has its tasks before another one is asked for.
LEASE = 10

# Seconds for which an assignment waits for a task that somebody has locked; all other tasks of the run wait as long.
PATIENCE_WITH_LOCK = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NurseRow:
    """Somebody with the role of a nurse, as the database knows her."""

    id: str
    primary_phone: str | None = field(repr=False)
    active: bool | None
    is_on_shift: bool | None
    most_tasks: int | None
    open_tasks: dict[str, int]
    given_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The result of giving tasks to nurses."""

    turn: int | None
    """The turn from now on. None if another run has given tasks since the choices were made, or is doing so now: then
    the choices must be made anew."""

    task_ids: frozenset[str]
    """The tasks that were given."""


class Assignments:
    """Leases tasks without an assignee, gives them to nurses, and records it."""

    def __init__(self, engine: Engine, *, go_live_at: datetime | None = None) -> None:
        """Use `engine`; `go_live_at` overrides the moment that the migration recorded."""
        self._engine = engine
        self._go_live_at = go_live_at

    def _rows(self, statement: str, **parameters: object) -> Sequence[RowMapping]:
        return execute(self._engine, SQL[statement], parameters)[1]

    def lease(self, *, is_rehearsal: bool = False) -> Claims:
        """Lease the tasks that need a run now, and return them as one claim, most severe first; most often none.

        In a rehearsal they are returned and not leased.
        """
        _, rows = execute(
            self._engine,
            SQL["lease"],
            {"go_live_at": self._go_live_at, "most": MOST_TASKS, "lease": LEASE},
            is_undone=is_rehearsal,
        )
        subjects = [
            Subject(task_id=row["task_id"], episode_id=row["episode_id"], severity=row["severity"])
            for row in rows
            if row["task_id"]
        ]
        claims = [Claim(id=str(uuid4()), subjects=subjects)] if subjects else []
        return Claims(claims, seconds=rows[0]["seconds"])

    def take_up(self, ids: Iterable[str], run_id: str) -> list[UnassignedTask]:
        """Renew the lease of these tasks for this run; return those that still need a nurse.

        The ids are as the database writes them.
        """
        rows = self._rows(
            "take_up",
            ids=list(ids),
            go_live_at=self._go_live_at,
            lease=LEASE,
            run_id=run_id,
        )
        return [UnassignedTask(**row) for row in rows]

    def nurses(self) -> tuple[int, list[NurseRow]]:
        """Return the turn, and everybody with the role of a nurse."""
        rows = self._rows("nurses")
        nurses = [
            NurseRow(**{**row, "open_tasks": row["open_tasks"] or {}})
            for row in ({name: value for name, value in one.items() if name != "turn"} for one in rows)
            if row["id"] is not None
        ]
        return rows[0]["turn"], nurses

    def give(self, choices: Sequence[Choice], *, turn: int, run_id: str) -> Given:
        """Give tasks to the nurses who were chosen, unless the task or the nurse has changed since.

        If the database raises an error, no task was given. It raises LockNotAvailable where somebody has locked one of
        the tasks, or any error by which the application refuses an assignment.
        """
        people = [one.nurse_id or "" for one in choices]
        parameters = {
            "turn": turn,
            "task_ids": [one.task_id for one in choices],
            "people": people,
            "person_ids": id_array(set(people)),
            "reasons": [one.reason for one in choices],
            "run_id": run_id,
        }
        _, (row,) = execute(self._engine, SQL["give"], parameters, lock_timeout=PATIENCE_WITH_LOCK)
        return Given(turn=row["turn"], task_ids=frozenset(row["given"]))

    def note_nobody(self, choices: Sequence[Choice], run_id: str) -> None:
        """Record that there was nobody to give these tasks to; the supervisors are told at once, without the grace."""
        if choices:
            task_ids, reasons = [one.task_id for one in choices], [one.reason for one in choices]
            self._rows("note_nobody", task_ids=task_ids, reasons=reasons, run_id=run_id)
            # In a transaction of its own: a run that sees the record above no longer puts off its text to the
            # supervisors, and the second statement sees every text that was put off before.
            self._rows("hurry_tellings", task_ids=task_ids)

    def of_tasks(self, task_ids: Iterable[str]) -> dict[str, Assignment]:
        """Return the assignments of these tasks, by task id; a task that was never looked at has none."""
        return {row["task_id"]: Assignment(**row) for row in self._rows("of_tasks", task_ids=list(task_ids))}


def open_assignments() -> Assignments:
    """Return the assignments on SUPABASE_DB_URL. Raises SettingError."""
    settings = DatabaseSettings.load()
    return Assignments(engine_for(settings.supabase_db_url), go_live_at=settings.sequora_go_live_at)
