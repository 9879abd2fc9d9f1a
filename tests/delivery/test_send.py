"""How messages are sent: looked at right before the call, and no further one once nothing may go out."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Event

import pytest
from care import NURSE_PHONE, Care
from phones import Phones
from running_system import eventually

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.channels.sms import Sms, open_sms
from sequora_orchestration.channels.twilio import Twilio
from sequora_orchestration.channels.voice import open_voice
from sequora_orchestration.delivery import send as sending
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.prepare import drop_unreachable, drop_unwanted
from sequora_orchestration.domain.answers import Accepted, Answer, Refusal, Refused
from sequora_orchestration.domain.notification import SMS, VOICE, Notification
from sequora_orchestration.ledger.attempts import Attempts
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.twilio.scripted_answers import Hang, Refuse
from sequora_orchestration.messages.kind import Facts
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.settings.twilio import TwilioSettings

pytestmark = pytest.mark.usefixtures("environment")

# How long one thread waits for another at most, in seconds.
PATIENCE = 30


def a_delivery(ledger: Ledger, care_database: CareDatabase, sms: Sms | None = None) -> Delivery:
    """Return what a run sends with."""
    return Delivery(
        ledger=ledger,
        care=care_database,
        channels={SMS: sms or open_sms()},
        wording=Wording(app_url="https://app.example.com"),
        run_id="a-run",
    )


@pytest.mark.usefixtures("phones")
def test_the_last_look_is_taken_right_before_the_call(care: Care, ledger: Ledger, care_database: CareDatabase) -> None:
    """A task that is resolved when its run has begun already is not texted about either."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    delivery = a_delivery(ledger, care_database)
    taken_up = ledger.leases.take_up(claim.id, "a-run")
    assert drop_unwanted(delivery, taken_up) == []
    care.change_task(task, status="RESOLVED")
    assert not sending.send(delivery, taken_up).some_again
    assert care.states(task) == ["CANCELLED"]


def test_of_a_long_run_each_task_is_looked_at_when_its_turn_comes(
    care: Care, ledger: Ledger, care_database: CareDatabase, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is resolved while the texts before it go out is not texted about."""
    tasks = [care.a_task(care.a_nurse(NURSE_PHONE)), care.a_task(care.a_nurse("+12025550102"))]
    taken_up = [one for claim in ledger.claims.claim(NEW_TASKS) for one in ledger.leases.take_up(claim.id, "a-run")]

    class ResolvesTheOther(Sms):
        def submit(self, to: str, content: str, worth: timedelta) -> Answer:
            (other,) = [task for task in tasks if task not in content]
            care.change_task(other, status="RESOLVED")
            return super().submit(to, content, worth)

    settings = TwilioSettings.load()
    sms = ResolvesTheOther(Twilio(settings.model_copy(update={"sequora_texts_at_a_time": 1})))
    monkeypatch.setattr(sending, "LOOK_HOLDS", 0)
    sending.send(a_delivery(ledger, care_database, sms), taken_up)
    assert sorted(care.states()) == ["CANCELLED", "SENT"]
    (text,) = phones.company.accepted()
    phones.expect(text)


def test_a_number_that_opts_out_right_before_the_call_is_not_texted(
    care: Care, ledger: Ledger, care_database: CareDatabase, phones: Phones
) -> None:
    """Its nurse was found reachable by the step before."""
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    delivery = a_delivery(ledger, care_database)
    taken_up = ledger.leases.take_up(claim.id, "a-run")
    assert drop_unreachable(delivery, taken_up) == []
    ledger.opt_outs.remember_opt_out(NURSE_PHONE, nurse)
    assert not sending.send(delivery, taken_up).some_again
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"]) == ("FAILED", 0)
    assert row["reason"].startswith("opted out")
    assert phones(NURSE_PHONE).attempts == 0


def taken_up_by_one_run(care: Care, ledger: Ledger, count: int) -> list[Notification]:
    """Return the messages about some new tasks, each of a nurse of her own, which one run has."""
    for number in range(count):
        care.a_task(care.a_nurse(f"+1202555{100 + number:04}"))
    (claim,) = ledger.claims.claim(NEW_TASKS)
    return ledger.leases.take_up(claim.id, "a-run")


def test_while_an_answer_that_is_about_all_is_recorded_no_other_thread_begins_a_call(
    care: Care, ledger: Ledger, care_database: CareDatabase, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of two threads is through with its text, and asks for another, before the first has recorded it."""
    waiting = taken_up_by_one_run(care, ledger, 6)
    refused, asked_for_another, both_call = Event(), Event(), Barrier(2)
    submitted: list[str] = []

    class OneIsRefused(Sms):
        def submit(self, to: str, content: str, worth: timedelta) -> Answer:
            submitted.append(to)
            both_call.wait(PATIENCE)
            if to == submitted[0]:
                return Refused(Refusal.CONFIGURATION, "the account is not active", 20005)
            assert refused.wait(PATIENCE)
            return super().submit(to, content, worth)

    put_back, next_ = Attempts.put_back, sending._next

    def slowly(*given: object, **named: object) -> object:
        refused.set()
        assert asked_for_another.wait(PATIENCE)
        return put_back(*given, **named)  # type: ignore[arg-type]

    def noted(left: deque[Facts]) -> Facts | None:
        facts = next_(left)
        if refused.is_set():
            asked_for_another.set()
        return facts

    monkeypatch.setattr(Attempts, "put_back", slowly)
    monkeypatch.setattr(sending, "_next", noted)
    sms = OneIsRefused(Twilio(TwilioSettings.load().model_copy(update={"sequora_texts_at_a_time": 2})))
    with pytest.raises(sending.SenderUnusableError):
        sending.send(a_delivery(ledger, care_database, sms), waiting)
    assert len(submitted) == 2
    (text,) = phones.company.accepted()
    phones.expect(text)
    assert sorted(care.states()) == [*(["QUEUED"] * 5), "SENT"]
    assert {row["claim_id"] for row in care.ledger() if row["state"] == "QUEUED"} == {None}


def test_once_the_breaker_is_open_nothing_further_is_begun(
    care: Care, ledger: Ledger, care_database: CareDatabase, phones: Phones
) -> None:
    """The run says so, and the others wait for any other."""
    waiting = taken_up_by_one_run(care, ledger, 12)
    phones.company.always(Refuse(401, 20003))
    settings = TwilioSettings.load().model_copy(update={"sequora_texts_at_a_time": 1})
    delivery = a_delivery(ledger, care_database, Sms(Twilio(settings)))
    with pytest.raises(sending.SenderUnusableError, match="auth token"):
        sending.send(delivery, waiting)
    assert sum(row["refusals"] for row in care.ledger()) == 1
    assert {(row["state"], row["claim_id"]) for row in care.ledger()} == {("QUEUED", None)}


def test_an_error_about_one_keeps_no_other_from_being_sent(
    care: Care, ledger: Ledger, care_database: CareDatabase, phones: Phones
) -> None:
    """It is raised when they are through."""
    waiting = taken_up_by_one_run(care, ledger, 6)

    class OneBreaks(Sms):
        def recognise(self, salt: bytes, to: str, content: str) -> tuple[str, ...]:
            if to.endswith("0100"):
                raise ZeroDivisionError
            return tuple(super().recognise(salt, to, content))

    settings = TwilioSettings.load().model_copy(update={"sequora_texts_at_a_time": 1})
    with pytest.raises(ZeroDivisionError):
        sending.send(a_delivery(ledger, care_database, OneBreaks(Twilio(settings))), waiting)
    assert sorted(care.states()) == ["QUEUED", *(["SENT"] * 5)]
    for text in phones.company.accepted():
        phones.expect(text)


@pytest.mark.usefixtures("row_for_calls")
def test_each_message_goes_out_by_the_door_of_its_channel(
    care: Care, ledger: Ledger, care_database: CareDatabase
) -> None:
    """The engine knows of channels no more than their names."""
    taken_up_by_one_run(care, ledger, 6)
    care.rows("UPDATE orchestration.notification SET channel = 'VOICE'")
    (claim,) = care.rows("SELECT DISTINCT claim_id::text FROM orchestration.notification")

    class Calls(Sms):
        name = "VOICE"

        def submit(self, to: str, content: str, worth: timedelta) -> Answer:  # noqa: ARG002
            return Accepted(f"CA-{to}")

    calls = Calls(Twilio(TwilioSettings.load()))
    delivery = Delivery(
        ledger=ledger,
        care=care_database,
        channels={SMS: open_sms(), calls.name: calls},
        wording=Wording(app_url="https://app.example.com"),
        run_id="a-run",
    )
    assert sending.send(delivery, ledger.leases.take_up(claim["claim_id"], "a-run")).waits is None
    assert {row["provider_sid"][:2] for row in care.ledger()} == {"CA"}
    assert {row["method"] for row in care.rows('SELECT method FROM "NotificationLog"')} == {"VOICE"}


@pytest.mark.usefixtures("row_for_calls")
def test_while_a_channel_learns_what_it_needs_no_attempt_has_begun(
    care: Care, ledger: Ledger, care_database: CareDatabase, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take longer than an attempt's lease; and a task that is resolved meanwhile is not called about."""
    service = "MG00000000000000000000000000000001"
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", service)
    monkeypatch.delenv("TWILIO_FROM_NUMBER", raising=False)
    task, resolved = (care.a_task(care.a_nurse(number)) for number in (NURSE_PHONE, "+12025550102"))
    taken_up = [one for claim in ledger.claims.claim(NEW_TASKS) for one in ledger.leases.take_up(claim.id, "a-run")]
    care.rows("UPDATE orchestration.notification SET channel = 'VOICE'")
    taken_up = [replace(one, channel=VOICE) for one in taken_up]
    delivery = replace(a_delivery(ledger, care_database), channels={VOICE: open_voice()})
    phones.company.services.answers.queue([Hang(2)], to=service)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(sending.send, delivery, taken_up)
        eventually(lambda: phones.company.services.requests == 1, within=10, what="a request for the number")
        assert {(row["state"], row["attempts"]) for row in care.ledger()} == {("QUEUED", 0)}
        care.change_task(resolved, status="RESOLVED")
        assert not sent.done()
    assert sent.result().waits is None
    phones(NURSE_PHONE).rang()
    assert (care.states(task), care.states(resolved)) == (["SENT"], ["CANCELLED"])
