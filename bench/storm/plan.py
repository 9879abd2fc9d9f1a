"""The plan of a storm, drawn from a seed. Pure: nothing happens here.

Every moment is in seconds since the storm began. The same seed and length draw the same plan.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from uuid import UUID

from bench.application import PRIORITIES, REASONS
from bench.measure import SEVERITIES

NURSES = 16

# Seconds between two tasks, two episodes, two faults.
BETWEEN_TASKS = 0.45
BETWEEN_EPISODES = 4.0
BETWEEN_FAULTS = (5.0, 10.0)

# A share of faults hits a burst: so many seconds before the fault, so many tasks come at once, and are being sent when
# it begins.
HITS_A_BURST, BEFORE, BURST = 0.3, (0.1, 1.0), (50, 100)

# Seconds from the end of one fault to the next of the same target. After most faults that kill a process the whole
# system starts again; it shall get to work before it is killed once more.
REST = 1.0
REST_OF_PROCESSES = 20.0

# The first seconds are calm, to see that the system works.
CALM = 5.0

# Shares of all tasks.
MISSES_ITS_SLA, IS_RESOLVED, IS_REASSIGNED, IS_GIVEN_BACK = 0.15, 0.3, 0.08, 0.4
IS_NOBODYS, IS_UNREACHABLE = 0.03, 0.06

# Shares of all episodes.
BAD_PHONE, SHARED_PHONE = 0.06, 0.06

FICTION = "55501"
"""The middle of numbers that are reserved for fiction: area code, 555-01, two digits."""

AREAS = (202, 206, 212, 213, 215, 303, 305, 312, 404, 415, 512, 602, 612, 617, 702, 713)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A nurse or supervisor."""

    id: str
    role: str
    phone: str
    active: bool = True
    undeliverable: int | None = None
    """The error code with which texts to this phone end after they were accepted."""

    reachable: bool = True
    """Whether the phone company accepts texts to this person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A patient who gets a check-in; patients who share a phone have the same name, so their texts are the same."""

    id: str
    name: str
    phone: str
    reachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task that appears."""

    id: str
    episode_id: str
    severity: str
    priority: str
    reasons: Sequence[str]
    nurse: str | None
    sla: float | None
    """Seconds until its SLA; None stands for a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEpisode:
    """An episode that appears, with its patient."""

    id: str
    patient: Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """A task that is done."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """A task that gets another nurse."""

    task: str
    nurse: str


Deed = NewTask | NewEpisode | Resolve | Assign


@dataclass(frozen=True, slots=True, kw_only=True)
class Deeds:
    """The application's deeds of one moment, in one transaction."""

    at: float
    deeds: Sequence[Deed]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole storm."""

    people: Sequence[Person]
    deeds: Sequence[Deeds]
    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of fault: its frequency compared with others, its target, and the bounds of its length."""

    weight: int
    target: str
    seconds: tuple[float, float] = (0.0, 0.0)
    number: tuple[float, float] = (0.0, 1.0)
    shares: Sequence[float] = (1.0,)


_SOME = (0.3, 0.6, 1.0)

KINDS: Mapping[str, _Kind] = {
    "worker killed": _Kind(4, "processes"),
    "pool process killed": _Kind(6, "pool"),
    "daemon killed": _Kind(3, "processes"),
    "code server killed": _Kind(3, "processes"),
    "web server killed": _Kind(2, "processes"),
    "everything killed": _Kind(3, "processes"),
    "Postgres stopped": _Kind(3, "postgres", (2, 8)),
    "Postgres restarted at once": _Kind(3, "postgres"),
    "connections cut": _Kind(4, "postgres"),
    "broker killed": _Kind(2, "broker", (1, 5)),
    "broker emptied": _Kind(3, "broker"),
    "broker stands still": _Kind(3, "broker", (2, 8)),
    "429": _Kind(2, "phone", (2, 7), shares=_SOME),
    "429 with Retry-After": _Kind(2, "phone", (2, 7), (1, 6), _SOME),
    "429 for long": _Kind(1, "phone", (20, 20)),
    "429 with Retry-After for long": _Kind(1, "phone", (20, 20), (1, 6)),
    "unknown code": _Kind(2, "phone", (5, 12)),
    "firewall's page": _Kind(2, "phone", (5, 12)),
    "500": _Kind(3, "phone", (2, 7), shares=_SOME),
    "503": _Kind(2, "phone", (2, 7), shares=_SOME),
    "500 after accepting": _Kind(4, "phone", (2, 7), shares=_SOME),
    "reset before accepting": _Kind(3, "phone", (2, 7), shares=_SOME),
    "reset after accepting": _Kind(4, "phone", (2, 7), shares=_SOME),
    "garbage": _Kind(3, "phone", (2, 7), shares=_SOME),
    "hangs": _Kind(4, "phone", (4, 12), (3, 12), (0.2, 0.5, 1.0)),
    "504 after hanging": _Kind(2, "phone", (4, 12), (3, 12), (0.2, 0.5)),
    "401": _Kind(2, "phone", (2, 8)),
    "list lags": _Kind(6, "list", (10, 30), (5, 5)),
    "runs deleted": _Kind(3, "runs"),
    "second daemon": _Kind(3, "second daemon", (10, 25)),
    "second worker": _Kind(3, "second worker", (10, 25)),
}


def draw(seed: int, seconds: float) -> Plan:
    """Draw a storm."""
    people, faults = _people(_stream(seed, "people")), list(_faults(_stream(seed, "faults"), seconds))
    deeds: dict[float, list[Deed]] = defaultdict(list)
    moments = sorted(
        (
            *_moments(_stream(seed, "calm"), seconds, BETWEEN_TASKS),
            *_bursts(_stream(seed, "bursts"), faults),
        )
    )
    for at, deed in (
        *_tasks(_stream(seed, "tasks"), moments, people),
        *_episodes(_stream(seed, "episodes"), seconds),
    ):
        if at < seconds:
            deeds[at].append(deed)
    return Plan(
        people=people,
        deeds=[Deeds(at=at, deeds=some) for at, some in sorted(deeds.items(), key=lambda one: one[0])],
        faults=faults,
    )


def _stream(seed: int, what: str) -> Random:
    """Return a source of chance of its own, so that one drawing does not change another."""
    return Random(f"{seed} {what}")


def _id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _people(random: Random) -> list[Person]:
    def person(role: str, phone: str, **more: bool | int) -> Person:
        return Person(id=_id(random), role=role, phone=phone, **more)  # type: ignore[arg-type]

    return [
        *(person("NURSE", f"+1201{FICTION}{number:02}") for number in range(NURSES)),
        person("SUPERVISOR", f"+1203{FICTION}01"),
        person("SUPERVISOR", f"+1203{FICTION}02"),
        person("ADMIN", f"+1203{FICTION}03"),
        person("NURSE", "555-CALL-ME", reachable=False),
        person("NURSE", f"+1204{FICTION}01", active=False, reachable=False),
        person("NURSE", "+15005550009", reachable=False),  # a landline to the phone company
        person("NURSE", "+15005550004", reachable=False),  # has replied STOP
        person("NURSE", f"+1204{FICTION}02", undeliverable=30005),
        person("NURSE", f"+1204{FICTION}03", undeliverable=30003),
    ]


def _tasks(random: Random, moments: Sequence[float], people: Sequence[Person]) -> Iterator[tuple[float, Deed]]:
    good = [one.id for one in people if one.role == "NURSE" and one.reachable and not one.undeliverable]
    bad = [one.id for one in people if one.role == "NURSE" and one.id not in good]
    for at in moments:
        task, nurse = _id(random), random.choice(good)
        chance = random.random()
        first = None if chance < IS_NOBODYS else random.choice(bad) if chance < IS_NOBODYS + IS_UNREACHABLE else nurse
        misses = random.random() < MISSES_ITS_SLA
        yield (
            at,
            NewTask(
                id=task,
                episode_id=_id(random),
                severity=random.choice(SEVERITIES),
                priority=random.choice(PRIORITIES),
                reasons=random.sample(REASONS, 2),
                nurse=first,
                sla=random.uniform(1, 8) if misses else None,
            ),
        )
        resolved = random.random() < IS_RESOLVED
        reassigned, given_back = random.random() < IS_REASSIGNED, random.random() < IS_GIVEN_BACK
        later = at + random.choice((random.uniform(0.05, 1), random.uniform(0, 15), random.uniform(0, 60)))
        another = random.choice([one for one in good if one != nurse])
        if reassigned:
            yield at + random.uniform(0.05, 10), Assign(task=task, nurse=another)
            if given_back and first:
                yield at + random.uniform(10, 20), Assign(task=task, nurse=first)
        if resolved:
            yield later, Resolve(task=task)


def _moments(random: Random, seconds: float, mean: float) -> Iterator[float]:
    at = random.expovariate(1 / mean)
    while at < seconds:
        yield at
        at += random.expovariate(1 / mean)


def _bursts(random: Random, faults: Sequence[Fault]) -> Iterator[float]:
    for fault in faults:
        if random.random() < HITS_A_BURST:
            yield from [fault.at - random.uniform(*BEFORE)] * random.randint(*BURST)


def _episodes(random: Random, seconds: float) -> Iterator[tuple[float, Deed]]:
    numbers = [f"+1{area}{FICTION}{number:02}" for area in AREAS for number in range(100)]
    random.shuffle(numbers)
    last = None
    for at in _moments(random, seconds, BETWEEN_EPISODES):
        chance = random.random()
        phone, reachable = numbers.pop(), True
        if chance < BAD_PHONE:
            phone, reachable = random.choice((("call me", False), ("+15005550001", False), ("+15005550004", False)))
        elif last and chance < BAD_PHONE + SHARED_PHONE:
            phone, last = last, None
        else:
            last = phone
        patient = Patient(id=_id(random), name="Emma", phone=phone, reachable=reachable)
        yield at, NewEpisode(id=_id(random), patient=patient)


def _faults(random: Random, seconds: float) -> Iterator[Fault]:
    """Draw faults one after the other; a fault ends before the next with the same target begins."""
    busy_until: dict[str, float] = defaultdict(float)
    at = CALM
    while at < seconds:
        free = {name: kind for name, kind in KINDS.items() if busy_until[kind.target] <= at}
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
