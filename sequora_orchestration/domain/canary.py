"""The canary: what is amiss with the test texts of the last hours. A withheld receipt counts: it has not arrived.

How they are read is not known here, nor how they are sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sequora_orchestration.domain.ledger_state import State

ARRIVES_WITHIN = timedelta(minutes=10)
"""Receipts are asked for after 15 s, and then each minute at least: that it has arrived is known in time."""

EVERY = timedelta(hours=1)

LOOKS_BACK = timedelta(days=1)
"""The canaries of so long are known (`canaries` in `measurements.sql`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The test text of an hour."""

    id: str
    hour: datetime
    """The full hour (UTC) from which on it was owed."""

    state: State
    reason: str | None
    """For people."""

    age: float
    """Seconds since it was owed, had a row, and was not kept back: while the whole system stands still none is owed."""

    is_made_late: bool = False
    """Whether its row was made so late that the system must have stood still: the one before tells nothing."""

    is_called_off: bool = False
    """Whether an operator has cancelled it: that tells nothing, and leaves the answer to the one before."""

    delivered_at: datetime | None = None

    @property
    def has_arrived(self) -> bool:
        """Whether its receipt says so."""
        return self.state is State.DELIVERED

    @property
    def is_overdue(self) -> bool:
        """Whether it should have arrived by now."""
        return not self.has_arrived and not self.is_called_off and self.age > ARRIVES_WITHIN.total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """The test texts of the last day, as the ledger has them."""

    now: datetime
    owed_since: datetime | None
    """Since when the sensors' processes know that they are on, and no operator keeps them back; None if they do not."""

    is_paused: bool
    """Whether an operator keeps them back."""

    newest_first: Sequence[Canary] = ()

    @property
    def last_arrived(self) -> Canary | None:
        """The newest that has arrived."""
        return next((one for one in self.newest_first if one.has_arrived), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """A canary that should have arrived and has not."""

    amiss: str
    """Which, and in what state it is."""

    to_do: str

    @property
    def sentence(self) -> str:
        """Both, for a person."""
        return f"{self.amiss}; {self.to_do}"


def overdue(seen: Canaries, *, on_for: float = 0.0) -> Overdue | None:
    """Return what is amiss and what to do; None if all is well, or an operator keeps canaries back.

    `on_for` is how many seconds the asking process has known that they are on. Asked only where they are.
    """
    if seen.is_paused:
        return None
    if seen.owed_since is None:
        is_early = on_for <= ARRIVES_WITHIN.total_seconds()
        amiss = "no canary is sent: the sensors' process has no SEQUORA_CANARY_NUMBER"
        return None if is_early else Overdue(amiss=amiss, to_do=RESTART)
    newest = seen.newest_first[0] if seen.newest_first else None
    owed_at = max(seen.owed_since, newest.hour + EVERY) if newest else seen.owed_since
    if seen.now - owed_at > ARRIVES_WITHIN:
        since = f"since {told(owed_at)}" if seen.now - owed_at <= LOOKS_BACK else "for more than a day"
        return Overdue(amiss=f"no canary was made, though one has been owed {since}", to_do=SEE_SENSOR)
    judged = _judged(seen.newest_first)
    if judged is None or judged.has_arrived:
        return None
    return Overdue(amiss=f"{_amiss(judged)}{_last(seen)}", to_do=_to_do(judged))


@dataclass(frozen=True, slots=True, kw_only=True)
class InALine:
    """How it stands with canaries, for a person."""

    sentence: str
    is_overdue: bool


def in_a_line(seen: Canaries) -> InALine:
    """Return how it stands: what is amiss, or which was the last that arrived, and what is under way."""
    if amiss := overdue(seen):
        return InALine(sentence=amiss.sentence, is_overdue=True)
    last, newest = seen.last_arrived, next(iter(seen.newest_first), None)
    said = [f"that of {told(last.hour)} {_arrived(last)}" if last else "none has arrived in the last day"]
    if newest and newest is not last:
        said.append(f"that of {told(newest.hour)} is {newest.state}")
    if seen.is_paused:
        said.append("an operator keeps further ones back")
    elif seen.owed_since is None:
        said.append("the sensors' process does not send any (yet)")
    return InALine(sentence="; ".join(said), is_overdue=False)


def _arrived(canary: Canary) -> str:
    at = canary.delivered_at
    return f"is known to have arrived since {at.astimezone(UTC):%H:%M:%S} UTC" if at else "has arrived"


def alarm_text(complaint: str) -> str:
    """Return what an engineer is told of it: two segments at most, if it is a text."""
    return f"Sequora: {complaint}"[:LONGEST]


# A text of two segments at most.
LONGEST = 300

RESTART = "set it there, too, and restart all processes"
SEE_SENSOR = "see whether the sensor `canaries` is on and ticks: `sequora status`"


def told(moment: datetime) -> str:
    """Return a moment as it is told."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _judged(newest_first: Sequence[Canary]) -> Canary | None:
    """Return the newest canary that has arrived or should have; one that is under way leaves that to the one before."""
    for one in newest_first:
        if one.has_arrived or one.is_overdue:
            return one
        if one.is_made_late:
            return None
    return None


def _amiss(canary: Canary) -> str:
    why = f" ({canary.reason})" if canary.reason else ""
    state = "SENT, without a receipt" if canary.state is State.SENT else f"{canary.state}{why}"
    return f"the canary of {told(canary.hour)} has not arrived: it is {state}"


def _last(seen: Canaries) -> str:
    last = seen.last_arrived
    return f"; the last one that arrived is of {told(last.hour)}" if last else "; none has arrived in the last day"


def _to_do(canary: Canary) -> str:
    phone = "see whether its phone is on; " if canary.state in {State.SENT, State.UNDELIVERED} else ""
    return f"{phone}nurses' texts go the same way: see `sequora timeline {canary.id}` and `sequora doctor`"
