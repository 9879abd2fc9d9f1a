"""No silent hole: whoever cannot be reached is told to a supervisor, with the reason, as Dagster runs it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from care import ADMIN_PHONE, EPISODE, NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from runs import Runs, failure

from sequora_orchestration.local.twilio.scripted_answers import Answer, Refuse
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS

pytestmark = pytest.mark.usefixtures("stopped_clock")

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
GRACE = timedelta(minutes=10)


def a_task(care: Care, nurse: str | None, **columns: object) -> str:
    return care.a_task(nurse, created_at=NOW, updated_at=NOW, **columns)


@pytest.mark.parametrize(
    ("nurse", "reason"),
    [
        ({"phone": None}, "no phone number on file"),
        ({"phone": "555-CALL-ME"}, "the phone number on file has letters in it"),
        ({"active": False}, "the assigned user is not active"),
        ({"role": "PATIENT"}, "the assigned user is a patient"),
    ],
)
def test_a_nurse_who_cannot_be_texted_is_told_to_the_supervisor_at_once(
    care: Care, runs: Runs, phones: Phones, nurse: dict[str, object], reason: str
) -> None:
    """In four lines, with the reason; once, and logged."""
    supervisor = care.a_supervisor()
    task = a_task(care, care.a_nurse(**nurse))  # type: ignore[arg-type]
    runs.tick(NEW_TASKS)
    (result,) = runs.tick(UNREACHED_NURSES)
    assert result.success
    assert runs.tags(result)["sequora/task_id"] == task
    assert phones(SUPERVISOR_PHONE).received_text().body == (
        f"Nurse not reached: {reason}. Please take over or reassign. HIGH task: CHEST_PAIN, DYSPNEA\n"
        "Priority: URGENT\n"
        f"Ep ID: {EPISODE[:8]}...\n"
        f"View: https://app.example.com/tasks/{task}"
    )
    assert [str(log["nurse_id"]) for log in care.logged(task)] == [supervisor]
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_nurse_who_cannot_be_texted_and_gets_the_task_back_is_told_to_the_supervisor_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Once for each time that it becomes hers; the supervisor took it for another's meanwhile."""
    supervisor = care.a_supervisor()
    nurse, other = care.a_nurse(None), care.a_nurse()
    task = a_task(care, nurse)
    for number in range(2):
        care.it_is(NOW + 2 * number * MINUTE)
        runs.tick(NEW_TASKS)
        for _ in range(2):
            runs.tick(UNREACHED_NURSES)
        phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached", task])
        assert runs.tick(UNREACHED_NURSES) == []
        care.it_is(NOW + (2 * number + 1) * MINUTE)
        care.change_task(task, assigned_to_user_id=other)
        runs.tick(NEW_TASKS)
        phones(NURSE_PHONE).received_text(containing=[task])
        care.change_task(task, assigned_to_user_id=nurse)
    reports = [row["business_key"] for row in care.ledger(task, kind="nurse-unreached")]
    assert reports == [f"nurse-unreached:{task}:{nurse}{time}:{supervisor}" for time in ("", "#2")]


def test_a_text_that_fails_again_when_somebody_asks_for_it_by_name_is_not_reported_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It is the same task, hers for the same time: the supervisor knows."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(phone=None))
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
    care.it_is(NOW + timedelta(minutes=1))
    runs.launch("notify_nurse_task", task_ids=[task])
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_nurse_who_does_not_exist_is_told_to_the_supervisor(care: Care, runs: Runs, phones: Phones) -> None:
    """The task hangs in the air."""
    care.a_supervisor()
    a_task(care, str(uuid4()))
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: the assigned user does not exist."])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Refuse(400, 21614), "Nurse not reached: landline."),
        (Refuse(400, 21610), "Nurse not reached: opted out."),
        (Refuse(400, 21211), "Nurse not reached: the number is not valid."),
    ],
)
def test_a_nurse_whom_twilio_refuses_is_told_to_the_supervisor(
    care: Care, runs: Runs, phones: Phones, answer: Answer, reason: str
) -> None:
    """Landline, opted out, or no number."""
    care.a_supervisor()
    phones.company.always(answer, to=NURSE_PHONE)
    a_task(care, care.a_nurse())
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=[reason])


def test_a_nurse_who_has_opted_out_once_is_not_tried_again(care: Care, runs: Runs, phones: Phones) -> None:
    """The next task goes to the supervisor without a call."""
    care.a_supervisor()
    nurse = care.a_nurse()
    phones.company.script(Refuse(400, 21610), to=NURSE_PHONE)
    for _ in range(2):
        a_task(care, nurse)
        runs.tick(NEW_TASKS)
        runs.tick(UNREACHED_NURSES)
        phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: opted out."])
    assert phones(NURSE_PHONE).attempts == 1


@pytest.mark.parametrize(("severity", "grace"), [("HIGH", GRACE), (None, GRACE), ("CRITICAL", 10 * SECOND)])
def test_a_task_without_a_nurse_is_told_after_the_grace_and_not_a_second_before(
    care: Care, runs: Runs, phones: Phones, severity: str | None, grace: timedelta
) -> None:
    """Of a critical one that is short: applications assign within seconds."""
    care.a_supervisor()
    task = a_task(care, None, severity=severity)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + grace - SECOND)
    assert runs.tick(NEW_TASKS) == runs.tick(UNREACHED_NURSES) == []
    care.it_is(NOW + grace)
    runs.tick(NEW_TASKS)
    (result,) = runs.tick(UNREACHED_NURSES)
    assert result.success
    phones(SUPERVISOR_PHONE).received_text(containing=["Nobody is assigned, please assign a nurse.", task])
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_task_that_is_assigned_within_the_grace_is_told_to_its_nurse_alone(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Nothing is wrong."""
    care.a_supervisor()
    task = a_task(care, None)
    runs.tick(NEW_TASKS)
    care.change_task(task, assigned_to_user_id=care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + GRACE)
    assert runs.tick(UNREACHED_NURSES) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "RESOLVED"}, "the task is RESOLVED: nobody needs to act"),
        ({"assigned_to_user_id": None}, "the task has been assigned or reassigned meanwhile"),
    ],
)
def test_what_is_settled_between_the_claim_and_the_call_is_not_told(
    care: Care, runs: Runs, phones: Phones, change: dict[str, object], reason: str
) -> None:
    """State is read again by the run."""
    care.a_supervisor()
    task = a_task(care, care.a_nurse(None))
    runs.tick(NEW_TASKS)
    (claim,) = runs.ledger.claims.claim(UNREACHED_NURSES)
    care.change_task(task, **change)
    care.let_leases_expire()
    runs.tick(UNREACHED_NURSES)
    assert claim
    assert [row["reason"] for row in care.ledger(kind="nurse-unreached")] == [reason]
    phones(SUPERVISOR_PHONE).received_no_text()


def test_each_nurse_who_is_not_reached_is_told_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Not again for the same one's missed SLA, but for the next one's."""
    care.a_supervisor()
    task = a_task(care, care.a_nurse(None), sla_due_at=NOW)
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
    runs.tick(SLA_BREACHES)
    assert runs.tick(UNREACHED_NURSES) == []
    care.change_task(task, assigned_to_user_id=care.a_nurse("555-CALL-ME"))
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["letters"])


def test_a_nurse_who_was_reached_since_is_nobody_to_tell_of(care: Care, runs: Runs, phones: Phones) -> None:
    """Her number was corrected, and the job launched by hand, before the sensor looked."""
    care.a_supervisor()
    nurse = care.a_nurse(None)
    task = a_task(care, nurse)
    runs.tick(NEW_TASKS)
    care.rows("""UPDATE "User" SET primary_phone = :phone WHERE id = :id""", phone=NURSE_PHONE, id=nurse)
    care.it_is(NOW + SECOND)
    assert runs.launch("notify_nurse_task", task_ids=[task]).success
    phones(NURSE_PHONE).received_text()
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_supervisor_who_is_the_unreached_nurse_is_passed_over(care: Care, runs: Runs, phones: Phones) -> None:
    """The admins are told."""
    care.a_nurse(ADMIN_PHONE, role="ADMIN")
    supervisor = care.a_supervisor()
    phones.company.always(Refuse(400, 21614), to=SUPERVISOR_PHONE)
    a_task(care, supervisor)
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(ADMIN_PHONE).received_text(containing=["Nurse not reached: landline."])
    assert phones(SUPERVISOR_PHONE).attempts == 1


def test_with_nobody_to_tell_the_run_fails_with_a_sentence_and_is_tried_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Until there is somebody."""
    task = a_task(care, care.a_nurse(None))
    runs.tick(NEW_TASKS)
    (result,) = runs.tick(UNREACHED_NURSES)
    assert not result.success
    assert f"task {task}: nobody to escalate to" in failure(result)
    care.a_supervisor()
    care.it_is(NOW + timedelta(minutes=1))
    (result,) = runs.tick(UNREACHED_NURSES)
    assert result.success
    phones(SUPERVISOR_PHONE).received_text()


def test_a_run_by_hand_tells_each_supervisor_once(care: Care, runs: Runs, phones: Phones) -> None:
    """And says of a task whose nurse was reached that there is nothing to tell."""
    care.a_supervisor()
    unreached, reached = a_task(care, care.a_nurse(None)), a_task(care, care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    for _ in range(2):
        result = runs.launch("report_unreached_nurse", task_ids=[unreached, reached])
        assert result.success
    messages = [entry.user_message for entry in runs.instance.all_logs(result.run_id)]
    assert any("no message to its nurse has failed" in message and reached in message for message in messages)
    phones(SUPERVISOR_PHONE).received_text(containing=[unreached])
    assert phones(SUPERVISOR_PHONE).attempts == 1


def test_those_who_share_a_phone_are_told_once(care: Care, runs: Runs, phones: Phones) -> None:
    """It is handed on from shift to shift."""
    care.a_supervisor()
    care.a_supervisor("(202) 555-0121")
    a_task(care, care.a_nurse(None))
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
    assert phones(SUPERVISOR_PHONE).attempts == 1


def test_a_clock_of_the_application_that_is_ahead_does_not_keep_it_silent(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It wrote local time for UTC: the grace counts from when the task was seen."""
    care.a_supervisor()
    care.a_task(None, created_at=NOW, updated_at=NOW + timedelta(hours=5))
    runs.tick(NEW_TASKS)
    care.it_is(NOW + GRACE)
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nobody is assigned"])


def test_failures_from_before_this_was_live_are_left_alone(care: Care, runs: Runs) -> None:
    """Those of weeks are not reported because of an upgrade."""
    a_task(care, care.a_nurse(None))
    runs.tick(NEW_TASKS)
    care.rows("UPDATE orchestration.go_live SET workflows_live_at = :later", later=NOW + SECOND)
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_report_that_waited_for_somebody_to_tell_is_not_made_of_a_nurse_who_was_reached_since(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """By hand neither."""
    nurse = care.a_nurse(None)
    task = a_task(care, nurse)
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    care.it_is(NOW + SECOND)
    care.rows("""UPDATE "User" SET primary_phone = :phone WHERE id = :id""", phone=NURSE_PHONE, id=nurse)
    assert runs.launch("notify_nurse_task", task_ids=[task]).success
    phones(NURSE_PHONE).received_text()
    care.a_supervisor()
    care.it_is(NOW + timedelta(minutes=1))
    runs.tick(UNREACHED_NURSES)
    assert runs.launch("report_unreached_nurse", task_ids=[task]).success
    phones(SUPERVISOR_PHONE).received_no_text()
    assert care.states(kind="nurse-unreached") == ["CANCELLED"]
