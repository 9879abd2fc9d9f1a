"""How many messages that are sent again are counted, and which states may be named."""

import pytest

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.replay import NAMEABLE, Count, Group, Hindrance, Tally, in_general, refusal_of


@pytest.mark.parametrize(
    ("reason", "general"),
    [
        ("code 21408: texts to the number's region are not enabled", None),
        ("HTTP 400, code 30007", None),
        ("see SM0123456789abcdef0123456789abcdef", "see …"),
        ("task 12345678-9abc-4def-8123-456789abcdef is gone", "task … is gone"),
        ("put off until 2026-03-02 15:00:00", "put off until …"),
        ("no such user 9876543", "no such user …"),
        ("•••• 0101 is a landline", "… is a landline"),
    ],
)
def test_of_a_reason_only_what_is_particular_to_one_message_is_left_out(reason: str, general: str | None) -> None:
    """A code of the phone company's is what a person looks for."""
    assert in_general(reason) == (general or reason)


def test_messages_that_ended_alike_are_counted_together() -> None:
    """With how many of them are sent again, and why the others are not."""
    tally = Tally()
    for number in range(3):
        tally.add("check-in", State.FAILED, f"user 100000{number}", left_out="closed" if number else None, waits=None)
    tally.add("check-in", State.FAILED, None, left_out=None, waits="it is night")
    assert tally.rows() == [
        (Group("check-in", State.FAILED, "user …"), Count(found=3, again=1)),
        (Group("check-in", State.FAILED, "no reason given"), Count(found=1, again=1)),
    ]
    assert (tally.found, tally.again) == (4, 2)
    assert tally.left_out == {"closed": 2}
    assert tally.waiting == {"it is night": 1}


@pytest.mark.parametrize("state", list(State))
def test_a_state_can_be_named_or_it_is_said_what_to_do_instead(state: State) -> None:
    """With --also-sent all in which a message is over, and never another."""
    assert (refusal_of(state, also_sent=True) is None) == (state in NAMEABLE)
    assert (refusal_of(state, also_sent=False) is None) == (state in {State.FAILED, State.UNDELIVERED, State.CANCELLED})


@pytest.mark.parametrize("hindrance", list(Hindrance))
def test_each_hindrance_has_words(hindrance: Hindrance) -> None:
    """For the person who reads why a message is left out."""
    assert hindrance.in_words
