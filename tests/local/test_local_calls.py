"""The calls of the local Twilio, made as the project makes them: through the official SDK, over HTTP."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException  # type: ignore[import-untyped, unused-ignore]
from twilio_sdk import NOON, NURSE, OURS, PATIENT, Clock

from sequora_orchestration.local.twilio.memory import Memory
from sequora_orchestration.local.twilio.messaging_services import NUMBER_OF_SERVICES
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.scripted_answers import Hang, Refuse
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer

TWIML = "<Response><Say language='en-US'>Texts &amp; tasks</Say><Pause/><Say>Mensajes</Say></Response>"
SERVICE = "MG00000000000000000000000000000001"


def call(twilio: Any, to: str = NURSE, **fields: Any) -> Any:
    """Make a call; give fields to make it another."""
    return twilio.calls.create(**{"to": to, "from_": OURS, "twiml": TWIML, **fields})


def shown(server: TwilioServer) -> Any:
    """Return the conversations of the inbox."""
    return requests.get(f"{server.url}/inbox.json", timeout=5).json()["conversations"]


def act(server: TwilioServer, sid: str, action: str) -> requests.Response:
    """Do something with a phone that rings, as the inbox page does."""
    return requests.post(f"{server.url}/calls/{sid}", json={"action": action}, timeout=5)


def test_a_call_comes_back_as_the_real_api_shows_it(twilio: Any) -> None:
    """In the queue, from us; what it says is not shown."""
    made = call(twilio)
    assert made.sid.startswith("CA")
    assert (made.status, made.direction, made.to, made._from) == ("queued", "outbound-api", NURSE, OURS)
    assert made.date_created == NOON
    assert made.start_time is made.end_time is None
    assert "Mensajes" not in str(vars(made))


def test_a_call_that_nobody_answers_rings_and_ends(twilio: Any, clock: Clock) -> None:
    """After the time that the request gave it."""
    made = call(twilio, timeout=30)
    statuses = []
    for seconds in (0, 10, 29, 1):
        clock.forward(seconds)
        statuses.append(twilio.calls(made.sid).fetch().status)
    assert statuses == ["queued", "ringing", "ringing", "no-answer"]
    assert twilio.calls(made.sid).fetch().start_time == NOON + timedelta(seconds=10)


def test_a_phone_that_answers_hears_what_is_said(twilio: Any, server: TwilioServer, clock: Clock) -> None:
    """Then it hangs up."""
    made = call(twilio)
    clock.forward(12)
    assert act(server, made.sid, "answer").json() == {"sid": made.sid, "status": "in-progress"}
    assert twilio.calls(made.sid).fetch().status == "in-progress"
    clock.forward(10)
    fetched = twilio.calls(made.sid).fetch()
    assert (fetched.status, fetched.duration) == ("completed", "10")


def test_a_phone_that_declines_is_busy(twilio: Any, server: TwilioServer, clock: Clock) -> None:
    """At once."""
    made = call(twilio)
    clock.forward(12)
    assert act(server, made.sid, "decline").json()["status"] == "busy"
    assert act(server, made.sid, "answer").status_code == 409


def test_a_call_to_a_number_that_is_set_so_fails(twilio: Any, company: PhoneCompany, clock: Clock) -> None:
    """When its turn comes."""
    company.calls.failing.add(NURSE)
    made = call(twilio)
    assert twilio.calls(made.sid).fetch().status == "queued"
    clock.forward(10)
    assert twilio.calls(made.sid).fetch().status == "failed"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": ""}, 21201),
        ({"from_": ""}, 21213),
        ({"twiml": ""}, 21205),
        ({"twiml": TWIML.ljust(4001)}, 32018),
        ({"from_": "SEQUORA"}, 21212),
        ({"from_": "+15005550001"}, 21210),
        ({"to": "+15005550001"}, 21217),
        ({"to": "+15005550002"}, 21214),
        ({"to": "+15005550003"}, 21215),
        ({"to": "+15005550004"}, 21216),
        ({"to": "555"}, 21211),
    ],
)
def test_a_bad_call_is_refused_with_twilios_code(twilio: Any, fields: dict[str, str], code: int) -> None:
    """And is in no list."""
    with pytest.raises(TwilioRestException) as raised:
        call(twilio, **fields)
    assert (raised.value.status, raised.value.code) == (400, code)
    assert twilio.calls.list() == []


def test_a_number_without_voice_calls_nobody(twilio: Any, company: PhoneCompany) -> None:
    """And says so."""
    company.numbers_can_call = False
    with pytest.raises(TwilioRestException) as raised:
        call(twilio)
    assert raised.value.code == 21210
    (number,) = twilio.incoming_phone_numbers.list(phone_number=OURS)
    assert number.capabilities["voice"] is False
    (of_service,) = twilio.messaging.v1.services(SERVICE).phone_numbers.list()
    assert of_service.capabilities == ["MMS", "SMS"]


def test_a_service_has_one_number_that_may_call(twilio: Any) -> None:
    """The one that phones reply to."""
    (number,) = twilio.messaging.v1.services(SERVICE).phone_numbers.list()
    assert (number.phone_number, number.capabilities) == (NUMBER_OF_SERVICES, ["MMS", "SMS", "Voice"])
    with pytest.raises(TwilioException):
        twilio.messaging.v1.services("MG1").phone_numbers.list()


def test_calls_are_listed_newest_first_by_number_and_by_the_time_they_began(twilio: Any, clock: Clock) -> None:
    """Over pages. One that has not begun has no time."""
    sids = []
    for to in (NURSE, PATIENT, NURSE):
        sids.append(call(twilio, to).sid)
        clock.forward(60)
    sids.append(call(twilio).sid)
    assert [one.sid for one in twilio.calls.list(page_size=1)] == sids[::-1]
    assert [one.sid for one in twilio.calls.list(to=NURSE)] == [sids[3], sids[2], sids[0]]
    assert twilio.calls.list(from_="+12025550999") == []
    since = twilio.calls.list(start_time_after=NOON + timedelta(seconds=60))
    assert [one.sid for one in since] == [sids[2], sids[1]]
    before = twilio.calls.list(start_time_before=NOON + timedelta(seconds=20))
    assert [one.sid for one in before] == [sids[0]]


def test_a_call_can_be_late_in_lists(twilio: Any, company: PhoneCompany, clock: Clock) -> None:
    """As the real API's lists may be."""
    company.visible_after = 30
    made = call(twilio)
    assert twilio.calls.list() == []
    clock.forward(30)
    assert [one.sid for one in twilio.calls.list()] == [made.sid]


def test_calls_have_a_script_of_their_own(twilio: Any, company: PhoneCompany) -> None:
    """That for texts is not theirs."""
    company.always(Refuse(400, 21614), to=NURSE)
    company.calls.script(Refuse(400, 13224), Hang(0, accept=False), to=NURSE)
    codes = []
    for _ in range(2):
        with pytest.raises(TwilioRestException) as raised:
            call(twilio)
        codes.append(raised.value.code)
    assert codes == [13224, 20504]
    assert call(twilio).sid
    assert company.calls.attempts(NURSE) == 3


def test_an_unknown_call_is_not_found(twilio: Any, server: TwilioServer) -> None:
    """By the API, and by the inbox."""
    with pytest.raises(TwilioRestException) as raised:
        twilio.calls("CA" + "0" * 32).fetch()
    assert (raised.value.status, raised.value.code) == (404, 20404)
    assert act(server, "CA" + "0" * 32, "answer").status_code == 404


def test_calls_stand_in_their_phones_conversation_and_may_be_all_of_it(
    twilio: Any, server: TwilioServer, clock: Clock
) -> None:
    """The phone with the newest text or call comes first."""
    twilio.messages.create(to=PATIENT, from_=OURS, body="How are you?")
    clock.forward(1)
    made = call(twilio)
    first, second = shown(server)
    assert (first["number"], first["messages"]) == (NURSE, [])
    assert first["calls"] == [
        {
            "sid": made.sid,
            "status": "queued",
            "final": False,
            "created": (NOON + timedelta(seconds=1)).isoformat(),
            "said": ["Texts & tasks", "Mensajes"],
        }
    ]
    assert (second["number"], second["calls"]) == (PATIENT, [])
    clock.forward(1)
    call(twilio, PATIENT)
    assert [one["number"] for one in shown(server)] == [PATIENT, NURSE]
    clock.forward(100)
    assert [one["final"] for one in shown(server)[1]["calls"]] == [True]


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b'{"action": "answer"}', "text/plain", 415),
        (b'{"action": "shout"}', "application/json", 400),
        (b"{}", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"answer", "application/json", 400),
    ],
)
def test_what_is_no_action_is_refused(
    twilio: Any, server: TwilioServer, body: bytes, media_type: str, status: int
) -> None:
    """Also from a page elsewhere, which cannot send JSON unasked."""
    sid = call(twilio).sid
    url = f"{server.url}/calls/{sid}"
    assert requests.post(url, data=body, headers={"content-type": media_type}, timeout=5).status_code == status


def test_a_phone_that_does_not_ring_cannot_answer(twilio: Any, server: TwilioServer, clock: Clock) -> None:
    """Not yet, and not any more."""
    made = call(twilio)
    assert act(server, made.sid, "answer").status_code == 409
    clock.forward(100)
    assert act(server, made.sid, "answer").status_code == 409


def test_calls_are_remembered_with_what_the_phone_did(tmp_path: Path) -> None:
    """Over a restart."""
    clock = Clock()

    def started() -> PhoneCompany:
        company = PhoneCompany(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, clock=clock, seconds_per_status=10)
        company.remember(Memory(tmp_path / "memory"))
        return company

    company = started()
    made, _ = company.calls.take(to=NURSE, from_=OURS, twiml=TWIML, timeout=60)
    clock.forward(12)
    company.calls.answer(made.sid)  # type: ignore[union-attr]
    clock.forward(12)
    (remembered,) = started().calls.made()
    assert started().calls.state(remembered).status == "completed"
    assert remembered.said == ["Texts & tasks", "Mensajes"]
    company.forget()
    assert started().calls.made() == []
