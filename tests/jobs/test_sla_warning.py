"""The warning before an SLA is missed: who is warned, when, and once, as Dagster runs it."""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from care import EPISODE, NOW, NURSE_PHONE, Care
from dagster import (
    DagsterInstance,
    ExecuteInProcessResult,
    JobDefinition,
    ReexecutionOptions,
    execute_job,
    reconstructable,
)
from phones import Phones
from runs import Runs, failure, metadata

from sequora_orchestration.definitions import defs
from sequora_orchestration.ledger.leases import SCAN_LEASE
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import MANY
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetBeforeAccepting
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA

pytestmark = pytest.mark.usefixtures("stopped_clock")

SECOND = timedelta(seconds=1)
WINDOW = timedelta(hours=1)


def a_task(care: Care, sla_due_at: datetime, nurse: str | None = None, **columns: object) -> str:
    return care.a_task(nurse or care.a_nurse(), sla_due_at=sla_due_at, created_at=NOW - WINDOW, **columns)


def warnings(result: ExecuteInProcessResult) -> list[str]:
    """Return the steps that a scan had, one for each task."""
    return [
        event.step_key or "" for event in result.get_step_success_events() if (event.step_key or "").startswith("warn[")
    ]


def scan(runs: Runs, **config: object) -> ExecuteInProcessResult:
    result = runs.launch("check_sla_warnings", **config)
    assert result.success
    return result


def test_the_nurse_is_warned_once_in_a_step_of_the_task(care: Care, runs: Runs, phones: Phones) -> None:
    """Four lines, logged like every text; the run of one task has its tags."""
    task = a_task(care, NOW + timedelta(minutes=42))
    result = scan(runs)
    step = f"warn[{task.replace('-', '_')}]"
    assert warnings(result) == [step]
    assert metadata(result, step)["state"] == "SENT"
    assert runs.tags(result) == {"sequora/task_id": task, "sequora/episode_id": EPISODE, "sequora/severity": "HIGH"}
    assert phones(NURSE_PHONE).received_text().body == (
        "SLA in 42 min, please act. HIGH task: CHEST_PAIN, DYSPNEA\n"
        "Priority: URGENT\n"
        f"Ep ID: {EPISODE[:8]}...\n"
        f"View: https://app.example.com/tasks/{task}"
    )
    assert len(care.logged(task)) == 1
    assert warnings(scan(runs)) == []


@pytest.mark.parametrize(
    ("sla_due_at", "warned"),
    [(NOW - SECOND, 0), (NOW, 0), (NOW + SECOND, 1), (NOW + WINDOW, 1), (NOW + WINDOW + SECOND, 0)],
)
def test_the_window_is_open_before_the_sla_and_closed_behind_it(
    care: Care, runs: Runs, phones: Phones, sla_due_at: datetime, warned: int
) -> None:
    """One second before and after each of its ends."""
    a_task(care, sla_due_at)
    assert len(warnings(scan(runs))) == warned
    for _ in range(warned):
        phones(NURSE_PHONE).received_text()


def test_nobody_is_warned_before_half_of_the_tasks_time_is_over(care: Care, runs: Runs, phones: Phones) -> None:
    """Of an SLA that is shorter than the window she would be warned with the first scan."""
    task = care.a_task(care.a_nurse(), created_at=NOW, sla_due_at=NOW + timedelta(minutes=30))
    care.it_is(NOW + timedelta(minutes=15) - SECOND)
    assert warnings(scan(runs)) == []
    care.it_is(NOW + timedelta(minutes=15))
    assert len(warnings(scan(runs))) == 1
    phones(NURSE_PHONE).received_text(containing=["SLA in 15 min", task])


def test_a_person_who_names_a_task_need_not_wait_for_the_half(care: Care, runs: Runs, phones: Phones) -> None:
    """Only for the window."""
    task = care.a_task(care.a_nurse(), created_at=NOW, sla_due_at=NOW + timedelta(minutes=30))
    assert len(warnings(scan(runs, task_ids=[task]))) == 1
    phones(NURSE_PHONE).received_text(containing=["SLA in 30 min", task])


@pytest.mark.parametrize("status", ["RESOLVED", "CANCELLED"])
def test_nobody_is_warned_of_a_closed_task(care: Care, runs: Runs, status: str) -> None:
    """There is nothing left to do."""
    a_task(care, NOW + timedelta(minutes=5), status=status)
    assert warnings(scan(runs)) == []


@pytest.mark.parametrize("sla_due_at", ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC", None])
def test_a_task_without_a_possible_sla_stops_no_other(
    care: Care, runs: Runs, phones: Phones, sla_due_at: str | None
) -> None:
    """It is never near, nor missed."""
    odd = a_task(care, NOW, care.a_nurse("+12025550102"))
    care.rows('UPDATE "EscalationTask" SET sla_due_at = CAST(:at AS timestamptz)', at=sla_due_at)
    a_task(care, NOW + timedelta(minutes=5))
    assert len(warnings(scan(runs))) == 1
    phones(NURSE_PHONE).received_text()
    assert metadata(scan(runs, task_ids=[odd]), f"warn[{odd.replace('-', '_')}]")["reason"] == (
        "the task has no SLA time"
    )


def test_a_moved_sla_warns_again(care: Care, runs: Runs, phones: Phones) -> None:
    """Once for each time that it had."""
    task = a_task(care, NOW + timedelta(minutes=42))
    scan(runs)
    phones(NURSE_PHONE).received_text(containing=["SLA in 42 min"])
    care.change_task(task, sla_due_at=NOW + timedelta(minutes=50))
    scan(runs)
    phones(NURSE_PHONE).received_text(containing=["SLA in 50 min"])
    care.change_task(task, sla_due_at=NOW + timedelta(minutes=42))
    assert warnings(scan(runs)) == []


def test_a_missed_scan_is_made_up_by_the_next(care: Care, runs: Runs, phones: Phones) -> None:
    """Also after an outage of almost the whole window."""
    a_task(care, NOW + WINDOW)
    care.it_is(NOW + WINDOW - timedelta(minutes=3))
    scan(runs)
    phones(NURSE_PHONE).received_text(containing=["SLA in 3 min"])


def test_a_scan_that_died_is_made_up_by_the_next(care: Care, runs: Runs, phones: Phones, ledger: Ledger) -> None:
    """Its claim has expired by then."""
    a_task(care, NOW + WINDOW)
    ledger.claims.claim_all(TASKS_NEAR_SLA, str(uuid4()))
    assert warnings(scan(runs)) == []
    assert timedelta(minutes=5).total_seconds() > SCAN_LEASE
    care.it_is(NOW + timedelta(minutes=5))
    scan(runs)
    phones(NURSE_PHONE).received_text()


def test_two_scans_at_once_warn_once(care: Care, runs: Runs, phones: Phones, ledger: Ledger) -> None:
    """What one has claimed the other does not find."""
    tasks = {a_task(care, NOW + timedelta(minutes=5)) for _ in range(3)}
    first = {subject.id for subject in ledger.claims.claim_all(TASKS_NEAR_SLA, str(uuid4()))}
    assert first == tasks
    assert warnings(scan(runs)) == []
    phones(NURSE_PHONE).received_no_text()


def test_hundreds_are_warned_in_one_scan_the_most_severe_first(care: Care, runs: Runs, phones: Phones) -> None:
    """Each in a step of its own."""
    care.rows(
        """INSERT INTO "EscalationTask" (severity, assigned_to_user_id, sla_due_at, created_at)
           SELECT (ARRAY['LOW', 'CRITICAL', 'MODERATE', 'HIGH'])[1 + number % 4], :nurse, :sla, :created
           FROM generate_series(1, 200) AS number""",
        nurse=care.a_nurse(),
        sla=NOW + timedelta(minutes=10),
        created=NOW - WINDOW,
    )
    result = scan(runs)
    assert len(warnings(result)) == 200
    assert runs.tags(result) == {"sequora/batch": "200"}
    texts = phones.company.accepted(NURSE_PHONE)
    for text in texts:
        phones.expect(text)
    severities = [text.body.split()[6] for text in texts]
    assert severities == ["CRITICAL"] * 50 + ["HIGH"] * 50 + ["MODERATE"] * 50 + ["LOW"] * 50
    assert warnings(scan(runs)) == []


@pytest.mark.parametrize("count", [MANY, MANY + 1])
def test_only_the_steps_of_a_small_scan_tell_their_story(care: Care, runs: Runs, phones: Phones, count: int) -> None:
    """In a big one it would be a statement more between any two texts."""
    nurse = care.a_nurse()
    for _ in range(count):
        a_task(care, NOW + timedelta(minutes=5), nurse)
    result = scan(runs)
    for _ in range(count):
        phones(NURSE_PHONE).received_text()
    assert {"timeline" in metadata(result, step) for step in warnings(result)} == {count == MANY}


def test_one_bad_task_fails_in_its_step_and_stops_no_other(care: Care, runs: Runs, phones: Phones) -> None:
    """It ends with a sentence."""
    bad = a_task(care, NOW + timedelta(minutes=5), care.a_nurse("555-CALL-ME"))
    a_task(care, NOW + timedelta(minutes=5))
    result = scan(runs)
    assert len(warnings(result)) == 2
    assert "letters" in str(metadata(result, f"warn[{bad.replace('-', '_')}]")["reason"])
    phones(NURSE_PHONE).received_text()
    assert warnings(scan(runs)) == []


def test_a_task_that_is_given_to_another_nurse_after_a_failed_warning_is_warned_of(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """She can be reached."""
    task = a_task(care, NOW + timedelta(minutes=5), care.a_nurse("555-CALL-ME"))
    scan(runs)
    care.change_task(task, assigned_to_user_id=care.a_nurse())
    scan(runs)
    phones(NURSE_PHONE).received_text(containing=[task])


def test_a_step_tries_again_what_certainly_did_not_go_out(care: Care, runs: Runs, phones: Phones) -> None:
    """With the brief's retries, in the step of its task."""
    task = a_task(care, NOW + timedelta(minutes=5))
    phones.company.script(Refuse(429, 20429), Refuse(429, 20429), to=NURSE_PHONE)
    result = scan(runs)
    retries = [event for event in result.all_events if event.is_step_up_for_retry]
    assert [event.step_key for event in retries] == [f"warn[{task.replace('-', '_')}]"] * 2
    phones(NURSE_PHONE).received_text()
    assert phones(NURSE_PHONE).attempts == 3


def test_a_warning_in_doubt_is_not_sent_again(care: Care, runs: Runs, phones: Phones) -> None:
    """By no later scan."""
    a_task(care, NOW + timedelta(minutes=5))
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    scan(runs)
    care.let_leases_expire()
    assert warnings(scan(runs)) == []
    assert care.states() == ["IN_DOUBT"]
    assert phones(NURSE_PHONE).attempts == 1


def test_a_scan_of_named_tasks_looks_at_no_other(care: Care, runs: Runs, phones: Phones) -> None:
    """Whether they are near is asked of each; nobody is warned twice."""
    near, other = a_task(care, NOW + timedelta(minutes=5)), a_task(care, NOW + timedelta(minutes=5))
    missed = a_task(care, NOW - SECOND)
    for _ in range(2):
        scan(runs, task_ids=[near, missed])
    phones(NURSE_PHONE).received_text(containing=[near])
    assert phones(NURSE_PHONE).attempts == 1
    assert care.states(other) == []
    assert next(row["reason"] for row in care.ledger(missed)).startswith("the SLA time has passed")


def test_an_id_that_names_no_task_fails_the_run_with_a_sentence(care: Care, runs: Runs) -> None:
    """It names the table and the id."""
    assert care
    nothing = str(uuid4())
    result = runs.launch("check_sla_warnings", task_ids=[nothing])
    assert not result.success
    assert f"no task has the id {nothing}" in failure(result)


def test_a_task_whose_sla_was_moved_while_its_warning_waited_stops_no_other(
    care: Care, runs: Runs, phones: Phones, ledger: Ledger
) -> None:
    """The scan finds it twice; both have their step, and one of them ends."""
    task = a_task(care, NOW + timedelta(minutes=50))
    ledger.claims.claim_all(TASKS_NEAR_SLA, str(uuid4()))
    care.let_leases_expire()
    care.change_task(task, sla_due_at=NOW + timedelta(minutes=55))
    a_task(care, NOW + timedelta(minutes=5), care.a_nurse("+12025550102"))
    assert len(warnings(scan(runs))) == 3
    phones(NURSE_PHONE).received_text(containing=["SLA in 55 min"])
    phones("+12025550102").received_text()
    assert sorted(care.states(task)) == ["CANCELLED", "SENT"]


@pytest.mark.usefixtures("environment")
def test_steps_whose_texts_are_kept_back_say_so_and_the_next_scan_warns(
    care: Care, phones: Phones, tmp_path: Path
) -> None:
    """Our credentials were refused: one step fails for it, and none of the others is green without a warning."""
    tasks = [a_task(care, NOW + timedelta(minutes=5)) for _ in range(3)]
    phones.company.always(Refuse(401, 20003))
    job = reconstructable(check_sla_warnings_of_the_definitions)
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        first = execute_job(job, instance=instance)
        failed = [event for event in first.all_events if event.event_type_value == "STEP_FAILURE"]
        assert len(failed) == 1
        logs = [entry.user_message for entry in instance.all_logs(first.run_id)]
        assert len([line for line in logs if line.startswith("texts wait in the ledger: ")]) == 2
        phones.company.always(None)
        care.let_leases_expire()
        care.let_the_trial_come()
        again = execute_job(
            job, instance=instance, reexecution_options=ReexecutionOptions.from_failure(first.run_id, instance)
        )
        assert again.success
        assert execute_job(job, instance=instance).success
    for task in tasks:
        phones(NURSE_PHONE).received_text(containing=[task])


def check_sla_warnings_of_the_definitions() -> JobDefinition:
    return defs.get_job_def("check_sla_warnings")


def test_a_warning_that_is_asked_for_too_early_is_not_given(care: Care, runs: Runs, phones: Phones) -> None:
    """It would be missing when its time has come."""
    task = a_task(care, NOW + WINDOW + SECOND)
    result = scan(runs, task_ids=[task])
    assert warnings(result) == []
    messages = [entry.user_message for entry in runs.instance.all_logs(result.run_id)]
    assert any("its SLA is not near yet" in message and task in message for message in messages)
    care.it_is(NOW + SECOND)
    scan(runs)
    phones(NURSE_PHONE).received_text()
