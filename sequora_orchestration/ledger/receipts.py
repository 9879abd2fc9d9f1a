"""Receipts: whether texts that were sent have arrived. The phone company itself is asked by a channel."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.receipts import Receipt
from sequora_orchestration.ledger.doubts import BATCHES_A_TICK
from sequora_orchestration.ledger.room import Room, in_batches
from sequora_orchestration.ledger.rows import Message, message
from sequora_orchestration.messages.kinds import KINDS

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

RECEIPTS_BATCH = 200

# After the phone company has said so often that it does not know a text, it is not asked again. The first time may be
# too early.
MOST_UNKNOWN = 3


class Receipts(Room):
    """Finds the texts whose receipts are to be asked for, and records the receipts."""

    statements = SQL

    def due_receipts(self) -> list[list[str]]:
        """Return the ids, in batches, of the messages whose receipts are to be asked for now; set the next time."""
        return in_batches(
            self._rows("due_receipts", kinds=list(KINDS), most=RECEIPTS_BATCH * BATCHES_A_TICK), RECEIPTS_BATCH
        )

    def without_receipt(self, ids: Sequence[str]) -> list[Message]:
        """Return those of these messages that were sent and have no final receipt, oldest first."""
        return [message(row) for row in self._rows("without_receipt", kinds=list(KINDS), ids=list(ids))]

    def settle_delivered(self, texts: Sequence[Message]) -> None:
        """Record that these texts have arrived."""
        self._changed("settle_delivered", ids=[text.id for text in texts])

    def settle_undelivered(self, text: Message, receipt: Receipt, *, again_after: timedelta | None) -> bool:
        """Record that a text did not arrive; return whether it is sent once more, when `again_after` is over."""
        rows = self._rows(
            "settle_undelivered",
            id=text.id,
            reason=receipt.reason,
            code=receipt.code,
            again_after=again_after.total_seconds() if again_after else 0.0,
        )
        return bool(rows and rows[0]["is_tried_again"])

    def note_unknown(self, texts: Sequence[Message]) -> set[str]:
        """Record that the phone company does not know these texts; return the ids of those that are given up."""
        rows = self._rows("note_unknown", ids=[text.id for text in texts], most=MOST_UNKNOWN) if texts else []
        return {row["id"] for row in rows if row["is_given_up"]}
