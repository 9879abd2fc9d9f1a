"""The application's side: it inserts tasks, one by one or many at once, and notes when each insert was committed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from random import Random
from uuid import UUID

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  # it is a class
from psycopg2.extras import execute_values

from bench.measure import SEVERITIES, Insert
from sequora_orchestration.local.applications import Application as Tables

# The application_name of the benchmark's own sessions.
NAME = "bench"

NURSES, EPISODES = 20, 100
PRIORITIES = ("LOW", "NORMAL", "HIGH", "URGENT")
REASONS = ("CHEST_PAIN", "DYSPNEA", "FEVER", "MEDICATION_MISSED", "NO_ANSWER", "WEIGHT_GAIN")

_INSERT_NURSES = {
    Tables.BRIEF: """INSERT INTO "User" (id, first_name, last_name, primary_phone, role, active) VALUES %s""",
    Tables.SEQUORA: """INSERT INTO "User" (id, email, name, phone, role, active) VALUES %s""",
}

# These episodes are older than the system: no check-in is due.
_INSERT_EPISODES = """
WITH patient AS (INSERT INTO "Patient" (first_name, primary_phone) VALUES ('Ellen', '+12025550151') RETURNING id)
INSERT INTO "Episode" (id, patient_id, discharge_at, created_at)
SELECT episode.id::uuid, patient.id, now() - interval '30 days', now() - interval '30 days'
FROM (VALUES %s) AS episode (id) CROSS JOIN patient
"""

# The deadline is far away: only the text about a new task is measured, and no other goes out.
_INSERT_TASKS = {
    Tables.BRIEF: """
        INSERT INTO "EscalationTask" (id, episode_id, severity, priority, reason_codes, assigned_to_user_id, sla_due_at)
        VALUES %s
    """,
    Tables.SEQUORA: """
        INSERT INTO "EscalationTask" (id, episode_id, severity, reason_codes, assigned_to_user_id, sla_due_at)
        SELECT id, episode_id, severity::severity_level, reason_codes, nurse_id, sla_due_at
        FROM (VALUES %s) AS task (id, episode_id, severity, priority, reason_codes, nurse_id, sla_due_at)
    """,
}
_A_TASK = "(%s::uuid, %s::uuid, %s, %s, %s::text[], %s::uuid, now() + interval '1 day')"


class Application:
    """Inserts tasks for its nurses."""

    def __init__(self, connection: Connection, random: Random, tables: Tables) -> None:
        """Employ the nurses."""
        self._connection = connection
        self._tables = tables
        self._random = random
        self._nurses = [self._id() for _ in range(NURSES)]
        with self._connection, self._connection.cursor() as cursor:
            nurses = [
                # These numbers are reserved for fiction.
                (nurse, f"Nora {number}", f"Reyes {number}", f"+120255501{number:02}", "NURSE", True)
                for number, nurse in enumerate(self._nurses)
            ]
            execute_values(cursor, _INSERT_NURSES[tables], nurses)
            self._episodes = [self._id() for _ in range(EPISODES)]
            execute_values(cursor, _INSERT_EPISODES, [(episode,) for episode in self._episodes])

    def insert(self, count: int) -> list[Insert]:
        """Insert so many tasks in one statement and one transaction."""
        tasks = [
            (
                self._id(),
                self._random.choice(self._episodes),
                self._random.choice(SEVERITIES),
                self._random.choice(PRIORITIES),
                self._random.sample(REASONS, 2),
                self._random.choice(self._nurses),
            )
            for _ in range(count)
        ]
        with self._connection.cursor() as cursor:
            execute_values(cursor, _INSERT_TASKS[self._tables], tasks, template=_A_TASK, page_size=count)
        self._connection.commit()
        committed = time.time()
        return [Insert(task_id=task_id, severity=severity, committed=committed) for task_id, _, severity, *_ in tasks]

    def insert_one_by_one(self, *, every: float, seconds: float, at_a_time: Sequence[int] = (1,)) -> Iterator[Insert]:
        """Insert a task in each interval of `every` seconds, each in a transaction of its own.

        The moment is drawn from the first third of the interval, so that the inserts do not keep step with anybody's
        polling. The number of tasks is drawn from `at_a_time` for each interval; they come one right after the other.
        """
        began = time.monotonic()
        for number in range(max(1, round(seconds / every))):
            moment = began + every * (number + self._random.uniform(0, 1 / 3))
            time.sleep(max(0.0, moment - time.monotonic()))
            for _ in range(self._random.choice(at_a_time)):
                yield from self.insert(1)

    def _id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))


@contextmanager
def application(url: str, random: Random, tables: Tables) -> Iterator[Application]:
    """Connect to the care database for as long as the block runs."""
    with closing(psycopg2.connect(url, application_name=NAME)) as connection:
        yield Application(connection, random, tables)


def ids(inserts: Sequence[Insert]) -> list[str]:
    """Return the tasks' ids."""
    return [one.task_id for one in inserts]
