"""Names of an application's tables and columns, without the parts that conventions add."""

import re
from collections.abc import Iterable, Sequence

from sequora_orchestration.application.application_map import plain
from sequora_orchestration.application.contract import Form

_PREFIXES_OF_TABLES = re.compile(r"(?i)^(?:tbl|t|tb|app|dim|vw?)_|^tbl(?=[A-Z])")
_IRREGULAR = {"people": "person", "personnel": "staff"}

_BEFORE = {Form.TIME: ("date", "datetime", "time", "dt", "ts"), Form.FLAG: ("is", "has", "flag", "can")}
_AFTER = {
    Form.ID: ("id", "uuid", "guid", "key", "fk", "ref"),
    Form.TIME: (
        ("at", "on", "date", "time", "datetime", "timestamp", "ts", "dt", "utc", "ms", "millis", "epoch", "tz")
    ),
    Form.FLAG: ("flag", "yn", "ind", "indicator", "at", "on", "date"),
    Form.WORD: ("id", "code"),
    Form.TEXT: ("number", "no", "num", "e164", "code", "id"),
    Form.CODES: ("list", "array", "json"),
}


def name_of_table(name: str) -> str:
    """Return a table's name in the singular and without a prefix: `tbl_care_tasks` is `caretask`."""
    return singular(plain(_PREFIXES_OF_TABLES.sub("", name)))


def singular(word: str) -> str:
    """Return a word in the singular, as far as its spelling tells."""
    for plural, one in _IRREGULAR.items():
        if word.endswith(plural):
            return word.removesuffix(plural) + one
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    if re.search(r"(?:ss|x|ch|sh)es$", word):
        return word.removesuffix("es")
    return word.removesuffix("s") if not word.endswith(("ss", "us", "is", "sms")) else word


def variants(column: str, table: str, form: Form) -> set[str]:
    """Return a column's name with and without its table's name, and with and without the words for its type.

    `task_due_date` of `tasks` is `taskduedate`, `duedate`, `taskdue`, and `due`.
    """
    found = {plain(column)}
    found |= {one.removeprefix(prefix) for prefix in _prefixes(table) for one in found if one != prefix}
    while True:
        shorter = {
            *(one.removeprefix(word) for one in found for word in _BEFORE.get(form, ()) if one.startswith(word)),
            *(one.removesuffix(word) for one in found for word in _AFTER.get(form, ()) if one.endswith(word)),
        } - {""}
        if shorter <= found:
            return found
        found |= shorter


def _prefixes(table: str) -> Iterable[str]:
    """Return a table's name, and its last word: columns of `care_tasks` may begin with `task`."""
    words = re.split(r"[\W_]+|(?<=[a-z0-9])(?=[A-Z])", _PREFIXES_OF_TABLES.sub("", table))
    return dict.fromkeys([name_of_table(table), *(singular(plain(word)) for word in words[-1:]), plain(table)])


def rank(names: Iterable[str], synonyms: Sequence[str]) -> int | None:
    """Return the place among `synonyms` of the best of these names; None if none is among them."""
    places = [synonyms.index(name) for name in names if name in synonyms]
    return min(places, default=None)
