"""The figures as Markdown tables, to be pasted into a README, and as JSON."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TypeVar

from bench.distance import ROUND_TRIP, Check
from bench.hosts import ANSWER_AFTER
from bench.measure import SEVERITIES, Burst, Calm, Far, Idle, Questions, Stage, Start
from bench.processes import POSTGRES, WEB

NOTHING = "-"
MEGABYTE = 1_000_000

# What is asked less often, for a text or in a second, is not worth a line.
RARELY = 0.05


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured; what was left out is None or empty."""

    start: Start | None = None
    calm: list[Calm] = field(default_factory=list)
    ways: list[tuple[str, Sequence[Stage]]] = field(default_factory=list)
    """By how the tasks arrived."""
    idle: Idle | None = None
    questions: list[Questions] = field(default_factory=list)
    bursts: list[tuple[str, Burst]] = field(default_factory=list)
    memory: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)
    """After so many texts of the bursts, by kind of process."""
    hosts: list[tuple[str, Burst]] = field(default_factory=list)
    distance: Check | None = None
    far: list[Far] = field(default_factory=list)
    naive_calm: Calm | None = None
    naive_burst: Burst | None = None

    def of_ours(self) -> list[Calm | Burst]:
        """Return everything in which no text of this project may be missing or doubled."""
        far = [part for one in self.far for part in (one.calm, one.burst)]
        return [*self.calm, *far, *(burst for _, burst in [*self.bursts, *self.hosts])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What it was measured on."""

    cores: int
    python: str
    dagster: str
    postgres: str
    load: float
    """The load average of the last minute before the start."""

    def __str__(self) -> str:
        """Return one sentence."""
        return (
            f"{self.cores} cores, everything on them; Python {self.python}, Dagster {self.dagster}, "
            f"Postgres {self.postgres}; load before the start: {self.load:.2f}."
        )


def machine(*, postgres: str, load: float) -> Machine:
    """Describe this machine."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        dagster=version("dagster"),
        postgres=postgres,
        load=load,
    )


def markdown(figures: Figures, on: Machine) -> str:
    """Return a table for each part; against the naive way also how many times better ours is, by its first row."""
    parts: list[str] = []
    if figures.calm:
        calm = [("Sequora", one) for one in figures.calm]
        parts += ["**Calm: insert committed → text accepted**", _calm_table(calm, figures.naive_calm)]
    for arrivals, way in figures.ways:
        parts += [f"**The way of a task, stage by stage: {arrivals}**", _way_table(way)]
    if figures.bursts:
        parts += ["**Burst: many tasks in one insert**", _burst_table(figures.bursts, figures.naive_burst)]
        parts += [
            "**Burst: first and last text of each severity, seconds after the commit**",
            _severity_table([*figures.bursts, *_naive(figures.naive_burst)]),
        ]
    if figures.memory:
        parts += ["**Memory after each burst, by texts so far**", _memory_table(figures.memory)]
    if figures.hosts:
        parts += [
            f"**Several hosts: the phone company's answers take {1000 * ANSWER_AFTER:.0f} ms**",
            _hosts_table(figures.hosts),
        ]
    if figures.far and figures.distance:
        parts += [
            f"**Far away: {1000 * ROUND_TRIP:.0f} ms of round trip; Twilio answers after 100 ms**",
            _far_table(figures.far),
            _distance(figures.distance),
        ]
    if figures.idle:
        parts += ["**Idle**", _idle_table(figures.idle), _statements(figures.idle)]
    for one in figures.questions:
        parts += [f"**Statements on {one.database}**", _questions_table(one)]
    if figures.start:
        parts += ["**Start**", _start_table(figures.start)]
    return "\n\n".join([*parts, str(on)])


def as_json(figures: Figures, on: Machine) -> str:
    """Return the same, unrounded; durations in seconds, memory in bytes, processor time in shares of one core."""
    return json.dumps({"machine": asdict(on), **asdict(figures)}, indent=2) + "\n"


def _calm_table(rows: Sequence[tuple[str, Calm]], naive: Calm | None) -> str:
    figures: list[Callable[[Calm], float | None]] = [lambda c: c.p50, lambda c: c.p95, lambda c: c.longest]
    body = [
        [
            name,
            f"{calm.tasks}, {calm.arrivals}",
            *(_seconds(figure(calm)) for figure in figures),
            f"{calm.missing}",
            f"{calm.doubled}",
        ]
        for name, calm in [*rows, *_naive(naive)]
    ]
    if naive:
        better = [_times(figure(naive), figure(rows[0][1])) for figure in figures]
        body.append(["times better", "", *better, "", ""])
    return table(["", "tasks", "p50", "p95", "max", "missing", "doubled"], body)


def _way_table(way: Sequence[Stage]) -> str:
    return table(
        ["", "after the insert, p50", "p95", "after the stage before, p50", "p95"],
        [[one.name, *map(_milliseconds, (one.p50, one.p95, one.step_p50, one.step_p95))] for one in way],
    )


def _burst_table(rows: Sequence[tuple[str, Burst]], naive: Burst | None) -> str:
    body = [
        [
            name,
            f"{burst.tasks:,}",
            _seconds(burst.last),
            _rate(burst.texts_per_second),
            _held(burst.in_order),
            f"{burst.missing}",
            f"{burst.doubled}",
        ]
        for name, burst in [*rows, *_naive(naive)]
    ]
    if naive:
        better = _times(rows[0][1].texts_per_second, naive.texts_per_second)
        body.append(["times better", "", "", better, "", "", ""])
    return table(["", "tasks", "last text after", "texts/s", "most severe first", "missing", "doubled"], body)


def _severity_table(rows: Sequence[tuple[str, Burst]]) -> str:
    body = []
    for name, burst in rows:
        spans = [burst.by_severity.get(severity) for severity in SEVERITIES]
        cells = [f"{span.first:.2f} to {span.last:.2f}" if span else NOTHING for span in spans]
        body.append([f"{name}, {burst.tasks:,}", *cells])
    return table(["", *SEVERITIES], body)


def _memory_table(moments: Sequence[tuple[int, Mapping[str, float]]]) -> str:
    _, last = moments[-1]
    return table(
        ["", *(f"{texts:,}" for texts, _ in moments)],
        [[name, *(_megabytes(memory.get(name)) for _, memory in moments)] for name in last],
    )


def _hosts_table(rows: Sequence[tuple[str, Burst]]) -> str:
    return table(
        ["", "tasks", "last text after", "texts/s", "segments/s", "missing", "doubled"],
        [
            [
                name,
                f"{burst.tasks:,}",
                _seconds(burst.last),
                _rate(burst.texts_per_second),
                _rate(burst.segments_per_second),
                f"{burst.missing}",
                f"{burst.doubled}",
            ]
            for name, burst in rows
        ],
    )


def _far_table(rows: Sequence[Far]) -> str:
    return table(
        ["far away", "a task a second, p50", "p95", "tasks in one insert", "texts/s", "missing", "doubled"],
        [
            [
                one.what,
                _seconds(one.calm.p50),
                _seconds(one.calm.p95),
                f"{one.burst.tasks:,}",
                _rate(one.burst.texts_per_second),
                f"{one.calm.missing + one.burst.missing}",
                f"{one.calm.doubled + one.burst.doubled}",
            ]
            for one in rows
        ],
    )


def _distance(check: Check) -> str:
    return (
        f"The distance by itself: a `SELECT 1` takes {1000 * check.more:.1f} ms more; a large answer comes at "
        f"{check.through / MEGABYTE:.0f} MB/s, without it at {check.straight / MEGABYTE:.0f}."
    )


def _idle_table(idle: Idle) -> str:
    ours = [name for name in idle.processor if name not in {POSTGRES, WEB}]

    def row(title: str, names: Iterable[str]) -> list[str]:
        names = list(names)
        processor, memory = (sum(figure[name] for name in names) for figure in (idle.processor, idle.memory))
        return [title, f"{processor:.1%}", _megabytes(memory)]

    return table(
        ["", f"of one core, over {idle.seconds:.0f} s", "memory"],
        [
            *(row(name, [name]) for name in ours),
            row("all of these", ours),
            *(row(name, [name]) for name in (WEB, POSTGRES) if name in idle.processor),
        ],
    )


def _statements(idle: Idle) -> str:
    counts = (f"{count:,.0f} on {database}" for database, count in idle.statements_a_minute.items())
    return f"Statements a minute, idle: {', '.join(counts)}."


def _questions_table(asked: Questions) -> str:
    shown = [one for one in asked.questions if one.a_text >= RARELY or one.idle >= RARELY]
    a_text = asked.a_text - sum(one.a_text for one in shown)
    idle = asked.idle - sum(one.idle for one in shown)
    return table(
        ["", "for one text", "a second, idle"],
        [
            *([one.name, f"{one.a_text:.1f}", f"{one.idle:.1f}"] for one in shown),
            [f"{len(asked.questions) - len(shown)} others", f"{a_text:.1f}", f"{idle:.1f}"],
            ["all", f"{asked.a_text:.1f}", f"{asked.idle:.1f}"],
        ],
    )


def _start_table(start: Start) -> str:
    return table(
        ["", "first time", "again"],
        [
            ["`sequora dev` to `ready`", f"{start.first:.1f} s", f"{start.again:.1f} s"],
            ["`sequora --help`", NOTHING, _seconds(start.help)],
        ],
    )


T = TypeVar("T")


def _naive(figures: T | None) -> list[tuple[str, T]]:
    return [("naive Dagster", figures)] if figures else []


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table that is also neat on a terminal: figures to the right, names to the left."""
    widths = [max(3, *(len(row[column]) for row in [head, *body])) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, *others = [(cell, width) for cell, width in zip(row, widths, strict=True)]
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), f"| {' | '.join(rule)} |", *map(line, body)])


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f} s"


def _milliseconds(value: float) -> str:
    return f"{value * 1000:.0f} ms"


def _megabytes(value: float | None) -> str:
    return NOTHING if value is None else f"{value / MEGABYTE:.0f} MB"


def _rate(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004  # two digits that mean something


def _held(in_order: float | None) -> str:
    """Say whether every more severe task was texted first, and if not, of how many pairs that is true."""
    if in_order is None:
        return NOTHING
    return "yes" if in_order == 1 else f"{min(in_order, 0.999):.1%} of pairs"


def _times(more: float | None, less: float | None) -> str:
    return NOTHING if more is None or not less else f"{more / less:,.3g}"
