"""How messages of a claim are sent: the same code for every kind of message. Dagster is not known here.

Between any two statements the process may be killed. What then holds:
- before `begin_attempt` has committed: the row is QUEUED, certainly not sent, and claimed again after its lease;
- after it: the row is SENDING, and when its lease runs out it is IN_DOUBT, never sent again blindly;
- after the answer is recorded: the row has left SENDING for good, or is QUEUED with the reason.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.domain.answers import Accepted, Answer, Refusal, Refused, Unclear
from sequora_orchestration.domain.care import EscalationTask, User
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import MessageKind, Suppression
from sequora_orchestration.domain.phone_number import e164
from sequora_orchestration.resources.care_database import CareDatabase
from sequora_orchestration.resources.ledger import Ledger, Notification
from sequora_orchestration.resources.sms_sender import TEXTS_AT_A_TIME, SmsSender

# The first try, and one after each of the waits.
WAITS = (1, 2, 4)
ATTEMPTS = 1 + len(WAITS)

# Seconds until a text is tried again that our own configuration kept from going out.
CONFIGURATION_PAUSE = 15

# Seconds between the tries to record an answer while the database is away. Together they outlast a failover; a
# record that comes later than the attempt's lease still counts: what was taken for abandoned is settled all the same.
RECORD_WAITS = (1, 2, 4, 8, 15, 30, 30)


class SenderUnusableError(Exception):
    """The phone company takes no text from us until an engineer mends something; no attempt was burnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Sends what a claim has, in one run."""

    ledger: Ledger
    care: CareDatabase
    sender: SmsSender
    app_url: str
    run_id: str

    def drop_unwanted(
        self, kind: MessageKind, notifications: Sequence[Notification]
    ) -> list[tuple[Notification, Suppression]]:
        """End what nobody wants (any more), and return it: task closed, gone, reassigned, or nobody's."""
        tasks = self.care.tasks(one.task_id for one in notifications)
        return self._drop(notifications, lambda one: kind.unwanted(tasks.get(one.task_id), one.recipient_id))

    def drop_unreachable(
        self, kind: MessageKind, notifications: Sequence[Notification]
    ) -> list[tuple[Notification, Suppression]]:
        """End what cannot reach its recipient, and return it: missing, inactive, without a usable phone."""
        users = self.care.users(one.recipient_id for one in notifications if one.recipient_id)
        return self._drop(notifications, lambda one: kind.unreachable(users.get(one.recipient_id or "")))

    def _drop(
        self, notifications: Sequence[Notification], reason_for: Callable[[Notification], Suppression | None]
    ) -> list[tuple[Notification, Suppression]]:
        return [
            (one, why)
            for one in notifications
            if (why := reason_for(one)) and self.ledger.suppress(one, why, self.run_id)
        ]

    def send(self, kind: MessageKind, notifications: Sequence[Notification]) -> bool:
        """Send the texts in their order, some at a time; return whether some are to be tried again.

        An error about one of them does not keep the others from being sent.
        Raises SenderUnusableError, and the database's errors.
        """
        halt = Halt()
        with ThreadPoolExecutor(TEXTS_AT_A_TIME, thread_name_prefix="send_sms") as pool:
            sent = [pool.submit(self._send_one, kind, one, halt) for one in notifications]
        if halt.reason:
            self.ledger.give_back(notifications[0].claim_id, halt.reason, pause=CONFIGURATION_PAUSE)
            raise SenderUnusableError(
                f"Twilio takes no text from us: {halt.reason}. Check the TWILIO_… settings and the account; the texts "
                f"wait in the ledger and are tried again every {CONFIGURATION_PAUSE} s."
            )
        again = [one.result() for one in sent]
        return any(again)

    def _send_one(self, kind: MessageKind, notification: Notification, halt: "Halt") -> bool:
        """Send one text and record its outcome; return whether it is to be tried again."""
        if halt.reason:
            return False
        # What the rules need is read at the last moment: a task closed since the run began is not texted about.
        task = self.care.tasks([notification.task_id]).get(notification.task_id)
        recipient_id = notification.recipient_id
        recipient = self.care.users([recipient_id]).get(recipient_id) if recipient_id else None
        message = _prepared(kind, task, recipient, notification, self.app_url)
        if isinstance(message, Suppression):
            self.ledger.suppress(notification, message, self.run_id)
            return False
        attempt = self.ledger.begin_attempt(notification, self.run_id)
        if attempt is None:  # another claim has taken the row over
            return False
        answer = self.sender.send(message.to, message.body)
        if isinstance(answer, Refused) and answer.refusal is Refusal.CONFIGURATION:
            halt.reason = f"{answer.reason} ({answer.code or 'no code'})"
        self._record(notification, attempt, answer)
        return isinstance(answer, Refused) and answer.refusal is Refusal.TRANSIENT and attempt < ATTEMPTS

    def _record(self, notification: Notification, attempt: int, answer: Answer) -> None:
        """Record the answer, however long the database is away for."""
        for wait in (*RECORD_WAITS, None):
            try:
                self._settle(notification, attempt, answer)
            except (DBAPIError, PoolTimeout):
                if wait is None:
                    raise
                time.sleep(wait)
            else:
                break

    def _settle(self, notification: Notification, attempt: int, answer: Answer) -> None:
        match answer:
            case Accepted(sid):
                self.ledger.settle_sent(notification, attempt, sid)
            case Unclear(reason, code):
                self.ledger.settle_unclear(notification, attempt, reason, code)
            case Refused(Refusal.CONFIGURATION, reason, code):
                # Its neighbours come back before it does: should it be the only one that is refused, they go out.
                self.ledger.put_back(notification, attempt, reason, code, pause=2 * CONFIGURATION_PAUSE)
            case Refused(Refusal.TRANSIENT, reason, code) if attempt < ATTEMPTS:
                self.ledger.try_again(notification, attempt, reason, code)
            case Refused(Refusal.TRANSIENT, reason, code):
                self.ledger.settle_refused(notification, attempt, f"{reason}; {attempt} attempts used up", code)
            case Refused(_, reason, code):
                self.ledger.settle_refused(notification, attempt, reason, code)


@dataclass(slots=True)
class Halt:
    """Why no further text of this run is sent; shared by the threads that send."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Message:
    to: str = field(repr=False)
    body: str = field(repr=False)


def _prepared(
    kind: MessageKind,
    task: EscalationTask | None,
    recipient: User | None,
    notification: Notification,
    app_url: str,
) -> _Message | Suppression:
    """Return what to send and where, or why not; a mistake in a rule ends this message alone."""
    try:
        suppression = kind.unwanted(task, notification.recipient_id) or kind.unreachable(recipient)
        if suppression or task is None or recipient is None:
            return suppression or Suppression(State.FAILED, "the task or its nurse could not be read")
        return _Message(e164(recipient.primary_phone), kind.text(task, app_url))
    except Exception as error:  # noqa: BLE001  # whatever it is, the neighbours go out
        return Suppression(State.FAILED, f"could not be prepared ({type(error).__name__}): a mistake of ours")
