"""A statement in a server's log, with values put in, is called by the name that it has in the project."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from bench import names
from bench.statements import read
from sequora_orchestration.database import NamedStatements
from sequora_orchestration.local.postgres import EmbeddedPostgres

NAMED = {
    f"{path.stem}.{name}": sql
    for path in names.PACKAGE.rglob("*.sql")
    if "-- name: " in path.read_text(encoding="utf-8")
    for name, sql in NamedStatements(path).all.items()
    if not names.SLOT.search(sql.text)
}

# What is hard about values: quotes, comments, backslashes, lists, and more than one type.
VALUES: Sequence[object] = (
    "it's :id",
    7,
    None,
    ["a", "b -- c"],
    True,
    [],
    0.5,
    "a\\b",
    datetime(2026, 11, 27, tzinfo=UTC),
    "{a,b}",
)


@pytest.fixture(scope="module")
def cursor(postgres: EmbeddedPostgres) -> Iterator[psycopg2.extensions.cursor]:
    """One that puts values into a statement as the running system's does."""
    with closing(psycopg2.connect(postgres.url("postgres"))) as connection, connection.cursor() as cursor:
        yield cursor


def as_sent(cursor: psycopg2.extensions.cursor, name: str) -> str:
    """Return the statement as the server gets it."""
    compiled = NAMED[name].compile(dialect=PGDialect_psycopg2())  # type: ignore[no-untyped-call]
    return cursor.mogrify(str(compiled), dict(zip(compiled.params, cycle(VALUES)))).decode()


def test_a_statement_of_ours_is_recognised(cursor: psycopg2.extensions.cursor) -> None:
    """Whatever its values are."""
    assert {name: names.of_ours(as_sent(cursor, name)) for name in NAMED} == {name: name for name in NAMED}


def test_one_that_is_sent_with_a_setting_before_it_is_recognised(cursor: psycopg2.extensions.cursor) -> None:
    """They are one string, one round trip, and go by the statement's name."""
    sent = {name: f"SET LOCAL jit = off; {as_sent(cursor, name)}" for name in NAMED}
    assert {name: names.of_ours(sql) for name, sql in sent.items()} == {name: name for name in NAMED}


def test_what_is_not_ours_goes_by_its_first_words() -> None:
    """Its values are left out."""
    assert names.of_ours("SELECT 'Nora' FROM nobody") == "SELECT ? FROM nobody"


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        (
            "SELECT runs.id, runs.run_body, runs.status \nFROM runs \nWHERE runs.run_id IN ('a') ORDER BY runs.id",
            "SELECT id, run_body, … FROM runs by run_id",
        ),
        (
            "SELECT runs.run_body, runs.status FROM runs WHERE runs.run_id = 'a'",
            "SELECT run_body, status FROM runs by run_id",
        ),
        (
            "UPDATE runs SET status='a', run_body='b, c' WHERE runs.run_id = 'a'",
            "UPDATE runs SET status, run_body by run_id",
        ),
        ("INSERT INTO event_logs (run_id, event) VALUES ('a', '{\"it''s\": \"-- SELECT\"}')", "INSERT INTO event_logs"),
        ("DELETE FROM job_ticks WHERE job_ticks.id = 1", "DELETE FROM job_ticks"),
        ("NOTIFY run_events, 'a_1'; ", "NOTIFY run_events"),
        ("BEGIN", "BEGIN"),
    ],
)
def test_a_statement_of_dagsters_is_called_by_what_it_does_to_which_table(sql: str, name: str) -> None:
    """And by which columns it finds its rows."""
    assert names.of_dagster(sql) == name


def test_a_log_is_read_statement_by_statement(tmp_path: Path) -> None:
    """Of several lines or of one; what the benchmark asks, and what is no statement, is left out."""
    log = tmp_path / "log"
    log.write_text(
        "2026-11-27 LOG:  database system is ready\n"
        "bench 1795985453.801 care sequora: LOG:  statement: SELECT 1\n\tFROM a\n"
        "bench 1795985453.802 dagster sequora-dagster: LOG:  execute <unnamed>: SELECT 2\n"
        "bench 1795985453.803 dagster sequora-dagster: DETAIL:  parameters: $1 = '3'\n"
        "bench 1795985453.804 care bench: LOG:  statement: SELECT 4\n"
        "bench 1795985453.805  : LOG:  checkpoint starting: time\n",
        encoding="utf-8",
    )
    assert [(one.moment, one.database, names.without_values(one.sql)) for one in read(log)] == [
        (1795985453.801, "care", "SELECT ? FROM a"),
        (1795985453.802, "dagster", "SELECT ?"),
    ]
