"""What all messages about tasks share: whose task it is, who can be texted, and closed tasks."""

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
    OF_AN_SLA,
    OTHER_NURSE,
    SUPERVISOR,
    SUPERVISOR_USER,
    TASK,
    TO_SUPERVISORS,
    USER,
    escalation,
    facts,
    of_sla,
    report,
)
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import User
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import MessageKind, Suppression
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.task_created import TASK_CREATED


@pytest.mark.parametrize("role", ["NURSE", "SUPERVISOR", "ADMIN", None])
@pytest.mark.parametrize("active", [True, None])
@pytest.mark.parametrize("phone", ["+12025550123", "(202) 555-0123"])
def test_a_member_of_staff_with_a_phone_is_reachable(role: str | None, active: bool | None, phone: str) -> None:  # noqa: FBT001
    """What is not known to be wrong is let through."""
    assert TASK_CREATED.unreachable(facts(user=replace(USER, role=role, active=active, primary_phone=phone))) is None


@pytest.mark.parametrize(
    ("user", "cause", "reason"),
    [
        (None, Cause.RECIPIENT_GONE, "the assigned user does not exist; assign the task to somebody else"),
        (
            replace(USER, active=False),
            Cause.INACTIVE,
            "the assigned user is not active; assign the task to somebody else",
        ),
        (replace(USER, role="PATIENT"), Cause.NOT_STAFF, "the assigned user is a patient; assign the task to a nurse"),
        (
            replace(USER, primary_phone=None),
            Cause.UNUSABLE_PHONE,
            "no phone number on file; correct the assigned user's phone",
        ),
        (
            replace(USER, primary_phone=" "),
            Cause.UNUSABLE_PHONE,
            "no phone number on file; correct the assigned user's phone",
        ),
        (
            replace(USER, primary_phone="555-CALL-ME"),
            Cause.UNUSABLE_PHONE,
            "the phone number on file has letters in it; correct the assigned user's phone",
        ),
        (
            replace(USER, primary_phone="555-0123"),
            Cause.UNUSABLE_PHONE,
            "the phone number on file is too short, too long or has no area code; correct the assigned user's phone",
        ),
    ],
)
def test_who_cannot_be_texted_fails_the_message_and_it_says_what_to_do(
    user: User | None, cause: Cause, reason: str
) -> None:
    """A person can see it and mend it."""
    assert TASK_CREATED.unreachable(facts(user=user)) == Suppression(State.FAILED, reason, cause)


@given(st.text(alphabet="0123456789+-() x", max_size=30))
def test_the_reason_why_somebody_is_unreachable_holds_no_digit_of_a_phone(phone: str) -> None:
    """It is kept in the ledger, which may be shown."""
    suppression = TASK_CREATED.unreachable(facts(user=replace(USER, primary_phone=phone)))
    assert suppression is None or not any(character.isdigit() for character in suppression.reason)


def test_the_repr_of_a_user_hides_the_phone() -> None:
    """A user may end up in an error's text, a phone may not."""
    assert NURSE in repr(USER)
    assert "555" not in repr(USER)
    assert "0123" not in str([USER])


@OF_AN_SLA
@pytest.mark.parametrize("status", ["RESOLVED", "CANCELLED"])
@pytest.mark.parametrize("until", [timedelta(minutes=-1), timedelta(0), timedelta(minutes=1)])
@pytest.mark.parametrize("assignee", [NURSE, OTHER_NURSE, None])
def test_nobody_is_told_of_the_sla_of_a_closed_task(
    kind: MessageKind, status: str, until: timedelta, assignee: str | None
) -> None:
    """Before the SLA or after it, and whoever it is assigned to: that it is closed is what is said."""
    task = replace(TASK, **of_status(status), sla_due_at=NOW + until, assigned_to_user_id=assignee)
    assert kind.unwanted(facts(task, sla_due_at=NOW + until)) == Suppression(
        State.CANCELLED, f"the task is {status}: nobody needs to act", Cause.TASK_CLOSED
    )


@OF_AN_SLA
def test_nobody_is_told_of_the_sla_of_a_task_that_was_deleted(kind: MessageKind) -> None:
    """There is nothing to open any more."""
    assert kind.unwanted(replace(of_sla(kind), task=None)) == Suppression(
        State.CANCELLED, "the task does not exist (any more)", Cause.TASK_GONE
    )


@OF_AN_SLA
@pytest.mark.parametrize("status", ["OPEN", "IN_PROGRESS", None, "WHATEVER"])
def test_a_nurse_is_told_of_the_sla_of_a_task_that_is_not_closed(kind: MessageKind, status: str | None) -> None:
    """That she has begun does not make the SLA."""
    assert kind.unwanted(of_sla(kind, replace(TASK, **of_status(status)))) is None


@OF_AN_SLA
@pytest.mark.parametrize("by", [-A_MOMENT, A_MOMENT, -A_SECOND, A_SECOND, timedelta(hours=8)])
def test_nobody_is_told_of_an_sla_that_has_been_moved(kind: MessageKind, by: timedelta) -> None:
    """Earlier or later: the new one has messages of its own."""
    known = of_sla(kind)
    assert known.task
    assert known.message.sla_due_at
    moved = replace(known.task, sla_due_at=known.message.sla_due_at + by)
    assert kind.unwanted(replace(known, task=moved)) == Suppression(
        State.CANCELLED, "the SLA time has been moved meanwhile", Cause.SLA_MOVED
    )


@OF_AN_SLA
@pytest.mark.parametrize("of_the_message", ["none", "one"])
def test_nobody_is_told_of_an_sla_that_is_none(kind: MessageKind, of_the_message: str) -> None:
    """It was taken away meanwhile, or the task never had one and somebody asked by name."""
    known = of_sla(kind)
    if of_the_message == "none":
        known = replace(known, message=replace(known.message, sla_due_at=None))
    assert kind.unwanted(replace(known, task=replace(TASK, sla_due_at=None))) == Suppression(
        State.CANCELLED, "the task has no SLA time", Cause.NO_SLA
    )


@OF_AN_SLA
def test_of_the_sla_the_assigned_nurse_is_told_and_no_other(kind: MessageKind) -> None:
    """The same rules as for a new task."""
    assert kind.unwanted(of_sla(kind)) is None
    assert kind.unwanted(of_sla(kind, replace(TASK, assigned_to_user_id=OTHER_NURSE))) == Suppression(
        State.CANCELLED, "the task has been reassigned meanwhile", Cause.REASSIGNED
    )
    assert kind.unwanted(of_sla(kind, replace(TASK, assigned_to_user_id=None))) == Suppression(
        State.CANCELLED, "the task has been reassigned meanwhile", Cause.REASSIGNED
    )
    assert kind.unwanted(of_sla(kind, recipient_id=None)) == Suppression(
        State.CANCELLED,
        "the task has been assigned meanwhile; the nurse is told by a message of her own",
        Cause.ASSIGNED_MEANWHILE,
    )
    assert kind.unwanted(of_sla(kind, replace(TASK, assigned_to_user_id=None), None)) == Suppression(
        State.FAILED, "nobody is assigned to the task; assign a nurse", Cause.NOBODY_ASSIGNED
    )


@pytest.mark.parametrize("kind", [TASK_CREATED, SLA_WARNING, SLA_BREACH], ids=["task", "warning", "breach"])
def test_a_nurse_who_has_opted_out_fails_the_message(kind: MessageKind) -> None:
    """Somebody has to know that she does not hear of her tasks."""
    assert kind.unreachable(facts(opted_out=False)) is None
    assert kind.unreachable(facts(opted_out=True)) == Suppression(
        State.FAILED, "opted out; the assigned user's number has replied STOP", Cause.OPTED_OUT
    )


@OF_AN_SLA
@pytest.mark.parametrize(
    ("user", "cause", "reason"),
    [
        (None, Cause.RECIPIENT_GONE, "the assigned user does not exist; assign the task to somebody else"),
        (
            replace(USER, active=False),
            Cause.INACTIVE,
            "the assigned user is not active; assign the task to somebody else",
        ),
        (replace(USER, role="PATIENT"), Cause.NOT_STAFF, "the assigned user is a patient; assign the task to a nurse"),
        (
            replace(USER, primary_phone=None),
            Cause.UNUSABLE_PHONE,
            "no phone number on file; correct the assigned user's phone",
        ),
    ],
)
def test_who_cannot_be_texted_fails_the_message_about_the_sla(
    kind: MessageKind, user: User | None, cause: Cause, reason: str
) -> None:
    """The same rules as for a new task."""
    assert kind.unreachable(facts(user=user)) == Suppression(State.FAILED, reason, cause)
    assert kind.unreachable(facts(user=USER)) is None


@given(st.timedeltas(timedelta(0), timedelta(days=2)))
def test_staff_is_told_at_any_hour(after: timedelta) -> None:
    """Only patients have a night."""
    for kind in (TASK_CREATED, SLA_WARNING, SLA_BREACH, SLA_ESCALATION, NURSE_UNREACHED):
        assert kind.unreachable(facts(now=NOW + after)) is None


@TO_SUPERVISORS
@pytest.mark.parametrize("status", ["RESOLVED", "CANCELLED"])
@pytest.mark.parametrize("due_at", [NOW - A_DAY, NOW, NOW + A_DAY])
def test_no_supervisor_is_told_of_a_closed_task(kind: MessageKind, status: str, due_at: datetime) -> None:
    """The nurse has acted, at last: neither text nor wait is left."""
    known = escalation(due_at=due_at) if kind is SLA_ESCALATION else report()
    assert known.task
    assert kind.unwanted(replace(known, task=replace(known.task, **of_status(status)))) == Suppression(
        State.CANCELLED, f"the task is {status}: nobody needs to act", Cause.TASK_CLOSED
    )


@TO_SUPERVISORS
def test_no_supervisor_is_told_of_a_task_that_was_deleted(kind: MessageKind) -> None:
    """There is nothing to take over any more."""
    known = escalation(None) if kind is SLA_ESCALATION else report(None)
    assert kind.unwanted(known) == Suppression(State.CANCELLED, "the task does not exist (any more)", Cause.TASK_GONE)


@TO_SUPERVISORS
@pytest.mark.parametrize(
    ("user", "cause", "reason"),
    [
        (None, Cause.RECIPIENT_GONE, "the supervisor does not exist; somebody else is told"),
        (replace(SUPERVISOR_USER, active=False), Cause.INACTIVE, "the supervisor is not active; somebody else is told"),
        (
            replace(SUPERVISOR_USER, primary_phone=None),
            Cause.UNUSABLE_PHONE,
            "no phone number on file; correct the supervisor's phone",
        ),
        (
            replace(SUPERVISOR_USER, primary_phone="555-0123"),
            Cause.UNUSABLE_PHONE,
            "the phone number on file is too short, too long or has no area code; correct the supervisor's phone",
        ),
    ],
)
def test_a_supervisor_who_cannot_be_texted_fails_the_message(
    kind: MessageKind, user: User | None, cause: Cause, reason: str
) -> None:
    """Then the next one is told."""
    assert kind.unreachable(facts(BREACHED, SUPERVISOR, user)) == Suppression(State.FAILED, reason, cause)


@TO_SUPERVISORS
def test_a_supervisor_who_has_opted_out_fails_the_message(kind: MessageKind) -> None:
    """Then the next one is told."""
    known = facts(BREACHED, SUPERVISOR, SUPERVISOR_USER)
    assert kind.unreachable(known) is None
    assert kind.unreachable(replace(known, opted_out=True)) == Suppression(
        State.FAILED, "opted out; the supervisor's number has replied STOP", Cause.OPTED_OUT
    )
