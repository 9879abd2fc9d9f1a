"""The call to supervisors: a task has missed its SLA, and its nurse has not closed it although she was alerted."""

from datetime import timedelta

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.messages.about_tasks import (
    WORTH_TO_STAFF,
    closed,
    overdue_by,
    task_of,
    unreachable_supervisor,
)
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Postponement, Withheld, cancelled
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_phrases import SPAN, about_task, of_task
from sequora_orchestration.messages.values import in_words
from sequora_orchestration.messages.wording import Wording

ESCALATION = about_task(
    "ESCALATION: SLA missed {overdue} ago, please take over. {severity} task: {reasons}",
    said="a task has missed its SLA, and its nurse has not closed it",
    more={"overdue": SPAN},
)
ACCEPTED = about_task(
    "ESCALATION: SLA missed {overdue} ago, accepted by the nurse {accepted} ago, please take over. "
    "{severity} task: {reasons}",
    name="accepted",
    said="a task has missed its SLA, and its nurse has accepted it by text and not closed it",
    more={"overdue": SPAN, "accepted": SPAN},
)


def escalation_text(
    task: EscalationTask, wording: Wording, *, overdue: timedelta, accepted: timedelta | None = None
) -> str:
    """Return the text that tells a supervisor of a task whose SLA was missed and that is still open.

    `accepted` is how long ago its nurse accepted it by text, if she did.
    """
    values = {"overdue": in_words(overdue), **of_task(task, wording)}
    if accepted is None:
        return wording.say(ESCALATION, **values)
    return wording.say(ACCEPTED, accepted=in_words(accepted), **values)


def _unwanted(facts: Facts) -> Withheld | None:
    if ended := closed(facts.task):
        return ended
    if not facts.task or not facts.task.sla_due_at:
        return cancelled(Cause.NO_SLA, "the task has no SLA time any more")
    if facts.task.sla_due_at > facts.now:
        return cancelled(Cause.SLA_MOVED, "the SLA time has been moved into the future meanwhile")
    if facts.task.sla_due_at != facts.message.sla_due_at:
        return cancelled(
            Cause.SLA_MOVED, "the SLA time has been moved meanwhile, and that one's breach is alerted on its own"
        )
    if facts.message.due_at and facts.now < facts.message.due_at:
        return Postponement(facts.message.due_at, "the nurse still has time to act on the breach", Cause.NURSE_HAS_TIME)
    return None


SLA_ESCALATION = MessageKind(
    name="sla-escalation",
    audience=Audience.ON_CALL,
    takes_commands=True,
    unwanted=_unwanted,
    unreachable=unreachable_supervisor,
    text=lambda facts, wording: escalation_text(
        task_of(facts),
        wording,
        overdue=overdue_by(facts),
        accepted=facts.now - facts.accepted_at if facts.accepted_at else None,
    ),
    phrases=(ESCALATION, ACCEPTED),
    worth=lambda _: WORTH_TO_STAFF,
)

UNANSWERED_BREACHES = Queue(
    name="unanswered breaches",
    kind=SLA_ESCALATION,
    nothing_owed="no breach of its SLA has been alerted; the job handle_sla_breach does that",
)
