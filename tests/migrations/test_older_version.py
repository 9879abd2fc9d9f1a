"""A worker of the version before goes on working on the new schema, beside workers of the new one."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from care import NURSE_PHONE, Care
from phones import Phones
from runs import Runs
from sqlalchemy import RowMapping
from statements import prepare

from sequora_orchestration.database import NamedStatements, execute
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS

OLDER = NamedStatements(Path(__file__).with_name("older_version.sql"))

VALUES: dict[str, Any] = {
    "kind": "task-created",
    "scheduled": None,
    "in_turn": True,
    "claim_id": None,
    "go_live_at": None,
    "created_within": None,
    "check_in_delay": 86_400.0,
    "sla_warning_window": 3_600.0,
    "escalation_delay": 1_800.0,
    "unassigned_grace": 600.0,
    "receipt_window": 300.0,
    "few": 5,
    "batch": 50,
    "most": 500,
    "enough": 200,
    "most_at_once": None,
    "most_runs": 5,
    "lease": 30,
    "counts": True,
    "content": None,
    "digest": "a digest",
    "fingerprints": ["a fingerprint"],
    "again_after": 300.0,
    "reason": "unreachable",
    "code": 30_003,
}


def older(care: Care, statement: str, **parameters: object) -> list[RowMapping]:
    """Run a statement of the older version; return its rows."""
    sql = OLDER[statement]
    values = {**VALUES, **parameters}
    return list(execute(care.engine, sql, {name: values[name] for name in sql.compile().params})[1])


def older_texts(care: Care, claim_id: str, *, sid: str) -> str:
    """Let a run of the older version send what a claim has, which is one text; return the message's id."""
    (row,) = older(care, "take_up", claim_id=claim_id, run_id="an older run")
    own = {"id": row["id"], "claim_id": claim_id}
    older(care, "begin_attempt", **own, run_id="an older run", recipient_id=row["recipient_id"])
    older(care, "settle_sent", **own, attempt=1, sid=sid)
    return str(row["id"])


@pytest.mark.parametrize("name", OLDER.all)
def test_its_statements_are_understood(care: Care, name: str) -> None:
    """Every table, column and function that they name is there, with the types that they go by."""
    with care.engine.connect() as connection:
        prepare(connection, OLDER[name].text)


def test_what_it_claims_and_sends_is_not_sent_again_by_the_new_one(care: Care, ledger: Ledger) -> None:
    """Its rows lack the new columns, and count all the same."""
    task = care.a_task(care.a_nurse())
    (found,) = older(care, "claim_of_new_tasks")
    assert ledger.claims.claim(NEW_TASKS) == []
    older_texts(care, found["claim_id"], sid="SM1")
    assert care.states(task) == ["SENT"]
    assert ledger.claims.claim(NEW_TASKS) == []
    assert care.rows("SELECT FROM orchestration.owed WHERE kind = 'task-created'") == []


def test_what_the_new_one_enqueues_or_claims_it_sends_once(care: Care, ledger: Ledger, runs: Runs) -> None:
    """It takes up a claim of the new version's, and finds in the queue what that has put there."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert [row for row in older(care, "claim_of_new_tasks") if row["claim_id"]] == []
    id_ = older_texts(care, claim.id, sid="SM1")
    assert runs.run(NEW_TASKS, claim).success, "a run that comes second has nothing to do"
    assert care.states(task) == ["SENT"]
    other = care.a_task(care.a_nurse("+12025550102"))
    (enqueued,) = care.rows(
        "SELECT id FROM orchestration.enqueue('owed_task_created', 'task-created', 'SMS', NULL, 9, 5, NULL, NULL, 9, 5)"
    )
    (found,) = (row for row in older(care, "claim_of_new_tasks") if row["claim_id"])
    assert older_texts(care, found["claim_id"], sid="SM2") == str(enqueued["id"]) != id_
    assert care.states(other) == ["SENT"]


def test_a_second_try_that_it_makes_is_one_for_the_new_one(care: Care, ledger: Ledger) -> None:
    """No supervisor is told while it waits; and of a nurse who has the task anew, that is not the beginning."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(), severity="HIGH")
    (found,) = older(care, "claim_of_new_tasks")
    id_ = older_texts(care, found["claim_id"], sid="SM1")
    older(care, "settle_undelivered", id=id_)
    assert care.states(task) == ["UNDELIVERED", "SCHEDULED"]
    assert ledger.claims.claim(UNREACHED_NURSES) == []
    again = care.one("SELECT again_of::text FROM orchestration.notification WHERE state = 'SCHEDULED'")
    assert again == id_
    care.rows("UPDATE orchestration.notification SET state = 'CANCELLED', reason = 'off' WHERE again_of = :id", id=id_)
    (claim,) = ledger.claims.claim(UNREACHED_NURSES)
    assert [subject.task_id for subject in claim.subjects] == [task]


def test_what_it_ends_after_a_wait_has_the_cause_of_its_sentence(care: Care, ledger: Ledger) -> None:
    """The cause of the wait does not stay: a program that asks why would be misled."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    (message,) = ledger.leases.take_up(claim.id, "a run")
    ledger.leases.give_back([message], "waits: paused by an operator")
    (found,) = (row for row in older(care, "claim_of_new_tasks") if row["claim_id"])
    older(care, "take_up", claim_id=found["claim_id"], run_id="an older run")
    care.rows("UPDATE orchestration.notification SET runs = 5, lease_until = now() - interval '1 minute'")
    older(care, "set_poison_aside", limit=5)
    (row,) = care.ledger(task)
    assert (row["state"], row["cause"]) == ("FAILED", "SET_ASIDE")
    assert ledger.claims.claim(NEW_TASKS) == [], "it is not made anew at once"


def test_a_second_try_that_somebody_asks_for_by_name_stays_one(care: Care, ledger: Ledger) -> None:
    """It has failed; whoever asks for the task is given the same message again, and no third try comes of it."""
    task = care.a_task(care.a_nurse(), severity="HIGH")
    (found,) = older(care, "claim_of_new_tasks")
    first = older_texts(care, found["claim_id"], sid="SM1")
    older(care, "settle_undelivered", id=first)
    care.rows(
        "UPDATE orchestration.notification SET state = 'QUEUED', lease_until = now() WHERE again_of = :id", id=first
    )
    care.rows(
        "UPDATE orchestration.notification SET state = 'FAILED', reason = 'refused' WHERE again_of = :id", id=first
    )
    assert ledger.claims.claim_named(NEW_TASKS, [task], str(uuid4()))
    rows = care.rows("SELECT again_of::text FROM orchestration.notification WHERE state = 'QUEUED'")
    assert [row["again_of"] for row in rows] == [first]


def test_supervisors_whom_it_told_are_not_told_again(care: Care, runs: Runs) -> None:
    """It writes one row for each; the new version knows by their columns for which occasion."""
    first, second = care.a_supervisor("+12025550103"), care.a_supervisor("+12025550104")
    task = care.a_task(care.a_nurse(phone=None))
    runs.tick(NEW_TASKS)
    (found,) = older(care, "claim_of_unreached_nurses", kind="nurse-unreached")
    (row,) = older(care, "take_up", claim_id=found["claim_id"], run_id="an older run")
    older(care, "address", id=row["id"], claim_id=found["claim_id"], recipient_ids=[first, second])
    occasions = care.rows(
        "SELECT DISTINCT occasion FROM orchestration.notification WHERE kind = 'nurse-unreached' AND task_id = :task",
        task=task,
    )
    assert len(occasions) == 1
    assert runs.tick(UNREACHED_NURSES) == []


def test_both_ask_at_once_and_each_nurse_is_texted_once(care: Care, ledger: Ledger, phones: Phones) -> None:
    """Whoever is first has the row; the other finds nothing."""
    tasks = [care.a_task(care.a_nurse()) for _ in range(3)]
    claimed = {row["claim_id"] for row in older(care, "claim_of_new_tasks") if row["claim_id"]}
    claims = ledger.claims.claim(NEW_TASKS)
    assert len(claimed) == len(tasks)
    assert claims == []
    assert ledger.claims.claim_named(NEW_TASKS, tasks, str(uuid4())) == []
    assert ledger.claims.claim(SLA_BREACHES) == []
    for number, claim_id in enumerate(sorted(claimed)):
        older_texts(care, claim_id, sid=f"SM{number}")
    assert [care.states(task) for task in tasks] == [["SENT"]] * 3
    assert phones(NURSE_PHONE).attempts == 0
