"""What becomes of a message in doubt that the phone company's list does not show, as its kind wants it."""

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.doubt import Doubtful
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.messages.kind import MessageKind, Suppression, cancelled, failed

# One look is no proof: the list may lag behind.
LOOKS = 2


def verdict(
    kind: MessageKind, doubtful: Doubtful, *, most_attempts: int, is_hidden: bool = False
) -> Suppression | None:
    """Return what becomes of a message that is not in the list, or None while it may still show up there."""
    if not doubtful.fingerprints:
        return _held(doubtful, Cause.NOT_RECORDED, "what was sent was not recorded")
    if not doubtful.is_window_over or doubtful.looks + 1 < LOOKS:
        return None
    if is_hidden:
        return _held(doubtful, Cause.LIST_HIDES_TEXTS, "the phone company's list does not show what its texts say")
    return _verdict_on_lost(kind, doubtful, most_attempts)


def _verdict_on_lost(kind: MessageKind, doubtful: Doubtful, most_attempts: int) -> Suppression:
    if doubtful.is_cancelled:
        return cancelled(Cause.CANCELLED_BY_OPERATOR, "cancelled by an operator; not found at the phone company")
    if kind.if_not_found is State.HELD:
        return _held(doubtful, Cause.NOT_FOUND, "not found at the phone company")
    doubts = doubtful.given_up + 1
    if doubts >= most_attempts and not doubtful.is_providers:
        return failed(Cause.ATTEMPTS_USED_UP, f"not found at the phone company after {doubts} attempts")
    done = "sent" if kind.channel == SMS else "called"
    return Suppression(State.QUEUED, f"not found at the phone company: {done} again", Cause.NOT_FOUND)


def unreadable_verdict(doubtful: Doubtful) -> Suppression | None:
    """Return what becomes of a message while the list cannot be read, or None while it is worth another look."""
    if not doubtful.is_hopeless:
        return None
    return _held(doubtful, Cause.LIST_UNREADABLE, "the phone company's list could not be read for an hour")


def _held(doubtful: Doubtful, cause: Cause, why: str) -> Suppression:
    if doubtful.is_cancelled:
        return cancelled(Cause.CANCELLED_BY_OPERATOR, f"cancelled by an operator; it may have been sent: {why}")
    return Suppression(State.HELD, f"in doubt: {why}; look for it, then release or cancel it", cause)
