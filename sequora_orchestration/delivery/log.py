"""What the application's own log of texts lacks, and how it is made up for."""

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.database import refuses_a_row
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.prepare import about, judged, with_recipients
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.rows import Message
from sequora_orchestration.messages.kinds import KINDS


def bring_log_up_to_date(delivery: Delivery, owed: Message) -> bool:
    """Write what the application's log lacks of a text; return False if somebody has locked it.

    Where that log wants to know what the text said, it is told what it would say by now. Raises the database's
    errors, that of a refused row among them.
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
    """Tell the application's log what became of these texts, all at once; return of which it still lacks something.

    One row that it refuses, or somebody has locked, would keep all others from it: those are left to be told singly.
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
