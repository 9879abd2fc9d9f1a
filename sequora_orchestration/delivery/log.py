"""Makes the application's own log of texts complete. Finding its missing rows is the ledger's business."""

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.database import refuses_a_row
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.prepare import about, judged, with_recipients
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.rows import Message
from sequora_orchestration.messages.kinds import KINDS


def bring_log_up_to_date(delivery: Delivery, owed: Message) -> bool:
    """Complete the application's log for a text; return False if somebody has locked it.

    If that log keeps the content of texts, it gets the content as it would read by now, for bodies are not stored.
    Raises the database's errors, also if the log refuses the row.
    """
    log, content = delivery.ledger.application_log, None
    if owed.log_owes == "row" and (notification := log.as_sent(owed.id)):
        content = _content(delivery, notification)
    return log.bring_log_up_to_date([owed.id], content=content)


def _content(delivery: Delivery, notification: Notification) -> str | None:
    (facts,) = with_recipients(delivery, about(delivery, [notification]))
    said = judged(lambda known: KINDS[notification.kind].text_to_keep(known, delivery.app_url), facts)
    return said if isinstance(said, str) else None


def log_owed_after(delivery: Delivery, ids: Sequence[str]) -> list[Message]:
    """Complete the application's log for these texts, all at once; return those that it still lacks something of.

    If it refuses one row, or somebody has locked one, nothing is written: the caller then writes them one by one.
    """
    owed = delivery.ledger.application_log.log_owed_of(ids)
    receipts = [one.id for one in owed if one.log_owes == "receipt"]
    try:
        if not receipts or not delivery.ledger.application_log.bring_log_up_to_date(receipts):
            return owed
    except DBAPIError as error:
        if not refuses_a_row(error):
            raise
        return owed
    return [one for one in owed if one.log_owes != "receipt"]
