"""How long a new task waits to be claimed, and what asking costs: the lanes of sensors, without Dagster."""

import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from sequora_orchestration.resources.ledger import Ledger
from sequora_orchestration.resources.queues import NEW_TASKS
from sequora_orchestration.sensors.claiming import Lanes
from sequora_orchestration.sensors.new_escalation_tasks import LANES
from sequora_orchestration.sensors.watch import WATCH_BETWEEN

# Seconds between two turns of Dagster's daemon: a lane that has ended its tick begins the next with one of them.
TURN = 5.0

# What is left of it would be found by whoever asks next.
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
    """What it came to."""

    waits: Sequence[float]
    """Seconds from each insert's commit until a lane had claimed the task."""

    share: float
    """How much of a core Postgres was busy meanwhile."""


def notice(engine: Engine, postgres: Path, *, tasks: int) -> Noticing:
    """Insert so many tasks, one about every second, while lanes watch; `postgres` is the server's directory.

    Nothing is done about what is claimed, so it must all be over before the first lease is.
    """
    began, busy = time.monotonic(), _processor_time(postgres)
    end = began + tasks
    shared = Lanes()
    with ThreadPoolExecutor(LANES) as pool:
        lanes = [pool.submit(lambda: list(_lane(Ledger(engine), shared, until=end + TURN))) for _ in range(LANES)]
        inserted = {}
        while time.monotonic() < end:
            time.sleep(random.uniform(0.7, 1.3))
            with engine.connect() as connection:
                task = connection.execute(_INSERT).scalar_one()
            inserted[task] = time.monotonic()
        claimed = dict(claim for lane in lanes for claim in lane.result())
    share = (_processor_time(postgres) - busy) / (time.monotonic() - began)
    with engine.connect() as connection:
        connection.execute(_FORGET, {"ids": list(inserted)})
    return Noticing(waits=[claimed[task] - committed for task, committed in inserted.items()], share=share)


def _lane(ledger: Ledger, shared: Lanes, *, until: float) -> Iterator[tuple[str, float]]:
    """Watch as a lane's ticks do, and yield each task that is claimed, and when."""
    while (left := until - time.monotonic()) > 0:
        seconds = min(random.uniform(*WATCH_BETWEEN), left)
        for claim in shared.watch(ledger, NEW_TASKS, seconds=seconds) or ():
            yield from ((subject.id, time.monotonic()) for subject in claim.subjects)
        time.sleep(TURN - time.monotonic() % TURN)


def _processor_time(postgres: Path) -> float:
    """Return the seconds of processor time that the server's processes have had; connections stay open meanwhile."""
    server = psutil.Process(int((postgres / "postmaster.pid").read_text(encoding="ascii").split()[0]))
    times = [process.cpu_times() for process in (server, *server.children())]
    return float(sum(one.user + one.system for one in times))
