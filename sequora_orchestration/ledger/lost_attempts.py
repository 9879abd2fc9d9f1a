"""Lost attempts: their texts counted as not accepted, and are still looked for after 1, 5 and 30 minutes.

Attempts that are still in doubt are the business of `doubts.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.doubt import LostAttempt
from sequora_orchestration.ledger.doubts import BATCHES_A_TICK, LOOK_UP_BATCH
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.messages.kinds import KINDS

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class LostAttempts(Room):
    """Finds attempts that were given up and are still looked for, and records those whose text is found."""

    statements = SQL

    def sought(self, ids: Sequence[str] = ()) -> list[LostAttempt]:
        """Return the attempts that were given up and are still looked for: these messages', or all without ids."""
        rows = self._rows("sought", kinds=list(KINDS), ids=list(ids), most=LOOK_UP_BATCH * BATCHES_A_TICK)
        return [LostAttempt(**{**row, "fingerprints": frozenset(row["fingerprints"])}) for row in rows]

    def note_lost_looks(self, lost: Sequence[LostAttempt]) -> None:
        """Record that these attempts were looked for in a list that was read whole, and were not found."""
        self._changed("note_lost_looks", ids=[one.id for one in lost])

    def adopt_given_up(self, lost: LostAttempt, provider_id: str, recognised_by: Sequence[str]) -> bool:
        """Record that the text of a lost attempt was found, so that its message is not sent again.

        Return False if it was sent again before, or if the text is (or may be) another message's.
        """
        try:
            return self._changed(
                "adopt_given_up", id=lost.id, provider_id=provider_id, fingerprints=list(recognised_by)
            )
        except IntegrityError:
            return False

    def note_found_late(
        self, lost: LostAttempt, provider_id: str, recognised_by: Sequence[str], *, texted_at: datetime | None
    ) -> bool:
        """Record that the text of a lost attempt was found after its message had been sent again, or ended.

        `texted_at` is when the phone company says that it took the text. Return False if that was noted before, or the
        text may be another attempt's.
        """
        try:
            return self._changed(
                "note_found_late",
                id=lost.id,
                provider_id=provider_id,
                fingerprints=list(recognised_by),
                texted_at=texted_at,
            )
        except IntegrityError:
            return False
