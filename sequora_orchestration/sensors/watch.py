"""How a sensor waits: it keeps asking for a while within one tick, and returns as soon as there is something.

A tick costs some 15 statements on Dagster's database, a question one on the care database: so ticks are long. The pause
between two questions depends on their cost, and is decided here, too.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TypeVar

from dagster import SensorEvaluationContext

from sequora_orchestration.ledger.rows import Claims

T = TypeVar("T")

# Seconds between two questions, while they are cheap: for new tasks, since their nurses wait, and for all else.
PAUSE = 0.05
LONG_PAUSE = 2.0

# Seconds between two questions at most, however dear they are: a question that is not asked finds nobody. And it may
# look dear because the machine has too much to do, as after an outage, when it matters most.
LONGEST_PAUSE = 15.0

# Seconds after which a question without an answer counts as lost: its connection is gone, or it waits for a lock.
LOST_AFTER = 60.0

# Seconds that a failing tick takes at least: another follows at once, and each fills a row and a log.
PAUSE_AFTER_AN_ERROR = 5.0

# Seconds that a tick watches, drawn anew each time so that sensors do not all end at once. Dagster gives a tick 60 s.
WATCH_BETWEEN = (7.0, 13.0)

# Set when this process is to end: every watching tick returns at once, and asks nothing more.
ENDING = Event()


class QuestionLostError(Exception):
    """A question has not been answered for LOST_AFTER: its asker waits for ever, and the next tick asks anew."""


@dataclass(kw_only=True)
class Pace:
    """How often a question is asked, by all ticks of this process together; one asks at a time.

    Only the question's last two costs in the database are remembered, and only the pause depends on them: the answer
    depends on the rows' state alone. The lesser cost counts, for a question may also take long because it had to wait,
    once, for a lock or a disk.
    """

    share: float
    """How much of a core of the database the question may cost while it finds nothing."""

    pause: float = PAUSE
    """Seconds between two questions at least."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = ENDING.wait
    _turn: Lock = field(default_factory=Lock, init=False)
    _not_before: float = field(default=0.0, init=False)
    _cost_before: float = field(default=0.0, init=False)
    _asked_at: float | None = field(default=None, init=False)

    def ask(self, question: Callable[[], Claims], *, until: float) -> Claims | None:
        """Wait for the question's turn and ask it; return None if the turn does not come before `until`, by the clock.

        Also None if the process is to end: nobody might launch a run for the claims.

        Raises QuestionLostError, and frees the turn, if another tick's question keeps it for too long.
        """
        turn = self._turn
        if not turn.acquire(timeout=max(until - self.clock(), 0)):
            if self._asked_at is not None and self.clock() - self._asked_at > LOST_AFTER:
                self._turn, self._asked_at = Lock(), None
                raise QuestionLostError(f"no answer of the database for {LOST_AFTER:.0f} s: it is asked anew")
            return None
        try:
            if self._not_before > max(until, self.clock()):
                return None
            self.sleep(max(self._not_before - self.clock(), 0))
            if ENDING.is_set():
                return None
            self._asked_at = self.clock()
            answer = question()
            cost, self._cost_before = min(answer.seconds, self._cost_before), answer.seconds
            if not answer:
                dear = max(self.pause, min(cost * (1 / self.share - 1), LONGEST_PAUSE))
                # Messages that wait for more severe ones must go as soon as those are sent: that is worth the cost.
                waits_its_turn = answer.more_waits and not answer.is_halted
                self._not_before = self.clock() + (PAUSE if waits_its_turn else dear)
            return answer
        finally:
            if self._turn is turn:
                self._asked_at = None
            turn.release()

    def watch(self, question: Callable[[], Claims], *, seconds: float) -> Claims | None:
        """Ask until something is found, or the time is over; return None if the question never had its turn.

        If nothing is found, this waits until the time is over, also after the last question: another tick follows at
        once.
        """
        until = self.clock() + seconds
        answer = None
        while not answer and (asked := self.ask(question, until=until)) is not None:
            answer = asked
        if not answer:
            self.sleep(max(until - self.clock(), 0))
        return answer


@contextmanager
def slow_to_fail() -> Iterator[None]:
    """Pause before an error is raised."""
    try:
        yield
    except Exception:
        ENDING.wait(PAUSE_AFTER_AN_ERROR)
        raise


def keep_asking(question: Callable[[], Sequence[T]], *, seconds: float, pause: float = LONG_PAUSE) -> Sequence[T]:
    """Ask a question that costs next to nothing, until something is found or the time is over."""
    until = time.monotonic() + seconds
    answer: Sequence[T] = ()
    while not ENDING.is_set() and not (answer := question()) and time.monotonic() + pause <= until:
        ENDING.wait(pause)
    return answer


def not_more_often(act: Callable[[], object], *, pause: float = LONG_PAUSE) -> Callable[[], None]:
    """Return a function that calls `act`, and does nothing if it is called again within the pause."""
    not_before = -math.inf

    def act_if_it_is_time() -> None:
        nonlocal not_before
        if time.monotonic() >= not_before:
            act()
            not_before = time.monotonic() + pause

    return act_if_it_is_time


def length_of_watch(context: SensorEvaluationContext, *, alone: float = 0.0) -> float:
    """Return for how many seconds a tick may watch: `alone` if it holds up all other sensors meanwhile."""
    # There is no public way to know whether ticks overlap.
    overlap = (context.instance.get_settings("sensors") or {}).get("use_threads")
    return random.uniform(*WATCH_BETWEEN) if overlap else alone  # noqa: S311
