"""The text form of what a call says: a line for each language, as `[en-US] Good morning`.

A person's language is not known to us, so a call says the same in several. In this form what is said goes to the
channel, and into the application's log, like any other message's words. Not here: the words, and how they are spoken.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A tag of a language and a region (https://www.rfc-editor.org/rfc/rfc5646), as phone companies have voices for them.
_LINE = re.compile(r"\[([a-z]{2,3}-[A-Z]{2})\] (.*)")


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """A line that a call says."""

    language: str | None
    """Its language and region, as `es-MX`; None leaves it to the phone company."""

    words: str


def as_text(lines: Iterable[SpokenLine]) -> str:
    """Return the text form of some lines, each without a line break in it."""
    return "\n".join(f"[{line.language}] {line.words}" if line.language else line.words for line in lines)


def spoken_lines(text: str) -> list[SpokenLine]:
    """Return the lines of which this is the text form. A line without a language is said all the same."""
    found = ((_LINE.fullmatch(line), line) for line in text.splitlines())
    return [SpokenLine(match[1], match[2]) if match else SpokenLine(None, line) for match, line in found]
