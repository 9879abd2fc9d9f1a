"""What the ledger keeps for each channel: one that is in trouble, or slow, keeps no other from sending."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attempts import begin
from care import NOW, NURSE_PHONE, Care

from sequora_orchestration.domain.answers import Refusal, Refused, Unclear
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS, VOICE, Notification
from sequora_orchestration.domain.receipts import Receipt
from sequora_orchestration.ledger.halts import TROUBLES
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.settings.delivery import DeliverySettings

pytestmark = pytest.mark.usefixtures("stopped_clock", "row_for_calls")

REFUSED = Refused(Refusal.CONFIGURATION, "the account is not active", 20005)
BUSY = Refused(Refusal.TRANSIENT, "busy", 20429)
UNKNOWN = Refused(Refusal.UNKNOWN, "the phone company answered HTTP 400", 99_999)


def waiting(care: Care, ledger: Ledger, channel: str, number: str = NURSE_PHONE) -> Notification:
    """Return a message that goes out by a channel, and that a run has taken up."""
    care.a_task(care.a_nurse(number))
    (claim,) = ledger.claims.claim(NEW_TASKS)
    care.rows(
        "UPDATE orchestration.notification SET channel = :channel WHERE claim_id = CAST(:claim AS uuid)",
        channel=channel,
        claim=claim.id,
    )
    (notification,) = ledger.leases.take_up(claim.id, "a-run")
    assert notification.channel == channel
    return notification


def sent(care: Care, ledger: Ledger, channel: str) -> Notification:
    """Return a message that went out by a channel."""
    notification = waiting(care, ledger, channel)
    ledger.attempts.settle_sent(notification, begin(ledger, notification) or 0, str(uuid4()), content=None)
    return notification


def test_a_message_that_is_not_told_another_channel_is_a_text(care: Care, ledger: Ledger) -> None:
    """As all are that an older worker has made."""
    care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    (notification,) = ledger.leases.take_up(claim.id, "a-run")
    assert notification.channel == SMS


def test_an_open_breaker_holds_up_the_messages_of_its_channel_alone(care: Care, ledger: Ledger) -> None:
    """A call is not tried, a text goes out."""
    call, text = waiting(care, ledger, VOICE), waiting(care, ledger, SMS)
    assert ledger.halts.note_trouble(VOICE, REFUSED, at_once=True).has_just_opened
    assert begin(ledger, call) is None
    assert begin(ledger, text) == 1
    assert (ledger.halts.provider(VOICE).is_open, ledger.halts.provider(SMS).is_open) == (True, False)
    care.a_task(care.a_nurse())
    assert ledger.claims.claim(NEW_TASKS)


def test_a_text_that_goes_out_closes_no_breaker_of_another_channel(care: Care, ledger: Ledger) -> None:
    """Nor does a number that is refused for good."""
    ledger.halts.note_trouble(VOICE, REFUSED, at_once=True)
    sent(care, ledger, SMS)
    ledger.halts.note_answer(SMS)
    assert ledger.halts.provider(VOICE).is_open


def test_troubles_are_counted_for_each_channel(ledger: Ledger) -> None:
    """Those of two channels together open no breaker."""
    channels = [SMS, VOICE] * (TROUBLES - 1)
    assert not any(ledger.halts.note_trouble(channel, BUSY, at_once=False).is_open for channel in channels)
    assert ledger.halts.note_trouble(VOICE, BUSY, at_once=False).is_open
    assert not ledger.halts.provider(SMS).is_open


def test_texts_that_go_out_are_no_evidence_about_a_call(care: Care, ledger: Ledger) -> None:
    """What a refusal means is told by what happens to others of the same channel."""
    call, text = waiting(care, ledger, VOICE), waiting(care, ledger, SMS)
    ledger.attempts.put_back(call, begin(ledger, call) or 0, UNKNOWN, pause=0)
    care.it_is(NOW + timedelta(seconds=1))
    ledger.attempts.settle_sent(text, begin(ledger, text) or 0, str(uuid4()), content=None)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    (call,) = ledger.leases.take_up(claim.id, "another-run")
    put_back = ledger.attempts.put_back(call, begin(ledger, call) or 0, UNKNOWN, pause=0)
    assert put_back
    assert not put_back.others_went_out


def test_a_list_that_cannot_be_read_is_that_of_one_channel(ledger: Ledger) -> None:
    """And is noted as readable by itself."""
    ledger.halts.note_unreadable(VOICE, "the API key may not do this", http_status=401, code=70051)
    assert ledger.halts.provider(VOICE).unreadable_since == NOW
    assert ledger.halts.provider(SMS).unreadable_since is None
    ledger.halts.note_readable(SMS)
    assert ledger.halts.provider(VOICE).unreadable_since == NOW


def test_while_a_channel_is_in_trouble_only_its_own_doubts_are_put_down_to_that(care: Care, ledger: Ledger) -> None:
    """A text in doubt at the same time counts against its tries."""
    for channel in (SMS, VOICE):
        one = waiting(care, ledger, channel)
        ledger.attempts.settle_unclear(one, begin(ledger, one) or 0, "no answer", None)
    ledger.halts.note_trouble(VOICE, Unclear("no answer"), at_once=True)
    doubtful = {one.channel: one.is_providers for one in ledger.doubts.in_doubt()}
    assert doubtful == {SMS: False, VOICE: True}


def test_the_rate_for_texts_keeps_no_call_waiting(care: Care) -> None:
    """A channel without a rate takes no turns."""
    halts = Ledger(care.engine, delivery=DeliverySettings(sequora_sender_rate=1)).halts
    assert [halts.take_turn(VOICE, cost=3) for _ in range(2)] == [0, 0]
    assert [halts.take_turn(SMS, cost=3) for _ in range(2)] == pytest.approx([0, 3])
    slots = care.rows("SELECT channel, next_slot IS NOT NULL AS is_taken FROM orchestration.provider")
    assert {row["channel"]: row["is_taken"] for row in slots} == {SMS: True, VOICE: False}


def test_to_resume_everything_tries_every_channel_at_once(ledger: Ledger) -> None:
    """It is said once."""
    for channel in (SMS, VOICE):
        ledger.halts.note_trouble(channel, REFUSED, at_once=True)
    assert ledger.halts.resume("all", Operator(who="maya", why="mended")) == ["phone company"]
    assert [ledger.halts.provider(channel).resume_at for channel in (SMS, VOICE)] == [None, None]


def test_what_is_tried_once_more_goes_by_the_same_channel(care: Care, ledger: Ledger) -> None:
    """It did not arrive."""
    sent(care, ledger, VOICE)
    (text,) = ledger.receipts.without_receipt([str(row["id"]) for row in care.ledger()])
    assert text.channel == VOICE
    receipt = Receipt(provider_id=text.provider_id or "", state=State.UNDELIVERED, code=30003)
    assert ledger.receipts.settle_undelivered(text, receipt, again_after=timedelta(minutes=5))
    assert [row["channel"] for row in care.ledger()] == [VOICE, VOICE]


def test_what_an_operator_sends_again_goes_by_the_same_channel(care: Care, ledger: Ledger) -> None:
    """It had arrived."""
    notification = sent(care, ledger, VOICE)
    ledger.receipts.settle_delivered(ledger.receipts.without_receipt([notification.id]))
    assert ledger.orders.resend(notification.id, None, Operator(who="maya", why="asked for"))
    assert [row["channel"] for row in care.ledger()] == [VOICE, VOICE]


def test_each_of_several_recipients_is_told_by_the_same_channel(care: Care, ledger: Ledger) -> None:
    """A message that has no recipient becomes one for each."""
    notification = waiting(care, ledger, VOICE)
    care.rows("UPDATE orchestration.notification SET recipient_id = NULL")
    assert ledger.withheld.address(notification, ["one supervisor", "another"])
    assert [row["channel"] for row in care.ledger()] == [VOICE, VOICE]
