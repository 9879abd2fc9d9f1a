"""Reading a file of texts: a clinic's own words in place of those that are built in (docs/texts.md).

All mistakes are told at once, each with its line and what to write. Not here: the rules by which the words themselves
are judged (`text_checks`), and where the file is.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sequora_orchestration.domain.language import language_meant, tag_of
from sequora_orchestration.domain.voices import LANGUAGES_WITH_A_VOICE, voices_near
from sequora_orchestration.messages.phrase import FOR_ALL, TEXT, Languages, Phrase, Template
from sequora_orchestration.messages.text_checks import faults, faults_together
from sequora_orchestration.messages.toml_faults import fault_of
from sequora_orchestration.messages.toml_lines import Path, line_of, lines_of
from sequora_orchestration.messages.values import seen
from sequora_orchestration.messages.wording import Given, Wording

USE, BUILT_IN = "use", "built-in"


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """A mistake in a file of texts."""

    line: int
    """From 1; 0 for one of the whole file."""

    wrong: str
    to_do: str

    @property
    def sentence(self) -> str:
        """The mistake, as one line for people, whatever a key has in its quotes."""
        return " ".join(seen(f"{f'line {self.line}: ' if self.line else ''}{self.wrong}; {self.to_do}").split())


class TextsFileError(Exception):
    """A file of texts has mistakes, and none of its words is said."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Keep the mistakes in the order of their lines."""
        self.mistakes = sorted(mistakes)
        super().__init__("\n".join(one.sentence for one in self.mistakes))


_TOO_MUCH = Mistake(0, "has a number or brackets that cannot be read", 'write texts alone, in quotes: text = "…"')


def given_by(content: bytes, phrases: Mapping[str, Sequence[Phrase]], app_url: str) -> Given:
    """Return the words that a file gives, by phrase and language. Raises TextsFileError.

    `phrases` are all that there are, by the name of their kind. The address is needed to measure texts with links.
    """
    source = _decoded(content).replace("\r\n", "\n")
    try:
        tables = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise TextsFileError([Mistake(*fault_of(source, error))]) from None
    except (ValueError, RecursionError):
        # The reader's limits: numbers of more than 4,300 digits, and some hundred brackets within each other.
        raise TextsFileError([_TOO_MUCH]) from None
    reader = _Reader(lines_of(source), app_url)
    for kind, table in tables.items():
        reader.read_kind(kind, table, phrases)
    if reader.mistakes:
        raise TextsFileError(reader.mistakes)
    return reader.given


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistake = Mistake(line, "has a byte that is not UTF-8", "save the file in UTF-8, as every editor can")
        raise TextsFileError([mistake]) from None


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return what to write in place of a name that is not known."""
    names = list(known)
    near = get_close_matches(word.lower().replace("_", "-").replace(" ", "-"), names, n=1, cutoff=0.5)
    all_of_them = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}"
    return f"did you mean {near[0]}? {all_of_them[:1].upper()}{all_of_them[1:]}" if near else all_of_them


class _Reader:
    """Reads the tables of a file, and gathers words and mistakes."""

    def __init__(self, lines: Mapping[Path, int], app_url: str) -> None:
        self._lines, self._app_url = lines, app_url
        self.given: dict[Phrase, dict[str, Template]] = {}
        self.mistakes: list[Mistake] = []

    def read_kind(self, kind: str, table: Any, phrases: Mapping[str, Sequence[Phrase]]) -> None:
        """Read all that the file says of a kind."""
        if kind not in phrases:
            self._mistake((kind,), f"{kind} is no kind of text", _kind_meant(kind, table, phrases))
            return
        if not isinstance(table, dict):
            self._mistake((kind,), f"{kind} is no table", f"write [{kind}], and below it {phrases[kind][0].name} = …")
            return
        some = {one.name: one for one in phrases[kind]}
        languages = phrases[kind][0].languages
        if languages is Languages.ONE_FOR_ALL:
            self._read_for_all(kind, table, some)
        else:
            self._read_languages(kind, table, some, languages)

    def _mistake(self, path: Path, wrong: str, to_do: str) -> None:
        self.mistakes.append(Mistake(line_of(self._lines, path) or 0, wrong, to_do))

    def _read_for_all(self, kind: str, table: Mapping[str, Any], phrases: Mapping[str, Phrase]) -> None:
        for name, text in table.items():
            if name not in phrases and tag_of(name) and isinstance(text, dict):
                wrong, to_do = f"[{kind}.{name}]: texts to staff exist in one language for all", f"write [{kind}]"
                self._mistake((kind, name), wrong, to_do)
            else:
                self._read_text((kind, name), text, phrases, FOR_ALL)
        if not table:
            self._mistake((kind,), f"[{kind}] says nothing", f"write {' or '.join(f'{one} = …' for one in phrases)}")

    def _read_languages(
        self, kind: str, table: Mapping[str, Any], phrases: Mapping[str, Phrase], languages: Languages
    ) -> None:
        read: dict[str, str] = {}
        for spelt, of_language in table.items():
            path, known = (kind, spelt), _languages_of(phrases.values())
            tag = tag_of(spelt)
            if not isinstance(of_language, dict):
                self._mistake(path, *_below_no_language(kind, spelt, tag, known))
                continue
            if tag is None:
                self._mistake(path, f"[{kind}.{spelt}]: {spelt} is no language", _tag_meant(spelt, known))
                continue
            if languages is Languages.EACH and tag not in LANGUAGES_WITH_A_VOICE:
                self._mistake(path, f"[{kind}.{spelt}]: Twilio has no voice for {spelt}", _voice_meant(kind, tag))
                continue
            if tag in read:
                to_do = "write all of it in one of the two"
                self._mistake(path, f"[{kind}.{spelt}] is the same language as [{kind}.{read[tag]}]", to_do)
                continue
            read[tag] = spelt
            self._read_language(path, tag, of_language, phrases)
        if not table:
            self._mistake((kind,), f"[{kind}] says nothing", f"write a language, as [{kind}.es-MX]")
        if languages is Languages.EACH:
            self._measure_together(kind, phrases.values())

    def _measure_together(self, kind: str, phrases: Iterable[Phrase]) -> None:
        wording = Wording(app_url=self._app_url, given=self.given)
        for phrase in phrases:
            for wrong, to_do in faults_together(wording.spoken(phrase)):
                self._mistake((kind,), f"{kind} {phrase.name} {wrong}", to_do)

    def _read_language(self, path: Path, tag: str, table: Mapping[str, Any], phrases: Mapping[str, Phrase]) -> None:
        """Read the words of a language. Each situation needs some: another language's would stand beside them."""
        head = f"[{'.'.join(path)}]"
        uses_ours = self._uses_ours(path, tag, table.get(USE), phrases)
        for name, text in table.items():
            if name != USE:
                self._read_text((*path, name), text, phrases, tag)
        for name, phrase in phrases.items():
            ours = phrase.known.get(tag)
            if name in table:
                continue
            if uses_ours and ours:
                self._give(phrase, tag, ours)
            elif USE not in table:
                to_use = f', or {USE} = "{BUILT_IN}" for those that come along' if ours else ""
                self._mistake(path, f"{head} has no {name} ({phrase.said})", f"write it{to_use}")

    def _uses_ours(self, path: Path, tag: str, use: Any, phrases: Mapping[str, Phrase]) -> bool:
        head = f"[{'.'.join(path)}]"
        if use is None:
            return False
        if use != BUILT_IN:
            self._mistake((*path, USE), f"{head} {USE} is none of its words", f'write {USE} = "{BUILT_IN}"')
            return False
        if all(tag in one.known for one in phrases.values()):
            return True
        known = _languages_of(phrases.values())
        shorter = tag.split("-", maxsplit=1)[0]
        to_do = f"write [{path[0]}.{shorter}], which is for all of them" if shorter in known else "write your own"
        self._mistake((*path, USE), f"no words in {tag} come along; there are {', '.join(known)}", to_do)
        return False

    def _read_text(self, path: Path, text: Any, phrases: Mapping[str, Phrase], language: str) -> None:
        where = f"{'.'.join(path[:-1])} {path[-1]}"
        phrase = phrases.get(path[-1])
        if phrase is None:
            self._mistake(path, f"{path[-1]} is no text of {path[0]}", _nearest(path[-1], phrases))
            return
        if not isinstance(text, str):
            self._mistake(path, f"{where} is no text", "write it in quotes")
            return
        # The quotes stand on lines of their own, as a rule; the phone company takes blanks at both ends away.
        wrong = faults(phrase, text.strip(), self._app_url)
        for what, to_do in wrong:
            self._mistake(path, f"{where} {what}", to_do)
        if not wrong:
            self._give(phrase, language, Template(text.strip()))

    def _give(self, phrase: Phrase, language: str, template: Template) -> None:
        self.given.setdefault(phrase, {})[language] = template


def _languages_of(phrases: Iterable[Phrase]) -> list[str]:
    return list(dict.fromkeys(language for phrase in phrases for language in phrase.known))


def _kind_meant(spelt: str, table: Any, phrases: Iterable[str]) -> str:
    """Return what to write in place of a name that is no kind's: quotes round a whole head make one name of it."""
    if spelt.partition(".")[0] in phrases:
        return f"write {f'[{spelt}]' if isinstance(table, dict) else spelt} without quotes: they make one name of it"
    return _nearest(spelt, phrases)


def _below_no_language(kind: str, spelt: str, tag: str | None, known: Sequence[str]) -> tuple[str, str]:
    """Return what is wrong with a text beside the languages of its kind, and what to write."""
    if tag:
        return f"{kind} {spelt} is no table", f"{spelt} is a language: write [{kind}.{spelt}], and below it {TEXT} = …"
    to_do = f"write it below its language, [{kind}.{known[0]}]: there are {', '.join(known)}"
    return f"{kind} {spelt} stands below no language", to_do


def _voice_meant(kind: str, tag: str) -> str:
    """Return what to write in place of a language that nobody would say."""
    if near := voices_near(tag):
        return f"write {' or '.join(f'[{kind}.{one}]' for one in near)}"
    return "leave it out: docs/texts.md lists the languages that have one"


def _tag_meant(spelt: str, known: Sequence[str]) -> str:
    """Return what to write in place of a tag that names no language."""
    meant = language_meant(spelt)
    return f"did you mean {meant}?" if meant else f"write a tag of BCP 47, as {', '.join(known)}, or pt-BR"
