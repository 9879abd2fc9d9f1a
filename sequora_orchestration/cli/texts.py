"""`sequora texts`: every text as it would be sent, with its alphabet and its segments. It asks nobody.

Here: the list, as a page and as JSON. Not here: the words (`messages/`), and whether they may be said (`text_checks`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from sequora_orchestration.delivery.wording_in_force import open_wording
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.domain.language import language_meant, languages_for, tag_of
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.messages.kinds import PHRASES
from sequora_orchestration.messages.phrase import FOR_ALL, Languages, Phrase, Template
from sequora_orchestration.messages.text_checks import alphabet_of, dear_characters
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.settings.texts import TextsSettings
from sequora_orchestration.terminal.page import Block, Page, Row, Tone, Toned
from sequora_orchestration.terminal.screen import shown

MANY = 1000
"""A clinic's texts of a month, of which it wants to know what they cost."""


class UnknownTextsError(Exception):
    """There are no such texts; the message says which there are."""


class State(StrEnum):
    """Whether words are said, and whose they are."""

    BUILT_IN = "built in"
    OF_FILE = "of the file"
    SWITCHED_ON = "built in, switched on by the file"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text as it would be sent."""

    kind: str
    phrase: Phrase
    language: str
    template: Template
    state: State
    app_url: str

    @property
    def text(self) -> str:
        """The words with usual values."""
        return self.phrase.example(self.template, self.app_url)

    @property
    def segments(self) -> int | None:
        """How many segments it takes; None if it is spoken."""
        return None if self.phrase.most_segments is None else segments(self.text)

    @property
    def most_segments(self) -> int | None:
        """The same with the longest values that there may be."""
        return None if self.phrase.most_segments is None else segments(self.phrase.longest(self.template, self.app_url))

    @property
    def is_to_be_confirmed(self) -> bool:
        """Whether these words come along, and nobody who speaks the language has confirmed them."""
        return self.phrase.to_be_confirmed.get(self.language) == self.template


def texts(*, language: str | None, kind: str | None, as_json: bool) -> str:
    """Return the output of `sequora texts`. Raises UnknownTextsError and SettingError."""
    if kind is not None and kind not in PHRASES:
        near = get_close_matches(kind.lower(), PHRASES, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]}? " if near else ""
        raise UnknownTextsError(f"\u201c{kind}\u201d is no kind of text: {meant}There are {', '.join(PHRASES)}.")
    if language is not None and tag_of(language) is None:
        tag = language_meant(language)
        to_do = f"did you mean {tag}?" if tag else "give its tag, as en, es-MX, zh-Hant or vi."
        raise UnknownTextsError(f"\u201c{language}\u201d names no language: {to_do}")
    some = {kind: PHRASES[kind]} if kind else PHRASES
    wording = open_wording()
    listed = list(_listed(wording, some, language))
    if as_json:
        return json.dumps([_as_json(one) for one in listed], indent=2)  # in ASCII, whatever the terminal has
    return shown(_page(listed, language, file_says_nothing=not wording.given))


def _listed(wording: Wording, phrases: Mapping[str, Sequence[Phrase]], language: str | None) -> Iterator[Shown]:
    for kind, some in phrases.items():
        for phrase in some:
            for one in _languages(wording, phrase, language):
                state, template = _state(wording, phrase, one)
                yield Shown(
                    kind=kind, phrase=phrase, language=one, template=template, state=state, app_url=wording.app_url
                )


def _languages(wording: Wording, phrase: Phrase, wanted: str | None) -> list[str]:
    """Return the languages of a phrase to show: those that are on first, then those that are off."""
    known = dict.fromkeys([*wording.in_each_language(phrase), *phrase.to_be_confirmed])
    if wanted is None or phrase.languages is not Languages.THE_PATIENTS:
        return list(known)
    chosen, _ = wording.chosen(phrase, wanted)
    better = languages_for(wanted)
    # Those that would be chosen if they were on.
    return [chosen, *(one for one in better[: better.index(chosen)] if one in phrase.to_be_confirmed)]


def _state(wording: Wording, phrase: Phrase, language: str) -> tuple[State, Template]:
    if given := wording.given.get(phrase, {}).get(language):
        return (State.SWITCHED_ON if given == phrase.known.get(language) else State.OF_FILE), given
    if built_in := phrase.built_in.get(language):
        return State.BUILT_IN, built_in
    return State.OFF, phrase.to_be_confirmed[language]


def _as_json(one: Shown) -> dict[str, object]:
    is_spoken = one.segments is None
    return {
        "kind": one.kind,
        "name": one.phrase.name,
        "said": one.phrase.said,
        "language": None if one.language == FOR_ALL else one.language,
        "state": one.state.name.lower(),
        "is_to_be_confirmed": one.is_to_be_confirmed,
        "template": one.template.text,
        "text": one.text,
        "alphabet": None if is_spoken else alphabet_of(one.text),
        "segments": one.segments,
        "segments_with_longest_values": one.most_segments,
        "segments_of_1000": None if one.segments is None else MANY * one.segments,
    }


def _page(listed: Sequence[Shown], language: str | None, *, file_says_nothing: bool) -> Page:
    blocks = [block for one in listed for block in _blocks(one)]
    return [*blocks, Block(shape="{}", rows=list(_summary(listed, language, file_says_nothing=file_says_nothing)))]


def _blocks(one: Shown) -> Iterator[Block]:
    of_language = "" if one.language == FOR_ALL else f", {one.language}"
    tone = Tone.QUIET if one.state is State.OFF else Tone.HEADING
    yield Block(shape="{}", rows=[Toned(f"{one.kind} {one.phrase.name}{of_language}", tone)])
    yield Block(shape="  {}", rows=[(_facts(one),)])
    rows: list[str | Toned | Row] = [(line,) for line in one.text.split("\n")]
    yield Block(shape="    {}", rows=[*rows, ""])


def _facts(one: Shown) -> str:
    state = f"{one.state}; to be confirmed by a speaker before use" if one.is_to_be_confirmed else str(one.state)
    if one.segments is None:
        return f"{state}; spoken"
    # A row of the application's may hold a word that is absurdly long; whatever patients' texts hold is short.
    is_longer = one.phrase.is_to_patients and one.most_segments != one.segments
    longest = f" ({one.most_segments} with the longest values)" if is_longer else ""
    size = f"{alphabet_of(one.text)}, {counted(one.segments, 'segment')}{longest}"
    dear = dear_characters(one.template.words) if one.language in (FOR_ALL, "en", "es") else ""
    because = f", for {dear} is not in GSM-7" if dear else ""
    return f"{state}; {size}; {MANY:,} are {MANY * one.segments:,} segments{because}"


def _summary(listed: Sequence[Shown], language: str | None, *, file_says_nothing: bool) -> Iterator[str | Toned]:
    file = TextsSettings.load().sequora_texts
    of_file = sum(one.state in (State.OF_FILE, State.SWITCHED_ON) for one in listed)
    off = dict.fromkeys(one.language for one in listed if one.state is State.OFF)
    of_it = f"none of {file}, which has no text" if file_says_nothing else f"{of_file} of {file}"
    whose = of_it if file else "SEQUORA_TEXTS names no file"
    yield Toned(f"{counted(len(listed), 'text')}; {whose}", Tone.HEADING)
    if off:
        head = f"[check-in.{next(iter(off))}]"
        yield f'Off: {", ".join(off)}. A file switches a language on by {head} with use = "built-in".'
    if language:
        order = ", ".join(languages_for(language))
        yield f"A patient with the language {language} is texted in the first of these that is on: {order}."
