"""A run's work with its claim: it takes up the claim's messages, keeps their lease, and gives back the rest.

Making claims is the business of `claims.py`.
"""

from collections.abc import Sequence
from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import MANY, Message, message, notification

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Seconds for which a claim has its rows. If its run dies, they are free when these are over; a run that is only slow
# finds them taken over and steps aside. In a full pipeline (MOST and ENOUGH in `claims.py`) a row waits some 5 s for
# its run.
LEASE = 30

# Seconds within which the daemon hands in the runs that a tick has requested: ten at most, in some 20 ms each.
HANDED_IN_WITHIN = 5

# When so many runs in a row have ended before they were through with a row, it is set aside.
MOST_RUNS = 5

# Seconds for which a scan has its rows: it claims many, and sends one after the other. Less than the five minutes
# between two scans, so that the next scan takes over from one that died.
SCAN_LEASE = 240


class Leases(Room):
    """Takes up the messages of a claim for a run, keeps their lease, and gives back the rest."""

    statements = SQL

    def take_up(self, claim_id: str, run_id: str) -> list[Notification]:
        """Return the messages that the claim still has to send, most urgent first; renew their lease if need be."""
        return self._taken_up(claim_id, run_id, lease=LEASE, counts=True)

    def take_up_scan(self, claim_id: str, run_id: str) -> list[Notification]:
        """Return the messages likewise for a scan, whose steps take up one message each when its turn comes."""
        return self._taken_up(claim_id, run_id, lease=SCAN_LEASE, counts=False)

    def _taken_up(self, claim_id: str, run_id: str, *, lease: int, counts: bool) -> list[Notification]:
        delay = self._terms.escalation_delay
        rows = self._rows(
            "take_up", claim_id=claim_id, run_id=run_id, lease=lease, counts=counts, escalation_delay=delay
        )
        return [notification(row) for row in rows]

    def take_up_one(self, claim_id: str, id_: str) -> Notification | None:
        """Return the claim's message with this id, its own or its task's; None if it need not be sent any more."""
        rows = self._rows("take_up_one", claim_id=claim_id, id=id_)
        return notification(rows[0]) if rows else None

    def note_step_failed(self, claim_id: str, *, of: str | None = None) -> None:
        """Record that a step failed. A failed step is no sign of poison: the process lived.

        With `of`, the id of a message or its task, it was a step for that message alone.
        """
        self._changed("note_step_failed", claim_id=claim_id, of=of)

    def give_back(self, notifications: Sequence[Notification], reason: str) -> None:
        """Give back those of these messages, all of one claim, whose call was not begun; any claim may have them."""
        if notifications:
            claim_id, ids = notifications[0].claim_id, [one.id for one in notifications]
            self._changed("give_back", claim_id=claim_id, ids=ids, reason=reason)

    def claims_not_taken_up(self) -> list[str]:
        """Return claims that no run has taken up in HANDED_IN_WITHIN, or longer; their runs may wait for a worker.

        The caller must ask Dagster whether they have a run.
        """
        return [row["claim_id"] for row in self._rows("claims_not_taken_up", seconds=HANDED_IN_WITHIN)]

    def give_back_claims(self, claim_ids: Sequence[str]) -> None:
        """Give back the messages of these claims, for no run will take them up."""
        self._changed("give_back_claims", claim_ids=list(claim_ids))

    def texts_wait(self) -> bool:
        """Return whether there are messages that could be sent, and no worker has time for them."""
        (row,) = self._rows("texts_wait")
        return bool(row["wait"])

    def outcomes(self, claim_id: str, *, of: str | None = None) -> list[Message]:
        """Return every message that the claim has or has settled; with `of`, the one with that id, or its task's."""
        return [message(row) for row in self._rows("of_claim", claim_id=claim_id, of=of, many=MANY)]
