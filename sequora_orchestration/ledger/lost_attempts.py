"""Attempts that were given up as not accepted, and are looked for once more."""

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
    """Attempts that were given up as not accepted, and are looked for once more."""

    statements = SQL

    def lost_attempts(self, ids: Sequence[str] = ()) -> list[LostAttempt]:
        """Return the attempts of these messages that were given up and are looked for once more; without ids, all."""
        rows = self._rows("lost_attempts", kinds=list(KINDS), ids=list(ids), most=LOOK_UP_BATCH * BATCHES_A_TICK)
        return [LostAttempt(**{**row, "fingerprints": frozenset(row["fingerprints"])}) for row in rows]

    def note_lost_looks(self, lost: Sequence[LostAttempt]) -> None:
        """Record the same of attempts that were given up."""
        self._changed("note_lost_looks", ids=[one.id for one in lost])

    def adopt_given_up(self, lost: LostAttempt, provider_id: str, recognised_by: Sequence[str]) -> bool:
        """Record that a text which was given up was found, and its message is not sent again; return False if it was.

        Also if the text is another message's, or may be.
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
        """Record that a text which was given up was found after its message had been sent again, or ended.

        `texted_at` is when the phone company says that it took the text. Return False if it was noted before, or it may
        be another attempt's.
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
