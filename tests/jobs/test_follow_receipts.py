"""What becomes of texts that were sent: delivered, tried once more, or told to a supervisor."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from care import NOW, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from dagster import ExecuteInProcessResult
from phones import Phones
from runs import Runs, metadata

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.local.twilio.api_keys import ApiKey, Permission
from sequora_orchestration.local.twilio.server import TEST_API_KEY, TEST_API_SECRET
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import texts_without_receipt

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("stopped_clock")


def asked(runs: Runs) -> list[ExecuteInProcessResult]:
    """Ask for the receipts that the sensor finds due."""
    return runs.sensor(texts_without_receipt)


def texted_task(care: Care, runs: Runs, phones: Phones, *, ends_with: int | None, **task: Any) -> str:
    """Return a task whose nurse's text was accepted, and what becomes of it; receipts are there at once."""
    phones.company.seconds_per_status = 0
    if ends_with:
        phones.company.undeliverable[NURSE_PHONE] = ends_with
    id_ = care.a_task(care.a_nurse(), **{"created_at": NOW, **task})
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    return id_


def test_a_delivered_text_is_known_to_be(care: Care, runs: Runs, phones: Phones) -> None:
    """A quarter of a minute after it was sent, and not asked for again."""
    task = texted_task(care, runs, phones, ends_with=None)
    care.it_is(NOW + 14 * SECOND)
    assert asked(runs) == []
    care.it_is(NOW + 15 * SECOND)
    (result,) = asked(runs)
    assert metadata(result, "fetch_receipts")["state"] == "DELIVERED"
    assert care.states(task) == ["DELIVERED"]
    care.it_is(NOW + 12 * HOUR)
    assert asked(runs) == []


def test_a_text_on_its_way_is_asked_for_less_and_less_and_not_after_a_day(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Each time after as long as it has been on its way, up to an hour."""
    task = texted_task(care, runs, phones, ends_with=None)
    phones.company.seconds_per_status = 1_000_000
    now, moments = NOW, []
    while now < NOW + timedelta(days=2):
        care.it_is(now)
        if asked(runs):
            moments.append(now - NOW)
        now += 15 * SECOND if now < NOW + 4 * MINUTE else 30 * MINUTE
    assert moments[:5] == [15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert 24 <= len(moments) <= 36
    assert moments[-1] <= timedelta(days=1, hours=1)
    assert care.states(task) == ["SENT"]


@pytest.mark.parametrize(
    ("code", "gist"),
    [
        (30005, "not delivered, the number is not in"),
        (30006, "not delivered, landline"),
        (30007, "not delivered"),
        (21610, "not delivered"),
        (30999, "not delivered, the phone company's code is 30999"),
    ],
)
def test_a_nurse_whom_a_text_did_not_reach_is_told_to_the_supervisor_at_once(
    care: Care, runs: Runs, phones: Phones, code: int, gist: str
) -> None:
    """With the gist of the phone company's code; once."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=code)
    care.it_is(NOW + 15 * SECOND)
    asked(runs)
    (row,) = care.ledger(task)
    assert (row["state"], row["provider_code"]) == ("UNDELIVERED", code)
    assert runs.tick(NEW_TASKS) == []
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=[f"Nurse not reached: {gist}", task])
    assert runs.tick(UNREACHED_NURSES) == []


@pytest.mark.parametrize("code", [30001, 30003, 30008])
def test_what_may_arrive_another_time_is_tried_once_more(care: Care, runs: Runs, phones: Phones, code: int) -> None:
    """After five minutes; if that fails as well, the supervisor is told, and nothing is tried a third time."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=code)
    care.it_is(NOW + 15 * SECOND)
    asked(runs)
    assert care.states(task) == ["UNDELIVERED", "SCHEDULED"]
    assert runs.tick(UNREACHED_NURSES) == []
    care.it_is(NOW + 5 * MINUTE + 14 * SECOND)
    assert runs.tick(NEW_TASKS) == []
    care.it_is(NOW + 5 * MINUTE + 15 * SECOND)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])
    care.it_is(NOW + 6 * MINUTE)
    asked(runs)
    assert care.states(task) == ["UNDELIVERED", "UNDELIVERED"]
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: not delivered", task])


def test_a_phone_that_was_off_only_once_gets_its_text(care: Care, runs: Runs, phones: Phones) -> None:
    """The supervisor is left alone."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=30003)
    care.it_is(NOW + 15 * SECOND)
    asked(runs)
    phones.company.undeliverable.clear()
    care.it_is(NOW + 6 * MINUTE)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 7 * MINUTE)
    asked(runs)
    assert care.states(task) == ["UNDELIVERED", "DELIVERED"]
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_critical_alert_whose_phone_is_off_is_told_to_the_supervisor_without_waiting(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The second try is made all the same."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=30003, severity="CRITICAL")
    care.it_is(NOW + 15 * SECOND)
    asked(runs)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: not delivered, the phone", task])
    assert sorted(care.states(task)) == ["SCHEDULED", "SENT", "UNDELIVERED"]


@pytest.mark.parametrize(
    ("severity", "change", "is_told"),
    [
        ("CRITICAL", {}, True),
        ("HIGH", {}, False),
        ("CRITICAL", {"status": "IN_PROGRESS"}, False),
        ("CRITICAL", {"picked_up_at": NOW}, False),
        ("CRITICAL", {"status": "RESOLVED"}, False),
    ],
)
def test_a_critical_alert_without_a_receipt_is_told_to_the_supervisor_after_five_minutes(
    care: Care, runs: Runs, phones: Phones, severity: str, change: dict[str, object], *, is_told: bool
) -> None:
    """Unless the nurse has picked the task up; and of no other severity."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=None, severity=severity)
    if change:
        care.change_task(task, **change)
    care.it_is(NOW + 5 * MINUTE - SECOND)
    assert runs.tick(UNREACHED_NURSES) == []
    care.it_is(NOW + 5 * MINUTE)
    runs.tick(UNREACHED_NURSES)
    if is_told:
        phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: no receipt that the text", task])
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_critical_alert_in_doubt_for_five_minutes_is_told_to_the_supervisor(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """As while the phone company's list cannot be read."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=None, severity="CRITICAL")
    care.rows(
        "INSERT INTO orchestration.notification_move VALUES ('SENT', 'IN_DOUBT');"
        " UPDATE orchestration.notification SET state = 'IN_DOUBT', reason = 'no answer', doubtful_since = attempted_at"
    )
    care.it_is(NOW + 5 * MINUTE)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: no receipt", task])


def test_a_supervisor_whom_an_escalation_did_not_reach_is_passed_over(care: Care, runs: Runs, phones: Phones) -> None:
    """The admin is told instead."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[SUPERVISOR_PHONE] = 30005
    care.a_supervisor()
    care.a_nurse("+12025550131", role="ADMIN")
    task = care.a_task(care.a_nurse(), sla_due_at=NOW, created_at=NOW)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 30 * MINUTE)
    runs.tick(UNANSWERED_BREACHES)
    phones(SUPERVISOR_PHONE).received_text(containing=["ESCALATION", task])
    assert runs.tick(UNANSWERED_BREACHES) == []
    care.it_is(NOW + 31 * MINUTE)
    asked(runs)
    runs.tick(UNANSWERED_BREACHES)
    phones("+12025550131").received_text(containing=["ESCALATION", task])
    care.it_is(NOW + 5 * HOUR)
    asked(runs)
    assert runs.tick(UNANSWERED_BREACHES) == []


def test_where_no_supervisor_is_reached_it_is_told_as_nobody_and_does_not_spin(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """A failed run now and then, for an engineer to see; the ledger does not fill with rows."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[SUPERVISOR_PHONE] = 30005
    care.a_supervisor()
    task = care.a_task(care.a_nurse(), sla_due_at=NOW, created_at=NOW)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 30 * MINUTE)
    runs.tick(UNANSWERED_BREACHES)
    phones(SUPERVISOR_PHONE).received_text()
    for minutes in range(31, 300, 3):
        care.it_is(NOW + minutes * MINUTE)
        asked(runs)
        assert not any(result.success for result in runs.tick(UNANSWERED_BREACHES))
    assert len(care.ledger(task, kind="sla-escalation")) == 2


def test_a_check_in_on_a_phone_that_was_off_is_tried_once_more_after_half_an_hour(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """And a supervisor is not told of patients."""
    care.a_supervisor()
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[PATIENT_PHONE] = 30003
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    sent = NOW + timedelta(days=1)
    care.it_is(sent)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    care.it_is(sent + 15 * SECOND)
    asked(runs)
    assert care.states() == ["UNDELIVERED", "SCHEDULED"]
    care.it_is(sent + 31 * MINUTE)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    assert runs.tick(UNREACHED_NURSES) == []


def test_receipts_of_many_texts_are_read_from_the_list(care: Care, runs: Runs, phones: Phones) -> None:
    """Of several hundred, in a few requests."""
    phones.company.seconds_per_status = 0
    nurse = care.a_nurse()
    for _ in range(230):
        care.a_task(nurse, created_at=NOW)
    for _ in range(3):
        runs.tick(NEW_TASKS)
    assert care.states() == ["SENT"] * 230
    for text in phones.company.accepted():
        phones.expect(text)
    # What was sent must have the clock's time: the phone company is asked by it.
    care.rows("UPDATE orchestration.notification SET sent_at = now()")
    care.it_is(NOW + 15 * SECOND)
    assert len(asked(runs)) == 2
    assert set(care.states()) == {"DELIVERED"}


def test_the_phone_company_is_told_how_long_a_text_is_worth_arriving(care: Care, runs: Runs, phones: Phones) -> None:
    """An hour to a nurse; to a patient until the day ends there."""
    texted_task(care, runs, phones, ends_with=None)
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + timedelta(days=1))
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    # 15:00 UTC is 10:00 in New York, where the day ends at 20:00: the phone company's longest.
    assert [text.validity_period for text in phones.company.accepted()] == [3_600, 36_000]


def test_a_list_that_cannot_be_read_is_asked_again_later(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run fails over it."""
    task = texted_task(care, runs, phones, ends_with=None)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "another")
    care.it_is(NOW + 15 * SECOND)
    (result,) = asked(runs)
    assert result.success
    assert care.states(task) == ["SENT"]
    monkeypatch.undo()


def test_that_nothing_can_be_read_is_known_until_it_can_though_sending_goes_well(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an API key that may only send: since when, and with which answer; the same again writes nothing."""
    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, frozenset({Permission.SEND}))
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)
    task = texted_task(care, runs, phones, ends_with=None)
    assert runs.ledger.halts.provider(SMS).unreadable_since is None
    care.it_is(NOW + 15 * SECOND)
    (result,) = asked(runs)
    noted = runs.ledger.halts.provider(SMS)
    assert (noted.unreadable_since, noted.unreadable_reason) == (NOW + 15 * SECOND, "the API key may not do this")
    assert (noted.unreadable_status, noted.unreadable_code) == (401, 70051)
    (warning,) = [one.user_message for one in runs.instance.all_logs(result.run_id) if one.level == logging.WARNING]
    assert warning.startswith("the phone company's list could not be read (HTTP 401, code 70051): ")
    written = care.one("SELECT xmin::text FROM orchestration.provider WHERE channel = 'SMS'")
    care.it_is(NOW + 30 * SECOND)
    asked(runs)
    assert runs.ledger.halts.provider(SMS) == noted
    assert care.one("SELECT xmin::text FROM orchestration.provider WHERE channel = 'SMS'") == written

    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET)
    care.it_is(NOW + MINUTE)
    asked(runs)
    assert care.states(task) == ["DELIVERED"]
    assert runs.ledger.halts.provider(SMS).unreadable_since is None
    written = care.one("SELECT xmin::text FROM orchestration.provider WHERE channel = 'SMS'")
    runs.ledger.halts.note_readable(SMS)
    assert care.one("SELECT xmin::text FROM orchestration.provider WHERE channel = 'SMS'") == written


def test_a_text_that_the_phone_company_does_not_know_is_no_sign_that_nothing_can_be_read(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It was deleted there: that is an answer."""
    texted_task(care, runs, phones, ends_with=None)
    care.rows("UPDATE orchestration.notification SET provider_sid = :sid", sid="SM" + "0" * 32)
    care.it_is(NOW + 15 * SECOND)
    (result,) = asked(runs)
    assert result.success
    assert runs.ledger.halts.provider(SMS).unreadable_since is None


def test_a_log_row_that_was_refused_is_made_up_for_with_the_receipt(care: Care, runs: Runs, phones: Phones) -> None:
    """The run that had sent the text may have died before it could; a table that still refuses fails no run."""
    care.rows('ALTER TABLE "NotificationLog" ADD CONSTRAINT closed CHECK (false) NOT VALID')
    task = texted_task(care, runs, phones, ends_with=None)
    phones.company.seconds_per_status = 3_600
    care.it_is(NOW + 15 * SECOND)
    (result,) = asked(runs)
    assert result.success
    assert care.logged(task) == []
    care.rows('ALTER TABLE "NotificationLog" DROP CONSTRAINT closed')
    care.it_is(NOW + MINUTE)
    (result,) = asked(runs)
    assert result.success
    assert len(care.logged(task)) == 1


def test_the_second_of_two_equal_receipts_changes_nothing(care: Care, runs: Runs, phones: Phones) -> None:
    """Two runs that ask at once."""
    task = texted_task(care, runs, phones, ends_with=30003)
    (row,) = care.ledger(task)
    for _ in range(2):
        assert runs.launch("follow_receipts", notification_ids=[str(row["id"])]).success
    assert sorted(care.states(task)) == ["SCHEDULED", "UNDELIVERED"]


def test_a_text_that_the_phone_company_does_not_know_is_asked_for_twice_more_and_given_up(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Not for a day, with a warning each time; it is not sent again, and its history says what became of it."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=None)
    phones.company.forget()
    for after in (15, 30, 60):
        care.it_is(NOW + after * SECOND)
        (result,) = asked(runs)
        assert result.success
        assert metadata(result, "fetch_receipts")["reason"] == "not known to the phone company"
    for hours in (1, 2, 23, 48):
        care.it_is(NOW + hours * HOUR)
        assert asked(runs) == []
        assert runs.tick(NEW_TASKS) == runs.tick(UNREACHED_NURSES) == []
    assert care.states(task) == ["SENT"]
    (story,) = runs.ledger.stories.stories(task_ids=[task])
    said = [change.reason for change in story.changes if change.from_state is change.to_state is State.SENT]
    unknown = "the phone company does not know the text"
    assert said == [unknown, unknown, f"given up: {unknown}"]


def test_a_text_that_is_known_after_all_has_its_receipt(care: Care, runs: Runs, phones: Phones) -> None:
    """A moment after it was sent Twilio's answer may not know of it yet."""
    task = texted_task(care, runs, phones, ends_with=None)
    (row,) = care.ledger(task)
    care.rows("UPDATE orchestration.notification SET provider_sid = :sid", sid="SM" + "0" * 32)
    care.it_is(NOW + 15 * SECOND)
    asked(runs)
    care.rows("UPDATE orchestration.notification SET provider_sid = :sid", sid=row["provider_sid"])
    care.it_is(NOW + 30 * SECOND)
    asked(runs)
    assert care.states(task) == ["DELIVERED"]


def test_supervisors_are_told_of_a_critical_text_that_the_phone_company_does_not_know(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """After five minutes, as of any without a receipt; and it is asked for once more when a day is over."""
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=None, severity="CRITICAL")
    phones.company.forget()
    for after in (15, 30, 60, 120):
        care.it_is(NOW + after * SECOND)
        assert len(asked(runs)) == (after <= 60)
    care.it_is(NOW + 5 * MINUTE)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: no receipt that the text", task])
    care.rows("UPDATE orchestration.notification SET receipt_at = NULL WHERE kind = 'nurse-unreached'")
    asked_again = 0
    for hours in range(1, 72):
        care.it_is(NOW + hours * HOUR)
        asked_again += len(asked(runs))
    assert asked_again == 1
    assert runs.tick(UNREACHED_NURSES) == []
    assert care.states(task, kind="task-created") == ["SENT"]


@pytest.mark.parametrize(("code", "tries"), [(30005, 1), (30003, 2)])
def test_the_first_final_status_stands_whatever_is_listed_later(
    care: Care, runs: Runs, phones: Phones, code: int, tries: int
) -> None:
    """Twilio calls `undelivered` final; should it be `delivered` later, nobody is told anything for that.

    What follows from the first status was told, or is under way: one second try, or one text to a supervisor.
    """
    care.a_supervisor()
    task = texted_task(care, runs, phones, ends_with=code)
    care.it_is(NOW + 15 * SECOND)
    asked(runs)
    for text in phones.company.accepted():
        object.__setattr__(text, "fails_with", None)  # it has arrived after all
    phones.company.undeliverable.clear()
    for minutes in (1, 4, 6, 8, 60, 24 * 60, 3 * 24 * 60):
        care.it_is(NOW + minutes * MINUTE)
        asked(runs)
        runs.tick(NEW_TASKS)
        runs.tick(UNREACHED_NURSES)
    states = care.states(task, kind="task-created")
    assert states == ["UNDELIVERED", "DELIVERED"][:tries]
    texts = phones.company.accepted()
    for text in texts:
        phones.expect(text)
    assert [text.to for text in texts] == [NURSE_PHONE, NURSE_PHONE if tries == 2 else SUPERVISOR_PHONE]
