"""The questions of the queues: answered by the helpful indexes, in whatever types the application's columns are."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from uuid import uuid4

import pytest
from care import Care
from running_system import eventually
from sqlalchemy import text

from bench.scale.statements import ASKED_WITH, question_of
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.kinds import QUEUES
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.app_indexes import make_app_indexes


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("owed_task_created", "sequora_open_task"),
        ("owed_sla_warning", "sequora_open_task"),
        ("owed_sla_breach", "sequora_open_task"),
        ("owed_sla_escalation", "sequora_open_task"),
        ("owed_nurse_unreached", "sequora_open_task"),
        ("owed_check_in", "sequora_recent_episode"),
    ],
)
def test_the_question_uses_the_helpful_index(care: Care, question: str, index: str) -> None:
    """Its condition and the index's are the same words, or Postgres would not see that they fit."""
    make_app_indexes(care.engine)
    with care.engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = "\n".join(connection.execute(text(f"EXPLAIN {question_of(question)}"), ASKED_WITH).scalars())
        connection.exec_driver_sql("RESET enable_seqscan")
    assert index in plan, plan
    assert "Function Scan" not in plan, "the question is not put in the place of its call"


def test_to_wait_for_a_replay_is_not_taken_for_the_question_s_cost(care: Care, ledger: Ledger) -> None:
    """Or sensors would ask less and less often while messages are sent again, also for new tasks."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND now() - query_start > '300 ms'"
    with ThreadPoolExecutor(1) as pool:
        with care.engine.connect().execution_options(isolation_level="READ COMMITTED") as replay:
            replay.execute(text("SELECT * FROM orchestration.hindrances_by_now('{}', false)"))
            asked = pool.submit(ledger.claims.claim, NEW_TASKS)
            eventually(lambda: asked.done() or care.one(waiting) > 0, within=20, what="the question waits")
            released = monotonic()
            replay.commit()
        claims = asked.result()
        assert claims.seconds <= monotonic() - released, "it was answered after that"


FOUND = {"new tasks": ["task-1"], "new episodes": ["episode-1"], "SLA breaches": ["task-1"]}


@pytest.mark.usefixtures("row_for_calls")
@pytest.mark.parametrize("queue", [one for one in QUEUES.values() if one.is_asked_for], ids=lambda queue: queue.name)
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
    assert set(claimed) <= {"task-1", "episode-1"}
    assert {*claimed} >= {*FOUND.get(queue.name, ())}
    assert ledger.claims.claim_named(queue, ["task-1", "episode-1"], str(uuid4())) == [] or not claimed
