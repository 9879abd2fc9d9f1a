"""Messages that are not sent, or not yet: ended, put off, or still without a recipient.

The rules that decide so are in `messages/`.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.on_call import is_passed_over
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Message, message
from sequora_orchestration.messages.kind import Postponement, Suppression
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


class Withholding(Room):
    """Ends messages, puts them off, and gives recipients to those that have none."""

    statements = SQL

    def suppress(self, notification: Notification, suppression: Suppression, run_id: str) -> bool:
        """End a message without sending it; return False if the row is no longer ours."""
        return self._changed(
            "suppress",
            **_as_known(notification),
            run_id=run_id,
            state=suppression.state,
            reason=suppression.reason,
            cause=suppression.cause,
            ended_by=suppression.ended_by,
        )

    def postpone(self, notification: Notification, postponement: Postponement, run_id: str) -> bool:
        """Let a message wait until its time has come; return False if the row is no longer ours."""
        return self._changed(
            "postpone",
            **_as_known(notification),
            run_id=run_id,
            due_at=postponement.until,
            reason=postponement.reason,
            cause=postponement.cause,
        )

    def schedule_escalations(self, task_ids: Sequence[str]) -> list[Message]:
        """Begin the wait after these tasks' breach alerts, if it has not begun; return the escalations that wait."""
        self._changed(
            "schedule_escalations",
            task_ids=list(task_ids),
            channel=SLA_ESCALATION.channel,
            delay=self._terms.escalation_delay,
        )
        return [message(row) for row in self._rows("escalations", task_ids=list(task_ids))]

    def address(self, notification: Notification, recipient_ids: Sequence[str]) -> bool:
        """Give a message its first recipient, and each further recipient a message of its own.

        Return False if the message has a recipient by now, or if all these recipients have this message already.
        """
        return bool(
            self._rows("address", id=notification.id, claim_id=notification.claim_id, recipient_ids=list(recipient_ids))
        )

    def passed_over(self, ids: Sequence[str]) -> set[tuple[str, str]]:
        """Return whom a text about the same task has just failed to reach, as pairs (message id, recipient id)."""
        return {
            (row["notification_id"], row["recipient_id"])
            for row in self._rows("unreached_recipients", ids=list(ids))
            if is_passed_over(row["provider_code"], timedelta(seconds=row["seconds_ago"]))
        }


def _as_known(notification: Notification) -> dict[str, object]:
    """Return the parameters that find a row only as the run knows it: under its claim, and with the same recipient."""
    return {"id": notification.id, "claim_id": notification.claim_id, "recipient_id": notification.recipient_id}
