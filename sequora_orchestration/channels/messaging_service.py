"""The numbers of our messaging service at Twilio, remembered for all channels.

Texts to them are read, and calls are made from one of them. Not here: which of them a channel takes.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Generic, TypeVar

from sequora_orchestration.channels.twilio import NOT_FOUND, AccountError, Twilio, raising_account_errors
from sequora_orchestration.domain.answers import Refusal, Refused, Unclear

# Seconds for which a list counts as read: whoever gives the service another number waits for so long at most.
HOLDS = 600.0

# Seconds until a list that is known is asked for again, if that has failed: what is known will do meanwhile.
KNOWN_HOLDS = 60.0

# Seconds until a list that is not known is asked for again, if that has failed. Of threads that wait for one answer
# only the first asks: each try may take 13 s. Yet the last try of a message, 7 s after the first, asks anew.
FAILURE_HOLDS = 5.0

# A messaging service has at most so many numbers (https://www.twilio.com/docs/messaging/services).
MOST_NUMBERS = 400

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A phone number of the service."""

    number: str = field(repr=False)
    """In E.164."""

    can_call: bool


class Remembered(Generic[T]):
    """A list of Twilio's. What is known of it stays known while Twilio cannot be read. Safe in threads."""

    def __init__(self, read: Callable[[], list[T]]) -> None:
        """`read` asks Twilio for the list, and may raise anything; it is not asked yet."""
        self._ask = read
        self._asking = threading.Lock()
        self._known: Sequence[T] | None = None
        self._trouble: Refused | Unclear = Refused(Refusal.TRANSIENT, "the phone company has not been asked yet")
        self._read_at = -math.inf
        self._asked_next_at = -math.inf

    def read(self, *, no_older_than: float = HOLDS) -> Sequence[T]:
        """Return the list as it was at most so many seconds ago, or as it was last known.

        Twilio is asked if need be, by one thread at a time: that takes 13 s at most. Raises AccountError if nothing is
        known of the list.
        """
        # If something is known, nobody waits for another thread's answer.
        if self._asking.acquire(blocking=self._known is None):
            try:
                self._read_if_due(no_older_than)
            finally:
                self._asking.release()
        return self.known()

    def known(self) -> Sequence[T]:
        """Return the list as it was last known, without asking. Raises AccountError if nothing is known of it."""
        if self._known is None:
            raise AccountError(self._trouble)
        return self._known

    def _read_if_due(self, no_older_than: float) -> None:
        now = time.monotonic()
        if now - self._read_at <= no_older_than or now < self._asked_next_at:
            return
        try:
            with raising_account_errors():
                self._known = self._ask()
        except AccountError as error:
            if error.answer.code != NOT_FOUND:
                self._trouble = error.answer
                self._asked_next_at = time.monotonic() + (FAILURE_HOLDS if self._known is None else KNOWN_HOLDS)
                return
            self._known = ()  # there is no such list: that is an answer
        self._read_at = time.monotonic()


class MessagingService:
    """Our messaging service: its phone numbers and its short codes."""

    def __init__(self, twilio: Twilio, sid: str) -> None:
        """Nothing is asked yet."""

        def phone_numbers() -> list[PhoneNumber]:
            numbers = twilio.client.messaging.v1.services(sid).phone_numbers.list(limit=MOST_NUMBERS)
            return [PhoneNumber(one.phone_number, _can_call(one.capabilities)) for one in numbers]

        def short_codes() -> list[str]:
            codes = twilio.client.messaging.v1.services(sid).short_codes.list(limit=MOST_NUMBERS)
            return [one.short_code for one in codes]

        self.phone_numbers = Remembered(phone_numbers)
        self.short_codes = Remembered(short_codes)


def _can_call(capabilities: Sequence[str] | None) -> bool:
    return "voice" in map(str.lower, capabilities or ())


@cache
def messaging_service_of(twilio: Twilio) -> MessagingService | None:
    """Return the messaging service of the settings, one for all channels; None if none is set."""
    return MessagingService(twilio, twilio.messaging_service_sid) if twilio.messaging_service_sid else None
