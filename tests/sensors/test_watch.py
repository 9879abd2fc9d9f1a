"""How a sensor waits within one tick; clock and sleep are the test's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.sensors.watch import PAUSE, PAUSES_PER_QUESTION, WATCH_BETWEEN, watch


@dataclass
class Time:
    """A clock that moves only when somebody sleeps or a question takes long."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept.append(seconds)
        self.now += seconds

    def question(self, *answers: Sequence[str], takes: float = 0.0) -> Callable[[], Sequence[str]]:
        """Return a question that takes so many seconds; after the last of its answers it finds nothing."""
        left = list(answers)

        def ask() -> Sequence[str]:
            self.now += takes
            return left.pop(0) if left else []

        return ask


def test_what_is_there_already_is_returned_at_once() -> None:
    """Nobody sleeps before the first question."""
    time = Time()
    assert watch(time.question(["a task"]), seconds=10, clock=time.clock, sleep=time.sleep) == ["a task"]
    assert time.slept == []


def test_what_appears_later_is_found_after_a_pause() -> None:
    """The question is asked again after each, and the answer ends the watch."""
    time = Time()
    ask = time.question([], [], ["a task"], ["another"])
    assert watch(ask, seconds=10, clock=time.clock, sleep=time.sleep) == ["a task"]
    assert time.slept == [PAUSE, PAUSE]
    assert ask() == ["another"]


def test_a_dear_question_is_asked_less_often() -> None:
    """It may cost a fifth of the time and no more."""
    time = Time()
    watch(time.question([], [], ["a task"], takes=1.5), seconds=60, clock=time.clock, sleep=time.sleep)
    assert time.slept == [PAUSES_PER_QUESTION * 1.5] * 2


@pytest.mark.parametrize("takes", [0.0, PAUSE / PAUSES_PER_QUESTION / 2])
def test_a_cheap_question_is_asked_at_the_usual_pace(takes: float) -> None:
    """However little it costs, there is a pause."""
    time = Time()
    watch(time.question([], ["a task"], takes=takes), seconds=60, clock=time.clock, sleep=time.sleep)
    assert time.slept == [PAUSE]


def test_a_watch_that_finds_nothing_returns_nothing_in_time() -> None:
    """The tick is over, and the next one goes on."""
    time = Time()
    assert list(watch(time.question(), seconds=10, clock=time.clock, sleep=time.sleep)) == []
    assert 1010 - PAUSE <= time.now <= 1010


def test_a_question_is_asked_once_even_if_it_takes_longer_than_the_watch() -> None:
    """A slow database must not mean that nothing is ever noticed."""
    time = Time()
    ask = time.question(["a task"], takes=30)
    assert watch(ask, seconds=10, clock=time.clock, sleep=time.sleep) == ["a task"]
    assert list(watch(ask, seconds=10, clock=time.clock, sleep=time.sleep)) == []
    assert time.slept == []


@given(st.floats(min_value=0, max_value=60), st.floats(min_value=0, max_value=60))
def test_a_watch_overstays_by_one_question_at_most(seconds: float, takes: float) -> None:
    """No pause is begun that would end after the watch."""
    time = Time()
    watch(time.question(takes=takes), seconds=seconds, clock=time.clock, sleep=time.sleep)
    assert time.now <= 1000 + seconds + takes + 1e-6


def test_a_watch_without_a_length_ends_within_the_usual_bounds() -> None:
    """Drawn anew each time, and well under the 60 s that a tick is given."""
    time = Time()
    watch(time.question(), clock=time.clock, sleep=time.sleep)
    shortest, longest = WATCH_BETWEEN
    assert shortest - PAUSE <= time.now - 1000 <= longest < 60


def test_an_error_of_the_question_is_never_taken_for_nothing_found() -> None:
    """It leaves the watch as it is, at once, also when the question worked before."""
    time = Time()

    def ask() -> Sequence[str]:
        if time.slept:
            raise ConnectionError("the database is away")
        return []

    with pytest.raises(ConnectionError, match="the database is away"):
        watch(ask, seconds=10, clock=time.clock, sleep=time.sleep)
    assert time.slept == [PAUSE]
