"""No statement reads a growing table whole: what it costs hangs on what is open, not on what has ever been.

The database is smaller than one that has grown for years, and large enough for the planner to choose as it does there.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from bench.scale.database import fill
from bench.scale.plans import reads_whole
from bench.scale.statements import STATUS, Statement, statements
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.migrations.apply import APP_INDEXES, make_app_indexes, migrate
from sequora_orchestration.settings import postgres_url

SIZES = {"tasks": 20_000, "open": 500, "episodes": 10_000, "messages": 40_000}


@pytest.fixture(scope="module")
def grown(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """A database that has been in use for long, with the helpful indexes."""
    postgres.create_database("grown")
    url = postgres_url(postgres.url("grown"))
    make_care_tables(url, with_sample_people=False)
    engine = create_engine(url)
    migrate(engine)
    with engine.connect() as connection:
        assert list(fill(connection, SIZES))
    make_app_indexes(engine)
    yield engine
    engine.dispose()
    postgres.drop_database("grown")


@pytest.fixture
def connection(grown: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with grown.connect() as connection:
        yield connection


def read_whole(connection: Connection, statement: Statement) -> set[str]:
    """Return what a statement's plan reads from end to end."""
    explain = text(f"EXPLAIN (FORMAT JSON) {statement.sql.text}")
    (explained,) = connection.execute(explain, statement.parameters).scalar_one()
    return set(reads_whole(explained["Plan"]))


def test_no_statement_of_a_sensor_a_run_or_an_operator_reads_a_growing_table_whole(connection: Connection) -> None:
    """Each finds its rows by an index, however many there are."""
    read = {one.name: read_whole(connection, one) for one in statements(connection) if one.name not in STATUS}
    assert {name: nodes for name, nodes in read.items() if nodes} == {}


def test_status_reads_nothing_whole_but_the_index_it_counts_by(connection: Connection) -> None:
    """Of millions of rows each person who asks for figures would otherwise read every one."""
    read = {one.name: read_whole(connection, one) for one in statements(connection) if one.name in STATUS}
    assert {name: nodes for name, nodes in read.items() if nodes} == {
        "counts": {"Index Only Scan notification_kind_state"}
    }


@pytest.mark.parametrize(
    ("claim", "table"),
    [
        ("new tasks", "EscalationTask"),
        ("tasks near SLA", "EscalationTask"),
        ("SLA breaches", "EscalationTask"),
        ("unanswered breaches", "EscalationTask"),
        ("unreached nurses", "EscalationTask"),
        ("new episodes", "Episode"),
    ],
)
def test_without_the_helpful_indexes_a_question_reads_the_applications_table(
    connection: Connection, claim: str, table: str
) -> None:
    """And nothing of ours; so a plan that reads a table whole is noticed here."""
    for name in APP_INDEXES:
        connection.execute(text(f"DROP INDEX public.{name}"))
    read = [read_whole(connection, one) for one in statements(connection) if one.name == f"claim of {claim}"]
    assert read
    assert all(nodes == {f"Seq Scan {table}"} for nodes in read)
