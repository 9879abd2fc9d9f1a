"""Was whoever has a task told of it, when, and if not why not."""

from collections.abc import Sequence
from datetime import timedelta

from sequora_orchestration.cases.assigned import (
    is_before_go_live,
    is_open,
    is_silent,
    nurse_of,
    silent_for,
    told_to_nurse,
)
from sequora_orchestration.cases.judged import (
    ACCEPTED,
    UNDER_WAY,
    WAITS_ITS_TURN,
    Verdict,
    about,
    called_off,
    not_called_off,
    of_doubtful,
    of_waiting,
    owed_now,
    waited,
    when,
    who,
    why,
)
from sequora_orchestration.cases.known_kinds import channel_of, gives_task, when_owed
from sequora_orchestration.cases.supervisors import of_unreached, owed_report, second_try
from sequora_orchestration.domain.case import OwedMessage, Story, TaskCase
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.messages.awaited import PATIENCE, SEE_STATUS
from sequora_orchestration.messages.kind import Audience


def of_assignee(case: TaskCase) -> Verdict:
    """Judge whether whoever has the task was told of it."""
    if not is_open(case):
        return _of_closed(case)
    counting = not_called_off(told_to_nurse(case))
    if not counting:
        return _not_noticed(case)
    return _of_nobodys(case, counting[-1]) if nurse_of(case) is None else _of_told(case, counting)


def _of_closed(case: TaskCase) -> Verdict:
    because = f"the task is {case.task.status}" if case.task else "the application does not have the task (any more)"
    return Verdict(sentence=f"{_told_before(case)}; {because}, nobody needs to act")


def _told_before(case: TaskCase) -> str:
    to_nurse = [one for one in case.messages if one.audience == Audience.ASSIGNEE and one.is_text]
    if accepted := [one for one in to_nurse if one.state in ACCEPTED]:
        return f"{who(case, accepted[0])} was told {when(case, accepted[0])}"
    if not to_nurse:
        return "no nurse was told"
    last = to_nurse[-1]
    may = "MAY have been" if last.state in {State.IN_DOUBT, State.HELD, State.SENDING} else "was not"
    return f"{who(case, last)} {may} told" + (f" ({last.reason})" if last.reason else "")


# --- there is no message to her ---------------------------------------------------------------------------------------


def _not_noticed(case: TaskCase) -> Verdict:
    nurse = nurse_of(case)
    someone = f"nurse {nurse}" if nurse else "nobody is assigned to the task, and a supervisor"
    to_her = [one for one in owed_now(case) if one.audience == Audience.ASSIGNEE and one.recipient_id == nurse]
    if not to_her:
        return _not_owed(case, someone)
    owed = next((one for one in to_her if gives_task(one.kind)), to_her[0])
    # What has a sentence of its own is told by that as well.
    return about(_of_owed(case, owed, someone), owed=owed if when_owed(owed.kind).missing is None else None)


def _not_owed(case: TaskCase, someone: str) -> Verdict:
    if is_before_go_live(case):
        return Verdict(
            sentence=f"{someone} was NOT told: the task was created before this system went live "
            f"({case.circumstances.told(case.circumstances.go_live_at)}), which leaves it alone",
        )
    since = case.changed_at
    if since and timedelta(0) <= case.circumstances.now - since <= PATIENCE:
        # It has changed since it was asked what is owed.
        return _not_yet(case.circumstances.now - since, someone)
    to_do = "tell the nurse yourself" if nurse_of(case) else "assign a nurse, and tell her yourself"
    return Verdict(
        sentence=f"{someone} was NOT told, and nothing says why: {_age(case)}, and no message is owed",
        to_do=f"{to_do}; {SEE_STATUS}",
    )


def _not_yet(waits: timedelta, someone: str) -> Verdict:
    return Verdict(sentence=f"{someone} was NOT told yet: the task is {spell(waits)} old, a sensor notices it soon")


def _of_owed(case: TaskCase, owed: OwedMessage, someone: str) -> Verdict:
    words, waits = when_owed(owed.kind), waited(case, owed)
    if words.waits_while_halted and (halt := case.circumstances.halt_of(owed.kind, channel_of(owed.kind))):
        return Verdict(sentence=f"{someone} was NOT told: {halt.reason}", to_do=halt.remedy)
    if case.changed_at and waits <= words.patience:
        return _not_yet(waits, someone)
    if case.changed_at and case.circumstances.waits_its_turn(waits, kind=owed.kind):
        return Verdict(sentence=f"{someone} was NOT told yet: the task is {spell(waits)} old and {WAITS_ITS_TURN}")
    return Verdict(
        sentence=f"{someone} was NOT told, and nothing says why: {_age(case)}, and no message has been made",
        to_do=words.remedy,
    )


def _age(case: TaskCase) -> str:
    since = case.changed_at
    return (
        f"it is open for {spell(case.circumstances.now - since)}" if since else "it does not say since when it is open"
    )


# --- there is one -----------------------------------------------------------------------------------------------------


def _of_told(case: TaskCase, mine: Sequence[Story]) -> Verdict:
    """Judge by the best that became of the messages to the nurse; of several, the newest.

    What became of the others afterwards is told by whoever judges the rest of the case.
    """
    for states in ({State.DELIVERED}, {State.SENT}):
        if accepted := [one for one in mine if one.state in states]:
            return _of_accepted(case, accepted[0], accepted[-1])
    newest = mine[-1]
    if newest.state in UNDER_WAY:
        undelivered = next((one for one in reversed(mine) if one.state is State.UNDELIVERED), None)
        if undelivered is None or second_try(case, undelivered) is not newest:
            return of_waiting(case, newest, who(case, newest))
        newest = undelivered
    someone = who(case, newest)
    if newest.state is State.IN_DOUBT:
        return of_doubtful(case, newest, someone)
    if newest.state is State.CANCELLED:
        return about(Verdict(sentence=f"{someone} was NOT told: {called_off(newest)}"), newest)
    return of_unreached(case, newest, f"{someone} was NOT reached: {why(newest)}")


def _of_accepted(case: TaskCase, first: Story, last: Story) -> Verdict:
    sentence = f"{who(case, first)} was told {when(case, first)}"
    if last.state is State.DELIVERED:
        return Verdict(sentence=f"{sentence}; the text arrived")
    if last.receipt_at is None:
        return Verdict(sentence=f"{sentence}; no receipt says that the text arrived")
    if not is_silent(case, last):
        return Verdict(sentence=f"{sentence}; the phone company has the text, and no receipt yet")
    return of_silent(case, last, sentence)


def of_silent(case: TaskCase, message: Story, sentence: str) -> Verdict:
    """Judge a critical text that the supervisors are told of, for nothing says that it arrived."""
    silent = spell(silent_for(case, message))
    return of_unreached(case, message, f"{sentence}, but no receipt says that the text arrived, for {silent}")


def _of_nobodys(case: TaskCase, message: Story) -> Verdict:
    now = case.circumstances.now
    waits = message.due_at if message.state is State.SCHEDULED else None
    if message.state in UNDER_WAY and (waits is None or waits < now):
        return of_waiting(case, message, "nobody is assigned; whoever it is")
    sentence = "nobody is assigned to the task, so no nurse was told"
    if case.assignment and case.assignment.has_no_taker:
        sentence += f" (it could not be given to one; {case.assignment.nobody_because})"
    report = owed_report(case, message)
    until = waits or (report.owed_since if report and report.owed_since > now else None)
    if until:
        at = case.circumstances.told(until)
        return Verdict(sentence=f"{sentence}; the supervisors are told at {at}, if it is nobody's by then")
    if message.state is State.CANCELLED:
        return about(Verdict(sentence=f"{sentence}: {called_off(message)}"), message)
    return of_unreached(case, message, sentence)
