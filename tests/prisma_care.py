"""An application made with Prisma in tests: rows of its tables in one line each, as Prisma's client writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from care import NOW, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from sqlalchemy import RowMapping


def a_cuid() -> str:
    """Return an id as the application makes them."""
    return f"c{uuid4().hex[:24]}"


class PrismaCare(Care):
    """Inserts and changes rows as `Care` does; a time goes into the database as UTC, without its zone."""

    def insert(self, table: str, **columns: object) -> str:
        """Insert a row and return its id."""
        row = {"id": a_cuid(), "createdAt": NOW, "updatedAt": NOW, **columns}
        written = {name: _without_zone(value) if isinstance(value, datetime) else value for name, value in row.items()}
        names = ", ".join(f'"{name}"' for name in written)
        values = ", ".join(f'CAST(:{name} AS "Reason"[])' if name == "reasons" else f":{name}" for name in written)
        return str(self.one(f'INSERT INTO "{table}" ({names}) VALUES ({values}) RETURNING id', **written))

    def a_nurse(self, phone: str | None = NURSE_PHONE, **columns: object) -> str:
        """Insert a nurse; give columns to make her another."""
        staff = {"fullName": "Nora Reyes", "email": f"{uuid4()}@example.com", "role": "NURSE"}
        return self.insert("Staff", **{**staff, "mobilePhone": phone, **columns})

    def a_supervisor(self, phone: str | None = SUPERVISOR_PHONE, **columns: object) -> str:
        """Insert a charge nurse; give columns to make another of them."""
        return self.a_nurse(phone, **{"role": "CHARGE_NURSE", "fullName": "Sofia Lind", **columns})

    def a_task(self, nurse: str | None, **columns: object) -> str:
        """Insert a new task for a nurse; give columns to make it another."""
        task = {
            "title": "What the patient said",
            "severity": "HIGH",
            "status": "NEW",
            "reasons": ["CHEST_PAIN", "DYSPNEA"],
        }
        return self.insert("Task", **{**task, "assignedToId": nurse, **columns})

    def a_patient(self, phone: str | None = PATIENT_PHONE, **columns: object) -> str:
        """Insert a patient who has consented to texts; give columns to make another of them."""
        patient = {"firstName": "Ellen", "lastName": "Marsh", "smsConsentAt": NOW, "timeZone": "America/New_York"}
        return self.insert("Patient", **{**patient, "phone": phone, **columns})

    def an_episode(self, patient: str | None, **columns: object) -> str:
        """Insert the stay of a patient who has left hospital; give columns to make it another."""
        return self.insert("Stay", **{"patientId": patient, "dischargedAt": NOW, **columns})

    def logged(self, task: str | None) -> Sequence[RowMapping]:
        """Return the log's rows of a task, or of none."""
        return self.rows('SELECT * FROM "Notification" WHERE "taskId" IS NOT DISTINCT FROM :task', task=task)


def _without_zone(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
