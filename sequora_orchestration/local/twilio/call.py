"""A call that the phone company makes, its state at a given age, and what it says.

Not here: which calls are made (`refusals`), keeping them and picking up (`calls`).
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape

FINAL_STATUSES = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})

_SAY = re.compile(r"<Say\b[^>]*>(.*?)</Say>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was accepted."""

    sid: str
    to: str
    from_: str
    twiml: str
    created: datetime
    rings_for: float
    """Seconds until nobody has answered."""

    fails: bool = False
    """Whether it cannot be put through."""

    answered: datetime | None = None
    declined: datetime | None = None
    direction: str = "outbound-api"
    """`outbound-api` if a request made it; else `outbound-dial`, made by a call that forwards."""

    @property
    def said(self) -> list[str]:
        """The sentences that are said, in order."""
        return [unescape(words).strip() for words in _SAY.findall(self.twiml)]


@dataclass(frozen=True, slots=True)
class CallState:
    """The state of a call at a moment."""

    status: str
    started: datetime | None
    """When the phone began to ring."""

    ended: datetime | None

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL_STATUSES


def state_at(call: Call, now: datetime, *, step_length: timedelta) -> CallState:
    """Return the state of a call, if it is in the queue, and a person listens, for `step_length` each."""
    rings_from = call.created + step_length
    if now < rings_from:
        return CallState("queued", None, None)
    if call.fails:
        return CallState("failed", rings_from, rings_from)
    if call.declined:
        return CallState("busy", rings_from, call.declined)
    if call.answered:
        hangs_up = call.answered + step_length
        is_over = hangs_up <= now
        return CallState("completed" if is_over else "in-progress", rings_from, hangs_up if is_over else None)
    gives_up = rings_from + timedelta(seconds=call.rings_for)
    return CallState("no-answer", rings_from, gives_up) if gives_up <= now else CallState("ringing", rings_from, None)
