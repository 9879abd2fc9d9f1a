"""Calls over real HTTP: made, listed, and what became of them."""

from datetime import UTC, datetime, timedelta

import pytest
from doors import NUMBER, SENDER, answering
from phones import Phones

from sequora_orchestration.channels import voice as channel_voice
from sequora_orchestration.channels.channel import LookUpError, UnreadableError
from sequora_orchestration.channels.twilio import Twilio
from sequora_orchestration.channels.voice import RINGS_FOR, Voice, open_voice
from sequora_orchestration.domain.answers import Accepted, Answer, Refusal, Refused, Unclear
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.local.twilio.call import Call
from sequora_orchestration.local.twilio.messaging_services import NUMBER_OF_SERVICES
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetAfterAccepting
from sequora_orchestration.settings.twilio import TwilioSettings

WORTH = timedelta(minutes=15)
SAID = "Please look at your texts.\nPor favor, mire sus mensajes."
SERVICE = "MG00000000000000000000000000000001"

# Else the phone company is as another test has left it.
pytestmark = pytest.mark.usefixtures("phones")


def a_voice() -> Voice:
    """Return the channel for calls as the environment says."""
    return Voice(Twilio(TwilioSettings.load()))


def call(to: str = NUMBER, content: str = SAID) -> Answer:
    """Make one call as the environment says."""
    voice = a_voice()
    voice.prepare()
    return voice.submit(to, content, WORTH)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> str:
    """The messaging service that is the sender, without a number beside it."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", SERVICE)
    monkeypatch.delenv("TWILIO_FROM_NUMBER")
    return SERVICE


def called(phones: Phones, count: int = 1, *, to: str = NUMBER) -> list[str]:
    """Make some calls to a number, and return their SIDs."""
    sids = []
    for _ in range(count):
        answer = call(to)
        assert isinstance(answer, Accepted)
        assert phones(to).rang().sid == answer.provider_id
        sids.append(answer.provider_id)
    return sids


def test_a_call_that_is_accepted_has_a_sid_and_says_what_it_was_given(phones: Phones) -> None:
    """Twice, from our number."""
    answer = call()
    made = phones(NUMBER).rang()
    assert answer == Accepted(made.sid)
    assert (made.from_, made.said, made.rings_for) == (SENDER, SAID.splitlines() * 2, RINGS_FOR)


def test_a_call_of_no_worth_rings_all_the_same(phones: Phones) -> None:
    """For a second."""
    assert isinstance(a_voice().submit(NUMBER, SAID, timedelta(0)), Accepted)
    assert phones(NUMBER).rang().rings_for == 1


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (13224, Refusal.PERMANENT),
        (32018, Refusal.PERMANENT),
        (21214, Refusal.PERMANENT),
        (21216, Refusal.PERMANENT),
        (21219, Refusal.PERMANENT),
        (573005, Refusal.PERMANENT),
        (10004, Refusal.TRANSIENT),
        (20429, Refusal.TRANSIENT),
        (10001, Refusal.CONFIGURATION),
        (10005, Refusal.CONFIGURATION),
        (21210, Refusal.CONFIGURATION),
        (20003, Refusal.CONFIGURATION),
        (99999, Refusal.UNKNOWN),
    ],
)
def test_a_refusal_is_judged_by_the_codes_of_calls(phones: Phones, code: int, refusal: Refusal) -> None:
    """One that is not known as with texts."""
    phones.company.calls.script(Refuse(400, code), to=NUMBER)
    answer = call()
    assert isinstance(answer, Refused)
    assert (answer.refusal, answer.code) == (refusal, code)
    assert NUMBER[1:] not in repr(answer)


def test_no_answer_is_unclear(phones: Phones) -> None:
    """The phone may ring."""
    phones.company.calls.script(ResetAfterAccepting(), to=NUMBER)
    assert isinstance(call(), Unclear)
    phones(NUMBER).rang()


# --- the number that calls come from ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("service")
def test_of_a_messaging_service_the_first_number_that_can_call_is_taken(phones: Phones) -> None:
    """It is asked for once, before the first call."""
    voice = a_voice()
    for _ in range(2):
        voice.prepare()
        assert isinstance(voice.submit(NUMBER, SAID, WORTH), Accepted)
        assert phones(NUMBER).rang().from_ == NUMBER_OF_SERVICES
    assert phones.company.services.requests == 1


def test_a_number_that_is_set_beside_a_service_is_the_one_that_calls(
    phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has chosen it."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", SERVICE)
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "+15005550010")
    assert isinstance(call(), Accepted)
    assert phones(NUMBER).rang().from_ == "+15005550010"
    assert phones.company.services.requests == 0


def test_beside_a_name_it_is_the_services_number_that_calls(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name cannot."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", SERVICE)
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "SEQUORA")
    assert isinstance(call(), Accepted)
    assert phones(NUMBER).rang().from_ == NUMBER_OF_SERVICES


@pytest.mark.usefixtures("service")
def test_a_service_without_such_a_number_cannot_call(phones: Phones) -> None:
    """An engineer has to mend that."""
    phones.company.numbers_can_call = False
    answer = call()
    assert isinstance(answer, Refused)
    assert answer.refusal is Refusal.CONFIGURATION


def test_a_service_that_does_not_exist_cannot_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one without numbers."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", "MG1")
    monkeypatch.delenv("TWILIO_FROM_NUMBER")
    assert a_voice().number() is None


@pytest.mark.parametrize("sender", ["12345", "SEQUORA"])
def test_a_short_code_or_a_name_cannot_call(monkeypatch: pytest.MonkeyPatch, sender: str) -> None:
    """Nothing is asked."""
    monkeypatch.setenv("TWILIO_FROM_NUMBER", sender)
    monkeypatch.setenv("TWILIO_API_BASE_URL", "http://127.0.0.1:9")
    answer = call()
    assert isinstance(answer, Refused)
    assert answer.refusal is Refusal.CONFIGURATION


@pytest.mark.usefixtures("service")
def test_while_its_number_cannot_be_asked_for_no_call_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """None was made: it is tried again."""
    with answering(503, b'{"code": 20503}') as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        answer = call()
    assert isinstance(answer, Refused)
    assert answer.refusal is Refusal.TRANSIENT


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [(Refuse(401, 70051), Refusal.CONFIGURATION), (Refuse(500, 20500), Refusal.TRANSIENT)],
)
def test_what_twilio_answers_about_the_number_is_the_answer_to_the_call(
    phones: Phones, service: str, answer: Refuse, refusal: Refusal
) -> None:
    """And if nobody was asked, the call is tried again. A call is one request at most."""
    voice = a_voice()
    refused = voice.submit(NUMBER, SAID, WORTH)
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.TRANSIENT
    assert phones.company.services.requests == 0
    phones.company.services.answers.queue([answer], to=service)
    voice.prepare()
    for _ in range(2):
        refused = voice.submit(NUMBER, SAID, WORTH)
        assert isinstance(refused, Refused)
        assert (refused.refusal, refused.code) == (refusal, answer.code)
    assert phones.company.services.requests == 1
    assert phones.company.calls.attempts(NUMBER) == 0


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_calls_since_a_moment_are_listed_newest_first(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several pages; those to one number, or all."""
    monkeypatch.setattr(channel_voice, "PAGE_SIZE", 2)
    sids = called(phones, 5)
    other = called(phones, to="+12025550124")
    voice, hour = open_voice(), timedelta(hours=1)
    now = datetime.now(UTC)
    calls = voice.listed(now - hour, to=NUMBER)
    assert [one.provider_id for one in calls] == sids[::-1]
    assert [one.provider_id for one in voice.listed(now - hour)] == [*other, *sids[::-1]]
    assert voice.listed(now + hour, to=NUMBER) == []
    assert NUMBER not in repr(calls)


@pytest.mark.parametrize("sender", ["number", "messaging service"])
def test_a_call_of_another_system_is_not_ours(phones: Phones, monkeypatch: pytest.MonkeyPatch, sender: str) -> None:
    """Made by the same account to the same nurse: from another number of it, or by a call that forwards."""
    if sender == "messaging service":
        monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", SERVICE)
        monkeypatch.delenv("TWILIO_FROM_NUMBER")
    (ours,) = called(phones)
    now = datetime.now(UTC)
    for sid, from_, direction in (("CA1", "+15005550010", "outbound-api"), ("CA2", SENDER, "outbound-dial")):
        phones.company.calls.take_over(
            Call(sid=sid, to=NUMBER, from_=from_, twiml="", created=now, rings_for=1, direction=direction)
        )
        phones(NUMBER).rang()
    for to in (NUMBER, None):
        assert [one.provider_id for one in a_voice().listed(now - timedelta(hours=1), to=to)] == [ours]


def test_where_our_number_is_not_known_no_call_is_taken_for_ours(
    phones: Phones, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    """The list is not read: it cannot be told whose calls it shows."""
    voice, now = a_voice(), datetime.now(UTC)
    phones.company.services.answers.always(Refuse(503, 20503), to=service)
    with pytest.raises(LookUpError, match="the number that calls come from could not be read"):
        voice.listed(now, to=NUMBER)
    phones.company.services.answers.always(None, to=service)
    monkeypatch.delenv("TWILIO_MESSAGING_SERVICE_SID")
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "SEQUORA")
    with pytest.raises(LookUpError, match="no number that can call"):
        a_voice().listed(now, to=NUMBER)


def test_a_list_of_calls_that_is_too_long_proves_nothing(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not seen may be there."""
    monkeypatch.setattr(channel_voice, "MOST_LISTED", 2)
    called(phones, 2)
    with pytest.raises(LookUpError, match="too long"):
        open_voice().listed(datetime.now(UTC) - timedelta(hours=1))


def test_a_call_is_recognised_by_its_number_alone(phones: Phones) -> None:
    """The list does not show what was said."""
    called(phones)
    voice = open_voice()
    (listed,) = voice.listed(datetime.now(UTC) - timedelta(hours=1), to=NUMBER)
    as_sent = voice.recognise(b"salt", NUMBER, SAID)
    assert voice.recognise(b"salt", listed.to, listed.content or "") == as_sent
    assert voice.recognise(b"salt", "+12025550124", SAID) != as_sent


def test_what_keeps_us_from_reading_calls_is_one_error_without_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the list as of a single call."""
    now = datetime.now(UTC)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong")
    voice = a_voice()
    for ask in (lambda: voice.listed(now, to=NUMBER), lambda: voice.receipts(["CA1"], since=now, until=now)):
        with pytest.raises(UnreadableError) as raised:
            ask()
        assert "the account SID, the auth token or the API key is wrong" in str(raised.value)
        assert NUMBER[1:] not in f"{raised.value!r} {raised.value.__cause__!r}"


# --- receipts ---------------------------------------------------------------------------------------------------------


def test_there_is_no_receipt_while_a_phone_rings_or_somebody_listens(phones: Phones) -> None:
    """Queued, ringing, in progress."""
    now, calls = datetime.now(UTC), phones.company.calls
    phones.company.seconds_per_status = 1000
    (sid,) = called(phones)
    assert open_voice().receipts([sid], since=now, until=now).known == []
    phones.company.seconds_per_status = 0
    assert open_voice().receipts([sid], since=now, until=now).known == []
    calls.answer(sid)
    phones.company.seconds_per_status = 0
    (receipt,) = open_voice().receipts([sid], since=now, until=now).known
    assert (receipt.state, receipt.reason, receipt.code) == (State.DELIVERED, None, None)


def test_a_call_that_is_not_answered_has_a_receipt_that_says_why(phones: Phones) -> None:
    """Each in words of its own."""
    company = phones.company
    company.seconds_per_status = 0
    (declined,) = called(phones)
    company.calls.decline(declined)
    company.calls.rings_for = 0
    (unanswered,) = called(phones)
    company.calls.failing.add(NUMBER)
    (failed,) = called(phones)
    now = datetime.now(UTC)
    receipts = open_voice().receipts([declined, unanswered, failed], since=now, until=now).known
    assert {one.provider_id: one.reason for one in receipts} == {
        declined: "not answered, the line was busy or the call was declined",
        unanswered: "not answered, nobody picked up",
        failed: "not answered, the call could not be put through",
    }
    assert {one.state for one in receipts} == {State.UNDELIVERED}


def test_a_call_that_the_phone_company_does_not_know_hides_no_other(phones: Phones) -> None:
    """One of two was deleted there."""
    phones.company.seconds_per_status = 0
    phones.company.calls.rings_for = 0
    (sid,) = called(phones)
    now, unknown = datetime.now(UTC), "CA" + "0" * 32
    receipts = open_voice().receipts([unknown, sid], since=now, until=now)
    assert [one.provider_id for one in receipts.known] == [sid]
    assert receipts.unknown == {unknown}


def test_of_many_calls_some_are_asked_for_each_time(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others later."""
    monkeypatch.setattr(channel_voice, "MOST_FETCHED", 2)
    phones.company.seconds_per_status = 0
    phones.company.calls.rings_for = 0
    sids = called(phones, 3)
    now = datetime.now(UTC)
    known = open_voice().receipts(sids, since=now, until=now).known
    assert len(known) == 2
    assert {one.provider_id for one in known} < set(sids)


def test_a_call_costs_one_of_its_rate() -> None:
    """Whatever is said."""
    assert a_voice().cost(SAID) == a_voice().cost("") == 1
