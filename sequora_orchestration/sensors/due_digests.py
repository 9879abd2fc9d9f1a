"""Notices digests that have fallen due, and tasks that become critical while they wait for one."""

from sequora_orchestration.jobs.send_digest import send_digest
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Claims
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.sensors.claiming import PAUSE_WHERE_OFF, SHARE, Watch, claiming_sensor
from sequora_orchestration.sensors.watch import LONG_PAUSE, Pace


class WatchOfDigests(Watch):
    """Asks whether a digest waits, which costs next to nothing, and claims only if one does."""

    def __init__(self, queue: Queue) -> None:
        """Nothing has been asked yet."""
        super().__init__(queue)
        self._where_on = Pace(share=SHARE, pause=LONG_PAUSE)
        self._where_off = Pace(share=SHARE, pause=PAUSE_WHERE_OFF)
        self._waits = False

    def watch(self, ledger: Ledger, *, seconds: float) -> Claims | None:
        """Return the claims that were made, which may be none; or None if it was not time to ask."""
        pace = self._where_on if ledger.digests.flood or self._waits else self._where_off
        return pace.watch(lambda: self._ask(ledger), seconds=seconds)

    def _ask(self, ledger: Ledger) -> Claims:
        waiting = ledger.digests.let_critical_go(self._queue.kind)
        self._waits = waiting.is_any
        return ledger.claims.claim(self._queue) if waiting.is_any else Claims(seconds=waiting.seconds)


due_digests = claiming_sensor(
    "due_digests",
    queue=DUE_DIGESTS,
    job=send_digest,
    watch=WatchOfDigests(DUE_DIGESTS),
    description="Notices digests whose time has come and launches `send_digest` for them; queues what waits for one "
    "and has become critical.",
)
