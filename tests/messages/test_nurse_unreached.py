"""The report of a nurse who was not reached: when supervisors are told of it."""

from dataclasses import replace

import pytest
from facts import (
    NURSE,
    OTHER_NURSE,
    SUPERVISOR,
    SUPERVISOR_USER,
    TASK,
    WORDING,
    facts,
    report,
)

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED


def test_a_supervisor_is_not_told_of_a_nurse_who_was_reached_since() -> None:
    """Her number was corrected while there was nobody to tell."""
    assert NURSE_UNREACHED.unwanted(report(is_settled=True)) == Suppression(
        State.CANCELLED, "the nurse has been reached meanwhile", Cause.NURSE_REACHED
    )


def test_a_supervisor_is_told_of_a_nurse_who_was_not_reached() -> None:
    """While the task is hers, or while it is nobody's and was nobody's."""
    assert NURSE_UNREACHED.unwanted(report()) is None
    assert NURSE_UNREACHED.unwanted(report(replace(TASK, assigned_to_user_id=None), nurse=None)) is None


@pytest.mark.parametrize(("nurse", "assignee"), [(NURSE, OTHER_NURSE), (None, NURSE)])
def test_no_supervisor_is_told_once_somebody_else_has_the_task(nurse: str | None, assignee: str) -> None:
    """She is told by a message of her own, and should it fail, that is reported."""
    task = replace(TASK, assigned_to_user_id=assignee)
    assert NURSE_UNREACHED.unwanted(report(task, nurse=nurse)) == Suppression(
        State.CANCELLED, "the task has been assigned or reassigned meanwhile", Cause.REASSIGNED
    )


def test_a_report_of_a_nurse_whose_task_is_nobodys_now_is_not_sent() -> None:
    """That nobody is assigned is reported on its own."""
    withheld = NURSE_UNREACHED.unwanted(report(replace(TASK, assigned_to_user_id=None)))
    assert isinstance(withheld, Suppression)
    assert withheld.state is State.CANCELLED


def test_a_report_whose_cause_is_not_known_is_sent_all_the_same() -> None:
    """Silence is worse."""
    known = facts(TASK, SUPERVISOR, SUPERVISOR_USER)
    assert NURSE_UNREACHED.unwanted(known) is None
    assert NURSE_UNREACHED.text(known, WORDING).startswith("Nurse not reached: UNSPECIFIED. ")
