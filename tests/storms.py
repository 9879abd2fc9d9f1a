"""Records of a storm, for its judge: a nurse, her task, and rows of the ledger; times are in seconds."""

from bench.storm.books import Event, Row
from bench.storm.hospital import Task, Version
from bench.storm.phone import CALL, DIGEST, Request
from bench.storm.plan import Person

NURSE = Person(id="nurse", role="NURSE", phone="+12015550101")


def a_row(state: str = "SENT", **columns: object) -> Row:
    """Return a message of the ledger; as a rule the text to the nurse about the one task."""
    usual: dict[str, object] = {
        "id": "row",
        "business_key": "task-created:task:nurse",
        "kind": "task-created",
        "task_id": "task",
        "episode_id": None,
        "recipient_id": NURSE.id,
        "severity": "HIGH",
        "state": state,
        "reason": None,
        "cause": None,
        "sid": "SM1",
        "reply_to": None,
        "named_by": None,
        "adopted": False,
        "owed_since": 1.0,
        "is_unsettled": False,
        "is_unlogged": False,
        "found_late": [],
        "history": [],
    }
    return Row(**{**usual, **columns})  # type: ignore[arg-type]


def begun_at(at: float) -> Event:
    """Return the event of a row whose call to the phone company begins."""
    return Event(at=at, from_state="QUEUED", to_state="SENDING", attempt=1, claim_id=None, run_id=None, reason=None)


def a_task(id_: str = "task", *, severity: str = "HIGH", resolved: float | None = None, **more: object) -> Task:
    """Return a task that the nurse has from second 1 on."""
    versions = [Version(earliest=0.9, latest=1.0, nurse=NURSE.id, is_open=True)]
    if resolved is not None:
        versions.append(Version(earliest=resolved, latest=resolved, nurse=NURSE.id, is_open=False))
    usual: dict[str, object] = {
        "id": id_,
        "inserted": 1.0,
        "nurses": [(1.0, NURSE.id)],
        "misses_its_sla": False,
        "severity": severity,
        "resolved": resolved,
        "versions": versions,
    }
    return Task(**{**usual, **more})  # type: ignore[arg-type]


def a_text(sid: str | None = "SM1", *, at: float = 2.0, **more: object) -> Request:
    """Return a request to text the nurse about the one task."""
    usual: dict[str, object] = {
        "kind": "task-created",
        "task_id": "task",
        "to": NURSE.phone,
        "at": at,
        "answer": "accepted" if sid else "refused",
        "sid": sid,
        "lag": 0.1,
    }
    return Request(**{**usual, **more})  # type: ignore[arg-type]


def a_call(sid: str = "CA1", *, at: float = 20.0, **more: object) -> Request:
    """Return a request to call the nurse."""
    return a_text(sid, at=at, **{"kind": CALL, "task_id": None, **more})


def a_digest(sid: str = "SM9", *, counted: dict[str, int], at: float = 20.0, mark: str = "d" * 8) -> Request:
    """Return a request to send the nurse a digest."""
    return a_text(sid, at=at, kind=DIGEST, task_id=None, mark=mark, counted=counted)
