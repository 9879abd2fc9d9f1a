"""Makes the application's own log of texts complete: finds its missing rows and receipts, and writes them.

A row that is written together with its text's settlement is the business of `attempts.py`.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.database import (
    NamedStatements,
    is_locked,
)
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.room import Room, hexadecimal
from sequora_orchestration.ledger.rows import Message, message, notification
from sequora_orchestration.messages.kinds import KINDS

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# A scan writes at most this many missing rows, some milliseconds each, before it warns anybody.
UNLOGGED_A_SCAN = 50


class ApplicationLog(Room):
    """Finds texts that the application's own log lacks something of, and writes it there."""

    statements = SQL

    def log_owed(self, ids: Sequence[str]) -> list[Message]:
        """Return the texts about these tasks or episodes that the application's log lacks something of."""
        return [message(row) for row in self._rows("log_owed", kinds=list(KINDS), ids=list(ids))]

    def log_owed_of_claim(self, claim_id: str) -> list[Message]:
        """Return those of the claim's texts that the application's log lacks something of."""
        return [message(row) for row in self._rows("log_owed_of_claim", claim_id=claim_id)]

    def log_owed_of(self, ids: Sequence[str]) -> list[Message]:
        """Return those of these messages that the application's log lacks something of."""
        return [message(row) for row in self._rows("log_owed_of", ids=list(ids))]

    def log_owed_lately(self) -> list[Message]:
        """Return up to UNLOGGED_A_SCAN texts of the last day that the application's log lacks something of."""
        return [message(row) for row in self._rows("log_owed_lately", kinds=list(KINDS), most=UNLOGGED_A_SCAN)]

    def as_sent(self, id_: str) -> Notification | None:
        """Return a message as it was when it was sent, or None if the application's log keeps no content of texts."""
        rows = self._rows("as_sent", id=id_)
        return notification(rows[0]) if rows else None

    def bring_log_up_to_date(self, ids: Sequence[str], *, content: str | None = None) -> bool:
        """Complete the application's log for these texts; return False if somebody has locked it.

        `content` belongs to the text whose row is missing. If the database raises an error, nothing was written.
        """
        try:
            self._logged("bring_log_up_to_date", ids=list(ids), content=hexadecimal(content))
        except DBAPIError as error:
            if not is_locked(error):
                raise
            return False
        return True
