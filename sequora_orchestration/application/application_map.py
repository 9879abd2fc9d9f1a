"""A map: a TOML file that says where in the application's tables our views find their columns.

Here a map is read, and refused where it is malformed. Not here: whether it fits a database (`fitting`).
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sequora_orchestration.application.contract import AUDIENCES, COMMANDS, ROLES, SEVERITIES, STATUSES, VIEWS

PACKAGED = ("brief", "sequora")

NEEDED = ("task", "person")
"""Every map has these sections. Without the others no patient is texted, and no nurse counts as on shift."""

Alternatives = Sequence[str]
"""Expressions for one column. The first that the database understands is used."""

# Parts of SQL in which a parenthesis or a semicolon means nothing.
_WHOLE = re.compile(
    r"""(?P<comment> --[^\n]* | /\* (?: (?!/\*|\*/) . )* \*/ )
      | \b[eE]' (?: [^'\\] | \\. | '' )* ' | (?<!\b[eE])' (?: [^'] | '' )* ' | " (?: [^"] | "" )* "
      | \$ (?P<tag> \w* ) \$ .*? \$ (?P=tag) \$""",
    re.VERBOSE | re.DOTALL,
)


# The quotes around the bodies of our functions. A map's expressions and words are put into those bodies.
_QUOTES_OF_FUNCTIONS = "$function$"


class MapError(Exception):
    """A map cannot be used; each sentence says where the mistake is and how to mend it."""

    def __init__(self, name: str, problems: Sequence[str], *, first: str | None = None) -> None:
        """`problems` are sentences, one for each mistake; `first` is a sentence to be read before them."""
        first = first or f"the map {name} cannot be used:"
        super().__init__("\n".join([first, *(f"  - {one}" for one in problems)]))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The part of a map that makes a view."""

    table: str
    columns: Mapping[str, Alternatives]
    is_optional: bool = False
    """Whether the application may lack the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """How a row of the application's log is written and brought up to date: expressions by column."""

    table: str
    audiences: Sequence[str]
    """Texts to these audiences are logged."""

    row: Mapping[str, str]
    key: str | None = None
    """The column by which a row is found again; it must be in `row`."""

    delivered: Mapping[str, str] = field(default_factory=dict)
    undelivered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationMap:
    """A map, as it stands in its file."""

    name: str
    source: str = field(repr=False)
    """The file's text."""

    sections: Mapping[str, Section]
    """The keys are `task`, `person`, `episode`, `patient` and `shift`; a map may lack the last three."""

    statuses: Mapping[str, Sequence[str]]
    """The application's words under each of ours: open, taken, closed."""

    severities: Mapping[str, Sequence[str]]
    roles: Mapping[str, Sequence[str]]
    log: Log | None
    assignment: Mapping[str, str]
    """The values, by column, to write into a task that is given to somebody; empty if we may not write."""

    answers: Mapping[str, Mapping[str, str]]
    """The same for a task that its nurse accepts or resolves; the keys are `accepting` and `resolving`."""


def packaged_maps() -> list[ApplicationMap]:
    """Return the packaged maps, in the order in which they are tried."""
    return [read_map(name, Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8")) for name in PACKAGED]


def map_of_file(path: Path) -> ApplicationMap:
    """Return the map in a file. Raises MapError."""
    if str(path) in PACKAGED and not path.exists():
        instead = f"without it the map {path}, which comes along, is taken if it fits"
        raise MapError(str(path), [f"SEQUORA_APPLICATION_MAP is to be a file; {instead}"])
    try:
        return read_map(str(path), path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise MapError(str(path), [f"the file cannot be read: {getattr(error, 'strerror', None) or error}"]) from None


def read_map(name: str, source: str) -> ApplicationMap:
    """Return the map written in a TOML text. Raises MapError."""
    try:
        content = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise MapError(name, [f"it is no TOML: {error}{_line_of(source, str(error))}"]) from None
    reader = _Reader()
    found = reader.application_map(name, source, content)
    if reader.problems:
        raise MapError(name, list(dict.fromkeys(reader.problems)))
    return found


def _line_of(source: str, error: str) -> str:
    """Return the line that a TOML error is about, and the section that it may have been meant to begin."""
    place = re.search(r"at line (\d+)", error)
    if not place:
        return ""
    line = source.splitlines()[int(place[1]) - 1].strip()
    section = line.strip("[]")
    meant = f"; {hint}" if section != line and (hint := _suggestion(section, _PARTS)) else ""
    return f": {line}{meant}"


_PARTS = ("task.statuses", "task.severities", "person.roles", "log.row", "log.delivered", "log.undelivered")


def _suggestion(key: str, known: Iterable[str]) -> str:
    """Return a question that offers the known key most like an unknown one; empty if none is like it."""
    close = get_close_matches(key, sorted(known), n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close and close[0] != key else ""


class _Reader:
    """Reads the parts of a map, and gathers the problems in them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def application_map(self, name: str, source: str, content: Mapping[str, Any]) -> ApplicationMap:
        self._keys("the map", content, {*VIEWS, "log", "assignment", *COMMANDS.values()}, needed=NEEDED)
        task, person = self._table(content, "task"), self._table(content, "person")
        sections = {one: self._section(one, self._table(content, one)) for one in VIEWS if one in content}
        return ApplicationMap(
            name=name,
            source=source,
            sections=sections,
            statuses=self._statuses(task.get("statuses")),
            severities=self._words("task.severities", task.get("severities"), SEVERITIES),
            roles=self._words("person.roles", person.get("roles"), ROLES, needed=["SUPERVISOR"]),
            log=self._log(self._table(content, "log")) if "log" in content else None,
            assignment=self._expressions("assignment", content.get("assignment", {})),
            answers={one: self._expressions(one, content.get(one, {})) for one in COMMANDS.values()},
        )

    def _table(self, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = content.get(name, {})
        if isinstance(value, dict):
            return value
        self.problems.append(f"[{name}] is to be a table of TOML")
        return {}

    def _keys(self, where: str, content: Mapping[str, Any], known: Iterable[str], needed: Iterable[str]) -> None:
        known = set(known)
        for key in content:
            if key not in known:
                meant = f" ({hint})" if (hint := _suggestion(key, known)) else ""
                self.problems.append(f"{where} has {key}, which nobody knows{meant}; known: {', '.join(sorted(known))}")
        self.problems += [f"{where} lacks {key}" for key in needed if key not in content]

    def _section(self, name: str, content: Mapping[str, Any]) -> Section:
        columns = VIEWS[name].columns
        words = {"task": {"statuses", "severities"}, "person": {"roles"}}.get(name, set())
        self._keys(
            f"[{name}]",
            content,
            {"table", "optional", *columns, *words},
            needed=["table", *(one for one, column in columns.items() if column.default is None)],
        )
        is_optional = content.get("optional", False)
        if not isinstance(is_optional, bool) or (is_optional and name in NEEDED):
            self.problems.append(f"{name}.optional is to be true or false, and tasks and people must be there")
        return Section(
            table=self._name(f"{name}.table", content.get("table", "nothing")),
            columns={
                one: self._alternatives(f"{name}.{one}", content[one]) if one in content else [column.default or "NULL"]
                for one, column in columns.items()
            },
            is_optional=is_optional is True,
        )

    def _name(self, where: str, value: object) -> str:
        if isinstance(value, str) and value.strip() and "\0" not in value and _QUOTES_OF_FUNCTIONS not in value:
            return value.strip()
        self.problems.append(f"{where} is to be a name in quotes")
        return "nothing"

    def _expression(self, where: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            self.problems.append(f"{where} is to be an SQL expression in quotes")
            return "NULL"
        sql = without_comments(value)
        if problem := _why_not_one_expression(sql):
            self.problems.append(f"{where} is to be one SQL expression, and {problem}")
            return "NULL"
        return sql

    def _alternatives(self, where: str, value: object) -> Alternatives:
        if value == []:
            self.problems.append(f"{where} is a list without an expression in it")
        return [self._expression(where, one) for one in (value if isinstance(value, list) else [value])] or ["NULL"]

    def _statuses(self, content: object) -> Mapping[str, Sequence[str]]:
        found = self._words("task.statuses", content, STATUSES, needed=["closed"])
        if "closed" in found and isinstance(content, dict) and content.get("closed") == []:
            self.problems.append("task.statuses.closed has no word: no task would ever be closed")
        return found

    def _words(
        self, where: str, content: object, ours: Sequence[str], *, needed: Iterable[str] = ()
    ) -> Mapping[str, Sequence[str]]:
        if not isinstance(content, dict):
            self.problems.append(f"[{where}] is missing: it says what the application's words mean")
            return {}
        self._keys(f"[{where}]", content, ours, needed)
        words: dict[str, Sequence[str]] = {}
        said: dict[str, str] = {}
        for one in ours:
            value = content.get(one, [])
            if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
                self.problems.append(f"{where}.{one} is to be a list of words in quotes")
                continue
            words[one] = value
            for word in value:
                if not plain(word) or "\0" in word or _QUOTES_OF_FUNCTIONS in word:
                    self.problems.append(f"{where}.{one} has {word!r}, which is no word")
                if said.setdefault(plain(word), one) != one:
                    self.problems.append(f"{where}: {word} stands under {said[plain(word)]} and under {one}")
        return words

    def _expressions(self, where: str, content: object) -> Mapping[str, str]:
        if not isinstance(content, dict):
            self.problems.append(f"[{where}] is to be a table of TOML")
            return {}
        return {column: self._expression(f"{where}.{column}", value) for column, value in content.items()}

    def _log(self, content: Mapping[str, Any]) -> Log:
        self._keys(
            "[log]", content, {"table", "about", "key", "row", "delivered", "undelivered"}, needed=["table", "row"]
        )
        about = content.get("about", list(AUDIENCES))
        if not isinstance(about, list) or not all(one in AUDIENCES for one in about):
            self.problems.append(f"log.about is to be a list of {' and '.join(AUDIENCES)}")
            about = []
        log = Log(
            table=self._name("log.table", content.get("table", "nothing")),
            audiences=about,
            row=self._expressions("log.row", content.get("row", {})),
            key=self._name("log.key", content["key"]) if "key" in content else None,
            delivered=self._expressions("log.delivered", content.get("delivered", {})),
            undelivered=self._expressions("log.undelivered", content.get("undelivered", {})),
        )
        if content.get("row") == {}:
            self.problems.append("[log.row] is empty: it says what is written into which column")
        if (log.delivered or log.undelivered or log.key) and log.key not in log.row:
            self.problems.append(
                "log.key is to name a column of [log.row] by which a row is found again when its receipt comes"
            )
        return log


def without_comments(sql: str) -> str:
    """Return an expression without its comments: a `--` comment would swallow the rest of the line it is put into."""
    return _WHOLE.sub(lambda whole: " " if whole["comment"] else whole[0], sql).strip()


def _why_not_one_expression(sql: str) -> str | None:
    """Return why SQL is not a single expression that stays within the parentheses around it; None if it is."""
    if _QUOTES_OF_FUNCTIONS in sql:
        return f"{_QUOTES_OF_FUNCTIONS} ends it: write other quotes"
    bare = _WHOLE.sub(" ", sql)
    if "'" in bare or '"' in bare:
        return "a quote of it is not closed"
    if "/*" in bare or "*/" in bare:
        return "a comment of it is not closed"
    if ";" in bare:
        return "a semicolon ends it"
    depth = 0
    for bracket in re.findall(r"[()]", bare):
        depth += 1 if bracket == "(" else -1
        if depth < 0:
            break
    return "its parentheses do not match" if depth else None


def plain(word: str) -> str:
    """Return a word without the differences of spelling: its case, and the signs between its parts."""
    # By lower case alone ß would not be the same as SS, nor a Turkish i without its dot the same as I.
    return unicodedata.normalize("NFKC", "".join(_parts(word)).upper().casefold())


def _parts(word: str) -> list[str]:
    """Return the parts of a word: letters with their marks, and numbers, without the signs between them."""
    return "".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in word).split()


def spellings(word: str) -> list[str]:
    """Return how a column of texts may spell a word: `IN_PROGRESS`, `in-progress`, `In Progress`, `inProgress`."""
    parts = _parts(word)
    cased = [
        [part.upper() for part in parts],
        [part.lower() for part in parts],
        [part.capitalize() for part in parts],
        [parts[0].capitalize(), *(part.lower() for part in parts[1:])] if parts else [],
    ]
    camel = [parts[0].lower(), *(part.capitalize() for part in parts[1:])] if parts else []
    joined = [between.join(one) for between in ("_", " ", "-", "") for one in cased]
    return list(dict.fromkeys([word, *joined, "".join(camel)]))
