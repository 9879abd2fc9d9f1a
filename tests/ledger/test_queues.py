"""The questions of the queues: answered by the helpful indexes, in whatever types the application's columns are."""

from uuid import uuid4

import pytest
from care import Care
from sqlalchemy import text

from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.queues import QUESTIONS, QUEUES, Queue
from sequora_orchestration.migrations.app_indexes import make_app_indexes

PARAMETERS = {
    "go_live_at": None,
    "created_within": None,
    "most": 500,
    "check_in_delay": 86_400,
    "sla_warning_window": 3_600,
    "escalation_delay": 1_800,
    "unassigned_grace": 600,
    "receipt_window": 300,
}


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("new_tasks", "sequora_open_task"),
        ("tasks_near_sla", "sequora_open_task"),
        ("sla_breaches", "sequora_open_task"),
        ("unanswered_breaches", "sequora_open_task"),
        ("unreached_nurses", "sequora_open_task"),
        ("new_episodes", "sequora_recent_episode"),
    ],
)
def test_the_question_uses_the_helpful_index(care: Care, question: str, index: str) -> None:
    """Its condition and the index's are the same words, or Postgres would not see that they fit."""
    make_app_indexes(care.engine)
    sql = QUESTIONS[question]
    (kind,) = {queue.kind for queue in QUEUES.values() if queue.question == question}
    parameters = {name: {**PARAMETERS, "kind": kind}[name] for name in sql.compile().params}
    with care.engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = "\n".join(connection.execute(text(f"EXPLAIN {sql.text}"), parameters).scalars())
        connection.exec_driver_sql("RESET enable_seqscan")
    assert index in plan, plan


@pytest.mark.parametrize("queue", QUEUES.values(), ids=lambda queue: queue.name)
def test_the_question_takes_ids_that_are_text_and_statuses_that_are_enums(
    care: Care, ledger: Ledger, queue: Queue
) -> None:
    """Not every application has uuids and text."""
    care.alter(
        "CREATE TYPE status AS ENUM ('OPEN', 'IN_PROGRESS', 'RESOLVED', 'CANCELLED')",
        "CREATE TYPE severity AS ENUM ('LOW', 'MODERATE', 'HIGH', 'CRITICAL')",
        """ALTER TABLE "EscalationTask" ALTER id DROP DEFAULT, ALTER id TYPE text, ALTER episode_id TYPE text,
                 ALTER assigned_to_user_id TYPE text, ALTER status DROP DEFAULT,
                 ALTER status TYPE status USING status::status,
                 ALTER severity TYPE severity USING severity::severity""",
        'ALTER TABLE "Episode" ALTER id DROP DEFAULT, ALTER id TYPE text, ALTER patient_id TYPE text',
    )
    care.a_task(None, id="task-1", sla_due_at="2026-01-01 00:00+00")
    care.an_episode(None, id="episode-1")
    claimed = [subject.id for claim in ledger.claims.claim(queue) for subject in claim.subjects]
    assert claimed == {"new tasks": ["task-1"], "new episodes": ["episode-1"], "SLA breaches": ["task-1"]}.get(
        queue.name, []
    )
    assert ledger.claims.claim_named(queue, ["task-1", "episode-1"], str(uuid4())) == [] or not claimed
