"""Records the phone company's answer: for the message, for the breaker, and for the messages after it.

The meaning of each code stands in `domain/answers.py`.
"""

import logging
import time
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.delivery.delivery import ATTEMPTS, Delivery
from sequora_orchestration.delivery.prepare import Message
from sequora_orchestration.domain.answers import OPTED_OUT, Accepted, Answer, Refusal, Refused, Unclear
from sequora_orchestration.domain.halts import in_brackets
from sequora_orchestration.domain.notification import Notification, noun_of
from sequora_orchestration.ledger.attempts import Attempt

LOG = logging.getLogger(__name__)

# Seconds until a text may be tried again that was not taken, perhaps through no fault of its own. Its neighbours may go
# before: if it is the only one that is refused, they go out.
PUT_BACK_PAUSE = 30

# Seconds between the tries to record an answer while the database is away. Together they outlast a failover. A record
# that comes later than the attempt's lease still counts: it settles an attempt that was taken for abandoned.
RECORD_WAITS = (1, 2, 4, *([5] * 17))


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call that was made, and its answer."""

    notification: Notification
    attempt: Attempt
    message: Message
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Why no further message of a run is sent."""

    reason: str
    is_trouble: bool = False
    """Whether the breaker is open because the phone company did not take one of this run's own messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The outcome of sending one message, as far as it concerns the run; the ledger has the rest."""

    is_tried_again: bool = False
    """Whether this run is to try it again."""

    halt: Halt | None = None
    """The reason why no further message is to be begun, if there is one."""


def halted_by(answer: Answer) -> Halt | None:
    """Return why no further message is to be begun after an answer that is about all of them, not only this one.

    Threads need it before the answer is recorded.
    """
    if isinstance(answer, Refused) and answer.refusal is Refusal.CONFIGURATION:
        return Halt(reason=answer.reason)
    return None


def record(delivery: Delivery, called: Called) -> Settled:
    """Record the answer, with as many tries as RECORD_WAITS has; return the outcome."""
    notification, answer = called.notification, called.answer
    for wait in (*RECORD_WAITS, None):
        try:
            if isinstance(answer, Refused) and answer.code == OPTED_OUT:
                delivery.ledger.opt_outs.remember_opt_out(called.message.to, notification.recipient_id)
            content = called.message.content if called.attempt.is_content_logged else None
            return _settle(delivery, notification, called.attempt.number or 0, answer, content)
        except (DBAPIError, PoolTimeout):
            if wait is None:
                raise
            time.sleep(wait)
    raise AssertionError("the last wait is none")


def _settle(
    delivery: Delivery, notification: Notification, attempt: int, answer: Answer, content: str | None
) -> Settled:
    attempts = delivery.ledger.attempts
    match answer:
        case Accepted(provider_id, accepted_at):
            attempts.settle_sent(notification, attempt, provider_id, accepted_at=accepted_at, content=content)
            return Settled()
        case Refused(Refusal.PERMANENT, reason, code):
            attempts.settle_refused(notification, attempt, reason, code)
            delivery.ledger.halts.note_answer(notification.channel)
            return Settled()
        case Unclear(reason, code):
            attempts.settle_unclear(notification, attempt, reason, code, is_error_answer=answer.is_error_answer)
            return Settled(halt=_note_trouble(delivery, notification, answer))
        case Refused():
            return _settle_not_taken(delivery, notification, attempt, answer)


def _settle_not_taken(delivery: Delivery, notification: Notification, attempt: int, refused: Refused) -> Settled:
    """Record that a message was not taken, maybe through no fault of its own.

    When its tries are used up, it waits in the ledger; the breaker opens, unless others go out.
    """
    attempts = delivery.ledger.attempts
    retry_after = refused.retry_after or 0
    is_about_us = halted_by(refused)
    if is_about_us or attempt >= ATTEMPTS:
        put_back = attempts.put_back(notification, attempt, refused, pause=max(PUT_BACK_PAUSE, retry_after))
        halt = None
        if put_back and not put_back.has_failed:
            halt = _note_trouble(delivery, notification, refused, at_once=not put_back.others_went_out)
        return Settled(halt=halt or is_about_us)
    halt = _note_trouble(delivery, notification, refused)
    if halt or retry_after:
        attempts.put_back(notification, attempt, refused, pause=max(PUT_BACK_PAUSE if halt else 0, retry_after))
        return Settled(halt=halt)
    attempts.try_again(notification, attempt, refused)
    return Settled(is_tried_again=True)


def _note_trouble(
    delivery: Delivery, notification: Notification, answer: Refused | Unclear, *, at_once: bool = False
) -> Halt | None:
    """Count a call that was not taken; return why nothing more is sent, if the breaker is open."""
    is_unknown = isinstance(answer, Refused) and answer.refusal is Refusal.UNKNOWN
    trouble = delivery.ledger.halts.note_trouble(
        notification.channel, answer, at_once=at_once, recipient_id=notification.recipient_id if is_unknown else None
    )
    why = f"{answer.reason}{in_brackets(None, answer.code)}"
    if trouble.has_just_opened:
        LOG.error("the breaker is open, no %s goes out: %s", noun_of(notification.channel), why)
    return Halt(reason=why, is_trouble=True) if trouble.is_open else None
