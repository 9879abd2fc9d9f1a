"""How a sensor waits within one tick, and how often a question is asked; clock and sleep are the test's own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from dagster import DagsterInstance, build_sensor_context, instance_for_test
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.ledger.rows import Claim, Claims
from sequora_orchestration.sensors.watch import (
    ENDING,
    LONG_PAUSE,
    LONGEST_PAUSE,
    LOST_AFTER,
    PAUSE,
    PAUSE_AFTER_AN_ERROR,
    WATCH_BETWEEN,
    Pace,
    QuestionLostError,
    length_of_watch,
    slow_to_fail,
)

A_TASK = Claim(id="a task", subjects=[])
ANOTHER = Claim(id="another", subjects=[])


@dataclass
class Time:
    """A clock that moves only when somebody sleeps or a question takes long."""

    now: float = 1000.0
    asked: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.now += seconds

    def pace(self, share: float = 0.1, *, pause: float = PAUSE) -> Pace:
        """Return a pace that goes by this clock."""
        return Pace(share=share, pause=pause, clock=lambda: self.now, sleep=self.sleep)

    def question(self, *answers: Claim | None, takes: float = 0.0) -> Callable[[], Claims]:
        """Return a question that takes so many seconds; after the last of its answers it finds nothing."""
        left = list(answers)

        def ask() -> Claims:
            self.asked.append(self.now)
            self.now += takes
            return Claims((claim for claim in (left.pop(0) if left else None,) if claim), seconds=takes)

        return ask

    @property
    def pauses(self) -> list[float]:
        """How long it was from each asking to the next."""
        return [later - earlier for earlier, later in zip(self.asked, self.asked[1:], strict=False)]


def test_what_is_there_already_is_returned_at_once() -> None:
    """Nobody sleeps before the first question."""
    time = Time()
    assert time.pace().watch(time.question(A_TASK), seconds=10) == [A_TASK]
    assert time.now == 1000


def test_what_appears_later_is_found_after_a_pause() -> None:
    """The question is asked again after each, and the answer ends the watch."""
    time = Time()
    pace, question = time.pace(), time.question(None, None, A_TASK, ANOTHER)
    assert pace.watch(question, seconds=10) == [A_TASK]
    assert time.pauses == pytest.approx([PAUSE, PAUSE])


def test_who_watches_returns_when_the_process_is_told_to_end_and_asks_nothing_more() -> None:
    """The code server waits for its ticks, and what one finds then might find no daemon."""
    time, pace = Time(), Pace(share=0.1)
    nothing = time.question()

    def told_to_end_meanwhile() -> Claims:
        ENDING.set()
        return nothing()

    try:
        assert pace.watch(told_to_end_meanwhile, seconds=3600) == []
        assert pace.watch(nothing, seconds=3600) is None
    finally:
        ENDING.clear()
    assert len(time.asked) == 1


def test_what_comes_after_a_find_is_looked_for_at_once() -> None:
    """Where there is one there may be more, and the next tick begins soon."""
    time = Time()
    pace, question = time.pace(), time.question(A_TASK, ANOTHER, takes=2)
    assert [pace.watch(question, seconds=10), pace.watch(question, seconds=10)] == [[A_TASK], [ANOTHER]]
    assert time.pauses == [2]


@pytest.mark.parametrize("share", [1 / 10, 1 / 20])
def test_a_dear_question_is_asked_less_often(share: float) -> None:
    """It may have its share of a core and no more."""
    time = Time()
    time.pace(share).watch(time.question(takes=0.5), seconds=100)
    first, *others = time.pauses
    assert first == pytest.approx(0.5 + PAUSE)  # nobody knows yet whether it always takes so long
    assert others == pytest.approx([0.5 / share] * len(others))
    assert others


def test_a_question_that_once_had_to_wait_is_asked_again_soon() -> None:
    """For a lock, or a disk: it is no dearer for that."""
    time = Time()
    pace = time.pace()
    for takes in (0.001, 600, 0.001):
        assert pace.watch(time.question(takes=takes), seconds=0) == []
        time.sleep(PAUSE)
    assert time.pauses == pytest.approx([PAUSE + 0.001, 600 + PAUSE])


def test_however_dear_a_question_is_it_is_asked() -> None:
    """A task that comes in meanwhile waits for a minute and no longer."""
    time = Time()
    time.pace().watch(time.question(takes=600), seconds=10_000)
    assert max(time.pauses) == pytest.approx(600 + LONGEST_PAUSE)


def test_a_question_that_is_never_answered_fails_a_tick_and_then_is_asked_anew() -> None:
    """Its connection may be lost without anybody knowing; the ticks must not take that for a pause for ever."""
    time = Time()
    pace = time.pace()

    def ask() -> Claims:
        with ThreadPoolExecutor(1) as other:
            time.sleep(LOST_AFTER)
            assert other.submit(pace.watch, time.question(A_TASK), seconds=0).result() is None
            time.sleep(1)
            with pytest.raises(QuestionLostError, match="no answer of the database for 60 s"):
                other.submit(pace.watch, time.question(A_TASK), seconds=0).result()
            assert other.submit(pace.watch, time.question(A_TASK), seconds=0).result() == [A_TASK]
        return time.question(ANOTHER)()

    assert pace.watch(ask, seconds=0) == [ANOTHER]


def test_a_question_that_found_what_has_to_wait_its_turn_is_asked_again_soon() -> None:
    """Amid a burst, however dear it is then: less severe tasks wait for more severe ones, but no longer than that."""
    time = Time()
    pace, nothing, found = time.pace(), time.question(takes=1), time.question(A_TASK)

    def ask() -> Claims:
        if time.asked:
            return found()
        claims = nothing()
        claims.more_waits = True
        return claims

    assert pace.watch(ask, seconds=10) == [A_TASK]
    assert time.pauses == pytest.approx([1 + PAUSE])


@pytest.mark.parametrize("takes", [0.0, PAUSE / 10])
def test_a_cheap_question_is_asked_at_the_usual_pace(takes: float) -> None:
    """However little it costs, there is a pause."""
    time = Time()
    time.pace().watch(time.question(None, A_TASK, takes=takes), seconds=60)
    assert time.pauses == pytest.approx([PAUSE + takes])


def test_those_who_share_a_pace_ask_in_turn() -> None:
    """Six ticks at once cost no more than one, and none of them asks before the pause is over."""
    time = Time()
    pace, question = time.pace(), time.question(takes=0.1)
    with ThreadPoolExecutor(6) as ticks:
        for tick in [ticks.submit(pace.watch, question, seconds=10) for _ in range(6)]:
            assert tick.result() in ([], None)
    assert time.pauses[1:] == pytest.approx([1.0] * (len(time.asked) - 2))
    assert len(time.asked) > 6


def test_a_question_that_takes_long_delays_no_other_tick_beyond_its_watch() -> None:
    """It has the turn; the other's tick ends as it should, and says that it has not asked."""
    time = Time()
    pace = time.pace()

    def ask() -> Claims:
        with ThreadPoolExecutor(1) as other:
            assert other.submit(pace.watch, time.question(A_TASK), seconds=0).result() is None
        return time.question(A_TASK)()

    assert pace.watch(ask, seconds=10) == [A_TASK]


def test_a_tick_that_comes_before_the_questions_turn_does_not_ask() -> None:
    """One that asks once a tick is so asked less often, and the next tick after the pause does ask."""
    time = Time()
    pace, question = time.pace(1 / 20), time.question(None, None, A_TASK, takes=0.5)
    assert pace.watch(question, seconds=0) == []
    time.sleep(PAUSE)
    assert pace.watch(question, seconds=0) == []
    time.sleep(9.4)
    assert pace.watch(question, seconds=0) is None
    time.sleep(0.2)
    assert pace.watch(question, seconds=0) == [A_TASK]


def test_a_watch_that_finds_nothing_returns_nothing_in_time() -> None:
    """The tick is over, and the next one goes on."""
    time = Time()
    assert time.pace().watch(time.question(), seconds=10) == []
    assert 1010 - PAUSE <= time.now <= 1010


@given(st.floats(min_value=0, max_value=60), st.floats(min_value=0, max_value=60))
def test_a_watch_asks_once_and_overstays_by_one_question_at_most(seconds: float, takes: float) -> None:
    """A slow database must not mean that nothing is ever noticed, and no pause is begun that would end too late."""
    time = Time()
    assert time.pace().watch(time.question(takes=takes), seconds=seconds) == []
    assert time.now <= 1000 + seconds + takes + 1e-6


def test_a_watch_is_short_where_ticks_wait_for_each_other() -> None:
    """Otherwise its length is drawn anew each time, and well under the 60 s that a tick is given."""
    with DagsterInstance.ephemeral() as instance:
        assert length_of_watch(build_sensor_context(instance), alone=0.5) == 0.5
    with instance_for_test(overrides={"sensors": {"use_threads": True, "num_workers": 2}}) as instance:
        context = build_sensor_context(instance)
        lengths = {length_of_watch(context) for _ in range(9)}
    shortest, longest = WATCH_BETWEEN
    assert all(shortest <= length <= longest < 60 for length in lengths)
    assert len(lengths) > 1


def test_an_error_of_the_question_is_never_taken_for_nothing_found() -> None:
    """It leaves the watch as it is, also when the question worked before, and the turn is free again."""
    time = Time()
    pace, nothing = time.pace(), time.question()

    def ask() -> Claims:
        if time.asked:
            raise ConnectionError("the database is away")
        return nothing()

    with pytest.raises(ConnectionError, match="the database is away"):
        pace.watch(ask, seconds=10)
    assert pace.watch(time.question(A_TASK), seconds=0) == [A_TASK]


def test_a_tick_that_has_nothing_to_ask_yet_lasts_as_long_as_any() -> None:
    """Another one follows it at once: a dear question must not become a storm of ticks."""
    time = Time()
    pace, question = time.pace(1 / 20), time.question(takes=7)
    pace.watch(question, seconds=0)
    time.sleep(PAUSE)
    pace.watch(question, seconds=0)
    began = time.now
    assert pace.watch(question, seconds=10) is None
    assert time.now == pytest.approx(began + 10)


def test_while_nothing_may_go_out_it_is_asked_no_faster_than_ever() -> None:
    """For as long as an operator's pause or an outage of the phone company lasts."""
    time = Time()

    def ask() -> Claims:
        time.asked.append(time.now)
        return Claims(more_waits=True, is_halted=True)

    time.pace(pause=LONG_PAUSE).watch(ask, seconds=20)
    assert time.pauses == pytest.approx([LONG_PAUSE] * (len(time.asked) - 1))
    assert len(time.asked) > 5


def test_a_tick_that_fails_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fills a row and a log, and another one follows at once."""
    paused: list[float] = []
    monkeypatch.setattr(ENDING, "wait", paused.append)
    with pytest.raises(ConnectionError), slow_to_fail():
        raise ConnectionError("the database is away")
    assert paused == [PAUSE_AFTER_AN_ERROR]
