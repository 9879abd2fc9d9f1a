"""The warning to a nurse that the SLA of her task is near."""

from datetime import timedelta

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.case import Circumstances, OwedMessage
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.messages.about_tasks import (
    WORTH_TO_STAFF,
    closed,
    overdue_by,
    sla_moved,
    task_of,
    unreachable_nurse,
    unwanted_by_assignee,
)
from sequora_orchestration.messages.awaited import PATIENCE_WITH_SCAN, SEE_SCAN, WhenOwed
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_phrases import SPAN, about_task, of_task
from sequora_orchestration.messages.values import in_words
from sequora_orchestration.messages.wording import Wording

NEAR_SLA = about_task(
    "SLA in {time_left}, please act. {severity} task: {reasons}",
    said="the SLA of a nurse's task is near",
    more={"time_left": SPAN},
)


def warning_text(task: EscalationTask, wording: Wording, *, time_left: timedelta) -> str:
    """Return the text that warns a nurse of an SLA."""
    return wording.say(NEAR_SLA, time_left=in_words(time_left), **of_task(task, wording))


def _unwanted(facts: Facts) -> Suppression | None:
    if ended := closed(facts.task) or sla_moved(facts):
        return ended
    if facts.message.sla_due_at and facts.message.sla_due_at <= facts.now:
        return cancelled(Cause.SLA_PASSED, "the SLA time has passed; the breach is alerted by a message of its own")
    return unwanted_by_assignee(facts)


def _missing(owed: OwedMessage, around: Circumstances) -> str:
    due_for = spell(around.now - owed.owed_since)
    near = f"the SLA is at {around.told(owed.sla_due_at)}" if owed.sla_due_at else "the SLA is near"
    return f"{near}, and the nurse has not been warned, due for {due_for}"


NEXT_SCAN = "the nurse is warned by the next scan, if the task is open"

SLA_WARNING = MessageKind(
    name="sla-warning",
    audience=Audience.ASSIGNEE,
    takes_commands=True,
    when_owed=WhenOwed(
        patience=PATIENCE_WITH_SCAN, remedy=SEE_SCAN, missing=_missing, comes_now=NEXT_SCAN, comes_later=NEXT_SCAN
    ),
    unwanted=_unwanted,
    unreachable=unreachable_nurse,
    text=lambda facts, wording: warning_text(task_of(facts), wording, time_left=-overdue_by(facts)),
    phrases=(NEAR_SLA,),
    worth=lambda facts: min(WORTH_TO_STAFF, -overdue_by(facts)),
)

TASKS_NEAR_SLA = Queue(name="tasks near SLA", kind=SLA_WARNING, nothing_owed="its SLA is not near yet")
