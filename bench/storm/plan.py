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
from bench.storm.kinds import INBOUND, KINDS, Fault, draw_faults
from bench.storm.talk import Writing, draw_writings

NURSES = 16

# Seconds between two tasks, two episodes.
BETWEEN_TASKS = 0.45
BETWEEN_EPISODES = 4.0

# A share of faults hits a burst: so many seconds before the fault, so many tasks come at once, and are being sent when
# it begins.
HITS_A_BURST, BEFORE, BURST = 0.3, (0.1, 1.0), (50, 100)

# Shares of all tasks.
MISSES_ITS_SLA, IS_RESOLVED, IS_REASSIGNED, IS_GIVEN_BACK = 0.15, 0.3, 0.08, 0.4
IS_NOBODYS, IS_UNREACHABLE = 0.03, 0.06

# Where nurses are called, so many more have phones that take no text, and a greater share of tasks is theirs: one nurse
# is called every five minutes at most.
NURSES_TO_CALL, IS_TO_BE_CALLED = 30, 0.2

# Shares of all episodes.
BAD_PHONE, SHARED_PHONE = 0.06, 0.06

LANDLINE = 30006
"""The error code of texts that a carrier cannot deliver to a phone, ever."""

OFF_FOR_A_WHILE = 30003
"""The error code of texts to a phone that is off: such a text is tried once more, minutes later."""

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

    may_be_called: bool = True
    """Whether the person may be called where no text arrives: she is active, has a number, and has not said STOP."""


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
class Plan:
    """A whole storm."""

    people: Sequence[Person]
    deeds: Sequence[Deeds]
    faults: Sequence[Fault]
    writings: Sequence[Writing]
    """What people write to us."""


def draw(seed: int, seconds: float, *, replies: bool = True, calls: bool = False) -> Plan:
    """Draw a storm, in which people answer texts if `replies`, and many are to be called if `calls`."""
    of_inbound = {name: kind for name, kind in KINDS.items() if kind.target == INBOUND}
    others = {name: kind for name, kind in KINDS.items() if kind.target != INBOUND}
    faults = list(draw_faults(_stream(seed, "faults"), seconds, others))
    people = _people(_stream(seed, "people"), to_call=NURSES_TO_CALL if calls else 0)
    unreachable = IS_TO_BE_CALLED if calls else IS_UNREACHABLE
    inbound_faults = draw_faults(_stream(seed, "inbound faults"), seconds, of_inbound) if replies else []
    deeds: dict[float, list[Deed]] = defaultdict(list)
    moments = sorted(
        (
            *_moments(_stream(seed, "calm"), seconds, BETWEEN_TASKS),
            *_bursts(_stream(seed, "bursts"), faults),
        )
    )
    for at, deed in (
        *_tasks(_stream(seed, "tasks"), moments, people, unreachable=unreachable),
        *_episodes(_stream(seed, "episodes"), seconds),
    ):
        if at < seconds:
            deeds[at].append(deed)
    return Plan(
        people=people,
        deeds=[Deeds(at=at, deeds=some) for at, some in sorted(deeds.items(), key=lambda one: one[0])],
        faults=sorted([*faults, *inbound_faults], key=lambda fault: fault.at),
        writings=_writings(_stream(seed, "writings"), seconds, people, deeds) if replies else [],
    )


def _writings(
    random: Random, seconds: float, people: Sequence[Person], deeds: Mapping[float, Sequence[Deed]]
) -> list[Writing]:
    able = [one for one in people if one.reachable and not one.undeliverable]
    patients = [one.patient for some in deeds.values() for one in some if isinstance(one, NewEpisode)]
    return draw_writings(
        random,
        seconds,
        nurses=[one.phone for one in able if one.role == "NURSE"],
        supervisors=[one.phone for one in able if one.role == "SUPERVISOR"],
        patients=sorted({one.phone for one in patients if one.reachable}),
    )


def _stream(seed: int, what: str) -> Random:
    """Return a source of chance of its own, so that one drawing does not change another."""
    return Random(f"{seed} {what}")


def _id(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def _people(random: Random, *, to_call: int) -> list[Person]:
    def person(role: str, phone: str, **more: bool | int) -> Person:
        return Person(id=_id(random), role=role, phone=phone, **more)  # type: ignore[arg-type]

    return [
        *(person("NURSE", f"+1201{FICTION}{number:02}") for number in range(NURSES)),
        person("SUPERVISOR", f"+1203{FICTION}01"),
        person("SUPERVISOR", f"+1203{FICTION}02"),
        person("ADMIN", f"+1203{FICTION}03"),
        person("NURSE", "555-CALL-ME", reachable=False, may_be_called=False),
        person("NURSE", f"+1204{FICTION}01", active=False, reachable=False, may_be_called=False),
        person("NURSE", "+15005550009", reachable=False),  # a landline to the phone company
        person("NURSE", "+15005550004", reachable=False, may_be_called=False),  # has replied STOP
        person("NURSE", f"+1204{FICTION}02", undeliverable=30005),
        person("NURSE", f"+1204{FICTION}03", undeliverable=OFF_FOR_A_WHILE),
        *(person("NURSE", f"+1205{FICTION}{number:02}", undeliverable=LANDLINE) for number in range(to_call)),
    ]


def _tasks(
    random: Random, moments: Sequence[float], people: Sequence[Person], *, unreachable: float
) -> Iterator[tuple[float, Deed]]:
    good = [one.id for one in people if one.role == "NURSE" and one.reachable and not one.undeliverable]
    bad = [one.id for one in people if one.role == "NURSE" and one.id not in good]
    for at in moments:
        task, nurse = _id(random), random.choice(good)
        chance = random.random()
        first = None if chance < IS_NOBODYS else random.choice(bad) if chance < IS_NOBODYS + unreachable else nurse
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
