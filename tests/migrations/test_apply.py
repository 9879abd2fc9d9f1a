"""`sequora migrate`: again, at the same time, and with the application's indexes."""

import subprocess
from uuid import uuid4

import pytest
from alembic import command
from alembic.config import Config
from care import Care
from running_system import BIN
from sqlalchemy import Engine, inspect, text

from sequora_orchestration.database import engine_for
from sequora_orchestration.domain.ledger_state import MOVES
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.migrations import apply
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.settings.addresses import postgres_url

REVISIONS = [
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0014",
    "0015",
    "0016",
    "0017",
    "0018",
    "0019",
    "0020",
    "0021",
    "0022",
    "0023",
    "0024",
]


@pytest.fixture
def fresh(postgres: EmbeddedPostgres) -> Engine:
    """A database with the application's tables and nothing of ours."""
    name = f"fresh_{uuid4().hex[:12]}"
    postgres.create_database(name)
    url = postgres_url(postgres.url(name))
    make_care_tables(url, with_sample_people=False)
    return engine_for(url)


def go_live(engine: Engine) -> object:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT go_live_at FROM orchestration.go_live"))


def test_migrating_again_changes_nothing(fresh: Engine) -> None:
    """The moment of going live is recorded once."""
    assert apply.migrate(fresh).revisions == REVISIONS
    moment = go_live(fresh)
    assert apply.migrate(fresh).revisions == []
    assert go_live(fresh) == moment


def test_processes_may_migrate_at_once(fresh: Engine) -> None:
    """One does it, the others wait and find it done."""
    environment = {"SUPABASE_DB_URL": fresh.url.render_as_string(hide_password=False)}
    processes = [
        subprocess.Popen([BIN / "sequora", "migrate"], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = sorted(process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert ["already up to date" in one for one in said] == [True, True, False]


def test_a_migration_that_is_interrupted_leaves_nothing_behind(fresh: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one begins where the interrupted one began."""
    with monkeypatch.context() as interrupted:
        interrupted.setattr(command, "upgrade", _half_an_upgrade)
        with pytest.raises(KeyboardInterrupt):
            apply.migrate(fresh)
    assert apply.SCHEMA not in inspect(fresh).get_schema_names()
    assert apply.migrate(fresh).revisions == REVISIONS


def _half_an_upgrade(config: Config, _revision: str) -> None:
    config.attributes["connection"].exec_driver_sql("CREATE TABLE orchestration.notification ()")
    raise KeyboardInterrupt


def test_everything_of_ours_is_in_our_schema(fresh: Engine) -> None:
    """The application's schema holds what it held before."""
    before = set(inspect(fresh).get_table_names("public"))
    apply.migrate(fresh)
    assert set(inspect(fresh).get_table_names("public")) == before
    assert "notification" in inspect(fresh).get_table_names(apply.SCHEMA)


def test_no_time_is_too_long_for_a_migration(fresh: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the role's limit."""
    with fresh.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {fresh.url.database} SET statement_timeout = '2min'"))
    fresh.dispose()
    limits: list[object] = []

    def noted(config: Config, _revision: str) -> None:
        limits.append(config.attributes["connection"].exec_driver_sql("SHOW statement_timeout").scalar())
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "upgrade", noted)
    with pytest.raises(KeyboardInterrupt):
        apply.migrate(fresh)
    assert limits == ["0"]


def test_a_migration_can_be_taken_back(fresh: Engine) -> None:
    """Down to nothing, and up again."""
    apply.migrate(fresh)
    with fresh.begin() as connection:
        command.downgrade(apply.alembic_config(connection), "base")
    assert inspect(fresh).get_table_names(apply.SCHEMA) == ["migration"]
    assert apply.migrate(fresh).revisions == REVISIONS


def test_a_function_of_an_earlier_version_does_not_stand_in_the_way_of_taking_back(fresh: Engine) -> None:
    """`views.sql` only makes functions: one that it does not have any more stays, for older workers."""
    apply.migrate(fresh)
    with fresh.begin() as connection:
        connection.execute(
            text("""
                CREATE FUNCTION orchestration.is_told_alone_since(n orchestration.notification) RETURNS boolean
                    LANGUAGE sql STABLE AS $$ SELECT false $$
            """)
        )
        command.downgrade(apply.alembic_config(connection), "base")
    assert inspect(fresh).get_table_names(apply.SCHEMA) == ["migration"]


def test_the_database_holds_the_moves_of_the_domain(care: Care) -> None:
    """The two are written down separately, and must say the same."""
    rows = care.rows("SELECT from_state, to_state FROM orchestration.notification_move")
    assert {(row["from_state"], row["to_state"]) for row in rows} == MOVES


def test_the_helpful_indexes_are_made_once(care: Care) -> None:
    """And made anew where an interrupted run left one invalid."""
    assert made(care) == ["sequora_open_task", "sequora_recent_episode"]
    assert made(care) == []
    care.rows("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.sequora_open_task'::regclass")
    assert made(care) == ["sequora_open_task"]


def made(care: Care) -> list[str]:
    """Make the indexes that are missing, and return their names."""
    return [one.index.name for one in make_app_indexes(care.engine) if not one.is_there]
