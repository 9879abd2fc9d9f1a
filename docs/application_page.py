"""Makes the tables of the page `docs/application.md` from the code: `make application-page`. Its prose stays."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sequora_orchestration.application.contract import (
    ASSIGNMENT,
    MESSAGE,
    ROLES,
    SEVERITIES,
    STATUSES,
    VIEWS,
    Column,
    Form,
    View,
    answer,
)
from sequora_orchestration.messages.kinds import KINDS

PAGE = Path(__file__).with_name("application.md")

BEGIN, END = "<!-- made by docs/application_page.py: begin -->", "<!-- end -->"

_FORMS: Mapping[Form, str] = {
    Form.ID: "id",
    Form.TEXT: "text",
    Form.TIME: "time",
    Form.FLAG: "true or false",
    Form.COUNT: "number",
    Form.CODES: "codes",
    Form.WORD: "word",
}

_DEFAULTS = {"NULL": "unknown", "true": "true"}

_TITLES = {
    "task": "the tasks that nurses are texted about",
    "person": "the staff",
    "episode": "the patients' stays in hospital; without this section nobody is checked in on",
    "patient": "the patients; without this section nobody is checked in on",
    "shift": "the nurses' shifts, for the assignment of tasks; without this section every active nurse is on shift",
}

_WORDS: Mapping[str, Mapping[str, str]] = {
    "task.statuses": {
        "open": "somebody must act; a word that the map does not have counts as this",
        "taken": "somebody is at it, which stands for a receipt",
        "closed": "nobody must act any more: nothing is texted; at least one word",
    },
    "task.severities": {
        "CRITICAL": "texted first, and told to the supervisors soonest where a nurse is not reached",
        "HIGH": "after those; a word that the map does not have counts as this",
        "MODERATE": "after those",
        "LOW": "last",
    },
    "person.roles": {
        "NURSE": "may be given tasks; is counted by `sequora doctor`",
        "SUPERVISOR": "told of missed SLAs and of nurses who cannot be reached; the key must be there",
        "ADMIN": "told of these where no supervisor can be",
        "PATIENT": "never texted as staff",
        "OTHER": "none of these, and not asked about",
    },
}

_MESSAGE: Mapping[str, str] = {
    "id": "the message's own id, the same for its row and for its receipt",
    "kind": ", ".join(f"`{name}`" for name, kind in KINDS.items() if kind.is_logged),
    "channel": "by what it went out: `SMS`",
    "state": "`SENT`; of a receipt `DELIVERED` or `UNDELIVERED`",
    "task_id": "none for a check-in",
    "episode_id": "may be none for a text about a task",
    "user_id": "the member of staff who was texted",
    "patient_id": "the patient who was texted",
    "content": "the text, without a link to a check-in",
    "provider_id": "Twilio's SID; none of a task that a digest told of",
    "provider_code": "Twilio's error code, of a text that did not arrive",
    "reason": "why it did not arrive, in words",
    "attempts": "how many times it was tried; 0 of a task that a digest told of",
    "sent_at": "when Twilio took it",
    "settled_at": "when its receipt came",
}

_ASSIGNMENT: Mapping[str, str] = {"person_id": "the nurse who is given the task", "at": "when"}

_ANSWER: Mapping[str, str] = {"person_id": "the nurse who has answered, whose task it is", "at": "when"}


def page(prose: str) -> str:
    """Return the page with its tables made anew from the code. Raises ValueError if it has no place for them."""
    before, begin, rest = prose.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} lacks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{vocabulary()}\n\n{END}{after}"


def vocabulary() -> str:
    """Return every section and key of a map, as Markdown."""
    parts = [_of_view(name, view) for name, view in VIEWS.items()]
    ours = {"task.statuses": STATUSES, "task.severities": SEVERITIES, "person.roles": ROLES}
    parts += [
        _table(f"`[{section}]`: lists of the application's words", ("Key", "Meaning"), _said(words, _WORDS[section]))
        for section, words in ours.items()
    ]
    told = ("Name", "Type", "Value")
    parts.append(_table("`message.…`: for the expressions of the log", told, _typed(MESSAGE, _MESSAGE)))
    parts.append(_table("`assignment.…`: for those of the assignment", told, _typed(ASSIGNMENT, _ASSIGNMENT)))
    answered = _typed(answer("the assignee's"), _ANSWER)
    parts.append(_table("`answer.…`: for those of what a nurse answers, beside `task.…`, the row", told, answered))
    return "\n\n".join(parts)


def _of_view(name: str, view: View) -> str:
    rows = [(f"`{key}`", _type(column), column.comment, _default(column)) for key, column in view.columns.items()]
    return _table(f"`[{name}]`: {_TITLES[name]}", ("Key", "Type", "Value", "If left out"), rows)


def _type(column: Column) -> str:
    return (
        f"{_FORMS[column.form]}, a column" if column.form is Form.ID and column.default is None else _FORMS[column.form]
    )


def _default(column: Column) -> str:
    return "must be there" if column.default is None else _DEFAULTS[column.default]


def _said(keys: Iterable[str], said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"`{key}`", said[key]) for key in keys)


def _typed(types: Mapping[str, str], said: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    return ((f"`{name}`", type_name, said[name]) for name, type_name in types.items())


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [" | ".join(row) for row in (head, ("---",) * len(head), *rows)]
    return "\n".join([f"**{title}**", "", *(f"| {line} |" for line in lines)])


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
