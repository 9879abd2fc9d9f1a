"""The rules by which words are judged before anybody is texted with them: a clinic's own, and those that are built in.

They are pure, and say of each fault what is wrong and what to write. Not here: where the words stand (`texts_file`).
"""

import re
import unicodedata
from collections.abc import Iterator
from difflib import get_close_matches
from urllib.parse import quote

from sequora_orchestration.domain.gsm_7 import GSM_7, GSM_7_EXTENSION, is_gsm_7, segments, septets, units_of_ucs_2
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.domain.spoken import LONGEST_SAID, LONGEST_TWIML, TIMES_SAID, twiml
from sequora_orchestration.messages.phrase import (
    LONGEST_TEXT,
    ONE_LINE,
    OddPlaceholderError,
    Phrase,
    Template,
    TemplateError,
)
from sequora_orchestration.messages.values import FILLERS

# What each of several segments holds, in septets and in units of UCS-2 (3GPP TS 23.040).
_PER_SEGMENT = {True: 153, False: 67}

# What breaks a line, or does something else than show: controls, the two separators of lines, unseen formats.
_CONTROLS = {"Cc", "Cf", "Zl", "Zp", "Co", "Cs", "Cn"}

# Of the unseen formats scripts need these: the joiners of Persian, of the scripts of India and of emoji, the marks of
# direction, and the isolates, which keep the words around them in order and end with their line. Those before them in
# Unicode, embeddings and overrides, are not needed, and turn even the digits of a number.
_NEEDED_FORMATS = frozenset("\u200c\u200d\u200e\u200f\u061c\u2066\u2067\u2068\u2069")

# What joins a value to the words before or behind it, so that phones make a link of both.
_JOINS = "[.:/@\u3002\uff0e\uff61\u2024\ufe52]"
_JOINED_BEFORE = re.compile(rf"({_JOINS})\{{(?!link\}})(\w+)\}}")
_JOINED_BEHIND = re.compile(rf"\{{(?!link\}})(\w+)\}}({_JOINS})(?=\S)")
_PLACEHOLDERS = re.compile(r"\{\w+\}")
_JOINED_TO_EACH_OTHER = re.compile(r"\{(\w+)\}\{(\w+)\}")

# Signs without a blank or a Chinese stop between them, of which a value is a part; and what phones make a link of.
_RUN = re.compile(r"[^\s\u3000-\u303f\uff00-\uff65]*\{(?!link\})(\w+)\}[^\s\u3000-\u303f\uff00-\uff65]*")
_LIKE_A_LINK = re.compile(r"://|[^\W_][.@][^\W\d_]{2}")
_LINK_IN_WORDS = re.compile(r"\S\{link\}|\{link\}\S")

# So many of the characters that make a text dear are named.
_MOST_NAMED = 5

Fault = tuple[str, str]
"""What is wrong, and what to write."""


def faults(phrase: Phrase, text: str, app_url: str) -> list[Fault]:
    """Return what is wrong with words for a phrase, all of it; none where they may be said."""
    if not text.strip():
        return [("is empty", "write what the text is to say")]
    if odd := sorted({one for one in text if one != "\n" and _is_odd(one)}):
        return [
            (f"has {', '.join(map(_named, odd))}, which is no sign to be shown", "write the words without it"),
        ]
    try:
        template = Template(text)
    except OddPlaceholderError as error:
        return [_not_of(phrase, error.name)]
    except TemplateError as error:
        wrong, _, to_do = str(error).partition(": ")
        return [(wrong, to_do)]
    plain = template.with_plain_braces
    of_placeholders = [*_unknown(phrase, template), *_missing(phrase, template, plain), *_joined(plain)]
    found = [*of_placeholders, *_needed(phrase, plain), *_lines(phrase, text)]
    # Without its own placeholders a text cannot be filled, and so not be measured.
    is_fillable = template.placeholders <= phrase.placeholders.keys()
    return [*found, *(_length(phrase, template, app_url) if is_fillable else ())]


def _is_odd(character: str) -> bool:
    is_unseen = unicodedata.category(character) in _CONTROLS or character in FILLERS
    return is_unseen and character not in _NEEDED_FORMATS


def _named(character: str) -> str:
    name = unicodedata.name(character, "a control character").lower()
    return f"U+{ord(character):04X} ({name})"


def _unknown(phrase: Phrase, template: Template) -> Iterator[Fault]:
    for name in sorted(template.placeholders - phrase.placeholders.keys()):
        yield _not_of(phrase, name)


def _not_of(phrase: Phrase, name: str) -> Fault:
    known = ", ".join(f"{{{one}}}" for one in phrase.placeholders)
    may = f"it may have {known}" if known else "it has none"
    meant = _meant(phrase, name)
    guess = f"did you mean {{{meant}}}? " if meant else ""
    return f"has {{{name}}}, which is no placeholder of it", f"{guess}{may}; a brace itself is written twice"


def _meant(phrase: Phrase, name: str) -> str | None:
    """Return the phrase's own placeholder that is spelt like this one."""
    near = get_close_matches(name.strip().lower().replace(" ", "_").replace("-", "_"), phrase.placeholders, n=1)
    return near[0] if near else None


def _missing(phrase: Phrase, template: Template, plain: str) -> Iterator[Fault]:
    """Yield what must stand in the words, unless another fault says so: a misspelling of it, or words that have it."""
    misspelt = {_meant(phrase, name) for name in template.placeholders - phrase.placeholders.keys()}
    lacking = [word for need in phrase.needs for word in need.lacking(plain)]
    for name in sorted(phrase.required - template.placeholders - misspelt):
        if not any(f"{{{name}}}" in word for word in lacking):
            yield f"has no {{{name}}}", f"write {{{name}}}, for {phrase.placeholders[name].meaning.partition(':')[0]}"


def _joined(text: str) -> Iterator[Fault]:
    so_that = "so that nothing that a row holds makes a link"
    for joint, name in _JOINED_BEFORE.findall(text):
        yield f"has {{{name}}} right behind \u201c{joint}\u201d", f"leave a space between them, {so_that}"
    for name, joint in _JOINED_BEHIND.findall(text):
        yield f"has \u201c{joint}\u201d between {{{name}}} and other words", f"leave a space behind it, {so_that}"
    for one, other in _JOINED_TO_EACH_OTHER.findall(text):
        yield f"has {{{one}}} and {{{other}}} side by side", f"leave a space between them, {so_that}"
    for run in _RUN.finditer(text):
        if _LIKE_A_LINK.search(_PLACEHOLDERS.sub("x", run[0])):
            yield f"has {{{run[1]}}} within a link, {run[0]}", f"leave a space between them, {so_that}"
    if _LINK_IN_WORDS.search(text):
        yield "has {link} joined to other signs", "leave a space or a new line on both sides, or phones take them along"


def _needed(phrase: Phrase, text: str) -> Iterator[Fault]:
    for need in phrase.needs:
        if lacking := need.lacking(text):
            yield f"does not say {' or '.join(lacking)}{need.manner}", need.to_do
    for ban in phrase.bans:
        if ban.pattern.search(text):
            yield ban.has, ban.to_do


def _lines(phrase: Phrase, text: str) -> Iterator[Fault]:
    lines = text.count("\n") + 1
    if lines <= phrase.most_lines:
        return
    if phrase.most_lines == ONE_LINE:
        yield f"has {lines} lines", "write it as one line"
    else:
        yield f"has {lines} lines, and may have {phrase.most_lines}", "write it in fewer lines"


def _length(phrase: Phrase, template: Template, app_url: str) -> Iterator[Fault]:
    """Measure the words with the values that decide: patients' texts with the longest, for all of theirs are short."""
    longest = phrase.longest(template, app_url)
    if phrase.most_segments is None:
        yield from _length_in_a_url(longest)
        return
    most = phrase.longest_possible
    if units_of_ucs_2(longest) > most:
        below = " with the line of commands" if most < LONGEST_TEXT else ""
        yield (
            f"may become {units_of_ucs_2(longest):,} characters long, with the longest values, and may be {most:,}",
            f"shorten it: the phone company takes {LONGEST_TEXT:,}{below}",
        )
        return
    measured = longest if phrase.is_to_patients else phrase.example(template, app_url)
    count, is_cheap = segments(measured), is_gsm_7(measured)
    if count <= phrase.most_segments:
        return
    too_much = (septets(measured) if is_cheap else units_of_ucs_2(measured)) - (
        phrase.most_segments * _PER_SEGMENT[is_cheap]
    )
    to_do = f"shorten it by {counted(max(1, too_much), 'character')}"
    if dear := "" if is_cheap else dear_characters(template.words):
        to_do += f", or write it without {dear}: a segment of GSM-7 holds 153 characters, one of UCS-2 67"
    values = "the longest values" if phrase.is_to_patients else "usual values"
    yield (
        f"takes {count} segments of {alphabet_of(measured)} with {values}, and may take {phrase.most_segments}",
        to_do,
    )


def _length_in_a_url(words: str) -> Iterator[Fault]:
    """Measure what is spoken as Twilio hands it to its voices: a letter of another alphabet takes 6 or 9 characters."""
    length = len(quote(words, safe=""))
    if length > LONGEST_SAID:
        yield (
            f"takes {length:,} characters as a URL has them, and may take {LONGEST_SAID:,}",
            "shorten it, or Twilio says nothing of it",
        )


def faults_together(spoken: str) -> list[Fault]:
    """Return what is wrong with all that a call says, in its text form: what may be said alone may be too long then."""
    length = units_of_ucs_2(twiml(spoken))
    if length <= LONGEST_TWIML:
        return []
    wrong = f"takes {length:,} characters in all its languages, said {TIMES_SAID} times, and may take {LONGEST_TWIML:,}"
    shorter = counted(-((LONGEST_TWIML - length) // TIMES_SAID), "character")
    return [(wrong, f"shorten them together by {shorter}, or say fewer languages: Twilio would refuse each call")]


def dear_characters(words: str) -> str:
    """Return the characters for which words are not of GSM-7, for people; empty if they are of it."""
    dear = list(dict.fromkeys(one for one in words if one not in GSM_7 and one not in GSM_7_EXTENSION))
    if not dear:
        return ""
    named = ", ".join(f"\u201c{one}\u201d" if one.isprintable() else _named(one) for one in dear[:_MOST_NAMED])
    more = len(dear) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def alphabet_of(text: str) -> str:
    """Return the name of the alphabet in which a text goes out."""
    return "GSM-7" if is_gsm_7(text) else "UCS-2"
