"""A source of metrics that is read within a bounded time, and not more often than it is worth."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from prometheus_client.core import Metric

# Seconds for which a reading serves further scrapes: two Prometheus servers, or a person with curl, cost hardly more
# than one.
KEPT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The metrics that a source had."""

    metrics: list[Metric]
    seconds: float
    """How long it took to read them."""


class ReadSource:
    """Reads a source in a thread of its own, one reading at a time.

    A reading that hangs holds that one thread and one connection, however many scrapes come meanwhile: all wait for the
    same reading.
    """

    def __init__(
        self, read: Callable[[], Iterable[Metric]], *, kept: float = KEPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing is read yet. A reading serves for `kept` seconds from its beginning."""
        self._read = read
        self._kept = kept
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._lock = Lock()
        self._last: Future[Reading] | None = None
        self._began = 0.0

    def begin(self) -> Future[Reading]:
        """Return the reading that is under way, or was made a moment ago; begin another if there is neither."""
        with self._lock:
            last = self._last
            if last is None or (last.done() and self._clock() - self._began >= self._kept):
                self._began = self._clock()
                self._last = last = self._thread.submit(self._reading)
            return last

    def _reading(self) -> Reading:
        began = self._clock()
        metrics = list(self._read())
        return Reading(metrics=metrics, seconds=self._clock() - began)
