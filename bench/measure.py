"""From moments to figures: percentiles, rates, order. Pure: figures are worked out here, and measured elsewhere.

Every moment is in seconds since the epoch, by one machine's clock; every duration is in seconds.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles

SEVERITIES = ("CRITICAL", "HIGH", "MODERATE", "LOW")
"""The most severe first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """A task, and when its insert was committed."""

    task_id: str
    severity: str
    committed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text about a task, and when the phone company accepted it."""

    task_id: str
    accepted: float
    segments: int
    """The units that the carriers charge, and that a sender's rate counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """How long texts took while tasks came one by one; figures are None if no text came at all."""

    arrivals: str
    """How the tasks came, in words."""
    tasks: int
    p50: float | None
    p95: float | None
    longest: float | None
    missing: int
    doubled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How long tasks took to a stage of their way: from the insert's commit, and from the stage before."""

    name: str
    tasks: int
    p50: float
    p95: float
    step_p50: float
    step_p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When the first and the last text of a severity were accepted, in seconds after the commit."""

    first: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """How fast many tasks of one insert were cleared; figures are None if no text came at all."""

    tasks: int
    last: float | None
    texts_per_second: float | None
    segments_per_second: float | None
    in_order: float | None
    """The share, 0 to 1, of pairs of tasks of different severity in which the more severe task was texted first."""
    by_severity: Mapping[str, Span]
    missing: int
    doubled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process at one moment: its kind, its memory in bytes, its processor time so far."""

    name: str
    memory: int
    """The memory of the process alone (USS): memory shared with the process it was forked from counts for neither."""
    processor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A system at one moment: its processes, and how many statements each database has committed so far."""

    moment: float
    processes: Sequence[Process]
    statements: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """The cost of a system that has nothing to do, by kind of process: shares of one core, and bytes."""

    seconds: float
    processor: Mapping[str, float]
    memory: Mapping[str, float]
    statements_a_minute: Mapping[str, float]
    """Statements a minute, by database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How often a database gets a statement: for one text, and in a second in which nothing is to be done."""

    name: str
    a_text: float
    idle: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How often a database got each statement, by name, in so many seconds."""

    seconds: float
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """The figures with some of the databases far away."""

    what: str
    """The databases that are far away, in words."""
    calm: Calm
    burst: Burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How long the system takes until it can be used."""

    first: float
    """`sequora dev` on an empty directory, until it says that it is ready."""
    again: float
    """`sequora dev` on a directory that it has run on before."""
    help: float
    """`sequora --help`."""


def calm(inserts: Sequence[Insert], texts: Iterable[Text], *, arrivals: str) -> Calm:
    """Work out the figures of tasks that came one by one."""
    moments = _moments(inserts, texts)
    latencies = [min(moments[one.task_id]) - one.committed for one in inserts if one.task_id in moments]
    return Calm(
        arrivals=arrivals,
        tasks=len(inserts),
        p50=median(latencies) if latencies else None,
        p95=percentile(latencies, 95) if latencies else None,
        longest=max(latencies, default=None),
        missing=_missing(inserts, moments),
        doubled=_doubled(moments),
    )


def way(inserts: Sequence[Insert], ways: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> list[Stage]:
    """Work out the stages, in the order of their names, from the moments at which tasks reached them.

    A stage that no task is known to have reached is left out.
    """
    after: dict[str, list[float]] = defaultdict(list)
    step: dict[str, list[float]] = defaultdict(list)
    for one in inserts:
        moments, before = ways.get(one.task_id, {}), one.committed
        for name in names:
            if name in moments:
                after[name].append(moments[name] - one.committed)
                step[name].append(moments[name] - before)
                before = moments[name]
    return [
        Stage(
            name=name,
            tasks=len(after[name]),
            p50=median(after[name]),
            p95=percentile(after[name], 95),
            step_p50=median(step[name]),
            step_p95=percentile(step[name], 95),
        )
        for name in names
        if after[name]
    ]


def burst(inserts: Sequence[Insert], texts: Iterable[Text]) -> Burst:
    """Work out the figures of tasks that came in one insert."""
    texts = list(texts)
    moments = _moments(inserts, texts)
    segments = {text.task_id: text.segments for text in texts}
    after: dict[str, list[float]] = defaultdict(list)
    for one in inserts:
        if one.task_id in moments:
            after[one.severity].append(min(moments[one.task_id]) - one.committed)
    everything = sorted(seconds for some in after.values() for seconds in some)
    last = everything[-1] if everything else None
    return Burst(
        tasks=len(inserts),
        last=last,
        texts_per_second=len(everything) / last if last else None,
        segments_per_second=sum(segments[task_id] for task_id in moments) / last if last else None,
        in_order=in_order([after[severity] for severity in SEVERITIES]),
        by_severity={
            severity: Span(first=min(after[severity]), last=max(after[severity]))
            for severity in SEVERITIES
            if after[severity]
        },
        missing=_missing(inserts, moments),
        doubled=_doubled(moments),
    )


def idle(before: Snapshot, after: Snapshot) -> Idle:
    """Work out the cost of a system that has nothing to do, from its processes at the two ends of that time."""
    seconds = after.moment - before.moment
    spent = _by_name(after.processes, lambda process: process.processor)
    for name, already in _by_name(before.processes, lambda process: process.processor).items():
        spent[name] -= already
    return Idle(
        seconds=seconds,
        processor={name: one / seconds for name, one in spent.items()},
        memory=memory(after),
        statements_a_minute={
            database: (count - before.statements[database]) * 60 / seconds
            for database, count in after.statements.items()
        },
    )


def memory(at: Snapshot) -> dict[str, float]:
    """Return how many bytes each kind of process holds."""
    return _by_name(at.processes, lambda process: process.memory)


def questions(idle: Asked, calm: Asked, *, texts: int, found: int | None = None) -> list[Question]:
    """Work out the statements for one of so many texts: those sent while texts went out, less those sent while idle.

    A statement that is sent less often than while idle counts as zero: a sensor that launches a run does not ask
    meanwhile. With `found` the most frequent statement while idle is the question that watches for tasks. It is asked
    all the time, so only the times that it found some (`found`) count for the texts.
    """
    rates = {name: count / idle.seconds for name, count in idle.counts.items()}
    more = {
        name: max(0.0, calm.counts.get(name, 0) - rates.get(name, 0.0) * calm.seconds)
        for name in sorted({*idle.counts, *calm.counts})
    }
    if found is not None:
        more[max(more, key=lambda name: rates.get(name, 0.0))] = found
    asked = [Question(name=name, a_text=count / texts, idle=rates.get(name, 0.0)) for name, count in more.items()]
    return sorted(asked, key=lambda one: (-one.a_text, -one.idle))


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the percentile (1 to 99) of at least one value, interpolated between its neighbours."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def in_order(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the share of pairs from different groups, the first group being due first, that came in that order.

    None if there is no such pair.
    """
    pairs = right = 0
    for earlier, later in combinations(groups, 2):
        moments = sorted(earlier)
        pairs += len(earlier) * len(later)
        right += sum(bisect_right(moments, moment) for moment in later)
    return right / pairs if pairs else None


def _by_name(processes: Iterable[Process], figure: Callable[[Process], float]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for process in processes:
        sums[process.name] += figure(process)
    return {name: sums[name] for name in sorted(sums)}


def _moments(inserts: Iterable[Insert], texts: Iterable[Text]) -> dict[str, list[float]]:
    """Return when each of these tasks was texted; texts about other tasks do not count."""
    tasks = {one.task_id for one in inserts}
    moments: dict[str, list[float]] = defaultdict(list)
    for text in texts:
        if text.task_id in tasks:
            moments[text.task_id].append(text.accepted)
    return dict(moments)


def _missing(inserts: Sequence[Insert], moments: Mapping[str, Sequence[float]]) -> int:
    return sum(one.task_id not in moments for one in inserts)


def _doubled(moments: Mapping[str, Sequence[float]]) -> int:
    """Return how many texts there are beyond one a task."""
    return sum(len(some) - 1 for some in moments.values())
