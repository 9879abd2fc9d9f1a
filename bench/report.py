"""The figures as Markdown tables, to be pasted into a README, and as JSON."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import TypeVar

from bench.distance import ROUND_TRIP, Check
from bench.hosts import ANSWER_AFTER
from bench.measure import SEVERITIES, Burst, Calm, Far, Idle, Question, Stage, Start
from bench.phone import REAL_LIFE
from bench.processes import POSTGRES, WEB

NOTHING = "-"
MEGABYTE = 1_000_000

# A statement that is sent less often, for a text or in a second, is not worth a line.
RARELY = 0.05


@dataclass(slots=True, kw_only=True)
class Figures:
    """The figures of one server; a part that was left out is None or empty."""

    server: str
    start: Start | None = None
    calm: list[Calm] = field(default_factory=list)
    ways: list[tuple[str, Sequence[Stage]]] = field(default_factory=list)
    """The stages, by the way in which the tasks arrived."""
    idle: Idle | None = None
    questions: list[tuple[str, Sequence[Question]]] = field(default_factory=list)
    """The statements, by database."""
    bursts: list[tuple[str, Burst]] = field(default_factory=list)
    memory: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)
    """Bytes by kind of process, after so many texts of the bursts."""
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
    """The machine of a measurement."""

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
            f"{self.postgres}; load before the start: {self.load:.2f}."
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


def markdown(measured: Sequence[Figures], on: Machine) -> str:
    """Return a table for each part: the tables of the calm and the burst have a line for each server.

    If the naive way was measured, its line says how many times better our first line is.
    """
    first = measured[0]
    calm = [(_ours(figures.server), one) for figures in measured for one in figures.calm]
    bursts = [(f"{_ours(figures.server)}, {name}", one) for figures in measured for name, one in figures.bursts]
    tables: list[tuple[str, str]] = []
    if calm:
        tables.append(("Calm: insert committed → text accepted", _calm_table(calm, first.naive_calm)))
    if bursts:
        tables.append(("Burst: many tasks in one insert", _burst_table(bursts, first.naive_burst)))
        by_severity = _severity_table([*bursts, *_naive(first.naive_burst)])
        tables.append(("Burst: first and last text of each severity, seconds after the commit", by_severity))
    for figures in measured:
        on_it = f"; on {figures.server}" if len(measured) > 1 else ""
        tables += [(title + on_it, content) for title, content in _of_one_server(figures)]
    return "\n\n".join([*(f"**{title}**\n\n{content}" for title, content in tables), str(on)])


def _of_one_server(figures: Figures) -> Iterator[tuple[str, str]]:
    """Yield titles and tables."""
    if figures.far and figures.distance:
        title = (
            f"Far away: {1000 * ROUND_TRIP:.0f} ms of round trip, and Twilio answers after {1000 * REAL_LIFE:.0f} ms"
        )
        yield title, f"{_far_table(figures.far)}\n\n{_distance(figures.distance)}"
    for database, asked in figures.questions:
        yield f"Statements on {database}", _questions_table(asked)
    for arrivals, way in figures.ways:
        yield f"The way of a task, stage by stage: {arrivals}", _way_table(way)
    if figures.memory:
        yield "Memory after each burst, by texts so far", _memory_table(figures.memory)
    if figures.hosts:
        title = f"Several hosts: the phone company's answers take {1000 * ANSWER_AFTER:.0f} ms"
        yield title, _hosts_table(figures.hosts)
    if figures.idle:
        yield "Idle", f"{_idle_table(figures.idle)}\n\n{_statements(figures.idle)}"
    if figures.start:
        yield "Start", _start_table(figures.start)


def as_json(measured: Sequence[Figures], on: Machine) -> str:
    """Return the figures unrounded; durations in seconds, memory in bytes, processor time in shares of one core."""
    return json.dumps({"machine": asdict(on), "servers": [asdict(one) for one in measured]}, indent=2) + "\n"


def _ours(server: str) -> str:
    return f"Sequora on {server}"


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


def _questions_table(asked: Sequence[Question]) -> str:
    shown = [one for one in asked if one.a_text >= RARELY or one.idle >= RARELY]
    others = [one for one in asked if one not in shown]

    def row(title: str, questions: Sequence[Question]) -> list[str]:
        return [title, f"{sum(one.a_text for one in questions):.1f}", f"{sum(one.idle for one in questions):.1f}"]

    return table(
        ["", "for one text", "a second, idle"],
        [*(row(one.name, [one]) for one in shown), row(f"others: {len(others)}", others), row("all", asked)],
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
    return f"{value * 1000:,.0f} ms"


def _megabytes(value: float | None) -> str:
    return NOTHING if value is None else f"{value / MEGABYTE:.0f} MB"


def _rate(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.0f}" if value >= 10 else f"{value:.2f}"  # noqa: PLR2004  # two digits that mean something


def _held(in_order: float | None) -> str:
    """Return whether every more severe task was texted first, and if not, the share of pairs in which it was."""
    if in_order is None:
        return NOTHING
    return "yes" if in_order == 1 else f"{min(in_order, 0.999):.1%} of pairs"


def _times(more: float | None, less: float | None) -> str:
    return NOTHING if more is None or not less else f"{more / less:,.3g}"
