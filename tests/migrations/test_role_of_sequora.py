"""`role.sql` on the application's own tables: it follows the map in force."""

import pytest
from care import Care
from least_rights import ROLE, as_role, make_role
from sequora_care import SequoraCare

from sequora_orchestration.database import engine_for

READ = ("EscalationTask", "User", "Episode", "Patient", "NurseShift", "OutreachPlan", "SMSConsent")


@pytest.fixture
def system(sequora_care: SequoraCare, sequora_care_url: str) -> Care:
    """The same database as the running system sees it, under its role."""
    make_role(sequora_care.engine)
    return Care(engine_for(as_role(sequora_care_url)))


def granted(system: Care) -> set[tuple[str, str]]:
    """Return the rights on whole tables, and on columns (`table.column`) where there is none on the whole."""
    rows = system.rows(
        """SELECT c.relname || coalesce('.' || a.attname, '') AS name, p AS privilege
           FROM pg_class c
           CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p
           LEFT JOIN pg_attribute a
               ON a.attrelid = c.oid AND a.attnum > 0 AND p <> 'DELETE' AND NOT has_table_privilege(:role, c.oid, p)
           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
             AND CASE WHEN a.attnum IS NULL THEN has_table_privilege(:role, c.oid, p)
                      ELSE has_column_privilege(:role, c.oid, a.attnum, p) END""",
        role=ROLE,
    )
    return {(row["name"], row["privilege"]) for row in rows}


def test_the_role_reads_what_the_views_read_and_brings_the_log_up_to_date(system: Care) -> None:
    """Of the log it reads no more than what finds a row again."""
    updated = ("status", "delivered_at", "failed_at", "failure_reason", "provider_error_code")
    assert granted(system) == {
        *((table, "SELECT") for table in READ),
        ("NotificationLog", "INSERT"),
        ("NotificationLog.id", "SELECT"),
        *((f"NotificationLog.{column}", "UPDATE") for column in updated),
    }


def test_a_role_that_assigns_may_write_an_assignee_and_no_more(sequora_care: SequoraCare, system: Care) -> None:
    """Where an operator asks for it."""
    before = granted(system)
    make_role(sequora_care.engine, assigns=True)
    assert granted(system) - before == {
        ("EscalationTask.assigned_to_user_id", "UPDATE"),
        ("EscalationTask.updated_at", "UPDATE"),
    }
