"""What is known of messages in tests of their kinds: each situation in one line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sequora_orchestration.domain.care import Episode, EscalationTask, Patient, User
from sequora_orchestration.domain.notification import Notification, Reported
from sequora_orchestration.messages.kind import Facts, MessageKind
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.wording import Wording

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
NURSE = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
OTHER_NURSE = "0e37df36-f698-11e6-8dd4-cb9ced3df976"
SUPERVISOR = "3b241101-e2bb-4255-8caf-4136c566a962"
APP_URL = "https://app.sequora.com"
WORDING = Wording(app_url=APP_URL)
"""What comes along."""

A_SECOND = timedelta(seconds=1)
A_MOMENT = timedelta(microseconds=1)
A_DAY = timedelta(days=1)

TASK = EscalationTask(
    id="0f8fad5b-d9cb-469f-a165-70867728950e",
    episode_id="12345678-9abc-4def-8123-456789abcdef",
    severity="HIGH",
    priority="URGENT",
    reason_codes=("CHEST_PAIN",),
    status="OPEN",
    sla_due_at=NOW + timedelta(minutes=42),
    assigned_to_user_id=NURSE,
)

USER = User(id=NURSE, primary_phone="+1 202 555 0123", role="NURSE", active=True)
SLA = NOW - timedelta(minutes=31)
BREACHED = replace(TASK, sla_due_at=SLA)
SUPERVISOR_USER = replace(USER, id=SUPERVISOR, role="SUPERVISOR")
EPISODE = Episode(id="12345678-9abc-4def-8123-456789abcdef", patient_id="p", discharge_at=None, created_at=NOW - A_DAY)

PATIENT = Patient(
    id="p",
    first_name="Maria",
    primary_phone="+1 202 555 0151",
    language_code="en",
    timezone="America/New_York",
)

OF_AN_SLA = pytest.mark.parametrize("kind", [SLA_WARNING, SLA_BREACH], ids=["warning", "breach"])
TO_SUPERVISORS = pytest.mark.parametrize("kind", [SLA_ESCALATION, NURSE_UNREACHED], ids=["escalation", "unreached"])


def facts(
    task: EscalationTask | None = TASK,
    recipient_id: str | None = NURSE,
    user: User | Patient | None = USER,
    *,
    sla_due_at: datetime | None = None,
    due_at: datetime | None = None,
    reported: Reported | None = None,
    **known: object,
) -> Facts:
    """Return what is known of a message: first what it was made with, then what else is known at the moment."""
    message = Notification(
        read_at=NOW,
        id="1e07df36-f698-41e6-8dd4-cb9ced3df976",
        kind="task-created",
        claim_id="2e07df36-f698-41e6-8dd4-cb9ced3df976",
        task_id=TASK.id,
        episode_id=TASK.episode_id,
        recipient_id=recipient_id,
        owed_since=due_at or NOW,
        sla_due_at=sla_due_at,
        due_at=due_at,
        reported=reported,
    )
    return replace(Facts(now=NOW, message=message, task=task, recipient=user), **known)  # type: ignore[arg-type]


def of_sla(kind: MessageKind, task: EscalationTask = TASK, recipient_id: str | None = NURSE) -> Facts:
    """Return facts at a moment at which the kind is wanted: a minute before the task's SLA, or a minute after it."""
    before = kind is SLA_WARNING
    sla_due_at = NOW + timedelta(minutes=1) if before else NOW - timedelta(minutes=1)
    return facts(replace(task, sla_due_at=sla_due_at), recipient_id, sla_due_at=sla_due_at)


def escalation(
    task: EscalationTask | None = BREACHED, *, due_at: datetime | None = NOW, sla_due_at: datetime | None = SLA
) -> Facts:
    return facts(task, SUPERVISOR, SUPERVISOR_USER, sla_due_at=sla_due_at, due_at=due_at)


def report(
    task: EscalationTask | None = TASK,
    *,
    nurse: str | None = NURSE,
    reason: str | None = "landline: no texts",
    is_settled: bool = False,
) -> Facts:
    reported = Reported(recipient_id=nurse, reason=reason, is_settled=is_settled)
    return facts(task, SUPERVISOR, SUPERVISOR_USER, reported=reported)


def check_in(
    patient: User | Patient | None = PATIENT,
    *,
    episode: Episode | None = EPISODE,
    due_at: datetime | None = NOW,
    now: datetime = NOW,
    opted_out: bool = False,
) -> Facts:
    return facts(None, "p", patient, due_at=due_at, episode=episode, now=now, opted_out=opted_out)
