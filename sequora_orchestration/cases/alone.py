"""What became of a message that is about no task and no episode: an answer to a member of staff, or a canary."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from sequora_orchestration.cases.judged import (
    ACCEPTED,
    DECIDE,
    UNDER_WAY,
    Verdict,
    about,
    called_off,
    of_doubtful,
    of_waiting,
    when,
    who,
    why,
)
from sequora_orchestration.domain.canary import ARRIVES_WITHIN
from sequora_orchestration.domain.case import MessageCase, Story
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import Audience

# The orders by which an operator sends a message again.
SENT_AGAIN_BY = frozenset({"resend", "replay"})


def of_message(case: MessageCase) -> Iterator[Verdict]:
    """Judge the message, and those by which it was sent again: what became of each."""
    for one, after in zip_longest(case.messages, case.messages[1:]):
        verdict = _of_one(case, one)
        yield about(_sent_again(case, one, verdict, after) if after else verdict, one)


def _sent_again(case: MessageCase, one: Story, verdict: Verdict, after: Story) -> Verdict:
    """Return the verdict with the message by which it was sent again: what is to be done hangs on that one."""
    order = next((given for given in after.orders if given.verb in SENT_AGAIN_BY), None)
    how = f"sent again by {order.who}" if order else "tried once more"
    sentence = f"{verdict.sentence}; {how} at {case.circumstances.told(after.created_at)} as message {after.id}"
    return replace(verdict, sentence=sentence, to_do=None if verdict.to_do == _to_do(case, one) else verdict.to_do)


def _of_one(case: MessageCase, one: Story) -> Verdict:
    recipient = who(case, one)
    if one.state in UNDER_WAY:
        return of_waiting(case, one, recipient)
    if one.state is State.IN_DOUBT:
        return of_doubtful(case, one, recipient)
    if one.state is State.HELD:
        return Verdict(sentence=f"{recipient} MAY have been texted: {why(one)}", to_do=DECIDE.format(id=one.id))
    if one.state is State.CANCELLED:
        return Verdict(sentence=f"{recipient} was NOT texted: {called_off(one)}", to_do=_to_do(case, one))
    if one.state in ACCEPTED:
        has_arrived = one.state is State.DELIVERED
        arrived = "the text arrived" if has_arrived else "no receipt yet that the text arrived"
        return Verdict(sentence=f"{recipient} was texted {when(case, one)}; {arrived}", to_do=_to_do(case, one))
    return Verdict(sentence=f"{recipient} was NOT reached: {why(one)}", to_do=_to_do(case, one))


def _to_do(case: MessageCase, one: Story) -> str | None:
    """Return what somebody must do about a canary that failed, or is late; of an answer nothing follows."""
    since_owed = case.circumstances.now - max(one.owed_since, one.created_at)
    is_late = one.state is not State.DELIVERED and since_owed > ARRIVES_WITHIN
    is_amiss = not one.ended_by and (is_late or one.state is State.FAILED)
    is_canary = one.audience == Audience.OPERATOR
    return "docs/canary.md says what to look at: nurses' texts go the same way" if is_canary and is_amiss else None
