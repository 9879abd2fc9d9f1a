"""The figures as Markdown tables, to be pasted into a README, and as JSON."""

import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from bench.measure import SEVERITIES, Burst, Calm

NOTHING = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one system; None for what was left out."""

    name: str
    calm: Calm | None
    burst: Burst | None


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


def markdown(figures: Sequence[Figures], on: Machine) -> str:
    """Return tables with a row for each system; of two, with how many times better the first is."""
    calm = [(one.name, one.calm) for one in figures if one.calm]
    burst = [(one.name, one.burst) for one in figures if one.burst]
    parts = []
    if calm:
        parts += ["**Calm: insert committed → text accepted**", _calm_table(calm)]
    if burst:
        parts += ["**Burst: many tasks in one insert**", _burst_table(burst)]
        parts += ["**Burst: first and last text of each severity, seconds after the commit**", _severity_table(burst)]
    return "\n\n".join([*parts, str(on)])


def as_json(figures: Iterable[Figures], on: Machine) -> str:
    """Return the same, unrounded; durations in seconds."""
    return json.dumps({"machine": asdict(on), "systems": [asdict(one) for one in figures]}, indent=2) + "\n"


def _calm_table(rows: Sequence[tuple[str, Calm]]) -> str:
    figures: list[Callable[[Calm], float | None]] = [lambda c: c.p50, lambda c: c.p95, lambda c: c.longest]
    body = [
        [
            name,
            f"{calm.tasks}, one every {calm.every:g} s",
            *(_seconds(figure(calm)) for figure in figures),
            f"{calm.missing}",
            f"{calm.doubled}",
        ]
        for name, calm in rows
    ]
    if len(rows) > 1:
        (_, ours), (_, theirs) = rows
        better = [_times(figure(theirs), figure(ours)) for figure in figures]
        body.append(["times better", "", *better, "", ""])
    return table(["", "tasks", "p50", "p95", "max", "missing", "doubled"], body)


def _burst_table(rows: Sequence[tuple[str, Burst]]) -> str:
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
        for name, burst in rows
    ]
    if len(rows) > 1:
        (_, ours), (_, theirs) = rows
        body.append(["times better", "", "", _times(ours.texts_per_second, theirs.texts_per_second), "", "", ""])
    return table(["", "tasks", "last text after", "texts/s", "most severe first", "missing", "doubled"], body)


def _severity_table(rows: Sequence[tuple[str, Burst]]) -> str:
    body = []
    for name, burst in rows:
        spans = [burst.by_severity.get(severity) for severity in SEVERITIES]
        body.append([name, *(f"{span.first:.2f} to {span.last:.2f}" if span else NOTHING for span in spans)])
    return table(["", *SEVERITIES], body)


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
