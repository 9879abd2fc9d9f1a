"""The locks of `sequora migrate`: beside statements of the running system, and where somebody does not let go."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from alembic import command
from care import Care
from command_line import sequora_here
from running_system import eventually
from sqlalchemy import Connection, create_engine

from sequora_orchestration.application import dropped_views
from sequora_orchestration.migrations import apply, locks
from sequora_orchestration.migrations.apply import migrate

VIEW, LEDGER, LOG = "orchestration.care_task", "orchestration.notification", 'public."NotificationLog"'


@pytest.fixture
def behind(care: Care) -> Care:
    """A database that the last migration is missing from, and whose views are to be made anew."""
    with care.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        command.downgrade(apply.alembic_config(connection), "-1")
    care.rows("UPDATE orchestration.application_map SET digest = 'of other code'")
    return care


@contextmanager
def a_session(care: Care) -> Iterator[Connection]:
    """Somebody's transaction; one that the server ends may fail the test."""
    engine = create_engine(care.engine.url, connect_args={"application_name": "somebody's report"})
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def is_waited(care: Care) -> None:
    """Wait until a session waits for another's lock."""
    eventually(
        lambda: care.one("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0, within=20, what="somebody waits"
    )


@pytest.mark.parametrize(("first", "then"), [(VIEW, LEDGER), (LEDGER, VIEW)])
def test_a_statement_that_names_both_is_never_ended_by_a_migration(behind: Care, first: str, then: str) -> None:
    """In whatever order it names them: the migration lets go, and has all of them afterwards."""
    with ThreadPoolExecutor(1) as pool:
        with a_session(behind) as session:
            # It looks for a deadlock before the migration would: so it is the one that Postgres would end.
            session.exec_driver_sql("SET deadlock_timeout = '600ms'")
            session.exec_driver_sql(f"SELECT FROM {first}")
            migrating = pool.submit(migrate, behind.engine)
            is_waited(behind)
            session.exec_driver_sql(f"SELECT FROM {then}")
        migrated = migrating.result()
    assert len(migrated.revisions) == 1
    assert migrated.has_new_views


def test_while_it_waits_for_others_it_lets_the_running_system_go_on(behind: Care) -> None:
    """Between two tries, whoever asked meanwhile is answered."""
    with ThreadPoolExecutor(1) as pool:
        with a_session(behind) as session:
            session.exec_driver_sql(f"SELECT FROM {LEDGER}")
            migrating = pool.submit(migrate, behind.engine)
            is_waited(behind)
            assert behind.one(f"SELECT count(*) FROM {VIEW}") == 0
            assert not migrating.done()
        assert migrating.result().has_new_views


@pytest.mark.parametrize(
    ("held", "arguments"),
    [(VIEW, ["migrate"]), (LEDGER, ["migrate"]), (LOG, ["migrate"]), (VIEW, ["migrate", "--drop-views"])],
)
def test_who_does_not_let_go_is_named_and_nothing_is_changed(
    behind: Care, care_url: str, monkeypatch: pytest.MonkeyPatch, held: str, arguments: list[str]
) -> None:
    """After some tries, in one sentence."""
    monkeypatch.setattr(locks, "PAUSES", (0.0, 0.0))
    before = behind.rows("SELECT version_num, digest FROM orchestration.migration, orchestration.application_map")
    with a_session(behind) as session:
        pid = session.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        session.exec_driver_sql(f"LOCK {LOG}" if held == LOG else f"SELECT FROM {held}")
        done = sequora_here(*arguments, environment={**os.environ, "SUPABASE_DB_URL": care_url})
    assert (done.returncode, done.stdout) == (1, "")
    what = "no view is dropped" if len(arguments) > 1 else "nothing is changed"
    assert done.stderr.startswith(
        f"{what}: the tables or views are in use by the session {pid} (somebody's report, for "
    )
    assert done.stderr.endswith(f"run `sequora {' '.join(arguments)}` again\n")
    assert done.stderr.count("\n") == 1
    assert behind.one("SELECT to_regclass('orchestration.care_task') IS NOT NULL")
    after = behind.rows("SELECT version_num, digest FROM orchestration.migration, orchestration.application_map")
    assert after == before


def test_where_nothing_is_to_be_done_nothing_is_locked(care: Care) -> None:
    """Also not for a moment: `sequora migrate` is run at each start."""
    with a_session(care) as session:
        session.exec_driver_sql(f"SELECT FROM {VIEW}")
        session.exec_driver_sql(f"LOCK {LEDGER} IN ACCESS SHARE MODE")
        assert migrate(care.engine).revisions == []


def test_a_migration_that_a_deadlock_ends_is_tried_again(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one with the application's own migration."""
    care.rows("UPDATE orchestration.application_map SET digest = 'of other code'")
    tries = 0
    drops = dropped_views.drops

    def counted() -> list[str]:
        nonlocal tries
        tries += 1
        deadlock = "DO $$ BEGIN RAISE deadlock_detected; END $$"
        return [deadlock] if tries == 1 else drops()

    monkeypatch.setattr(dropped_views, "drops", counted)
    assert migrate(care.engine).has_new_views
