"""Asks the phone company for the receipts of messages that were sent, and records them.

Reading receipts changes nothing, and each message is settled by one guarded statement: so two processes at a time, or
one killed in between, do no harm. The receipt of a message that was not settled is asked for again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sequora_orchestration.channels.channel import Channel, LookUpError, UnreadableError
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.receipts import WORTH_A_SECOND_TRY, Receipt
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Message
from sequora_orchestration.messages.kinds import KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The outcome of asking for receipts."""

    receipts: list[tuple[Message, Receipt]] = field(default_factory=list)
    unknown: list[tuple[Message, bool]] = field(default_factory=list)
    """The messages that the phone company does not know, and whether nobody asks for them again soon."""

    unreadable: dict[str, LookUpError] = field(default_factory=dict)
    """Why nothing is known of a channel's messages, by the names of the channels that could not be read."""


def follow(delivery: Delivery, texts: Sequence[Message]) -> Followed:
    """Ask for the receipts of these messages, oldest first, and record them; return the outcome.

    A channel that cannot be read keeps no other from being asked: the next time to ask has been set for all of them.
    Raises the database's errors.
    """
    followed = Followed()
    for name in dict.fromkeys(text.channel for text in texts):
        try:
            some = _follow(delivery.ledger, delivery.channels[name], [text for text in texts if text.channel == name])
        except LookUpError as error:
            followed.unreadable[name] = error
            continue
        followed.receipts.extend(some.receipts)
        followed.unknown.extend(some.unknown)
    return followed


def _follow(ledger: Ledger, channel: Channel, texts: Sequence[Message]) -> Followed:
    by_provider_id = {text.provider_id: text for text in texts if text.provider_id}
    sent_at = [text.sent_at for text in texts if text.sent_at]
    with noted_whether_readable(ledger, channel):
        answer = channel.receipts(by_provider_id, since=min(sent_at), until=max(sent_at))
    receipts = [(by_provider_id[receipt.provider_id], receipt) for receipt in answer.known]
    ledger.receipts.settle_delivered([text for text, receipt in receipts if receipt.state is State.DELIVERED])
    for text, receipt in receipts:
        if receipt.state is State.UNDELIVERED:
            again_after = KINDS[text.kind].second_try_after if receipt.code in WORTH_A_SECOND_TRY else None
            ledger.receipts.settle_undelivered(text, receipt, again_after=again_after)
    given_up = ledger.receipts.note_unknown([by_provider_id[one] for one in answer.unknown])
    unknown = [(text, text.id in given_up) for text in texts if text.provider_id in answer.unknown]
    return Followed(receipts=receipts, unknown=unknown)


@contextmanager
def noted_whether_readable(ledger: Ledger, channel: Channel) -> Iterator[None]:
    """Record whether the phone company lets us read its receipts and lists: else nobody notices that it does not."""
    try:
        yield
    except UnreadableError as error:
        ledger.halts.note_unreadable(channel.name, error.reason, http_status=error.http_status, code=error.code)
        raise
    ledger.halts.note_readable(channel.name)
