"""What comes next in a case, and its whole timeline: what has happened and what comes, in order.

Here: sentences about the future, with the times at which something will happen by itself. Not here: what has happened
(`history`), whether that is as it should be (`verdict`), and how it looks in a terminal or in the UI.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sequora_orchestration.domain.case import Case, EpisodeCase, Story, TaskCase
from sequora_orchestration.domain.history import about_all, history, in_order, of_episode, of_task
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.timeline_entry import Entry, entry_about
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.task_created import TASK_CREATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened, oldest first, and what comes next, soonest first."""

    entries: Sequence[Entry]
    next: Sequence[Entry]
    """Empty only with `nothing_because`."""

    nothing_because: str | None


def timeline(case: Case) -> Timeline:
    """Return the timeline of a case."""
    happened = [
        *(of_task(case) if isinstance(case, TaskCase) else of_episode(case)),
        *history(case.messages),
    ]
    happened += about_all(case.circumstances, [entry.at for entry in happened if entry.at], case.messages)
    comes = sorted(_next(case), key=lambda entry: (entry.at is None, entry.at or case.circumstances.now))
    return Timeline(entries=in_order(happened), next=comes, nothing_because=None if comes else _why_nothing_comes(case))


def _next(case: Case) -> Iterator[Entry]:
    for one in case.messages:
        yield from _next_of_message(one, case)
    if isinstance(case, TaskCase):
        yield from _next_of_task(case)
    elif not case.messages and case.appeared_at and _is_live(case):
        due = case.appeared_at + case.circumstances.delays.check_in
        yield Entry(at=due, what="the check-in may go out, by day where the patient is, once it is scheduled")


def _is_live(case: EpisodeCase) -> bool:
    return case.appeared_at is not None and case.appeared_at >= case.circumstances.workflows_live_at


def _next_of_message(message: Story, case: Case) -> Iterator[Entry]:
    if message.state not in {State.SCHEDULED, State.QUEUED, State.SENDING, State.IN_DOUBT, State.SENT}:
        return
    around = case.circumstances
    halt = around.halt_of(message.kind)
    match message.state:
        case State.SCHEDULED | State.QUEUED if halt:
            what = f"waits: {halt.reason}"
            yield replace(entry_about(message, around.now, what), at=None)
        case State.SCHEDULED:
            what = f"it falls due, and {_when_due(message, case)}"
            if message.due_at and message.due_at <= around.now:
                what = "it is due: the next tick of its sensor claims it"
            yield replace(entry_about(message, message.due_at or around.now, what), at=message.due_at)
        case State.QUEUED if message.lease_until and message.claim_id is None:
            yield entry_about(message, message.lease_until, "any claim may have it")
        case State.QUEUED if message.lease_until:
            in_hand = "its run has it in hand; " if message.run_id else ""
            what = f"{in_hand}if its run has not said anything by then, it is claimed again"
            yield replace(entry_about(message, message.lease_until, what), run_id=message.run_id)
        case State.SENDING if message.lease_until:
            what = "if no answer is recorded by then, it counts as in doubt and is looked up"
            yield entry_about(message, message.lease_until, what)
        case State.IN_DOUBT if message.look_at:
            entry = entry_about(message, message.look_at, "it is looked up at the phone company")
            ends_at = message.doubt_ends_at
            yield replace(entry, until=ends_at if ends_at and ends_at > around.now else None)
        case State.SENT if message.receipt_at:
            yield entry_about(message, message.receipt_at, "the phone company is asked whether it has arrived")


def _when_due(message: Story, case: Case) -> str:
    """Return what becomes of a message that waits, by what is so now."""
    if isinstance(case, EpisodeCase):
        return "goes out if it is still wanted"
    if case.task is None or case.task.is_closed:
        return f"is called off: {_why_nothing_comes(case)}"
    if message.kind != TASK_CREATED.name or message.recipient_id == (nurse := case.task.assigned_to_user_id):
        is_nobodys = message.kind == TASK_CREATED.name and message.recipient_id is None
        return (
            "no nurse can be told, if the task is nobody's by then" if is_nobodys else "goes out if it is still wanted"
        )
    if nurse is None:
        return "is called off: the task has been taken from its nurse"
    return f"is called off: the task is nurse {nurse}'s, who has a message of her own"


def _next_of_task(case: TaskCase) -> Iterator[Entry]:
    task, now, delays = case.task, case.circumstances.now, case.circumstances.delays
    if task is None or task.is_closed or is_before_go_live(case):
        return
    if not case.messages:
        halt = case.circumstances.halt_of(TASK_CREATED.name)
        what = f"waits: {halt.reason}" if halt else "a sensor notices the task, within seconds as a rule"
        yield Entry(at=None, kind=TASK_CREATED.name, what=what)
    if task.sla_due_at and task.sla_due_at > now:
        if not has(case, SLA_WARNING.name):
            at = max(case.warned_from(task.sla_due_at), now)
            yield Entry(at=at, kind=SLA_WARNING.name, what="the nurse is warned by the next scan, if the task is open")
        yield Entry(at=task.sla_due_at, kind=SLA_BREACH.name, what="the SLA is missed, if the task is still open")
    elif task.sla_due_at and not has(case, SLA_ESCALATION.name):
        yield from _escalation(case, delays.escalation)
    if task.assigned_to_user_id is None and case.assignment and case.assignment.next_try_at > now:
        yield Entry(at=case.assignment.next_try_at, what="it is tried again to give the task to a nurse")
    if task.assigned_to_user_id is None and (told_at := unassigned_until(case)) and told_at > now:
        yield Entry(
            at=told_at, kind="nurse-unreached", what="the supervisors are told, if the task is nobody's by then"
        )


def _escalation(case: TaskCase, delay: timedelta) -> Iterator[Entry]:
    alerts = [one for one in case.messages if one.kind == SLA_BREACH.name and is_of_this_sla(case, one)]
    if alerts and alerts[-1].state is not State.CANCELLED:
        at = (alerts[-1].sent_at or alerts[-1].attempted_at or alerts[-1].created_at) + delay
        yield Entry(at=at, kind=SLA_ESCALATION.name, what="the supervisors are told, if the task is still open")


def has(case: TaskCase, kind: str) -> bool:
    """Tell whether there is a message of a kind about the task's SLA as it is now."""
    return any(one.kind == kind and is_of_this_sla(case, one) for one in case.messages)


def is_of_this_sla(case: TaskCase, message: Story) -> bool:
    """Tell whether a message is about the SLA that the task has now."""
    return case.task is not None and message.sla_due_at == case.task.sla_due_at


def is_before_go_live(case: TaskCase) -> bool:
    """Tell whether the task is left alone, for it is older than this system."""
    return case.appeared_at is not None and case.appeared_at < case.circumstances.go_live_at


def unassigned_until(case: TaskCase) -> datetime | None:
    """Return how long the task may be nobody's before the supervisors are told; None while it is not known."""
    said = [one for one in case.messages if one.kind == "task-created" and one.recipient_id is None]
    if not said:
        return None
    if said[-1].due_at:
        return said[-1].due_at
    since = min(said[-1].owed_since, said[-1].created_at)
    if case.assignment and case.assignment.nobody_since and case.assignment.has_no_taker:
        return max(since, case.assignment.nobody_since)
    is_critical = case.task is not None and case.task.severity == "CRITICAL"
    return since if is_critical else since + case.circumstances.delays.unassigned


def _why_nothing_comes(case: Case) -> str:
    if isinstance(case, EpisodeCase):
        return "nothing is under way" if case.messages else "there is no check-in, and none will be scheduled"
    if case.task is None:
        return "the application does not have the task (any more)"
    if case.task.is_closed:
        return f"the task is {case.task.status}: nobody is texted about it any more"
    if is_before_go_live(case):
        return "the task is older than this system, which leaves it alone"
    return "nothing is under way, and the task has no SLA that is still to come"
