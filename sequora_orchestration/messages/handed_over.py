"""The text to supervisors about a task that its nurse has handed over, by answering a text."""

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.messages.about_tasks import WORTH_TO_STAFF, closed, task_of, unreachable_supervisor
from sequora_orchestration.messages.awaited import WhenOwed
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_phrases import about_task, of_task
from sequora_orchestration.messages.wording import Wording

TAKE_OVER = about_task(
    "Handed over by the nurse. Please take over or reassign. {severity} task: {reasons}",
    said="a nurse has handed her task over by text",
)


def handed_over_text(task: EscalationTask, wording: Wording) -> str:
    """Return the text that tells a supervisor of a task that was handed over."""
    return wording.say(TAKE_OVER, **of_task(task, wording))


def _unwanted(facts: Facts) -> Suppression | None:
    if ended := closed(facts.task):
        return ended
    reported = facts.message.reported
    if facts.task and reported and facts.task.assigned_to_user_id != reported.recipient_id:
        return cancelled(Cause.REASSIGNED, "the task has been reassigned meanwhile")
    return None


HANDED_OVER = MessageKind(
    name="handed-over",
    audience=Audience.ON_CALL,
    takes_commands=True,
    when_owed=WhenOwed(comes_now="the supervisors are told, within seconds as a rule"),
    unwanted=_unwanted,
    unreachable=unreachable_supervisor,
    text=lambda facts, wording: handed_over_text(task_of(facts), wording),
    phrases=(TAKE_OVER,),
    worth=lambda _: WORTH_TO_STAFF,
)

HANDED_OVER_TASKS = Queue(name="tasks handed over", kind=HANDED_OVER, nothing_owed="nobody has handed it over")
