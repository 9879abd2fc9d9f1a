"""A row that kills its process is set aside, and its neighbours go on; what merely fails or waits is no poison."""

from datetime import timedelta
from uuid import uuid4

import pytest
from care import NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from runs import Runs

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.ledger.leases import MOST_RUNS
from sequora_orchestration.local.twilio.scripted_answers import Refuse
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA
from sequora_orchestration.messages.task_created import NEW_TASKS

MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("stopped_clock")


def test_a_row_that_kills_run_after_run_is_set_aside_and_its_neighbours_go_on(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """From the third run on it is claimed alone; after the fifth the supervisor is told."""
    care.a_supervisor()
    poison = care.a_task(care.a_nurse(), created_at=NOW)
    neighbours = [care.a_task(care.a_nurse(f"+1202555{1000 + place}"), created_at=NOW) for place in range(9)]
    for number in range(5):
        care.it_is(NOW + number * MINUTE * 10)
        runs.ledger.doubts.set_aside_what_died()
        for claim in runs.ledger.claims.claim(NEW_TASKS):
            if poison in {subject.id for subject in claim.subjects}:
                runs.ledger.leases.take_up(claim.id, f"run-{number}")  # and there it ends
                assert (len(claim.subjects) == 1) == (number >= 2)
            else:
                runs.run(NEW_TASKS, claim)
    assert [care.states(task) for task in neighbours] == [["SENT"]] * 9
    assert care.states(poison) == ["QUEUED"]
    care.it_is(NOW + 60 * MINUTE)
    runs.ledger.doubts.set_aside_what_died()
    (row,) = care.ledger(poison)
    assert (row["state"], row["cause"], row["reason"]) == (
        "FAILED",
        "SET_ASIDE",
        "set aside: 5 runs in a row died before they were through with it",
    )
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: set aside", poison])
    for text in phones.company.accepted():
        phones.expect(text)


def test_an_outcome_ends_the_count_of_runs(care: Care, runs: Runs, phones: Phones) -> None:
    """What merely had to wait is no poison."""
    tasks = [care.a_task(care.a_nurse(), created_at=NOW)]
    phones.company.always(Refuse(401, 20003))
    for number in range(12):
        care.it_is(NOW + number * MINUTE * 2)
        runs.ledger.doubts.set_aside_what_died()
        runs.tick(NEW_TASKS)
    phones.company.always(None)
    care.it_is(NOW + 60 * MINUTE)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=tasks)


def test_a_fault_that_every_run_meets_sets_nothing_aside(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoked grant, for ten minutes: the runs fail and say so, and when it is mended the text goes out."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    with monkeypatch.context() as fault:
        fault.setattr(CareDatabase, "users", lambda *_: 1 / 0)
        for number in range(2 * MOST_RUNS):
            care.it_is(NOW + number * MINUTE)
            runs.ledger.doubts.set_aside_what_died()
            assert not any(result.success for result in runs.tick(NEW_TASKS))
    assert care.states(task) == ["QUEUED"]
    care.it_is(NOW + 60 * MINUTE)
    runs.ledger.doubts.set_aside_what_died()
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_of_a_scan_the_neighbours_of_what_kills_it_are_warned(care: Care, runs: Runs, phones: Phones) -> None:
    """The most urgent one kills scan after scan in its own step: from the third on the others come first."""
    sla = NOW + 50 * MINUTE
    created = NOW - 60 * MINUTE
    poison = care.a_task(care.a_nurse(), created_at=created, sla_due_at=sla, severity="CRITICAL")
    neighbours = [
        care.a_task(care.a_nurse(f"+1202555{1000 + n}"), created_at=created, sla_due_at=sla) for n in range(8)
    ]
    for number in range(3):
        care.it_is(NOW + 5 * number * MINUTE)
        scan = str(uuid4())
        runs.ledger.claims.claim_all(TASKS_NEAR_SLA, scan)
        for one in runs.ledger.leases.take_up_scan(scan, scan):
            assert runs.ledger.leases.take_up_one(scan, one.id)
            if one.task_id == poison:
                break  # and there it dies
            runs.ledger.leases.give_back([one], "the test sends it")
            assert runs.launch("check_sla_warnings", task_ids=[one.task_id]).success
    assert [care.states(task) for task in neighbours] == [["SENT"]] * 8
    assert care.states(poison) == ["QUEUED"]
    for text in phones.company.accepted():
        phones.expect(text)


def test_a_report_to_supervisors_that_kills_its_runs_is_not_made_anew_for_an_hour(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Its question would ask for it again and again."""
    care.a_supervisor()
    care.a_task(care.a_nurse(None), created_at=NOW)
    runs.tick(NEW_TASKS)
    for number in range(20):
        care.it_is(NOW + number * MINUTE)
        runs.ledger.doubts.set_aside_what_died()
        for claim in runs.ledger.claims.claim(UNREACHED_NURSES):
            runs.ledger.leases.take_up(claim.id, f"run-{number}")  # and there it dies
    assert care.states(kind="nurse-unreached") == ["FAILED"]
    care.it_is(NOW + 80 * MINUTE)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
