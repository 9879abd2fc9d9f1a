"""What the texts about tasks have in common: their placeholders, their last three lines, and the line of commands."""

import re
from collections.abc import Mapping, Sequence

from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.messages.phrase import LONGEST_TEXT, ONE_LINE, Ban, Need, Phrase, Placeholder, for_all
from sequora_orchestration.messages.values import (
    LONGEST_LINE_VALUE,
    LONGEST_WORD,
    link_to,
    reasons,
    short,
    value,
)
from sequora_orchestration.messages.wording import Wording

LAST_LINES = "Priority: {priority}\nEp ID: {episode}\nView: {link}"

# A line of one segment, and room for longer numbers in it than the usual ones.
LONGEST_COMMANDS = 200

# A letter of which each takes two units of UCS-2.
_WIDE = "\U0001d538"

_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"

LINK = Placeholder(
    meaning="the task's page in the application",
    example=f"{{app_url}}/tasks/{_ID}",
    longest=f"{{app_url}}/tasks/{_ID}",
)
SPAN = Placeholder(meaning="a length of time: `42 min`, `3 h`, `2 days`", example="42 min", longest="less than 1 min")

_OF_A_TASK: Mapping[str, Placeholder] = {
    "severity": Placeholder(
        meaning="how severe the task is, as the map of the application says it: `CRITICAL`, `HIGH`, `MODERATE`, `LOW`",
        example="CRITICAL",
        longest=_WIDE * LONGEST_WORD,
    ),
    "reasons": Placeholder(
        meaning="the codes of why it was made; sentences among them are only counted: `CHEST_PAIN, 1 more`",
        example="CHEST_PAIN, SHORTNESS_OF_BREATH",
        longest=_WIDE * LONGEST_LINE_VALUE,
    ),
    "priority": Placeholder(
        meaning="the application's word for its priority", example="URGENT", longest=_WIDE * LONGEST_WORD
    ),
    "episode": Placeholder(
        meaning="the first eight characters of the episode's id", example="12345678...", longest=f"{_WIDE * 8}..."
    ),
    "link": LINK,
}


def about_task(
    first_line: str, *, said: str, name: str = "text", more: Mapping[str, Placeholder] | None = None
) -> Phrase:
    """Return the phrase of four lines about a task, of which the first is its own.

    A text without the link is of no use, and one without the severity does not say how soon it is to be read.
    """
    return Phrase(
        name=name,
        said=said,
        built_in=for_all(f"{first_line}\n{LAST_LINES}"),
        placeholders={**(more or {}), **_OF_A_TASK},
        required=frozenset({"severity", "link"}),
        longest_possible=LONGEST_TEXT - len("\n") - LONGEST_COMMANDS,
    )


def of_task(task: EscalationTask, wording: Wording) -> dict[str, str]:
    """Return what a task says in place of the placeholders that all phrases about tasks have."""
    return {
        "severity": value(task.severity, LONGEST_WORD),
        "reasons": reasons(task),
        "priority": value(task.priority, LONGEST_WORD),
        "episode": short(task.episode_id),
        "link": link_to(task.id, wording.app_url),
    }


# --- the line of commands ---------------------------------------------------------------------------------------------

_NUMBER = Placeholder(meaning="the task's small number on that phone", example="1", longest="9999")


# The letters of the commands, and what staff do with each.
_MEANINGS = {"A": "accept", "R": "say that it is resolved", "E": "hand it over"}


def _commands(name: str, line: str, *, said: str, letters: str, bans: Sequence[Ban] = ()) -> Phrase:
    meanings = ", ".join(f"{letter} to {_MEANINGS[letter]}" for letter in letters)
    return Phrase(
        name=name,
        said=said,
        built_in=for_all(line),
        placeholders={"number": _NUMBER},
        required=frozenset({"number"}),
        needs=[
            Need(
                words={
                    f"{{number}}{letter}": re.compile(rf"(?<![^\W_])(?<!\}})\{{number\}}{letter}(?![^\W_])")
                    for letter in letters
                },
                manner=" as a word by itself",
                to_do="write it with a blank or a punctuation mark on both sides, in every script: staff answer with "
                f"the number and {meanings}, and an answer with letters joined to it is not understood",
            )
        ],
        bans=bans,
        most_lines=ONE_LINE,
        most_segments=1,
        longest_possible=LONGEST_COMMANDS,
    )


TO_NURSE = _commands(
    "to-nurse",
    "Reply {number}A accept, {number}R resolved, {number}E hand over",
    said="the last line of a text to a nurse about her task, with SEQUORA_REPLIES=on",
    letters="ARE",
)
# Nobody is above a supervisor to hand a task over to.
TO_SUPERVISOR = _commands(
    "to-supervisor",
    "Reply {number}A accept, {number}R resolved",
    said="the last line of a text to a supervisor about a task, with SEQUORA_REPLIES=on",
    letters="AR",
    bans=[
        Ban(
            pattern=re.compile(r"\{number\}( ?E|e)(?![^\W_])"),
            has="says {number}E, by which a task is handed over",
            to_do="leave it out: a supervisor has nobody to hand a task over to",
        )
    ],
)


def commands_line(number: int, wording: Wording, *, is_to_supervisor: bool) -> str:
    """Return the last line of a text about a task that may be answered; `number` is the task's on that phone."""
    return wording.say(TO_SUPERVISOR if is_to_supervisor else TO_NURSE, number=str(number))
