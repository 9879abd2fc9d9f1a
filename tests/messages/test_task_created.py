"""The first text about a task: to whom, and when it is not wanted."""

from dataclasses import replace

import pytest
from care import of_status
from facts import (
    NURSE,
    OTHER_NURSE,
    TASK,
    facts,
)

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.task_created import TASK_CREATED


@pytest.mark.parametrize("status", ["OPEN", "IN_PROGRESS", None, "", "WHATEVER"])
def test_the_assigned_nurse_is_told_of_a_task_that_is_not_closed(status: str | None) -> None:
    """An unknown or missing status counts as open: silence is worse."""
    assert TASK_CREATED.unwanted(facts(replace(TASK, **of_status(status)))) is None


@pytest.mark.parametrize("status", ["RESOLVED", "CANCELLED"])
@pytest.mark.parametrize("recipient", [NURSE, OTHER_NURSE, None])
@pytest.mark.parametrize("assignee", [NURSE, None])
def test_nobody_is_told_of_a_closed_task(status: str, recipient: str | None, assignee: str | None) -> None:
    """Whoever it is assigned to, nobody needs to act any more."""
    task = replace(TASK, **of_status(status), assigned_to_user_id=assignee)
    assert TASK_CREATED.unwanted(facts(task, recipient)) == Suppression(
        State.CANCELLED, f"the task is {status}: nobody needs to act", Cause.TASK_CLOSED
    )


@pytest.mark.parametrize("recipient", [NURSE, None])
def test_nobody_is_told_of_a_task_that_was_deleted(recipient: str | None) -> None:
    """Its message is cancelled, with the reason."""
    assert TASK_CREATED.unwanted(facts(None, recipient)) == Suppression(
        State.CANCELLED, "the task does not exist (any more)", Cause.TASK_GONE
    )


@pytest.mark.parametrize("assignee", [OTHER_NURSE, None])
def test_a_nurse_is_not_told_of_a_task_that_is_no_longer_hers(assignee: str | None) -> None:
    """The one it went to is told by a message of her own."""
    assert TASK_CREATED.unwanted(facts(replace(TASK, assigned_to_user_id=assignee))) == Suppression(
        State.CANCELLED, "the task has been reassigned meanwhile", Cause.REASSIGNED
    )


def test_a_task_that_nobody_is_assigned_to_fails_and_says_what_to_do() -> None:
    """It is no state to be silent about."""
    assert TASK_CREATED.unwanted(facts(replace(TASK, assigned_to_user_id=None), None)) == Suppression(
        State.FAILED, "nobody is assigned to the task; assign a nurse", Cause.NOBODY_ASSIGNED
    )


def test_a_message_to_nobody_is_cancelled_once_somebody_is_assigned() -> None:
    """The nurse has a message of her own; this one has nothing left to complain of."""
    assert TASK_CREATED.unwanted(facts(recipient_id=None)) == Suppression(
        State.CANCELLED,
        "the task has been assigned meanwhile; the nurse is told by a message of her own",
        Cause.ASSIGNED_MEANWHILE,
    )
