"""The escalation of a breach: when supervisors are told of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from care import of_status
from facts import (
    A_DAY,
    A_MOMENT,
    A_SECOND,
    BREACHED,
    NOW,
    NURSE,
    OTHER_NURSE,
    SLA,
    escalation,
)

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import Postponement, Suppression
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION


@pytest.mark.parametrize("ago", [timedelta(0), A_MOMENT, A_SECOND, timedelta(days=1)])
def test_a_supervisor_is_told_from_the_end_of_the_delay_on(ago: timedelta) -> None:
    """At its very moment, and however late."""
    assert SLA_ESCALATION.unwanted(escalation(due_at=NOW - ago)) is None


@pytest.mark.parametrize("left", [A_MOMENT, A_SECOND, timedelta(minutes=30)])
def test_until_the_end_of_the_delay_an_escalation_waits(left: timedelta) -> None:
    """By a moment too early it is postponed to its own time, by whomever it was asked for."""
    postponement = SLA_ESCALATION.unwanted(escalation(due_at=NOW + left))
    assert postponement == Postponement(
        NOW + left, "the nurse still has time to act on the breach", Cause.NURSE_HAS_TIME
    )
    assert postponement.state is State.SCHEDULED


def test_an_escalation_without_a_time_is_not_delayed() -> None:
    """What has no time need not wait for it."""
    assert SLA_ESCALATION.unwanted(escalation(due_at=None)) is None


@pytest.mark.parametrize("status", ["OPEN", "IN_PROGRESS", None, "WHATEVER"])
def test_a_supervisor_is_told_of_a_breach_whose_task_is_not_closed(status: str | None) -> None:
    """To have begun is not to have ended."""
    assert SLA_ESCALATION.unwanted(escalation(replace(BREACHED, **of_status(status)))) is None


@pytest.mark.parametrize("assignee", [NURSE, OTHER_NURSE, None])
def test_a_breach_is_escalated_whoever_has_the_task_now(assignee: str | None) -> None:
    """The SLA was missed, and nobody has closed the task."""
    assert SLA_ESCALATION.unwanted(escalation(replace(BREACHED, assigned_to_user_id=assignee))) is None


def test_a_task_whose_sla_was_taken_away_is_not_escalated() -> None:
    """There is no breach any more."""
    assert SLA_ESCALATION.unwanted(escalation(replace(BREACHED, sla_due_at=None))) == Suppression(
        State.CANCELLED, "the task has no SLA time any more", Cause.NO_SLA
    )


@pytest.mark.parametrize("due_at", [NOW, NOW + timedelta(minutes=5)])
@pytest.mark.parametrize("left", [A_MOMENT, A_SECOND, timedelta(hours=8)])
def test_a_task_whose_sla_was_moved_into_the_future_is_not_escalated(left: timedelta, due_at: datetime) -> None:
    """Not now and not later: the new SLA has warning, alert and escalation of its own."""
    moved = replace(BREACHED, sla_due_at=NOW + left)
    assert SLA_ESCALATION.unwanted(escalation(moved, due_at=due_at)) == Suppression(
        State.CANCELLED, "the SLA time has been moved into the future meanwhile", Cause.SLA_MOVED
    )


@pytest.mark.parametrize("by", [A_MOMENT, A_SECOND, NOW - SLA, -A_MOMENT, -A_SECOND, -A_DAY])
def test_a_task_whose_sla_was_moved_and_has_passed_again_is_escalated_for_that_one(by: timedelta) -> None:
    """Its breach is alerted first, and the nurse has time to act on it; up to the present moment itself."""
    moved = replace(BREACHED, sla_due_at=SLA + by)
    assert SLA_ESCALATION.unwanted(escalation(moved)) == Suppression(
        State.CANCELLED,
        "the SLA time has been moved meanwhile, and that one's breach is alerted on its own",
        Cause.SLA_MOVED,
    )
