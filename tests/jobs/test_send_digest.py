"""The flood: a nurse who has had many texts about new tasks gets the next ones as one, and none is lost by that."""

from datetime import timedelta

import pytest
from care import NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from doubts import looked_up
from phones import Phones
from runs import Runs

from sequora_orchestration.local.twilio.scripted_answers import Refuse
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS

MINUTE = timedelta(minutes=1)
WINDOW = 15 * MINUTE

pytestmark = pytest.mark.usefixtures("stopped_clock", "flood")


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five texts in a quarter of an hour are a flood."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", "5/15m")


def burst(care: Care, runs: Runs, count: int, nurse: str | None = None, **columns: object) -> list[str]:
    """Return that many new tasks of a nurse's, of whom her texts have gone out or wait."""
    nurse = nurse or care.a_nurse()
    tasks = [care.a_task(nurse, **{"created_at": NOW, **columns}) for _ in range(count)]
    while ran := runs.tick(NEW_TASKS):
        assert all(run.success for run in ran)
    return tasks


def five_alone(phones: Phones, count: int = 5) -> None:
    """Claim the texts that come alone; there are no more."""
    for _ in range(count):
        phones(NURSE_PHONE).received_text(containing="🚨 New ")
    assert phones.unexpected() == []


def digest(care: Care) -> dict[str, object]:
    """Return the row of the only digest."""
    (row,) = care.ledger(kind="task-digest")
    return dict(row)


def named(care: Care) -> list[str]:
    """Return the states of what the digest tells of, in order."""
    rows = care.rows("SELECT state FROM orchestration.notification WHERE named_by IS NOT NULL ORDER BY state")
    return [row["state"] for row in rows]


def test_of_a_hundred_tasks_five_come_alone_and_the_others_in_one_text(care: Care, runs: Runs, phones: Phones) -> None:
    """When a quarter of an hour has passed since the first; each task has its own row, here and in the log."""
    tasks = burst(care, runs, 100)
    five_alone(phones)
    assert digest(care)["due_at"] == NOW + WINDOW
    assert named(care) == ["SCHEDULED"] * 95
    care.it_is(NOW + WINDOW - timedelta(seconds=1))
    assert runs.tick(DUE_DIGESTS) == runs.tick(NEW_TASKS) == []
    care.it_is(NOW + WINDOW)
    assert runs.tick(NEW_TASKS) == []
    (run,) = runs.tick(DUE_DIGESTS)
    assert run.success
    text = phones(NURSE_PHONE).received_text(containing="📋 95 new tasks for you: 95 HIGH\n")
    assert text.body.endswith("\nView: https://app.example.com/tasks")
    assert named(care) == ["SENT"] * 95
    sent_at = {row["sent_at"] for row in care.ledger(kind="task-created") if row["named_by"]}
    assert sent_at == {digest(care)["sent_at"]}
    assert [len(care.logged(task)) for task in tasks] == [1] * 100
    assert care.one('SELECT count(*) FROM "NotificationLog"') == 100
    assert runs.tick(DUE_DIGESTS) == runs.tick(NEW_TASKS) == []
