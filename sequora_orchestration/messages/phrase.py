"""A phrase: the words of one kind of message in one situation, as data, with what may and what must stand in them.

The words that are built in stand beside the kinds. Not here: the words in force (`wording`), and the rules by which a
clinic's own words are judged (`text_checks`).
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sequora_orchestration.domain.gsm_7 import is_gsm_7

# Under this language stands a text that exists in one language for all: nobody knows which one staff read best.
FOR_ALL = "*"

# The name of a kind's first phrase, by which a file of texts calls it.
TEXT = "text"

LONGEST_TEXT = 1600
"""The most that the phone company takes as one text, in units of UCS-2 (Twilio error 21617)."""

# What one segment more costs a clinic with 10,000 texts a month is more than a text is worth that nobody reads to its
# end. Ours to staff have three at most, and the line of commands may make it four; ours to patients have two in GSM-7.
MOST_TO_STAFF = 4
MOST_TO_PATIENTS = 3

# The longest link (200 characters) fills three segments of UCS-2, and with the words that introduce it a fourth.
MOST_TO_PATIENTS_WITH_LINK = MOST_TO_PATIENTS + 4

# One line where several texts are lines of one, or where what follows must be found at its end.
ONE_LINE = 1

# A screen shows so many without scrolling, and the line of commands comes below them.
SOME_LINES = 6

_PLACEHOLDER = re.compile(r"[a-z]+(_[a-z]+)*")


class TemplateError(ValueError):
    """Words whose braces make no sense; the message says which, and what to write."""


class OddPlaceholderError(TemplateError):
    """A placeholder's name is none that any phrase has."""

    def __init__(self, name: str) -> None:
        """Keep the name, as it stands between the braces."""
        self.name = name
        super().__init__(f"has {{{name}}}, which is no placeholder: write a plain name, or {{{{ for a brace")


class Languages(StrEnum):
    """In which languages a phrase is said."""

    ONE_FOR_ALL = "one for all"
    THE_PATIENTS = "the patient's"
    EACH = "each, one after the other"


@dataclass(frozen=True, slots=True)
class Template:
    """Words with placeholders, `{name}`. A brace itself is written twice. Raises TemplateError."""

    text: str
    placeholders: frozenset[str] = field(init=False)
    words: str = field(init=False)
    """The words without placeholders."""

    is_gsm_7: bool = field(init=False)
    """Whether the cheap alphabet has all of the words."""

    def __post_init__(self) -> None:
        """Take the words apart once: they are filled for each text."""
        try:
            parts = list(string.Formatter().parse(self.text))
        except ValueError:
            raise TemplateError(
                "has a brace that opens or closes no placeholder: write {{ or }} for a brace itself"
            ) from None
        words, names, as_read = "", set[str](), ""
        for literal, name, form, conversion in parts:
            words += literal
            as_read += literal.replace("{", "{{").replace("}", "}}")
            if name is None:
                continue
            if form or conversion:
                raise TemplateError(f"has {{{name}}} with a format behind its name: write the name alone, {{{name}}}")
            if not _PLACEHOLDER.fullmatch(name):
                raise OddPlaceholderError(name)
            if not self.text.startswith(
                f"{{{name}}}", len(as_read)
            ):  # a colon with no format behind it is not reported
                raise TemplateError(f"has a colon behind the name in {{{name}:}}: write the name alone, {{{name}}}")
            as_read += f"{{{name}}}"
            names.add(name)
        object.__setattr__(self, "placeholders", frozenset(names))
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "is_gsm_7", is_gsm_7(words))

    @property
    def with_plain_braces(self) -> str:
        """The words in which only placeholders have braces, and a brace itself has become a parenthesis."""
        return "".join(
            literal.replace("{", "(").replace("}", ")") + ("" if name is None else f"{{{name}}}")
            for literal, name, _, _ in string.Formatter().parse(self.text)
        )

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the words with these values; braces in a value are only braces."""
        return self.text.format_map(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What may stand in a phrase for something that a row says."""

    meaning: str
    example: str
    """A usual value; `{app_url}` in it is the application's address."""

    longest: str
    """As long as one ever is."""


@dataclass(frozen=True, slots=True)
class Need:
    """Words that a phrase must have, in every language."""

    words: Mapping[str, re.Pattern[str]]
    """What finds each, by how a person writes it."""

    to_do: str
    manner: str = ""
    """How each must stand, after a blank."""

    def lacking(self, text: str) -> Sequence[str]:
        """Return those that a text does not have."""
        return [word for word, pattern in self.words.items() if not pattern.search(text)]


@dataclass(frozen=True, slots=True)
class Ban:
    """Words that a phrase must not have, in no language."""

    pattern: re.Pattern[str]
    has: str
    to_do: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phrase:
    """The words of one kind of message in one situation."""

    name: str = TEXT
    said: str
    """When it is said, for people."""

    built_in: Mapping[str, Template]
    """By language, those that are said unless a file says otherwise. One for all stands under FOR_ALL."""

    to_be_confirmed: Mapping[str, Template] = field(default_factory=dict)
    """By language, those that come along and are off: nobody who speaks the language has confirmed them."""

    languages: Languages = Languages.ONE_FOR_ALL
    placeholders: Mapping[str, Placeholder] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    needs: Sequence[Need] = ()
    bans: Sequence[Ban] = ()
    most_lines: int = SOME_LINES
    most_segments: int | None = MOST_TO_STAFF
    """None of what is spoken."""

    longest_possible: int = LONGEST_TEXT
    """The most with the longest values, in units of UCS-2: less where another line may come below."""

    @property
    def is_to_patients(self) -> bool:
        """Whether it goes to patients."""
        return self.languages is Languages.THE_PATIENTS

    @property
    def known(self) -> Mapping[str, Template]:
        """All that come along, by language."""
        return {**self.built_in, **self.to_be_confirmed}

    def example(self, template: Template, app_url: str) -> str:
        """Return these words with usual values."""
        return template.filled(self._values({name: one.example for name, one in self.placeholders.items()}, app_url))

    def longest(self, template: Template, app_url: str) -> str:
        """Return these words with the longest values."""
        return template.filled(self._values({name: one.longest for name, one in self.placeholders.items()}, app_url))

    @staticmethod
    def _values(values: Mapping[str, str], app_url: str) -> Mapping[str, str]:
        return {name: one.replace("{app_url}", app_url) for name, one in values.items()}


def for_all(text: str) -> Mapping[str, Template]:
    """Return words that exist in one language for all."""
    return {FOR_ALL: Template(text)}


def by_language(texts: Mapping[str, str]) -> Mapping[str, Template]:
    """Return words by language."""
    return {language: Template(text) for language, text in texts.items()}
