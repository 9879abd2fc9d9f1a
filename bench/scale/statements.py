"""Every named statement, with parameters as the running system gives them, and with the sensor that asks it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, TextClause, text

from bench.scale.days import of_a_day
from bench.scale.replies import of_digests, of_replies
from bench.scale.whose import OPERATORS, REPLAYS, WHOSE
from sequora_orchestration import ledger
from sequora_orchestration.care import care_database
from sequora_orchestration.cli.metrics.catalog import BOUNDS
from sequora_orchestration.database import NamedStatements, id_array
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger import assignments, claims, measurements, owed
from sequora_orchestration.ledger.claims import BATCH, FEW, MOST, RECENT
from sequora_orchestration.ledger.figures import MOST_COUNTED
from sequora_orchestration.ledger.leases import LEASE, MOST_RUNS
from sequora_orchestration.ledger.rows import MANY
from sequora_orchestration.ledger.tallies import SEVERITIES, UNDER_WAY
from sequora_orchestration.ledger.terms import Terms
from sequora_orchestration.messages.kinds import KINDS, QUEUES
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA
from sequora_orchestration.messages.task_created import NEW_TASKS

# Each module of the ledger that has a file of statements beside it; the questions are put into others.
ROOMS = [import_module(f"{ledger.__name__}.{path.stem}") for path in sorted(Path(ledger.__path__[0]).glob("*.sql"))]

# The statements that make rows for a question to find.
FOUND = NamedStatements(Path(__file__).with_name("found.sql"))

# The settings of the questions, with their default values.
ASKED_WITH = {
    **Terms().of_questions,
    "call_for": 3,
    "has_canary": True,
    "created_within": None,
    "room": MOST,
    "few": FEW,
    "not_to": None,
    "most": MOST,
    "most_runs": MOST_RUNS,
}

# Statements that are measured apart: for each queue, or for tasks without an assignee.
APART = {
    claims: frozenset({"admission", "enqueue", "enqueue_named"}),
    assignments: frozenset({"lease", "take_up"}),
}

# Milliseconds within which a sensor's question answers, and the scan for tasks near their SLA.
LIMIT, LIMIT_OF_SCAN = 20, 50

# The application's table whose ids a statement is given.
_TABLES = {
    "tasks": "EscalationTask",
    "open_tasks": "EscalationTask",
    "task_times": "EscalationTask",
    "open_tasks_of_episodes": "Episode",
    "users": "User",
    "episodes": "Episode",
    "recent_episodes": "Episode",
    "patients": "Patient",
}

# The state in which a statement finds its messages, if that is not QUEUED.
FOUND_IN = {
    **dict.fromkeys(
        ("settle_sent", "settle_sent_unlogged", "settle_refused", "settle_unclear", "try_again", "put_back"), "SENDING"
    ),
    **dict.fromkeys(("in_doubt", "adopt", "settle_doubt", "note_looks", "look_later", "rivals"), "IN_DOUBT"),
    **dict.fromkeys(
        (
            "without_receipt",
            "settle_delivered",
            "settle_undelivered",
            "bring_log_up_to_date",
            "as_sent",
            "log_owed_of",
            "known_provider_ids",
            "note_found_late",
        ),
        "SENT",
    ),
    "release": "HELD",
    "resend": "DELIVERED",
    **dict.fromkeys(("as_new", "named_as_new", "replay"), "FAILED"),
}

_SAMPLE = text("""
    SELECT id::text, claim_id::text, business_key, attempts, attempted_at, task_id, episode_id, recipient_id
    FROM orchestration.notification
    WHERE state = :state AND recipient_id IS NOT NULL
    ORDER BY created_at DESC
    LIMIT :most
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement with the values of its parameters."""

    name: str
    whose: str
    sql: TextClause
    parameters: Mapping[str, Any]
    limit: float | None = None
    """Milliseconds that it may take; None for any time."""

    finds: str | None = None
    """The statement of `found.sql` that makes rows for it to find."""


def statements(connection: Connection) -> Iterator[Statement]:
    """Return the statements of the queues' sensors, with nothing and with something to claim, and then all others."""
    for queue in QUEUES.values():
        yield from _claims(queue)
    yield from _assignment(connection)
    for queue in QUEUES.values():
        if not queue.is_asked_for:
            continue
        values = {
            **ASKED_WITH,
            "question": queue.named,
            "channel": queue.kind.channel,
            "ids": list(_subjects(connection, queue)),
            "claim_id": str(uuid4()),
        }
        sql = claims.SQL["enqueue_named"]
        yield Statement(
            name=f"enqueue_named of {queue.name}", whose="a run by hand", sql=sql, parameters=_given(sql, values)
        )
    for module, whose in (
        *((room, "a run") for room in ROOMS if room not in {assignments, measurements}),
        (assignments, "a run that assigns"),
        (care_database, "a run, of the app's tables"),
        (measurements, "the figures"),
    ):
        for name, sql in module.SQL.all.items():
            if name not in APART.get(module, ()):
                values = _values(connection, name)
                yield Statement(name=name, whose=WHOSE.get(name, whose), sql=sql, parameters=_given(sql, values))


def question_of(question: str) -> str:
    """Return the statement by which `enqueue` asks a question: the planner puts the question's text in it."""
    return f"""
        SELECT q.* FROM orchestration.{question}(CAST(ROW(
            CAST(:go_live_at AS timestamptz), CAST(:check_in_delay AS interval), CAST(:sla_warning_window AS interval),
            CAST(:escalation_delay AS interval), CAST(:unassigned_grace AS interval), CAST(:receipt_window AS interval),
            CAST(:created_within AS interval), NULL, NULL
        ) AS orchestration.terms)) AS q
        ORDER BY q.urgency, q.owed_since, q.sla_due_at, q.business_key
        LIMIT :room
    """  # noqa: S608


def _claims(queue: Queue) -> Iterator[Statement]:
    is_scan = queue is TASKS_NEAR_SLA
    who = "the SLA scan" if is_scan else "a sensor"
    limit = LIMIT_OF_SCAN if is_scan else LIMIT
    finds = queue.name.lower().replace(" ", "_").replace("-", "_")
    of_kind = {"kind": queue.kind.name, "channel": queue.kind.channel, "scheduled": queue.scheduled}
    admission, enqueue = claims.SQL["admission"], claims.SQL["enqueue"]
    yield Statement(
        name=f"admission of {queue.name}",
        whose=f"{who}, idle",
        sql=admission,
        parameters=_given(admission, of_kind),
        limit=limit,
    )
    parameters = _given(enqueue, {**ASKED_WITH, **of_kind, "question": queue.question})
    name = f"enqueue of {queue.name}"
    yield Statement(name=name, whose=f"{who}, idle", sql=enqueue, parameters=parameters, limit=limit)
    if queue.question is None:
        return
    question = text(question_of(queue.question))
    if queue is NEW_TASKS:
        recent = {**ASKED_WITH, "created_within": RECENT}
        yield Statement(
            name="question of recent tasks", whose="a sensor, idle", sql=question, parameters=recent, limit=LIMIT
        )
    of_question = f"question of {queue.name}"
    yield Statement(name=of_question, whose=f"{who}, idle", sql=question, parameters=ASKED_WITH, limit=limit)
    if finds in FOUND.all:
        yield Statement(name=name, whose=f"{who}, 50 found", sql=enqueue, parameters=parameters, finds=finds)


def _assignment(connection: Connection) -> Iterator[Statement]:
    values = {
        "go_live_at": None,
        "most": assignments.MOST_TASKS,
        "lease": assignments.LEASE,
        "ids": list(_newest(connection, "EscalationTask")),
        "run_id": str(uuid4()),
    }
    lease = assignments.SQL["lease"]
    parameters = _given(lease, values)
    name = "lease of unassigned tasks"
    yield Statement(
        name=name, whose="a sensor, idle", sql=lease, parameters=parameters, limit=LIMIT, finds="no_unassigned_tasks"
    )
    yield Statement(name=name, whose="a sensor, 50 found", sql=lease, parameters=parameters, finds="unassigned_tasks")
    take_up = assignments.SQL["take_up"]
    yield Statement(
        name="take_up of unassigned tasks",
        whose="a run that assigns",
        sql=take_up,
        parameters=_given(take_up, values),
    )


def _given(sql: TextClause, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in sql.compile().params}


def _subjects(connection: Connection, queue: Queue) -> Sequence[str]:
    if queue.ids == "notification_ids":
        return [str(uuid4()) for _ in range(BATCH)]
    return _newest(connection, "EscalationTask" if queue.ids == "task_ids" else "Episode")


def _newest(connection: Connection, table: str) -> Sequence[str]:
    """Return a run's worth of ids, the newest where the table's rows have a time."""
    order = "ORDER BY created_at DESC" if table in {"EscalationTask", "Episode"} else ""
    return connection.execute(text(f'SELECT id::text FROM "{table}" {order} LIMIT {BATCH}')).scalars().all()  # noqa: S608


def _named_by(name: str, row: RowMapping) -> Any:
    """Return the id that a statement with a single `:id` is given."""
    if name == "tasks_of_episode":
        return row["episode_id"]
    return row["task_id"] or row["episode_id"] if name in OPERATORS else row["id"]


def _values(connection: Connection, name: str) -> dict[str, Any]:
    """Return a value for every parameter that there is, about a run's worth of messages in the statement's state."""
    rows = connection.execute(_SAMPLE, {"state": FOUND_IN.get(name, "QUEUED"), "most": BATCH}).mappings().all()
    row, task_ids = rows[0], [one["task_id"] for one in rows]
    ids: Any = task_ids if name in {"in_hand_elsewhere", "log_owed"} else [one["id"] for one in rows]
    if name in _TABLES:
        ids = id_array(_newest(connection, _TABLES[name]))
    return {
        **ASKED_WITH,
        **row,
        "id": _named_by(name, row),
        "own_id": row["id"] if name in {"subject_of", "tasks_of_digest", "tries_of"} else None,
        "ids": ids,
        "go_live_at": None,
        "grace": 60.0,
        "claim_ids": [row["claim_id"]],
        "business_keys": [one["business_key"] for one in rows],
        "scheduled": None,
        "of": None,
        "attempt": row["attempts"],
        "task_ids": task_ids,
        **of_digests(len(rows)),
        "recipient_ids": [row["recipient_id"]],
        "people": [one["recipient_id"] for one in rows],
        "person_ids": id_array([row["recipient_id"]]),
        "turn": 0,
        "reasons": ["a reason"] * len(task_ids),
        "channel": SMS,
        "provider_ids": [str(uuid4())],
        "provider_id": str(uuid4()),
        "digests": ["a digest"],
        "digest": "a digest",
        "roles": ["SUPERVISOR"],
        "kind": None if name in OPERATORS - {"pause", "resume"} else "task-created",
        "run_id": str(uuid4()),
        "fingerprints": ["a fingerprint"],
        "texted_at": row["attempted_at"],
        "state": "FAILED",
        "reason": "a reason",
        "cause": Cause.REFUSED,
        "code": 30_003,
        "http_status": 401,
        "due_at": row["attempted_at"],
        "counts": True,
        "at_once": False,
        "is_refused": True,
        "is_providers": False,
        "limit": 5,
        "many": MANY,
        "most": BATCH,
        "most_counted": MOST_COUNTED,
        "lease": LEASE,
        "pause": 15.0,
        "window": 60.0,
        "window_critical": 15.0,
        "window_after_error_answer": None,
        "held_kinds": ["check-in"],
        "delay": 1_800.0,
        "escalation_delay": 1_800.0,
        "late": 600.0,
        "retry_after": 0.0,
        "again_after": 300.0,
        "seconds": 1.0,
        "kinds": list(KINDS),
        "inside": 10.0,
        "severities": list(SEVERITIES),
        "bounds": [-bound for bound in reversed(BOUNDS)],
        "states": ["FAILED"] if name in REPLAYS else list(UNDER_WAY),
        "keeping": ["check-in"],
        "also_sent": False,
        "is_first": True,
        "kept": 400 * 86_400.0,
        "after": 0,
        "since": row["attempted_at"],
        **of_a_day(row),
        # An hour of failures is sent again; a day is compared.
        "until": row["attempted_at"] + (timedelta(hours=1) if name in REPLAYS else timedelta(days=1)),
        "episode_ids": _newest(connection, "Episode"),
        **of_replies(row),
        "check_in_delay": 86_400.0,
        "content": b"a text".hex(),
        "ended_by": None,
        "on_call": True,
        "who": "somebody",
        "why": "a reason",
        "verb": name,
        # In these statements lengths of time are intervals, and not seconds.
        **(ASKED_WITH if name in owed.SQL.all else {}),
    }
