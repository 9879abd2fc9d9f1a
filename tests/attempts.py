"""Attempts to send, as far as the ledger is concerned."""

from care import NURSE_PHONE

from sequora_orchestration.domain.doubt import canonical_fingerprint, fingerprint
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.attempts import Attempt
from sequora_orchestration.ledger.ledger import Ledger


def begin(ledger: Ledger, notification: Notification, run_id: str = "a-run") -> int | None:
    """Begin an attempt to send some text, and return its number, or None if it may not begin."""
    return begin_with(ledger, notification, "some text", run_id=run_id).number


def begin_with(
    ledger: Ledger, notification: Notification, body: str, *, number: str = NURSE_PHONE, run_id: str = "a-run"
) -> Attempt:
    """Begin an attempt to send that text."""
    salt = ledger.opt_outs.salt
    return ledger.attempts.begin_attempt(
        notification,
        run_id,
        recipient_id=notification.recipient_id,
        number=number,
        fingerprints=[fingerprint(salt, number, body), canonical_fingerprint(salt, number, body)],
    )
