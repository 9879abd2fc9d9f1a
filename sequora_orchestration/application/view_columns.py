"""The columns of a view: SQL that turns the application's values into ours.

Here: ids as text, times with a zone, our words for the application's. Only SQL is written: no database is known here.
Not here: the statements that make the views (`view_maker`).
"""

from collections.abc import Iterable, Mapping, Sequence

from sequora_orchestration.application.application_map import spellings
from sequora_orchestration.application.contract import SEVERITIES, Form
from sequora_orchestration.application.expressions import Expression, words_among
from sequora_orchestration.application.fitting import Fit, FittedSection
from sequora_orchestration.application.sql_text import literal

_TEXTS = "S"

_TYPES = {Form.TIME: "timestamptz", Form.FLAG: "boolean", Form.COUNT: "integer", Form.CODES: "json"}

_MOST_COUNTED = 2**31 - 1


def key_of(column: str) -> str:
    """Return the name of the column in which a view shows an id as the application has it."""
    return f"{column.removesuffix('id')}key"


def column_without_rows(column: str, form: Form) -> str:
    """Return a column of a view that shows no rows."""
    shown = f"CAST(NULL AS {_TYPES.get(form, 'text')}) AS {column}"
    return f"CAST(NULL AS text) AS {key_of(column)}, {shown}" if form is Form.ID else shown


def shown_column(
    column: str, form: Form, value: str, expression: Expression, meanings: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return a column as it stands in a view's SELECT; for an id two columns: as it is, and as text."""
    if form is Form.ID:
        own = "CAST(NULL AS text)" if expression.is_null else value
        return [f"{own} AS {key_of(column)}", f"CAST({value} AS text) AS {column}"]
    if form is Form.WORD:
        return [f"{_word(column, value, expression, meanings)} AS {column}"]
    return [f"{as_our_type(form, value, expression)} AS {column}"]


def as_our_type(form: Form, value: str, expression: Expression) -> str:
    """Return SQL that turns a value into the type on which our statements rely."""
    if expression.is_null:
        return f"CAST(NULL AS {_TYPES.get(form, 'text')})"
    match form:
        case Form.TIME:
            return _with_zone(value, expression)
        case Form.CODES:
            return f"to_json({value})"
        case Form.COUNT if expression.type.name != "integer":
            within = f"CAST(greatest(least(CAST({value} AS numeric), {_MOST_COUNTED}), 0) AS integer)"
            return f"CASE WHEN {value} IS NOT NULL THEN {within} END"
        case _:
            return f"CAST({value} AS {_TYPES.get(form, 'text')})"


def _with_zone(value: str, expression: Expression) -> str:
    """Return SQL for a time as `timestamptz`: a time without a zone is UTC, whatever the session's zone."""
    if expression.type.name == "date":
        # The type date reaches further than the type timestamp: a later date would fail.
        return f"CASE WHEN {value} <= date '9999-12-31' THEN CAST({value} AS timestamp) AT TIME ZONE 'UTC' END"
    is_without = expression.type.name.startswith("timestamp without")
    return f"({value} AT TIME ZONE 'UTC')" if is_without else value


def _word(column: str, value: str, expression: Expression, meanings: Mapping[str, Sequence[str]]) -> str:
    """Return SQL that turns a word of the application's into one of ours.

    A word without a meaning in the map must not act like ours because it is spelt the same. As a role it is NULL. A
    severity is shown as it stands. If it is spelt like one of ours, HIGH is shown: unknown words count as HIGH.
    """
    cases = [f"WHEN {is_among(value, expression, words)} THEN '{ours}'" for ours, words in meanings.items() if words]
    if column == "severity":
        own = f"CAST({value} AS text)"
        cases.append(f"WHEN {own} IN ({', '.join(map(literal, SEVERITIES))}) THEN 'HIGH' ELSE {own}")
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS text)"


def is_among(value: str, expression: Expression, words: Iterable[str]) -> str:
    """Return SQL for whether a value is one of the application's words, in any spelling.

    Literals have the column's own type, so that a partial index serves and the planner can estimate the rows.
    """
    words = list(words)
    if expression.type.is_enum:
        spelt = words_among(expression.type.words, words)
    else:
        spelt = list(dict.fromkeys(spelling for word in words for spelling in spellings(word)))
    if not spelt:
        return "false"
    if expression.type.is_enum:
        type_name = expression.type.name
        among = ", ".join(f"{literal(word)}::{type_name}" for word in spelt)
        return f"CAST({value} AS {type_name}) IN ({among})"  # of a domain there would be no such operator
    own = value if expression.type.category == _TEXTS else f"CAST({value} AS text)"
    return f"{own} IN ({', '.join(literal(word) for word in spelt)})"


def meaning_of_statuses(fitted: Fit, section: FittedSection, values: Mapping[str, str]) -> list[str]:
    """Return the columns that say whether a task is closed, whether it is taken, and which status is unknown."""
    status, statuses = section.columns["status"], fitted.map.statuses
    value = values["status"]
    return [
        f"({is_closed(fitted, status, value)}) AS is_closed",
        f"({is_taken(fitted, section, values)}) AS is_taken",
        f"{if_unknown(value, status, statuses)} AS unknown_status",
    ]


def is_closed(fitted: Fit, status: Expression, value: str) -> str:
    """Return SQL for whether a status is one of the map's words for closed; never NULL."""
    return f"({is_among(value, status, fitted.map.statuses['closed'])}) IS TRUE"


def is_taken(fitted: Fit, section: FittedSection, values: Mapping[str, str]) -> str:
    """Return SQL for whether somebody has taken a task, by its status or by the time; never NULL."""
    taken = is_among(values["status"], section.columns["status"], fitted.map.statuses.get("taken", []))
    picked_up_at = "" if section.columns["picked_up_at"].is_null else f" OR {values['picked_up_at']} IS NOT NULL"
    return f"({taken}) IS TRUE{picked_up_at}"


def if_unknown(value: str, expression: Expression, meanings: Mapping[str, Sequence[str]]) -> str:
    """Return SQL for a word that the map has no meaning for; NULL for any other."""
    known = is_among(value, expression, [word for words in meanings.values() for word in words])
    return f"CASE WHEN ({known}) IS FALSE THEN CAST({value} AS text) END"
