"""The part of a proposed map about what a nurse answers: a task that she accepts, and one that she resolves. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from sequora_orchestration.application.application_map import plain
from sequora_orchestration.application.choice import ChosenTable, Placed
from sequora_orchestration.application.described import Sample, Samples
from sequora_orchestration.application.meanings import label
from sequora_orchestration.application.sql_text import literal
from sequora_orchestration.application.synonyms import ACCEPTED, RESOLVED
from sequora_orchestration.application.times import time_as
from sequora_orchestration.application.written_map import WrittenMap, text

_Entry = tuple[str, str, str]
"""A column, the expression for it, and a comment."""


def write_answers(
    written: WrittenMap, task: ChosenTable, statuses: Mapping[str, Sequence[str]], samples: Samples
) -> None:
    """Write [accepting] and [resolving], each if there is a column or a word for it.

    `statuses` are the application's words under each of ours.
    """
    accepted = [*_accepted_status(task, statuses), *_time(task, "picked_up_at", samples)]
    _write_section(written, "accepting", "accepts", accepted, [*_time(task, "updated_at", samples)])
    # A time alone closes no task.
    if resolved := [*_resolved_status(task, statuses)]:
        at = [*_time(task, "resolved_at", samples), *_time(task, "updated_at", samples)]
        _write_section(written, "resolving", "resolves", resolved, at)


def _write_section(
    written: WrittenMap, name: str, done: str, entries: Sequence[_Entry], others: Sequence[_Entry]
) -> None:
    if entries:
        written.section(name, f"Written into a task when its nurse {done} it by answering a text.")
        for column, sql, comment in {entry[0]: entry for entry in (*entries, *others)}.values():
            written.entry(column, text(sql), comment)


def _accepted_status(task: ChosenTable, statuses: Mapping[str, Sequence[str]]) -> Iterator[_Entry]:
    """Yield the status of a task that is accepted: a task that is open is taken, and any other stays as it is."""
    status, word, is_open = _status(task), label(statuses["taken"], ACCEPTED), statuses["open"]
    if status and word and is_open:
        shown, kept = _shown(status), _kept(status)
        sql = f"CASE WHEN {shown} IN ({', '.join(map(literal, is_open))}) THEN {_value(status, word)} ELSE {kept} END"
        yield status.column.name, sql, _comment(status, word, statuses["taken"], ACCEPTED)


def _resolved_status(task: ChosenTable, statuses: Mapping[str, Sequence[str]]) -> Iterator[_Entry]:
    status, word = _status(task), label(statuses["closed"], RESOLVED)
    if status and word:
        yield status.column.name, _value(status, word), _comment(status, word, statuses["closed"], RESOLVED)


def _status(task: ChosenTable) -> Placed | None:
    """Return the column of the status, if it can be written."""
    placed = task.placed.get("status")
    return placed if placed and not placed.column.is_generated else None


def _shown(status: Placed) -> str:
    """Return SQL for a task's status as a word; it is compared as text, which no enum refuses."""
    own = f"task.{status.column.sql}"
    if status.words_of:
        table, key, words = status.words_of
        return f"(SELECT word.{words.sql}::text FROM {table.sql} AS word WHERE word.{key.sql} = {own})"
    return f"{own}::text"


def _kept(status: Placed) -> str:
    """Return SQL for the value that the column has."""
    own = f"task.{status.column.sql}"
    return own if status.words_of else f"{own}::text"


def _value(status: Placed, word: str) -> str:
    """Return SQL for the value that means a word."""
    if status.words_of:
        table, key, words = status.words_of
        return f"(SELECT word.{key.sql} FROM {table.sql} AS word WHERE word.{words.sql} = {literal(word)})"
    return literal(word)


def _comment(status: Placed, word: str, words: Sequence[str], names: Sequence[str]) -> str:
    others = [one for one in words if one != word and plain(one) in names]
    guess = f", a guess: it might also be {' or '.join(others)}" if others else ""
    return f"{status.column.type_name}{guess}"


def _time(task: ChosenTable, name: str, samples: Samples) -> Iterator[_Entry]:
    placed = task.placed.get(name)
    if placed and not placed.column.is_generated:
        sample = samples.get((task.table.sql, placed.column.sql), Sample())
        yield placed.column.name, time_as("answer.at", placed.column, sample.unit), placed.column.type_name
