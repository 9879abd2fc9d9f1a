"""What is wrong with a file that is no TOML, and what to write: the standard library's reader says it to programmers.

Not here: what a file of TOML says (`texts_file`).
"""

import re
import tomllib

from sequora_orchestration.messages.toml_lines import last_in

# What programs that set texts for print make of a straight quote.
_CURLY = frozenset("\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb")

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_PATH = re.compile(r"\('(.+?)',?\)")

_AS_TOML = 'write tables as [check-in.es-MX], and texts in quotes: text = "…", or in three of them if they have lines'


def fault_of(source: str, error: tomllib.TOMLDecodeError) -> tuple[int, str, str]:
    """Return the line of an error, 0 for the file's end, with what is wrong there and what to write.

    `source` has the line ends of Unix.
    """
    place = _PLACE.search(str(error))
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (0, 0)
    at = _offset(source, line, column) if line else len(source)
    if twice := _twice(source, at):
        return twice
    where = f"is no TOML{f', at column {column}' if line else ', at its end'}"
    # A text that begins with a straight quote and ends with a curly one has no end.
    if quote := next((one for one in (source[at : at + 1], source[:at].rstrip(" \t")[-1:]) if one in _CURLY), ""):
        to_do = 'write straight quotes round a text: text = "…"; curly ones may stand within'
        return line, f"{where}: has {quote}, which is no quote of TOML", to_do
    what = _PATH.sub(lambda path: "[" + path[1].replace("', '", ".") + "]", _PLACE.sub("", str(error)))
    return line, f"{where}: {what[:1].lower()}{what[1:]}", _AS_TOML


def _offset(source: str, line: int, column: int) -> int:
    return sum(map(len, source.split("\n")[: line - 1])) + line - 1 + column - 1


def _twice(source: str, at: int) -> tuple[int, str, str] | None:
    """Return what is wrong where a table or a key is written again: the reader ends behind it."""
    last = last_in(source[:at])
    if last is None or last.first_line == last.line:
        return None
    first = f"stands there twice, first in line {last.first_line}"
    *table, name = last.path
    if not last.is_head:
        return last.line, f"{' '.join(['.'.join(table), name]).strip()} {first}", "leave one of the two out"
    # A head without its end is another mistake.
    if source[at : at + 1] != "]":
        return None
    return last.line, f"[{'.'.join(last.path)}] {first}", "write all of it below one of the two"
