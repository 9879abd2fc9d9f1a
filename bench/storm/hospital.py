"""The application in a storm: it inserts, assigns and resolves as planned, and notes the time of each commit.

While the database is away it tries again, as an application does; a commit's time is when its answer came. What staff
have changed by text stands in its rows.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812  # it is a class
from psycopg2.extras import RealDictCursor, execute_values

from bench.storm.plan import Assign, Deed, Deeds, NewEpisode, NewTask, Patient, Person, Resolve

# Seconds between two tries while the database is away.
PAUSE = 0.2

_PEOPLE = """INSERT INTO "User" (id, first_name, last_name, primary_phone, role, active) VALUES %s"""
# Each of these may be run twice without a change: the first commit may have been made, and only its answer lost.
_TASKS = """
INSERT INTO "EscalationTask" (id, episode_id, severity, priority, reason_codes, assigned_to_user_id, sla_due_at)
VALUES %s ON CONFLICT DO NOTHING
"""
_A_TASK = "(%s::uuid, %s::uuid, %s, %s, %s, %s::uuid, clock_timestamp() + make_interval(secs => %s))"
_PATIENTS = """
INSERT INTO "Patient" (id, first_name, last_name, primary_phone, language_code, timezone)
VALUES %s ON CONFLICT DO NOTHING
"""
_EPISODES = """
INSERT INTO "Episode" (id, patient_id, condition_code, risk_level, discharge_at) VALUES %s ON CONFLICT DO NOTHING
"""
_AN_EPISODE = "(%s::uuid, %s::uuid, 'CHF', 'HIGH', now())"
_RESOLVE = """
UPDATE "EscalationTask" SET status = 'RESOLVED', resolved_at = now(), updated_at = now()
WHERE id = %s AND status <> 'RESOLVED'
"""
_ASSIGN = """UPDATE "EscalationTask" SET assigned_to_user_id = %s, updated_at = now() WHERE id = %s"""

_STANDINGS = """
SELECT id::text AS task_id, extract(epoch FROM picked_up_at)::float AS picked_up,
       extract(epoch FROM resolved_at)::float AS resolved
FROM "EscalationTask" WHERE picked_up_at IS NOT NULL OR resolved_at IS NOT NULL
"""

A_DAY = 24 * 3600

# Seconds from the time that a row has for a change until the change is committed, on a machine that has more to do than
# it can.
COMMITTED_WITHIN = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A task as it is from a change on. The change was committed between two moments: the answer may have been lost."""

    earliest: float
    latest: float
    nurse: str | None
    is_open: bool


@dataclass(slots=True, kw_only=True)
class Task:
    """The life of a task, by this machine's clock."""

    id: str
    inserted: float
    nurses: list[tuple[float, str | None]]
    """Its nurses, each with the time from which she had it."""

    misses_its_sla: bool
    severity: str
    resolved: float | None = None
    """When it was closed, by the application or by a text."""

    is_resolved_by_text: bool = False
    picked_up: float | None = None
    """When somebody accepted it by text: the application itself has nobody accept a task."""

    versions: list[Version] = field(default_factory=list)
    """The task after each change, oldest first."""

    def possible(self, since: float, until: float) -> list[Version]:
        """Return the task's versions that may have been there at some moment of a span."""
        ends = [*(later.latest for later in self.versions[1:]), float("inf")]
        return [one for one, end in zip(self.versions, ends, strict=True) if one.earliest <= until and end >= since]

    def was_picked_up_by(self, nurse: str) -> bool:
        """Return whether it was accepted when this nurse may have had it."""
        at = self.picked_up
        return at is not None and any(one.nurse == nurse for one in self.possible(at - COMMITTED_WITHIN, at))

    def in_its_row(self, standing: "Standing") -> "Task":
        """Return the task with what staff have changed by text: its row has times that are not the application's."""
        picked_up = standing.picked_up and standing.picked_up + COMMITTED_WITHIN
        closed = next((one for one in self.versions if not one.is_open), None)
        if standing.resolved is None or (closed and closed.earliest <= standing.resolved):
            return replace(self, picked_up=picked_up)
        before = [one for one in self.versions if one.earliest <= standing.resolved]
        after = [replace(one, is_open=False) for one in self.versions[len(before) :]]
        resolved = standing.resolved + COMMITTED_WITHIN
        nurse = before[-1].nurse if before else None
        version = Version(earliest=standing.resolved, latest=resolved, nurse=nurse, is_open=False)
        return replace(
            self,
            resolved=resolved,
            is_resolved_by_text=True,
            picked_up=picked_up,
            versions=[*before, version, *after],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The times in a task's row, in seconds since the epoch: when it was accepted, and when it was resolved."""

    task_id: str
    picked_up: float | None
    resolved: float | None


@dataclass(slots=True, kw_only=True)
class Facts:
    """The life of all tasks, and the episodes."""

    tasks: dict[str, Task] = field(default_factory=dict)
    episodes: dict[str, Patient] = field(default_factory=dict)


class Hospital:
    """The application's side, in a thread of its own."""

    def __init__(self, url: str, people: Sequence[Person], zone: str) -> None:
        """Employ the people; patients live in `zone`."""
        self._deeds = Facts()
        self._url = url
        self._zone = zone
        self._ended = threading.Event()
        rows = [(one.id, "Nora", f"Reyes {n}", one.phone, one.role, one.active) for n, one in enumerate(people)]
        self._commit(lambda cursor: execute_values(cursor, _PEOPLE, rows))

    def act(self, plan: Sequence[Deeds], began: float) -> None:
        """Do the planned deeds, each at its moment after `began` (of the monotonic clock), or as soon as possible."""
        for deeds in plan:
            if self._ended.wait(max(0.0, began + deeds.at - time.monotonic())):
                return
            self._do(deeds.deeds)

    def end(self) -> None:
        """Do nothing more."""
        self._ended.set()

    def facts(self) -> Facts:
        """Return what was done so far, with what staff have changed by text."""
        with (
            closing(psycopg2.connect(self._url)) as connection,
            connection.cursor(cursor_factory=RealDictCursor) as rows,
        ):
            rows.execute(_STANDINGS)
            standings = {row["task_id"]: Standing(**row) for row in rows.fetchall()}
        tasks = {
            task_id: task.in_its_row(standings[task_id]) if task_id in standings else task
            for task_id, task in self._deeds.tasks.items()
        }
        return Facts(tasks=tasks, episodes=self._deeds.episodes)

    def _do(self, deeds: Sequence[Deed]) -> None:
        tried = time.time()
        committed = self._commit(lambda cursor: self._write(cursor, deeds))
        if committed is None:
            return
        for deed in deeds:
            match deed:
                case NewTask():
                    self._deeds.tasks[deed.id] = Task(
                        id=deed.id,
                        inserted=committed,
                        nurses=[(committed, deed.nurse)],
                        misses_its_sla=deed.sla is not None,
                        severity=deed.severity,
                    )
                case NewEpisode():
                    self._deeds.episodes[deed.id] = deed.patient
                case Resolve():
                    self._deeds.tasks[deed.task].resolved = committed
                case Assign():
                    self._deeds.tasks[deed.task].nurses.append((committed, deed.nurse))
            if not isinstance(deed, NewEpisode):
                task = self._deeds.tasks[deed.id if isinstance(deed, NewTask) else deed.task]
                (_, nurse), is_open = task.nurses[-1], task.resolved is None
                task.versions.append(Version(earliest=tried, latest=committed, nurse=nurse, is_open=is_open))

    def _write(self, cursor: Cursor, deeds: Sequence[Deed]) -> None:
        tasks = [
            (one.id, one.episode_id, one.severity, one.priority, one.reasons, one.nurse, one.sla or A_DAY)
            for one in deeds
            if isinstance(one, NewTask)
        ]
        if tasks:
            execute_values(cursor, _TASKS, tasks, template=_A_TASK)
        episodes = [one for one in deeds if isinstance(one, NewEpisode)]
        if episodes:
            patients = [one.patient for one in episodes]
            rows = [(one.id, one.name, "Doyle", one.phone, "EN", self._zone) for one in patients]
            execute_values(cursor, _PATIENTS, rows)
            execute_values(cursor, _EPISODES, [(one.id, one.patient.id) for one in episodes], template=_AN_EPISODE)
        for one in deeds:
            if isinstance(one, Resolve):
                cursor.execute(_RESOLVE, (one.task,))
            if isinstance(one, Assign):
                cursor.execute(_ASSIGN, (one.nurse, one.task))

    def _commit(self, write: Callable[[Cursor], None]) -> float | None:
        """Write in one transaction, with tries until the database is back; return when the commit was known.

        Returns None if the storm ended before.
        """
        while True:
            try:
                with closing(psycopg2.connect(self._url)) as connection, connection, connection.cursor() as cursor:
                    write(cursor)
                    connection.commit()
                    return time.time()
            except psycopg2.OperationalError:
                if self._ended.wait(PAUSE):
                    return None
