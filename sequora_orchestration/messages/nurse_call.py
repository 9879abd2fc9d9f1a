"""The call to a nurse whom a text about her task did not reach. It is one call, and keeps nobody from being told."""

from datetime import timedelta

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import VOICE
from sequora_orchestration.messages.about_tasks import WORTH_TO_STAFF, unreachable_nurse, unwanted_by_assignee
from sequora_orchestration.messages.awaited import SEE_STATUS, WhenOwed
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.phrase import ONE_LINE, Languages, Phrase, by_language
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.wording import Wording

# A call that could not be made for so long, because calls were paused or not taken, is not made any more. Nobody is
# owed one for longer either (`owed_nurse_call` in `views.sql`).
LATEST = timedelta(hours=1)

# Whoever picks up may be anybody, and so may an answering machine: nothing is said of the task, nor of a person.
CALL = Phrase(
    said="a nurse is called, for no text about her task has reached her",
    built_in=by_language(
        {
            "en-US": "This is Sequora. A task of yours needs you now: please look at your text messages, or open the "
            "Sequora app.",
            "es-MX": "Le llama Sequora. Una tarea suya la necesita ahora: mire sus mensajes de texto, o abra la "
            "aplicación Sequora.",
        }
    ),
    languages=Languages.EACH,
    most_lines=ONE_LINE,
    most_segments=None,
)


def call_text(wording: Wording) -> str:
    """Return what is said in a call, in one language after the other: nobody knows which one a nurse speaks best."""
    return wording.spoken(CALL)


def _unwanted(facts: Facts) -> Suppression | None:
    if withheld := unwanted_by_assignee(facts):
        return withheld
    if not facts.is_anybody_called:
        # It is ended for good: a sensor whose setting is still on would owe the call again and again.
        return Suppression(
            State.CANCELLED,
            "nobody is called any more: SEQUORA_CALL_FOR was switched off",
            Cause.CALLS_OFF,
            ended_by="SEQUORA_CALL_FOR",
        )
    if facts.task and facts.task.is_taken:
        return cancelled(Cause.PICKED_UP, "the task has been picked up meanwhile")
    if facts.message.reported and facts.message.reported.is_settled:
        return cancelled(Cause.NURSE_REACHED, "the nurse has had a later text, or has answered")
    if facts.now - facts.message.owed_since > LATEST:
        return cancelled(Cause.STALE, "more than an hour late; the supervisors have been told")
    return None


NURSE_CALL = MessageKind(
    name="nurse-call",
    audience=Audience.ASSIGNEE,
    channel=VOICE,
    when_owed=WhenOwed(
        comes_now="the nurse is called, within seconds as a rule",
        remedy=f"calls do not get through: {SEE_STATUS}",
    ),
    unwanted=_unwanted,
    unreachable=unreachable_nurse,
    text=lambda _, wording: call_text(wording),
    phrases=(CALL,),
    worth=lambda _: WORTH_TO_STAFF,
    lateness_counts=True,
)

NURSES_TO_CALL = Queue(
    name="nurses to call",
    kind=NURSE_CALL,
    nothing_owed="nurses are not called for such a task (SEQUORA_CALL_FOR), or no text to its nurse has failed, or it "
    "is picked up",
)
