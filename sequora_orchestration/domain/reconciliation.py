"""What the phone company's list of a day may have against what the ledger says of that day, and which day it may be.

Not here: the comparison (`comparison`), and the words in which it is told (`reconciliation_words`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.receipts import receipt

UNKNOWN = "unknown"
"""Stands in place of a kind for texts that no message of the ledger has sent."""

ALARM = "alarm"
"""Stands in place of a kind for texts to SEQUORA_ALARM_NUMBER, which are about runs: the ledger has no row of them."""

SETTLED = (State.SENT, State.DELIVERED, State.UNDELIVERED)
"""The states of a message that the phone company has taken."""


class UnfitDayError(ValueError):
    """A day that cannot be reconciled; the sentence says why, and which can."""


class NotLiveYetError(UnfitDayError):
    """The day before the system went live: in its first night there is nothing to compare yet, and nothing is amiss."""

    def __init__(self, day: date, sentence: str) -> None:
        """`day` is the one that cannot be compared."""
        super().__init__(sentence)
        self.day = day


@dataclass(frozen=True, slots=True, kw_only=True)
class SentText:
    """A text that went out from our sender, as the phone company's list shows it."""

    provider_id: str
    to: str = field(repr=False)
    body: str | None = field(repr=False)
    """None if the list hides it, or the recipient."""

    at: datetime
    """When it was sent; when it was made, while it has not been."""

    status: str
    code: int | None
    segments: int
    """0 while the phone company has yet to choose a number to send it from."""

    price: Decimal | None
    """What it costs, positive, in `currency`; None while it has no price: that may take a day. A text that was not sent
    may never have one (https://www.twilio.com/docs/messaging/api/message-resource#message-properties, Price)."""

    currency: str
    is_by_request: bool
    """Whether somebody asked the API to send it, as we do. Others are a webhook's answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownText:
    """A text of a message in the ledger."""

    provider_id: str
    message_id: str
    kind: str
    state: State | None
    """None if the text is of an attempt that was given up: another one of the message's may have arrived."""

    sent_at: datetime | None
    awaits_receipt: bool
    """Whether the phone company is still going to be asked whether it has arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """A message of which an attempt may have made a text that the ledger does not know: nobody knew how it ended."""

    message_id: str
    kind: str
    state: State

    @property
    def is_sent(self) -> bool:
        """Whether another attempt is known to have made a text."""
        return self.state in SETTLED


class Likeness(StrEnum):
    """What a text that the ledger does not know is like. The first is the worst."""

    DOUBLED = "doubled"
    """The same text is there twice: it is word for word a text of ours to the same number, or that of an attempt that
    was given up, and another attempt's went out."""

    OURS = "ours"
    """It has a link to a task in it, as only texts of this system have: another one sends from the same number, or the
    ledger has lost rows."""

    OTHER = "other"
    """It is nothing like ours. Most probably the application texts from the same number itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A text that the phone company has and the ledger does not know."""

    provider_id: str
    recipient: str
    """Masked."""

    at: datetime
    status: str
    likeness: Likeness
    fingerprint: str = field(repr=False)
    message_id: str | None = None
    """Of a doubled text: the message that it doubles."""

    reported_at: datetime | None = None
    """When it was reported before; None if it is new."""

    @property
    def has_failed(self) -> bool:
        """Whether the phone company knows that it did not arrive."""
        return is_failed(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A text whose fate the two sides tell differently."""

    provider_id: str
    message_id: str
    kind: str
    ours: State
    theirs: State

    @property
    def is_unsent_here(self) -> bool:
        """Whether the ledger does not have the message as sent: it was in doubt, and its text was not found in time."""
        return self.ours not in SETTLED


@dataclass(slots=True, kw_only=True)
class Tally:
    """How many texts of a kind there were, and what they cost."""

    texts: int = 0
    segments: int = 0
    prices: dict[str, Decimal] = field(default_factory=dict)
    """By currency, of the texts that have a price."""

    unpriced: int = 0

    def add(self, text: SentText) -> None:
        """Count a text."""
        self.texts += 1
        self.segments += text.segments
        if text.price is None:
            self.unpriced += 1
        else:
            self.prices[text.currency] = self.prices.get(text.currency, Decimal(0)) + text.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What was found of a day (UTC)."""

    day: date
    tallies: Mapping[str, Tally]
    """By kind; UNKNOWN for texts that the ledger does not know, ALARM for those to an engineer."""

    answers: int
    """Texts that a webhook's answer has sent from our sender: certainly not ours, and not counted in any tally."""

    orphans: Sequence[Orphan]
    """The worst first, and of the same likeness the newest."""

    missing: Sequence[KnownText]
    """Texts that the ledger says were sent that day, and that the phone company does not have."""

    unasked: int
    """How many more its list does not show, where it was not asked for each: some of those asked for were there."""

    differing: Sequence[Differing]
    log_owes_rows: int
    """How many texts of the day the application's log has no row of yet, as far as the ledger knows."""

    log_owes_receipts: int
    """How many have a row there that does not say yet whether they arrived."""

    @property
    def new(self) -> Sequence[Orphan]:
        """The orphans that were not reported before."""
        return [one for one in self.orphans if one.reported_at is None]

    @property
    def texts(self) -> int:
        """How many texts went out from our sender by request."""
        return sum(one.texts for one in self.tallies.values())


def count_by_likeness(orphans: Iterable[Orphan]) -> dict[Likeness, int]:
    """Return how many orphans there are of each likeness, the worst first; 0 where there is none."""
    counts = dict.fromkeys(Likeness, 0)
    for one in orphans:
        counts[one.likeness] += 1
    return counts


def is_failed(status: str) -> bool:
    """Return whether a text with this status of the phone company's did not arrive."""
    ended = receipt("", status, None)
    return ended is not None and ended.state is State.UNDELIVERED


def span_of(day: date) -> tuple[datetime, datetime]:
    """Return the moments between which a day lies, in UTC."""
    began = datetime.combine(day, time(), UTC)
    return began, began + timedelta(days=1)


def day_of(typed: str) -> date:
    """Return the day that a person has typed. Raises UnfitDayError."""
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        raise UnfitDayError(f"{typed!r} is no day: give YYYY-MM-DD") from None


def fit_day(day: date | None, *, now: datetime, live_since: datetime, kept: timedelta) -> date:
    """Return the day if it can be reconciled, or yesterday for None; days are those of UTC.

    Raises UnfitDayError; NotLiveYetError for the day before the one on which this system went live.

    `live_since` is when this system went live, and `kept` how long the ledger keeps messages.
    """
    today = now.astimezone(UTC).date()
    yesterday = today - timedelta(days=1)
    day = day or yesterday
    if day >= today:
        raise UnfitDayError(
            f"{day} is not over in UTC, by which days are counted here: it is {now.astimezone(UTC):%Y-%m-%d %H:%M} "
            f"there; the last whole day is {yesterday}"
        )
    began, ended = span_of(day)
    if ended <= live_since:
        sentence = (
            f"there is nothing to compare {day} with: this system has been live since "
            f"{live_since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        )
        is_eve = ended.date() == live_since.astimezone(UTC).date()
        raise NotLiveYetError(day, sentence) if is_eve else UnfitDayError(sentence)
    if began < now - kept:
        raise UnfitDayError(
            f"there is nothing to compare {day} with: messages are kept for {kept.days} days (SEQUORA_KEEP_MESSAGES)"
        )
    return day
