"""How a sensor waits: it keeps asking for a while within one tick, and returns as soon as there is something.

The daemon starts ticks every 5 seconds and not more often; a tick that asks once would find a task 2.5 s late on
average.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from dagster import SensorEvaluationContext

T = TypeVar("T")

# Seconds between two askings of one lane, while the question is cheap.
PAUSE = 0.2

# A question that is dear (no index on the application's table) is asked less often: it may cost a lane a fifth of
# its time and no more.
PAUSES_PER_QUESTION = 4

# Seconds that a tick watches, drawn anew each time so that lanes do not all pause at once. Dagster gives a tick 60 s.
WATCH_BETWEEN = (7.0, 13.0)

# The same where the daemon runs one tick after the other (plain `dagster dev`): all other sensors wait meanwhile.
WATCH_ALONE = 0.5


def watch_in_tick(context: SensorEvaluationContext, ask: Callable[[], Sequence[T]]) -> Sequence[T]:
    """Watch for as long as a tick may, without holding up other sensors."""
    # There is no public way to know whether ticks overlap.
    overlap = (context.instance.get_settings("sensors") or {}).get("use_threads")
    return watch(ask, seconds=None if overlap else WATCH_ALONE)


def watch(
    ask: Callable[[], Sequence[T]],
    *,
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sequence[T]:
    """Ask until there is an answer, or the tick's time is over; return the answer or nothing."""
    end = clock() + (random.uniform(*WATCH_BETWEEN) if seconds is None else seconds)  # noqa: S311
    while True:
        asked = clock()
        if found := ask():
            return found
        answered = clock()
        pause = max(PAUSE, PAUSES_PER_QUESTION * (answered - asked))
        if answered + pause > end:
            return []
        sleep(pause)
