"""The workflows on the tables that Sequora's own application has, under row level security and with the least role."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from care import ADMIN_PHONE, NOW, NURSE_PHONE, PATIENT_PHONE
from least_rights import as_role, make_role
from phones import Phones
from running_system import eventually
from runs import Runs
from sequora_care import SequoraCare
from sqlalchemy import text

from sequora_orchestration.ledger import tellings
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Claim
from sequora_orchestration.local.twilio.scripted_answers import ResetAfterAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import doubtful_texts, texts_without_receipt

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

OTHER_PHONE = "+12025550102"


@pytest.fixture
def care(sequora_care: SequoraCare) -> SequoraCare:
    """The application, whose clock stands still."""
    sequora_care.it_is(NOW)
    return sequora_care


@pytest.fixture
def care_url(sequora_care_url: str, care: SequoraCare) -> str:
    """The same database as the running system sees it, under its role."""
    make_role(care.engine)
    return as_role(sequora_care_url)


def test_a_nurses_text_is_logged_when_it_is_accepted_and_when_it_arrives(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """With what it said and the provider's id; PENDING is skipped."""
    phones.company.seconds_per_status = 0
    nurse = care.a_nurse()
    task = care.a_task(nurse, created_at=NOW)
    (result,) = runs.tick(NEW_TASKS)
    assert result.success
    text = phones(NURSE_PHONE).received_text(containing=["New HIGH task: CHEST_PAIN, DYSPNEA"])
    (row,) = care.log_rows(task)
    assert (row["status"], row["notification_type"], row["channel"]) == ("SENT", "TASK_ASSIGNED", "SMS")
    assert (str(row["recipient_user_id"]), row["recipient_patient_id"]) == (nurse, None)
    assert (row["message_content"], row["provider_message_id"]) == (text.body, text.sid)
    assert (row["sent_at"], row["delivered_at"]) == (NOW, None)
    care.it_is(NOW + 15 * SECOND)
    runs.sensor(texts_without_receipt)
    (row,) = care.log_rows(task)
    assert (row["status"], row["delivered_at"]) == ("DELIVERED", NOW + 15 * SECOND)


def test_a_text_that_did_not_arrive_is_failed_in_the_log_with_its_reason_and_code(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """As the application's pages show it."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = 30003
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 15 * SECOND)
    runs.sensor(texts_without_receipt)
    (row,) = care.log_rows(task)
    assert (row["status"], row["failed_at"], row["provider_error_code"]) == ("FAILED", NOW + 15 * SECOND, "30003")
    assert "the phone could not be reached" in row["failure_reason"]


def test_a_breach_is_alerted_and_escalated_to_an_admin(care: SequoraCare, runs: Runs, phones: Phones) -> None:
    """Nobody has the role of a supervisor there."""
    nurse, admin = care.a_nurse(), care.an_admin()
    task = care.a_task(nurse, created_at=NOW - HOUR, sla_due_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=["New HIGH task"])
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing=["SLA missed"])
    care.it_is(NOW + 30 * MINUTE)
    runs.tick(UNANSWERED_BREACHES)
    phones(ADMIN_PHONE).received_text(containing=["ESCALATION"])
    logged = [(row["notification_type"], str(row["recipient_user_id"])) for row in care.log_rows(task)]
    assert sorted(logged) == sorted([("TASK_ASSIGNED", nurse), ("SLA_BREACH", nurse), ("SLA_BREACH", admin)])


@pytest.mark.parametrize("typed", [PATIENT_PHONE, "(202) 555-0151", "202-555-0151", "12025550151"])
def test_a_patient_who_has_consented_is_checked_in_on_and_it_is_logged(
    care: SequoraCare, runs: Runs, phones: Phones, typed: str
) -> None:
    """However the number was typed in; of the patient whose episode it turned out to be."""
    care.consent(PATIENT_PHONE)
    patient = care.a_patient(typed)
    episode = care.an_episode(care.a_patient("+12025550199"), created_at=NOW)
    runs.tick(NEW_EPISODES)
    care.rows('UPDATE "Episode" SET patient_id = :patient WHERE id = :id RETURNING id', patient=patient, id=episode)
    care.it_is(NOW + DAY)
    runs.tick(DUE_CHECK_INS)
    text = phones(PATIENT_PHONE).received_text()
    (row,) = care.log_rows()
    assert (str(row["recipient_patient_id"]), row["recipient_user_id"]) == (patient, None)
    assert (str(row["episode_id"]), row["notification_type"]) == (episode, "CHECK_IN_SENT")
    assert (row["message_content"], row["status"]) == (text.body, "SENT")


def test_a_text_that_the_applications_log_refuses_stands_in_no_log_of_the_server(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """Neither in the statement nor in what is said of the row."""
    log = Path(str(care.one("SHOW data_directory"))) / "log"
    before = len(log.read_text(encoding="utf-8"))
    care.rows('ALTER TABLE "NotificationLog" ADD CONSTRAINT short CHECK (length(message_content) < 3) NOT VALID')
    care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    text = phones(NURSE_PHONE).received_text()
    said = log.read_text(encoding="utf-8")[before:]
    assert "the application's log refuses a row" in said
    assert [line for line in text.body.splitlines() if line in said] == []


@pytest.mark.parametrize(
    "said", [None, {"consent_given": False}, {"active": False}, {"consent_given": None}, {"opt_out_timestamp": NOW}]
)
def test_a_patient_who_has_not_consented_is_not_texted_and_it_is_said_why(
    care: SequoraCare, runs: Runs, said: dict[str, object] | None
) -> None:
    """Nobody has said anything, said no, or takes it back."""
    if said is not None:
        care.consent(PATIENT_PHONE, **said)
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + DAY)
    runs.tick(DUE_CHECK_INS)
    (row,) = care.ledger(kind="check-in")
    assert (row["state"], row["reason"].split(":")[0]) == ("CANCELLED", "no consent")
    assert care.log_rows() == []


@pytest.mark.parametrize(
    ("plan", "state", "hour"),
    [
        ("Pacific/Honolulu", "NY", 19),  # 9:00 there
        (None, "CA", 17),
        (None, "ny ", 15),
        (None, "TX", 23),  # of two zones: day in all of the country
        (None, None, 23),
    ],
)
def test_the_hour_of_a_check_in_is_by_the_episodes_plan_or_else_the_patients_state(
    care: SequoraCare, runs: Runs, plan: str | None, state: str | None, hour: int
) -> None:
    """The application has no column for a patient's zone. It is Monday, 15:00 UTC; New York has winter time."""
    care.an_episode(care.a_patient(state=state), timezone=plan, created_at=NOW)
    runs.tick(NEW_EPISODES)
    (row,) = care.ledger(kind="check-in")
    assert row["due_at"] == (NOW + DAY).replace(hour=hour)


def test_a_text_in_doubt_that_is_found_is_logged_as_sent_back_then(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """A CHECK wants a row not to be younger than its sending."""
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["IN_DOUBT"]
    text = phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 5 * SECOND)
    runs.sensor(doubtful_texts)
    (row,) = care.log_rows(task)
    assert (row["status"], row["sent_at"], row["created_at"]) == ("SENT", NOW, NOW)
    assert (row["provider_message_id"], row["message_content"]) == (text.sid, text.body)


def test_a_row_that_is_locked_is_told_its_receipt_by_the_next_scan(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """And all others at once."""
    phones.company.seconds_per_status = 0
    locked, free = (care.a_task(care.a_nurse(), created_at=NOW) for _ in range(2))
    runs.tick(NEW_TASKS)
    for _ in range(2):
        phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 15 * SECOND)
    with care.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"""SELECT FROM "NotificationLog" WHERE task_id = '{locked}' FOR UPDATE""")
        runs.sensor(texts_without_receipt)
        assert care.states(locked) == care.states(free) == ["DELIVERED"]
        assert [row["status"] for row in care.log_rows(free)] == ["DELIVERED"]
        assert [row["status"] for row in care.log_rows(locked)] == ["SENT"]
        connection.exec_driver_sql("ROLLBACK")
    care.it_is(NOW + MINUTE)
    assert runs.launch("check_sla_warnings").success
    assert [row["status"] for row in care.log_rows(locked)] == ["DELIVERED"]


def test_an_expired_task_is_left_alone(care: SequoraCare, runs: Runs) -> None:
    """It is over, whatever its SLA."""
    task = care.a_task(care.a_nurse(), status="EXPIRED", created_at=NOW, sla_due_at=NOW)
    assert runs.tick(NEW_TASKS) == runs.tick(SLA_BREACHES) == []
    assert care.ledger(task) == []


# --- whose a task is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH"])
def test_a_task_that_is_assigned_seconds_after_it_was_inserted_is_told_once_and_leaves_nothing_to_look_at(
    care: SequoraCare, runs: Runs, phones: Phones, ledger: Ledger, severity: str
) -> None:
    """Also when the time is over for which it might have been nobody's."""
    task = care.a_task(None, severity=severity, created_at=NOW)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + 2 * SECOND)
    care.change_task(task, assigned_to_user_id=care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[f"New {severity} task"])
    care.it_is(NOW + HOUR)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["CANCELLED", "SENT"]
    assert ledger.overview.figures().set_aside == []


def test_a_task_that_was_nobodys_for_too_long_is_no_longer_to_be_looked_at_when_somebody_has_it(
    care: SequoraCare, runs: Runs, phones: Phones, ledger: Ledger
) -> None:
    """It had been told to a supervisor."""
    task = care.a_task(None, created_at=NOW - HOUR, updated_at=NOW - HOUR)
    runs.tick(NEW_TASKS)
    assert [one.task_id for one in ledger.overview.figures().set_aside] == [task]
    care.change_task(task, assigned_to_user_id=care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert ledger.overview.figures().set_aside == []


def test_a_nurse_is_not_told_of_a_task_that_she_has_just_taken(care: SequoraCare, runs: Runs) -> None:
    """It is recorded, and asked for no more."""
    nurse = care.a_nurse()
    task = care.a_task(None, created_at=NOW - MINUTE)
    care.it_is(care.one("SELECT now()"))
    take(care, task, nurse)
    runs.tick(NEW_TASKS)
    assert runs.tick(NEW_TASKS) == []
    (row,) = care.ledger(task)
    assert (row["state"], row["ended_by"], row["recipient_id"]) == ("CANCELLED", "the nurse", nurse)
    assert row["reason"] == "she has just taken the task herself"


def test_a_nurse_is_told_of_a_task_that_another_one_had_taken(care: SequoraCare, runs: Runs, phones: Phones) -> None:
    """It was given to her by somebody else, and later."""
    task = care.a_task(None, created_at=NOW - MINUTE)
    care.it_is(care.one("SELECT now()"))
    take(care, task, care.a_nurse())
    runs.tick(NEW_TASKS)
    care.it_is(care.one("SELECT now() + interval '3 minutes'"))
    care.rows("UPDATE \"EscalationTask\" SET picked_up_at = picked_up_at - interval '2 minutes'")
    care.change_task(task, assigned_to_user_id=care.a_nurse(OTHER_PHONE))
    runs.tick(NEW_TASKS)
    phones(OTHER_PHONE).received_text()


def take(care: SequoraCare, task: str, nurse: str) -> None:
    """Let a nurse take a task in the application's UI."""
    care.rows(
        "UPDATE \"EscalationTask\" SET assigned_to_user_id = :nurse, status = 'IN_PROGRESS', picked_up_at = now()"
        " WHERE id = :task",
        nurse=nurse,
        task=task,
    )


def told_and_resolved(care: SequoraCare, runs: Runs, phones: Phones) -> str:
    """Return a task that its nurse was told of, and that was closed a minute later, which is now."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + MINUTE)
    care.change_task(task, status="RESOLVED", resolved_at=NOW + MINUTE)
    return task


def test_of_a_task_that_is_opened_again_a_nurse_is_told_by_hand_too(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """While no sensor runs."""
    task = told_and_resolved(care, runs, phones)
    care.it_is(NOW + 2 * MINUTE)
    care.change_task(task, status="OPEN")
    for _ in range(2):
        assert runs.launch("notify_nurse_task", task_ids=[task]).success
    phones(NURSE_PHONE).received_text()
    assert runs.tick(NEW_TASKS) == []


@pytest.mark.parametrize("keeps_resolved_at", [True, False])
def test_a_nurse_is_told_again_of_a_task_that_is_opened_again(
    care: SequoraCare, runs: Runs, phones: Phones, ledger: Ledger, *, keeps_resolved_at: bool
) -> None:
    """Once, whether or not the row still says when it was closed."""
    task = told_and_resolved(care, runs, phones)
    if not keeps_resolved_at:
        ledger.tellings.note_what_is_over()
    care.it_is(NOW + 2 * MINUTE)
    care.change_task(task, status="OPEN", resolved_at=NOW + MINUTE if keeps_resolved_at else None)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    ledger.tellings.note_what_is_over()
    assert runs.tick(NEW_TASKS) == []
    assert [row["business_key"].split(":")[3:] for row in care.ledger(task)] == [[], ["2"]]


def test_tasks_that_are_hidden_for_a_while_are_not_told_again(
    care: SequoraCare, runs: Runs, phones: Phones, ledger: Ledger
) -> None:
    """As they are while the application loads them anew, or switches row level security on before its policies."""
    care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.rows('CREATE POLICY hide ON "EscalationTask" AS RESTRICTIVE USING (false)')
    ledger.tellings.note_what_is_over()
    care.rows('DROP POLICY hide ON "EscalationTask"')
    assert runs.tick(NEW_TASKS) == []


def test_whatever_else_is_under_way_what_is_over_is_noted(
    care: SequoraCare, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are noted at once may be waiting."""
    monkeypatch.setattr(tellings, "MOST_NOTED", 1)
    nurse = care.a_nurse()
    *waiting, over = (care.a_task(nurse, created_at=NOW) for _ in range(9))
    ledger.claims.claim(NEW_TASKS)
    care.rows(
        "UPDATE orchestration.notification SET state = 'SENDING', attempted_at = now() WHERE task_id = :id", id=over
    )
    care.rows(
        "UPDATE orchestration.notification SET state = 'SENT', sent_at = now(), provider_sid = 'SM'"
        " WHERE task_id = :id",
        id=over,
    )
    for task in (*waiting, over):
        care.change_task(task, status="RESOLVED")
    ledger.tellings.note_what_is_over()
    (row,) = care.ledger(over)
    assert row["over_at"] is not None


def test_two_answers_at_the_same_moment_leave_one_nurse_told(care: SequoraCare, ledger: Ledger) -> None:
    """The one whose text went out last: whoever gets the task back is told again."""
    first, second = care.a_nurse(), care.a_nurse(OTHER_PHONE)
    task = care.a_task(first, created_at=NOW)
    ledger.claims.claim(NEW_TASKS)
    care.it_is(NOW + SECOND)
    care.change_task(task, assigned_to_user_id=second)
    ledger.claims.claim(NEW_TASKS)
    care.rows("UPDATE orchestration.notification SET state = 'SENDING', attempted_at = claimed_at")
    settle = text(
        "UPDATE orchestration.notification SET state = 'SENT', sent_at = attempted_at, provider_sid = id::text"
        " WHERE recipient_id = :nurse"
    )
    settled = threading.Event()

    def settle_second() -> None:
        with care.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
            connection.execute(settle, {"nurse": second})
        settled.set()

    with (
        ThreadPoolExecutor(1) as pool,
        care.engine.execution_options(isolation_level="READ COMMITTED").begin() as connection,
    ):
        connection.execute(settle, {"nurse": first})
        answer = pool.submit(settle_second)
        eventually(
            lambda: care.one("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1,
            within=20,
            what="the second answer",
        )
        assert not settled.is_set()
        connection.commit()
        answer.result(20)
    told = {row["recipient_id"] for row in care.ledger(task) if row["over_at"] is None}
    assert told == {second}


@pytest.mark.parametrize("order", [("first", "nobody"), ("nobody", "first")])
def test_of_a_task_that_is_cancelled_as_a_whole_nobody_is_told(
    care: SequoraCare, ledger: Ledger, order: tuple[str, str]
) -> None:
    """Neither the nurse who has it nor that nobody had it, whichever message is met first."""
    task = care.a_task(None, created_at=NOW)
    ledger.claims.claim(NEW_TASKS)
    care.rows("UPDATE orchestration.notification SET state = 'SCHEDULED', due_at = now() + interval '10 min'")
    care.it_is(NOW + SECOND)
    nurse = care.a_nurse()
    care.change_task(task, assigned_to_user_id=nurse)
    ledger.claims.claim(NEW_TASKS)
    recipients = {"first": nurse, "nobody": None}
    for who in order:
        care.rows(
            "UPDATE orchestration.notification SET state = 'CANCELLED', reason = 'so', ended_by = 'somebody'"
            " WHERE recipient_id IS NOT DISTINCT FROM :who",
            who=recipients[who],
        )
    assert [row["over_at"] is None for row in care.ledger(task) if row["recipient_id"]] == [True]
    care.it_is(NOW + MINUTE)
    assert ledger.claims.claim(NEW_TASKS) == []


def test_a_nurse_is_told_three_times_an_hour_of_a_task_that_goes_to_and_fro(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """And once more when the hour is over."""
    first, second = care.a_nurse(), care.a_nurse(OTHER_PHONE)
    task = care.a_task(first, created_at=NOW)
    for number in range(7):
        care.it_is(NOW + number * MINUTE)
        care.change_task(task, assigned_to_user_id=second if number % 2 else first)
        runs.tick(NEW_TASKS)
        if number < 6:
            phones(OTHER_PHONE if number % 2 else NURSE_PHONE).received_text()
    care.it_is(NOW + HOUR + MINUTE)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_a_task_that_goes_to_and_fro_before_anybody_was_told_is_told_once(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """Messages wait for a worker meanwhile; whichever of them is sent first, she has one text."""
    first, second = care.a_nurse(), care.a_nurse(OTHER_PHONE)
    task = care.a_task(first, created_at=NOW)
    claims = list[Claim]()
    for number, nurse in enumerate((first, second, first, second, first)):
        care.it_is(NOW + number * SECOND)
        care.change_task(task, assigned_to_user_id=nurse)
        claims += runs.ledger.claims.claim(NEW_TASKS)
    assert len(claims) == 2
    for claim in claims:
        assert runs.run(NEW_TASKS, claim).success
        assert runs.tick(NEW_TASKS) == []
    phones(NURSE_PHONE).received_text()
    assert sorted(care.states(task)) == ["CANCELLED", "SENT"]


def test_a_task_that_is_closed_and_opened_while_its_text_waits_is_told_once(
    care: SequoraCare, runs: Runs, phones: Phones, ledger: Ledger
) -> None:
    """And once more after it has been closed again."""
    task = care.a_task(care.a_nurse(), created_at=NOW)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    for texted in range(2):
        care.it_is(NOW + (2 * texted + 1) * MINUTE / 6)
        care.change_task(task, status="RESOLVED")
        ledger.tellings.note_what_is_over()
        care.change_task(task, status="OPEN")
        if not texted:
            assert ledger.claims.claim(NEW_TASKS) == []
            care.it_is(NOW + MINUTE / 3)
            assert runs.run(NEW_TASKS, claim).success
        runs.tick(NEW_TASKS)
        phones(NURSE_PHONE).received_text()
    assert runs.tick(NEW_TASKS) == []


def test_a_text_of_a_kind_that_the_map_does_not_name_is_logged_by_whom_it_went_to(
    care: SequoraCare, runs: Runs, phones: Phones
) -> None:
    """So another kind of message needs no other map."""
    care.consent(PATIENT_PHONE)
    care.a_task(care.a_nurse(), created_at=NOW)
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + DAY)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    care.alter(
        'DELETE FROM "NotificationLog"',
        "UPDATE orchestration.notification SET kind = 'another'",
        "SELECT orchestration.log_notification(n, 'a text', true) FROM orchestration.notification n",
    )
    logged = {row["notification_type"]: row["recipient_patient_id"] is not None for row in care.log_rows()}
    assert logged == {"TASK_ASSIGNED": False, "CHECK_IN_SENT": True}
