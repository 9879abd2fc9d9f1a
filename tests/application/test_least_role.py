"""The role of the running system, where the application's types and functions stand in schemas of their own."""

from collections.abc import Callable

import pytest
from care import Care
from least_rights import ROLE, as_role, make_role

from sequora_orchestration.database import engine_for
from sequora_orchestration.migrations.apply import Migrated

from .conftest import Doctor


@pytest.fixture
def system(care: Care, care_url: str) -> Care:
    """The same database under the role of the running system."""
    make_role(care.engine)
    return Care(engine_for(as_role(care_url)))


def log_a_text(system: Care) -> None:
    """Have a row written into the application's log."""
    system.rows(
        """INSERT INTO orchestration.notification (business_key, kind, urgency, owed_since, state, lease_until)
           VALUES ('task-created:1:2', 'task-created', 0, now(), 'QUEUED', now())"""
    )
    system.rows("SELECT orchestration.log_notification(n, 'a text', true) FROM orchestration.notification n")


def test_a_type_in_the_owners_own_schema_is_found_for_every_role(
    care: Care, system: Care, put_in_force: Callable[..., Migrated]
) -> None:
    """The schema "$user" of the search path is the one of whoever migrates, and not of whoever texts."""
    own = care.one("SELECT quote_ident(current_user)")
    care.rows(f"CREATE SCHEMA {own}")
    care.rows(f"CREATE TYPE {own}.kind_of_log AS ENUM ('SENT', 'DELIVERED')")
    care.alter('ALTER TABLE "NotificationLog" ALTER status DROP DEFAULT, ALTER status TYPE kind_of_log USING NULL')
    put_in_force({"task.priority": "CAST(CAST('SENT' AS kind_of_log) AS text) || task.severity"})
    make_role(care.engine)
    care.rows(f"GRANT USAGE ON SCHEMA {own} TO {ROLE}")
    care.a_task(care.a_nurse(), severity="LOW")
    assert system.one("SELECT priority FROM orchestration.care_task") == "SENTLOW"
    log_a_text(system)
    assert care.one('SELECT status::text FROM "NotificationLog"') == "SENT"


@pytest.fixture
def in_schemas(care: Care, put_in_force: Callable[..., Migrated]) -> Care:
    """An application with types and functions in schemas that have no table."""
    care.rows('CREATE SCHEMA "Of Words"')
    care.rows("CREATE SCHEMA of_calls")
    care.rows("CREATE SCHEMA of_states")
    care.rows("""CREATE TYPE "Of Words".word AS ENUM ('SENT', 'DELIVERED')""")
    care.rows("CREATE TYPE of_states.state AS ENUM ('OPEN', 'RESOLVED')")
    care.rows("CREATE FUNCTION of_calls.shown(word text) RETURNS text LANGUAGE sql AS $$ SELECT '<' || word || '>' $$")
    care.alter(
        'ALTER TABLE "NotificationLog" ALTER status DROP DEFAULT, ALTER status TYPE "Of Words".word USING NULL',
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT',
        """ALTER TABLE "EscalationTask" ALTER status TYPE of_states.state USING 'OPEN'""",
    )
    put_in_force({"task.priority": "of_calls.shown(task.severity)"})
    return care


def test_the_role_may_use_the_schemas_of_types_and_functions(in_schemas: Care, care_url: str) -> None:
    """Our functions name them, and are read anew by whoever calls them."""
    make_role(in_schemas.engine)
    system = Care(engine_for(as_role(care_url)))
    in_schemas.a_task(in_schemas.a_nurse(), severity="LOW", status="OPEN")
    assert system.one("SELECT priority FROM orchestration.care_task") == "<LOW>"
    log_a_text(system)
    assert in_schemas.one('SELECT status::text FROM "NotificationLog"') == "SENT"


def test_a_role_that_assigns_may_use_the_schemas_of_what_it_compares(in_schemas: Care, care_url: str) -> None:
    """And only such a role."""
    make_role(in_schemas.engine)
    system = Care(engine_for(as_role(care_url)))
    assert not system.one("SELECT has_schema_privilege('of_states', 'USAGE')")
    make_role(in_schemas.engine, assigns=True)
    nurse, task = in_schemas.a_nurse(), in_schemas.a_task(None, status="OPEN")
    assert system.one("SELECT orchestration.assign_task(:task, :nurse)", task=task, nurse=nurse) is True


def test_a_role_that_writes_answers_may_use_the_schemas_of_what_it_compares(in_schemas: Care, care_url: str) -> None:
    """And only such a role."""
    make_role(in_schemas.engine)
    system = Care(engine_for(as_role(care_url)))
    assert not system.one("SELECT has_schema_privilege('of_states', 'USAGE')")
    make_role(in_schemas.engine, writes_back=True)
    nurse = in_schemas.a_nurse()
    task = in_schemas.a_task(nurse, status="OPEN")
    assert system.one("SELECT orchestration.resolve_task(:task, :nurse)", task=task, nurse=nurse) is True


@pytest.mark.parametrize("schema", ['"Of Words"', "of_calls", "of_states"])
def test_a_schema_that_the_role_may_not_use_is_named(
    in_schemas: Care, care_url: str, monkeypatch: pytest.MonkeyPatch, doctor: Doctor, schema: str
) -> None:
    """By doctor, with the rights on tables."""
    make_role(in_schemas.engine, assigns=True)
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    assert doctor()["rights"].said == "the role may do what the system does"
    in_schemas.rows(f"REVOKE USAGE ON SCHEMA {schema} FROM {ROLE}")
    name = schema.strip('"')
    assert doctor()["rights"].said == f"the role of SUPABASE_DB_URL lacks USAGE on the schema {name}"


COUNTED = '(SELECT coalesce(max(l.seq), 0) + 1 FROM public."NotificationLog" l)'


@pytest.mark.parametrize("key", [None, "id"])
def test_a_log_that_counts_its_own_rows_is_read_by_the_role(
    care: Care,
    care_url: str,
    put_in_force: Callable[..., Migrated],
    monkeypatch: pytest.MonkeyPatch,
    doctor: Doctor,
    key: str | None,
) -> None:
    """With a key or without; which columns the expression reads is not known, so it is the whole table."""
    care.alter('ALTER TABLE "NotificationLog" ADD seq integer')
    of_key = {"log.key": key, "log.row.id": "message.id", "log.delivered": {"status": "'DELIVERED'"}} if key else {}
    put_in_force({"log.row.seq": COUNTED, **of_key})
    make_role(care.engine)
    system = Care(engine_for(as_role(care_url)))
    log_a_text(system)
    assert care.one('SELECT seq FROM "NotificationLog"') == 1
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    assert doctor()["rights"].said == "the role may do what the system does"
    care.rows(f'REVOKE SELECT ON "NotificationLog" FROM {ROLE}')
    care.rows(f'GRANT SELECT (id) ON "NotificationLog" TO {ROLE}')
    assert doctor()["rights"].said == 'the role of SUPABASE_DB_URL lacks SELECT on "NotificationLog"'


def test_a_foreign_table_is_read_without_a_policy(care: Care, care_url: str) -> None:
    """It can have none, and the rest of the role's rights does not hang on it."""
    if not care.rows("SELECT FROM pg_available_extensions WHERE name = 'file_fdw'"):
        pytest.skip("file_fdw is not installed")
    care.rows("CREATE EXTENSION file_fdw")
    care.rows("CREATE SERVER files FOREIGN DATA WRAPPER file_fdw")
    care.alter(
        'ALTER TABLE "Patient" RENAME TO patient_of_before',
        """CREATE FOREIGN TABLE "Patient" (
               id uuid, first_name text, primary_phone text, language_code text, timezone text
           ) SERVER files OPTIONS (filename '/dev/null')""",
    )
    make_role(care.engine)
    system = Care(engine_for(as_role(care_url)))
    assert system.rows("SELECT * FROM orchestration.care_patient") == []
