"""The sensor for texts in doubt looks when a look is due, and not when its tick ends; its clock is the test's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from care import NOW, Care
from doubts import doubtful_task
from phones import Phones
from runs import Runs

from sequora_orchestration.ledger.doubts import DoubtfulTexts
from sequora_orchestration.local.twilio.scripted_answers import Answer, Refuse, ResetBeforeAccepting
from sequora_orchestration.sensors import certainty, watch
from sequora_orchestration.sensors.certainty import PAUSE_BETWEEN_LOOKS, doubtful_texts
from sequora_orchestration.sensors.watch import LONG_PAUSE, WATCH_BETWEEN

pytestmark = pytest.mark.usefixtures("stopped_clock")


@dataclass
class Time:
    """Seconds since NOW, by the sensor's clock and by the database's."""

    care: Care
    now: float = 0.0

    def wait(self, seconds: float) -> None:
        """Let the time pass."""
        self.now += seconds
        self.care.it_is(NOW + timedelta(seconds=self.now))


@pytest.fixture
def time(care: Care, monkeypatch: pytest.MonkeyPatch) -> Iterator[Time]:
    """A clock that moves only while the sensor waits; each of its ticks lasts as long as any."""
    time = Time(care)
    with monkeypatch.context() as moved:
        moved.setattr(watch, "time", SimpleNamespace(monotonic=lambda: time.now))
        moved.setattr(watch.ENDING, "wait", time.wait)
        moved.setattr(certainty, "length_of_watch", lambda _: WATCH_BETWEEN[1])
        yield time


@pytest.mark.parametrize(
    ("answer", "due"), [(Refuse(500, 20500), [0, 2, 5, 10]), (ResetBeforeAccepting(), [2, 5, 10, 20, 40, 60])]
)
def test_each_look_is_made_when_it_is_due(
    care: Care, runs: Runs, phones: Phones, time: Time, answer: Answer, due: list[float]
) -> None:
    """The last one too: a tick ends with it, though it would have gone on for ten seconds."""
    task = doubtful_task(care, runs, phones, answer)
    looks = []
    while care.states(task) == ["IN_DOUBT"]:
        if runs.sensor(doubtful_texts):
            looks.append(time.now)
    assert looks == pytest.approx(due, abs=PAUSE_BETWEEN_LOOKS)


def test_what_is_less_urgent_is_not_asked_as_often(runs: Runs, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick asks for what is due to be looked for twice a second, and for what processes died of every two seconds."""
    asked: dict[str, list[float]] = {"due_look_ups": [], "set_aside_what_died": []}
    for name, times in asked.items():
        ask = getattr(DoubtfulTexts, name)

        def noted(ledger: DoubtfulTexts, ask: object = ask, times: list[float] = times) -> object:
            times.append(time.now)
            return ask(ledger)  # type: ignore[operator]

        monkeypatch.setattr(DoubtfulTexts, name, noted)
    assert runs.sensor(doubtful_texts) == []
    pauses = {name: [later - earlier for earlier, later in pairwise(times)] for name, times in asked.items()}
    assert pauses["due_look_ups"] == [PAUSE_BETWEEN_LOOKS] * 26
    assert pauses["set_aside_what_died"] == [LONG_PAUSE] * 6
