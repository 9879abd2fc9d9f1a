"""Texts in doubt: looked up at the phone company, adopted, sent again or held; never doubled."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from attempts import begin
from care import ADMIN_PHONE, NOW, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from doubts import SECOND, doubtful_check_ins, doubtful_task, looked_for, looked_up
from phones import Phones
from runs import Runs, metadata

from sequora_orchestration.channels import sms
from sequora_orchestration.channels.sms import Sms
from sequora_orchestration.cli import orders
from sequora_orchestration.database import engine_for
from sequora_orchestration.domain.answers import Unclear
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.attempts import ATTEMPT_LEASE
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.twilio.api_keys import ApiKey, Permission
from sequora_orchestration.local.twilio.scripted_answers import (
    Answer,
    ErrorAfterAccepting,
    Garbage,
    Hang,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.local.twilio.server import TEST_API_KEY, TEST_API_SECRET
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import doubtful_texts
from sequora_orchestration.settings.delivery import DeliverySettings

WINDOW = 60 * SECOND

pytestmark = pytest.mark.usefixtures("stopped_clock")

ACCEPTED = [ResetAfterAccepting(), ErrorAfterAccepting(500), Garbage()]

# What says nothing, and what only the phone company itself can have said.
NO_ANSWER = [ResetBeforeAccepting(), Refuse(502, None)]
ERROR_ANSWER = [Refuse(500, 20500), Hang(0, accept=False)]


@pytest.mark.parametrize("answer", ACCEPTED)
def test_a_text_in_doubt_that_the_phone_company_has_is_adopted(
    care: Care, runs: Runs, phones: Phones, answer: Answer
) -> None:
    """With its SID, and logged; nothing is sent."""
    task = doubtful_task(care, runs, phones, answer)
    text = phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 5 * SECOND)
    (result,) = looked_up(runs)
    assert result.success
    assert metadata(result, "look_up_texts")["state"] == "SENT"
    (row,) = care.ledger(task)
    assert (row["state"], row["provider_sid"], row["adopted"], row["fingerprints"]) == ("SENT", text.sid, True, [])
    assert row["sent_at"] == NOW
    assert len(care.logged(task)) == 1
    assert runs.ledger.overview.figures().doubts.adopted == 1
    assert phones(NURSE_PHONE).attempts == 1


@pytest.mark.parametrize("answer", NO_ANSWER)
def test_without_an_answer_a_nurses_text_is_sent_again_after_the_window_and_not_before(
    care: Care, runs: Runs, phones: Phones, answer: Answer
) -> None:
    """Silence would be worse than a second text; it is looked for last when the window ends."""
    task = doubtful_task(care, runs, phones, answer)
    assert looked_for(care, runs) == [2, 5, 10, 20, 40, 60]
    (row,) = care.ledger(task)
    assert (row["state"], row["reason"]) == ("QUEUED", "not found at the phone company: sent again")
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert care.states(task) == ["SENT"]
    assert runs.ledger.overview.figures().doubts.sent_again == 1


@pytest.mark.parametrize("answer", ERROR_ANSWER)
def test_after_an_error_answer_of_the_phone_company_a_text_is_sent_again_after_ten_seconds(
    care: Care, runs: Runs, phones: Phones, answer: Answer
) -> None:
    """It most probably does not have it; it is looked for at once."""
    task = doubtful_task(care, runs, phones, answer)
    assert looked_for(care, runs) == [0, 2, 5, 10]
    assert care.states(task) == ["QUEUED"]
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_a_text_is_found_among_a_thousand_to_its_number(care: Care, runs: Runs, phones: Phones) -> None:
    """More than the phone company lists in one answer."""
    for place in range(1200):
        phones.company.create(to=NURSE_PHONE, body=f"Reminder {place}", from_="+15005550006")
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    for place in range(1200):
        phones.company.create(to=NURSE_PHONE, body=f"Another {place}", from_="+15005550006")
    looked_for(care, runs)
    assert care.states(task) == ["SENT"]
    assert phones(NURSE_PHONE).attempts == 1
    for text in phones.company.accepted(NURSE_PHONE):
        phones.expect(text)


def test_three_errors_of_the_phone_company_cost_half_a_minute(care: Care, runs: Runs, phones: Phones) -> None:
    """And not a minute and more each."""
    phones.company.script(Refuse(500, 20500), Refuse(500, 20500), Refuse(500, 20500), to=NURSE_PHONE)
    care.a_task(care.a_nurse())
    for tries in range(3):
        runs.tick(NEW_TASKS)
        assert looked_for(care, runs, since=NOW + tries * 10 * SECOND) == [0, 2, 5, 10]
    runs.tick(NEW_TASKS)
    assert care.states() == ["SENT"]
    phones(NURSE_PHONE).received_text()


def test_a_critical_text_is_looked_for_for_a_quarter_of_a_minute(care: Care, runs: Runs, phones: Phones) -> None:
    """A minute may be a life."""
    task = doubtful_task(care, runs, phones, ResetBeforeAccepting(), severity="CRITICAL")
    assert looked_for(care, runs) == [2, 5, 10, 15]
    assert care.states(task) == ["QUEUED"]


@pytest.mark.parametrize("answer", [*NO_ANSWER, *ERROR_ANSWER])
def test_a_patients_text_is_looked_for_for_the_whole_window(
    care: Care, runs: Runs, phones: Phones, answer: Answer
) -> None:
    """Nobody is in a hurry, and it costs a person who is to look."""
    doubtful_check_ins(care, runs, phones, [answer])
    assert looked_for(care, runs, since=NOW + timedelta(days=1))[-1] == 60
    assert care.states() == ["HELD"]


@pytest.mark.parametrize("task", [{"severity": "CRITICAL"}, {"severity": "LOW"}])
@pytest.mark.parametrize("answer", [ResetBeforeAccepting(), Refuse(500, 20500)])
def test_no_window_is_longer_than_the_one_that_is_set(
    care: Care,
    runs: Runs,
    phones: Phones,
    monkeypatch: pytest.MonkeyPatch,
    care_url: str,
    answer: Answer,
    task: dict[str, str],
) -> None:
    """Neither that of critical texts, nor the ten seconds after an error answer."""
    monkeypatch.setenv("SEQUORA_DOUBT_WINDOW", "7s")
    runs.ledger = Ledger(engine_for(care_url), delivery=DeliverySettings.load())
    doubtful_task(care, runs, phones, answer, **task)
    assert looked_for(care, runs)[-1] == 7


def test_what_an_older_worker_has_put_in_doubt_is_looked_for_for_the_window(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It does not say when its doubt ends; what an earlier doubt has left is no end of this one."""
    task = doubtful_task(care, runs, phones, ResetBeforeAccepting())
    care.rows("UPDATE orchestration.notification SET doubt_ends_at = doubted_at - interval '1 second'")
    for seconds in (5, 15, 35, 59):
        care.it_is(NOW + seconds * SECOND)
        looked_up(runs)
        assert care.states(task) == ["IN_DOUBT"]
    care.it_is(NOW + 2 * WINDOW)
    looked_up(runs)
    assert care.states(task) == ["QUEUED"]


def test_a_text_that_shows_up_late_is_not_doubled(care: Care, runs: Runs, phones: Phones) -> None:
    """The list lags behind by nearly the whole window."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    hidden = phones.company.accepted()[0]
    phones.company.visible_after = 1_000_000
    for seconds in (5, 15, 35, 59):
        care.it_is(NOW + seconds * SECOND)
        looked_up(runs)
    phones.company.visible_after = 0
    care.it_is(NOW + WINDOW)
    looked_up(runs)
    care.it_is(NOW + 2 * WINDOW)
    looked_up(runs)
    assert care.states(task) == ["SENT"]
    assert phones(NURSE_PHONE).received_text().sid == hidden.sid
    assert runs.tick(NEW_TASKS) == []


def test_a_text_that_shows_up_after_it_was_sent_again_settles_the_next_doubt(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """There is no third."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    phones.company.visible_after = 1_000_000
    for seconds in (5, 120):
        care.it_is(NOW + seconds * SECOND)
        looked_up(runs)
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["IN_DOUBT"]
    phones.company.visible_after = 0
    care.it_is(NOW + 125 * SECOND)
    looked_up(runs)
    assert care.states(task) == ["SENT"]
    phones(NURSE_PHONE).received_text()
    assert phones(NURSE_PHONE).attempts == 2


def test_a_patients_text_that_the_phone_company_does_not_have_is_held(care: Care, runs: Runs, phones: Phones) -> None:
    """A person decides: released, it goes out; nothing else sends it."""
    (episode,) = doubtful_check_ins(care, runs, phones, [ResetBeforeAccepting()])
    day = NOW + timedelta(days=1)
    for seconds in (5, 120):
        care.it_is(day + seconds * SECOND)
        looked_up(runs)
    assert care.states() == ["HELD"]
    assert looked_up(runs) == []
    assert runs.tick(DUE_CHECK_INS) == []
    runs.launch("send_check_in", episode_ids=[episode])
    assert care.states() == ["HELD"]
    assert runs.ledger.overview.figures().doubts.held == 1


def test_of_two_equal_texts_each_message_gets_one(care: Care, runs: Runs, phones: Phones) -> None:
    """Two check-ins on patients with one name and one phone, both accepted: two SIDs."""
    doubtful_check_ins(care, runs, phones, [ResetAfterAccepting(), ResetAfterAccepting()])
    care.it_is(NOW + timedelta(days=1, seconds=5))
    looked_up(runs)
    sids = {row["provider_sid"] for row in care.ledger()}
    assert sids == {text.sid for text in phones.company.accepted()}
    assert len(sids) == 2
    for _ in sids:
        phones(PATIENT_PHONE).received_text()


def test_of_two_equal_texts_only_the_one_that_was_accepted_is_adopted(care: Care, runs: Runs, phones: Phones) -> None:
    """The other is held, whichever it was."""
    doubtful_check_ins(care, runs, phones, [ResetAfterAccepting(), ResetBeforeAccepting()])
    for seconds in (5, 120):
        care.it_is(NOW + timedelta(days=1, seconds=seconds))
        looked_up(runs)
    assert sorted(care.states()) == ["HELD", "SENT"]
    phones(PATIENT_PHONE).received_text()


def test_a_text_that_another_message_has_is_not_adopted(care: Care, runs: Runs, phones: Phones) -> None:
    """An equal text was sent and recorded just before."""
    episodes = [care.an_episode(care.a_patient(), created_at=NOW) for _ in range(2)]
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + timedelta(days=1))
    first, second = runs.ledger.claims.claim(DUE_CHECK_INS)
    runs.run(DUE_CHECK_INS, first)
    phones.company.script(ResetBeforeAccepting(), to=PATIENT_PHONE)
    runs.run(DUE_CHECK_INS, second)
    for seconds in (5, 120):
        care.it_is(NOW + timedelta(days=1, seconds=seconds))
        looked_up(runs)
    assert sorted(care.states()) == ["HELD", "SENT"]
    assert len(episodes) == 2
    phones(PATIENT_PHONE).received_text()


def test_what_a_dead_process_was_sending_is_looked_up(care: Care, runs: Runs, phones: Phones) -> None:
    """It died before its call: the text goes out once its lease is over and it was looked for twice."""
    task = care.a_task(care.a_nurse())
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    (notification,) = runs.ledger.leases.take_up(claim.id, "a-run")
    assert begin(runs.ledger, notification) == 1
    care.it_is(NOW + (ATTEMPT_LEASE - 1) * SECOND)
    assert looked_up(runs) == []
    assert care.states(task) == ["SENDING"]
    for seconds in (ATTEMPT_LEASE, ATTEMPT_LEASE + 6):
        care.it_is(NOW + seconds * SECOND)
        looked_up(runs)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert care.states(task) == ["SENT"]


def test_a_recipient_whose_number_was_changed_is_found_by_the_text(care: Care, runs: Runs, phones: Phones) -> None:
    """It went to the old number."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    care.rows("""UPDATE "User" SET primary_phone = '+12025550109'""")
    care.it_is(NOW + 5 * SECOND)
    looked_up(runs)
    assert care.states(task) == ["SENT"]
    phones(NURSE_PHONE).received_text()


def test_a_task_that_was_changed_meanwhile_is_found_by_the_text(care: Care, runs: Runs, phones: Phones) -> None:
    """Written again, the text would read otherwise."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    care.change_task(task, severity="LOW", reason_codes=["FEVER"])
    care.it_is(NOW + 5 * SECOND)
    looked_up(runs)
    assert care.states(task) == ["SENT"]
    phones(NURSE_PHONE).received_text()


def test_a_task_that_was_resolved_meanwhile_is_not_texted_about_again(care: Care, runs: Runs, phones: Phones) -> None:
    """What the phone company does not have ends as cancelled."""
    task = doubtful_task(care, runs, phones, ResetBeforeAccepting())
    care.change_task(task, status="RESOLVED")
    for seconds in (5, 120):
        care.it_is(NOW + seconds * SECOND)
        looked_up(runs)
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["CANCELLED"]
    phones(NURSE_PHONE).received_no_text()


def test_while_the_list_cannot_be_read_nothing_is_decided(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, without a number, and the text stays in doubt; for an hour, then a person looks."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    with monkeypatch.context() as wrong:
        wrong.setenv("TWILIO_AUTH_TOKEN", "another")
        care.it_is(NOW + 5 * SECOND)
        (result,) = looked_up(runs)
        assert metadata(result, "look_up_texts")["reason"] == "the list could not be read: looked for again"
        assert care.states(task) == ["IN_DOUBT"]
        assert "could not be read" in caplog.text
        assert NURSE_PHONE[2:] not in caplog.text
        care.it_is(NOW + timedelta(hours=1))
        looked_up(runs)
    assert care.states(task) == ["HELD"]
    phones(NURSE_PHONE).received_text()
    care.a_supervisor()
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: in doubt", task])


def test_that_look_ups_are_not_possible_is_known_until_they_are(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of an API key that may only send; the warning says with which answer."""
    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, frozenset({Permission.SEND}))
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    care.it_is(NOW + 5 * SECOND)
    looked_up(runs)
    assert care.states(task) == ["IN_DOUBT"]
    assert runs.ledger.halts.provider(SMS).unreadable_since == NOW + 5 * SECOND
    assert runs.ledger.halts.provider(SMS).why_unreadable == "the API key may not do this (HTTP 401, code 70051)"
    assert "the phone company's list could not be read (HTTP 401, code 70051)" in caplog.text

    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET)
    care.it_is(NOW + 120 * SECOND)
    looked_up(runs)
    assert care.states(task) == ["SENT"]
    assert runs.ledger.halts.provider(SMS).unreadable_since is None
    phones(NURSE_PHONE).received_text()


def test_after_a_list_that_could_not_be_read_the_next_look_is_as_it_was_to_be(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A critical text is not silent for a minute for that."""
    doubtful_task(care, runs, phones, ResetAfterAccepting(), severity="CRITICAL")
    phones(NURSE_PHONE).received_text()
    with monkeypatch.context() as wrong:
        wrong.setenv("TWILIO_AUTH_TOKEN", "another")
        assert looked_for(care, runs, within=3) == [2]
    assert looked_for(care, runs) == [5]
    assert care.states() == ["SENT"]


def test_a_list_that_cannot_be_read_keeps_nobody_elses_text_in_doubt(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of all texts is too long; that of a number is not."""
    changed = doubtful_task(care, runs, phones, ResetAfterAccepting())
    care.rows("""UPDATE "User" SET primary_phone = '+12025550109'""")
    phones.company.script(ResetAfterAccepting(), to="+12025550102")
    task = care.a_task(care.a_nurse("+12025550102"), severity="LOW")
    runs.tick(NEW_TASKS)
    monkeypatch.setattr(sms, "MOST_LISTED", 2)
    care.it_is(NOW + 5 * SECOND)
    looked_up(runs)
    assert care.states(task) == ["SENT"]
    assert care.states(changed) == ["IN_DOUBT"]
    phones(NURSE_PHONE).received_text()
    phones("+12025550102").received_text()


@pytest.mark.parametrize("hidden", [{"body": ""}, {"to": "+1202555XXXX"}])
def test_where_an_account_has_texts_redacted_nothing_is_sent_again(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch, hidden: dict[str, Any]
) -> None:
    """It may be among those that the list does not show: a person looks, and the supervisor is told."""
    care.a_supervisor()
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    listed = phones.company.listed
    monkeypatch.setattr(
        phones.company, "listed", lambda *args, **kwargs: [replace(one, **hidden) for one in listed(*args, **kwargs)]
    )
    for seconds in (5, 120):
        care.it_is(NOW + seconds * SECOND)
        looked_up(runs)
    assert care.states(task) == ["HELD"]
    phones(NURSE_PHONE).received_text()
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: in doubt", task])


def test_trials_during_an_outage_cost_a_text_no_attempt(care: Care, runs: Runs, phones: Phones) -> None:
    """The most severe text is not given up for being tried first; the trials go through those that wait."""
    phones.company.always(Refuse(503, 20503))
    nurses = {number: care.a_nurse(number) for number in (NURSE_PHONE, *(f"+1202555{1000 + n}" for n in range(3)))}
    tasks = [care.a_task(nurse, created_at=NOW) for nurse in nurses.values()]
    for minutes in range(30):
        care.it_is(NOW + timedelta(minutes=minutes))
        runs.tick(NEW_TASKS)
        looked_up(runs)
    assert runs.ledger.halts.provider(SMS).is_open
    assert "FAILED" not in care.states()
    assert max(row["attempts"] for row in care.ledger()) <= 2
    assert min(len(phones.company.attempts(number)) for number in nurses) >= 4
    phones.company.always(None)
    for minutes in range(30, 40):
        care.it_is(NOW + timedelta(minutes=minutes))
        runs.tick(NEW_TASKS)
        looked_up(runs)
    assert care.states() == ["SENT"] * len(tasks)
    for number in nurses:
        phones(number).received_text()


def test_a_text_in_doubt_that_an_operator_cancels_is_not_sent_again(care: Care, runs: Runs, phones: Phones) -> None:
    """It ends when it is known that it was not sent; if it was, it is adopted."""
    lost = doubtful_task(care, runs, phones, ResetBeforeAccepting())
    phones.company.script(ResetAfterAccepting(), to="+12025550102")
    arrived = care.a_task(care.a_nurse("+12025550102"))
    runs.tick(NEW_TASKS)
    for task in (lost, arrived):
        said = orders.change("cancel", task, None, Operator(who="maya", why="told by phone"))
        assert "being looked for at the phone company; not sent again if it is not there" in said
    for seconds in (5, 120):
        care.it_is(NOW + seconds * SECOND)
        looked_up(runs)
    assert care.states(lost) == ["CANCELLED"]
    assert care.states(arrived) == ["SENT"]
    assert runs.tick(NEW_TASKS) == []
    phones("+12025550102").received_text()


def test_a_text_that_is_cancelled_while_the_list_is_read_is_not_sent_again(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was cancelled could not be known when the look began."""
    task = doubtful_task(care, runs, phones, ResetBeforeAccepting())
    care.it_is(NOW + 5 * SECOND)
    looked_up(runs)
    care.it_is(NOW + 60 * SECOND)
    listed = Sms.listed

    def is_slow(channel: Sms, *given: Any, **named: Any) -> Any:
        orders.change("cancel", task, None, Operator(who="maya", why="told by phone"))
        return listed(channel, *given, **named)

    monkeypatch.setattr(Sms, "listed", is_slow)
    looked_up(runs)
    assert care.states(task) == ["CANCELLED"]
    assert care.ledger(task)[0]["cause"] == "CANCELLED_BY_OPERATOR"
    assert runs.tick(NEW_TASKS) == []
    assert care.one("SELECT count(*) FROM orchestration.lost_attempt") == 0


def test_a_doubt_after_refusals_is_not_the_last_try(care: Care, runs: Runs, phones: Phones) -> None:
    """Only what may have gone out counts as a try that was not found."""
    busy = Refuse(429, 20429)
    phones.company.script(busy, busy, busy, ResetBeforeAccepting(), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    assert care.states(task) == ["IN_DOUBT"]
    looked_for(care, runs)
    assert care.states(task) == ["QUEUED"]
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_a_text_that_is_never_found_is_given_up_after_its_attempts(care: Care, runs: Runs, phones: Phones) -> None:
    """It may be what breaks them; the supervisor is told as of every text that fails."""
    care.a_supervisor()
    phones.company.always(ResetBeforeAccepting(), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse(), created_at=NOW)
    for number in range(4):
        runs.tick(NEW_TASKS)
        for seconds in (10, 120):
            care.it_is(NOW + timedelta(hours=number) + seconds * SECOND)
            looked_up(runs)
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"]) == ("FAILED", 4)
    assert "not found at the phone company after 4 attempts" in row["reason"]
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached: not found at the phone company", task])


def test_an_attempt_of_before_the_fingerprints_is_held(care: Care, runs: Runs, phones: Phones) -> None:
    """Nobody can tell whether it was sent: a person looks."""
    task = doubtful_task(care, runs, phones, ResetBeforeAccepting())
    care.rows("UPDATE orchestration.notification SET fingerprints = '{}', look_at = NULL, doubted_at = NULL")
    looked_up(runs)
    assert care.states(task) == ["HELD"]


def test_two_look_ups_at_once_settle_a_text_once(care: Care, ledger: Ledger, runs: Runs, phones: Phones) -> None:
    """Both have read the same rows."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    text = phones(NURSE_PHONE).received_text()
    (one,) = ledger.doubts.in_doubt()
    assert ledger.doubts.adopt(one, text.sid, [*one.fingerprints])
    assert not ledger.doubts.adopt(one, text.sid, [*one.fingerprints])
    assert [ledger.application_log.bring_log_up_to_date([one.id]) for _ in range(2)] == [True, True]
    assert len(care.logged(task)) == 1


def test_everything_in_doubt_is_looked_up_by_hand_without_ids(care: Care, runs: Runs, phones: Phones) -> None:
    """As a person launches it."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    assert runs.launch("settle_doubtful_texts").success
    assert care.states(task) == ["SENT"]
    phones(NURSE_PHONE).received_text()


def held(care: Care, task: str, kind: str) -> None:
    """Let the one message of a kind that was sent about a task be held, as after a list that proves nothing."""
    care.rows("INSERT INTO orchestration.notification_move VALUES ('SENT', 'HELD') ON CONFLICT DO NOTHING")
    care.rows(
        "UPDATE orchestration.notification SET state = 'HELD', reason = 'in doubt' WHERE task_id = :task"
        " AND kind = :kind AND state = 'SENT'",
        task=task,
        kind=kind,
    )


def test_of_a_supervisors_text_that_is_held_another_is_told(care: Care, runs: Runs, phones: Phones) -> None:
    """An admin; and if there is nobody else, that is said, and the ledger does not fill with rows."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(None), created_at=NOW)
    runs.tick(NEW_TASKS)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text()
    held(care, task, "nurse-unreached")
    for minutes in range(5):
        care.it_is(NOW + timedelta(minutes=minutes))
        assert not any(result.success for result in runs.tick(UNREACHED_NURSES))
    assert sorted(care.states(kind="nurse-unreached")) == ["HELD", "SCHEDULED"]
    care.a_nurse(ADMIN_PHONE, role="ADMIN")
    care.it_is(NOW + timedelta(minutes=10))
    runs.tick(UNREACHED_NURSES)
    phones(ADMIN_PHONE).received_text(containing=[task])
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_cancelled_text_that_may_have_been_sent_is_not_held_for_anybody(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """The operator has decided already."""
    care.a_supervisor()
    task = doubtful_task(care, runs, phones, ResetBeforeAccepting())
    care.rows("UPDATE orchestration.notification SET fingerprints = '{}'")
    orders.change("cancel", task, None, Operator(who="maya", why="told by phone"))
    care.it_is(NOW + 5 * SECOND)
    looked_up(runs)
    assert care.states(task) == ["CANCELLED"]
    assert runs.tick(UNREACHED_NURSES) == []


def test_a_held_text_can_be_cancelled_and_its_escalation_goes_with_it(care: Care, runs: Runs, phones: Phones) -> None:
    """Nothing follows from a cancelled alert."""
    care.a_supervisor()
    task = care.a_task(care.a_nurse(), created_at=NOW, sla_due_at=NOW)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text()
    held(care, task, "sla-breach")
    said = orders.change("cancel", task, "sla-breach", Operator(who="maya", why="told by phone"))
    assert sorted(line.split()[0] for line in said.splitlines()) == ["sla-breach", "sla-escalation"]
    care.it_is(NOW + timedelta(hours=1))
    assert runs.tick(UNANSWERED_BREACHES) == []
    assert runs.tick(UNREACHED_NURSES) == []


def test_while_the_phone_company_takes_no_texts_nothing_is_hopeless(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage of three hours, its list included: the nurse's text goes out after it."""
    task = doubtful_task(care, runs, phones, ResetBeforeAccepting())
    runs.ledger.halts.note_trouble(SMS, Unclear("the phone company answered HTTP 503"), at_once=True)
    with monkeypatch.context() as away:
        away.setenv("TWILIO_API_BASE_URL", f"http://127.0.0.1:{free_port()}")
        for minutes in range(2, 180, 30):
            care.it_is(NOW + timedelta(minutes=minutes))
            looked_up(runs)
            assert care.states(task) == ["IN_DOUBT"]
    runs.ledger.halts.note_answer(SMS)
    for seconds in (60, 120):
        care.it_is(NOW + timedelta(hours=3, seconds=seconds))
        looked_up(runs)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()


def test_the_sensor_sets_aside_what_a_dead_process_was_sending(care: Care, runs: Runs) -> None:
    """Nobody knows whether it went out: it is looked for at once."""
    task = care.a_task(care.a_nurse())
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    (notification,) = runs.ledger.leases.take_up(claim.id, "a-run")
    assert begin(runs.ledger, notification) == 1
    care.let_leases_expire()
    (result,) = runs.sensor(doubtful_texts)
    assert metadata(result, "look_up_texts")["state"] == "IN_DOUBT"
    assert care.states(task) == ["IN_DOUBT"]
