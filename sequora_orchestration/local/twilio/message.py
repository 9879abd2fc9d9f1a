"""A text that the phone company has, its state at a given age, and the filter of a list.

Not here: which texts are taken (`refusals`), and the clock (`phone_company`).
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from sequora_orchestration.local.twilio.refusals import LONGEST_VALIDITY

VALIDITY_EXPIRED = 30036
"""A text's error code when it could not be sent within its validity period."""

_STATUS_BY_STEP = ("queued", "sending", "sent", "delivered")
_STEP_SENT = _STATUS_BY_STEP.index("sent")

FINAL_STATUSES = frozenset({"delivered", "undelivered", "failed", "received"})

PRICED_AFTER = timedelta(seconds=60)
"""A text has no price until so long after it was sent; the real API takes minutes, or hours."""

PRICE_OF_A_SEGMENT = Decimal("0.00790")
PRICE_UNIT = "USD"


@dataclass(frozen=True, slots=True)
class Message:
    """A text that was accepted, or that came in from a phone."""

    sid: str
    to: str
    from_: str | None
    messaging_service_sid: str | None
    body: str
    created: datetime
    num_segments: int
    validity_period: int | None = None
    fails_with: int | None = None
    """The error code with which it will end instead of being delivered."""
    inbound: bool = False
    """Whether a phone sent it to us."""
    arrived: datetime | None = None
    """When it came in, where that is another time than `created` says."""
    in_reply: bool = False
    """Whether it answers a text that came in, by a webhook's TwiML: nobody asked the API to send it."""

    def __post_init__(self) -> None:
        """Raise ValueError for a time without a zone."""
        if self.created.tzinfo is None:
            raise ValueError("the time of a text needs a zone")

    @property
    def phone(self) -> str:
        """The number of the person at the other end."""
        return self.from_ or "" if self.inbound else self.to

    @property
    def direction(self) -> str:
        """The direction, as the API has it."""
        if self.inbound:
            return "inbound"
        return "outbound-reply" if self.in_reply else "outbound-api"

    @property
    def first_status(self) -> str:
        """The status in the API's first answer: a messaging service has yet to choose a sender."""
        return "queued" if self.from_ else "accepted"

    def as_kept(self) -> dict[str, Any]:
        """Return its fields as JSON can hold them."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_kept(cls, kept: Mapping[str, Any]) -> Self | None:
        """Return the text with these fields; None if it is one of a version with other fields."""
        needed = {field.name for field in fields(cls) if field.default is MISSING}
        if not needed <= kept.keys() <= {field.name for field in fields(cls)}:
            return None
        times = {name: datetime.fromisoformat(kept[name]) for name in ("created", "arrived") if kept.get(name)}
        return cls(**{**kept, **times})


@dataclass(frozen=True, slots=True)
class State:
    """The state of a text at a moment."""

    status: str
    error_code: int | None
    sent: datetime | None
    updated: datetime
    price: str | None = None
    """As the API has it: negative, in PRICE_UNIT; None while the text has none."""

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL_STATUSES


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of texts for a list; an empty field does not matter."""

    to: str = ""
    from_: str = ""
    sent_from: datetime | None = None
    sent_before: datetime | None = None

    def covers(self, message: Message, state: State) -> bool:
        """Whether the list shows this text."""
        sent = state.sent or message.created
        return (
            (not self.to or message.to == self.to)
            and (not self.from_ or message.from_ == self.from_)
            and (self.sent_from is None or sent >= self.sent_from)
            and (self.sent_before is None or sent < self.sent_before)
        )


EVERYTHING = Filter()


def state_at(message: Message, age: timedelta, *, step_length: timedelta, has_receipt: bool = True) -> State:
    """Return the state of a text at an age, if it stays in each status for `step_length` on its way.

    Without a receipt it stays `sent`.
    """
    if message.inbound:
        return State("received", None, message.created, message.created, _price(message, message.created, age))
    patience = timedelta(seconds=message.validity_period or LONGEST_VALIDITY)
    if patience <= age and patience < step_length * _STEP_SENT:
        return State("failed", VALIDITY_EXPIRED, None, message.created + patience)
    last = len(_STATUS_BY_STEP) - 1
    furthest = last if has_receipt else _STEP_SENT
    step = min(furthest, age // step_length) if step_length else furthest
    status, error = _STATUS_BY_STEP[step], None
    if step == 0:
        status = message.first_status
    if step == last and message.fails_with is not None:
        status, error = "undelivered", message.fails_with
    sent = message.created + step_length * _STEP_SENT if step >= _STEP_SENT else None
    return State(status, error, sent, message.created + step_length * step, _price(message, sent, age))


def segments_shown(message: Message, state: State) -> str:
    """Return the number of segments as the API has it: 0 while a messaging service has yet to choose a sender."""
    return "0" if state.status == "accepted" else str(message.num_segments)


def _price(message: Message, sent: datetime | None, age: timedelta) -> str | None:
    if sent is None or age < sent - message.created + PRICED_AFTER:
        return None
    return str(-PRICE_OF_A_SEGMENT * message.num_segments)
