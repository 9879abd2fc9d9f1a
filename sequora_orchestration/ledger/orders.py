"""Operators' orders about messages: cancel, release, resend. Pause and resume are in `halts.py`."""

from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Message, Operator, message, message_id

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class Orders(Room):
    """Carries out operators' orders about messages. An id is a message's own, its task's or its episode's."""

    statements = SQL

    def of_subject(self, id_: str, kind: str | None = None) -> list[Message]:
        """Return the messages with this id (their own, their task's or their episode's), oldest first."""
        rows = self._rows("of_subject", id=id_, own_id=message_id(id_), kind=kind)
        return [message(row) for row in rows]

    def cancel(self, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        """End the messages with this id that were not sent, and return them; they are not made again."""
        return self._ordered("cancel", id_, kind, operator)

    def resend(self, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        """Send the messages with this id that are over anew; return the new messages."""
        return self._ordered("resend", id_, kind, operator)

    def release(self, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        """Send the messages with this id that were held, and return them."""
        return self._ordered("release", id_, kind, operator)

    def _ordered(self, verb: str, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        rows = self._rows(
            verb, id=id_, own_id=message_id(id_), kind=kind, verb=verb, who=operator.who, why=operator.why
        )
        return [message(row) for row in rows]
