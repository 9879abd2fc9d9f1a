"""What a person's text to us means: STOP, START, HELP, or commands about tasks. Only the words themselves count.

A command is a number and a verb, in either order and any spelling: `7a`, `7 A.`, `A7`, `accept 7`; or a verb alone. A
text is understood as a whole or not at all: a sentence with such a word in it is a sentence.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

Meaning = TypeVar("Meaning")


class Word(StrEnum):
    """A word to the phone company, which every system of texts must obey."""

    STOP = "STOP"
    START = "START"
    YES = "YES"
    """START, if the number has opted out; else any yes."""

    HELP = "HELP"


class Verb(StrEnum):
    """What a member of staff does with a task by text."""

    ACCEPT = "ACCEPT"
    RESOLVE = "RESOLVE"
    HAND_OVER = "HAND_OVER"


@dataclass(frozen=True, slots=True)
class Command:
    """A verb, and the small number of the task; without a number the only task there is."""

    verb: Verb
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a text means: a word, or commands; neither if it is not understood."""

    word: Word | None = None
    commands: Sequence[Command] = ()


# The phone company's own words (https://help.twilio.com/articles/223134027), and Spanish ones.
_WORDS = {
    Word.STOP: "stop, stopall, stop all, unsubscribe, cancel, end, quit, revoke, optout, opt out, alto, parar, basta",
    Word.START: "start, unstop, comenzar, empezar, iniciar",
    Word.YES: "yes",
    Word.HELP: "help, info, ayuda",
}

_VERBS = {
    Verb.ACCEPT: "a, accept, accepted, acepto, aceptar, aceptado, aceptada",
    Verb.RESOLVE: "r, resolve, resolved, resuelto, resuelta, resolver",
    Verb.HAND_OVER: "e, escalate, handover, hand over, escalar, escalo, entregar, entrego",
}


def _by_spelling(spellings: Mapping[Meaning, str]) -> dict[str, Meaning]:
    return {spelling: meaning for meaning, listed in spellings.items() for spelling in listed.split(", ")}


_WORD_OF, _VERB_OF = _by_spelling(_WORDS), _by_spelling(_VERBS)

# The most that one text may ask for; more is no command.
MOST_COMMANDS = 10
MOST_PARTS = 3 * MOST_COMMANDS

# Tasks of one phone have small numbers. A longer one is a year, or a part of a phone number.
LARGEST_NUMBER = 999

_PART = re.compile(r"\d+|[^\W\d_]+")

# An iPhone sends these words when somebody marks a text with a heart or a thumb; nobody expects an answer.
_REACTION = re.compile(
    r"(liked|loved|disliked|laughed at|emphasized|questioned|reacted .{1,20} to|removed an? .{1,20} from"
    r"|le gusto|le encanto|no le gusto|le dio risa|enfatizo|cuestiono|reacciono .{1,20} a)\s+[\"“«]",
    re.IGNORECASE | re.DOTALL,
)


def understood(body: str) -> Understood:
    """Return what a text means. Case, spaces, punctuation, accents, quotes and emoji do not matter."""
    parts = _PART.findall(_plain(body))
    if len(parts) > MOST_PARTS:
        return Understood()
    said = " ".join(parts)
    if word := _WORD_OF.get(said):
        return Understood(word=word)
    return Understood(commands=_commands(said.replace("hand over", "handover").split()))


def is_reaction(body: str) -> bool:
    """Whether a phone has sent the text by itself, because its owner has marked one of ours."""
    return bool(_REACTION.match(_without_accents(body).strip()))


def _plain(body: str) -> str:
    """Return a text without accents, in lower case; everything but letters, digits and space becomes a space."""
    return "".join(one if one.isalnum() else " " for one in _without_accents(body).casefold())


def _without_accents(body: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", body) if not unicodedata.combining(one))


def _commands(parts: Sequence[str]) -> Sequence[Command]:
    """Return the commands that the parts consist of; none if a part belongs to no command."""
    if len(parts) == 1:
        verb = _VERB_OF.get(parts[0])
        return (Command(verb),) if verb else ()
    commands = tuple(dict.fromkeys(_pairs(parts) or ()))
    return commands if len(commands) <= MOST_COMMANDS else ()


def _pairs(parts: Sequence[str]) -> list[Command] | None:
    """Return the commands of numbers and verbs in pairs; None if the parts are no such pairs."""
    if not parts:
        return []
    command = _command(parts[:2])
    if command is None:
        return None
    rest = _pairs(parts[2:])
    if rest is None and _VERB_OF.get(parts[2]) is command.verb:
        rest = _pairs(parts[3:])  # as a phone's suggestion completes it: "1A accept"
    return None if rest is None else [command, *rest]


def _command(pair: Sequence[str]) -> Command | None:
    if len(pair) < 2:  # noqa: PLR2004
        return None
    number, word = pair if pair[0].isdigit() else reversed(pair)
    verb = _VERB_OF.get(word)
    if verb is None or not number.isdecimal() or not 0 < int(number) <= LARGEST_NUMBER:
        return None
    return Command(verb, int(number))
