"""Replays: many messages that ended alike, in a time, are sent again by one order.

Not here: whether each is still wanted (`delivery/replay.py`), and the order about a single case (`orders.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.replay import Hindrance
from sequora_orchestration.ledger.digests import Named, named_in
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Operator, notification
from sequora_orchestration.messages.kinds import KINDS

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Replays are told from orders about a single message by this verb (`is_replayed` in `views.sql`).
VERB = "replay"

# The kinds whose own rules ask how late a message is.
KEEPING = [kind.name for kind in KINDS.values() if kind.lateness_counts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages an operator asks for."""

    since: datetime
    until: datetime
    """Not included."""

    states: Sequence[State]
    kinds: Sequence[str]
    also_sent: bool = False
    """Whether also those that have arrived, or may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A message by which another one is sent again."""

    id: str
    replayed_id: str
    """The message that is sent again."""

    kind: str
    severity: str | None
    task_id: str | None
    episode_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A message that ended in the state and the time that were asked for."""

    id: str
    kind: str
    channel: str
    severity: str | None
    task_id: str | None
    episode_id: str | None
    state: State
    reason: str | None
    resent_at: datetime | None
    """When it was made by an operator's order, if that has sent another one again by it."""

    hindrance: Hindrance | None
    """Why it is not sent again, as far as the ledger knows."""


class Replays(Room):
    """Finds messages that ended alike, and sends them again."""

    statements = SQL

    def ended(self, wanted: Wanted) -> list[Ended]:
        """Return the messages that are asked for, the most urgent first."""
        rows = self._rows(
            "ended",
            since=wanted.since,
            until=wanted.until,
            states=list(wanted.states),
            kinds=list(wanted.kinds),
            also_sent=wanted.also_sent,
        )
        return [
            Ended(
                **{
                    **row,
                    "state": State(row["state"]),
                    "hindrance": Hindrance(row["hindrance"]) if row["hindrance"] else None,
                }
            )
            for row in rows
        ]

    def as_new(self, ids: Sequence[str]) -> list[Notification]:
        """Return these messages as they would be if they were sent again now."""
        return [notification(row) for row in self._rows("as_new", ids=list(ids), keeping=KEEPING)]

    def named_as_new(self, digest_ids: Sequence[str]) -> list[Named]:
        """Return what these digests would tell of if they were sent again now."""
        return [named_in(row) for row in self._rows("named_as_new", ids=list(digest_ids))]

    def replay(self, ids: Sequence[str], wanted: Wanted, operator: Operator, *, is_first: bool) -> list[Replayed]:
        """Send those of these messages again that still may be; return the new messages, the most urgent first.

        Of an order's messages the first ones also record the order itself.
        """
        rows = self._rows(
            "replay",
            ids=list(ids),
            states=list(wanted.states),
            also_sent=wanted.also_sent,
            keeping=KEEPING,
            who=operator.who,
            verb=VERB,
            why=operator.why,
            is_first=is_first,
        )
        return [Replayed(**row) for row in rows]
