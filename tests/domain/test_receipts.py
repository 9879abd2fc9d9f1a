"""What became of a text, by the phone company's status and code."""

import pytest

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.receipts import Receipt, receipt


@pytest.mark.parametrize("status", ["accepted", "queued", "scheduled", "sending", "sent", "receiving", "", "new one"])
def test_a_text_on_its_way_has_no_receipt(status: str) -> None:
    """Nor has one with a status that nobody knows."""
    assert receipt("SM1", status, None) is None


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_a_delivered_text_is_delivered(status: str) -> None:
    """Without a reason."""
    known = receipt("SM1", status, None)
    assert known == Receipt(provider_id="SM1", state=State.DELIVERED)
    assert known.reason is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (30003, "not delivered, the phone could not be reached"),
        (30006, "not delivered, landline: the number cannot receive texts"),
        (21610, "not delivered, opted out: the number has replied STOP"),
        (30999, "not delivered, the phone company's code is 30999"),
        (None, "not delivered, no reason given"),
    ],
)
@pytest.mark.parametrize("status", ["undelivered", "failed", "canceled"])
def test_a_text_that_did_not_arrive_says_why(status: str, code: int | None, reason: str) -> None:
    """By the phone company's code, where it gave one."""
    known = receipt("SM1", status, code)
    assert known is not None
    assert (known.state, known.code, known.reason) == (State.UNDELIVERED, code, reason)


def test_a_channel_may_say_why_in_its_own_words() -> None:
    """Where no code says it, as with calls."""
    assert Receipt(provider_id="CA1", state=State.UNDELIVERED, why="nobody picked up").reason == "nobody picked up"
