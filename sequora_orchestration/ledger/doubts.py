"""Texts in doubt, that is, nobody knows whether they went out: looked for, and settled.

The phone company's list is read in `delivery/look_up.py`, and texts are recognised in it in `domain/doubt.py`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.doubt import Doubtful
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.leases import MOST_RUNS
from sequora_orchestration.ledger.room import Room, in_batches
from sequora_orchestration.ledger.terms import Terms
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.kinds import KINDS

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# How many messages a run looks up, or asks receipts for; and how many such runs a tick requests.
LOOK_UP_BATCH = 50

BATCHES_A_TICK = 5


class DoubtfulTexts(Room):
    """Finds texts in doubt, and settles them."""

    statements = SQL

    def set_aside_what_died(self) -> None:
        """Put the texts in doubt that a dead process was sending; fail messages that run after run has died of."""
        self._changed("doubt_abandoned_attempts", **doubt_windows(self._terms), window_after_error_answer=None)
        self._changed("set_poison_aside", limit=MOST_RUNS)

    def due_look_ups(self) -> list[list[str]]:
        """Return the ids, in batches, of messages in doubt or given up whose look is due; their next look is set."""
        due = self._rows("due_look_ups", kinds=list(KINDS), most=LOOK_UP_BATCH * BATCHES_A_TICK)
        return in_batches(due, LOOK_UP_BATCH)

    def in_doubt(self, ids: Sequence[str] = ()) -> list[Doubtful]:
        """Return those of these messages that are in doubt; without ids, those of all messages."""
        rows = self._rows(
            "in_doubt",
            kinds=list(KINDS),
            ids=list(ids),
            **doubt_windows(self._terms),
            window_after_error_answer=None,
            most=LOOK_UP_BATCH * BATCHES_A_TICK,
        )
        return [Doubtful(**{**row, "fingerprints": frozenset(row["fingerprints"])}) for row in rows]

    def known_provider_ids(self, provider_ids: Iterable[str]) -> dict[str, datetime | None]:
        """Return those of the phone company's ids that belong to messages, each with the time by which it was accepted.

        The time is None where it is not known.
        """
        rows = self._rows("known_provider_ids", provider_ids=list(provider_ids))
        return {row["provider_id"]: row["sent_at"] for row in rows}

    def rivals(self, ids: Iterable[str], channel: str) -> list[Sequence[str]]:
        """Return the fingerprints of all other messages of a channel that may be in the phone company's list."""
        rows = self._rows("rivals", kinds=list(KINDS), channel=channel, ids=sorted(set(ids)))
        return [row["fingerprints"] for row in rows if row["fingerprints"]]

    def settle_doubt(self, doubtful: Doubtful, verdict: Suppression) -> bool:
        """Settle a message that the phone company does not have; return False if it was settled meanwhile."""
        return self._changed(
            "settle_doubt",
            **_doubtful_attempt(doubtful),
            is_providers=doubtful.is_providers,
            state=verdict.state,
            reason=verdict.reason,
            cause=verdict.cause,
        )

    def look_later(self, doubtful: Sequence[Doubtful]) -> None:
        """Record that the phone company's list, in which these are looked for, could not be read."""
        self._changed("look_later", ids=[one.id for one in doubtful])

    def note_looks(self, doubtful: Sequence[Doubtful]) -> None:
        """Record that these were looked for in a list that was read whole, and were not found."""
        self._changed("note_looks", ids=[one.id for one in doubtful])

    def adopt(self, doubtful: Doubtful, provider_id: str, recognised_by: Sequence[str]) -> bool:
        """Record that a text in doubt was found by one of these fingerprints.

        Return False if the doubt is settled already, or the text is (or may be) another message's.
        """
        try:
            return self._changed(
                "adopt",
                **_doubtful_attempt(doubtful),
                provider_id=provider_id,
                fingerprints=list(recognised_by),
            )
        except IntegrityError:
            return False


def _doubtful_attempt(doubtful: Doubtful) -> dict[str, object]:
    return {"id": doubtful.id, "attempt": doubtful.attempts, "attempted_at": doubtful.attempted_at}


def doubt_windows(terms: Terms) -> dict[str, object]:
    """Return the parameters that say how long a message in doubt is looked for, in seconds."""
    return {
        "window": terms.doubt_window.total_seconds(),
        "window_critical": terms.delivery.sequora_doubt_window_critical.total_seconds(),
        "held_kinds": [kind.name for kind in KINDS.values() if kind.if_not_found is State.HELD],
    }
