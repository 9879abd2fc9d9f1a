"""The text to supervisors about a task that its nurse, or a supervisor, has handed over by answering a text."""

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.messages.about_tasks import WORTH_TO_STAFF, closed, task_of, unreachable_supervisor
from sequora_orchestration.messages.awaited import WhenOwed
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.wording import about, headline


def handed_over_text(task: EscalationTask, app_url: str, *, by: str = "the nurse") -> str:
    """Return the four lines that tell a supervisor of a task that was handed over."""
    return about(task, app_url, f"Handed over by {by}. Please take over or reassign. {headline(task)}")


def _unwanted(facts: Facts) -> Suppression | None:
    if ended := closed(facts.task):
        return ended
    reported = facts.message.reported
    # What a supervisor hands over was not assigned to her.
    if facts.task and reported and reported.is_to_assignee and facts.task.assigned_to_user_id != reported.recipient_id:
        return cancelled(Cause.REASSIGNED, "the task has been reassigned meanwhile")
    return None


def _text(facts: Facts, app_url: str) -> str:
    reported = facts.message.reported
    by = "the nurse" if reported is None or reported.is_to_assignee else "a supervisor"
    return handed_over_text(task_of(facts), app_url, by=by)


HANDED_OVER = MessageKind(
    name="handed-over",
    audience=Audience.ON_CALL,
    takes_commands=True,
    when_owed=WhenOwed(comes_now="the supervisors are told, within seconds as a rule"),
    unwanted=_unwanted,
    unreachable=unreachable_supervisor,
    text=_text,
    worth=lambda _: WORTH_TO_STAFF,
)

HANDED_OVER_TASKS = Queue(name="tasks handed over", kind=HANDED_OVER, nothing_owed="nobody has handed it over")
