"""The alert to a nurse that her task has missed its SLA."""

from datetime import timedelta

from sequora_orchestration.domain.care import EscalationTask
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
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.wording import about, headline, in_words


def breach_text(task: EscalationTask, app_url: str, *, overdue: timedelta) -> str:
    """Return the four lines that alert a nurse whose task has missed its SLA."""
    return about(task, app_url, f"SLA missed {in_words(overdue)} ago, please act now. {headline(task)}")


def _unwanted(facts: Facts) -> Suppression | None:
    if ended := closed(facts.task) or sla_moved(facts):
        return ended
    if facts.message.sla_due_at and facts.message.sla_due_at > facts.now:
        return cancelled(Cause.SLA_NOT_PASSED, "the SLA time has not passed")
    return unwanted_by_assignee(facts)


SLA_BREACH = MessageKind(
    name="sla-breach",
    audience=Audience.ASSIGNEE,
    unwanted=_unwanted,
    unreachable=unreachable_nurse,
    text=lambda facts, app_url: breach_text(task_of(facts), app_url, overdue=overdue_by(facts)),
    worth=lambda _: WORTH_TO_STAFF,
)

SLA_BREACHES = Queue(name="SLA breaches", kind=SLA_BREACH)
