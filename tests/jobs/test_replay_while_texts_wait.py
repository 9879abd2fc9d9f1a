"""A replay only queues messages: what keeps them back is said, before the order and after it."""

from datetime import timedelta

import pytest
from care import NOW, Care
from phones import Phones
from replays import MAYA, REGION_OFF, asked, found_and_again, page, ticked
from runs import Runs

from sequora_orchestration.cli import orders
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS

PAUSED = "paused, by maya since 2026-03-02 15:00:00 UTC: texting was off at Twilio (`sequora resume"


@pytest.fixture
def three_failed(stopped_clock: None, care: Care, runs: Runs, phones: Phones) -> None:  # noqa: ARG001
    """Three texts to a nurse have failed."""
    phones.company.always(REGION_OFF)
    nurse = care.a_nurse()
    for _ in range(3):
        care.a_task(nurse, created_at=NOW)
    ticked(runs, [NEW_TASKS])
    phones.company.always(None)


@pytest.mark.usefixtures("three_failed")
@pytest.mark.parametrize(
    ("kind", "said"),
    [("all", f"all messages are {PAUSED}`)"), ("task-created", f"task-created is {PAUSED} task-created`)")],
)
def test_a_pause_that_holds_them_is_named(care: Care, kind: str, said: str) -> None:
    """By whom, since when, and why; and nothing is said to be sent."""
    orders.pause(kind, MAYA)
    care.it_is(NOW + timedelta(minutes=1))
    told = asked()
    assert told["waiting"] == {said: 3}
    assert "of those that would be sent again, these still wait" in page()
    shown = page(done=True)
    assert "of those that are sent again, these still wait" in shown
    assert said in " ".join(shown.split())
    assert "3 messages are queued to be sent again, each by a new message" in shown


@pytest.mark.usefixtures("three_failed")
def test_a_pause_of_another_kind_is_not(care: Care) -> None:
    """It holds none of them."""
    orders.pause("check-in", MAYA)
    care.it_is(NOW + timedelta(minutes=1))
    told = asked()
    assert found_and_again(told) == (3, 3)
    assert told["waiting"] == {}


@pytest.mark.usefixtures("three_failed")
def test_a_phone_company_that_takes_no_texts_is_named(care: Care, ledger: Ledger) -> None:
    """While its breaker is open."""
    answer = Refused(Refusal.CONFIGURATION, "the account is suspended", 30002)
    ledger.halts.note_trouble(SMS, answer, at_once=True)
    care.it_is(NOW + timedelta(minutes=1))
    (why,) = asked(done=True)["waiting"]
    assert why.startswith("the phone company takes no texts since 2026-03-02 15:00:00 UTC: the account is suspended")
