"""Twilio over real HTTP: one call, one answer, whatever happens on the way; and how our account stands there."""

import logging
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from certificates import certified, needs_openssl
from doors import BODY, NUMBER, SENDER, WORTH, an_sms, answering, closing_idle_connections, send
from phones import Phones
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped, unused-ignore]
from twilio.http.response import Response  # type: ignore[import-untyped, unused-ignore]

from sequora_orchestration.channels import twilio as channel_twilio
from sequora_orchestration.channels.sms import open_sms
from sequora_orchestration.channels.twilio import AccountError, Twilio
from sequora_orchestration.domain.answers import Accepted, Answer, Refusal, Refused, Unclear
from sequora_orchestration.local.twilio import scripted_answers
from sequora_orchestration.local.twilio.api_keys import ApiKey, Permission
from sequora_orchestration.local.twilio.scripted_answers import (
    ErrorAfterAccepting,
    Garbage,
    Hang,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.local.twilio.server import (
    TEST_API_KEY,
    TEST_API_SECRET,
    TEST_AUTH_TOKEN,
    TwilioServer,
)
from sequora_orchestration.settings.twilio import TwilioSettings

NO_WAY_TO_CONNECT = "the phone company could not be reached"
BROKEN = "the connection broke before the phone company answered"


@pytest.fixture
def short_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on the phone company after a fraction of a second."""
    monkeypatch.setattr(channel_twilio, "TIMEOUT", (0.1, 0.1))


def test_a_text_is_sent_once(phones: Phones) -> None:
    """One call is one request, also when it is refused: what comes next is the ledger's business."""
    phones.company.script(Refuse(429, 20429), to=NUMBER)
    send()
    assert phones(NUMBER).attempts == 1


@pytest.mark.parametrize(
    ("http_status", "code", "refusal"),
    [
        (400, 21211, Refusal.PERMANENT),
        (400, 21610, Refusal.PERMANENT),
        (400, 21614, Refusal.PERMANENT),
        (400, 99_999, Refusal.UNKNOWN),
        (401, 20003, Refusal.CONFIGURATION),
        (403, 20005, Refusal.CONFIGURATION),
        (400, 21606, Refusal.CONFIGURATION),
        (403, 99_999, Refusal.UNKNOWN),
        (404, 20404, Refusal.CONFIGURATION),
        (429, 20429, Refusal.TRANSIENT),
        (429, 21611, Refusal.TRANSIENT),
        (429, 99_999, Refusal.TRANSIENT),
    ],
)
def test_a_refusal_is_judged_by_its_code_and_status(
    phones: Phones, http_status: int, code: int, refusal: Refusal
) -> None:
    """The code is kept for the ledger, the phone company's own sentence is not: it quotes the number."""
    phones.company.script(Refuse(http_status, code, f"No text to {NUMBER}, says Twilio"), to=NUMBER)
    answer = send()
    assert isinstance(answer, Refused)
    assert (answer.refusal, answer.code) == (refusal, code)
    assert "says Twilio" not in answer.reason


def test_a_refusal_that_says_when_to_come_back_is_not_waited_for(phones: Phones) -> None:
    """Neither we nor the SDK sleep on `Retry-After`; and nobody can silence us for an hour."""
    phones.company.script(Refuse(429, 20429, retry_after=3600), to=NUMBER)
    assert send() == Refused(Refusal.TRANSIENT, "too many requests", 20429, retry_after=300)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:10 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 10),
        ({"Retry-After": "Wed, 21 Oct 2026 09:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 300),
        ({"Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
    ],
)
def test_when_to_come_back_is_a_number_of_seconds_or_a_time(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], seconds: float | None
) -> None:
    """A time goes by the clock of whoever named it."""
    with answering(429, b"", headers) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        answer = send()
    assert isinstance(answer, Refused)
    assert answer.retry_after == seconds


def test_a_connection_that_a_proxy_has_closed_in_silence_puts_no_text_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is noticed before the next text is written to it."""
    with closing_idle_connections() as (url, closed):
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        sms = an_sms()
        for _ in range(3):
            assert sms.submit(NUMBER, BODY, WORTH) == Accepted("SM1")
            assert closed.acquire(timeout=10)


def test_the_phone_company_may_be_at_an_address_of_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """In brackets, as URLs have them."""
    with answering(201, b'{"sid": "SM1"}', host="::1") as url:
        assert url.startswith("http://[::1]:")
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        assert send() == Accepted("SM1")


@pytest.mark.parametrize("answer", [Refuse(500, 20500), Refuse(503, 20503), Hang(0, accept=False)])
def test_an_error_of_the_phone_company_is_unclear(phones: Phones, answer: scripted_answers.Answer) -> None:
    """It may have the text: 500, 503 and 504 look alike whether it has or not."""
    phones.company.script(answer, to=NUMBER)
    assert isinstance(send(), Unclear)
    phones(NUMBER).received_no_text()


@pytest.mark.parametrize("http_status", [500, 502, 503, 504])
def test_an_error_that_follows_acceptance_is_unclear(phones: Phones, http_status: int) -> None:
    """The nurse has the text, and the answer says otherwise."""
    phones.company.script(ErrorAfterAccepting(http_status), to=NUMBER)
    assert isinstance(send(), Unclear)
    phones(NUMBER).received_text()


def test_a_connection_that_is_reset_is_unclear(phones: Phones) -> None:
    """The request was written; nobody knows who has read it."""
    phones.company.script(ResetBeforeAccepting(), to=NUMBER)
    assert send() == Unclear(BROKEN)
    phones(NUMBER).received_no_text()


def test_a_connection_that_is_reset_after_acceptance_is_unclear(phones: Phones) -> None:
    """It looks no different from the one before."""
    phones.company.script(ResetAfterAccepting(), to=NUMBER)
    assert send() == Unclear(BROKEN)
    phones(NUMBER).received_text()


def test_a_kept_connection_that_is_reset_is_unclear_and_the_next_text_gets_through(phones: Phones) -> None:
    """A connection is used again for as long as it lives, and not tried again with the same text."""
    sms = an_sms()
    phones.company.script(Refuse(400, 21211), ResetBeforeAccepting(), to=NUMBER)
    assert isinstance(sms.submit(NUMBER, BODY, WORTH), Refused)
    assert sms.submit(NUMBER, BODY, WORTH) == Unclear(BROKEN)
    assert phones(NUMBER).attempts == 2
    assert sms.submit(NUMBER, BODY, WORTH) == Accepted(phones(NUMBER).received_text().sid)


@pytest.mark.usefixtures("short_time_outs")
def test_an_answer_that_takes_too_long_is_unclear(phones: Phones) -> None:
    """The text may arrive all the same."""
    phones.company.script(Hang(60), to=NUMBER)
    assert isinstance(send(), Unclear)
    phones(NUMBER).received_text()


def test_an_answer_that_breaks_off_is_unclear(phones: Phones) -> None:
    """It was accepted, but under a SID that nobody can read."""
    phones.company.script(Garbage(), to=NUMBER)
    assert isinstance(send(), Unclear)
    phones(NUMBER).received_text()


def test_a_phone_company_that_cannot_be_connected_to_certainly_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("TWILIO_API_BASE_URL", f"http://127.0.0.1:{port}")
    assert send() == Refused(Refusal.UNREACHABLE, NO_WAY_TO_CONNECT)


@pytest.mark.skipif(sys.platform != "linux", reason="how a full queue behaves differs from system to system")
@pytest.mark.usefixtures("short_time_outs")
def test_a_phone_company_that_does_not_take_the_connection_certainly_has_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It listens, but its queue of connections is full."""
    with closing(socket.socket()) as listener, closing(socket.socket()) as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        monkeypatch.setenv("TWILIO_API_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert send() == Refused(Refusal.UNREACHABLE, NO_WAY_TO_CONNECT)


@needs_openssl
def test_a_certificate_that_is_not_trusted_is_for_an_engineer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, and no later try will change that."""
    context, _ = certified(tmp_path)

    def refused_by_the_client(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener, ThreadPoolExecutor(1) as pool:
        served = pool.submit(refused_by_the_client, listener)
        monkeypatch.setenv("TWILIO_API_BASE_URL", f"https://127.0.0.1:{listener.getsockname()[1]}")
        answer = send()
        served.result(timeout=10)
    assert answer == Refused(Refusal.CONFIGURATION, "no trusted TLS connection to the phone company can be made")


def test_a_server_that_speaks_no_tls_is_for_an_engineer(twilio: TwilioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent, and no later try will change that."""
    monkeypatch.setenv("TWILIO_API_BASE_URL", twilio.url.replace("http://", "https://"))
    assert send() == Refused(Refusal.CONFIGURATION, "no trusted TLS connection to the phone company can be made")


def test_a_proxy_that_is_away_has_passed_nothing_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is safe to try again."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert send() == Refused(Refusal.UNREACHABLE, NO_WAY_TO_CONNECT)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"code": "21211"}', Refused(Refusal.PERMANENT, "the number is not valid", 21211)),
        (b'{"code": [1]}', Refused(Refusal.UNKNOWN, "the phone company answered HTTP 400")),
        (b'{"code": 99999999999}', Refused(Refusal.UNKNOWN, "the phone company answered HTTP 400")),
        (
            b'{"type": "t", "title": "x", "status": "400", "code": 21211}',
            Unclear("the phone company's answer could not be read"),
        ),
    ],
)
def test_an_error_of_any_shape_is_an_answer(monkeypatch: pytest.MonkeyPatch, body: bytes, answer: Answer) -> None:
    """Whatever stands where a status or a code should."""
    with answering(400, body) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        assert send() == answer


@pytest.mark.parametrize("name", ["TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID"])
def test_wrong_credentials_are_for_an_engineer(phones: Phones, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """No text at all is taken from us."""
    monkeypatch.setenv(name, "AC" + "1" * 32)
    assert send() == Refused(Refusal.CONFIGURATION, "the account SID, the auth token or the API key is wrong", 20003)
    assert phones(NUMBER).attempts == 0


@pytest.mark.parametrize(
    ("http_status", "body", "refusal"),
    [
        (429, b"<html>Too many requests</html>", Refusal.TRANSIENT),
        (429, b"", Refusal.TRANSIENT),
        (401, b"[]", Refusal.CONFIGURATION),
        (302, b"", Refusal.CONFIGURATION),
        (400, b"{}", Refusal.UNKNOWN),
    ],
)
def test_a_refusal_that_is_no_json_goes_by_its_status(
    monkeypatch: pytest.MonkeyPatch, http_status: int, body: bytes, refusal: Refusal
) -> None:
    """It comes from something that stands before the phone company."""
    with answering(http_status, body) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        answer = send()
    assert isinstance(answer, Refused)
    assert answer.refusal is refusal


@pytest.mark.parametrize(
    ("http_status", "body"),
    [
        (502, b"<html>Bad gateway</html>"),
        (201, b"<html>Welcome to this hotel</html>"),
        (201, b""),
        (201, b"[]"),
        (201, b"{}"),
        (201, b'{"sid": null}'),
    ],
)
def test_an_answer_that_is_none_of_the_phone_companys_is_unclear(
    monkeypatch: pytest.MonkeyPatch, http_status: int, body: bytes
) -> None:
    """Accepted is only what has a SID."""
    with answering(http_status, body) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        assert isinstance(send(), Unclear)


@pytest.mark.usefixtures("short_time_outs")
@pytest.mark.parametrize(
    "scripted",
    [
        None,
        Refuse(400, 21211, f"Invalid 'To' Phone Number: {NUMBER}"),
        Refuse(400, 99_999, f"No text to {NUMBER}: {BODY}"),
        Refuse(429, 20429),
        Refuse(500, 20500, f"{NUMBER}: {BODY}"),
        ResetBeforeAccepting(),
        ResetAfterAccepting(),
        ErrorAfterAccepting(),
        Hang(60),
        Garbage(),
    ],
)
def test_neither_number_nor_body_is_ever_logged_or_in_an_answer(
    phones: Phones,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    scripted: scripted_answers.Answer | None,
) -> None:
    """Not even when everybody logs everything."""
    libraries = [name for name in logging.root.manager.loggerDict if name.startswith(("twilio", "urllib3", "requests"))]
    for name in ("", *libraries):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "disabled", False)
        caplog.set_level(logging.DEBUG, name or None)
    if scripted:
        phones.company.script(scripted, to=NUMBER)
    answer = send()
    for text in phones.company.accepted(NUMBER):
        phones.expect(text)
    assert caplog.records, "the connection itself is logged"
    assert not [record for record in caplog.records if record.name.startswith("twilio")], "the SDK logs nothing"
    everything = "\n".join([caplog.text, *(repr(vars(record)) for record in caplog.records), str(answer), repr(answer)])
    for secret in (NUMBER, NUMBER[2:], "CHEST_PAIN", "app.example.com", SENDER[1:], TEST_AUTH_TOKEN):
        assert secret not in everything


def test_a_sender_may_be_used_from_as_many_threads_as_we_send_with(phones: Phones) -> None:
    """Every text goes to its own number, once, and has its own SID."""
    sms = an_sms()
    numbers = [f"+1202555{number:04}" for number in range(100, 164)]
    with ThreadPoolExecutor(sms.at_a_time) as pool:
        answers = list(pool.map(lambda number: sms.submit(number, f"to {number[-4:]}", WORTH), numbers))
    for number, answer in zip(numbers, answers, strict=True):
        text = phones(number).received_text(containing=f"to {number[-4:]}")
        assert answer == Accepted(text.sid)
        assert phones(number).attempts == 1


def test_an_api_key_that_may_not_send_is_for_an_engineer(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is about every text: none of them may fail for it."""
    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, frozenset({Permission.LIST, Permission.FETCH}))
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)
    assert send() == Refused(Refusal.CONFIGURATION, "the API key may not do this", 70051)
    assert phones(NUMBER).attempts == 0
    open_sms().try_to_read()


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://api.twilio.com", "https://messaging.twilio.com/v1/Services/MG1"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/v1/Services/MG1"),
    ],
)
def test_parts_of_twilio_with_a_host_of_their_own_are_asked_there(
    monkeypatch: pytest.MonkeyPatch, base_url: str, address: str
) -> None:
    """At Twilio itself; another address stands for all of them."""
    asked = []

    def request(_client: object, _method: str, url: str, *_args: object, **_kwargs: object) -> Response:
        asked.append(url)
        return Response(404, "{}")

    monkeypatch.setattr(TwilioHttpClient, "request", request)
    monkeypatch.setenv("TWILIO_API_BASE_URL", base_url)
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", "MG1")
    assert Twilio(TwilioSettings.load()).sender() is None
    assert asked == [address]


@pytest.mark.parametrize("answer", [b"{", b"[]", b"", b"null", b"{}"])
def test_an_account_that_cannot_be_read_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """Whatever stands before the phone company may answer anything."""
    with answering(200, answer) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        twilio = Twilio(TwilioSettings.load())
        for ask in (twilio.account, twilio.sender):
            with pytest.raises(AccountError):
                ask()
