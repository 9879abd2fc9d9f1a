"""Attempts to send, as far as the ledger is concerned."""

from care import NURSE_PHONE

from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.ledger import Ledger


def begin(ledger: Ledger, notification: Notification, run_id: str = "a-run") -> int | None:
    """Begin an attempt to send some text, and return its number, or None if it may not begin."""
    return ledger.attempts.begin_attempt(
        notification, run_id, recipient_id=notification.recipient_id, number=NURSE_PHONE, body="some text"
    ).number
