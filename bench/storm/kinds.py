"""The kinds of faults in a storm, and drawing when each comes. Pure: nothing happens here."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

# Seconds between two faults.
BETWEEN_FAULTS = (5.0, 10.0)

# Seconds from the end of one fault to the next of the same target. After most faults that kill a process the whole
# system starts again; it shall get to work before it is killed once more.
REST = 1.0
REST_OF_PROCESSES = 20.0

# The first seconds are calm, to see that the system works.
CALM = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault: its kind, its moment, and its length in seconds (0 if it is over at once)."""

    at: float
    kind: str
    target: str
    seconds: float = 0.0
    share: float = 1.0
    """The share of requests that a misbehaving phone company spoils."""

    number: float = 0.0
    """A further number for some kinds: seconds of hanging or of Retry-After, or which of several processes."""

    @property
    def until(self) -> float:
        """The moment when the fault is over."""
        return self.at + self.seconds


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: its frequency compared with others, its target, and the bounds of its length."""

    weight: int
    target: str
    seconds: tuple[float, float] = (0.0, 0.0)
    number: tuple[float, float] = (0.0, 1.0)
    shares: Sequence[float] = (1.0,)


_SOME = (0.3, 0.6, 1.0)

INBOUND = "inbound"
"""The target of faults of the list of what people write; they are drawn beside the others, one after the other."""

KINDS: Mapping[str, Kind] = {
    "worker killed": Kind(4, "processes"),
    "pool process killed": Kind(6, "pool"),
    "daemon killed": Kind(3, "processes"),
    "code server killed": Kind(3, "processes"),
    "web server killed": Kind(2, "processes"),
    "everything killed": Kind(3, "processes"),
    "Postgres stopped": Kind(3, "postgres", (2, 8)),
    "Postgres restarted at once": Kind(3, "postgres"),
    "connections cut": Kind(4, "postgres"),
    "broker killed": Kind(2, "broker", (1, 5)),
    "broker emptied": Kind(3, "broker"),
    "broker stands still": Kind(3, "broker", (2, 8)),
    "429": Kind(2, "phone", (2, 7), shares=_SOME),
    "429 with Retry-After": Kind(2, "phone", (2, 7), (1, 6), _SOME),
    "429 for long": Kind(1, "phone", (20, 20)),
    "429 with Retry-After for long": Kind(1, "phone", (20, 20), (1, 6)),
    "unknown code": Kind(2, "phone", (5, 12)),
    "firewall's page": Kind(2, "phone", (5, 12)),
    "500": Kind(3, "phone", (2, 7), shares=_SOME),
    "503": Kind(2, "phone", (2, 7), shares=_SOME),
    "500 after accepting": Kind(4, "phone", (2, 7), shares=_SOME),
    "reset before accepting": Kind(3, "phone", (2, 7), shares=_SOME),
    "reset after accepting": Kind(4, "phone", (2, 7), shares=_SOME),
    "garbage": Kind(3, "phone", (2, 7), shares=_SOME),
    "hangs": Kind(4, "phone", (4, 12), (3, 12), (0.2, 0.5, 1.0)),
    "504 after hanging": Kind(2, "phone", (4, 12), (3, 12), (0.2, 0.5)),
    "401": Kind(2, "phone", (2, 8)),
    "list lags": Kind(6, "list", (10, 30), (5, 5)),
    "runs deleted": Kind(3, "runs"),
    "second daemon": Kind(3, "second daemon", (10, 25)),
    "second worker": Kind(3, "second worker", (10, 25)),
    "inbound list: 500": Kind(3, INBOUND, (4, 15)),
    "inbound list: reset": Kind(3, INBOUND, (4, 15)),
    "inbound list: garbage": Kind(2, INBOUND, (4, 15)),
    "inbound list: hangs": Kind(3, INBOUND, (6, 20), (3, 15)),
    "inbound pages shift": Kind(3, INBOUND, (10, 30)),
    "inbound texts late": Kind(4, INBOUND, (8, 25), (5, 30)),
    "inbound clock off": Kind(4, INBOUND, (8, 25), (-900, 900)),
}


def draw_faults(random: Random, seconds: float, kinds: Mapping[str, Kind]) -> Iterator[Fault]:
    """Draw faults one after the other; a fault ends before the next with the same target begins."""
    busy_until: dict[str, float] = defaultdict(float)
    at = CALM
    while at < seconds:
        free = {name: kind for name, kind in kinds.items() if busy_until[kind.target] <= at}
        if not free:
            at = min(busy_until.values())
            continue
        (name,) = random.choices(list(free), [kind.weight for kind in free.values()])
        kind = free[name]
        fault = Fault(
            at=at,
            kind=name,
            target=kind.target,
            seconds=min(random.uniform(*kind.seconds), seconds - at),
            share=random.choice(kind.shares),
            number=random.uniform(*kind.number),
        )
        busy_until[kind.target] = fault.until + (REST_OF_PROCESSES if kind.target == "processes" else REST)
        yield fault
        at += random.uniform(*BETWEEN_FAULTS)
