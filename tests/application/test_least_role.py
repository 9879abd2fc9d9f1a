"""The role of the running system, where the application's types and functions stand in schemas of their own."""

from collections.abc import Callable

import pytest
from care import Care
from least_rights import ROLE, as_role, make_role

from sequora_orchestration.migrations.apply import Migrated
from sequora_orchestration.resources.database import engine_for


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
