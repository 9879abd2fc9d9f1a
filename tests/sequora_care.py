"""Sequora's own application in tests: rows of its tables in one line each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from care import ADMIN_PHONE, EPISODE, NOW, NURSE_PHONE, PATIENT_PHONE, Care
from sqlalchemy import RowMapping

# Every task has an SLA: one that is not a test's business never comes near.
FAR_OFF = datetime(2100, 1, 1, tzinfo=UTC)

# Before any system went live: nobody is checked in on for an episode that is not a test's business.
LONG_AGO = datetime(1999, 12, 31, tzinfo=UTC)


class SequoraCare(Care):
    """Inserts and changes rows as `Care` does, of the tables that Sequora's own application has."""

    def a_nurse(self, phone: str | None = NURSE_PHONE, **columns: object) -> str:
        """Insert a nurse; give columns to make her another."""
        id_ = str(uuid4())
        person = {"id": id_, "email": f"{id_}@example.com", "name": "Nora Reyes", "role": "NURSE", "active": True}
        return self.insert("User", **{**person, "phone": phone, **columns})

    def a_supervisor(self, phone: str | None = ADMIN_PHONE, **columns: object) -> str:
        """Insert an admin: there are no supervisors."""
        return self.an_admin(phone, **columns)

    def an_admin(self, phone: str | None = ADMIN_PHONE, **columns: object) -> str:
        """Insert an admin; give columns to make another of them."""
        return self.a_nurse(phone, **{"role": "ADMIN", "name": "Adam Novak", **columns})

    def a_task(self, nurse: str | None, **columns: object) -> str:
        """Insert an open task for a nurse, of an old episode; give columns to make it another."""
        task = {
            "id": str(uuid4()),
            "severity": "HIGH",
            "reason_codes": ["CHEST_PAIN", "DYSPNEA"],
            "status": "OPEN",
            "sla_due_at": FAR_OFF,
            "assigned_to_user_id": nurse,
            **columns,
        }
        if "episode_id" not in task:
            task["episode_id"] = self._the_episode()
        return self.insert("EscalationTask", **task)

    def a_patient(self, phone: str | None = PATIENT_PHONE, **columns: object) -> str:
        """Insert a patient; give columns to make another of them."""
        person = {"id": str(uuid4()), "first_name": "Ellen", "last_name": "Marsh", "language_code": "EN"}
        return self.insert("Patient", **{**person, "primary_phone": phone, **columns})

    def an_episode(self, patient: str | None, *, timezone: object = "America/New_York", **columns: object) -> str:
        """Insert the episode of a patient who has left hospital, and its plan if there is a zone to keep."""
        episode = {"id": str(uuid4()), "condition_code": "CHF", "risk_level": "HIGH", "discharge_at": NOW}
        id_ = self.insert("Episode", **{**episode, "patient_id": patient, **columns})
        if timezone:
            self.a_plan(id_, timezone=timezone)
        return id_

    def a_plan(self, episode: str, **columns: object) -> str:
        """Insert the plan of an episode, which says in which zone the patient is."""
        plan = {"status": "PENDING", "timezone": "America/New_York", "max_attempts": 3}
        return self.insert("OutreachPlan", **{**plan, "episode_id": episode, **columns})

    def consent(self, phone: str = PATIENT_PHONE, **columns: object) -> str:
        """Insert what a phone's owner has said about texts: yes, unless columns say otherwise."""
        said = {"consent_given": True, "active": True}
        return self.insert("SMSConsent", **{**said, "phone_number": phone, **columns})

    def a_shift(self, nurse: str, start: datetime, end: datetime, **columns: object) -> str:
        """Insert a nurse's shift; give columns to make it another."""
        shift = {"nurse_id": nurse, "shift_start": start, "shift_end": end}
        return self.insert("NurseShift", **{**shift, **columns})

    def a_log_row(self, **columns: object) -> str:
        """Insert a row of the log, of a text that is about to be sent; it needs one recipient."""
        row = {"notification_type": "TASK_ASSIGNED", "channel": "SMS", "message_content": "New HIGH task"}
        return self.insert("NotificationLog", **{**row, **columns})

    def log_rows(self, task: str | None = None) -> Sequence[RowMapping]:
        """Return the log's rows, of one task or all, oldest first."""
        return self.rows(
            'SELECT * FROM "NotificationLog" WHERE CAST(:task AS uuid) IS NULL OR task_id = CAST(:task AS uuid)'
            " ORDER BY created_at, id",
            task=task,
        )

    def of(self, table: str, id_: str) -> Any:
        """Return the row of a table with that id."""
        (row,) = self.rows(f'SELECT * FROM "{table}" WHERE id = :id', id=id_)
        return row

    def _the_episode(self) -> str:
        if not self.rows('SELECT FROM "Episode" WHERE id = :id', id=EPISODE):
            self.an_episode(self.a_patient(), id=EPISODE, discharge_at=LONG_AGO, created_at=LONG_AGO)
        return EPISODE
