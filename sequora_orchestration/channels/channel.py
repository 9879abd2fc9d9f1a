"""What a channel is: a door by which messages leave, and by which it is learned what became of them.

Each is a module beside this one. A channel knows its provider, what that provider answers, and by what a message is
found in the provider's list; nobody else does. What is done with an answer (retries, the breaker, doubt) stands in the
engine, `delivery/`, the same for all channels; what was sent when, in the ledger.

What people send back comes in by some channels alone. That will be a small protocol of its own here, `Receiver`
(`received(since)`), beside `Channel`: a channel that can receive then has both, and nothing changes for the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sequora_orchestration.domain.answers import KNOWN_CODES, Answer, Refused, Unclear
from sequora_orchestration.domain.halts import in_brackets
from sequora_orchestration.domain.receipts import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMessage:
    """A message in the provider's list."""

    provider_id: str
    to: str = field(repr=False)
    content: str | None = field(repr=False)
    """As `recognise` is given it; None where the list does not show what was sent, or to whom."""

    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """What became of messages, as far as it is known."""

    known: list[Receipt]
    unknown: frozenset[str] = frozenset()
    """The provider's ids of those that it does not know."""


class LookUpError(Exception):
    """The provider's list could not be read (whole); the sentence names no number."""


class UnreadableError(LookUpError):
    """The provider lets us read nothing, or does not answer: neither receipts nor look-ups are possible."""

    def __init__(self, answer: Refused | Unclear, http_status: int | None) -> None:
        """Say what was answered; without a status there was no answer that could be read."""
        self.reason, self.code, self.http_status = answer.reason, answer.code, http_status
        what = f"the phone company's list could not be read{in_brackets(http_status, answer.code)}"
        # Of a code that is not known, the reason says no more than the status does.
        super().__init__(f"{what}: {answer.reason}" if answer.code in KNOWN_CODES or not http_status else what)


class Channel(Protocol):
    """A door by which messages leave. Every method may be called from several threads at a time."""

    name: str
    """The ledger keeps messages, breaker and rate under it, and a map may write it into the application's log."""

    at_a_time: int
    """How many messages may be submitted at a time by one run."""

    def cost(self, content: str) -> float:
        """Return how much of the sender's rate a message takes up, in the units in which that rate is set."""

    def submit(self, to: str, content: str, worth: timedelta) -> Answer:
        """Hand over a message to the E.164 number `to`, once, and return what is known of it; raises nothing.

        When the time is over that it is `worth` arriving, it need not arrive any more.
        """

    def recognise(self, salt: bytes, to: str, content: str) -> Sequence[str]:
        """Return the fingerprints by which a message is found in the provider's list, as digests with that salt.

        The first is of the message as it was sent. Where the list may show a message changed, a second is of what does
        not change. Each begins with a digest of the number (`domain/doubt.py`).
        """

    def listed(self, since: datetime, *, to: str | None = None) -> list[ListedMessage]:
        """Return the messages that we sent since then, newest first; with `to`, those to one E.164 number.

        Raises LookUpError.
        """

    def receipts(self, provider_ids: Iterable[str], *, since: datetime, until: datetime) -> Receipts:
        """Return what became of these messages, all sent between two moments, as far as it is known.

        Raises LookUpError.
        """
