"""What differs between the kinds of messages, said in one place per kind.

Everything else (claim, lease, send, settle, log, retry) is the same code for all of them. Who is owed a
message is the kind's question to the database and stands with the ledger's statements.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sequora_orchestration.domain.care import EscalationTask, User
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.domain.texts import nurse_text


@dataclass(frozen=True, slots=True)
class Suppression:
    """A reason not to send, and the state in which the message ends for it."""

    state: State
    reason: str


def _cancelled(reason: str) -> Suppression:
    return Suppression(State.CANCELLED, reason)


def _failed(reason: str) -> Suppression:
    return Suppression(State.FAILED, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageKind:
    """One kind of message about a task."""

    unwanted: Callable[[EscalationTask | None, str | None], Suppression | None]
    """Why a text about the task to the recipient's id is no longer wanted, if it is not."""

    unreachable: Callable[[User | None], Suppression | None]
    """Why the recipient cannot be texted, if so."""

    text: Callable[[EscalationTask, str], str]
    """What it says, given the task and the application's URL."""


def _unwanted_by_assignee(task: EscalationTask | None, recipient_id: str | None) -> Suppression | None:
    if task is None:
        return _cancelled("the task does not exist (any more)")
    if task.is_closed:
        return _cancelled(f"the task is {task.status}: nobody needs to act")
    if task.assigned_to_user_id == recipient_id:
        return None if recipient_id else _failed("nobody is assigned to the task; assign a nurse")
    if recipient_id is None:
        return _cancelled("the task has been assigned meanwhile; the nurse is told by a message of her own")
    return _cancelled("the task has been reassigned meanwhile")


def _unreachable_member_of_staff(user: User | None) -> Suppression | None:
    if user is None:
        return _failed("the assigned user does not exist; assign the task to somebody else")
    if user.active is False:
        return _failed("the assigned user is not active; assign the task to somebody else")
    if user.role == "PATIENT":
        return _failed("the assigned user is a patient; assign the task to a nurse")
    try:
        e164(user.primary_phone)
    except UnusablePhoneError as error:
        return _failed(f"{error}; correct the assigned user's phone")
    return None


TASK_CREATED = MessageKind(
    unwanted=_unwanted_by_assignee,
    unreachable=_unreachable_member_of_staff,
    text=nurse_text,
)
