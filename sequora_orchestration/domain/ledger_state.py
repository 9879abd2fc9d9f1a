"""The states of a message we mean to send, and the moves between them.

The database holds the same moves (`orchestration.notification_move`) and refuses every other; a test
keeps the two alike.
"""

from enum import StrEnum


class State(StrEnum):
    """Where a message is in its life."""

    SCHEDULED = "SCHEDULED"
    """Waits for its due time."""

    QUEUED = "QUEUED"
    """Claimed by a run under a lease; free to be claimed again once the lease has expired."""

    SENDING = "SENDING"
    """The request may be on its way: committed before the phone company is called."""

    SENT = "SENT"
    """The phone company has the message, under an id of its own."""

    DELIVERED = "DELIVERED"
    UNDELIVERED = "UNDELIVERED"

    IN_DOUBT = "IN_DOUBT"
    """Nobody knows whether the phone company has the message; it is never sent again blindly."""

    HELD = "HELD"
    """Set aside for a person to decide."""

    FAILED = "FAILED"
    """Not sent, as far as can be known, and not tried again by itself."""

    CANCELLED = "CANCELLED"
    """No longer wanted, and not sent, as far as can be known."""


MOVES: frozenset[tuple[State, State]] = frozenset(
    {
        (State.SCHEDULED, State.QUEUED),
        (State.SCHEDULED, State.SENT),
        (State.SCHEDULED, State.CANCELLED),
        (State.SCHEDULED, State.FAILED),
        (State.SCHEDULED, State.HELD),
        (State.QUEUED, State.SENDING),
        (State.QUEUED, State.SENT),
        (State.QUEUED, State.SCHEDULED),
        (State.QUEUED, State.FAILED),
        (State.QUEUED, State.CANCELLED),
        (State.SENDING, State.SENT),
        (State.SENDING, State.QUEUED),
        (State.SENDING, State.FAILED),
        (State.SENDING, State.IN_DOUBT),
        (State.IN_DOUBT, State.SENT),
        (State.IN_DOUBT, State.QUEUED),
        (State.IN_DOUBT, State.FAILED),
        (State.IN_DOUBT, State.HELD),
        (State.IN_DOUBT, State.CANCELLED),
        (State.HELD, State.QUEUED),
        (State.HELD, State.CANCELLED),
        (State.HELD, State.SCHEDULED),
        (State.SENT, State.DELIVERED),
        (State.SENT, State.UNDELIVERED),
    }
)
