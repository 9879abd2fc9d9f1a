"""How long a new task waits to be claimed, and the cost of asking: the sensor's watch, without Dagster."""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from sequora_orchestration.instance.tuned import TURN
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.claiming import WatchOfRecent
from sequora_orchestration.sensors.watch import WATCH_BETWEEN

# Seconds from the beginning of a tick until the daemon begins the sensor's next one.
BETWEEN_TICKS = 1.0

# Removes the tasks and messages of this measurement, which the next question would find.
_FORGET = text("""
    WITH forgotten AS (DELETE FROM orchestration.notification WHERE task_id = ANY (:ids))
    DELETE FROM "EscalationTask" WHERE id::text = ANY (:ids)
""")

_INSERT = text("""
    INSERT INTO "EscalationTask" (severity, reason_codes, assigned_to_user_id, sla_due_at)
    SELECT 'HIGH', ARRAY['CHEST_PAIN'], id, now() + interval '1 day' FROM "User" WHERE role = 'NURSE' LIMIT 1
    RETURNING id::text
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticing:
    """The result of a measurement."""

    waits: Sequence[float]
    """Seconds from each insert's commit until the sensor had claimed the task."""

    share: float
    """How much of a core Postgres was busy meanwhile."""


def notice(engine: Engine, postgres: Path, *, tasks: int) -> Noticing:
    """Insert so many tasks, one about every second, while the sensor watches; `postgres` is the server's directory.

    No run works on the claims, so the measurement must be over before the first lease runs out.
    """
    began, busy = time.monotonic(), _processor_time(postgres)
    end = began + tasks
    with ThreadPoolExecutor(1) as pool:
        ticks = pool.submit(lambda: dict(_ticks(Ledger(engine), until=end + 5)))
        inserted = {}
        while time.monotonic() < end:
            time.sleep(random.uniform(0.7, 1.3))
            with engine.connect() as connection:
                task = connection.execute(_INSERT).scalar_one()
            inserted[task] = time.monotonic()
        claimed = ticks.result()
    share = (_processor_time(postgres) - busy) / (time.monotonic() - began)
    with engine.connect() as connection:
        connection.execute(_FORGET, {"ids": list(inserted)})
    return Noticing(waits=[claimed[task] - committed for task, committed in inserted.items()], share=share)


def _ticks(ledger: Ledger, *, until: float) -> Iterator[tuple[str, float]]:
    """Watch as the sensor's ticks do, and yield each task that is claimed, and when."""
    watch = WatchOfRecent(NEW_TASKS)
    while (left := until - time.monotonic()) > 0:
        began = time.monotonic()
        for claim in watch.watch(ledger, seconds=min(random.uniform(*WATCH_BETWEEN), left)) or ():
            yield from ((subject.id, time.monotonic()) for subject in claim.subjects)
        time.sleep(max(began + BETWEEN_TICKS - time.monotonic(), 0) + random.uniform(0, TURN))


def _processor_time(postgres: Path) -> float:
    """Return the seconds of processor time that the server's processes have had; connections stay open meanwhile."""
    server = psutil.Process(int((postgres / "postmaster.pid").read_text(encoding="ascii").split()[0]))
    times = [process.cpu_times() for process in (server, *server.children())]
    return float(sum(one.user + one.system for one in times))
