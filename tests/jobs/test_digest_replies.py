"""Nurses who were told of tasks by a digest, and answer: such tasks have no numbers."""

from datetime import UTC, datetime, timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from floods import DIGEST_AFTER, MINUTE, WINDOW, alone, burst, digest, gathered, sent
from phones import Phones
from runs import Runs

from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.scripted_answers import ResetAfterAccepting
from sequora_orchestration.messages.sla_breach import SLA_BREACHES

pytestmark = pytest.mark.usefixtures("stopped_clock", "flood")

WHICH = (
    "A: several tasks of yours may be meant. Please add the number, e.g. 1A; a task without a number is in the app: "
    "https://app.example.com/tasks"
)


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five texts in a quarter of an hour are a flood, and staff may answer by text."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)
    monkeypatch.setenv("SEQUORA_REPLIES", "on")


def answered(runs: Runs, phones: Phones, body: str, *, at: datetime | None = None) -> str:
    """Let the nurse write to us, and return the answer that she gets."""
    assert isinstance(phones.company.receive(phone=NURSE_PHONE, body=body, created=at), Message)
    (result,) = runs.read_replies()
    assert result.success
    return phones(NURSE_PHONE).received_text().body


def only_one_numbered(care: Care) -> str:
    """Close all tasks but one that had a text of its own; return that one's number."""
    care.rows(
        """UPDATE "EscalationTask" SET status = 'RESOLVED' WHERE id::text NOT IN (
               SELECT task_id FROM orchestration.notification WHERE named_by IS NOT NULL
           ) AND id::text <> (SELECT task_id FROM orchestration.task_number WHERE number = 3)"""
    )
    return "3"


def test_a_bare_letter_is_for_no_task_while_others_were_told_by_a_digest(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It may be meant for one of those; with a number it is obeyed."""
    gathered(care, runs, phones, 2)
    number = only_one_numbered(care)
    assert answered(runs, phones, "A") == f"{number}A: accepted.", "they wait, and she knows nothing of them"
    sent(care, runs)
    assert "Reply" not in phones(NURSE_PHONE).received_text(containing="📋 2 new tasks").body
    assert answered(runs, phones, "a") == WHICH
    assert answered(runs, phones, f"{number}A") == f"{number}A: accepted."


def test_also_while_it_is_not_known_whether_the_digest_went_out(care: Care, runs: Runs, phones: Phones) -> None:
    """She may have it in her hand."""
    gathered(care, runs, phones, 2)
    only_one_numbered(care)
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert digest(care)["state"] == "IN_DOUBT"
    assert answered(runs, phones, "A") == WHICH


def test_where_only_those_are_open_she_is_not_told_that_none_is(care: Care, runs: Runs, phones: Phones) -> None:
    """But where to find them."""
    gathered(care, runs, phones, 2)
    only_one_numbered(care)
    care.rows("""UPDATE "EscalationTask" SET status = 'RESOLVED' WHERE id::text IN
                 (SELECT task_id FROM orchestration.task_number)""")
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert answered(runs, phones, "A") == WHICH


@pytest.mark.parametrize("why", ["closed", "another's", "texted alone since", "a day ago", "written before"])
def test_a_bare_letter_is_obeyed_again_once_no_other_can_be_meant(
    care: Care, runs: Runs, phones: Phones, why: str
) -> None:
    """The tasks of the digest are out of the question."""
    (task,) = gathered(care, runs, phones, 1, sla_due_at=NOW + WINDOW + MINUTE)
    number = only_one_numbered(care)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task")
    at = None
    if why == "closed":
        care.change_task(task, status="RESOLVED")
    elif why == "another's":
        care.change_task(task, assigned_to_user_id=care.a_nurse("+12025550102"))
    elif why == "texted alone since":
        care.it_is(NOW + WINDOW + MINUTE)
        runs.tick(SLA_BREACHES)
        texted = phones(NURSE_PHONE).received_text(containing="SLA missed").body
        care.change_task(care.one("SELECT task_id FROM orchestration.task_number WHERE number = 3"), status="RESOLVED")
        number = texted.splitlines()[-1].split()[1].removesuffix("A")
    elif why == "a day ago":
        care.it_is(NOW + WINDOW + timedelta(days=1) - 10 * MINUTE)
        (again,) = burst(care, runs, 1, digest(care)["recipient_id"])
        alone(phones, 1)
        care.it_is(NOW + WINDOW + timedelta(days=1) + MINUTE)
        number = str(care.one("SELECT number FROM orchestration.task_number WHERE task_id = :id", id=again))
    else:
        at = datetime.now(UTC) - MINUTE
        care.rows("UPDATE orchestration.go_live SET replies_live_at = replies_live_at - interval '1 hour'")
        care.rows(
            "UPDATE orchestration.notification SET accepted_at = accepted_at - interval '1 hour'"
            " WHERE kind = 'task-created'"
        )
    assert answered(runs, phones, "A", at=at) == f"{number}A: accepted."
