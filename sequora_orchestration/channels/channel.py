"""The protocol of a channel: a door by which messages leave, and by which their fate is learned.

Each channel is a module beside this one. It alone knows its provider, the meaning of the provider's answers, and how a
message is found in the provider's list. Not here: retries, the breaker and doubt, which `delivery/` handles in the
same way for all channels; and the record of sent messages, which is the ledger's.

Replies come in by some channels only: those follow the protocol `Receiver` as well. One whose list can be read day by
day is a `DayReader`, too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from sequora_orchestration.domain.answers import KNOWN_CODES, Answer, Refused, Unclear
from sequora_orchestration.domain.halts import in_brackets
from sequora_orchestration.domain.receipts import Receipt
from sequora_orchestration.domain.reconciliation import SentText


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMessage:
    """A message in the provider's list."""

    provider_id: str
    to: str = field(repr=False)
    content: str | None = field(repr=False)
    """The content in the form that `recognise` takes; None if the list hides it, or the recipient."""

    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that somebody has sent us. Its body goes nowhere: only what it means is kept."""

    provider_id: str
    number: str = field(repr=False)
    """From which it came, as the provider writes it: in E.164, or a short code."""

    body: str = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipts:
    """The fates of messages, as far as they are known."""

    known: list[Receipt]
    unknown: frozenset[str] = frozenset()
    """Ids of messages that the provider does not know."""


class LookUpError(Exception):
    """The provider's list could not be read, or not to its end; the sentence names no number."""


class TooLongError(LookUpError):
    """The provider's list is longer than what is read of one: another try would not get to its end, either."""


class UnreadableError(LookUpError):
    """The provider lets us read nothing, or does not answer: neither receipts nor look-ups are possible."""

    def __init__(self, answer: Refused | Unclear, http_status: int | None) -> None:
        """Word the answer as a sentence; without a status there was no readable answer."""
        self.reason, self.code, self.http_status = answer.reason, answer.code, http_status
        what = f"the phone company's list could not be read{in_brackets(http_status, answer.code)}"
        # With an unknown code, the reason says no more than the status does.
        super().__init__(f"{what}: {answer.reason}" if answer.code in KNOWN_CODES or not http_status else what)


class Channel(Protocol):
    """A door by which messages leave. Every method may be called from several threads at a time."""

    name: str
    """The ledger keeps messages, breaker and rate under this name; a map may write it into the application's log."""

    at_a_time: int
    """The number of messages that one run may submit at a time."""

    clocks_differ_by: timedelta
    """How much older a message in the provider's list may seem than the attempt that made it. The less the list shows
    of a message, the shorter: a message of somebody else's could be taken for ours."""

    def cost(self, content: str) -> float:
        """Return how much of the sender's rate a message takes up, in the unit of that rate."""

    def prepare(self) -> None:
        """Ask the provider for whatever must be known before messages are submitted; it may take seconds.

        It never raises. Afterwards `submit` makes its one request and no other: an attempt, once begun, has to be made
        soon, or it is taken for abandoned.
        """

    def submit(self, to: str, content: str, worth: timedelta) -> Answer:
        """Hand a message for the E.164 number `to` to the provider, once, and return its answer. It never raises.

        What `prepare` could not learn is not asked for: the message is refused, and may be tried again.
        After the time for which it is `worth` arriving, the message need not arrive any more.
        """

    def recognise(self, salt: bytes, to: str, content: str) -> Sequence[str]:
        """Return the fingerprints by which a message is found in the provider's list, as digests with this salt.

        The first is of the message as it was sent. If the list may show a message changed, a second is made from the
        parts that do not change. Each begins with a digest of the number (`domain/doubt.py`).
        """

    def listed(self, since: datetime, *, to: str | None = None) -> list[ListedMessage]:
        """Return the messages that we sent since then, newest first; with `to`, those to one E.164 number.

        Raises LookUpError.
        """

    def receipts(self, provider_ids: Iterable[str], *, since: datetime, until: datetime) -> Receipts:
        """Return the fates of these messages, all sent between the two moments, as far as they are known.

        Raises LookUpError.
        """


@runtime_checkable
class Receiver(Protocol):
    """A channel by which people write to us."""

    name: str

    def written_to(self) -> Sequence[str]:
        """Return the numbers of ours that people may write to. Raises LookUpError."""

    def received(self, number: str, since: datetime) -> Iterator[Sequence[ReceivedMessage]]:
        """Yield what people have sent to that number of ours since then, page by page, newest first.

        Raises LookUpError.
        """


@runtime_checkable
class DayReader(Protocol):
    """A channel whose list shows everything that went out from our sender in a span of time, whoever sent it."""

    name: str

    def recognise(self, salt: bytes, to: str, content: str) -> Sequence[str]:
        """Return the fingerprints of a message, as `Channel` does."""

    def sent_between(self, since: datetime, until: datetime) -> Iterator[Sequence[SentText]]:
        """Yield what went out from our sender from `since` on and before `until`, page by page.

        A message may be on two pages. Raises LookUpError; TooLongError if the list is too long to be read to its end.
        """

    def unknown(self, provider_ids: Iterable[str]) -> frozenset[str]:
        """Return those of these messages that the provider does not know, asking for each.

        Raises LookUpError, also if it does not answer about some of them.
        """
