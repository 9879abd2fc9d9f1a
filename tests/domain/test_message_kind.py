"""Who is told of what, and why somebody is not: each rule on its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequora_orchestration.domain.care import EscalationTask, User
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import TASK_CREATED, Facts, Suppression
from sequora_orchestration.domain.notification import Notification

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
NURSE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER_NURSE = "0e37df36-f698-11e6-8dd4-cb9ced3df976"

TASK = EscalationTask(
    id="0f8fad5b-d9cb-469f-a165-70867728950e",
    episode_id="12345678-9abc-4def-8123-456789abcdef",
    severity="HIGH",
    priority="URGENT",
    reason_codes=("CHEST_PAIN",),
    status="OPEN",
    sla_due_at=NOW + timedelta(minutes=42),
    assigned_to_user_id=NURSE,
)
USER = User(id=NURSE, primary_phone="+1 202 555 0123", role="NURSE", active=True)


def facts(
    task: EscalationTask | None = TASK, recipient_id: str | None = NURSE, user: User | None = USER, **known: object
) -> Facts:
    message = Notification(
        id="1e07df36-f698-41e6-8dd4-cb9ced3df976",
        kind="task-created",
        claim_id="2e07df36-f698-41e6-8dd4-cb9ced3df976",
        task_id=TASK.id,
        episode_id=TASK.episode_id,
        recipient_id=recipient_id,
        owed_since=NOW,
    )
    return replace(Facts(now=NOW, message=message, task=task, recipient=user), **known)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["OPEN", "IN_PROGRESS", None, "", "WHATEVER"])
def test_the_assigned_nurse_is_told_of_a_task_that_is_not_closed(status: str | None) -> None:
    """An unknown or missing status counts as open: silence is worse."""
    assert TASK_CREATED.unwanted(facts(replace(TASK, status=status))) is None


@pytest.mark.parametrize("status", ["RESOLVED", "CANCELLED"])
@pytest.mark.parametrize("recipient", [NURSE, OTHER_NURSE, None])
@pytest.mark.parametrize("assignee", [NURSE, None])
def test_nobody_is_told_of_a_closed_task(status: str, recipient: str | None, assignee: str | None) -> None:
    """Whoever it is assigned to, nobody needs to act any more."""
    task = replace(TASK, status=status, assigned_to_user_id=assignee)
    assert TASK_CREATED.unwanted(facts(task, recipient)) == Suppression(
        State.CANCELLED, f"the task is {status}: nobody needs to act"
    )


@pytest.mark.parametrize("recipient", [NURSE, None])
def test_nobody_is_told_of_a_task_that_was_deleted(recipient: str | None) -> None:
    """Its message is cancelled, with the reason."""
    assert TASK_CREATED.unwanted(facts(None, recipient)) == Suppression(
        State.CANCELLED, "the task does not exist (any more)"
    )


@pytest.mark.parametrize("assignee", [OTHER_NURSE, None])
def test_a_nurse_is_not_told_of_a_task_that_is_no_longer_hers(assignee: str | None) -> None:
    """The one it went to is told by a message of her own."""
    assert TASK_CREATED.unwanted(facts(replace(TASK, assigned_to_user_id=assignee))) == Suppression(
        State.CANCELLED, "the task has been reassigned meanwhile"
    )


def test_a_task_that_nobody_is_assigned_to_fails_and_says_what_to_do() -> None:
    """It is no state to be silent about."""
    assert TASK_CREATED.unwanted(facts(replace(TASK, assigned_to_user_id=None), None)) == Suppression(
        State.FAILED, "nobody is assigned to the task; assign a nurse"
    )


def test_a_message_to_nobody_is_cancelled_once_somebody_is_assigned() -> None:
    """The nurse has a message of her own; this one has nothing left to complain of."""
    assert TASK_CREATED.unwanted(facts(recipient_id=None)) == Suppression(
        State.CANCELLED, "the task has been assigned meanwhile; the nurse is told by a message of her own"
    )


@pytest.mark.parametrize("role", ["NURSE", "SUPERVISOR", "ADMIN", None])
@pytest.mark.parametrize("active", [True, None])
@pytest.mark.parametrize("phone", ["+12025550123", "(202) 555-0123"])
def test_a_member_of_staff_with_a_phone_is_reachable(role: str | None, active: bool | None, phone: str) -> None:  # noqa: FBT001
    """What is not known to be wrong is let through."""
    assert TASK_CREATED.unreachable(facts(user=replace(USER, role=role, active=active, primary_phone=phone))) is None


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (None, "the assigned user does not exist; assign the task to somebody else"),
        (replace(USER, active=False), "the assigned user is not active; assign the task to somebody else"),
        (replace(USER, role="PATIENT"), "the assigned user is a patient; assign the task to a nurse"),
        (replace(USER, primary_phone=None), "no phone number on file; correct the assigned user's phone"),
        (replace(USER, primary_phone=" "), "no phone number on file; correct the assigned user's phone"),
        (
            replace(USER, primary_phone="555-CALL-ME"),
            "the phone number on file has letters in it; correct the assigned user's phone",
        ),
        (
            replace(USER, primary_phone="555-0123"),
            "the phone number on file is too short, too long or has no area code; correct the assigned user's phone",
        ),
    ],
)
def test_who_cannot_be_texted_fails_the_message_and_it_says_what_to_do(user: User | None, reason: str) -> None:
    """A person can see it and mend it."""
    assert TASK_CREATED.unreachable(facts(user=user)) == Suppression(State.FAILED, reason)


@given(st.text(alphabet="0123456789+-() x", max_size=30))
@settings(deadline=None)
def test_the_reason_why_somebody_is_unreachable_holds_no_digit_of_a_phone(phone: str) -> None:
    """It is kept in the ledger, which may be shown."""
    suppression = TASK_CREATED.unreachable(facts(user=replace(USER, primary_phone=phone)))
    assert suppression is None or not any(character.isdigit() for character in suppression.reason)


def test_the_repr_of_a_user_hides_the_phone() -> None:
    """A user may end up in an error's text, a phone may not."""
    assert NURSE in repr(USER)
    assert "555" not in repr(USER)
    assert "0123" not in str([USER])
