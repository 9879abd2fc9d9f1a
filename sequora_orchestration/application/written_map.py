"""Writing a map: its TOML, with a comment behind each line. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class WrittenMap:
    """The lines of a map, and the questions that it leaves to a person."""

    lines: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """A sentence for each entry without which the map cannot be used."""

    questions: list[str] = field(default_factory=list)
    """A sentence for each decision that a person should take."""

    def section(self, name: str, *remarks: str) -> None:
        """Begin a table of TOML."""
        self.lines += ["", *(f"# {printable(remark)}" for remark in remarks), f"[{name}]"]

    def entry(self, key: str, value: str, comment: str = "") -> None:
        """Write a line; `value` is TOML."""
        self.lines.append(f"{written_key(key)} = {value}" + (f"  # {printable(comment)}" if comment else ""))

    def open_entry(self, key: str, comment: str, value: str = "...") -> None:
        """Write a line that a person may complete, as a comment."""
        self.lines.append(f"# {printable(written_key(key))} = {printable(value)}  ({printable(comment)})")

    def remark(self, sentence: str) -> None:
        """Write a comment."""
        self.lines.append(f"# {printable(sentence)}")


def text(value: str) -> str:
    """Return a string of TOML, in the quotes that need the fewest escapes."""
    if value.isprintable() and "'" not in value and ('"' in value or "\\" in value):
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def in_toml(expression: str) -> str:
    """Return an expression as it stands in a map."""
    return json.dumps(expression, ensure_ascii=False)


def texts(values: Iterable[str]) -> str:
    """Return a list of strings of TOML."""
    return f"[{', '.join(text(value) for value in values)}]"


def block(lines: Sequence[str]) -> str:
    """Return a string of several lines; no SQL that we write has three quotes in a row, or a backslash."""
    joined = "\n".join(lines)
    if '"""' in joined or "\\" in joined:
        return text(" ".join(line.strip() for line in lines))
    return f'"""{joined}"""'


def written_key(key: str) -> str:
    """Return a key of TOML, quoted where need be."""
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else text(key)


def printable(sentence: str) -> str:
    """Return a sentence as it may stand in a comment: names of tables and columns may hold any sign."""
    return "".join(sign if sign.isprintable() else "?" for sign in sentence)
