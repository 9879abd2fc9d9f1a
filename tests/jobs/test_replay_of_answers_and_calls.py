"""Replays of messages that are worth something for minutes alone: answers to staff, and calls."""

from datetime import timedelta

import pytest
from calls import call_for
from care import NOW, NURSE_PHONE, Care
from phones import Phones
from replays import MAYA, REGION_OFF, asked, found_and_again, ticked
from runs import Runs

from sequora_orchestration.cli import orders
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.scripted_answers import Refuse
from sequora_orchestration.messages.nurse_call import NURSES_TO_CALL
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import texts_without_receipt

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("stopped_clock")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Staff may answer by text."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")


@pytest.fixture
def calling(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nurses are called of tasks that are HIGH or CRITICAL."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "HIGH")
    call_for(care, "HIGH")


def failed_answer(care: Care, runs: Runs, phones: Phones, body: str) -> str:
    """Return the task that a nurse has written about; the answer to her has failed."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    assert isinstance(phones.company.receive(phone=NURSE_PHONE, body=body), Message)
    phones.company.script(REGION_OFF, to=NURSE_PHONE)
    runs.read_replies()
    assert care.states(kind="reply") == ["FAILED"]
    return task


@pytest.mark.usefixtures("commands")
def test_an_answer_to_a_command_is_sent_again_however_late(care: Care, runs: Runs, phones: Phones) -> None:
    """And says what became of the command."""
    failed_answer(care, runs, phones, "1a")
    care.it_is(NOW + 60 * MINUTE)
    assert found_and_again(asked("2h", kinds=["reply"], done=True)) == (1, 1)
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1A: accepted."


@pytest.mark.usefixtures("commands")
def test_help_that_nobody_waits_for_any_more_is_left_out(care: Care, runs: Runs, phones: Phones) -> None:
    """It stays owed since then."""
    failed_answer(care, runs, phones, "what is this?")
    care.it_is(NOW + 16 * MINUTE)
    told = asked("2h", kinds=["reply"], done=True)
    assert told["left_out"] == {"nobody waits for help any more": 1}
    care.it_is(NOW + 10 * MINUTE)
    assert found_and_again(asked("2h", kinds=["reply"], done=True)) == (1, 1)
    runs.read_replies()
    phones(NURSE_PHONE).received_text(containing="to answer a text about a task")


@pytest.mark.usefixtures("commands")
def test_an_answer_that_is_resent_or_tried_once_more_still_says_what_it_answers(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """And not how commands are written."""
    task = failed_answer(care, runs, phones, "1a")
    orders.change("resend", task, "reply", MAYA)
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = 30003
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1A: accepted."
    care.it_is(NOW + MINUTE)
    runs.sensor(texts_without_receipt)
    phones.company.undeliverable.clear()
    care.it_is(NOW + 7 * MINUTE)
    runs.read_replies()
    assert phones(NURSE_PHONE).received_text().body == "1A: accepted."


@pytest.mark.usefixtures("calling")
def test_a_call_that_failed_is_made_again_within_the_hour(care: Care, runs: Runs, phones: Phones) -> None:
    """Later it is not: her supervisors know."""
    phones.company.always(Refuse(400, 21614), to=NURSE_PHONE)
    care.a_task(care.a_nurse(), created_at=NOW)
    ticked(runs, [NEW_TASKS])
    phones.company.calls.script(Refuse(400, 21211), to=NURSE_PHONE)
    ticked(runs, [NURSES_TO_CALL])
    assert care.states(kind="nurse-call") == ["FAILED"]
    care.it_is(NOW + 61 * MINUTE)
    told = asked("2h", kinds=["nurse-call"])
    assert told["left_out"] == {"more than an hour late; the supervisors have been told": 1}
    care.it_is(NOW + 30 * MINUTE)
    assert found_and_again(asked("2h", kinds=["nurse-call"], done=True)) == (1, 1)
    ticked(runs, [NURSES_TO_CALL])
    phones(NURSE_PHONE).rang()
