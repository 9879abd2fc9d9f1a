"""Since when a nurse has a task this time, and what she was told of it: facts, no verdicts."""

from datetime import timedelta

from sequora_orchestration.cases.known_kinds import gives_task
from sequora_orchestration.domain.case import Story, TaskCase
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import Audience


def nurse_of(case: TaskCase) -> str | None:
    """Return who has the task now."""
    return case.task.assigned_to_user_id if case.task else None


def is_open(case: TaskCase) -> bool:
    """Tell whether anybody needs to act on the task."""
    return case.task is not None and not case.task.is_closed


def is_of_this_sla(case: TaskCase, message: Story) -> bool:
    """Tell whether a message is about the SLA that the task has now."""
    return case.task is not None and message.sla_due_at == case.task.sla_due_at


def is_before_go_live(case: TaskCase) -> bool:
    """Tell whether the task is left alone, for it is older than this system."""
    return case.appeared_at is not None and case.appeared_at < case.circumstances.go_live_at


def since_assigned(case: TaskCase) -> list[Story]:
    """Return the messages since the task was last known to be another's, or closed; all if it never was."""
    nurse, now = nurse_of(case), case.circumstances.now
    resolved_at = case.times.resolved_at if case.times else None
    since = list[Story]()
    for one in case.messages:
        if resolved_at and (one.attempted_at or one.created_at) < resolved_at <= now:
            continue
        if gives_task(one.kind) and (one.state is not State.CANCELLED or one.ended_by):
            is_of_another = one.recipient_id != nurse and one.state not in {State.SCHEDULED, State.QUEUED}
            if is_of_another or one.over_at:
                # What told the present assignee and is not over counts whenever it was made: it may have waited.
                since = [kept for kept in since if gives_task(kept.kind) and kept.recipient_id == nurse]
                continue
        since.append(one)
    return since


def told_to_nurse(case: TaskCase) -> list[Story]:
    """Return the texts to whoever has the task now, since she has it."""
    to_nurses = (one for one in since_assigned(case) if one.audience == Audience.ASSIGNEE and one.is_text)
    return [one for one in to_nurses if one.recipient_id == nurse_of(case)]


def is_silent(case: TaskCase, message: Story) -> bool:
    """Tell whether a critical text has been without a receipt for so long that the supervisors are told."""
    if message.state is not State.SENT or message.receipt_at is None:
        return False
    if not message.is_critical or not message.is_text:
        return False
    is_picked_up = case.task is not None and case.task.is_taken
    return not is_picked_up and silent_for(case, message) > case.circumstances.delays.receipt


def silent_for(case: TaskCase, message: Story) -> timedelta:
    """Return how long ago a text went out."""
    return case.circumstances.now - (message.attempted_at or message.settled_at)
