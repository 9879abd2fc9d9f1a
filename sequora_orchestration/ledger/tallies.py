"""Tallies of the ledger for Prometheus: what went out since midnight (UTC), and what is under way.

Prometheus' counters may only rise, or begin again at nothing. A count over all rows would fall each night, when
messages are deleted that SEQUORA_KEEP_MESSAGES keeps no longer, and Prometheus would take the rest for new texts. A
process that counts what it sees would miss what goes out while it is away. So these count from midnight (UTC) on: the
rows of a day stay for 30 days at least, a restart loses nothing, several processes say the same, and at midnight the
counters begin again, which `rate()` and `increase()` understand. They miss what goes out between the last scrape of a
day and midnight, and a text that was in doubt over midnight.

Figures of the last hour stand in `measurements.py`. Reading changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import RowMapping

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.domain.health import INSIDE
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.room import Room

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

SEVERITIES = ("CRITICAL", "HIGH", "MODERATE", "LOW")

UNDER_WAY = (State.SCHEDULED, State.QUEUED, State.SENDING, State.IN_DOUBT, State.HELD)
"""The states of a message that is not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How long the texts of a day took, in seconds from when they were owed until the phone company took them."""

    within: Sequence[int]
    """For each bound how many took no longer; all of them count in `texts`."""

    texts: int
    seconds: float
    """The sum of what they took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentToday:
    """What the phone company has taken since midnight (UTC)."""

    by_kind: Mapping[str, int]
    """Numbers of messages; kinds of a newer version are among them."""

    new_tasks: Mapping[str | None, Distribution]
    """The texts about new tasks by severity; None stands for any other severity than SEVERITIES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amiss:
    """Numbers of messages with which something is amiss."""

    doubled: int
    """Texts found since midnight (UTC) that were given up and sent again: two went out."""

    late: int
    """Texts about new tasks that have waited for longer than `INSIDE`."""

    set_aside: int
    """Messages that run after run has died of, within the last hour."""


class Tallies(Room):
    """Counts the ledger's messages. Database errors are raised."""

    statements = SQL

    def sent_today(self, bounds: Sequence[float]) -> SentToday:
        """Return what went out since midnight (UTC); the `bounds` of the latency are in seconds, and rise."""
        rows = self._rows("sent_today", severities=list(SEVERITIES), bounds=[-bound for bound in reversed(bounds)])
        kinds = sorted({row["kind"] for row in rows})
        return SentToday(
            by_kind={kind: sum(row["messages"] for row in rows if row["kind"] == kind) for kind in kinds},
            new_tasks={
                severity: _distribution(
                    [row for row in rows if row["within"] is not None and row["severity"] == severity], len(bounds)
                )
                for severity in (*SEVERITIES, None)
            },
        )

    def under_way(self, kinds: Iterable[str]) -> dict[tuple[str, State], int]:
        """Return how many messages of these kinds are in each of the states UNDER_WAY; no entry stands for none."""
        rows = self._rows("under_way", kinds=list(kinds), states=list(UNDER_WAY))
        return {(row["kind"], State(row["state"])): row["messages"] for row in rows}

    def amiss(self) -> Amiss:
        """Return with how many messages something is amiss."""
        (row,) = self._rows("amiss", inside=INSIDE.total_seconds())
        return Amiss(**row)


def _distribution(rows: Sequence[RowMapping], bounds: int) -> Distribution:
    """Return the distribution of texts over so many bounds; a row counts those within so many of the last bounds."""
    return Distribution(
        within=[sum(row["messages"] for row in rows if row["within"] >= bounds - place) for place in range(bounds)],
        texts=sum(row["messages"] for row in rows),
        seconds=sum(row["seconds"] for row in rows),
    )
