"""The report to supervisors that a nurse was not reached about her task, or that nobody is assigned to it."""

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.messages.about_tasks import WORTH_TO_STAFF, closed, task_of, unreachable_supervisor
from sequora_orchestration.messages.awaited import WhenOwed
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.phrase import Placeholder
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_phrases import about_task, of_task
from sequora_orchestration.messages.values import LONGEST_WORD, value
from sequora_orchestration.messages.wording import Wording

UNREACHED = about_task(
    "Nurse not reached: {why}. Please take over or reassign. {severity} task: {reasons}",
    said="a nurse was not reached about her task",
    more={
        "why": Placeholder(
            meaning="the gist of why, in English: `landline`, `opted out`",
            example="no receipt within 5 min",
            longest="A" * LONGEST_WORD,
        )
    },
)
UNASSIGNED = about_task(
    "Nobody is assigned, please assign a nurse. {severity} task: {reasons}",
    name="unassigned",
    said="nobody is assigned to a task",
)


def unreached_text(task: EscalationTask, wording: Wording, *, reason: str | None) -> str:
    """Return the text that tells a supervisor that a nurse was not reached; of `reason` the gist is said."""
    gist = value((reason or "").split(";")[0].split(":")[0], LONGEST_WORD)
    return wording.say(UNREACHED, why=gist, **of_task(task, wording))


def unassigned_text(task: EscalationTask, wording: Wording) -> str:
    """Return the text that tells a supervisor that nobody is assigned to a task."""
    return wording.say(UNASSIGNED, **of_task(task, wording))


def _unwanted(facts: Facts) -> Suppression | None:
    if ended := closed(facts.task):
        return ended
    reported = facts.message.reported
    if facts.task and reported and facts.task.assigned_to_user_id != reported.recipient_id:
        return cancelled(Cause.REASSIGNED, "the task has been assigned or reassigned meanwhile")
    if reported and reported.is_settled:
        return cancelled(Cause.NURSE_REACHED, "the nurse has been reached meanwhile")
    if reported and reported.is_uncertain and facts.task and facts.task.is_taken:
        return cancelled(Cause.PICKED_UP, "the task has been picked up meanwhile")
    return None


def _text(facts: Facts, wording: Wording) -> str:
    reported = facts.message.reported
    if reported and reported.recipient_id is None:
        return unassigned_text(task_of(facts), wording)
    return unreached_text(task_of(facts), wording, reason=reported.reason if reported else None)


NURSE_UNREACHED = MessageKind(
    name="nurse-unreached",
    audience=Audience.ON_CALL,
    takes_commands=True,
    # What will be owed is known of a task without a nurse alone.
    when_owed=WhenOwed(comes_later="the supervisors are told, if the task is nobody's by then"),
    unwanted=_unwanted,
    unreachable=unreachable_supervisor,
    text=_text,
    phrases=(UNREACHED, UNASSIGNED),
    worth=lambda _: WORTH_TO_STAFF,
)

UNREACHED_NURSES = Queue(
    name="unreached nurses", kind=NURSE_UNREACHED, nothing_owed="no message to its nurse has failed"
)
