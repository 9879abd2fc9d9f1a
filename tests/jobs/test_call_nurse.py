"""A nurse whom no text about a severe task reaches is called, once, and her supervisors are told all the same."""

import json
import logging
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from calls import LANDLINE, call_for, calling  # noqa: F401  # a fixture
from care import NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from click.testing import CliRunner
from doubts import looked_for
from floods import DIGEST_AFTER, WINDOW, alone, burst
from phones import Phones
from runs import Runs, metadata

from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.domain.notification import SMS, VOICE
from sequora_orchestration.domain.spoken import TIMES_SAID
from sequora_orchestration.local.twilio.api_keys import STANDARD_KEY, ApiKey, Permission
from sequora_orchestration.local.twilio.scripted_answers import (
    Answer,
    ErrorAfterAccepting,
    Garbage,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.local.twilio.server import TEST_API_KEY, TEST_API_SECRET
from sequora_orchestration.messages.nurse_call import CALL, NURSES_TO_CALL
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.sensors.certainty import texts_without_receipt
from sequora_orchestration.sensors.nurses_not_reached_by_text import nurses_not_reached_by_text

pytestmark = pytest.mark.usefixtures("stopped_clock", "calling")

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def receipts(care: Care, runs: Runs, *, at: datetime) -> None:
    """Ask for the receipts that are due at a moment."""
    care.it_is(at)
    for result in runs.sensor(texts_without_receipt):
        assert result.success


def undelivered(care: Care, runs: Runs, phones: Phones, nurse: str | None = None, **columns: object) -> str:
    """Return a task whose text did not reach its nurse, as is known 15 s after NOW."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = LANDLINE
    task = care.a_task(nurse or care.a_nurse(), **{"created_at": NOW, "updated_at": NOW, **columns})
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])
    receipts(care, runs, at=NOW + 15 * SECOND)
    assert care.states(task, kind="task-created") == ["UNDELIVERED"]
    return task


def test_a_nurse_whose_text_is_not_delivered_is_called_once(care: Care, runs: Runs, phones: Phones) -> None:
    """In two languages, twice, without a word about the task; and it is logged as a call."""
    task = undelivered(care, runs, phones)
    (result,) = runs.tick(NURSES_TO_CALL)
    assert result.success
    assert [event.step_key for event in result.get_step_success_events()] == [
        "fetch_task",
        "fetch_nurse",
        "make_call",
        "log_notification",
    ]
    assert metadata(result, "make_call")["state"] == "SENT"
    call = phones(NURSE_PHONE).rang()
    document = ET.fromstring(call.twiml)  # noqa: S314  # it is our own
    said = [(one.get("language"), one.text) for one in document.iter("Say")]
    assert said == [(language, template.text) for language, template in CALL.built_in.items()] * TIMES_SAID
    assert list(CALL.built_in) == ["en-US", "es-MX"]
    assert call.from_ == "+15005550006"
    assert runs.tick(NURSES_TO_CALL) == []
    (row,) = care.ledger(task, kind="nurse-call")
    assert (row["channel"], row["provider_sid"], row["state"]) == (VOICE, call.sid, "SENT")
    assert [log["method"] for log in care.logged(task)] == [SMS, VOICE]


def test_a_nurse_with_a_landline_is_called(care: Care, runs: Runs, phones: Phones) -> None:
    """Twilio refuses the text at once."""
    phones.company.always(Refuse(400, 21614), to=NURSE_PHONE)
    care.a_task(care.a_nurse(), severity="CRITICAL", created_at=NOW)
    runs.tick(NEW_TASKS)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH"])
def test_a_nurse_whose_text_has_no_receipt_within_the_window_is_called_and_not_before(
    care: Care, runs: Runs, phones: Phones, severity: str
) -> None:
    """Also of a task of which the supervisors are not told for that."""
    phones.company.seconds_per_status = 1000
    care.a_task(care.a_nurse(), severity=severity, created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 5 * MINUTE - SECOND)
    assert runs.tick(NURSES_TO_CALL) == []
    care.it_is(NOW + 5 * MINUTE)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()


def test_supervisors_are_told_whether_a_call_is_answered_or_not(care: Care, runs: Runs, phones: Phones) -> None:
    """An answering machine answers, too."""
    care.a_supervisor()
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    phones.company.calls.answer(phones(NURSE_PHONE).rang().sid)
    receipts(care, runs, at=NOW + 30 * SECOND)
    assert care.states(task, kind="nurse-call") == ["DELIVERED"]
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached", task])
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_report_that_waits_is_made_although_the_nurse_was_called_meanwhile(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It was claimed before, and is sent after the call was answered."""
    care.a_supervisor()
    task = undelivered(care, runs, phones)
    (report,) = runs.ledger.claims.claim(UNREACHED_NURSES)
    care.it_is(NOW + 16 * SECOND)
    runs.tick(NURSES_TO_CALL)
    phones.company.calls.answer(phones(NURSE_PHONE).rang().sid)
    receipts(care, runs, at=NOW + 31 * SECOND)
    runs.run(UNREACHED_NURSES, report)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached", task])


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("nobody picks up", "not answered, nobody picked up"),
        ("it is declined", "not answered, the line was busy or the call was declined"),
        ("it fails", "not answered, the call could not be put through"),
    ],
)
def test_what_became_of_a_call_is_polled_and_it_is_not_made_again(
    care: Care, runs: Runs, phones: Phones, what: str, reason: str
) -> None:
    """She is called once; a sentence says why it was not answered."""
    task = undelivered(care, runs, phones)
    if what == "it fails":
        phones.company.calls.failing.add(NURSE_PHONE)
    if what == "nobody picks up":
        phones.company.calls.rings_for = 0
    runs.tick(NURSES_TO_CALL)
    call = phones(NURSE_PHONE).rang()
    if what == "it is declined":
        phones.company.calls.decline(call.sid)
    receipts(care, runs, at=NOW + 30 * SECOND)
    (row,) = care.ledger(task, kind="nurse-call")
    assert (row["state"], row["reason"]) == ("UNDELIVERED", reason)
    care.it_is(NOW + 20 * MINUTE)
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_phone_that_still_rings_is_asked_about_later(care: Care, runs: Runs, phones: Phones) -> None:
    """There is no receipt yet."""
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    receipts(care, runs, at=NOW + 30 * SECOND)
    assert care.states(task, kind="nurse-call") == ["SENT"]


def test_while_the_setting_is_off_nobody_is_called(care: Care, runs: Runs, phones: Phones) -> None:
    """By hand neither, and no call is owed."""
    call_for(care, "off")
    task = undelivered(care, runs, phones, severity="CRITICAL")
    assert runs.tick(NURSES_TO_CALL) == []
    assert runs.launch("call_nurse", task_ids=[task]).success
    assert care.rows("SELECT * FROM orchestration.owed WHERE kind = 'nurse-call'") == []
    assert care.ledger(kind="nurse-call") == []


@pytest.mark.parametrize(
    ("setting", "severity", "calls"),
    [("CRITICAL", "HIGH", 0), ("HIGH", "HIGH", 1), ("HIGH", None, 1), ("MODERATE", "LOW", 0), ("LOW", "LOW", 1)],
)
def test_nurses_are_called_from_the_severity_on_that_is_set(
    care: Care, runs: Runs, phones: Phones, setting: str, severity: str | None, calls: int
) -> None:
    """A task without a known severity may be severe: it is taken for HIGH."""
    call_for(care, setting)
    undelivered(care, runs, phones, severity=severity)
    assert len(care.rows("SELECT * FROM orchestration.owed WHERE kind = 'nurse-call'")) == calls
    runs.tick(NURSES_TO_CALL)
    for _ in range(calls):
        phones(NURSE_PHONE).rang()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "RESOLVED"}, "the task is RESOLVED: nobody needs to act"),
        ({"assigned_to_user_id": None}, "the task has been reassigned meanwhile"),
        ({"status": "IN_PROGRESS", "picked_up_at": NOW}, "the task has been picked up meanwhile"),
    ],
)
def test_nobody_is_called_of_a_task_that_needs_no_nurse_any_more(
    care: Care, runs: Runs, phones: Phones, change: dict[str, object], reason: str
) -> None:
    """State is read again by the run; and such a task is not asked about."""
    task = undelivered(care, runs, phones)
    (claim,) = runs.ledger.claims.claim(NURSES_TO_CALL)
    care.change_task(task, **change)
    runs.run(NURSES_TO_CALL, claim)
    assert [row["reason"] for row in care.ledger(task, kind="nurse-call")] == [reason]
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_nurse_who_was_reached_meanwhile_is_not_called(care: Care, runs: Runs, phones: Phones) -> None:
    """Another text about the task has arrived, between the claim and the call."""
    task = undelivered(care, runs, phones)
    (claim,) = runs.ledger.claims.claim(NURSES_TO_CALL)
    del phones.company.undeliverable[NURSE_PHONE]
    care.it_is(NOW + MINUTE)
    assert CliRunner().invoke(sequora, ["resend", task, "--kind", "task-created", "--why", "new phone"]).exit_code == 0
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    runs.run(NURSES_TO_CALL, claim)
    (row,) = care.ledger(task, kind="nurse-call")
    assert (row["state"], row["cause"]) == ("CANCELLED", "NURSE_REACHED")
    receipts(care, runs, at=NOW + 2 * MINUTE)
    assert "DELIVERED" in care.states(task, kind="task-created")
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_nurse_whose_receipt_comes_after_all_is_not_called(care: Care, runs: Runs, phones: Phones) -> None:
    """Between the claim and the call, or before."""
    phones.company.seconds_per_status = 1000
    task = care.a_task(care.a_nurse(), severity="CRITICAL", created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 5 * MINUTE)
    (claim,) = runs.ledger.claims.claim(NURSES_TO_CALL)
    phones.company.seconds_per_status = 0
    receipts(care, runs, at=NOW + 5 * MINUTE)
    assert care.states(task, kind="task-created") == ["DELIVERED"]
    runs.run(NURSES_TO_CALL, claim)
    assert [row["cause"] for row in care.ledger(task, kind="nurse-call")] == ["NURSE_REACHED"]
    assert runs.tick(NURSES_TO_CALL) == []


def test_one_call_stands_for_all_tasks_whose_texts_have_not_reached_a_nurse(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It names none of them; and five minutes pass before she is called about another."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = LANDLINE
    nurse = care.a_nurse()
    tasks = [
        care.a_task(nurse, severity=severity, created_at=NOW, updated_at=NOW)
        for severity in ("HIGH", "CRITICAL", "HIGH")
    ]
    runs.tick(NEW_TASKS)
    for _ in tasks:
        phones(NURSE_PHONE).received_text()
    receipts(care, runs, at=NOW + 15 * SECOND)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    assert [row["task_id"] for row in care.ledger(kind="nurse-call")] == [tasks[1]]
    care.it_is(NOW + MINUTE)
    later = care.a_task(nurse, severity="CRITICAL", created_at=NOW + MINUTE, updated_at=NOW + MINUTE)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[later])
    receipts(care, runs, at=NOW + 2 * MINUTE)
    assert runs.tick(NURSES_TO_CALL) == []
    care.it_is(NOW + 5 * MINUTE + 16 * SECOND)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    assert [row["task_id"] for row in care.ledger(kind="nurse-call")] == [tasks[1], later]
    care.it_is(NOW + 20 * MINUTE)
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_call_that_was_not_made_because_its_task_was_closed_stands_for_no_other(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The other task still has a nurse who knows nothing of it."""
    nurse = care.a_nurse()
    task = undelivered(care, runs, phones, nurse, severity="CRITICAL")
    other = care.a_task(nurse, severity="HIGH", created_at=NOW, updated_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[other])
    receipts(care, runs, at=NOW + MINUTE)
    (claim,) = runs.ledger.claims.claim(NURSES_TO_CALL)
    care.change_task(task, status="RESOLVED")
    runs.run(NURSES_TO_CALL, claim)
    assert care.states(task, kind="nurse-call") == ["CANCELLED"]
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    assert care.states(other, kind="nurse-call") == ["SENT"]


def test_a_nurse_whose_digest_has_no_receipt_is_called_once(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all the tasks that it told of."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)
    burst(care, runs, 8)
    alone(phones)
    for row in care.ledger(kind="task-created"):
        if row["state"] == "SENT":
            care.rows("UPDATE orchestration.notification SET state = 'DELIVERED' WHERE id = :id", id=row["id"])
    phones.company.seconds_per_status = 1000
    care.it_is(NOW + WINDOW)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="3 new tasks")
    care.it_is(NOW + WINDOW + 5 * MINUTE - SECOND)
    assert runs.tick(NURSES_TO_CALL) == []
    care.it_is(NOW + WINDOW + 5 * MINUTE)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_nurse_who_has_answered_by_text_is_not_called(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt may say what it likes: who answers has been reached, also after the call was claimed."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    task = undelivered(care, runs, phones)
    (claim,) = runs.ledger.claims.claim(NURSES_TO_CALL)
    phones.company.receive(phone=NURSE_PHONE, body="a")
    assert runs.launch("follow_replies").success
    phones(NURSE_PHONE).received_text(containing="accepted")
    runs.run(NURSES_TO_CALL, claim)
    (row,) = care.ledger(task, kind="nurse-call")
    assert (row["state"], row["cause"]) == ("CANCELLED", "NURSE_REACHED")
    assert runs.tick(NURSES_TO_CALL) == []


def test_an_answer_counts_as_the_texts_receipt_and_not_as_the_calls(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She may have let it ring, and read her texts."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    phones.company.seconds_per_status = 1000
    task = care.a_task(care.a_nurse(), severity="HIGH", created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 5 * MINUTE)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    phones.company.receive(phone=NURSE_PHONE, body="1a")
    assert runs.launch("follow_replies").success
    phones(NURSE_PHONE).received_text(containing="1A: accepted")
    assert care.states(task, kind="task-created") == ["DELIVERED"]
    assert care.states(task, kind="nurse-call") == ["SENT"]


def test_a_call_that_waits_when_calls_are_switched_off_is_cancelled(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sensor looks at the queue all the same; and the call is not owed again, whoever has the setting still on."""
    phones.company.calls.always(Refuse(400, 21210), to=NURSE_PHONE)
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    assert care.states(task, kind="nurse-call") == ["QUEUED"]
    care.let_the_trial_come()
    care.it_is(NOW + 2 * MINUTE)
    monkeypatch.setenv("SEQUORA_CALL_FOR", "off")
    for result in runs.sensor(nurses_not_reached_by_text):
        assert result.success
    (row,) = care.ledger(task, kind="nurse-call")
    assert (row["state"], row["cause"], row["ended_by"]) == ("CANCELLED", "CALLS_OFF", "SEQUORA_CALL_FOR")
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_nurse_to_whom_the_task_comes_back_is_called_again(care: Care, runs: Runs, phones: Phones) -> None:
    """Once for each time that it becomes hers."""
    nurse, other = care.a_nurse(), care.a_nurse("+12025550102")
    task = undelivered(care, runs, phones, nurse)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    care.it_is(NOW + MINUTE)
    care.change_task(task, assigned_to_user_id=other)
    runs.tick(NEW_TASKS)
    phones("+12025550102").received_text()
    care.it_is(NOW + 2 * MINUTE)
    care.change_task(task, assigned_to_user_id=nurse)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=[task])
    receipts(care, runs, at=NOW + 3 * MINUTE)
    care.it_is(NOW + 6 * MINUTE)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    keys = [row["business_key"] for row in care.ledger(task, kind="nurse-call")]
    assert keys == [f"nurse-call:{task}:{nurse}", f"nurse-call:{task}:{nurse}#2"]


@pytest.mark.parametrize("nurse", [{"phone": None}, {"active": False}, {"phone": "555-CALL-ME"}])
def test_a_nurse_who_could_not_even_be_texted_is_not_called(care: Care, runs: Runs, nurse: dict[str, object]) -> None:
    """Her record is wrong, and her supervisors are told."""
    care.a_task(care.a_nurse(**nurse), severity="CRITICAL", created_at=NOW)  # type: ignore[arg-type]
    runs.tick(NEW_TASKS)
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_nurse_who_has_replied_stop_is_not_called(care: Care, runs: Runs, phones: Phones) -> None:
    """She wants to hear nothing from this number."""
    phones.company.script(Refuse(400, 21610), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    runs.tick(NURSES_TO_CALL)
    assert phones.company.calls.attempts(NURSE_PHONE) == 0
    assert [row["cause"] for row in care.ledger(task, kind="nurse-call")] == ["OPTED_OUT"]


def test_nobody_is_called_of_a_text_that_failed_long_ago(care: Care, runs: Runs, phones: Phones) -> None:
    """As when the setting is changed: her supervisors have known for long. A person may still ask for it."""
    task = undelivered(care, runs, phones)
    care.it_is(NOW + timedelta(hours=1, seconds=15))
    assert runs.tick(NURSES_TO_CALL) == []
    assert runs.launch("call_nurse", task_ids=[task]).success
    phones(NURSE_PHONE).rang()


# --- doubt ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [ResetAfterAccepting(), ErrorAfterAccepting(), Garbage()])
def test_a_call_in_doubt_is_found_by_its_number_and_its_time(
    care: Care, runs: Runs, phones: Phones, answer: Answer
) -> None:
    """And not made again: the list does not say what was said."""
    now = datetime.now(NOW.tzinfo)
    care.it_is(now)
    phones.company.always(Refuse(400, 21614), to=NURSE_PHONE)
    phones.company.calls.script(answer, to=NURSE_PHONE)
    task = care.a_task(care.a_nurse(), created_at=now)
    runs.tick(NEW_TASKS)
    runs.tick(NURSES_TO_CALL)
    assert care.states(task, kind="nurse-call") == ["IN_DOUBT"]
    looked_for(care, runs, since=now)
    call = phones(NURSE_PHONE).rang()
    (row,) = care.ledger(task, kind="nurse-call")
    assert (row["state"], row["cause"], row["provider_sid"]) == ("SENT", "FOUND", call.sid)
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_call_in_doubt_that_was_not_made_is_made_after_its_window(care: Care, runs: Runs, phones: Phones) -> None:
    """An older call to the same number, of somebody else's, is not taken for it."""
    now = datetime.now(NOW.tzinfo)
    phones.company.calls.take(to=NURSE_PHONE, from_="+15005550006", twiml="<Say>Other</Say>", timeout=60)
    phones(NURSE_PHONE).rang()
    began = now + 11 * MINUTE
    care.it_is(began)
    phones.company.always(Refuse(400, 21614), to=NURSE_PHONE)
    phones.company.calls.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse(), created_at=began)
    runs.tick(NEW_TASKS)
    runs.tick(NURSES_TO_CALL)
    assert looked_for(care, runs, since=began)[-1] == 60
    assert care.states(task, kind="nurse-call") == ["QUEUED"]
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    assert care.states(task, kind="nurse-call") == ["SENT"]


def two_calls_in_doubt(care: Care, runs: Runs, phones: Phones, *, at: datetime) -> list[str]:
    """Return two tasks whose nurses have landlines, and whose calls are in doubt."""
    tasks = []
    for number in (NURSE_PHONE, "+12025550102"):
        phones.company.always(Refuse(400, 21614), to=number)
        phones.company.calls.script(ResetAfterAccepting(), to=number)
        tasks.append(care.a_task(care.a_nurse(number), created_at=at))
    runs.tick(NEW_TASKS)
    runs.tick(NURSES_TO_CALL)
    for task, number in zip(tasks, (NURSE_PHONE, "+12025550102"), strict=True):
        assert care.states(task, kind="nurse-call") == ["IN_DOUBT"]
        phones(number).rang()
    return tasks


def may_do_all_but_read_calls(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let our API key be one of those that were made before there were calls."""
    may = STANDARD_KEY - {Permission.LIST_CALLS, Permission.FETCH_CALL}
    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, may)
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)


def test_calls_that_cannot_be_looked_up_keep_no_text_in_doubt(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of calls that cannot be read are no reason to leave that of texts alone."""
    now = datetime.now(NOW.tzinfo)
    care.it_is(now)
    calls = two_calls_in_doubt(care, runs, phones, at=now)
    phones.company.script(ResetAfterAccepting(), to="+12025550103")
    task = care.a_task(care.a_nurse("+12025550103"), severity="LOW", created_at=now)
    runs.tick(NEW_TASKS)
    phones("+12025550103").received_text()
    may_do_all_but_read_calls(phones, monkeypatch)
    care.it_is(now + 5 * SECOND)
    assert runs.launch("settle_doubtful_texts", notification_ids=[]).success
    assert care.states(task) == ["SENT"]
    assert {care.states(one, kind="nurse-call")[0] for one in calls} == {"IN_DOUBT"}


def test_receipts_of_texts_are_read_though_calls_cannot_be(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run says so, for each channel that could not be read."""
    called = undelivered(care, runs, phones)
    may_do_all_but_read_calls(phones, monkeypatch)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    care.it_is(NOW + 20 * SECOND)
    task = care.a_task(care.a_nurse("+12025550102"), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones("+12025550102").received_text()
    care.it_is(NOW + 45 * SECOND)
    (result,) = runs.sensor(texts_without_receipt)
    assert result.success
    assert care.states(task) == ["DELIVERED"]
    assert care.states(called, kind="nurse-call") == ["SENT"]
    assert metadata(result, "fetch_receipts")["known"] == 1
    (warning,) = [one.user_message for one in runs.instance.all_logs(result.run_id) if one.level == logging.WARNING]
    assert "code 70051" in warning
    assert warning.endswith("; calls are asked about again later")
    assert runs.ledger.halts.provider(VOICE).unreadable_since == NOW + 45 * SECOND
    assert runs.ledger.halts.provider(SMS).unreadable_since is None


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [13224, 21211, 21214, 21215, 21216, 21217, 21219])
def test_a_number_that_cannot_be_called_is_not_called_again(care: Care, runs: Runs, phones: Phones, code: int) -> None:
    """The code is about the number."""
    phones.company.calls.always(Refuse(400, code), to=NURSE_PHONE)
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    assert care.states(task, kind="nurse-call") == ["FAILED"]
    assert phones.company.calls.attempts(NURSE_PHONE) == 1
    assert runs.tick(NURSES_TO_CALL) == []
    assert not runs.ledger.halts.provider(VOICE).is_open


def test_calls_that_are_not_taken_keep_no_text(care: Care, runs: Runs, phones: Phones) -> None:
    """Each channel has its breaker; and the call is made when calls are taken again."""
    phones.company.calls.always(Refuse(400, 21210), to=NURSE_PHONE)
    task = undelivered(care, runs, phones)
    (result,) = runs.tick(NURSES_TO_CALL)
    assert not result.success
    assert runs.ledger.halts.provider(VOICE).is_open
    assert not runs.ledger.halts.provider(SMS).is_open
    care.a_task(care.a_nurse("+12025550102"), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones("+12025550102").received_text()
    phones.company.calls.always(None, to=NURSE_PHONE)
    care.let_the_trial_come()
    care.it_is(NOW + 2 * MINUTE)
    runs.tick(NURSES_TO_CALL)
    phones(NURSE_PHONE).rang()
    assert care.states(task, kind="nurse-call") == ["SENT"]
    assert not runs.ledger.halts.provider(VOICE).is_open


def test_a_call_that_could_not_be_made_for_an_hour_is_not_made(care: Care, runs: Runs, phones: Phones) -> None:
    """Nor made anew: she and her supervisors have other things to do by then."""
    phones.company.calls.script(Refuse(400, 21210), to=NURSE_PHONE)
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    care.it_is(NOW + timedelta(minutes=61))
    runs.tick(NURSES_TO_CALL)
    assert [row["cause"] for row in care.ledger(task, kind="nurse-call")] == ["STALE"]
    assert runs.tick(NURSES_TO_CALL) == []


def test_a_sender_that_cannot_call_is_our_trouble(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is burnt; an engineer sees it."""
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "SEQUORA")
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    assert care.states(task, kind="nurse-call") == ["QUEUED"]
    assert "no number that can call" in (runs.ledger.halts.provider(VOICE).reason or "")


# --- what people read -------------------------------------------------------------------------------------------------


def test_the_timeline_tells_of_the_call(care: Care, runs: Runs, phones: Phones) -> None:
    """As a call, and as no proof that she knows."""
    care.a_supervisor()
    task = undelivered(care, runs, phones)
    before = CliRunner().invoke(sequora, ["timeline", task]).output
    assert "the nurse is called, within seconds as a rule" in " ".join(before.split())
    runs.tick(NURSES_TO_CALL)
    call = phones(NURSE_PHONE).rang()
    under_way = " ".join(CliRunner().invoke(sequora, ["timeline", task]).output.split())
    assert "it is not known yet whether she answered" in under_way
    assert "the phone company is asked whether it was answered" in under_way
    phones.company.calls.answer(call.sid)
    receipts(care, runs, at=NOW + 30 * SECOND)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
    after = CliRunner().invoke(sequora, ["timeline", task])
    said = " ".join(after.output.split())
    assert after.exit_code == 0, said
    assert "was NOT reached: not delivered, landline" in said
    assert "she was called at" in said
    assert "it was answered, by her or by a machine" in said
    assert "answered, by a person or a machine" in said
    assert "nurse-call" in said


def test_status_tells_of_calls_that_are_not_taken(care: Care, runs: Runs, phones: Phones) -> None:
    """Beside the texts, which are; until no call has been due for long."""
    phones.company.calls.always(Refuse(400, 21210), to=NURSE_PHONE)
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    shown = CliRunner().invoke(sequora, ["status"]).output
    assert "TAKES NO CALLS since" in shown
    assert "takes texts" in shown
    assert runs.ledger.halts.provider(VOICE).keeps_messages_back
    care.change_task(task, status="RESOLVED")
    care.it_is(NOW + 20 * MINUTE)
    assert not runs.ledger.halts.provider(VOICE).keeps_messages_back
    shown = CliRunner().invoke(sequora, ["status"]).output
    assert "TAKES NO CALLS since" not in shown
    assert "took no calls when one was last due" in shown


def test_a_call_that_nobody_takes_is_nothing_that_a_person_should_look_at(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Its text is; and figures of texts count no call."""
    task = undelivered(care, runs, phones)
    runs.tick(NURSES_TO_CALL)
    phones.company.calls.decline(phones(NURSE_PHONE).rang().sid)
    receipts(care, runs, at=NOW + 30 * SECOND)
    assert care.states(task, kind="nurse-call") == ["UNDELIVERED"]
    status = json.loads(CliRunner().invoke(sequora, ["status", "--json"]).output)
    assert [one["kind"] for one in status["set_aside"]] == ["task-created"]
    assert status["sent_last_hour"] == 1


def test_a_channel_that_has_just_been_switched_on_waits_for_its_row(care: Care, runs: Runs) -> None:
    """The sensor may tick before the settings are recorded: that is no error."""
    care.rows("DELETE FROM orchestration.provider WHERE channel = 'VOICE'")
    claims = runs.ledger.claims.claim(NURSES_TO_CALL)
    assert (list(claims), claims.is_halted) == ([], True)
