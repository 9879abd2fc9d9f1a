"""Have supervisors been told of what a message to a nurse did not bring about.

They are told of a nurse who was not reached (by a message that has no SLA of its own), and of an SLA that was missed
and that nobody acts upon (by a message about that SLA).
"""

from collections.abc import Sequence

from sequora_orchestration.cases.assigned import since_assigned
from sequora_orchestration.cases.judged import (
    ACCEPTED,
    NOT_REACHED,
    UNDER_WAY,
    Verdict,
    about,
    called_off,
    not_called_off,
    of_doubtful,
    of_waiting,
    waited,
    when,
    who,
    why,
)
from sequora_orchestration.cases.known_kinds import when_owed
from sequora_orchestration.domain.case import OwedMessage, Story, TaskCase
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.awaited import SEE_STATUS
from sequora_orchestration.messages.kind import Audience

# What became of a call to a nurse; an answering machine answers, too.
_CALLED = {
    State.SENT: "it is not known yet whether she answered",
    State.DELIVERED: "it was answered, by her or by a machine",
    State.UNDELIVERED: "it was not answered",
}


def of_unreached(case: TaskCase, message: Story, sentence: str) -> Verdict:
    """Judge a message that did not reach the nurse, by whether the supervisors have been told of it."""
    again = second_try(case, message)
    if again and not message.is_critical:
        return about(of_waiting(case, again, f"{sentence}; the nurse"), message)
    calls = [one for one in case.messages if _is_call_about(one, message) and one.state in _CALLED]
    sentence += "".join(f"; she was called {when(case, one)}: {_CALLED[one.state]}" for one in calls[-1:])
    return about(_of_reports(case, owed_report(case, message), _reports(case, message), sentence), message, *calls)


def _is_call_about(one: Story, message: Story) -> bool:
    return not one.is_text and one.recipient_id == message.recipient_id and one.created_at >= message.created_at


def second_try(case: TaskCase, message: Story) -> Story | None:
    """Return the message by which an undelivered one is tried once more, while it waits."""
    if message.state is not State.UNDELIVERED:
        return None
    tries = (one for one in case.messages if message.id in {one.again_of, one.resent_of})
    return next((one for one in tries if one.state in UNDER_WAY), None)


def owed_report(case: TaskCase, message: Story) -> OwedMessage | None:
    """Return the message by which supervisors are owed to hear that a message did not reach its nurse."""
    to_her = {one.id for one in case.messages if one.recipient_id == message.recipient_id}
    owed = (one for one in case.owed if one.audience == Audience.ON_CALL and one.sla_due_at is None)
    return next((one for one in owed if one.because_of in to_her), None)


def _reports(case: TaskCase, message: Story) -> list[Story]:
    to_her = {one.id for one in case.messages if one.recipient_id == message.recipient_id}
    since = [one for one in since_assigned(case) if one.id in to_her and one.audience == Audience.ASSIGNEE]
    begins = min(one.created_at for one in (message, *since))
    about_her = (one for one in case.messages if one.audience == Audience.ON_CALL and one.sla_due_at is None)
    return [one for one in about_her if one.because_of in to_her and one.created_at >= begins]


def of_unanswered(case: TaskCase, alert: Story, sentence: str) -> Verdict:
    """Judge an alert by whether supervisors have been told that nobody acts on it, or are told when it is time."""
    about_sla = [one for one in case.messages if one.audience == Audience.ON_CALL and one.sla_due_at is not None]
    escalations = [one for one in about_sla if one.sla_due_at == alert.sla_due_at]
    owed = next(
        (one for one in case.owed if one.audience == Audience.ON_CALL and one.sla_due_at == alert.sla_due_at), None
    )
    if owed and owed.owed_since > case.circumstances.now and not escalations:
        at = case.circumstances.told(owed.owed_since)
        return Verdict(sentence=f"{sentence}; the supervisors are told at {at}, if the task is open then")
    return _of_reports(case, owed, escalations, sentence)


def _of_reports(case: TaskCase, owed: OwedMessage | None, reports: Sequence[Story], sentence: str) -> Verdict:
    """Judge by what became of the messages to the supervisors, or by how long they have been owed one."""
    return about(_judged(case, owed, reports, sentence), *reports, owed=owed)


def _judged(case: TaskCase, owed: OwedMessage | None, reports: Sequence[Story], sentence: str) -> Verdict:
    if accepted := [one for one in reports if one.state in ACCEPTED]:
        return Verdict(sentence=f"{sentence}; {who(case, accepted[-1])} was told of it {when(case, accepted[-1])}")
    newest = next(iter(reversed(not_called_off(reports))), None)
    if newest is None and owed and _comes_soon(case, owed):
        return Verdict(sentence=f"{sentence}; a supervisor is told next")
    if newest is None or newest.state in NOT_REACHED:
        return Verdict(
            sentence=f"{sentence}; and no supervisor was told" + (f": {why(newest)}" if newest else ""),
            to_do=f"tell a supervisor, or assign the task to somebody who can be reached; {SEE_STATUS}",
        )
    return _of_pending(case, newest, sentence)


def _comes_soon(case: TaskCase, owed: OwedMessage) -> bool:
    waits = waited(case, owed)
    return waits <= when_owed(owed.kind).patience or case.circumstances.waits_its_turn(waits, kind=owed.kind)


def _of_pending(case: TaskCase, newest: Story, sentence: str) -> Verdict:
    if newest.cause is Cause.NOBODY_TO_TELL:
        return Verdict(
            sentence=f"{sentence}; and there is {newest.reason}",
            to_do="tell somebody yourself, and give a user with the role SUPERVISOR a phone that can be texted",
        )
    if newest.state is State.CANCELLED:
        return Verdict(sentence=f"{sentence}; no supervisor was told: {called_off(newest)}")
    if newest.state is State.IN_DOUBT:
        return of_doubtful(case, newest, f"{sentence}; {who(case, newest)}")
    return of_waiting(case, newest, f"{sentence}; {who(case, newest)}")
