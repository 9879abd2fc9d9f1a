"""The alert to a nurse that her task has missed its SLA."""

from datetime import timedelta

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.case import Circumstances, OwedMessage, Story
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.messages.about_tasks import (
    WORTH_TO_STAFF,
    closed,
    overdue_by,
    sla_moved,
    task_of,
    unreachable_nurse,
    unwanted_by_assignee,
)
from sequora_orchestration.messages.awaited import WhenOwed
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_phrases import SPAN, about_task, of_task
from sequora_orchestration.messages.values import in_words
from sequora_orchestration.messages.wording import Wording

MISSED = about_task(
    "SLA missed {overdue} ago, please act now. {severity} task: {reasons}",
    said="a nurse's task has missed its SLA",
    more={"overdue": SPAN},
)


def breach_text(task: EscalationTask, wording: Wording, *, overdue: timedelta) -> str:
    """Return the text that alerts a nurse whose task has missed its SLA."""
    return wording.say(MISSED, overdue=in_words(overdue), **of_task(task, wording))


def _unwanted(facts: Facts) -> Suppression | None:
    if ended := closed(facts.task) or sla_moved(facts):
        return ended
    if facts.message.sla_due_at and facts.message.sla_due_at > facts.now:
        return cancelled(Cause.SLA_NOT_PASSED, "the SLA time has not passed")
    return unwanted_by_assignee(facts)


def _missed(message: Story | OwedMessage, around: Circumstances) -> str:
    return f"the SLA was missed at {around.told(message.sla_due_at)}" if message.sla_due_at else "the SLA was missed"


SLA_BREACH = MessageKind(
    name="sla-breach",
    audience=Audience.ASSIGNEE,
    takes_commands=True,
    alerts_to=_missed,
    when_owed=WhenOwed(
        missing=lambda owed, around: f"{_missed(owed, around)}, and nobody has been alerted yet",
        comes_now="the nurse is alerted, within seconds as a rule",
        comes_later="the SLA is missed, if the task is still open",
    ),
    unwanted=_unwanted,
    unreachable=unreachable_nurse,
    text=lambda facts, wording: breach_text(task_of(facts), wording, overdue=overdue_by(facts)),
    phrases=(MISSED,),
    worth=lambda _: WORTH_TO_STAFF,
)

SLA_BREACHES = Queue(name="SLA breaches", kind=SLA_BREACH)
