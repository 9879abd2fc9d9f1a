"""The answer to somebody of the staff who has texted us: what became of her commands, or how commands are written."""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

from sequora_orchestration.domain.answering import Answered, Outcome
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.commands import Verb
from sequora_orchestration.messages.about_tasks import unreachable_writer
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.queue import Queue

# Later than this nobody waits for an answer any more.
WORTH_TO_WRITERS = timedelta(minutes=15)

HELP = (
    "Sequora: to answer a text about a task, send its number and a letter, e.g. 1A. "
    "A accept, R resolved, E hand over to the supervisors."
)

_LETTERS = {Verb.ACCEPT: "A", Verb.RESOLVE: "R", Verb.HAND_OVER: "E"}
_DONE = {
    Verb.ACCEPT: "accepted.",
    Verb.RESOLVE: "resolved.",
    Verb.HAND_OVER: "handed over, the supervisors are being told.",
}
_TO_DO = {Verb.ACCEPT: "accept", Verb.RESOLVE: "resolve", Verb.HAND_OVER: "reassign"}


def reply_text(answered: Sequence[Answered], app_url: str) -> str:
    """Return a line for each command, which says what became of it; without commands the help."""
    return "\n".join(_line(one, app_url) for one in answered) or HELP


def _line(one: Answered, app_url: str) -> str:
    link = f"{app_url}/tasks/{quote(one.task_id or '', safe='')}"
    said = {
        Outcome.DONE: _DONE[one.verb],
        Outcome.LINK: f"please {_TO_DO[one.verb]} it here: {link}",
        Outcome.NOT_WRITTEN: f"noted, but the app did not take it. Please {_TO_DO[one.verb]} it there: {link}",
        Outcome.CLOSED: "that task is closed already.",
        Outcome.REASSIGNED: "that task is not yours any more.",
        Outcome.NO_SUCH_NUMBER: "you were texted about no such task in the last day.",
        Outcome.WHICH: f"several tasks of yours may be meant. Please add the number, e.g. 1{_LETTERS[one.verb]}; "
        f"a task without a number is in the app: {app_url}/tasks",
        Outcome.NONE_OPEN: "no task that you were texted about in the last day is open.",
    }[one.outcome]
    return f"{one.number or ''}{_LETTERS[one.verb]}: {said}"


def _unwanted(facts: Facts) -> Suppression | None:
    """Return why help is not wanted any more; what became of a command is told however late."""
    if not facts.answered and facts.now - facts.message.owed_since > WORTH_TO_WRITERS:
        return cancelled(Cause.STALE, "nobody waits for help any more")
    return None


def _text(facts: Facts, app_url: str) -> str:
    return reply_text(facts.answered, app_url)


REPLY = MessageKind(
    name="reply",
    audience=Audience.WRITER,
    unwanted=_unwanted,
    unreachable=unreachable_writer,
    text=_text,
    worth=lambda _: WORTH_TO_WRITERS,
    lateness_counts=True,
)

REPLIES = Queue(name="replies", kind=REPLY, is_asked_for=False)
