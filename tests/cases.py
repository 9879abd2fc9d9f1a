"""Cases in tests of pure rules: a task or an episode with its messages, each in one line."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from care import NOW, of_status

from sequora_orchestration.domain.care import Episode, EscalationTask
from sequora_orchestration.domain.case import (
    Change,
    Circumstances,
    Delays,
    EpisodeCase,
    OwedMessage,
    Story,
    TaskCase,
    TaskTimes,
)
from sequora_orchestration.domain.halts import Provider
from sequora_orchestration.domain.ledger_state import State

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

DELAYS = Delays(
    check_in=DAY,
    receipt=5 * MINUTE,
    doubt=MINUTE,
)

TAKES_TEXTS = Provider(is_open=False, opened_at=None, closed_at=None, reason=None, code=None, resume_at=None)
TAKES_NONE = replace(TAKES_TEXTS, is_open=True, opened_at=NOW, reason="the account is suspended")

AROUND = Circumstances(
    now=NOW,
    go_live_at=NOW - 100 * DAY,
    workflows_live_at=NOW - 100 * DAY,
    delays=DELAYS,
    providers={"SMS": TAKES_TEXTS},
)

NURSE, SUPERVISOR, PATIENT = "nurse-1", "supervisor-1", "patient-1"

TASK = EscalationTask(
    id="task-1",
    episode_id="episode-1",
    severity="HIGH",
    priority="URGENT",
    reason_codes=("CHEST_PAIN",),
    status="OPEN",
    sla_due_at=None,
    assigned_to_user_id=NURSE,
)


def a_change(at: datetime, from_state: State | None, to_state: State, **fields: Any) -> Change:
    """Return a change of a message; give fields to make it another."""
    usual: dict[str, Any] = {"attempt": 0, "claim_id": "claim-1", "run_id": None, "reason": None}
    return Change(at=at, from_state=from_state, to_state=to_state, **{**usual, **fields})


def a_message(state: State = State.SENT, at: datetime = NOW, **fields: Any) -> Story:
    """Return a message that was owed at that time, to the nurse; give fields to make it another."""
    usual: dict[str, Any] = {
        "id": "message-1",
        "kind": "task-created",
        "audience": "ASSIGNEE",
        "task_id": "task-1",
        "episode_id": "episode-1",
        "recipient_id": NURSE,
        "urgency": 1,
        "owed_since": at,
        "created_at": at,
        "sent_at": at if state in {State.SENT, State.DELIVERED, State.UNDELIVERED} else None,
        "attempted_at": at if state not in {State.SCHEDULED, State.QUEUED, State.FAILED} else None,
        "logged_at": at if state in {State.SENT, State.DELIVERED, State.UNDELIVERED} else None,
        "receipt_at": at + 15 * SECOND if state is State.SENT else None,
        "look_at": at + 5 * SECOND if state is State.IN_DOUBT else None,
        "lease_until": at + 30 * SECOND if state is State.QUEUED else None,
        "reason": "no phone number on file" if state is State.FAILED else None,
    }
    return Story(state=state, **{**usual, **fields})


def a_report(state: State = State.SENT, at: datetime = NOW, **fields: Any) -> Story:
    """Return the message that tells a supervisor of the nurse's first one."""
    usual = {
        "id": "report-1",
        "kind": "nurse-unreached",
        "audience": "ON_CALL",
        "recipient_id": SUPERVISOR,
        "because_of": "message-1",
    }
    return a_message(state, at, **{**usual, **fields})


def a_check_in(state: State = State.SCHEDULED, at: datetime = NOW, **fields: Any) -> Story:
    """Return the check-in of the episode, due at that time."""
    usual = {"kind": "check-in", "audience": "PATIENT", "task_id": None, "recipient_id": PATIENT, "due_at": at}
    return a_message(state, at, **{**usual, **fields})


def owed(kind: str = "task-created", since: datetime = NOW, **fields: Any) -> OwedMessage:
    """Return a message that the nurse is owed since that time and has no row; give fields to make it another."""
    usual: dict[str, Any] = {
        "audience": "ASSIGNEE",
        "task_id": "task-1",
        "episode_id": "episode-1",
        "recipient_id": NURSE,
    }
    return OwedMessage(kind=kind, owed_since=since, **{**usual, **fields})


def owed_report(since: datetime = NOW, **fields: Any) -> OwedMessage:
    """Return that supervisors are owed to hear that the nurse's first message did not reach her."""
    usual = {"audience": "ON_CALL", "recipient_id": None, "because_of": "message-1"}
    return owed("nurse-unreached", since, **{**usual, **fields})


def owed_check_in(since: datetime = NOW) -> OwedMessage:
    """Return that the episode's patient is owed a check-in since that time."""
    return owed("check-in", since, audience="PATIENT", task_id=None, recipient_id=PATIENT)


def a_case(
    *messages: Story,
    at: datetime = NOW,
    around: Circumstances = AROUND,
    owed: tuple[OwedMessage, ...] = (),
    **task: Any,
) -> TaskCase:
    """Return the case of a task that appeared at that time; give columns to make it another."""
    return TaskCase(
        id=TASK.id,
        task=replace(TASK, **({**of_status(task["status"]), **task} if "status" in task else task)),
        times=TaskTimes(id=TASK.id, created_at=at, updated_at=at),
        messages=messages,
        owed=owed,
        circumstances=around,
        phones={NURSE: "•••• 0101", SUPERVISOR: "•••• 0121"},
    )


def an_episode_case(
    *messages: Story,
    at: datetime = NOW,
    around: Circumstances = AROUND,
    owed: tuple[OwedMessage, ...] = (),
    tasks: tuple[TaskCase, ...] = (),
) -> EpisodeCase:
    """Return the case of an episode that appeared at that time."""
    episode = Episode(id="episode-1", patient_id=PATIENT, discharge_at=None, created_at=at)
    return EpisodeCase(
        id=episode.id,
        episode=episode,
        messages=messages,
        owed=owed,
        tasks=tasks,
        circumstances=around,
        phones={PATIENT: "•••• 0151"},
    )


def later(by: timedelta, around: Circumstances = AROUND) -> Circumstances:
    """Return the circumstances so much later."""
    return replace(around, now=around.now + by)
