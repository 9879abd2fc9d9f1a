"""The main job, as Dagster runs it: real ops, a real Postgres, a real HTTP Twilio."""

from datetime import timedelta
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
from runs import Runs, metadata
from sqlalchemy import create_engine

from sequora_orchestration.definitions import defs
from sequora_orchestration.delivery import prepare
from sequora_orchestration.delivery.delivery import WAITS
from sequora_orchestration.domain import phone_number
from sequora_orchestration.ledger.claims import BATCH
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.twilio.scripted_answers import (
    ErrorAfterAccepting,
    Garbage,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.messages.task_created import NEW_TASKS

pytestmark = pytest.mark.usefixtures("environment")


def run_by_hand(runs: Runs, *tasks: str) -> ExecuteInProcessResult:
    """Run the job as a person launches it."""
    return runs.launch("notify_nurse_task", task_ids=list(tasks))


def test_the_nurse_is_texted_and_it_is_logged(care: Care, ledger: Ledger, phones: Phones, runs: Runs) -> None:
    """The contract's four lines reach her phone; ledger and log say so."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert runs.run(NEW_TASKS, claim).success
    assert phones(NURSE_PHONE).received_text().body == (
        "🚨 New HIGH task: CHEST_PAIN, DYSPNEA\n"
        "Priority: URGENT\n"
        f"Ep ID: {EPISODE[:8]}...\n"
        f"View: https://app.example.com/tasks/{task}"
    )
    assert care.history(task) == ["QUEUED", "SENDING", "SENT"]
    assert len(care.logged(task)) == 1


def test_the_steps_show_what_they_did_and_no_names_or_numbers(care: Care, phones: Phones, runs: Runs) -> None:
    """Counts, ids, states and SIDs as metadata; nothing else in any event."""
    good, bad = care.a_nurse(first_name="Marked-Name"), care.a_nurse("555-CALL-ME", last_name="Marked-Name")
    sent, failed = care.a_task(good), care.a_task(bad)
    result = run_by_hand(runs, sent, failed)
    text = phones(NURSE_PHONE).received_text()
    assert metadata(result, "fetch_task") == {"taken up": 2, "go on": 2}
    assert metadata(result, "fetch_nurse")["go on"] == 1
    assert {"SENT": 1, "FAILED": 1, "logged": 1}.items() <= metadata(result, "send_sms").items()
    everything = repr(result.all_events) + repr(runs.instance.all_logs(result.run_id)) + repr(result.dagster_run)
    assert sent in everything
    assert text.sid in everything
    for secret in ("Marked-Name", NURSE_PHONE, NURSE_PHONE[-7:], "CALL-ME", "New HIGH task"):
        assert secret not in everything


def test_a_run_launched_by_hand_is_tagged_like_a_sensors(care: Care, phones: Phones, runs: Runs) -> None:
    """All runs about one task are found by its tag."""
    task = care.a_task(care.a_nurse())
    result = run_by_hand(runs, task)
    phones(NURSE_PHONE).received_text()
    stored = runs.instance.get_run_by_id(result.run_id)
    assert stored
    tags = {name: value for name, value in stored.tags.items() if name.startswith("sequora/")}
    assert tags == {"sequora/task_id": task, "sequora/episode_id": EPISODE, "sequora/severity": "HIGH"}


def test_launching_twice_texts_once(care: Care, phones: Phones, runs: Runs) -> None:
    """The second run says that the nurse has been told."""
    task = care.a_task(care.a_nurse())
    assert run_by_hand(runs, task).success
    assert run_by_hand(runs, task).success
    phones(NURSE_PHONE).received_text()
    assert phones(NURSE_PHONE).attempts == 1


@pytest.mark.parametrize("launched_by", ["a sensor", "hand"])
def test_executing_a_finished_run_again_texts_nobody(
    care: Care, ledger: Ledger, phones: Phones, launched_by: str, tmp_path: object
) -> None:
    """From the UI, all steps or from a chosen one."""
    task = care.a_task(care.a_nurse())
    config = {"task_ids": [task]}
    tags = {"dagster/run_key": ledger.claims.claim(NEW_TASKS)[0].id} if launched_by == "a sensor" else {}
    job = reconstructable(notify_nurse_task_of_the_definitions)
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        first = execute_job(job, instance=instance, run_config=config, tags=tags)
        for steps_again in ([], ["send_sms*"]):
            again = execute_job(
                job,
                instance=instance,
                run_config=config,
                reexecution_options=ReexecutionOptions(first.run_id, step_selection=steps_again),
            )
            assert again.success
    phones(NURSE_PHONE).received_text()
    assert phones(NURSE_PHONE).attempts == 1


def test_executing_a_failed_run_again_tries_what_failed_and_nothing_else(
    care: Care, ledger: Ledger, phones: Phones, tmp_path: object
) -> None:
    """A person has corrected the phone; the neighbour who was told is left alone."""
    good, bad = care.a_nurse(), care.a_nurse("555-CALL-ME")
    told, failed = care.a_task(good), care.a_task(bad)
    job = reconstructable(notify_nurse_task_of_the_definitions)
    config = {"task_ids": [told, failed]}
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        first = execute_job(job, instance=instance, run_config=config)
        care.rows("""UPDATE "User" SET primary_phone = '+12025550102' WHERE id = :id""", id=bad)
        assert ledger.claims.claim(NEW_TASKS) == []
        options = ReexecutionOptions(first.run_id)
        assert execute_job(job, instance=instance, run_config=config, reexecution_options=options).success
    phones("+12025550102").received_text()
    phones(NURSE_PHONE).received_text()
    assert phones(NURSE_PHONE).attempts == 1
    assert care.states(failed) == ["FAILED", "SENT"]


def notify_nurse_task_of_the_definitions() -> JobDefinition:
    """Return the job with its resources, as a worker loads it."""
    return defs.get_job_def("notify_nurse_task")


def test_a_run_whose_rows_were_taken_over_texts_nobody(care: Care, ledger: Ledger, phones: Phones, runs: Runs) -> None:
    """It was queued for too long; another run has done its work."""
    care.a_task(care.a_nurse())
    (late,) = ledger.claims.claim(NEW_TASKS)
    care.let_leases_expire()
    (prompt,) = ledger.claims.claim(NEW_TASKS)
    assert runs.run(NEW_TASKS, prompt).success
    assert runs.run(NEW_TASKS, late).success
    phones(NURSE_PHONE).received_text()
    assert phones(NURSE_PHONE).attempts == 1


@pytest.mark.parametrize(
    ("nurse", "task", "state", "sentence"),
    [
        ({}, {"status": "RESOLVED"}, "CANCELLED", "RESOLVED"),
        ({}, {"status": "CANCELLED"}, "CANCELLED", "CANCELLED"),
        ({"active": False}, {}, "FAILED", "not active"),
        ({"role": "PATIENT"}, {}, "FAILED", "patient"),
        ({"phone": None}, {}, "FAILED", "no phone number"),
        ({"phone": " "}, {}, "FAILED", "no phone number"),
        ({"phone": "555-CALL-ME"}, {}, "FAILED", "letters"),
        ({"phone": "12"}, {}, "FAILED", "too short"),
        ({"phone": "+15005550001"}, {}, "FAILED", "not valid"),
        ({"phone": "+15005550009"}, {}, "FAILED", "landline"),
        ({"phone": "+15005550004"}, {}, "FAILED", "opted out"),
    ],
)
def test_a_bad_row_ends_in_a_state_with_a_sentence_and_stops_no_neighbour(
    care: Care,
    phones: Phones,
    runs: Runs,
    nurse: dict[str, str],
    task: dict[str, str],
    state: str,
    sentence: str,
) -> None:
    """Whatever is wrong with one of a run, the other is texted."""
    bad = care.a_task(care.a_nurse(**nurse), **task)
    good = care.a_task(care.a_nurse("+12025550102"), severity="LOW")
    assert run_by_hand(runs, bad, good).success
    (row,) = care.ledger(bad)
    assert (row["state"], sentence in row["reason"]) == (state, True), row["reason"]
    phones("+12025550102").received_text()
    assert care.states(good) == ["SENT"]


@pytest.mark.parametrize("assignee", [None, "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_a_task_without_a_nurse_ends_in_a_sentence_and_goes_out_when_it_has_one(
    care: Care, ledger: Ledger, phones: Phones, runs: Runs, assignee: str | None
) -> None:
    """Nobody is assigned, or somebody who does not exist."""
    task = care.a_task(assignee)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert runs.run(NEW_TASKS, claim).success
    (row,) = care.ledger(task)
    assert row["state"] == ("FAILED" if assignee else "SCHEDULED")
    assert "assign" in row["reason"]
    care.change_task(task, assigned_to_user_id=care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert runs.run(NEW_TASKS, claim).success
    phones(NURSE_PHONE).received_text()


@pytest.mark.parametrize("change", ["deleted", "resolved", "reassigned"])
def test_a_task_that_changes_between_claim_and_send_is_not_texted(
    care: Care, ledger: Ledger, phones: Phones, runs: Runs, change: str
) -> None:
    """State is read again; what is no longer wanted is cancelled, with the reason."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    match change:
        case "deleted":
            care.rows('DELETE FROM "EscalationTask"')
        case "resolved":
            care.change_task(task, status="RESOLVED")
        case "reassigned":
            care.change_task(task, assigned_to_user_id=care.a_nurse("+12025550102"))
    assert runs.run(NEW_TASKS, claim).success
    assert phones(NURSE_PHONE).attempts == 0
    (row,) = care.ledger(task)
    assert row["state"] == "CANCELLED"
    assert row["reason"]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"severity": None}, "🚨 New UNSPECIFIED task: CHEST_PAIN, DYSPNEA"),
        ({"reason_codes": None}, "🚨 New HIGH task: UNSPECIFIED"),
        ({"reason_codes": []}, "🚨 New HIGH task: UNSPECIFIED"),
        ({"priority": None}, "Priority: UNSPECIFIED"),
        ({"episode_id": None}, "Ep ID: UNSPECIFIED"),
    ],
)
def test_where_only_decoration_is_missing_the_text_goes_out(
    care: Care, phones: Phones, runs: Runs, columns: dict[str, object], line: str
) -> None:
    """What is missing is said in its place."""
    task = care.a_task(care.a_nurse(), **columns)
    assert run_by_hand(runs, task).success
    phones(NURSE_PHONE).received_text(containing=[line])


@pytest.mark.parametrize("phone", ["(202) 555-0101", "202.555.0101", "+1 202 555 0101", "1-202-555-0101"])
def test_a_phone_in_a_national_format_is_texted(care: Care, phones: Phones, runs: Runs, phone: str) -> None:
    """However it was typed in."""
    assert run_by_hand(runs, care.a_task(care.a_nurse(phone))).success
    phones(NURSE_PHONE).received_text()


def test_text_ids_enums_and_json_reason_codes_are_served(
    care: Care, ledger: Ledger, phones: Phones, runs: Runs
) -> None:
    """Schemas differ; the whole way works on another one."""
    care.alter(
        'ALTER TABLE "EscalationTask" ALTER id TYPE text, ALTER id DROP DEFAULT, ALTER episode_id TYPE text,'
        " ALTER assigned_to_user_id TYPE text, ALTER reason_codes TYPE jsonb USING to_jsonb(reason_codes)",
        'ALTER TABLE "User" ALTER id TYPE text, ALTER id DROP DEFAULT',
        'ALTER TABLE "NotificationLog" ALTER task_id TYPE text, ALTER nurse_id TYPE text',
        "CREATE TYPE severity AS ENUM ('LOW', 'MODERATE', 'HIGH', 'CRITICAL')",
        "CREATE TYPE priority AS ENUM ('LOW', 'NORMAL', 'HIGH', 'URGENT')",
        "CREATE TYPE status AS ENUM ('OPEN', 'IN_PROGRESS', 'RESOLVED', 'CANCELLED')",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER severity TYPE severity USING severity::severity,'
        " ALTER priority TYPE priority USING priority::priority, ALTER status TYPE status USING status::status",
    )
    nurse = care.a_nurse(id='nurse "7", {x}')
    care.rows(
        """INSERT INTO "EscalationTask" VALUES
           ('task/7?', 'ep-7', 'CRITICAL', 'HIGH', '["FEVER", "PAIN"]', 'OPEN', NULL, :nurse)""",
        nurse=nurse,
    )
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert runs.run(NEW_TASKS, claim).success
    phones(NURSE_PHONE).received_text(
        containing=["New CRITICAL task: FEVER, PAIN\n", "Ep ID: ep-7...\n", "/tasks/task%2F7%3F"]
    )
    assert len(care.logged("task/7?")) == 1


def test_a_transient_refusal_is_tried_again_for_those_that_have_not_gone_out(
    care: Care, phones: Phones, runs: Runs
) -> None:
    """The neighbours of a busy one are not touched again."""
    busy, quiet = care.a_task(care.a_nurse()), care.a_task(care.a_nurse("+12025550102"))
    phones.company.script(Refuse(429, 20429), Refuse(429, 20429), to=NURSE_PHONE)
    assert run_by_hand(runs, busy, quiet).success
    phones(NURSE_PHONE).received_text()
    phones("+12025550102").received_text()
    assert (phones(NURSE_PHONE).attempts, phones("+12025550102").attempts) == (3, 1)
    assert care.history(busy) == ["QUEUED", "SENDING", "QUEUED", "SENDING", "QUEUED", "SENDING", "SENT"]


def test_after_four_transient_refusals_the_text_waits_in_the_ledger(care: Care, phones: Phones, runs: Runs) -> None:
    """The first try plus three; the run says that it could not be sent."""
    task = care.a_task(care.a_nurse())
    phones.company.always(Refuse(429, 20429))
    assert not run_by_hand(runs, task).success
    assert phones(NURSE_PHONE).attempts == 4
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"], row["provider_code"]) == ("QUEUED", 3, 20429)
    assert row["reason"] == "too many requests"


def test_the_waits_between_attempts_are_one_two_and_four_seconds() -> None:
    """What the retries ask for is what was promised."""
    assert WAITS == (1, 2, 4)


@pytest.mark.parametrize("answer", [ResetBeforeAccepting(), ResetAfterAccepting(), ErrorAfterAccepting(500), Garbage()])
def test_an_unclear_outcome_is_set_aside_and_never_sent_again_blindly(
    care: Care, ledger: Ledger, phones: Phones, runs: Runs, answer: object
) -> None:
    """Neither by the run's retries, nor by a sensor, nor by hand."""
    task = care.a_task(care.a_nurse())
    phones.company.script(answer)  # type: ignore[arg-type]
    assert run_by_hand(runs, task).success
    assert care.states(task) == ["IN_DOUBT"]
    care.let_leases_expire()
    assert ledger.claims.claim(NEW_TASKS) == []
    run_by_hand(runs, task)
    assert phones(NURSE_PHONE).attempts == 1
    if phones(NURSE_PHONE).texts:
        phones(NURSE_PHONE).received_text()


def test_a_configuration_error_burns_no_attempts_and_the_rows_go_out_when_it_is_mended(
    care: Care, ledger: Ledger, phones: Phones, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails with a sentence; the rows wait."""
    monkeypatch.setenv("SEQUORA_TEXTS_AT_A_TIME", "8")
    tasks = [care.a_task(care.a_nurse(f"+12025550{number:03}")) for number in range(100, 120)]
    phones.company.always(Refuse(401, 20003))
    (claim,) = ledger.claims.claim(NEW_TASKS)
    result = runs.run(NEW_TASKS, claim)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    assert "auth token" in str(failure.step_failure_data.user_failure_data)
    assert {(row["state"], row["attempts"]) for row in care.ledger()} == {("QUEUED", 0)}
    assert sum(len(phones.company.attempts(f"+12025550{number:03}")) for number in range(100, 120)) <= 8
    care.let_leases_expire()
    assert ledger.claims.claim(NEW_TASKS) == []
    phones.company.always(None)
    care.let_the_trial_come()
    (trial,) = ledger.claims.claim(NEW_TASKS)
    assert len(trial.subjects) == 1
    assert runs.run(NEW_TASKS, trial).success
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert len(claim.subjects) == 19
    assert runs.run(NEW_TASKS, claim).success
    for number in range(100, 120):
        phones(f"+12025550{number:03}").received_text()
    assert {care.states(task)[0] for task in tasks} == {"SENT"}


def test_a_mistake_in_a_rule_ends_one_message_alone(
    care: Care, phones: Phones, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises, the neighbours go out."""
    unlucky, lucky = care.a_task(care.a_nurse()), care.a_task(care.a_nurse("+12025550102"))
    original = phone_number.e164

    def mistaken(typed: str | None) -> str:
        if typed == NURSE_PHONE:
            raise ZeroDivisionError(typed)
        return original(typed)

    monkeypatch.setattr(prepare, "e164", mistaken)
    assert run_by_hand(runs, unlucky, lucky).success
    phones("+12025550102").received_text()
    (row,) = care.ledger(unlucky)
    assert (row["state"], "ZeroDivisionError" in row["reason"]) == ("FAILED", True)


def test_the_critical_ones_leave_first(care: Care, ledger: Ledger, phones: Phones, runs: Runs) -> None:
    """A hundred of mixed severity in one insert: each severity is out before the next begins."""
    care.a_nurse(id=(nurse := str(uuid4())))
    care.rows(
        """INSERT INTO "EscalationTask" (severity, assigned_to_user_id)
           SELECT (ARRAY['LOW', 'CRITICAL', 'MODERATE', 'HIGH'])[1 + number % 4], :nurse
           FROM generate_series(1, 100) AS number""",
        nurse=nurse,
    )
    while claims := ledger.claims.claim(NEW_TASKS):
        for claim in claims:
            assert len(claim.subjects) <= BATCH
            assert runs.run(NEW_TASKS, claim).success
    texts = phones.company.accepted(NURSE_PHONE)
    for text in texts:
        phones.expect(text)
    assert [text.body.split()[2] for text in texts] == ["CRITICAL"] * 25 + ["HIGH"] * 25 + ["MODERATE"] * 25 + [
        "LOW"
    ] * 25


def test_ids_may_be_typed_in_capitals(care: Care, phones: Phones, runs: Runs) -> None:
    """They name the same row."""
    task = care.a_task(care.a_nurse())
    assert run_by_hand(runs, task.upper()).success
    phones(NURSE_PHONE).received_text(containing=[task])


def test_a_late_run_about_a_reassigned_task_does_not_say_that_there_is_none(
    care: Care, ledger: Ledger, phones: Phones, runs: Runs
) -> None:
    """Its claim was taken over, and the task has another nurse by now."""
    task = care.a_task(care.a_nurse())
    (late,) = ledger.claims.claim(NEW_TASKS)
    care.let_leases_expire()
    (prompt,) = ledger.claims.claim(NEW_TASKS)
    assert runs.run(NEW_TASKS, prompt).success
    care.change_task(task, assigned_to_user_id=care.a_nurse("+12025550102"))
    assert runs.run(NEW_TASKS, late).success
    phones(NURSE_PHONE).received_text()
    assert phones("+12025550102").attempts == 0


def test_one_refused_log_row_stops_no_other_and_is_made_up_for(care: Care, phones: Phones, runs: Runs) -> None:
    """The run fails where a person sees it; executed by hand again it logs, and texts nobody."""
    unlucky, lucky = care.a_nurse(), care.a_nurse("+12025550102")
    tasks = [care.a_task(unlucky), care.a_task(lucky)]
    care.rows(f"""ALTER TABLE "NotificationLog" ADD CONSTRAINT closed CHECK (nurse_id <> '{unlucky}')""")
    result = run_by_hand(runs, *tasks)
    assert not result.success
    assert [len(care.logged(task)) for task in tasks] == [0, 1]
    care.rows('ALTER TABLE "NotificationLog" DROP CONSTRAINT closed')
    assert run_by_hand(runs, *tasks).success
    assert [len(care.logged(task)) for task in tasks] == [1, 1]
    for phone in (NURSE_PHONE, "+12025550102"):
        phones(phone).received_text()
        assert phones(phone).attempts == 1


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(
    "lock", ["SELECT FROM \"EscalationTask\" WHERE id = '{task}' FOR UPDATE", 'LOCK TABLE "NotificationLog"']
)
def test_a_lock_on_the_applications_log_holds_up_no_text_and_the_next_scan_writes_the_row(
    care: Care, care_url: str, phones: Phones, runs: Runs, lock: str
) -> None:
    """On the table, or on the task that a row refers to. Until it is written it is shown, receipt or not."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    other = care.a_task(care.a_nurse("+12025550102"), created_at=NOW)
    care.rows('ALTER TABLE "NotificationLog" ADD FOREIGN KEY (task_id) REFERENCES "EscalationTask"')
    hanging = create_engine(care_url)
    with hanging.connect() as session:
        session.exec_driver_sql(lock.format(task=task))
        assert [run.success for run in runs.tick(NEW_TASKS)] == [True, True]
        phones(NURSE_PHONE).received_text(containing=[task])
        phones("+12025550102").received_text(containing=[other])
        assert care.states() == ["SENT", "SENT"]
        care.it_is(NOW + timedelta(minutes=1))
        assert runs.launch("check_sla_warnings").success
        assert task in {one.task_id for one in runs.ledger.overview.figures().set_aside}
    hanging.dispose()
    care.rows("UPDATE orchestration.notification SET state = 'DELIVERED'")
    assert task in {one.task_id for one in runs.ledger.overview.figures().set_aside}
    assert runs.launch("check_sla_warnings").success
    assert [len(care.logged(one)) for one in (task, other)] == [1, 1]
    assert not runs.ledger.overview.figures().set_aside


def test_ids_that_name_nothing_are_said_and_stop_nobody(care: Care, phones: Phones, runs: Runs) -> None:
    """Among others; alone, the run fails with the sentence."""
    task, nothing = care.a_task(care.a_nurse()), str(uuid4())
    assert run_by_hand(runs, task, nothing, "no id at all", "9" * 30, "a\x00b", "\udcff").success
    phones(NURSE_PHONE).received_text()
    alone = run_by_hand(runs, nothing)
    assert not alone.success
    (failure,) = [event for event in alone.all_events if event.event_type_value == "STEP_FAILURE"]
    assert nothing in str(failure.step_failure_data.user_failure_data)
