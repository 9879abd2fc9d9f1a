"""The application in tests: rows in one line each, and the ledger as a person would look at it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, RowMapping, text

from sequora_orchestration.migrations.apply import drop_views, migrate

# A Monday.
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)

NURSE_PHONE = "+12025550101"
SUPERVISOR_PHONE = "+12025550121"
ADMIN_PHONE = "+12025550131"
PATIENT_PHONE = "+12025550151"
EPISODE = "12345678-9abc-4def-8123-456789abcdef"

# How many messages somebody still has to do something about.
UNDER_WAY = "SELECT count(*) FROM orchestration.notification WHERE state IN ('QUEUED', 'SENDING', 'IN_DOUBT')"


def of_status(status: str | None) -> dict[str, Any]:
    """Return a task's fields that say the same as a status of the brief's."""
    return {
        "status": status,
        "is_closed": status in {"RESOLVED", "CANCELLED", "EXPIRED"},
        "is_taken": status == "IN_PROGRESS",
    }


class Care:
    """Inserts and changes the application's rows; every method returns ids."""

    def __init__(self, engine: Engine) -> None:
        """Use `engine`, whose statements commit by themselves."""
        self.engine = engine

    def rows(self, sql: str, **parameters: object) -> Sequence[RowMapping]:
        """Run any statement and return its rows."""
        with self.engine.connect() as connection:
            result = connection.execute(text(sql), parameters)
            return result.mappings().all() if result.returns_rows else []

    def one(self, sql: str, **parameters: object) -> Any:
        """Return the one value that a statement yields."""
        (row,) = self.rows(sql, **parameters)
        (value,) = row.values()
        return value

    def alter(self, *statements: str) -> None:
        """Change the application's schema, as a migration of its own does between two of ours."""
        drop_views(self.engine)
        for statement in statements:
            self.rows(statement)
        migrate(self.engine)

    def insert(self, table: str, **columns: object) -> str:
        """Insert a row and return its id."""
        names = ", ".join(columns)
        values = ", ".join(f":{name}" for name in columns)
        return str(self.one(f'INSERT INTO "{table}" ({names}) VALUES ({values}) RETURNING id', **columns))

    def a_nurse(self, phone: str | None = NURSE_PHONE, **columns: object) -> str:
        """Insert a nurse; give columns to make her another."""
        person = {"id": str(uuid4()), "first_name": "Nora", "last_name": "Reyes", "role": "NURSE", "active": True}
        return self.insert("User", **{**person, "primary_phone": phone, **columns})

    def a_task(self, nurse: str | None, **columns: object) -> str:
        """Insert an open task for a nurse; give columns to make it another."""
        task = {
            "id": str(uuid4()),
            "episode_id": EPISODE,
            "severity": "HIGH",
            "priority": "URGENT",
            "reason_codes": ["CHEST_PAIN", "DYSPNEA"],
            "status": "OPEN",
        }
        return self.insert("EscalationTask", **{**task, "assigned_to_user_id": nurse, **columns})

    def a_patient(self, phone: str | None = PATIENT_PHONE, **columns: object) -> str:
        """Insert a patient; give columns to make another of them."""
        person = {
            "id": str(uuid4()),
            "first_name": "Ellen",
            "last_name": "Marsh",
            "language_code": "EN",
            "timezone": "America/New_York",
        }
        return self.insert("Patient", **{**person, "primary_phone": phone, **columns})

    def an_episode(self, patient: str | None, **columns: object) -> str:
        """Insert the episode of a patient who has left hospital; give columns to make it another."""
        episode = {"id": str(uuid4()), "condition_code": "CHF", "risk_level": "HIGH"}
        return self.insert("Episode", **{**episode, "patient_id": patient, **columns})

    def a_supervisor(self, phone: str | None = SUPERVISOR_PHONE, **columns: object) -> str:
        """Insert a supervisor; give columns to make another of them."""
        return self.a_nurse(phone, **{"role": "SUPERVISOR", "first_name": "Sofia", **columns})

    def change_task(self, task: str, **columns: object) -> None:
        """Change a task's columns."""
        assignments = ", ".join(f"{name} = :{name}" for name in columns)
        self.rows(f'UPDATE "EscalationTask" SET {assignments}, updated_at = now() WHERE id = :id', id=task, **columns)

    def ledger(self, task: str | None = None, *, kind: str | None = None) -> Sequence[RowMapping]:
        """Return the ledger's rows, of one task (or of one kind) or all, oldest first."""
        return self.rows(
            "SELECT * FROM orchestration.notification WHERE (CAST(:task AS text) IS NULL OR task_id = :task)"
            " AND (CAST(:kind AS text) IS NULL OR kind = :kind) ORDER BY created_at, id",
            task=task,
            kind=kind,
        )

    def states(self, task: str | None = None, *, kind: str | None = None) -> list[str]:
        """Return the states of the ledger's rows, oldest first."""
        return [row["state"] for row in self.ledger(task, kind=kind)]

    def history(self, task: str) -> list[str]:
        """Return the states that a task's messages went through, in order."""
        rows = self.rows(
            "SELECT e.to_state FROM orchestration.notification_event e"
            " JOIN orchestration.notification n ON n.id = e.notification_id"
            " WHERE n.task_id = :task AND e.from_state IS DISTINCT FROM e.to_state ORDER BY e.id",
            task=task,
        )
        return [row["to_state"] for row in rows]

    def logged(self, task: str) -> Sequence[RowMapping]:
        """Return the application's log rows of a task."""
        return self.rows('SELECT * FROM "NotificationLog" WHERE task_id = :task', task=task)

    def it_is(self, moment: datetime) -> None:
        """Stop the clock that every statement goes by, at this moment; the system has been live for long."""
        self.rows(
            "CREATE OR REPLACE FUNCTION orchestration.clock() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
            f" RETURN timestamptz '{moment.isoformat()}'"
        )
        self.rows(
            "UPDATE orchestration.go_live SET go_live_at = '2000-01-01 00:00+00',"
            " workflows_live_at = '2000-01-01 00:00+00'"
        )

    def let_the_trial_come(self) -> None:
        """Let the next trial be due, as if the breaker had been open for long enough."""
        self.rows("UPDATE orchestration.provider SET resume_at = orchestration.clock() WHERE resume_at IS NOT NULL")

    def let_leases_expire(self) -> None:
        """Let every lease run out, as if its time had passed."""
        self.rows(
            "UPDATE orchestration.notification SET lease_until = orchestration.clock() - interval '1 second'"
            " WHERE lease_until IS NOT NULL"
        )
