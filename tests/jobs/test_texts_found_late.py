"""Texts that show up in the phone company's list after they were given up: counted, told, and nobody else's."""

from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from click.testing import CliRunner
from doubts import SECOND, doubtful_task, looked_for, looked_up
from phones import Phones
from runs import Runs, metadata

from sequora_orchestration.cli import orders
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.cli.status import as_text, read_status
from sequora_orchestration.domain.answers import Unclear
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import ErrorAfterAccepting, Refuse, ResetAfterAccepting
from sequora_orchestration.messages.task_created import NEW_TASKS

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("stopped_clock", "environment")


def given_up(care: Care, runs: Runs, phones: Phones) -> str:
    """Return a task whose nurse's text was accepted, and given up after ten seconds, for the list does not show it."""
    phones.company.visible_after = 1_000_000
    task = doubtful_task(care, runs, phones, ErrorAfterAccepting())
    assert looked_for(care, runs) == [0, 2, 5, 10]
    return task


def doubled(care: Care, runs: Runs, phones: Phones) -> str:
    """Return a task whose nurse's text was sent again after that; from now on the list shows both."""
    task = given_up(care, runs, phones)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["SENT"]
    phones.company.visible_after = 0
    return task


def test_a_text_that_was_given_up_and_went_out_all_the_same_is_counted_and_told(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """When it is looked for a minute later; in status, and in the task's timeline."""
    task = doubled(care, runs, phones)
    first, second = (phones(NURSE_PHONE).received_text() for _ in range(2))
    care.it_is(NOW + 69 * SECOND)
    assert looked_up(runs) == []
    care.it_is(NOW + 70 * SECOND)
    (result,) = looked_up(runs)
    assert "it went out all the same" in str(metadata(result, "look_up_texts")["reason"])
    (row,) = care.ledger(task)
    assert (row["state"], row["provider_sid"]) == ("SENT", second.sid)
    doubts = runs.ledger.overview.figures().doubts
    assert (doubts.sent_again, doubts.doubled, doubts.adopted) == (1, 1, 0)
    assert "1 sent again (1 WENT OUT TWICE)" in as_text(read_status())
    assert f"two texts went out: the first was found after 1 min 10 s; SID {first.sid}" in timeline(task)


def timeline(task: str) -> str:
    """Return what the command shows, in one line."""
    return " ".join(CliRunner().invoke(sequora, ["timeline", task]).stdout.split())


def test_a_text_that_was_given_up_is_looked_for_a_few_times_and_then_no_more(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """After 1, 5 and 30 minutes; a run that is lost costs a minute."""
    phones.company.script(Refuse(500, 20500), to=NURSE_PHONE)
    care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    looked_for(care, runs)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    for minutes in (1, 5, 30):
        care.it_is(NOW + 9 * SECOND + minutes * MINUTE)
        assert runs.ledger.doubts.due_look_ups() == []
        care.it_is(NOW + 10 * SECOND + minutes * MINUTE)
        assert len(runs.ledger.doubts.due_look_ups()) == 1
        care.it_is(NOW + 10 * SECOND + minutes * MINUTE + 2 * MINUTE)
        assert len(looked_up(runs)) == 1
    care.it_is(NOW + timedelta(days=2))
    assert runs.ledger.doubts.due_look_ups() == []
    assert runs.ledger.lost_attempts.sought() == []
    assert runs.ledger.overview.figures().doubts.doubled == 0


def test_while_the_list_cannot_be_read_it_counts_as_no_look(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a day; after that nobody looks any more."""
    doubled(care, runs, phones)
    for _ in range(2):
        phones(NURSE_PHONE).received_text()
    with monkeypatch.context() as wrong:
        wrong.setenv("TWILIO_AUTH_TOKEN", "another")
        for minutes in (1, 5, 30, 120):
            care.it_is(NOW + 10 * SECOND + minutes * MINUTE)
            assert len(looked_up(runs)) == 1
    care.it_is(NOW + 125 * MINUTE)
    looked_up(runs)
    assert runs.ledger.overview.figures().doubts.doubled == 1


def test_a_text_that_shows_up_before_it_was_sent_again_is_adopted(care: Care, runs: Runs, phones: Phones) -> None:
    """The breaker is open meanwhile: there is no second text."""
    task = given_up(care, runs, phones)
    runs.ledger.halts.note_trouble(SMS, Unclear("the phone company answered HTTP 503"), at_once=True)
    phones.company.visible_after = 0
    care.it_is(NOW + 70 * SECOND)
    looked_up(runs)
    (row,) = care.ledger(task)
    assert (row["state"], row["provider_sid"]) == ("SENT", phones(NURSE_PHONE).received_text().sid)
    assert row["sent_at"] == NOW
    assert len(care.logged(task)) == 1
    runs.ledger.halts.note_answer(SMS)
    assert runs.tick(NEW_TASKS) == []
    assert runs.ledger.overview.figures().doubts.doubled == 0
    assert "given up, then found at the phone company before it was sent again" in timeline(task)


def test_the_second_text_is_not_taken_for_the_one_that_was_given_up(care: Care, runs: Runs, phones: Phones) -> None:
    """Neither once its SID is known, nor while it is on its way or in doubt itself."""
    phones.company.script(Refuse(500, 20500), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    looked_for(care, runs)
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    second = phones(NURSE_PHONE).received_text()
    (lost,) = runs.ledger.lost_attempts.sought()
    for state in ("IN_DOUBT", "SENT"):
        assert care.states(task) == [state]
        assert not runs.ledger.lost_attempts.adopt_given_up(lost, second.sid, [*lost.fingerprints])
        assert not runs.ledger.lost_attempts.note_found_late(lost, second.sid, [*lost.fingerprints], texted_at=NOW)
        care.it_is(NOW + 80 * SECOND)
        looked_up(runs)
    assert [row["provider_sid"] for row in care.ledger(task)] == [second.sid]
    assert runs.ledger.overview.figures().doubts.doubled == 0


def test_a_text_that_was_found_late_is_no_other_messages(care: Care, runs: Runs, phones: Phones) -> None:
    """Though one that reads the same is in doubt: it is sent again."""
    task = doubled(care, runs, phones)
    for _ in range(2):
        phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 70 * SECOND)
    looked_up(runs)
    orders.change("resend", task, None, Operator(who="maya", why="not told after all"))
    phones.company.script(Refuse(500, 20500), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["SENT", "IN_DOUBT"]
    assert looked_for(care, runs, since=NOW + 70 * SECOND) == [0, 2, 5, 10]
    assert care.states(task) == ["SENT", "QUEUED"]


def test_of_both_texts_that_show_up_while_the_second_is_in_doubt_one_is_adopted_and_one_was_too_many(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """There is no third."""
    task = given_up(care, runs, phones)
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    phones.company.visible_after = 0
    care.it_is(NOW + 12 * SECOND)
    looked_up(runs)
    texts = {phones(NURSE_PHONE).received_text().sid for _ in range(2)}
    sids = care.rows("SELECT provider_sid, found_sid FROM orchestration.notification, orchestration.lost_attempt")
    assert {sid for row in sids for sid in row.values()} == texts
    assert care.states(task) == ["SENT"]
    assert runs.ledger.overview.figures().doubts.doubled == 1


def test_of_a_task_that_was_resolved_meanwhile_one_text_went_out_after_all(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It was not sent again: nothing was doubled, but it is told."""
    task = given_up(care, runs, phones)
    care.change_task(task, status="RESOLVED")
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["CANCELLED"]
    phones.company.visible_after = 0
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 70 * SECOND)
    looked_up(runs)
    assert runs.ledger.overview.figures().doubts.doubled == 0
    assert "a text went out after all: it was found after" in timeline(task)


def test_what_was_given_up_is_deleted_with_its_message(care: Care, runs: Runs, phones: Phones) -> None:
    """After its retention, found or not."""
    task = doubled(care, runs, phones)
    for _ in range(2):
        phones(NURSE_PHONE).received_text()
    care.change_task(task, status="RESOLVED")
    care.it_is(NOW + timedelta(days=401))
    care.rows("UPDATE orchestration.notification_event SET at = :at", at=NOW)
    assert runs.launch("delete_what_is_over").success
    assert care.one("SELECT count(*) FROM orchestration.lost_attempt") == 0
