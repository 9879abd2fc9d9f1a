"""Digests: which texts about new tasks wait for one, and what each tells of.

The wording of a digest stands in `messages/task_digest.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import RowMapping

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.messages.kind import MessageKind, Withheld
from sequora_orchestration.settings.workflows import Flood

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A message about a task that a digest tells of in its place."""

    digest_id: str
    message: Notification
    is_to_be_told: bool
    """Whether it still waits for the digest; if not, the digest has told of it."""

    is_cancelled: bool
    """Whether an operator has cancelled it while its digest might have been out."""

    waits_since: datetime
    """Since when there has been a message about the task to this nurse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The digests that are still to be sent."""

    is_any: bool
    seconds: float
    """How long the question kept the database busy."""


class Digests(Room):
    """Lets texts wait for a digest, and knows what each digest tells of."""

    statements = SQL

    @property
    def flood(self) -> Flood | None:
        """After how many texts a nurse's next ones are gathered; None if they never are."""
        return self._terms.workflows.flood

    def gather(
        self,
        notifications: Sequence[Notification],
        digest: MessageKind,
        *,
        reason: str,
        run_id: str,
        alone: bool,
    ) -> Mapping[str, datetime]:
        """Return until when each of these messages, all of one claim, waits for a digest, by the ids of those that do.

        `reason` is recorded with them. If they go `alone`, none waits; each still counts as a text that
        its nurse has had.
        """
        if not self.flood or not notifications:
            return {}
        rows = self._rows(
            "gather",
            ids=[one.id for one in notifications],
            claim_id=notifications[0].claim_id,
            run_id=run_id,
            kind=digest.name,
            channel=digest.channel,
            limit=self.flood.texts,
            seconds=self.flood.within.total_seconds(),
            all_alone=alone,
            reason=reason,
            cause=Cause.GATHERED,
        )
        return {row["id"]: row["due_at"] for row in rows}

    def named(self, digest_ids: Sequence[str]) -> list[Named]:
        """Return what these digests tell of, or have told of, the most urgent first."""
        return [named_in(row) for row in self._rows("named", ids=list(digest_ids))]

    def drop(self, dropped: Sequence[tuple[Notification, Withheld]], run_id: str) -> None:
        """End these messages, which wait for a digest and are not wanted any more."""
        self._changed(
            "drop_named",
            ids=[one.id for one, _ in dropped],
            states=[why.state.value for _, why in dropped],
            reasons=[why.reason for _, why in dropped],
            causes=[why.cause.value for _, why in dropped],
            ended_by_each=[getattr(why, "ended_by", None) for _, why in dropped],
            run_id=run_id,
        )

    def let_critical_go(self, digest: MessageKind) -> Waiting:
        """Queue the messages whose task has become critical while they waited; return whether any digest waits."""
        (row,) = self._rows("let_critical_go", kind=digest.name)
        return Waiting(is_any=row["waits"], seconds=row["seconds"])


def named_in(row: RowMapping) -> Named:
    """Return a row as a message that a digest tells of."""
    return Named(
        **{name: row[name] for name in _OF_NAMED},
        message=Notification(**{name: value for name, value in row.items() if name not in _OF_NAMED}),
    )


_OF_NAMED = ("digest_id", "is_to_be_told", "is_cancelled", "waits_since")
