"""Receipts: whether a text that the phone company had accepted has arrived.

Statuses and codes are Twilio's (https://www.twilio.com/docs/messaging/api/message-resource#message-status-values,
https://www.twilio.com/docs/api/errors). An unknown status says nothing.
"""

from dataclasses import dataclass

from sequora_orchestration.domain.answers import KNOWN_CODES
from sequora_orchestration.domain.ledger_state import State

# The queue was full for a while, the phone was off, or nobody knows: one more try is worth it
# (https://www.twilio.com/docs/api/errors/30001, …/30003, …/30008).
WORTH_A_SECOND_TRY = frozenset({30001, 30003, 30008})

_REASONS = {
    30001: "the queue was too long",
    30003: "the phone could not be reached",
    30004: "the recipient has blocked texts",
    30005: "the number is not in use",
    30006: "landline: the number cannot receive texts",
    30007: "the carrier took it for spam",
    30008: "the carrier gave no reason",
    30034: "the sender is not registered with the carriers",
    30036: "it could not be sent while it was worth arriving",
}

CODES = tuple(_REASONS)
"""The codes that a text usually has which did not arrive."""

_STATES = {
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.UNDELIVERED,
    "canceled": State.UNDELIVERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The end of a text's way."""

    provider_id: str
    state: State
    code: int | None = None
    why: str | None = None
    """Why it was not delivered, of a channel whose codes do not say that."""

    @property
    def reason(self) -> str | None:
        """Why the text was not delivered."""
        if self.state is not State.UNDELIVERED or self.why:
            return self.why
        if self.code is None:
            return "not delivered, no reason given"
        # Codes are added all the time: a person can look up an unknown code by its number.
        _, known = KNOWN_CODES.get(self.code, (None, f"the phone company's code is {self.code}"))
        return f"not delivered, {_REASONS.get(self.code, known)}"


def receipt(provider_id: str, status: str, code: int | None) -> Receipt | None:
    """Return the receipt that a status is, or None while the text is still on its way."""
    state = _STATES.get(status)
    if state is None:
        return None
    return Receipt(provider_id=provider_id, state=state, code=code if state is State.UNDELIVERED else None)
