"""What operators order about messages: cancel, release, resend."""

from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Message, Operator, message, message_id

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class Orders(Room):
    """What operators order about messages: cancel, release, resend."""

    statements = SQL

    def of_subject(self, id_: str, kind: str | None = None) -> list[Message]:
        """Return the messages that an id names (its own, its task's or its episode's), oldest first."""
        rows = self._rows("of_subject", id=id_, own_id=message_id(id_), kind=kind)
        return [message(row) for row in rows]

    def cancel(self, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        """End what an id names and was not sent; return it. It is not made again."""
        return self._ordered("cancel", id_, kind, operator)

    def resend(self, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        """Send anew what an id names and is over; return the new messages."""
        return self._ordered("resend", id_, kind, operator)

    def release(self, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        """Send what an id names and was held; return it."""
        return self._ordered("release", id_, kind, operator)

    def _ordered(self, verb: str, id_: str, kind: str | None, operator: Operator) -> list[Message]:
        rows = self._rows(
            verb, id=id_, own_id=message_id(id_), kind=kind, verb=verb, who=operator.who, why=operator.why
        )
        return [message(row) for row in rows]
