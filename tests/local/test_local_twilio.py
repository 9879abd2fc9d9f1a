"""The local Twilio, driven as the project drives it: through the official SDK, over HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from care import Care
from hypothesis import given
from hypothesis import strategies as st
from phones import Phones
from twilio.base.exceptions import TwilioException, TwilioRestException  # type: ignore[import-untyped, unused-ignore]
from twilio.rest import Client  # type: ignore[import-untyped, unused-ignore]
from twilio_sdk import NOON, NURSE, OURS, PATIENT, Clock, RedirectedHttpClient, connected

from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.twilio import memory
from sequora_orchestration.local.twilio import server as twilio_process
from sequora_orchestration.local.twilio.api_keys import STANDARD_KEY, ApiKey, Permission
from sequora_orchestration.local.twilio.memory import Memory
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.messaging_services import NUMBER_OF_SERVICES
from sequora_orchestration.local.twilio.phone_book import Person, PhoneBook
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.refusals import Refusal
from sequora_orchestration.local.twilio.scripted_answers import (
    Answer,
    ErrorAfterAccepting,
    Garbage,
    Hang,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.local.twilio.server import (
    TEST_ACCOUNT_SID,
    TEST_API_KEY,
    TEST_API_SECRET,
    TEST_AUTH_TOKEN,
    TwilioServer,
)

ALERT = "🚨 New HIGH task: chest pain & fever\nPriority: URGENT\nView: https://app.example/tasks/1"


def text(twilio: Any, to: str = NURSE, body: str = ALERT, **also: Any) -> Any:
    """Send a text through the SDK."""
    return twilio.messages.create(to=to, body=body, **({"from_": OURS} | also))


# ── What is taken, and what is refused ──────────────────────────────────────────────────────────────────


def test_an_accepted_text_comes_back_as_the_real_api_shows_it(twilio: Any, company: PhoneCompany) -> None:
    """The SDK reads every field of a new text as it would from the real API."""
    sent = text(twilio)
    [kept] = company.accepted()
    assert sent.sid == kept.sid
    assert len(sent.sid) == 34
    assert sent.sid.startswith("SM")
    assert (sent.to, sent.from_, sent.body) == (NURSE, OURS, ALERT)
    assert (sent.status, sent.error_code, sent.error_message) == ("queued", None, None)
    assert (sent.date_created, sent.date_sent) == (NOON, None)
    assert (sent.num_segments, sent.num_media) == (str(segments(ALERT)), "0")
    assert (sent.direction, sent.account_sid) == ("outbound-api", TEST_ACCOUNT_SID)
    assert sent.uri == f"/2010-04-01/Accounts/{TEST_ACCOUNT_SID}/Messages/{sent.sid}.json"


def test_a_messaging_service_accepts_a_text_before_it_queues_it(twilio: Any) -> None:
    """A text to a messaging service has no sender yet, and says so."""
    sent = text(twilio, from_=None, messaging_service_sid="MG" + "0" * 32)
    assert (sent.status, sent.from_, sent.messaging_service_sid) == ("accepted", None, "MG" + "0" * 32)
    assert sent.num_segments == "0"


def test_a_text_has_its_price_some_time_after_it_was_sent(twilio: Any, company: PhoneCompany, clock: Clock) -> None:
    """None at first; then a negative amount, by its segments, as the SDK reads it: a string."""
    company.seconds_per_status = 0
    sid, long = text(twilio, body="Short").sid, text(twilio, body="x" * 161).sid
    assert [one.price for one in twilio.messages.list()] == [None, None]
    clock.forward(59)
    assert twilio.messages(sid).fetch().price is None
    clock.forward(1)
    assert [(one.price, one.price_unit) for one in twilio.messages.list()] == [
        ("-0.01580", "USD"),
        ("-0.00790", "USD"),
    ]
    assert twilio.messages(long).fetch().price == "-0.01580"


def test_a_text_that_was_never_sent_has_no_price(twilio: Any, company: PhoneCompany, clock: Clock) -> None:
    """It ran out of its time in the queue."""
    company.seconds_per_status = 3600
    sid = text(twilio, validity_period=60).sid
    clock.forward(7200)
    assert (twilio.messages(sid).fetch().status, twilio.messages(sid).fetch().price) == ("failed", None)


def test_a_text_that_nobody_asked_for_here_can_stand_in_the_list(twilio: Any, company: PhoneCompany) -> None:
    """Of any time: a webhook's answer, or what another system has sent."""
    mine = text(twilio).sid
    (kept,) = company.accepted()
    company.keep(replace(kept, sid="SM" + "a" * 32, created=NOON - timedelta(days=1), in_reply=True))
    company.keep(replace(kept, sid="SM" + "b" * 32, created=NOON - timedelta(days=2)))
    assert [(one.sid, one.direction) for one in twilio.messages.list()] == [
        (mine, "outbound-api"),
        ("SM" + "a" * 32, "outbound-reply"),
        ("SM" + "b" * 32, "outbound-api"),
    ]


@pytest.mark.parametrize(
    ("request_", "http_status", "code"),
    [
        ({"to": "+15005550001"}, 400, 21211),
        ({"to": "+15005550002"}, 400, 21612),
        ({"to": "+15005550003"}, 400, 21408),
        ({"to": "+15005550004"}, 400, 21610),
        ({"to": "+15005550009"}, 400, 21614),
        ({"to": "555-CALL-ME"}, 400, 21211),
        ({"to": "2025550101"}, 400, 21211),
        ({"to": ""}, 400, 21604),
        ({"from_": "+15005550001"}, 400, 21212),
        ({"from_": "not a sender, this"}, 400, 21212),
        ({"from_": "+15005550007"}, 400, 21606),
        ({"from_": "+15005550008"}, 429, 21611),
        ({"from_": ""}, 400, 21603),
        ({"body": ""}, 400, 21602),
        ({"body": "x" * 1601}, 400, 21617),
        ({"validity_period": 0}, 400, 90007),
        ({"validity_period": 36_001}, 400, 90007),
    ],
)
def test_a_bad_request_is_refused_with_twilios_code(
    twilio: Any, company: PhoneCompany, request_: dict[str, Any], http_status: int, code: int
) -> None:
    """Test numbers and malformed requests end as on the real API, counted and with nothing kept."""
    with pytest.raises(TwilioRestException) as refused:
        text(twilio, **request_)
    assert (refused.value.status, refused.value.code) == (http_status, code)
    assert company.accepted() == []
    assert len(company.attempts(request_.get("to", NURSE))) == 1


@pytest.mark.parametrize("sender", [OURS, "73786", "Sequora"])
def test_numbers_short_codes_and_names_may_send(twilio: Any, sender: str) -> None:
    """Every kind of sender that Twilio knows is accepted, up to the longest body."""
    assert text(twilio, from_=sender, body="x" * 1600).from_ == sender


def test_wrong_credentials_are_refused_before_anything_is_counted(server: TwilioServer, company: PhoneCompany) -> None:
    """A wrong token ends in 401 and 20003, for every resource."""
    stranger = connected(server.url, "guessed")
    for ask in (
        lambda: text(stranger),
        stranger.api.accounts(TEST_ACCOUNT_SID).fetch,
        stranger.messages("SM" + "0" * 32).fetch,
    ):
        with pytest.raises(TwilioRestException) as refused:
            ask()
        assert (refused.value.status, refused.value.code) == (401, 20003)
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        stranger.messages.list()
    assert company.attempts(NURSE) == []
    stranger.http_client.session.close()


@pytest.mark.parametrize(
    ("may", "answers"),
    [
        (frozenset(Permission), {}),
        (STANDARD_KEY, {"account": (401, 20003)}),
        (
            frozenset({Permission.SEND}),
            {"account": (401, 20003), "text": (401, 70051), "numbers": 70051, "list": 70051, "service": (401, 70051)},
        ),
        (
            frozenset({Permission.LIST, Permission.FETCH}),
            {"account": (401, 20003), "send": (401, 70051), "numbers": 70051, "service": (401, 70051)},
        ),
    ],
    ids=["main", "standard", "may only send", "may only read"],
)
def test_an_api_key_may_do_what_it_was_given(
    server: TwilioServer, company: PhoneCompany, twilio: Any, may: frozenset[Permission], answers: dict[str, Any]
) -> None:
    """As the real API's main, standard and restricted keys, with its codes."""
    sid = text(twilio).sid
    company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, may)
    client = Client(TEST_API_KEY, TEST_API_SECRET, TEST_ACCOUNT_SID, http_client=RedirectedHttpClient(server.url))
    requests_ = {
        "account": client.api.accounts(TEST_ACCOUNT_SID).fetch,
        "send": lambda: text(client),
        "text": client.messages(sid).fetch,
        "list": client.messages.list,
        "numbers": client.incoming_phone_numbers.list,
        "service": client.messaging.v1.services("MG" + "0" * 32).fetch,
    }
    assert {name: answer for name, ask in requests_.items() if (answer := refused(ask))} == answers
    client.http_client.session.close()


def refused(ask: Callable[[], object]) -> object:
    """Ask, and return the status and code of what is refused; of a page the SDK knows the code in the answer alone."""
    try:
        ask()
    except TwilioRestException as error:
        return error.status, error.code
    except TwilioException as error:
        return json.loads(error.args[1].text)["code"]
    return None


@pytest.mark.parametrize(("sid", "secret"), [(TEST_API_KEY, "guessed"), ("SK" + "1" * 32, TEST_API_SECRET), ("é", "é")])
def test_an_api_key_that_is_none_is_refused(server: TwilioServer, company: PhoneCompany, sid: str, secret: str) -> None:
    """By its secret, or because nobody has made it."""
    company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET)
    client = Client(sid, secret, TEST_ACCOUNT_SID, http_client=RedirectedHttpClient(server.url))
    assert refused(lambda: text(client)) == (401, 20003)
    client.http_client.session.close()


def test_test_credentials_send_as_if_and_read_nothing(twilio: Any, company: PhoneCompany) -> None:
    """As the real API's."""
    company.has_test_credentials = True
    sid = text(twilio).sid
    assert refused(twilio.messages(sid).fetch) == (403, 20008)
    assert refused(twilio.messages.list) == 20008
    assert refused(twilio.api.accounts(TEST_ACCOUNT_SID).fetch) == (403, 20008)


def test_the_account_is_active_and_another_one_is_none_of_ours(twilio: Any) -> None:
    """The right credentials show their own account, and no other."""
    account = twilio.api.accounts(TEST_ACCOUNT_SID).fetch()
    assert (account.sid, account.status) == (TEST_ACCOUNT_SID, "active")
    with pytest.raises(TwilioRestException) as refused:
        twilio.api.accounts("AC" + "1" * 32).fetch()
    assert refused.value.code == 20003


# ── What becomes of a text ──────────────────────────────────────────────────────────────────────────────


def test_a_text_moves_on_with_the_clock(twilio: Any, clock: Clock) -> None:
    """A text is queued, sending, sent and delivered, one after the other."""
    sid = text(twilio).sid
    seen = []
    for _ in range(5):
        now = twilio.messages(sid).fetch()
        seen.append((now.status, now.date_sent))
        clock.forward(10)
    sent_at = NOON + timedelta(seconds=20)
    assert seen == [
        ("queued", None),
        ("sending", None),
        ("sent", sent_at),
        ("delivered", sent_at),
        ("delivered", sent_at),
    ]


def test_a_text_to_an_undeliverable_number_ends_undelivered(twilio: Any, company: PhoneCompany, clock: Clock) -> None:
    """Such a text is accepted and sent, and only then fails, with the number's error code."""
    company.undeliverable[NURSE] = 30003
    sid = text(twilio).sid
    clock.forward(29)
    assert twilio.messages(sid).fetch().status == "sent"
    clock.forward(1)
    ended = twilio.messages(sid).fetch()
    assert (ended.status, ended.error_code) == ("undelivered", 30003)


def test_a_text_that_waits_longer_than_it_is_valid_is_never_sent(
    twilio: Any, company: PhoneCompany, clock: Clock
) -> None:
    """A text still queued at the end of its validity period fails with 30036."""
    hasty, patient = (text(twilio, validity_period=seconds).sid for seconds in (15, 20))
    clock.forward(14)
    assert twilio.messages(hasty).fetch().status == "sending"
    clock.forward(6)
    expired = twilio.messages(hasty).fetch()
    assert (expired.status, expired.error_code, expired.date_sent) == ("failed", 30036, None)
    assert twilio.messages(patient).fetch().status == "sent"
    assert [company.state(kept).final for kept in company.accepted()] == [True, False]


def test_an_unknown_text_and_an_unknown_resource_are_not_found(twilio: Any) -> None:
    """What does not exist ends in 404 and 20404, as on the real API."""
    for ask in (twilio.messages("SM" + "0" * 32).fetch, twilio.calls("CA" + "0" * 32).fetch):
        with pytest.raises(TwilioRestException) as missing:
            ask()
        assert (missing.value.status, missing.value.code) == (404, 20404)


# ── Lists ───────────────────────────────────────────────────────────────────────────────────────────────


def bodies(found: list[Any]) -> list[str]:
    return [message.body for message in found]


def test_a_list_is_newest_first_and_filtered_by_recipient_and_sender(twilio: Any) -> None:
    """Lists show what was asked for, the newest text first."""
    text(twilio, NURSE, "1")
    text(twilio, PATIENT, "2")
    text(twilio, NURSE, "3", from_="73786")
    assert bodies(twilio.messages.list()) == ["3", "2", "1"]
    assert bodies(twilio.messages.list(to=NURSE)) == ["3", "1"]
    assert bodies(twilio.messages.list(from_=OURS)) == ["2", "1"]
    assert bodies(twilio.messages.list(to=NURSE, from_=OURS)) == ["1"]
    assert twilio.messages.list(to="+12025550199") == []


def test_a_list_can_be_limited_to_a_time(twilio: Any, clock: Clock) -> None:
    """The three date filters include the day or the second they name."""
    for body in ("noon", "later", "tomorrow"):
        text(twilio, body=body)
        clock.forward({"noon": 60, "later": 24 * 3600, "tomorrow": 3600}[body])
    sent = [message.date_sent for message in twilio.messages.list()]
    assert sent == [
        NOON + timedelta(days=1, seconds=80),
        NOON + timedelta(seconds=80),
        NOON + timedelta(seconds=20),
    ]
    listed = twilio.messages.list
    assert bodies(listed(date_sent_after=sent[1])) == ["tomorrow", "later"]
    assert bodies(listed(date_sent_after=sent[1] + timedelta(seconds=1))) == ["tomorrow"]
    assert bodies(listed(date_sent_before=sent[1])) == ["later", "noon"]
    assert bodies(listed(date_sent=sent[1])) == ["later"]
    assert bodies(listed(date_sent=NOON.date().isoformat())) == ["later", "noon"]
    assert bodies(listed(date_sent_before=NOON.date().isoformat())) == ["later", "noon"]
    assert bodies(listed(date_sent_after=(NOON + timedelta(days=1)).date().isoformat())) == ["tomorrow"]
    assert bodies(listed(date_sent_after=sent[2], date_sent_before=sent[1])) == ["later", "noon"]
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        listed(date_sent="yesterday")


def test_a_text_in_the_queue_is_listed_by_the_time_it_was_made(twilio: Any) -> None:
    """Who asks for texts since an attempt began finds one that is still queued."""
    text(twilio, body="just now")
    assert bodies(twilio.messages.list(to=NURSE, date_sent_after=NOON)) == ["just now"]
    assert twilio.messages.list(to=NURSE, date_sent_after=NOON + timedelta(seconds=1)) == []


def test_pages_hold_everything_once_even_while_texts_arrive(twilio: Any) -> None:
    """Paging goes on from the last text seen, whatever came meanwhile."""
    for number in range(7):
        text(twilio, body=f"{number}")
    text(twilio, PATIENT, "another phone")
    assert bodies(twilio.messages.list(to=NURSE, page_size=3)) == list("6543210")
    assert bodies(twilio.messages.list(to=NURSE, page_size=3, limit=4)) == list("6543")
    page, seen = twilio.messages.page(to=NURSE, page_size=3), []
    while page is not None:
        seen += bodies(page)
        text(twilio, body="meanwhile")
        page = page.next_page()
    assert seen == list("6543210")


def test_a_text_can_be_late_in_lists(twilio: Any, company: PhoneCompany, clock: Clock) -> None:
    """With `visible_after`, a text is kept and can be fetched before any list shows it."""
    company.visible_after = 5
    sid = text(twilio).sid
    assert twilio.messages.list(to=NURSE) == []
    assert twilio.messages(sid).fetch().sid == sid
    clock.forward(5)
    assert [message.sid for message in twilio.messages.list(to=NURSE)] == [sid]


# ── Scripts ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_scripted_refusal_keeps_nothing_and_names_its_delay(
    twilio: Any, company: PhoneCompany, server: TwilioServer
) -> None:
    """A script can refuse with any status and code, with or without Retry-After."""
    company.script(Refuse(429, 20429, "Too Many Requests", retry_after=2), Refuse(503, 20503))
    raw = requests.post(
        f"{server.url}/2010-04-01/Accounts/{TEST_ACCOUNT_SID}/Messages.json",
        data={"To": NURSE, "From": OURS, "Body": ALERT},
        auth=(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN),
        timeout=10,
    )
    assert (raw.status_code, raw.headers["retry-after"]) == (429, "2")
    assert raw.json() == {
        "code": 20429,
        "message": "Too Many Requests",
        "more_info": "https://www.twilio.com/docs/errors/20429",
        "status": 429,
    }
    with pytest.raises(TwilioRestException) as refused:
        text(twilio)
    assert (refused.value.status, refused.value.code) == (503, 20503)
    assert company.accepted() == []
    assert text(twilio).status == "queued"


@pytest.mark.parametrize(("answer", "kept"), [(ResetBeforeAccepting(), 0), (ResetAfterAccepting(), 1)])
def test_a_reset_reaches_the_client_as_a_connection_error(
    twilio: Any, company: PhoneCompany, answer: Answer, kept: int
) -> None:
    """A reset is never an HTTP status, whether the text was kept or not; the next request is fine."""
    text(twilio, PATIENT)  # the connection has been used before, as it mostly has
    company.script(answer)
    with pytest.raises(requests.exceptions.ConnectionError, match="Connection reset by peer"):
        text(twilio)
    assert len(company.accepted(NURSE)) == kept
    assert len(company.attempts(NURSE)) == 1
    assert text(twilio).status == "queued"


@pytest.mark.parametrize("accept", [True, False])
def test_a_hanging_answer_is_a_read_timeout_and_holds_up_nobody_else(
    twilio: Any, company: PhoneCompany, *, accept: bool
) -> None:
    """The client gives up on a late answer, not knowing whether its text was kept."""
    company.script(Hang(60, accept=accept))
    twilio.http_client.timeout = (3.05, 0.1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        text(twilio)
    twilio.http_client.timeout = 10
    assert len(company.accepted(NURSE)) == accept
    assert text(twilio, PATIENT).status == "queued"


def test_an_answer_that_is_only_late_is_a_usual_one(twilio: Any, company: PhoneCompany) -> None:
    """Who waits long enough gets the answer: the text, or a 504 if none was kept."""
    company.script(Hang(0.01), Hang(0.01, accept=False))
    assert text(twilio).status == "queued"
    with pytest.raises(TwilioRestException) as refused:
        text(twilio)
    assert refused.value.status == 504
    assert len(company.accepted()) == 1


@pytest.mark.parametrize("http_status", [500, 502, 503])
def test_an_error_may_hide_an_accepted_text(twilio: Any, company: PhoneCompany, http_status: int) -> None:
    """The answer is an error, and yet the text is there for who looks it up."""
    company.script(ErrorAfterAccepting(http_status))
    with pytest.raises(TwilioRestException) as failed:
        text(twilio)
    assert failed.value.status == http_status
    assert [m.sid for m in twilio.messages.list(to=NURSE)] == [m.sid for m in company.accepted()]
    assert len(company.accepted()) == 1


def test_garbage_is_a_json_error_that_hides_an_accepted_text(twilio: Any, company: PhoneCompany) -> None:
    """A broken-off answer makes the SDK raise a plain JSON error; the text is kept."""
    company.script(Garbage())
    with pytest.raises(json.JSONDecodeError):
        text(twilio)
    assert len(company.accepted()) == 1


def test_a_number_follows_its_own_script_before_the_general_one(twilio: Any, company: PhoneCompany) -> None:
    """Answers for one number leave those for any number to the others."""
    company.script(Refuse(503, 1))
    company.script(Refuse(503, 2), Refuse(503, 3), to=NURSE)
    codes = []
    for to in (NURSE, PATIENT, NURSE):
        with pytest.raises(TwilioRestException) as refused:
            text(twilio, to)
        codes.append(refused.value.code)
    assert codes == [2, 1, 3]
    assert text(twilio).status == "queued"


def test_always_lasts_until_it_is_ended_and_lets_queued_answers_go_first(twilio: Any, company: PhoneCompany) -> None:
    """An outage goes on for every request until it is over."""
    company.always(Refuse(503, 20503))
    company.script(Refuse(429, 20429))
    codes = []
    for _ in range(3):
        with pytest.raises(TwilioRestException) as refused:
            text(twilio)
        codes.append(refused.value.code)
    assert codes == [20429, 20503, 20503]
    company.always(None)
    assert text(twilio).status == "queued"
    assert len(company.attempts(NURSE)) == 4
    assert company.attempts(NURSE) == sorted(company.attempts(NURSE))


def test_forgetting_brings_back_the_first_day(twilio: Any, company: PhoneCompany) -> None:
    """Nothing of one test is left for the next."""
    text(twilio)
    company.script(Refuse(503, 1))
    company.always(Refuse(503, 2), to=NURSE)
    company.undeliverable[NURSE] = 30003
    company.visible_after = company.seconds_per_status = 99
    company.forget()
    assert (company.accepted(), company.attempts(NURSE), company.undeliverable) == ([], [], {})
    assert (company.visible_after, company.seconds_per_status) == (0, 10)
    assert text(twilio).status == "queued"


def test_texts_from_many_threads_are_all_kept(twilio: Any, company: PhoneCompany) -> None:
    """One client and several threads lose and double nothing."""
    with ThreadPoolExecutor(8) as threads:
        sids = list(threads.map(lambda _: text(twilio).sid, range(80)))
    assert sorted(sids) == sorted(message.sid for message in company.accepted(NURSE))
    assert len(set(sids)) == len(company.attempts(NURSE)) == 80


# ── Segments ────────────────────────────────────────────────────────────────────────────────────────────

GSM_7 = st.sampled_from("ab Z09@£_\n\r'\"?¡ñüΩ")
ESCAPED = st.sampled_from("€[]{}\\^~|\f")
UCS_2 = st.sampled_from("“”чあç")
PAIRS = st.sampled_from("🚨🩺😀")


def in_segments(size: int, alone: int, each: int) -> int:
    return 1 if size <= alone else -(-size // each)


@given(st.lists(GSM_7, max_size=700))
def test_plain_characters_go_160_or_153_to_a_segment(body: list[str]) -> None:
    """A body of GSM-7's own characters fills its segments to the last one."""
    assert segments("".join(body)) == in_segments(len(body), 160, 153)


@given(st.lists(GSM_7 | ESCAPED, max_size=700))
def test_an_escaped_character_counts_twice_and_is_never_split(body: list[str]) -> None:
    """An escape costs one more, and at most one per segment is lost to keep it whole."""
    size = len(body) + sum(character in "€[]{}\\^~|\f" for character in body)
    least, most = in_segments(size, 160, 153), in_segments(size, 160, 152)
    assert least <= segments("".join(body)) <= most


@given(st.lists(GSM_7 | UCS_2, max_size=400), UCS_2)
def test_one_foreign_character_makes_it_70_or_67_to_a_segment(body: list[str], foreign: str) -> None:
    """A single character outside of GSM-7 turns the whole body into UCS-2."""
    assert segments("".join([*body, foreign])) == in_segments(len(body) + 1, 70, 67)


@given(st.lists(GSM_7 | PAIRS, max_size=400), PAIRS)
def test_an_emoji_counts_twice_and_is_never_split(body: list[str], emoji: str) -> None:
    """A surrogate pair costs two, and at most one per segment is lost to keep it whole."""
    whole = "".join([*body, emoji])
    size = len(whole.encode("utf-16-be")) // 2
    assert in_segments(size, 70, 67) <= segments(whole) <= in_segments(size, 70, 66)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("x" * 152 + "€" + "x" * 7, 2),
        ("x" * 152 + "€" + "x" * 151, 2),
        ("x" * 152 + "€" + "x" * 152, 3),
        ("”" * 70, 1),
        ("”" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
    ],
)
def test_segments_at_the_edges(body: str, count: int) -> None:
    """The edges that Twilio's documentation names, and those a pair or an escape would straddle."""
    assert segments(body) == count


# ── The inbox page ──────────────────────────────────────────────────────────────────────────────────────


def test_the_inbox_groups_texts_by_phone_with_the_newest_conversation_first(
    twilio: Any, server: TwilioServer, clock: Clock
) -> None:
    """The page's data has a conversation for each number, and each text with its state."""
    text(twilio, NURSE, "1")
    text(twilio, PATIENT, "2")
    clock.forward(30)
    text(twilio, NURSE, "3")
    inbox = requests.get(f"{server.url}/inbox.json", timeout=10).json()
    assert inbox["total"] == 3
    assert [
        (conversation["number"], [(m["body"], m["status"], m["final"]) for m in conversation["messages"]])
        for conversation in inbox["conversations"]
    ] == [
        (NURSE, [("1", "delivered", True), ("3", "queued", False)]),
        (PATIENT, [("2", "delivered", True)]),
    ]


def test_the_page_is_self_contained(server: TwilioServer) -> None:
    """The page may load nothing from elsewhere, and writes no markup from texts."""
    page = requests.get(server.url, timeout=10)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none';")
    script = requests.get(f"{server.url}/inbox.js", timeout=10)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "innerHTML" not in page.text + script.text
    style = requests.get(f"{server.url}/inbox.css", timeout=10)
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert "://" not in style.text


# ── What phones answer ──────────────────────────────────────────────────────────────────────────────────


def answer(server: TwilioServer, body: str, phone: str = NURSE) -> requests.Response:
    """Write on a phone, as the inbox page does."""
    return requests.post(f"{server.url}/answers", json={"phone": phone, "body": body}, timeout=10)


def test_an_answer_is_listed_as_inbound(twilio: Any, server: TwilioServer) -> None:
    """Who lists the texts to our number finds what a phone has answered, as the real API shows it."""
    text(twilio)
    assert answer(server, "On my way").status_code == 201
    [found] = twilio.messages.list(to=OURS)
    assert (found.direction, found.status, found.from_, found.to) == ("inbound", "received", NURSE, OURS)
    assert (found.body, found.date_sent) == ("On my way", NOON)
    assert [one.direction for one in twilio.messages.list()] == ["inbound", "outbound-api"]
    assert [one.direction for one in twilio.messages.list(to=NURSE)] == ["outbound-api"]


def test_an_answer_stands_in_its_phones_conversation(twilio: Any, server: TwilioServer, company: PhoneCompany) -> None:
    """The conversation with an answer comes first; it counts as no text that we sent."""
    text(twilio, NURSE, "1")
    text(twilio, PATIENT, "2")
    answer(server, "Thanks")
    conversations = requests.get(f"{server.url}/inbox.json", timeout=10).json()["conversations"]
    assert [
        (one["number"], [(said["body"], said["inbound"]) for said in one["messages"]]) for one in conversations
    ] == [(NURSE, [("1", False), ("Thanks", True)]), (PATIENT, [("2", False)])]
    assert len(company.accepted()) == 2


@pytest.mark.parametrize(
    "word", ["STOP", "stop ", "Unsubscribe", "CANCEL", "end", "QUIT", "STOPALL", "REVOKE", "OPTOUT"]
)
def test_a_phone_that_has_replied_stop_is_not_texted_until_it_replies_start(
    twilio: Any, server: TwilioServer, word: str
) -> None:
    """The sender's texts are refused with 21610, and taken again after START; another sender's are taken."""
    text(twilio)
    answer(server, word)
    with pytest.raises(TwilioRestException) as refused:
        text(twilio)
    assert (refused.value.status, refused.value.code) == (400, 21610)
    assert requests.get(f"{server.url}/inbox.json", timeout=10).json()["conversations"][0]["opted_out"]
    text(twilio, PATIENT)
    answer(server, "Start")
    text(twilio)
    assert not requests.get(f"{server.url}/inbox.json", timeout=10).json()["conversations"][0]["opted_out"]


def test_stop_amid_other_words_opts_nobody_out(twilio: Any, server: TwilioServer) -> None:
    """Only the word alone counts, as with the real one."""
    text(twilio)
    answer(server, "Please stop by")
    assert text(twilio).status == "queued"


def test_a_phone_opts_out_of_a_messaging_service_as_a_whole(twilio: Any, server: TwilioServer) -> None:
    """An answer to a service goes to one of its numbers, and STOP is for the service."""
    service: dict[str, Any] = {"from_": None, "messaging_service_sid": "MG" + "0" * 32}
    text(twilio, **service)
    answer(server, "STOP")
    with pytest.raises(TwilioRestException) as refused:
        text(twilio, **service)
    assert refused.value.code == 21610
    [found] = twilio.messages.list(from_=NURSE)
    assert (found.to, found.messaging_service_sid) == (NUMBER_OF_SERVICES, service["messaging_service_sid"])


@pytest.mark.parametrize(
    ("phone", "body", "status"), [(PATIENT, "Hello?", 404), (NURSE, " ", 400), (NURSE, "x" * 1601, 400)]
)
def test_what_is_no_answer_is_refused(twilio: Any, server: TwilioServer, phone: str, body: str, status: int) -> None:
    """A phone that nobody has texted has nothing to answer; nothing, or too much, is not said either."""
    text(twilio)
    assert answer(server, body, phone).status_code == status
    assert len(twilio.messages.list()) == 1


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("text/plain", json.dumps({"phone": NURSE, "body": "STOP"}), 415),
        ("application/json", "[]", 400),
        ("application/json", "{", 400),
    ],
)
def test_a_page_from_elsewhere_cannot_answer(
    twilio: Any, server: TwilioServer, content_type: str, content: str, status: int
) -> None:
    """What a browser lets any page send to any place is not taken for an answer."""
    text(twilio)
    posted = requests.post(f"{server.url}/answers", data=content, headers={"content-type": content_type}, timeout=10)
    assert posted.status_code == status
    assert text(twilio).status == "queued"


# ── What comes in from anybody ──────────────────────────────────────────────────────────────────────────

SERVICE, OTHER_SERVICE = "MG" + "0" * 32, "MG" + "1" * 32
STRANGER, SHORT_CODE = "+442025550199", "73786"


def comes_in(company: PhoneCompany, body: str = "Hello", phone: str = NURSE, **also: Any) -> Message:
    """Let a phone write to our number."""
    message = company.receive(phone=phone, body=body, **({"to": OURS} | also))
    assert isinstance(message, Message)
    return message


def test_an_inbound_text_has_every_field_as_the_real_api_shows_it(twilio: Any, company: PhoneCompany) -> None:
    """In a list and by its SID: it costs nothing yet, and has both its times at once."""
    sid = comes_in(company, "x" * 161).sid
    for found in (*twilio.messages.list(to=OURS), twilio.messages(sid).fetch()):
        assert (found.sid, found.direction, found.status) == (sid, "inbound", "received")
        assert (found.from_, found.to, found.body) == (NURSE, OURS, "x" * 161)
        assert (found.date_created, found.date_sent, found.date_updated) == (NOON, NOON, NOON)
        assert (found.num_segments, found.num_media) == ("2", "0")
        assert (found.price, found.price_unit, found.error_code, found.error_message) == (None, "USD", None, None)
        assert found.messaging_service_sid is None


@pytest.mark.parametrize("phone", [NURSE, PATIENT, STRANGER, SHORT_CODE])
def test_anybody_may_write_to_our_number(twilio: Any, server: TwilioServer, company: PhoneCompany, phone: str) -> None:
    """Nobody has to have been texted before, and who has written can answer on the page."""
    comes_in(company, "Who is this?", phone)
    [found] = twilio.messages.list(to=OURS)
    assert (found.from_, found.body) == (phone, "Who is this?")
    assert answer(server, "Hello?", phone).status_code == 201
    assert {one.to for one in twilio.messages.list(from_=phone)} == {OURS}


def test_without_a_number_a_stranger_writes_to_nobody(company: PhoneCompany) -> None:
    """He has nothing to answer; nor does anybody write nothing."""
    assert isinstance(company.receive(phone=STRANGER, body="Hello"), Refusal)
    assert isinstance(company.receive(phone=STRANGER, body=" ", to=OURS), Refusal)
    with pytest.raises(ValueError, match="zone"):
        comes_in(company, created=NOON.replace(tzinfo=None))
    assert company.count == 0


def test_a_text_to_a_number_of_a_service_names_the_service(twilio: Any, company: PhoneCompany) -> None:
    """Whether or not the service has ever texted that phone; other numbers have none."""
    other = "+15005550100"
    company.services.numbers[OTHER_SERVICE] = ["+15005550101", "+15005550102"]
    for to in (OURS, other, *company.services.numbers[OTHER_SERVICE]):
        comes_in(company, phone=STRANGER, to=to)
    services = {one.to: one.messaging_service_sid for one in twilio.messages.list(from_=STRANGER)}
    assert services == {OURS: None, other: None, "+15005550101": OTHER_SERVICE, "+15005550102": OTHER_SERVICE}


def test_a_stranger_writes_to_the_service_that_uses_the_number(twilio: Any, company: PhoneCompany) -> None:
    """If no test has said whose it is, the number belongs to the service that texts; a plain conversation stays so."""
    text(twilio, NURSE)
    text(twilio, PATIENT, from_=None, messaging_service_sid=SERVICE)
    assert [comes_in(company, phone=phone).messaging_service_sid for phone in (NURSE, PATIENT, STRANGER)] == [
        None,
        SERVICE,
        SERVICE,
    ]


def test_stop_to_one_number_of_a_service_is_for_all_of_them(twilio: Any, company: PhoneCompany) -> None:
    """The service texts that phone no more, nor does any of its numbers; another number does."""
    company.services.numbers[SERVICE] = ["+15005550101", "+15005550102"]
    comes_in(company, "stop", to="+15005550102")
    assert refused(lambda: text(twilio, from_=None, messaging_service_sid=SERVICE)) == (400, 21610)
    assert refused(lambda: text(twilio, from_="+15005550101")) == (400, 21610)
    assert text(twilio).status == "queued"
    comes_in(company, "unstop", to="+15005550101")
    assert text(twilio, from_=None, messaging_service_sid=SERVICE).status == "accepted"


@pytest.mark.parametrize("numbers", [[OURS], [f"+150055501{number:02}" for number in range(5)]])
def test_the_sdk_lists_the_numbers_of_a_service(twilio: Any, company: PhoneCompany, numbers: list[str]) -> None:
    """Page by page, with what each can do; another SID is not found."""
    if numbers != [OURS]:
        company.services.numbers[SERVICE] = numbers
    found = twilio.messaging.v1.services(SERVICE).phone_numbers.list(page_size=2)
    assert [one.phone_number for one in found] == numbers
    assert len({one.sid for one in found}) == len(numbers)
    assert {(one.service_sid, one.country_code, *one.capabilities) for one in found} == {
        (SERVICE, "US", "MMS", "SMS", "Voice")
    }
    with pytest.raises(TwilioException, match="Unable to fetch page"):
        twilio.messaging.v1.services("MG-of-somebody-else").phone_numbers.list()


def test_lists_of_inbound_texts_are_in_the_order_of_their_times(twilio: Any, company: PhoneCompany) -> None:
    """Clocks that are off: a text from the past stands amid others, one from the future first, and both at once."""
    hour = timedelta(hours=1)
    comes_in(company, "now")
    comes_in(company, "an hour ago", created=NOON - hour)
    comes_in(company, "in an hour", created=NOON + hour)
    comes_in(company, "now, and later")
    assert bodies(twilio.messages.list(to=OURS)) == ["in an hour", "now, and later", "now", "an hour ago"]
    assert bodies(twilio.messages.list(to=OURS, page_size=1)) == bodies(twilio.messages.list(to=OURS))
    assert bodies(twilio.messages.list(to=OURS, date_sent_after=NOON)) == ["in an hour", "now, and later", "now"]
    assert bodies(twilio.messages.list(to=OURS, date_sent_before=NOON - hour)) == ["an hour ago"]
    [conversation] = company.conversations(most=1, newest=9)
    assert [one.body for one in conversation] == ["now", "an hour ago", "in an hour", "now, and later"]


def test_an_inbound_text_can_be_late_in_lists(twilio: Any, company: PhoneCompany, clock: Clock) -> None:
    """By the time since it came in, whatever time it has; what we send is not late."""
    company.inbound_visible_after = 5
    sids = [comes_in(company, created=NOON + timedelta(days=days)).sid for days in (-1, 1)]
    text(twilio)
    assert [one.direction for one in twilio.messages.list()] == ["outbound-api"]
    assert twilio.messages(sids[0]).fetch().sid == sids[0]
    clock.forward(5)
    assert sorted(one.sid for one in twilio.messages.list(to=OURS)) == sorted(sids)


@pytest.mark.parametrize(("pages_shift", "seen"), [(False, "54321"), (True, "544321")])
def test_a_text_that_comes_in_between_two_pages_can_show_another_one_twice(
    twilio: Any, company: PhoneCompany, seen: str, *, pages_shift: bool
) -> None:
    """If pages are counted from the newest text. By the page's token, as the real API has it, none is twice."""
    company.pages_shift = pages_shift
    for number in range(1, 6):
        comes_in(company, str(number))
    page, found = twilio.messages.page(to=OURS, page_size=2), []
    while page is not None:
        found += bodies(page)
        if len(found) == 2:
            comes_in(company, "meanwhile")
        page = page.next_page()
    assert "".join(found) == seen


def test_a_page_is_asked_for_by_its_token(twilio: Any, company: PhoneCompany) -> None:
    """By a number alone, or with a token of nobody's, the real API refuses."""
    comes_in(company)
    assert refused(lambda: twilio.messages.page(page_number=1)) == 20001
    assert refused(lambda: twilio.messages.page(page_token="PASM" + "0" * 32)) == 21481


@pytest.mark.parametrize("word", ["Start", "yes", " UNSTOP "])
def test_the_words_that_opt_in_again(twilio: Any, company: PhoneCompany, word: str) -> None:
    """Alone, in any case."""
    comes_in(company, "Stop")
    comes_in(company, f"{word}, please")
    assert refused(lambda: text(twilio)) == (400, 21610)
    comes_in(company, word)
    assert text(twilio).status == "queued"


@pytest.mark.parametrize("word", ["HELP", "info", "STOP.", "STOP ALL", "1A", "ALTO", "END it"])
def test_other_words_opt_nobody_out_or_in_and_nothing_is_answered(
    twilio: Any, company: PhoneCompany, word: str
) -> None:
    """The real one would answer HELP and INFO by itself."""
    comes_in(company, word)
    assert text(twilio).status == "queued"
    comes_in(company, "STOP")
    comes_in(company, word)
    assert refused(lambda: text(twilio)) == (400, 21610)
    assert len(company.accepted()) == 1


# ── Lists that cannot be read ───────────────────────────────────────────────────────────────────────────


def test_an_outage_of_lists_leaves_texts_alone(twilio: Any, company: PhoneCompany) -> None:
    """Lists are refused until it is over; texts are taken, come in, and can be fetched meanwhile."""
    company.list_answers.always(Refuse(500, 20500))
    company.list_answers.queue([Refuse(429, 20429, retry_after=2)])
    assert [refused(twilio.messages.list) for _ in range(3)] == [20429, 20500, 20500]
    sids = [text(twilio).sid, comes_in(company).sid]
    assert twilio.messages(sids[1]).fetch().sid == sids[1]
    company.list_answers.always(None)
    assert [one.sid for one in twilio.messages.list()] == sids[::-1]
    company.list_answers.always(Refuse(500, 20500))
    company.forget()
    assert twilio.messages.list() == []


def test_a_list_that_hangs_is_a_read_timeout(twilio: Any, company: PhoneCompany) -> None:
    """For the lists of one number alone, if the script says so; late, it is the list or a 504."""
    company.list_answers.queue([Hang(60), Hang(0.01), Hang(0.01, accept=False)], to=OURS)
    comes_in(company)
    assert len(twilio.messages.list()) == 1
    twilio.http_client.timeout = (3.05, 0.1)
    with pytest.raises(requests.exceptions.ReadTimeout):
        twilio.messages.list(to=OURS)
    twilio.http_client.timeout = 10
    assert len(twilio.messages.list(to=OURS)) == 1
    assert refused(lambda: twilio.messages.list(to=OURS)) == 20504


def test_a_list_can_be_reset_and_break_off(twilio: Any, company: PhoneCompany) -> None:
    """On a later page as well."""
    for _ in range(3):
        comes_in(company)
    pages = twilio.messages.stream(page_size=1)
    next(pages)
    company.list_answers.queue([ResetBeforeAccepting(), Garbage()])
    with pytest.raises(requests.exceptions.ConnectionError, match="Connection reset by peer"):
        next(pages)
    with pytest.raises(json.JSONDecodeError):
        twilio.messages.list()
    assert len(twilio.messages.list(page_size=1)) == 3


# ── Who it is ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_inbox_names_the_people_of_an_embedded_database(care: Care) -> None:
    """Name and role stand at a number, however it is written in the database; who is not there has only a number."""
    care.a_nurse("(202) 555-0101", first_name="Nora", last_name="Reyes")
    care.a_patient(PATIENT, first_name="Ellen", last_name="Marsh")
    stranger = "+442025550101"
    with TwilioServer(phone_book=PhoneBook(care.engine)) as server:
        for number in (NURSE, PATIENT, stranger):
            server.company.create(to=number, from_=OURS, body="Hello")
        conversations = requests.get(f"{server.url}/inbox.json", timeout=10).json()["conversations"]
    assert {one["number"]: one["person"] for one in conversations} == {
        NURSE: {"name": "Nora Reyes", "role": "nurse"},
        PATIENT: {"name": "Ellen Marsh", "role": "patient"},
        stranger: None,
    }


def test_without_its_database_the_inbox_shows_numbers(care: Care) -> None:
    """A database that cannot be asked takes the names away, not the page, and they come with it."""
    care.a_nurse(NURSE)
    book = PhoneBook(care.engine)
    care.rows('ALTER TABLE "User" RENAME TO away')
    assert book.look_up([NURSE]) == {NURSE: None}
    care.rows('ALTER TABLE away RENAME TO "User"')
    assert book.look_up([NURSE]) == {NURSE: Person("Nora Reyes", "nurse")}


def test_the_page_is_told_when_a_text_arrives(twilio: Any, server: TwilioServer) -> None:
    """A listening page gets an event at once, and another one for a new text."""
    with requests.get(f"{server.url}/events", stream=True, timeout=10) as stream:
        lines = (line for line in stream.iter_lines(decode_unicode=True) if line)
        first = next(lines)
        text(twilio)
        assert first.startswith("data: ")
        assert next(lines) != first


# ── The process ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("signal_", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_cleanly_while_a_page_listens_and_says_nothing_of_the_texts(
    signal_: signal.Signals,
) -> None:
    """Neither a number nor a word of a text is printed, and an open page does not keep it alive."""
    variables = {"TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID, "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN}
    with subprocess.Popen(
        [sys.executable, "-m", "sequora_orchestration.local.twilio.server"],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        said = process.stdout.readline()
        url = said.rpartition(" ")[2].strip().rstrip("/")
        twilio = connected(url)
        assert text(twilio).status == "queued"
        with pytest.raises(TwilioRestException):
            text(twilio, "+15005550004")
        twilio.http_client.session.close()
        with requests.get(f"{url}/events", stream=True, timeout=10) as stream:
            assert next(stream.iter_lines())
            process.send_signal(signal_)
            assert process.wait(timeout=10) == 0
        assert said == f"local Twilio, and its phone inbox: {url}/\n"
        assert process.stdout.read() == ""


def test_the_process_knows_the_api_key_that_its_clients_use() -> None:
    """As it knows their token: whoever has set one for production can use it with `sequora dev`."""
    variables = {
        "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
        "TWILIO_API_KEY": f"{TEST_API_KEY}\n",
        "TWILIO_API_SECRET": TEST_API_SECRET,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "sequora_orchestration.local.twilio.server"],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        url = process.stdout.readline().rpartition(" ")[2].strip().rstrip("/")
        client = Client(TEST_API_KEY, TEST_API_SECRET, TEST_ACCOUNT_SID, http_client=RedirectedHttpClient(url))
        assert text(client).status == "queued"
        assert client.api.accounts(TEST_ACCOUNT_SID).fetch().status == "active"
        client.http_client.session.close()
        process.terminate()
        assert process.wait(timeout=10) == 0


@contextmanager
def a_process(kept: Path) -> Iterator[str]:
    """Run a phone company with a memory for the length of the block, then kill it; yield its address."""
    variables = {"TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID, "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN}
    with subprocess.Popen(
        [sys.executable, "-m", "sequora_orchestration.local.twilio.server", "--memory", str(kept)],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().rpartition(" ")[2].strip().rstrip("/")
        finally:
            process.kill()


def test_texts_answers_and_opt_outs_are_remembered_by_the_process_that_follows_a_killed_one(tmp_path: Path) -> None:
    """Receipts of yesterday's texts are there, the inbox shows them, and who has replied STOP is not texted."""
    kept = tmp_path / "phones"
    with a_process(kept) as url:
        twilio = connected(url)
        sid = text(twilio).sid
        text(twilio, PATIENT)
        for body in ("Thank you", "STOP"):
            assert requests.post(f"{url}/answers", json={"phone": PATIENT, "body": body}, timeout=10).ok
        before = requests.get(f"{url}/inbox.json", timeout=10).json()
        twilio.http_client.session.close()
    assert kept.stat().st_mode & 0o077 == 0
    with a_process(kept) as url:
        twilio = connected(url)
        assert twilio.messages(sid).fetch().body == ALERT
        assert [one.direction for one in twilio.messages.list()] == [
            "inbound",
            "inbound",
            "outbound-api",
            "outbound-api",
        ]
        after = requests.get(f"{url}/inbox.json", timeout=10).json()
        shown = [
            [
                (conversation["number"], [(one["sid"], one["body"]) for one in conversation["messages"]])
                for conversation in inbox["conversations"]
            ]
            for inbox in (before, after)
        ]
        assert shown[0] == shown[1]
        with pytest.raises(TwilioRestException) as refused:
            text(twilio, PATIENT)
        assert refused.value.code == 21610
        assert text(twilio).sid != sid
        assert requests.post(f"{url}/answers", json={"phone": PATIENT, "body": "START"}, timeout=10).ok
        twilio.http_client.session.close()
    with a_process(kept) as url:
        twilio = connected(url)
        assert text(twilio, PATIENT).status == "queued"
        twilio.http_client.session.close()
    assert all(part.stat().st_mode & 0o077 == 0 for part in tmp_path.iterdir())


def remembering(path: Path) -> PhoneCompany:
    company = PhoneCompany(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN)
    company.remember(Memory(path))
    return company


def test_the_memory_has_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest texts are remembered, however many there were; and who has opted out, however long ago."""
    monkeypatch.setattr(memory, "MOST_TEXTS", 3)
    company = remembering(tmp_path / "phones")
    company.create(to=PATIENT, body="the first", from_=OURS)
    company.receive(phone=PATIENT, body="stop")
    for number in range(5):
        company.create(to=NURSE, body=str(number), from_=OURS)
    again = remembering(tmp_path / "phones")
    assert [one.body for one in again.accepted()] == ["2", "3", "4"]
    assert isinstance(again.create(to=PATIENT, body="once more", from_=OURS), Refusal)
    again.forget()
    assert remembering(tmp_path / "phones").count == 0


def test_texts_of_another_time_and_of_the_version_before_are_remembered(tmp_path: Path) -> None:
    """What came in has both its times again; a text may lack a field that is new, but nothing else."""
    company = remembering(tmp_path / "phones")
    kept = comes_in(company, created=NOON)
    old = {name: value for name, value in kept.as_kept().items() if name != "arrived"}
    Memory(tmp_path / "phones").keep({**old, "sid": "SM of the version before"})
    Memory(tmp_path / "phones").keep({"sid": "SM of quite another version"})
    again = remembering(tmp_path / "phones")
    assert again.find(kept.sid) == kept
    assert again.find("SM of the version before")
    assert again.count == 2


def test_a_memory_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    """It is a toy's: nobody has to mend it before the system starts."""
    (tmp_path / "phones").write_bytes(b"no such file of ours" * 1000)
    company = remembering(tmp_path / "phones")
    company.create(to=NURSE, body=ALERT, from_=OURS)
    assert [one.body for one in remembering(tmp_path / "phones").accepted()] == [ALERT]
    assert (tmp_path / "phones").stat().st_mode & 0o077 == 0


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who starts it on a port in use reads which one, and what to do."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", TEST_ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TEST_AUTH_TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SystemExit, match=rf"127\.0\.0\.1:{port} .*--port"):
            twilio_process.main(["--port", str(port)])


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who starts it without an account reads which variables are missing."""
    monkeypatch.delenv("TWILIO_ACCOUNT_SID", raising=False)
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    with pytest.raises(SystemExit, match="TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"):
        twilio_process.main([])


def test_a_server_gives_its_port_back_even_with_an_answer_under_way(company: PhoneCompany) -> None:
    """Leaving the block ends a hanging answer, and the address can be used again."""
    other = PhoneCompany(company.account_sid, company.auth_token)
    other.script(Hang(60))
    with TwilioServer(other) as first:
        twilio = connected(first.url)
        twilio.http_client.timeout = (3.05, 0.1)
        with pytest.raises(requests.exceptions.ReadTimeout):
            text(twilio)
        twilio.http_client.session.close()
        port = urlsplit(first.url).port
    assert port
    with TwilioServer(other, port=port) as second:
        assert second.url == first.url


# ── The account ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_account_says_how_it_stands(twilio: Any, company: PhoneCompany) -> None:
    """As the SDK reads it, until told otherwise."""
    account = twilio.api.v2010.account.fetch()
    assert (account.sid, account.status, account.type) == (TEST_ACCOUNT_SID, "active", "Full")
    company.account_status, company.is_trial = "suspended", True
    account = twilio.api.v2010.account.fetch()
    assert (account.status, account.type) == ("suspended", "Trial")
    company.forget()
    assert twilio.api.v2010.account.fetch().status == "active"


def test_the_account_has_the_numbers_that_it_may_text_from(twilio: Any, company: PhoneCompany) -> None:
    """With their capabilities and their webhook."""
    company.webhook = "https://app.example.com/replies"
    [number] = twilio.incoming_phone_numbers.list(phone_number=OURS)
    assert (number.phone_number, number.capabilities["sms"], number.sms_url) == (OURS, True, company.webhook)
    assert twilio.incoming_phone_numbers.list(phone_number="+15005550007") == []


def test_a_messaging_service_says_where_replies_go(twilio: Any, company: PhoneCompany) -> None:
    """To a webhook of its own, or to its numbers'; another SID is not found."""
    company.webhook_is_the_numbers = True
    service = twilio.messaging.v1.services("MG" + "0" * 32).fetch()
    assert (service.inbound_request_url, service.use_inbound_webhook_on_number) == (None, True)
    with pytest.raises(TwilioRestException) as missing:
        twilio.messaging.v1.services("MG-of-somebody-else").fetch()
    assert (missing.value.status, missing.value.code) == (404, 20404)


# ── Phones ──────────────────────────────────────────────────────────────────────────────────────────────


def accepted(company: PhoneCompany, to: str, body: str) -> Message:
    message = company.create(to=to, body=body, from_=OURS)
    assert not isinstance(message, Refusal)
    return message


def test_a_phone_claims_each_text_once(company: PhoneCompany) -> None:
    """Two expectations need two texts; the words choose which."""
    phones = Phones(company, patience=0)
    low, high = accepted(company, NURSE, "LOW task"), accepted(company, NURSE, "HIGH task")
    assert phones(NURSE).received_text(containing=["HIGH", "task"]) == high
    assert phones(NURSE).received_text() == low
    assert phones(NURSE).texts == ["LOW task", "HIGH task"]
    phones.assert_nothing_unexpected()
    with pytest.raises(AssertionError, match="nothing"):
        phones(NURSE).received_text(containing=["task"])


def test_a_phone_waits_for_its_text(company: PhoneCompany) -> None:
    """An expected text may arrive while the test is waiting for it."""
    sender = threading.Thread(target=accepted, args=(company, NURSE, "late, and yet in time"))
    sender.start()
    assert Phones(company)(NURSE).received_text(containing=["in time"])
    sender.join()


def test_an_unexpected_text_fails_without_showing_the_number(company: PhoneCompany) -> None:
    """What no expectation claimed is listed by masked number and body."""
    phones = Phones(company)
    accepted(company, NURSE, "surprise")
    for check in (phones.assert_nothing_unexpected, phones(NURSE).received_no_text):
        with pytest.raises(AssertionError, match="•••• 0101: 'surprise'") as failure:
            check()
        assert NURSE not in str(failure.value)
    phones(PATIENT).received_no_text()


def test_a_missing_text_fails_with_what_was_there_instead(twilio: Any, company: PhoneCompany) -> None:
    """The message says which words were missed, how often it was tried, and what was received."""
    text(twilio, NURSE, "LOW task")
    with pytest.raises(AssertionError, match=r"(?s)'HIGH'.* 1 attempt.*LOW task"):
        Phones(company, patience=0)(NURSE).received_text(containing=["HIGH"])
    assert Phones(company)(NURSE).attempts == 1
