"""The answer to somebody of the staff who has texted us: what became of her commands, or how commands are written."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from sequora_orchestration.domain.answering import Answered, Outcome
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.commands import MOST_COMMANDS, Verb
from sequora_orchestration.domain.gsm_7 import units_of_ucs_2
from sequora_orchestration.messages.about_tasks import unreachable_writer
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.phrase import LONGEST_TEXT, ONE_LINE, Phrase, Placeholder, for_all
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_phrases import LINK
from sequora_orchestration.messages.values import link_to
from sequora_orchestration.messages.wording import Wording

# Later than this nobody waits for an answer any more.
WORTH_TO_WRITERS = timedelta(minutes=15)

HELP = Phrase(
    name="help",
    said="what somebody of the staff has texted is no command, or asks for help",
    built_in=for_all(
        "Sequora: to answer a text about a task, send its number and a letter, e.g. 1A. "
        "A accept, R resolved, E hand over to the supervisors."
    ),
)

_LETTERS = {Verb.ACCEPT: "A", Verb.RESOLVE: "R", Verb.HAND_OVER: "E"}
_COMMAND = Placeholder(meaning="the command that is answered", example="1A", longest="9999A")


_TASKS = Placeholder(
    meaning="the list of tasks in the application", example="{app_url}/tasks", longest="{app_url}/tasks"
)

MORE = Phrase(
    name="more",
    said="a text has so many commands that the answers to its last ones have no room in one text",
    built_in=for_all("Answers that had no room here: {count}. Please look at your tasks in the app: {link}"),
    placeholders={
        "count": Placeholder(
            meaning="how many of the commands are not answered", example="3", longest=str(MOST_COMMANDS)
        ),
        "link": _TASKS,
    },
    required=frozenset({"count", "link"}),
    most_lines=ONE_LINE,
)


def _line(name: str, words: str, *, said: str, more: Mapping[str, Placeholder] | None = None) -> Phrase:
    """Return the phrase of a line that says what became of a command; where it has a link, it needs it."""
    return Phrase(
        name=name,
        said=said,
        built_in=for_all(f"{{command}}: {words}"),
        placeholders={"command": _COMMAND, **(more or {})},
        required=frozenset({"command", *({"link"} if "{link}" in words else ())}),
        most_lines=ONE_LINE,
    )


_DONE = {
    Verb.ACCEPT: _line("accepted", "accepted.", said="a command is carried out: accept"),
    Verb.RESOLVE: _line("resolved", "resolved.", said="a command is carried out: resolve"),
    Verb.HAND_OVER: _line(
        "handed-over", "handed over, the supervisors are being told.", said="a command is carried out: hand over"
    ),
}
_TO_DO = {Verb.ACCEPT: "accept", Verb.RESOLVE: "resolve", Verb.HAND_OVER: "reassign"}
_IN_APP = {
    verb: _line(
        f"{to_do}-in-app",
        f"please {to_do} it here: {{link}}",
        said=f"a command is noted, and to be carried out in the application: {to_do}",
        more={"link": LINK},
    )
    for verb, to_do in _TO_DO.items()
}
_NOT_TAKEN = {
    verb: _line(
        f"{to_do}-not-taken",
        f"noted, but the app did not take it. Please {to_do} it there: {{link}}",
        said=f"a command is noted, and the application did not take it: {to_do}",
        more={"link": LINK},
    )
    for verb, to_do in _TO_DO.items()
}
_OF_ALL = {
    Outcome.CLOSED: _line("closed", "that task is closed already.", said="the task of a command is closed"),
    Outcome.REASSIGNED: _line(
        "reassigned", "that task is not yours any more.", said="the task of a command is somebody else's by now"
    ),
    Outcome.NO_SUCH_NUMBER: _line(
        "no-such-number",
        "you were texted about no such task in the last day.",
        said="there is no task with the number of a command",
    ),
    Outcome.WHICH: _line(
        "which",
        "several tasks of yours may be meant. Please add the number, e.g. 1{letter}; "
        "a task without a number is in the app: {link}",
        said="a command has no number, and may be about several tasks",
        more={
            "letter": Placeholder(meaning="the command's letter", example="A", longest="A"),
            "link": _TASKS,
        },
    ),
    Outcome.NONE_OPEN: _line(
        "none-open",
        "no task that you were texted about in the last day is open.",
        said="a command has no number, and there is no open task",
    ),
}
_OF_A_VERB = {Outcome.DONE: _DONE, Outcome.LINK: _IN_APP, Outcome.NOT_WRITTEN: _NOT_TAKEN}
PHRASES = (HELP, *(one for some in _OF_A_VERB.values() for one in some.values()), *_OF_ALL.values(), MORE)


def reply_text(answered: Sequence[Answered], wording: Wording) -> str:
    """Return a line for each command, which says what became of it; without commands the help.

    The phone company would refuse a text that is too long, and then none of the answers would come. So the last ones
    are left out, and counted.
    """
    lines = [_said_of(one, wording) for one in answered] or [wording.say(HELP)]
    for left_out in range(len(lines)):
        text = "\n".join([*lines[: len(lines) - left_out], *_count_of(left_out, wording)])
        if units_of_ucs_2(text) <= LONGEST_TEXT:
            return text
    return "\n".join(_count_of(len(lines), wording))


def _count_of(left_out: int, wording: Wording) -> Iterator[str]:
    if left_out:
        yield wording.say(MORE, count=str(left_out), link=f"{wording.app_url}/tasks")


def _said_of(one: Answered, wording: Wording) -> str:
    of_a_verb = _OF_A_VERB.get(one.outcome)
    phrase = of_a_verb[one.verb] if of_a_verb else _OF_ALL[one.outcome]
    link = f"{wording.app_url}/tasks" if one.outcome is Outcome.WHICH else link_to(one.task_id, wording.app_url)
    letter = _LETTERS[one.verb]
    return wording.say(phrase, command=f"{one.number or ''}{letter}", letter=letter, link=link)


def _unwanted(facts: Facts) -> Suppression | None:
    """Return why help is not wanted any more; what became of a command is told however late."""
    if not facts.answered and facts.now - facts.message.owed_since > WORTH_TO_WRITERS:
        return cancelled(Cause.STALE, "nobody waits for help any more")
    return None


def _text(facts: Facts, wording: Wording) -> str:
    return reply_text(facts.answered, wording)


REPLY = MessageKind(
    name="reply",
    audience=Audience.WRITER,
    unwanted=_unwanted,
    unreachable=unreachable_writer,
    text=_text,
    phrases=PHRASES,
    worth=lambda _: WORTH_TO_WRITERS,
    lateness_counts=True,
)

REPLIES = Queue(name="replies", kind=REPLY, is_asked_for=False)
