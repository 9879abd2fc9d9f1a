"""The first text about a task, to its nurse. Without a nurse it waits for one, and ends where there is none."""

from datetime import datetime, timedelta

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.about_tasks import (
    NOBODY_ASSIGNED,
    WORTH_TO_STAFF,
    task_of,
    unreachable_nurse,
    unwanted_by_assignee,
)
from sequora_orchestration.messages.awaited import WhenOwed
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Postponement, Suppression, Withheld
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_digest import TASK_DIGEST
from sequora_orchestration.messages.task_phrases import about_task, of_task
from sequora_orchestration.messages.wording import Wording

# An application assigns tasks seconds after it has inserted them; nobody is alarmed by then.
GRACE_OF_CRITICAL = timedelta(seconds=10)

# A nurse who takes a task becomes its assignee by the same change that says when she took it.
ONE_UPDATE = timedelta(seconds=1)
JUST_NOW = timedelta(minutes=1)

NEW_TASK = about_task("🚨 New {severity} task: {reasons}", said="a nurse has a new task")


def nurse_text(task: EscalationTask, wording: Wording) -> str:
    """Return the text that tells a nurse of a new task."""
    return wording.say(NEW_TASK, **of_task(task, wording))


def _unwanted(facts: Facts) -> Withheld | None:
    if withheld := unwanted_by_assignee(facts):
        return _unassigned(facts, facts.task) if facts.task and withheld is NOBODY_ASSIGNED else withheld
    if facts.task and _has_taken_it_since(facts.task, facts.waits_since):
        return _taken("she has taken the task herself meanwhile")
    if facts.task and _has_just_taken_it(facts.task, facts.now):
        return _taken("she has just taken the task herself")
    return None


def _taken(reason: str) -> Suppression:
    return Suppression(State.CANCELLED, reason, Cause.TAKEN_BY_NURSE, ended_by="the nurse")


def _unassigned(facts: Facts, task: EscalationTask) -> Withheld:
    """Let a task wait for its nurse as long as it may; then its supervisors are told."""
    grace = facts.unassigned_grace
    if task.severity == "CRITICAL":
        grace = min(grace, GRACE_OF_CRITICAL)
    until = min(facts.message.owed_since, facts.now) + grace
    if facts.message.due_at is None and facts.now < until:
        return Postponement(until, "nobody is assigned to the task yet", Cause.NOBODY_ASSIGNED)
    return NOBODY_ASSIGNED


def _has_taken_it_since(task: EscalationTask, waits_since: datetime | None) -> bool:
    """Tell whether a nurse took her task while its message waited for a digest: then it is not new to her any more."""
    if waits_since is None or task.picked_up_at is None:
        return False
    return task.is_taken and task.picked_up_at > waits_since


def _has_just_taken_it(task: EscalationTask, now: datetime) -> bool:
    """Tell whether the last change of a task was that its nurse took it, just now.

    If the task had been taken by somebody else and given to her, the change to her would be later than the taking.
    Where the application does not say when the task was changed, she is texted: a text too many is better than none.
    """
    taken_at, updated_at = task.picked_up_at, task.updated_at
    if taken_at is None or updated_at is None or not task.is_taken:
        return False
    return abs(updated_at - taken_at) <= ONE_UPDATE and abs(now - taken_at) <= JUST_NOW


TASK_CREATED = MessageKind(
    name="task-created",
    audience=Audience.ASSIGNEE,
    takes_commands=True,
    gives_task=True,
    gathered_in=TASK_DIGEST,
    when_owed=WhenOwed(comes_now="a sensor notices the task, within seconds as a rule"),
    unwanted=_unwanted,
    unreachable=unreachable_nurse,
    text=lambda facts, wording: nurse_text(task_of(facts), wording),
    phrases=(NEW_TASK,),
    worth=lambda _: WORTH_TO_STAFF,
)

NEW_TASKS = Queue(name="new tasks", kind=TASK_CREATED, in_turn=True)
