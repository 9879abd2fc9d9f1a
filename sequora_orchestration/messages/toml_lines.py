"""The lines of a TOML file at which its tables and keys stand, which the standard library's reader does not tell.

It is asked of what the reader has read: a file, or its beginning, as far as it is TOML. Not here: what is wrong with
the rest (`toml_faults`).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

Path = tuple[str, ...]

_BLANKS = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL = re.compile(r"'[^']*'")
_TO_LINE_END = re.compile(r"[^\n]*")

# The strings of a value, the long ones first; within brackets a value may go on in the next lines.
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|' + r"'''(?:[^']|'(?!''))*'{3,5}|" + _BASIC.pattern + "|" + _LITERAL.pattern,
    re.DOTALL,
)
_OPENING, _CLOSING = "[{", "]}"


def lines_of(source: str) -> Mapping[Path, int]:
    """Return the line, from 1, of each table's head and each key, by its path; within inline values there are none."""
    scanner = _Scanner(source)
    scanner.scan()
    return scanner.lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a table's head or a key stands."""

    path: Path
    line: int
    first_line: int
    """Where it stands for the first time, or where one of its parts makes it."""

    is_head: bool


def last_in(source: str) -> Stand | None:
    """Return the last head or key; None if there is none."""
    scanner = _Scanner(source)
    scanner.scan()
    return scanner.last


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """Return the line of what stands at a path, or else of what it is part of."""
    for length in range(len(path), 0, -1):
        if line := lines.get(path[:length]):
            return line
    return None


class _Scanner:
    """Goes through a file once."""

    def __init__(self, source: str) -> None:
        self._source, self._at = source, 0
        self.lines: dict[Path, int] = {}
        self.last: Stand | None = None

    def scan(self) -> None:
        """Note the line of each head and key."""
        table: Path = ()
        while self._at < len(self._source):
            self._skip(_BLANKS)
            sign = self._source[self._at : self._at + 1]
            if sign in ("", "\n", "#"):
                self._skip(_TO_LINE_END)
            elif sign == "[":
                self._at += 2 if self._source.startswith("[[", self._at) else 1
                table = self._key((), is_head=True)
                self._skip(_TO_LINE_END)
            else:
                self._key(table)
                self._skip_value()
            self._at += 1  # the end of the line

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._source, self._at)
        self._at = found.end() if found else self._at
        return found[0] if found else ""

    def _key(self, table: Path, *, is_head: bool = False) -> Path:
        """Read a key, plain, quoted or dotted, and note its line, and those of the tables that it makes."""
        path = table
        line = self._source.count("\n", 0, self._at) + 1
        while True:
            self._skip(_BLANKS)
            if quoted := self._skip(_BASIC):
                part = next(iter(tomllib.loads(f"{quoted} = 0")))  # with what its escapes mean
            elif quoted := self._skip(_LITERAL):
                part = quoted[1:-1]
            else:
                part = self._skip(_BARE)
            path = (*path, part)
            self.lines.setdefault(path, line)
            self._skip(_BLANKS)
            if self._source[self._at : self._at + 1] != ".":
                self.last = Stand(path=path, line=line, first_line=self.lines[path], is_head=is_head)
                return path
            self._at += 1

    def _skip_value(self) -> None:
        """Go to the end of the line at which a value ends."""
        depth = 0
        while self._at < len(self._source):
            sign = self._source[self._at]
            if sign in "\"'" and self._skip(_STRING):
                continue
            if sign == "#":
                self._skip(_TO_LINE_END)
                continue
            if sign == "\n" and depth == 0:
                return
            depth += (sign in _OPENING) - (sign in _CLOSING)
            self._at += 1
