"""What the application's own log of texts lacks, and how it is made up for."""

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

# So many rows of the application's log does a scan make up for, some milliseconds each, before it warns anybody.
UNLOGGED_A_SCAN = 50


class ApplicationLog(Room):
    """What the application's own log of texts lacks, and how it is made up for."""

    statements = SQL

    def log_owed(self, ids: Sequence[str]) -> list[Message]:
        """Return of which texts about these tasks or episodes the application's log lacks something."""
        return [message(row) for row in self._rows("log_owed", kinds=list(KINDS), ids=list(ids))]

    def log_owed_of_claim(self, claim_id: str) -> list[Message]:
        """Return the same of what the claim has sent."""
        return [message(row) for row in self._rows("log_owed_of_claim", claim_id=claim_id)]

    def log_owed_of(self, ids: Sequence[str]) -> list[Message]:
        """Return the same of these messages."""
        return [message(row) for row in self._rows("log_owed_of", ids=list(ids))]

    def log_owed_lately(self) -> list[Message]:
        """Return the same of what was sent within a day; some of it if it is much."""
        return [message(row) for row in self._rows("log_owed_lately", kinds=list(KINDS), most=UNLOGGED_A_SCAN)]

    def as_sent(self, id_: str) -> Notification | None:
        """Return a message as it was when it was sent, or None if the application's log does not want its content."""
        rows = self._rows("as_sent", id=id_)
        return notification(rows[0]) if rows else None

    def bring_log_up_to_date(self, ids: Sequence[str], *, content: str | None = None) -> bool:
        """Write what the application's log lacks of these texts; return False if somebody has locked it.

        The `content` is of the one whose row is missing. Raises the database's errors: all of them, or none.
        """
        try:
            self._logged("bring_log_up_to_date", ids=list(ids), content=hexadecimal(content))
        except DBAPIError as error:
            if not is_locked(error):
                raise
            return False
        return True
