"""Who is told of what, and why somebody is not: each rule on its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from care import of_status
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import Episode, EscalationTask, Patient, User
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification, Reported
from sequora_orchestration.messages.check_in import CHECK_IN
from sequora_orchestration.messages.kind import Facts, MessageKind, Postponement, Suppression
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.task_created import TASK_CREATED

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
NURSE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER_NURSE = "0e37df36-f698-11e6-8dd4-cb9ced3df976"
SUPERVISOR = "3b241101-e2bb-4255-8caf-4136c566a962"
APP_URL = "https://app.sequora.com"

A_SECOND = timedelta(seconds=1)
A_MOMENT = timedelta(microseconds=1)
A_DAY = timedelta(days=1)

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
    task: EscalationTask | None = TASK,
    recipient_id: str | None = NURSE,
    user: User | Patient | None = USER,
    *,
    sla_due_at: datetime | None = None,
    due_at: datetime | None = None,
    reported: Reported | None = None,
    **known: object,
) -> Facts:
    """Return what is known of a message: first what it was made with, then what else is known at the moment."""
    message = Notification(
        read_at=NOW,
        id="1e07df36-f698-41e6-8dd4-cb9ced3df976",
        kind="task-created",
        claim_id="2e07df36-f698-41e6-8dd4-cb9ced3df976",
        task_id=TASK.id,
        episode_id=TASK.episode_id,
        recipient_id=recipient_id,
        owed_since=due_at or NOW,
        sla_due_at=sla_due_at,
        due_at=due_at,
        reported=reported,
    )
    return replace(Facts(now=NOW, message=message, task=task, recipient=user), **known)  # type: ignore[arg-type]


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


def test_every_kind_is_found_by_its_name() -> None:
    """It is what the ledger keeps of it."""
    assert KINDS == {
        "task-created": TASK_CREATED,
        "sla-warning": SLA_WARNING,
        "sla-breach": SLA_BREACH,
        "sla-escalation": SLA_ESCALATION,
        "nurse-unreached": NURSE_UNREACHED,
        "check-in": CHECK_IN,
    }
    assert [kind.name for kind in KINDS.values()] == list(KINDS)


# --- about an SLA, to the nurse ---------------------------------------------------------------------------------------

OF_AN_SLA = pytest.mark.parametrize("kind", [SLA_WARNING, SLA_BREACH], ids=["warning", "breach"])
TO_SUPERVISORS = pytest.mark.parametrize("kind", [SLA_ESCALATION, NURSE_UNREACHED], ids=["escalation", "unreached"])


def of_sla(kind: MessageKind, task: EscalationTask = TASK, recipient_id: str | None = NURSE) -> Facts:
    """Return facts at a moment at which the kind is wanted: a minute before the task's SLA, or a minute after it."""
    before = kind is SLA_WARNING
    sla_due_at = NOW + timedelta(minutes=1) if before else NOW - timedelta(minutes=1)
    return facts(replace(task, sla_due_at=sla_due_at), recipient_id, sla_due_at=sla_due_at)


@pytest.mark.parametrize("left", [A_MOMENT, A_SECOND, timedelta(hours=1), timedelta(days=30)])
def test_a_nurse_is_warned_until_the_sla(left: timedelta) -> None:
    """To the last moment before it; how early is the queue's business."""
    sla_due_at = NOW + left
    assert SLA_WARNING.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) is None


@pytest.mark.parametrize("ago", [timedelta(0), A_MOMENT, A_SECOND, timedelta(days=1)])
def test_a_nurse_is_not_warned_of_an_sla_that_has_passed(ago: timedelta) -> None:
    """From its very moment on she is alerted instead."""
    sla_due_at = NOW - ago
    assert SLA_WARNING.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) == Suppression(
        State.CANCELLED, "the SLA time has passed; the breach is alerted by a message of its own", Cause.SLA_PASSED
    )


@pytest.mark.parametrize("ago", [timedelta(0), A_MOMENT, A_SECOND, timedelta(days=30)])
def test_a_nurse_is_alerted_from_the_sla_on(ago: timedelta) -> None:
    """At its very moment, and however late."""
    sla_due_at = NOW - ago
    assert SLA_BREACH.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) is None


@pytest.mark.parametrize("left", [A_MOMENT, A_SECOND, timedelta(days=1)])
def test_a_nurse_is_not_alerted_before_the_sla(left: timedelta) -> None:
    """Not by a moment, and not by somebody who asks for it by name."""
    sla_due_at = NOW + left
    assert SLA_BREACH.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) == Suppression(
        State.CANCELLED, "the SLA time has not passed", Cause.SLA_NOT_PASSED
    )


@given(st.timedeltas(timedelta(days=-30), timedelta(days=30)))
def test_a_nurse_is_either_warned_or_alerted_of_an_sla(until: timedelta) -> None:
    """Of one SLA at one moment never both, and never neither."""
    of_it = facts(replace(TASK, sla_due_at=NOW + until), sla_due_at=NOW + until)
    assert (SLA_WARNING.unwanted(of_it) is None) != (SLA_BREACH.unwanted(of_it) is None)


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


# --- to supervisors ---------------------------------------------------------------------------------------------------

SLA = NOW - timedelta(minutes=31)
BREACHED = replace(TASK, sla_due_at=SLA)
SUPERVISOR_USER = replace(USER, id=SUPERVISOR, role="SUPERVISOR")


def escalation(
    task: EscalationTask | None = BREACHED, *, due_at: datetime | None = NOW, sla_due_at: datetime | None = SLA
) -> Facts:
    return facts(task, SUPERVISOR, SUPERVISOR_USER, sla_due_at=sla_due_at, due_at=due_at)


def report(
    task: EscalationTask | None = TASK,
    *,
    nurse: str | None = NURSE,
    reason: str | None = "landline: no texts",
    is_settled: bool = False,
) -> Facts:
    reported = Reported(recipient_id=nurse, reason=reason, is_settled=is_settled)
    return facts(task, SUPERVISOR, SUPERVISOR_USER, reported=reported)


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
    assert NURSE_UNREACHED.text(known, APP_URL).startswith("Nurse not reached: UNSPECIFIED. ")


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


# --- what they say ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "known", "beginning"),
    [
        (TASK_CREATED, facts(), "🚨 New HIGH task: CHEST_PAIN\n"),
        (SLA_WARNING, facts(), "SLA in 42 min, please act. "),
        (SLA_BREACH, facts(BREACHED), "SLA missed 31 min ago, please act now. "),
        (SLA_ESCALATION, escalation(), "ESCALATION: SLA missed 31 min ago, please take over. "),
        (NURSE_UNREACHED, report(), "Nurse not reached: landline. Please take over or reassign. "),
        (NURSE_UNREACHED, report(nurse=None), "Nobody is assigned, please assign a nurse. "),
    ],
)
def test_each_kind_says_what_has_happened_and_how_long_ago(kind: MessageKind, known: Facts, beginning: str) -> None:
    """At the moment at which it is sent, not at which it was made."""
    assert kind.text(known, APP_URL).startswith(beginning)


@pytest.mark.parametrize("kind", [TASK_CREATED, SLA_WARNING, SLA_BREACH, SLA_ESCALATION, NURSE_UNREACHED])
def test_a_text_about_no_task_is_a_mistake_of_ours(kind: MessageKind) -> None:
    """It is asked only of what is wanted."""
    with pytest.raises(ValueError, match="needs the task"):
        kind.text(facts(task=None), APP_URL)


# --- to a patient -----------------------------------------------------------------------------------------------------

EPISODE = Episode(id="12345678-9abc-4def-8123-456789abcdef", patient_id="p", discharge_at=None, created_at=NOW - A_DAY)
PATIENT = Patient(
    id="p",
    first_name="Maria",
    primary_phone="+1 202 555 0151",
    language_code="en",
    timezone="America/New_York",
)


def check_in(
    patient: User | Patient | None = PATIENT,
    *,
    episode: Episode | None = EPISODE,
    due_at: datetime | None = NOW,
    now: datetime = NOW,
    opted_out: bool = False,
) -> Facts:
    return facts(None, "p", patient, due_at=due_at, episode=episode, now=now, opted_out=opted_out)


def test_a_patient_is_checked_in_on_by_day() -> None:
    """At ten in the morning where she is, with an episode, a phone and no STOP."""
    assert CHECK_IN.unwanted(check_in()) is None
    assert CHECK_IN.unreachable(check_in()) is None
    assert CHECK_IN.text(check_in(), APP_URL).startswith("Hi Maria, ")


@pytest.mark.parametrize("due_at", [None, NOW])
def test_without_an_episode_there_is_no_check_in(due_at: datetime | None) -> None:
    """Neither is it scheduled nor sent."""
    assert CHECK_IN.unwanted(check_in(episode=None, due_at=due_at)) == Suppression(
        State.CANCELLED, "the episode does not exist (any more)", Cause.EPISODE_GONE
    )


@pytest.mark.parametrize("recipient", [None, USER])
def test_without_a_patient_there_is_no_check_in(recipient: User | None) -> None:
    """And a member of staff is never taken for one. Until it is due there may be one yet."""
    assert CHECK_IN.unreachable(check_in(recipient, due_at=None)) is None
    assert CHECK_IN.unreachable(check_in(recipient, due_at=NOW)) == Suppression(
        State.CANCELLED, "the episode's patient does not exist (any more)", Cause.RECIPIENT_GONE
    )
    with pytest.raises(TypeError, match="needs the patient"):
        CHECK_IN.text(check_in(recipient), APP_URL)


@pytest.mark.parametrize("late", [-A_DAY, timedelta(0), timedelta(hours=23), A_DAY - A_SECOND, A_DAY])
def test_a_check_in_is_wanted_for_a_day_after_it_was_due(late: timedelta) -> None:
    """And before, by whoever asks for it by name."""
    assert CHECK_IN.unwanted(check_in(due_at=NOW - late)) is None


@pytest.mark.parametrize("late", [A_DAY + A_MOMENT, A_DAY + A_SECOND, timedelta(days=30)])
def test_a_check_in_that_is_more_than_a_day_late_is_stale(late: timedelta) -> None:
    """A patient who is asked days later how today is would wonder what the question is about."""
    assert CHECK_IN.unwanted(check_in(due_at=NOW - late)) == Suppression(
        State.CANCELLED, "stale: it could not be sent for more than a day after it was due", Cause.STALE
    )


def test_a_check_in_that_has_no_time_yet_is_not_stale() -> None:
    """It is about to be given one."""
    assert CHECK_IN.unwanted(check_in(due_at=None, now=NOW + timedelta(days=30))) is None


@pytest.mark.parametrize("phone", [None, "", "555-CALL-ME", "+12025550151"])
@pytest.mark.parametrize("opted_out", [True, False])
@pytest.mark.parametrize("hour", [3, 15])
def test_a_check_in_is_scheduled_whatever_the_phone_and_the_hour(
    phone: str | None,
    opted_out: bool,  # noqa: FBT001
    hour: int,
) -> None:
    """Whether she can be texted is asked when it is sent: a number may be mended by then."""
    known = check_in(
        replace(PATIENT, primary_phone=phone), due_at=None, now=NOW.replace(hour=hour), opted_out=opted_out
    )
    assert CHECK_IN.unreachable(known) is None


@pytest.mark.parametrize(
    ("phone", "cause", "reason"),
    [
        (None, Cause.UNUSABLE_PHONE, "no phone number on file; correct the patient's phone"),
        (" ", Cause.UNUSABLE_PHONE, "no phone number on file; correct the patient's phone"),
        (
            "555-CALL-ME",
            Cause.UNUSABLE_PHONE,
            "the phone number on file has letters in it; correct the patient's phone",
        ),
        (
            "555-0123",
            Cause.UNUSABLE_PHONE,
            "the phone number on file is too short, too long or has no area code; correct the patient's phone",
        ),
    ],
)
@pytest.mark.parametrize("hour", [3, 15])
def test_a_patient_without_a_usable_phone_fails_the_check_in(
    phone: str | None, cause: Cause, reason: str, hour: int
) -> None:
    """By day or by night: a person can see it and mend it."""
    known = check_in(replace(PATIENT, primary_phone=phone), now=NOW.replace(hour=hour))
    assert CHECK_IN.unreachable(known) == Suppression(State.FAILED, reason, cause)


@pytest.mark.parametrize("hour", [3, 15])
def test_a_patient_who_has_opted_out_is_not_checked_in_on(hour: int) -> None:
    """That is her wish and no failure; by day or by night."""
    assert CHECK_IN.unreachable(check_in(now=NOW.replace(hour=hour), opted_out=True)) == Suppression(
        State.CANCELLED, "opted out: the patient's number has replied STOP", Cause.OPTED_OUT
    )


# In New York, of which this is winter, it is day from 14:00 to 01:00 UTC.
MORNING = datetime(2026, 3, 3, 14, tzinfo=UTC)
EVENING = datetime(2026, 3, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("now", [MORNING, MORNING + A_MOMENT, MORNING + A_SECOND, EVENING - A_SECOND])
def test_a_patient_is_texted_from_nine_to_just_before_eight(now: datetime) -> None:
    """By her own clock."""
    assert CHECK_IN.unreachable(check_in(due_at=now, now=now)) is None


@pytest.mark.parametrize("now", [EVENING, EVENING + A_SECOND, MORNING - timedelta(hours=5), MORNING - A_SECOND])
def test_a_check_in_that_would_go_out_at_night_waits_for_the_morning(now: datetime) -> None:
    """A worker that comes back at three is no reason to wake her."""
    postponement = CHECK_IN.unreachable(check_in(due_at=EVENING - timedelta(hours=1), now=now))
    assert postponement == Postponement(MORNING, "it is night where the patient is: moved to the morning", Cause.NIGHT)
    assert postponement.state is State.SCHEDULED


@pytest.mark.parametrize(
    ("zone", "until"),
    [
        ("America/New_York", None),
        ("Pacific/Honolulu", datetime(2026, 3, 2, 19, tzinfo=UTC)),
        ("Pacific/Guam", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        (None, datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("America", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("\0", datetime(2026, 3, 2, 23, tzinfo=UTC)),
    ],
)
def test_it_is_night_where_the_patient_is_now(zone: str | None, until: datetime | None) -> None:
    """Her zone is read anew when the text is sent; where it is not known, it is day when it is day everywhere."""
    withheld = CHECK_IN.unreachable(check_in(replace(PATIENT, timezone=zone)))
    assert withheld == (
        until and Postponement(until, "it is night where the patient is: moved to the morning", Cause.NIGHT)
    )


@pytest.mark.parametrize("late", [A_DAY - A_SECOND, A_DAY])
def test_at_night_a_check_in_is_kept_that_is_a_day_late_by_the_morning(late: timedelta) -> None:
    """To the very moment."""
    withheld = CHECK_IN.unreachable(check_in(due_at=MORNING - late, now=MORNING - timedelta(hours=9)))
    assert isinstance(withheld, Postponement)
    assert withheld.until == MORNING


@pytest.mark.parametrize("late", [A_DAY + A_MOMENT, A_DAY + A_SECOND, timedelta(days=2)])
def test_at_night_a_check_in_is_dropped_that_is_more_than_a_day_late_by_the_morning(late: timedelta) -> None:
    """There is no use in letting it wait."""
    known = check_in(due_at=MORNING - late, now=MORNING - timedelta(hours=9))
    assert CHECK_IN.unreachable(known) == Suppression(
        State.CANCELLED, "stale: by the patient's next morning it would be more than a day late", Cause.STALE
    )


def test_a_check_in_that_was_put_off_once_is_not_put_off_for_ever() -> None:
    """Its first due time counts, not the morning to which it was moved."""
    known = check_in(due_at=MORNING, now=MORNING + timedelta(hours=12))
    put_off = replace(known, message=replace(known.message, owed_since=EVENING - A_SECOND))
    assert CHECK_IN.unreachable(put_off) == Suppression(
        State.CANCELLED, "stale: by the patient's next morning it would be more than a day late", Cause.STALE
    )


@given(st.text(alphabet="0123456789+-() x", max_size=30), st.sampled_from([3, 15]))
def test_the_reason_why_a_patient_is_not_texted_holds_nothing_of_her(phone: str, hour: int) -> None:
    """It is kept in the ledger, which may be shown."""
    withheld = CHECK_IN.unreachable(check_in(replace(PATIENT, primary_phone=phone), now=NOW.replace(hour=hour)))
    assert withheld is None or not any(character.isdigit() for character in withheld.reason)
    assert withheld is None or "Maria" not in withheld.reason


def test_a_check_in_has_the_link_that_is_known_and_no_other_kind_has_one() -> None:
    """The text that a log may keep has none, and the facts do not show it."""
    known = check_in(due_at=NOW, now=NOW)
    linked = replace(known, link="https://care.example/Zqlink")
    assert "\nhttps://care.example/Zqlink\n" in CHECK_IN.text(linked, APP_URL)
    assert CHECK_IN.text_to_keep(linked, APP_URL) == CHECK_IN.text(known, APP_URL)
    assert "Zqlink" not in repr(linked)
    assert [kind.name for kind in KINDS.values() if kind.carries_link] == ["check-in"]


def test_a_text_without_a_link_is_kept_as_it_is() -> None:
    """A nurse's, whose link leads to the application's own login."""
    assert TASK_CREATED.text_to_keep(facts(), APP_URL) == TASK_CREATED.text(facts(), APP_URL)
