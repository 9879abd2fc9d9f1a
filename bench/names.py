"""Gives names to statements that stand in a log with their values put in. Pure text; no database is asked.

A statement on the care database has its name in the project; one on Dagster's is named for its verb and its table.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sequora_orchestration.database import NamedStatements

PACKAGE = Path(__file__).parents[1] / "sequora_orchestration"

# A statement without a name is called by so many of its first words.
FIRST_WORDS = 8

# So many of the columns that a statement reads or writes stand in its name.
COLUMNS = 2

# The settings that go before every statement of ours, in the same message.
_SETTINGS = re.compile(r"\A\s*(?:SET [^;]*;\s*)+")

_STRING_OR_COMMENT = re.compile(r"[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|--[^\n]*", re.DOTALL)

# Replacements, in this order: they make a parameter in a file and the value that psycopg 2 puts in for it the same.
_SAME = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<![:\\]):[a-z_]\w*", "?"),
        (r"\\:", ":"),
        (r"\b(?:NULL|true|false)\b", "?"),
        (r"(?<![\w.])\d+(?:\.\d+)?\b", "?"),
        (r"\?::[a-z]\w*(?:\[\])?", "?"),
        (r"ARRAY\[[?,\s]*\]", "?"),
        (r"\s+", " "),
    )
]

# The place where another statement is put in.
SLOT = re.compile(r"\{\w+\}")

_READS = re.compile(r"SELECT (?P<columns>.+?) FROM \W*(?:SELECT .+? FROM )?(?P<table>\w+)(?P<rest>.*)")
_UPDATES = re.compile(r"UPDATE (?P<table>\w+) SET (?P<columns>.+?) WHERE (?P<rest>.*)")
_WRITES = re.compile(r"(?:INSERT INTO|DELETE FROM|NOTIFY) \w+")
_COMPARED = re.compile(r"(\w+) (?:=|<|>|IN|IS) (?![a-z])")


def without_values(sql: str) -> str:
    """Return a statement on one line, without comments, and with `?` for each value and each parameter."""
    sql = _STRING_OR_COMMENT.sub(lambda found: "" if found[0].startswith("--") else "?", sql)
    for pattern, replacement in _SAME:
        sql = pattern.sub(replacement, sql)
    return _SETTINGS.sub("", sql).strip().rstrip(";").rstrip()


def of_ours(sql: str) -> str:
    """Return the name of a statement of this project, as `<file>.<name>`; or its first words."""
    return _of_ours(without_values(sql))


@cache
def _of_ours(sql: str) -> str:
    # The longest match: a statement that is put into another has a name of its own.
    found = ((name, match) for name, pattern in _patterns() if (match := pattern.search(sql)))
    name, match = max(found, key=lambda one: len(one[1][0]), default=(_first_words(sql), None))
    return " of ".join([name, *(_of_ours(slot) for slot in match.groups() if slot)]) if match else name


def of_dagster(sql: str) -> str:
    """Return a statement's verb and table, the columns that it reads or sets, and those by which it finds rows."""
    return _of_dagster(without_values(sql))


@cache
def _of_dagster(sql: str) -> str:
    sql = re.sub(r"\b\w+\.(?=\w)", "", sql)
    if reads := _READS.match(sql):
        return f"SELECT {_some(reads['columns'].split(', '))} FROM {reads['table']}{_found_by(reads['rest'])}"  # noqa: S608  # a name
    if updates := _UPDATES.match(sql):
        columns = [column.partition("=")[0] for column in updates["columns"].split(", ")]
        return f"UPDATE {updates['table']} SET {_some(columns)}{_found_by(updates['rest'])}"  # noqa: S608  # a name
    writes = _WRITES.match(sql)
    return writes[0] if writes else _first_words(sql)


def _some(columns: list[str]) -> str:
    return ", ".join([*columns[:COLUMNS], *(["…"] if len(columns) > COLUMNS else [])])


def _found_by(conditions: str) -> str:
    columns = list(dict.fromkeys(_COMPARED.findall(conditions)))
    return f" by {_some(columns)}" if columns else ""


def _first_words(sql: str) -> str:
    return " ".join(sql.split(" ")[:FIRST_WORDS])


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(name, re.compile("(.*)".join(map(re.escape, pieces)))) for name, pieces in _pieces()]


def _pieces() -> Iterator[tuple[str, list[str]]]:
    """Yield each named statement of the package, split where another one is put in."""
    for path in sorted(PACKAGE.rglob("*.sql")):
        if "-- name: " in path.read_text(encoding="utf-8"):
            for name, sql in NamedStatements(path).all.items():
                yield f"{path.stem}.{name}", [without_values(piece) for piece in SLOT.split(sql.text)]
