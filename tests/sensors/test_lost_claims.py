"""What a tick has claimed and the daemon could not hand in, for its database went away in that moment."""

from datetime import timedelta
from uuid import uuid4

import pytest
from care import NOW, NURSE_PHONE, Care
from phones import Phones
from runs import JOB_OF, Runs

from sequora_orchestration.definitions import defs
from sequora_orchestration.jobs.retries import (
    RUN_KEY_TAG,
)
from sequora_orchestration.ledger.leases import HANDED_IN_WITHIN
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import doubtful_texts

pytestmark = pytest.mark.usefixtures("stopped_clock")

LATER = NOW + timedelta(seconds=HANDED_IN_WITHIN)


def test_a_claim_without_a_run_is_given_back_and_texted(care: Care, runs: Runs, phones: Phones) -> None:
    """Long before its lease has run out; the run, should it come after all, finds nothing to send."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    (lost,) = runs.ledger.claims.claim(NEW_TASKS)
    care.it_is(LATER - timedelta(milliseconds=1))
    runs.sensor(doubtful_texts)
    assert runs.tick(NEW_TASKS) == []
    care.it_is(LATER)
    runs.sensor(doubtful_texts)
    assert len(runs.tick(NEW_TASKS)) == 1
    assert runs.run(NEW_TASKS, lost).success
    phones(NURSE_PHONE).received_text(containing=[task])
    assert phones(NURSE_PHONE).attempts == 1


def test_a_claim_that_is_lost_again_has_twice_the_time(care: Care, runs: Runs) -> None:
    """Where each run is handed in too late, one of the next will be in time."""
    care.a_task(care.a_nurse(), created_at=NOW)
    now, waited = NOW, []
    for _ in range(3):
        assert runs.ledger.claims.claim(NEW_TASKS)
        since = now
        while not runs.ledger.leases.claims_not_taken_up():
            now += timedelta(seconds=HANDED_IN_WITHIN)
            care.it_is(now)
        waited.append((now - since).total_seconds())
        runs.sensor(doubtful_texts)
    assert waited == [HANDED_IN_WITHIN, 2 * HANDED_IN_WITHIN, 4 * HANDED_IN_WITHIN]


@pytest.mark.parametrize("whose", ["a sensor's", "its own"])
def test_a_claim_whose_run_waits_for_a_worker_is_left_to_it(care: Care, runs: Runs, whose: str) -> None:
    """The run was handed in, by a sensor's tick or by a person, and no worker has had time for it yet."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    job = defs.resolve_job_def(JOB_OF[NEW_TASKS.name])
    if whose == "its own":
        run_id = str(uuid4())
        runs.instance.create_run_for_job(job, run_id=run_id, run_config={"task_ids": [task]})
        runs.ledger.claims.claim_named(NEW_TASKS, [task], run_id)
    else:
        (claim,) = runs.ledger.claims.claim(NEW_TASKS)
        runs.instance.create_run_for_job(job, tags={RUN_KEY_TAG: claim.id}, run_config={"task_ids": [task]})
    care.it_is(LATER)
    runs.sensor(doubtful_texts)
    assert runs.tick(NEW_TASKS) == []
