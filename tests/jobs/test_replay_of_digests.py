"""A flood is a flood: what is sent again together is gathered; and a digest that failed takes its tasks along."""

from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from floods import DIGEST_AFTER, MINUTE, WINDOW, alone, burst, digest, gathered, sent
from phones import Phones
from replays import MAYA, REGION_OFF, asked, found_and_again, ticked
from runs import Runs

from sequora_orchestration.cli import orders
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS

pytestmark = pytest.mark.usefixtures("stopped_clock", "flood")


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five texts in a quarter of an hour are a flood."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)


def failed(care: Care, runs: Runs, phones: Phones, count: int, **columns: object) -> list[str]:
    """Return that many tasks of one nurse's, each with a text of its own that has failed, over hours."""
    phones.company.always(REGION_OFF)
    nurse = care.a_nurse()
    tasks = []
    for place in range(count):
        care.it_is(NOW + place * WINDOW)
        tasks += burst(care, runs, 1, nurse, **columns)
    phones.company.always(None)
    care.it_is(NOW + count * WINDOW)
    assert set(care.states()) == {"FAILED"}
    return tasks


def test_texts_to_one_nurse_that_are_sent_again_together_are_gathered(care: Care, runs: Runs, phones: Phones) -> None:
    """Five come alone, the others as a digest; one that a person asks for by itself comes alone."""
    tasks = failed(care, runs, phones, 12)
    assert found_and_again(asked("1d", done=True)) == (12, 12)
    ticked(runs, [NEW_TASKS])
    alone(phones)
    waiting = [row for row in care.ledger(kind="task-created") if row["state"] == "SCHEDULED"]
    assert len(waiting) == 7
    care.it_is(digest(care)["due_at"])
    (run,) = runs.tick(DUE_DIGESTS)
    assert run.success
    phones(NURSE_PHONE).received_text(containing="📋 7 new tasks for you: 7 HIGH\n")
    orders.change("resend", tasks[0], None, MAYA)
    ticked(runs, [NEW_TASKS])
    alone(phones, 1)


def test_critical_ones_are_never_gathered(care: Care, runs: Runs, phones: Phones) -> None:
    """Also when they are sent again."""
    failed(care, runs, phones, 7, severity="CRITICAL")
    asked("1d", done=True)
    ticked(runs, [NEW_TASKS])
    alone(phones, 7)


def a_failed_digest(care: Care, runs: Runs, phones: Phones) -> list[str]:
    """Return three tasks whose digest has failed."""
    tasks = gathered(care, runs, phones, 3)
    phones.company.script(REGION_OFF)
    sent(care, runs)
    assert digest(care)["state"] == "FAILED"
    assert {care.states(task)[0] for task in tasks} == {"FAILED"}
    care.it_is(NOW + WINDOW + MINUTE)
    return tasks


def test_a_digest_that_failed_is_sent_again_and_its_tasks_with_it(care: Care, runs: Runs, phones: Phones) -> None:
    """Once: they get no texts of their own."""
    tasks = a_failed_digest(care, runs, phones)
    told = asked(done=True)
    assert found_and_again(told) == (4, 1)
    assert [(one["kind"]) for one in told["first"]] == ["task-digest"]
    assert list(told["left_out"].values()) == [3]
    ticked(runs, [NEW_TASKS, DUE_DIGESTS])
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")
    assert {care.states(task)[-1] for task in tasks} == {"SENT"}
    assert found_and_again(asked(done=True)) == (4, 0)


def test_a_digest_whose_tasks_are_all_closed_is_left_out(care: Care, runs: Runs, phones: Phones) -> None:
    """And asking changes nothing of its tasks' messages."""
    tasks = a_failed_digest(care, runs, phones)
    care.change_task(tasks[0], status="RESOLVED")
    assert found_and_again(asked()) == (4, 1)
    for task in tasks:
        care.change_task(task, status="RESOLVED")
    assert found_and_again(asked(done=True)) == (4, 0)
    assert len(care.ledger()) == 9
    asked("1h", kinds=["task-created"])


def test_a_task_that_was_told_of_alone_since_is_no_part_of_the_digest(care: Care, runs: Runs, phones: Phones) -> None:
    """It would be counted as new to her once more."""
    tasks = a_failed_digest(care, runs, phones)
    orders.change("resend", tasks[0], "task-created", MAYA)
    ticked(runs, [NEW_TASKS])
    alone(phones, 1)
    care.it_is(NOW + WINDOW + 2 * MINUTE)
    assert found_and_again(asked(done=True)) == (4, 1)
    ticked(runs, [DUE_DIGESTS])
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")


def test_if_all_its_tasks_were_told_of_since_no_digest_is_sent(care: Care, runs: Runs, phones: Phones) -> None:
    """Nothing is left to tell."""
    tasks = a_failed_digest(care, runs, phones)
    for task in tasks:
        orders.change("resend", task, "task-created", MAYA)
    ticked(runs, [NEW_TASKS])
    alone(phones, 3)
    care.it_is(NOW + WINDOW + 2 * MINUTE + timedelta(seconds=1))
    assert found_and_again(asked(done=True)) == (4, 0)


def test_a_digest_that_fails_again_is_sent_a_third_time_with_the_same_tasks(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The messages that the second one has told of in vain stand in nobody's way."""
    a_failed_digest(care, runs, phones)
    for minutes in (2, 3):
        asked(done=True)
        phones.company.script(REGION_OFF)
        ticked(runs, [DUE_DIGESTS])
        care.it_is(NOW + WINDOW + minutes * MINUTE)
    assert found_and_again(asked(done=True))[1] == 1
    ticked(runs, [DUE_DIGESTS])
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")


def test_a_task_that_another_digest_has_told_of_since_is_no_part_of_it(care: Care, runs: Runs, phones: Phones) -> None:
    """It would be counted as new to her once more."""
    tasks = a_failed_digest(care, runs, phones)
    (nurse,) = {row["recipient_id"] for row in care.ledger()}
    other = care.a_nurse("+12025550102")
    care.change_task(tasks[0], assigned_to_user_id=other)
    ticked(runs, [NEW_TASKS])
    phones("+12025550102").received_text()
    burst(care, runs, 5, nurse)
    alone(phones)
    care.change_task(tasks[0], assigned_to_user_id=nurse)
    ticked(runs, [NEW_TASKS])
    assert sorted(care.states(tasks[0])) == ["FAILED", "SCHEDULED", "SENT"]
    (waiting,) = [row for row in care.ledger(kind="task-digest") if row["state"] == "SCHEDULED"]
    care.it_is(waiting["due_at"])
    ticked(runs, [DUE_DIGESTS])
    phones(NURSE_PHONE).received_text()
    care.it_is(waiting["due_at"] + MINUTE)
    asked(kinds=["task-digest"], done=True)
    ticked(runs, [DUE_DIGESTS])
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
