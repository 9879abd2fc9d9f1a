"""How a sensor waits: it keeps asking for a while within one tick, and returns as soon as there is something.

A tick costs some 15 statements on Dagster's database, a question one on the care database: so ticks are long. How often
a question is asked hangs on what it costs, and stands here, too.
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

# Seconds between two askings, while the question is cheap: for new tasks, since their nurses wait, and for all else.
PAUSE = 0.05
LONG_PAUSE = 2.0

# Seconds. However dear it is: a question that is not asked finds nobody. And what looks dear may be a machine that has
# too much to do, as after an outage, when it matters most.
LONGEST_PAUSE = 15.0

# Seconds. One that has no answer by then never gets one: its connection is lost, or it waits for a lock.
LOST_AFTER = 60.0

# Seconds that a tick which fails takes at least: another one follows it at once, and each fills a row and a log.
PAUSE_AFTER_AN_ERROR = 5.0

# Seconds that a tick watches, drawn anew each time so that sensors do not all end at once. Dagster gives a tick 60 s.
WATCH_BETWEEN = (7.0, 13.0)

# Set when this process is told to end: whoever watches returns at once, and asks nothing more.
ENDING = Event()


class QuestionLostError(Exception):
    """A question has not been answered for LOST_AFTER: whoever asked it waits for ever, and the next one asks anew."""


@dataclass(kw_only=True)
class Pace:
    """How often a question is asked, by all who ask it in this process together.

    One asks at a time. What the question has cost the database the last two times is all that is remembered, and only
    the time until the next one hangs on it: what is found is a matter of the rows' state alone. The lesser of the two
    counts, for a question may also take long because it had to wait, once, for a lock or a disk.
    """

    share: float
    """How much of a core of the database the question may cost while it finds nothing."""

    pause: float = PAUSE
    """Seconds between two askings at least."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = ENDING.wait
    _turn: Lock = field(default_factory=Lock, init=False)
    _not_before: float = field(default=0.0, init=False)
    _cost_before: float = field(default=0.0, init=False)
    _asked_at: float | None = field(default=None, init=False)

    def ask(self, question: Callable[[], Claims], *, until: float) -> Claims | None:
        """Wait for the question's turn and ask it; return None if that does not come until then (by the clock).

        None as well if the process is to end: what was found then might find nobody who launches a run for it.

        Raises QuestionLostError if somebody else's question keeps the turn for too long, and gives the turn free.
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
                # What waits its turn must have it as soon as what goes before is sent: that is worth its price.
                waits_its_turn = answer.more_waits and not answer.is_halted
                self._not_before = self.clock() + (PAUSE if waits_its_turn else dear)
            return answer
        finally:
            if self._turn is turn:
                self._asked_at = None
            turn.release()

    def watch(self, question: Callable[[], Claims], *, seconds: float) -> Claims | None:
        """Ask until there is an answer, or the time is over; return None if it never was the question's turn.

        The time is waited for to its end in any case: another tick follows this one at once.
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
    """Let an error be raised only after a pause."""
    try:
        yield
    except Exception:
        ENDING.wait(PAUSE_AFTER_AN_ERROR)
        raise


def keep_asking(question: Callable[[], Sequence[T]], *, seconds: float, pause: float = LONG_PAUSE) -> Sequence[T]:
    """Ask a question that costs next to nothing, until there is an answer or the time is over."""
    until = time.monotonic() + seconds
    answer: Sequence[T] = ()
    while not ENDING.is_set() and not (answer := question()) and time.monotonic() + pause <= until:
        ENDING.wait(pause)
    return answer


def not_more_often(act: Callable[[], object], *, pause: float = LONG_PAUSE) -> Callable[[], None]:
    """Return what does so when it is called, but for calls that come too soon after the last time."""
    not_before = -math.inf

    def act_if_it_is_time() -> None:
        nonlocal not_before
        if time.monotonic() >= not_before:
            act()
            not_before = time.monotonic() + pause

    return act_if_it_is_time


def length_of_watch(context: SensorEvaluationContext, *, alone: float = 0.0) -> float:
    """Return for how many seconds a tick may watch; `alone`, where it holds up all other sensors meanwhile."""
    # There is no public way to know whether ticks overlap.
    overlap = (context.instance.get_settings("sensors") or {}).get("use_threads")
    return random.uniform(*WATCH_BETWEEN) if overlap else alone  # noqa: S311
