"""What the kinds of messages about tasks share: when they are not wanted, who cannot be texted, what they are worth."""

from datetime import timedelta

from sequora_orchestration.domain.care import EscalationTask, User
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.messages.kind import Facts, Suppression, cancelled, failed

# A text about a task that arrives later than this is of no use; its supervisor is told instead. Long enough for a burst
# of 1,000 texts of three segments to leave through a slow sender's queue.
WORTH_TO_STAFF = timedelta(hours=1)

NOBODY_ASSIGNED = failed(Cause.NOBODY_ASSIGNED, "nobody is assigned to the task; assign a nurse")


def task_of(facts: Facts) -> EscalationTask:
    """Return the task that a text is about. Raises ValueError without one: its message should have been cancelled."""
    if facts.task is None:
        raise ValueError("a text about a task needs the task")
    return facts.task


def closed(task: EscalationTask | None) -> Suppression | None:
    """Return why nobody is told of a task that is gone or closed."""
    if task is None:
        return cancelled(Cause.TASK_GONE, "the task does not exist (any more)")
    if task.is_closed:
        return cancelled(Cause.TASK_CLOSED, f"the task is {task.status}: nobody needs to act")
    return None


def unwanted_by_assignee(facts: Facts) -> Suppression | None:
    """Return why a message to the assignee is not wanted: the task is closed, nobody's, or somebody else's."""
    task, recipient_id = facts.task, facts.message.recipient_id
    if task is None or task.is_closed:
        return closed(task)
    if task.assigned_to_user_id == recipient_id:
        return None if recipient_id else NOBODY_ASSIGNED
    if recipient_id is None:
        return cancelled(
            Cause.ASSIGNED_MEANWHILE,
            "the task has been assigned meanwhile; the nurse is told by a message of her own",
        )
    return cancelled(Cause.REASSIGNED, "the task has been reassigned meanwhile")


def sla_moved(facts: Facts) -> Suppression | None:
    """Return why a message about an SLA is not wanted: the task has none, or another by now."""
    if facts.task is None or facts.task.sla_due_at is None:
        return cancelled(Cause.NO_SLA, "the task has no SLA time")
    if facts.task.sla_due_at != facts.message.sla_due_at:
        return cancelled(Cause.SLA_MOVED, "the SLA time has been moved meanwhile")
    return None


def overdue_by(facts: Facts) -> timedelta:
    """Return how long ago the SLA was missed; negative for one that is still to come."""
    sla_due_at = task_of(facts).sla_due_at
    return facts.now - sla_due_at if sla_due_at else timedelta(0)


def unreachable_nurse(facts: Facts) -> Suppression | None:
    """Return why the assigned user cannot be texted."""
    return _unreachable_user(facts, "the assigned user", "assign the task to somebody else")


def unreachable_supervisor(facts: Facts) -> Suppression | None:
    """Return why the supervisor cannot be texted."""
    return _unreachable_user(facts, "the supervisor", "somebody else is told")


def unreachable_writer(facts: Facts) -> Suppression | None:
    """Return why somebody who has texted us cannot be answered."""
    return _unreachable_user(facts, "the sender", "no answer is sent")


def _unreachable_user(facts: Facts, who: str, instead: str) -> Suppression | None:
    user = facts.recipient
    if not isinstance(user, User):
        return failed(Cause.RECIPIENT_GONE, f"{who} does not exist; {instead}")
    if user.active is False:
        return failed(Cause.INACTIVE, f"{who} is not active; {instead}")
    if user.role == "PATIENT":
        return failed(Cause.NOT_STAFF, f"{who} is a patient; assign the task to a nurse")
    try:
        e164(user.primary_phone)
    except UnusablePhoneError as error:
        return failed(Cause.UNUSABLE_PHONE, f"{error}; correct {who}'s phone")
    if facts.opted_out:
        return failed(Cause.OPTED_OUT, f"opted out; {who}'s number has replied STOP")
    return None
