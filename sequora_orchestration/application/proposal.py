"""A proposal of a map for a database, from its names, its types and a look at words.

Here: reading the catalog, the words of a few columns, and the unit of times that are numbers. No other value of a row
is read, and nothing is changed. Not here: choosing tables (`placement`), and writing the map (`proposed_map`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from sqlalchemy import Connection, RowMapping, text
from sqlalchemy.exc import OperationalError

from sequora_orchestration.application.application_map import MapError, packaged_maps, read_map
from sequora_orchestration.application.catalog import attempt, verbatim
from sequora_orchestration.application.choice import WORDS, Choice, ChosenTable, Placed
from sequora_orchestration.application.described import NUMBER, DescribedColumn, DescribedTable, Sample, words_of_checks
from sequora_orchestration.application.fitting import fit
from sequora_orchestration.application.placement import choose
from sequora_orchestration.application.proposed_map import MOST_WORDS, words_of, write_map
from sequora_orchestration.application.written_map import printable
from sequora_orchestration.database import NamedStatements

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

MOST_ROWS = 5_000
"""The number of rows that are read of a table; from a much larger table, a sample from all over it."""

# A column with longer values, or with other signs in them, holds sentences that somebody has typed.
_WORD = re.compile(r"[\w .:/+&-]{1,40}")

# If a column has more than FEW_WORDS different words, each must stand in OFTEN rows: otherwise they may be names.
FEW_WORDS, OFTEN = 12, 4

_WORDS_OF_LOG = ("status", "channel", "direction", "recipient_type", "provider")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposed map, as far as the tables and columns could be found."""

    text: str
    """The map in TOML; it can be read as a map if nothing is missing."""

    missing: Sequence[str]
    """A sentence for each entry without which the map cannot be used."""

    questions: Sequence[str]
    """A sentence for each decision that a person should take."""


def propose(connection: Connection) -> Proposal:
    """Return a map for a database: a packaged one if it fits, otherwise one made from the catalog."""
    for one in packaged_maps():
        if not fit(connection, one).problems:
            return Proposal(text=f"{_text_of_packaged(one.name)}\n{one.source}", missing=[], questions=[])
    choice = choose(_described(connection))
    written = write_map(choice, dict(_samples(connection, choice)))
    missing = [*written.missing]
    body = "\n".join(written.lines).strip() + "\n"
    if not missing:
        missing += _problems_of(connection, body)
    database = str(connection.scalar(text("SELECT current_database()")))
    head = "\n".join(f"# {line}".rstrip() for line in _head(database, missing, written.questions))
    return Proposal(text=f"{head}\n\n{body}", missing=missing, questions=written.questions)


def _text_of_packaged(name: str) -> str:
    return (
        f"# The map {name}, which comes along, fits this database: `sequora migrate` takes it without being told to.\n"
        "# A file of your own, named by SEQUORA_APPLICATION_MAP, is wanted only if something in it is to be changed.\n"
    )


def _head(database: str, missing: Sequence[str], questions: Sequence[str]) -> Iterator[str]:
    yield f"A map for the database {printable(database)}, proposed by `sequora map`."
    yield "It says where in the application's tables stands what the system needs; docs/application.md explains it."
    yield "Behind each line stands what was found, and whether it is a guess: read it before it is used. Then set"
    yield "SEQUORA_APPLICATION_MAP to this file, and run `sequora migrate` and `sequora doctor`."
    for title, sentences in (
        ("Missing: it cannot be used before these are written.", missing),
        ("To be decided.", questions),
    ):
        if sentences:
            yield ""
            yield title
            yield from (f"  - {printable(sentence)}" for sentence in sentences)


def _problems_of(connection: Connection, source: str) -> list[str]:
    """Return the problems of a map with this database, missing rights among them.

    Functions of our schema are not missed if the schema does not exist yet.
    """
    try:
        problems = fit(connection, read_map("proposed", source)).problems
    except MapError as error:
        return list(error.problems)
    if not connection.scalar(SQL["has_schema"]):
        return [one for one in problems if "orchestration." not in one]
    return problems


# --- the catalog ------------------------------------------------------------------------------------------------------


def _described(connection: Connection) -> list[DescribedTable]:
    tables = connection.execute(SQL["tables"]).mappings().all()
    columns: dict[int, list[DescribedColumn]] = {row["id"]: [] for row in tables}
    for row in connection.execute(SQL["columns"], {"tables": list(columns)}).mappings():
        columns[row["table_id"]].append(_column(row))
    return [DescribedTable(**row, columns=columns[row["id"]]) for row in tables]


def _column(row: RowMapping) -> DescribedColumn:
    of_itself = {name: value for name, value in row.items() if name not in {"table_id", "labels", "checks"}}
    return DescribedColumn(**of_itself, words=row["labels"] or words_of_checks(row["checks"]))


# --- a look at rows ---------------------------------------------------------------------------------------------------


def _samples(connection: Connection, choice: Choice) -> Iterator[tuple[tuple[str, str], Sample]]:
    for view, chosen in choice.sections.items():
        for name, placed in chosen.placed.items():
            if (view, name) in WORDS:
                yield from _sample_of_words(connection, chosen.table, placed)
        yield from _samples_of_times(connection, chosen)
    if choice.log:
        for name in _WORDS_OF_LOG:
            if name in choice.log.placed:
                yield from _sample_of_words(connection, choice.log.table, choice.log.placed[name])
        yield from _samples_of_times(connection, choice.log)


def _sample_of_words(
    connection: Connection, table: DescribedTable, placed: Placed
) -> Iterator[tuple[tuple[str, str], Sample]]:
    looked_up = placed.words_of
    column, table = (looked_up[2], looked_up[0]) if looked_up else (placed.column, table)
    if column.words:
        return
    sql = f"""
        SELECT CAST(word AS text) AS word, count(*) AS rows FROM ({_select_some_rows(table, column, "word")}) AS sampled
        WHERE trim(CAST(word AS text)) <> '' GROUP BY word ORDER BY word LIMIT {MOST_WORDS + 1}
    """
    found = _rows_or_none(connection, sql)
    counts = None if found is None else {str(row["word"]): int(row["rows"]) for row in found}
    words = list(counts) if counts is not None and (looked_up or _are_words(counts)) else None
    yield words_of(placed) or (table.sql, column.sql), Sample(words=words)


def _are_words(counts: Mapping[str, int]) -> bool:
    """Whether these are recurring words, and not names or sentences that somebody has typed."""
    if len(counts) > MOST_WORDS or not all(map(_WORD.fullmatch, counts)):
        return False
    return len(counts) <= FEW_WORDS or sum(counts.values()) >= OFTEN * len(counts)


def _samples_of_times(connection: Connection, chosen: ChosenTable) -> Iterator[tuple[tuple[str, str], Sample]]:
    """Yield the units of the table's times that are numbers; a column without a value takes another column's unit."""
    numbers = [
        placed.column
        for name, placed in chosen.placed.items()
        if name.endswith("_at") and placed.column.category == NUMBER
    ]
    units = {column.sql: _unit(connection, chosen.table, column) for column in numbers}
    of_table = next((unit for unit in units.values() if unit), None)
    for column, unit in units.items():
        yield (chosen.table.sql, column), Sample(unit=unit or of_table)


def _unit(connection: Connection, table: DescribedTable, column: DescribedColumn) -> str | None:
    sql = f"""
        SELECT CASE WHEN max(abs(number)) >= 1e14 THEN 'us' WHEN max(abs(number)) >= 1e11 THEN 'ms'
                    WHEN max(abs(number)) IS NOT NULL THEN 's' END AS unit
        FROM ({_select_some_rows(table, column, "number")}) AS sampled
    """
    found = _rows_or_none(connection, sql)
    return found[0]["unit"] if found else None


def _select_some_rows(table: DescribedTable, column: DescribedColumn, name: str) -> str:
    percent = 200 * MOST_ROWS / max(table.rows, 1)  # twice as many, for the pages that are taken may be half empty
    from_all_over = "" if table.is_view or percent >= 100 else f" TABLESAMPLE SYSTEM ({percent:.6f})"  # noqa: PLR2004
    return f"SELECT {column.sql} AS {name} FROM {table.sql}{from_all_over} LIMIT {MOST_ROWS}"


def _rows_or_none(connection: Connection, sql: str) -> Sequence[RowMapping] | None:
    """Return the rows of a query; None if the role may not run it, or it takes too long."""
    try:
        found = attempt(connection, verbatim(sql))
    except OperationalError:
        return None
    return None if isinstance(found, psycopg2.Error) else found
