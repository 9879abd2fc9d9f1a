"""What a call says: its text form, a line for each language, as `[en-US] Good morning`, and the document made of that.

A person's language is not known to us, so a call says the same in several. In its text form what is said goes to the
channel, and into the application's log, like any other message's words; the document (TwiML) goes to the phone company.
Not here: the words, and the languages that have a voice (`voices`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from twilio.twiml.voice_response import VoiceResponse

# All lines are said so often: whoever picks up has to put the phone to the ear first.
TIMES_SAID = 2

# Seconds of silence before the lines are said, each time.
PAUSE = 1

LONGEST_TWIML = 4000
"""Characters; a longer document is refused with 32018 (https://www.twilio.com/docs/api/errors/32018)."""

LONGEST_SAID = 4500
"""Characters of one line, written as in a URL; of a longer one nothing is said
(https://www.twilio.com/docs/api/errors/13521)."""

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


def twiml(text: str) -> str:
    """Return the document that has the phone company say the lines of a text form, each in its language."""
    response = VoiceResponse()
    for _ in range(TIMES_SAID):
        response.pause(length=PAUSE)
        for line in spoken_lines(text):
            response.say(line.words, language=line.language)
    return str(response)
