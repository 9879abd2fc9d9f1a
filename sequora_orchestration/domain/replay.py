"""Sending many messages again: what stands in the way of one, and how they are counted for a person."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sequora_orchestration.domain.ledger_state import State


class Hindrance(StrEnum):
    """Why the ledger says that a message is not sent again together with others."""

    IN_DIGEST = "IN_DIGEST"
    ENDED_BY_SOMEBODY = "ENDED_BY_SOMEBODY"
    STAND_IN_ON_ITS_WAY = "STAND_IN_ON_ITS_WAY"
    STAND_IN_SENT = "STAND_IN_SENT"
    STAND_IN_ENDED = "STAND_IN_ENDED"
    SOMEBODY_ELSE_TOLD = "SOMEBODY_ELSE_TOLD"
    MAY_HAVE_ARRIVED = "MAY_HAVE_ARRIVED"

    @property
    def in_words(self) -> str:
        """The reason for a person."""
        return _IN_WORDS[self]


_IN_WORDS = {
    Hindrance.IN_DIGEST: "a digest tells of it: it is sent again with the digest (the kind task-digest), not alone",
    Hindrance.ENDED_BY_SOMEBODY: "ended for good, by a person or as needless: `sequora resend ID` sends it anyhow",
    Hindrance.STAND_IN_ON_ITS_WAY: "a later message about the same is on its way",
    Hindrance.STAND_IN_SENT: "a later message about the same was sent",
    Hindrance.STAND_IN_ENDED: "a later message about the same has ended too, and that one decides: if it is not found, "
    "give a later --until, or its --state",
    Hindrance.SOMEBODY_ELSE_TOLD: "another supervisor (or nurse) was told of the same, or is about to be",
    Hindrance.MAY_HAVE_ARRIVED: "it may have arrived: --also-sent sends it again",
}

NAMEABLE = (State.FAILED, State.UNDELIVERED, State.CANCELLED, State.SENT, State.DELIVERED)
"""The states in which a message is over, and from which it may be sent again."""

WENT_OUT = frozenset({State.SENT, State.DELIVERED})

_NOT_OVER = {
    State.SCHEDULED: "waits for its time",
    State.QUEUED: "is on its way",
    State.SENDING: "is on its way",
    State.IN_DOUBT: "is being looked for at the phone company, and is sent again by itself if it is not there",
    State.HELD: "waits for a person: look for it at the phone company, then `sequora release ID` or `cancel ID`",
}


def refusal_of(state: State, *, also_sent: bool) -> str | None:
    """Return why messages in a state are not sent again by a replay; None if they are."""
    if state in _NOT_OVER:
        return f"a message that is {state} is not over: it {_NOT_OVER[state]}"
    if state in WENT_OUT and not also_sent:
        return f"a message that is {state} went out: give --also-sent too, and its recipient gets it twice"
    return None


# Ids of ours and of the phone company's, times, masked phones, and numbers that are longer than any code.
_PARTICULAR = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[A-Z]{2}[0-9a-f]{32}\b"
    r"|\b\d{4}-\d\d-\d\dT?[\d:.+Z]*(?: \d\d:\d\d(?::\d\d)?)?|•••• \d{4}|\d{6,}",
    re.IGNORECASE,
)


def in_general(reason: str | None) -> str:
    """Return a reason without what is particular to one message, so that many with the same reason count as one."""
    return _PARTICULAR.sub("…", " ".join((reason or "no reason given").split()))


@dataclass(frozen=True, slots=True)
class Group:
    """Messages of a kind that ended alike."""

    kind: str
    state: State
    reason: str


@dataclass(slots=True)
class Count:
    """How many messages of a group there are, and how many of them are sent again."""

    found: int = 0
    again: int = 0


@dataclass(slots=True)
class Tally:
    """What a replay finds, in counts."""

    groups: dict[Group, Count] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    """By the reason why they are not sent again."""

    waiting: Counter[str] = field(default_factory=Counter)
    """Of those that are sent again: by the reason why they still wait."""

    resent: int = 0
    """How many of those that are sent again had been sent again before, by order."""

    last_resent_at: datetime | None = None

    def add(self, kind: str, state: State, reason: str | None, *, left_out: str | None, waits: str | None) -> None:
        """Count a message; `left_out` is why it is not sent again, `waits` why it will not go out at once."""
        count = self.groups.setdefault(Group(kind, state, in_general(reason)), Count())
        count.found += 1
        if left_out is not None:
            self.left_out[in_general(left_out)] += 1
            return
        count.again += 1
        if waits is not None:
            self.waiting[in_general(waits)] += 1

    def note_resent(self, at: datetime) -> None:
        """Count a message that is sent again, and had been so before, then."""
        self.resent += 1
        self.last_resent_at = max(self.last_resent_at or at, at)

    @property
    def found(self) -> int:
        """How many messages there are."""
        return sum(one.found for one in self.groups.values())

    @property
    def again(self) -> int:
        """How many of them are sent again."""
        return sum(one.again for one in self.groups.values())

    def rows(self) -> list[tuple[Group, Count]]:
        """Return the groups, by kind and state, and the largest first."""
        return sorted(self.groups.items(), key=lambda one: (one[0].kind, one[0].state, -one[1].found, one[0].reason))
