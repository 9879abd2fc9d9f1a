"""Makes the application's own log of texts complete. Finding its missing rows is the ledger's business."""

from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.database import refuses_a_row
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.facts import about, judged, with_recipients
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.rows import Message
from sequora_orchestration.messages.kinds import KINDS


def bring_log_up_to_date(delivery: Delivery, owed: Message) -> bool:
    """Complete the application's log for a text; return False if somebody has locked it.

    If that log keeps the content of texts, it gets the content as it would read by now, for bodies are not stored.
    Raises the database's errors, also if the log refuses the row.
    """
    return _bring_up_to_date(delivery, [owed])


def _bring_up_to_date(delivery: Delivery, owed: Sequence[Message]) -> bool:
    """Complete the log for a text: for its own message, or for several that it has told of as a digest."""
    log, content, text_id = delivery.ledger.application_log, None, owed[0].named_by or owed[0].id
    if any(one.log_owes == "row" for one in owed) and (notification := log.as_sent(text_id)):
        content = _content(delivery, notification)
    return log.bring_log_up_to_date([one.id for one in owed], content=content)


def log_owed_to_digests(delivery: Delivery, owed: Sequence[Message]) -> list[Message]:
    """Complete the application's log for the messages that digests have told of, all of a digest at once.

    Return the others, and those of a digest of which the log refuses a row, or is locked: the caller then writes them
    one by one.
    """
    left = [one for one in owed if not one.named_by]
    for digest_id in dict.fromkeys(one.named_by for one in owed if one.named_by):
        some = [one for one in owed if one.named_by == digest_id]
        try:
            left += [] if _bring_up_to_date(delivery, some) else some
        except DBAPIError as error:
            if not refuses_a_row(error):
                raise
            left += some
    return left


def _content(delivery: Delivery, notification: Notification) -> str | None:
    (facts,) = with_recipients(delivery, about(delivery, [notification]))
    said = judged(lambda known: KINDS[notification.kind].text_to_keep(known, delivery.wording), facts)
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
