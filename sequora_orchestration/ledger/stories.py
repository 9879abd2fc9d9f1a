"""Messages with everything that has happened to them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.case import Change, Circumstances, Delays, FoundLate, Order, Story
from sequora_orchestration.domain.cause import known_cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.halts import Halts
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Subject, message_id, subject

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class Stories(Room):
    """Messages with everything that has happened to them."""

    statements = SQL

    def stories(self, *, task_ids: Sequence[str] = (), episode_ids: Sequence[str] = ()) -> list[Story]:
        """Return the messages about these tasks, and the check-ins of these episodes, with their history."""
        rows = self._rows(
            "stories", task_ids=list(task_ids), episode_ids=list(episode_ids), own_ids=[], claim_id=None, of=None
        )
        return [_story(row) for row in rows]

    def tries_of(self, id_: str) -> list[Story]:
        """Return the message of that id, and all by which the same was sent again, with their history, oldest first."""
        ids = [row["id"] for row in self._rows("tries_of", own_id=message_id(id_))]
        rows = self._rows("stories", task_ids=[], episode_ids=[], own_ids=ids, claim_id=None, of=None)
        return [_story(row) for row in rows]

    def stories_of_claim(self, claim_id: str, *, of: str | None = None) -> list[Story]:
        """Return the same of the messages that a claim has or has settled, or of the one that an id names."""
        rows = self._rows("stories", task_ids=[], episode_ids=[], own_ids=[], claim_id=claim_id, of=of)
        return [_story(row) for row in rows]

    def tasks_of_episode(self, episode_id: str) -> list[str]:
        """Return the ids of the tasks of an episode that there are messages about."""
        return [row["task_id"] for row in self._rows("tasks_of_episode", id=episode_id)]

    def subject_of(self, id_: str) -> Subject | None:
        """Return what the message of that id is about, or None if there is no such message."""
        rows = self._rows("subject_of", own_id=message_id(id_))
        return replace(subject(rows[0]), kind=rows[0]["kind"]) if rows else None

    def tasks_of_digest(self, id_: str) -> list[str]:
        """Return the ids of the tasks that the digest of that id tells of; empty if it is none."""
        return [row["task_id"] for row in self._rows("tasks_of_digest", own_id=message_id(id_))]

    def circumstances(self, since: datetime | None) -> Circumstances:
        """Return what holds for every case, with the orders about whole kinds since then."""
        (row,) = self._rows("lives_since")
        workflows, halts = self._terms.workflows, Halts(self._store)
        orders = self._rows("orders_about_kinds", since=since or row["now"])
        return Circumstances(
            now=row["now"],
            go_live_at=self._terms.go_live_at or row["go_live_at"],
            workflows_live_at=self._terms.go_live_at or row["workflows_live_at"],
            delays=Delays(
                check_in=workflows.sequora_check_in_delay,
                receipt=self._terms.receipt_window,
                doubt=self._terms.doubt_window,
            ),
            providers=halts.providers(),
            kinds_going_out=frozenset(row["kinds_going_out"]),
            has_rate=self._terms.rate_of(SMS) is not None,
            pauses=halts.pauses(),
            orders=[Order(**order) for order in orders],
        )


def _story(row: RowMapping) -> Story:
    return Story(
        **{
            **row,
            "state": State(row["state"]),
            "cause": known_cause(row["cause"]),
            "changes": [_change(change) for change in row["changes"] or ()],
            "orders": [_order(order) for order in row["orders"] or ()],
            "found_late": [_found_late(one) for one in row["found_late"] or ()],
        }
    )


def _change(recorded: Mapping[str, Any]) -> Change:
    """Return a change from its JSON, in which times and states are texts."""
    from_state = recorded["from_state"]
    return Change(
        **{
            **recorded,
            "at": datetime.fromisoformat(recorded["at"]),
            "from_state": State(from_state) if from_state else None,
            "to_state": State(recorded["to_state"]),
            "cause": known_cause(recorded["cause"]),
        }
    )


def _order(recorded: Mapping[str, Any]) -> Order:
    return Order(**{**recorded, "at": datetime.fromisoformat(recorded["at"]), "kind": None})


def _found_late(recorded: Mapping[str, Any]) -> FoundLate:
    began_at, found_at = (datetime.fromisoformat(recorded[name]) for name in ("began_at", "found_at"))
    return FoundLate(began_at=began_at, found_at=found_at, provider_id=recorded["provider_id"])
