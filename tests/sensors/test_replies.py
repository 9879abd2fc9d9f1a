"""The sensor for what people text to us looks soon where somebody may answer; its clock is the test's own."""

from types import SimpleNamespace

import pytest
from care import NURSE_PHONE, Care
from phones import Phones
from runs import Runs

from sequora_orchestration.delivery.delivery import open_delivery
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors import replies
from sequora_orchestration.sensors.replies import LONG_PAUSE, PAUSE, Looks
from sequora_orchestration.sensors.watch import ENDING

pytestmark = pytest.mark.usefixtures("environment")


def test_the_first_answer_for_a_long_time_is_read_as_soon_as_any(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is looked at once a minute while nobody has been texted; the first text ends that."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    now = 1000.0
    monkeypatch.setattr(replies, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(ENDING, "wait", lambda _: None)
    looks, delivery = Looks(), open_delivery("")
    assert looks.watch(delivery, seconds=0) == []
    care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    phones.company.receive(phone=NURSE_PHONE, body="1a")
    now += PAUSE
    assert len(looks.watch(delivery, seconds=0)) == 1


def test_while_nobody_may_answer_the_list_is_looked_at_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For STOP and START alone, which may come at any time."""
    now, read = 1000.0, list[float]()
    monkeypatch.setattr(replies, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(ENDING, "wait", lambda _: None)

    def unread(*_: object, **__: object) -> list[object]:
        read.append(now)
        return []

    monkeypatch.setattr(replies, "unread", unread)
    looks, delivery = Looks(), open_delivery("")
    while now < 1000 + 2 * LONG_PAUSE + PAUSE:
        looks.watch(delivery, seconds=0)
        now += PAUSE
    assert read == [1000, 1000 + LONG_PAUSE, 1000 + 2 * LONG_PAUSE]
