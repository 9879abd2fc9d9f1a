"""Orders about digests and about what waits for them; and the story, the figures and the end of both."""

from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from click.testing import CliRunner
from floods import DIGEST_AFTER, MINUTE, WINDOW, alone, digest, fates, gathered, sent
from phones import Phones
from runs import Runs, metadata

from sequora_orchestration.cli import orders
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.measurements import Measurements
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import ResetBeforeAccepting
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS

MAYA = Operator(who="maya", why="an exercise")

pytestmark = pytest.mark.usefixtures("stopped_clock", "flood")


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five texts in a quarter of an hour are a flood."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)


def test_a_person_who_asks_for_a_task_has_its_nurse_told_alone(care: Care, runs: Runs, phones: Phones) -> None:
    """At once; it waits for no digest any more."""
    asked_for, other = gathered(care, runs, phones, 2)
    assert runs.launch("notify_nurse_task", task_ids=[asked_for]).success
    phones(NURSE_PHONE).received_text(containing=asked_for)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task")
    assert fates(care, [asked_for, other]) == [("SENT", None), ("SENT", "TOLD_IN_DIGEST")]


def test_a_person_may_send_a_digest_before_its_time(care: Care, runs: Runs, phones: Phones) -> None:
    """By its id; an id that is none finds nothing."""
    tasks = gathered(care, runs, phones, 2)
    assert not runs.launch("send_digest", notification_ids=["no-id"]).success
    assert runs.launch("send_digest", notification_ids=[str(digest(care)["id"])]).success
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert [len(care.logged(task)) for task in tasks] == [1, 1]


def test_a_digest_that_is_cancelled_tells_of_nothing_and_comes_not_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """An order about a task is about that one alone."""
    one, *others = gathered(care, runs, phones, 3)
    orders.change("cancel", one, None, MAYA)
    assert [state for state, _ in fates(care, [one, *others])] == ["CANCELLED", "SCHEDULED", "SCHEDULED"]
    orders.change("cancel", str(digest(care)["id"]), None, MAYA)
    assert fates(care, [one, *others]) == [("CANCELLED", "CANCELLED_BY_OPERATOR")] * 3
    care.it_is(NOW + WINDOW)
    assert runs.tick(DUE_DIGESTS) == runs.tick(NEW_TASKS) == []


def test_a_digest_that_is_sent_again_counts_what_is_still_open(care: Care, runs: Runs, phones: Phones) -> None:
    """A task that is sent again has a text of its own."""
    closed, one, two = gathered(care, runs, phones, 3)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")
    care.change_task(closed, status="RESOLVED")
    orders.change("resend", str(digest(care)["id"]), None, MAYA)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert fates(care, [one, two]) == [("SENT", "TOLD_IN_DIGEST")] * 2
    assert [len(care.logged(task)) for task in (closed, one, two)] == [1, 2, 2]
    orders.change("resend", one, None, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=["🚨 New ", one])


def held(care: Care, runs: Runs, phones: Phones) -> list[str]:
    """Return tasks whose digest is held, for nobody could read the phone company's list."""
    tasks = gathered(care, runs, phones, 2)
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    sent(care, runs)
    (doubtful,) = runs.ledger.doubts.in_doubt()
    assert runs.ledger.doubts.settle_doubt(doubtful, Suppression(State.HELD, "not readable", Cause.LIST_UNREADABLE))
    assert fates(care, tasks) == [("HELD", "LIST_UNREADABLE")] * 2
    return tasks


def test_a_digest_that_was_held_is_released_with_its_tasks(care: Care, runs: Runs, phones: Phones) -> None:
    """They wait for it again; a person who looks at one of them is told which id to release."""
    tasks = held(care, runs, phones)
    shown = CliRunner().invoke(sequora, ["timeline", tasks[0]])
    assert f"sequora release {digest(care)['id']}" in " ".join(shown.output.split())
    orders.change("release", str(digest(care)["id"]), None, MAYA)
    assert fates(care, tasks) == [("SCHEDULED", "RELEASED_BY_OPERATOR")] * 2
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert fates(care, tasks) == [("SENT", "TOLD_IN_DIGEST")] * 2


def test_one_task_of_a_held_digest_is_released_alone(care: Care, runs: Runs, phones: Phones) -> None:
    """It is told by a text of its own, and is not gathered again."""
    one, other = held(care, runs, phones)
    orders.change("release", one, None, MAYA)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=["🚨 New ", one])
    assert fates(care, [other]) == [("HELD", "LIST_UNREADABLE")]


def test_the_timeline_of_a_task_tells_of_its_digest(care: Care, runs: Runs, phones: Phones) -> None:
    """While it waits, and when it was told; with the SID, for the digest's text is the task's."""
    task, *_ = gathered(care, runs, phones, 7)
    waits = " ".join(CliRunner().invoke(sequora, ["timeline", task]).output.split())
    assert waits.startswith("OK nurse ")
    assert "is to be texted at" in waits
    assert "its digest falls due, and goes out if it is still wanted" in waits
    sent(care, runs)
    text = phones(NURSE_PHONE).received_text(containing="📋 7 new tasks")
    care.it_is(NOW + WINDOW + MINUTE)
    told = " ".join(CliRunner().invoke(sequora, ["timeline", task]).output.split())
    assert told.startswith("OK nurse ")
    assert "told in a digest of 7 tasks" in told
    assert f"SID {text.sid}" in told
    assert "the phone company has the text, and no receipt yet" in told
    of_digest = CliRunner().invoke(sequora, ["timeline", str(digest(care)["id"])])
    assert of_digest.exit_code != 0
    assert task in of_digest.output


def test_a_digest_counts_as_one_text_and_its_tasks_not_as_late(care: Care, runs: Runs, phones: Phones) -> None:
    """They waited on purpose."""
    gathered(care, runs, phones, 7)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 7 new tasks")
    measured = Measurements(care.engine)
    assert measured.deliveries().sent == 6
    assert measured.text_latency().texts == 5
    assert CliRunner().invoke(sequora, ["status"]).exit_code == 0


def test_a_digest_is_deleted_after_the_last_of_its_tasks(care: Care, runs: Runs, phones: Phones) -> None:
    """And not before, for their rows refer to it."""
    first, last = gathered(care, runs, phones, 2)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    care.change_task(first, status="RESOLVED")
    care.it_is(NOW + timedelta(days=402))
    assert metadata(runs.launch("delete_what_is_over"), "delete_old_messages")["deleted"] == 1
    assert len(care.ledger(kind="task-digest")) == 1
    care.change_task(last, status="RESOLVED")
    assert metadata(runs.launch("delete_what_is_over"), "delete_old_messages")["deleted"] == 2
    assert care.ledger(kind="task-digest") == []


def test_a_pause_of_digests_holds_them_back(care: Care, runs: Runs, phones: Phones) -> None:
    """Also one that is due."""
    gathered(care, runs, phones, 2)
    orders.pause("task-digest", MAYA)
    care.it_is(NOW + WINDOW)
    assert runs.tick(DUE_DIGESTS) == []
    orders.resume("task-digest", MAYA)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    alone(phones, 0)
