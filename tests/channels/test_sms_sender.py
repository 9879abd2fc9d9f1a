"""The phone company over real HTTP: one text, one answer, whatever happens on the way."""

import logging
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from certificates import certified, needs_openssl
from phones import Phones
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped, unused-ignore]
from twilio.http.response import Response  # type: ignore[import-untyped, unused-ignore]

from sequora_orchestration.channels import sms_sender
from sequora_orchestration.channels.sms_sender import (
    AccountError,
    LookUpError,
    SmsSender,
    UnreadableError,
    open_sms_sender,
)
from sequora_orchestration.domain.answers import Accepted, Answer, Refusal, Refused, Unclear
from sequora_orchestration.domain.ledger_state import State
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
    TEST_ACCOUNT_SID,
    TEST_API_KEY,
    TEST_API_SECRET,
    TEST_AUTH_TOKEN,
    TwilioServer,
)
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.twilio import TwilioSettings

SENDER = "+15005550006"
NUMBER = "+12025550123"
WORTH = timedelta(hours=1)
BODY = "🚨 New HIGH task: CHEST_PAIN\nView: https://app.example.com/tasks/1"

NO_WAY_TO_CONNECT = "the phone company could not be reached"
BROKEN = "the connection broke before the phone company answered"


@pytest.fixture(autouse=True)
def account(twilio: TwilioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what a deployment sets; no proxy stands between it and the phone company."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "TWILIO_MESSAGING_SERVICE_SID"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", TEST_ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TEST_AUTH_TOKEN)
    monkeypatch.setenv("TWILIO_FROM_NUMBER", SENDER)
    monkeypatch.setenv("TWILIO_API_BASE_URL", twilio.url)


@pytest.fixture
def short_time_outs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up on the phone company after a fraction of a second."""
    monkeypatch.setattr(sms_sender, "TIMEOUT", (0.1, 0.1))


def send(to: str = NUMBER, body: str = BODY) -> Answer:
    """Send one text as the environment says."""
    return SmsSender(TwilioSettings.load()).send(to, body, WORTH)


@contextmanager
def answering(
    http_status: int, body: bytes, headers: Mapping[str, str] = MappingProxyType({}), *, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Run something that answers every request with this, and yield its URL: what may stand before the real API."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.do_GET()

        def do_GET(self) -> None:
            self.send_response_only(http_status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    with Server((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def closing_idle_connections() -> Iterator[tuple[str, threading.Semaphore]]:
    """Run something that accepts every text, and closes its connections in silence after an answer that keeps them.

    Yields its URL, and what is released with each connection that it has closed.
    """
    closed = threading.Semaphore(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            body = b'{"sid": "SM1"}'
            self.send_response(201)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def shutdown_request(self, request: Any) -> None:
            super().shutdown_request(request)
            closed.release()

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", closed
        finally:
            server.shutdown()
            thread.join()


def test_a_text_that_is_accepted_has_a_sid(phones: Phones) -> None:
    """It arrives as it was sent, from our number."""
    answer = send()
    text = phones(NUMBER).received_text()
    assert answer == Accepted(text.sid)
    assert (text.body, text.from_, text.messaging_service_sid) == (BODY, SENDER, None)


def test_a_text_is_sent_once(phones: Phones) -> None:
    """One call is one request, also when it is refused: what comes next is the ledger's business."""
    phones.company.script(Refuse(429, 20429), to=NUMBER)
    send()
    assert phones(NUMBER).attempts == 1


def test_the_messaging_service_is_the_sender_when_there_is_one(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """It chooses the number by itself."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", "MG00000000000000000000000000000001")
    assert isinstance(send(), Accepted)
    text = phones(NUMBER).received_text()
    assert (text.from_, text.messaging_service_sid) == (None, "MG00000000000000000000000000000001")


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
        sender = SmsSender(TwilioSettings.load())
        for _ in range(3):
            assert sender.send(NUMBER, BODY, WORTH) == Accepted("SM1")
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
    sender = SmsSender(TwilioSettings.load())
    phones.company.script(Refuse(400, 21211), ResetBeforeAccepting(), to=NUMBER)
    assert isinstance(sender.send(NUMBER, BODY, WORTH), Refused)
    assert sender.send(NUMBER, BODY, WORTH) == Unclear(BROKEN)
    assert phones(NUMBER).attempts == 2
    assert sender.send(NUMBER, BODY, WORTH) == Accepted(phones(NUMBER).received_text().sid)


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
    sender = SmsSender(TwilioSettings.load())
    numbers = [f"+1202555{number:04}" for number in range(100, 164)]
    with ThreadPoolExecutor(sender.texts_at_a_time) as pool:
        answers = list(pool.map(lambda number: sender.send(number, f"to {number[-4:]}", WORTH), numbers))
    for number, answer in zip(numbers, answers, strict=True):
        text = phones(number).received_text(containing=f"to {number[-4:]}")
        assert answer == Accepted(text.sid)
        assert phones(number).attempts == 1


def test_a_process_has_one_sender_for_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are kept between runs; other settings are another sender."""
    sender = open_sms_sender()
    assert open_sms_sender() is sender
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "+15005550010")
    assert open_sms_sender() is not sender


def test_without_an_account_there_is_no_sender_and_no_other_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to set."""
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    with pytest.raises(SettingError, match="TWILIO_AUTH_TOKEN is not set"):
        open_sms_sender()


def sent(phones: Phones, *bodies: str, to: str = NUMBER) -> list[str]:
    """Send these texts to a number, and return their SIDs."""
    sender, sids = SmsSender(TwilioSettings.load()), []
    for body in bodies:
        answer = sender.send(to, body, WORTH)
        assert isinstance(answer, Accepted)
        sids.append(answer.sid)
        phones(to).received_text()
    return sids


def test_the_texts_since_a_moment_are_listed_newest_first(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several pages; those to one number, or all."""
    monkeypatch.setattr(sms_sender, "PAGE_SIZE", 2)
    sids = sent(phones, "one", "two", "three", "four", "five")
    other = sent(phones, "to somebody else", to="+12025550124")
    sender = open_sms_sender()
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    texts = sender.texts_since(hour_ago, to=NUMBER)
    assert [text.sid for text in texts] == sids[::-1]
    assert {(text.to, text.body) for text in texts} >= {(NUMBER, "one"), (NUMBER, "five")}
    assert [text.sid for text in sender.texts_since(hour_ago)] == [*other, *sids[::-1]]
    assert NUMBER not in repr(texts)
    assert "three" not in repr(texts)


def test_texts_that_are_too_old_are_not_listed(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the list is not read much further than to them."""
    monkeypatch.setattr(sms_sender, "OLDER_IN_A_ROW", 2)
    monkeypatch.setattr(sms_sender, "PAGE_SIZE", 1)
    sent(phones, "one", "two", "three", "four", "five")
    listed = phones.company.listed
    pages = []

    def counted(*args: object, **kwargs: object) -> object:
        pages.append(kwargs)
        return listed(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(phones.company, "listed", counted)
    assert open_sms_sender().texts_since(datetime.now(UTC) + timedelta(hours=1), to=NUMBER) == []
    assert len(pages) == 2


def test_a_list_that_is_too_long_proves_nothing(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not seen may be there."""
    monkeypatch.setattr(sms_sender, "MOST_LISTED", 3)
    sent(phones, "one", "two", "three")
    with pytest.raises(LookUpError, match="too long"):
        open_sms_sender().texts_since(datetime.now(UTC) - timedelta(hours=1))


def test_a_list_that_cannot_be_read_is_one_error_without_a_number(
    phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the SDK raises."""
    (sid,) = sent(phones, "one")
    now = datetime.now(UTC)
    for name, value in (("TWILIO_AUTH_TOKEN", "wrong"), ("TWILIO_API_BASE_URL", "http://127.0.0.1:9")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            sender = SmsSender(TwilioSettings.load())
            with pytest.raises(LookUpError) as listed:
                sender.texts_since(now, to=NUMBER)
            with pytest.raises(LookUpError) as fetched:
                sender.receipts([sid], since=now, until=now)
            for raised in (listed, fetched):
                assert NUMBER[1:] not in f"{raised.value!r} {raised.value.__cause__!r}"


@pytest.mark.parametrize(
    ("http_status", "body", "said"),
    [
        (
            401,
            b'{"code": 70051, "message": "no", "status": 401}',
            " (HTTP 401, code 70051): the API key may not do this",
        ),
        (403, b'{"code": 20008, "message": "no"}', " (HTTP 403, code 20008): test credentials: nothing is sent"),
        (403, b"<html>Only POST gets through here</html>", " (HTTP 403)"),
        (405, b"", " (HTTP 405)"),
        (503, b'{"code": 20503}', " (HTTP 503, code 20503)"),
        (
            200,
            b"<html>Welcome to this hotel</html>",
            ": the phone company's answer did not come or could not be read (JSONDecodeError)",
        ),
    ],
)
def test_what_keeps_us_from_reading_is_said_with_status_and_code(
    monkeypatch: pytest.MonkeyPatch, http_status: int, body: bytes, said: str
) -> None:
    """Of the list as of a single text; a proxy that lets only texts out is told from Twilio."""
    now = datetime.now(UTC)
    with answering(http_status, body) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        sender = SmsSender(TwilioSettings.load())
        for ask in (
            lambda: sender.texts_since(now, to=NUMBER),
            lambda: sender.receipts(["SM1"], since=now, until=now),
            sender.try_to_read,
        ):
            with pytest.raises(UnreadableError) as raised:
                ask()
            assert str(raised.value) == f"the phone company's list could not be read{said}"


def test_an_api_key_sends_and_reads_in_the_accounts_name(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the auth token."""
    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET)
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)
    (sid,) = sent(phones, "one")
    phones.company.seconds_per_status = 0
    now = datetime.now(UTC)
    assert [one.sid for one in open_sms_sender().texts_since(now - timedelta(hours=1), to=NUMBER)] == [sid]
    assert [one.sid for one in open_sms_sender().receipts([sid], since=now, until=now).known] == [sid]


def test_an_api_key_that_may_not_send_is_for_an_engineer(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is about every text: none of them may fail for it."""
    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, frozenset({Permission.LIST, Permission.FETCH}))
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)
    assert send() == Refused(Refusal.CONFIGURATION, "the API key may not do this", 70051)
    assert phones(NUMBER).attempts == 0
    open_sms_sender().try_to_read()


@pytest.mark.parametrize("count", [1, 12])
def test_receipts_are_known_once_texts_have_arrived(phones: Phones, count: int) -> None:
    """Of few by name, of many from the list."""
    sids = sent(phones, *(f"text {number}" for number in range(count)))
    now = datetime.now(UTC)
    phones.company.seconds_per_status = 1000
    assert open_sms_sender().receipts(sids, since=now, until=now).known == []
    phones.company.seconds_per_status = 0
    receipts = open_sms_sender().receipts(sids, since=now, until=now).known
    assert [(one.sid, one.state) for one in receipts] == [(sid, State.DELIVERED) for sid in sids]


def test_receipts_that_the_list_does_not_show_are_asked_for_by_name(phones: Phones) -> None:
    """Some of them each time: the ledger's clock is hours off."""
    sids = sent(phones, *(f"text {number}" for number in range(12)))
    phones.company.seconds_per_status = 0
    long_ago = datetime.now(UTC) - timedelta(hours=9)
    receipts = open_sms_sender().receipts(sids, since=long_ago, until=long_ago).known
    assert len(receipts) == sms_sender.FEW_RECEIPTS
    assert {one.sid for one in receipts} < set(sids)


def test_a_text_that_the_phone_company_does_not_know_hides_no_other(phones: Phones) -> None:
    """One of three was deleted there."""
    sids = sent(phones, "one", "two")
    phones.company.seconds_per_status = 0
    now = datetime.now(UTC)
    receipts = open_sms_sender().receipts([sids[0], "SM" + "0" * 32, sids[1]], since=now, until=now)
    assert {one.sid for one in receipts.known} == set(sids)
    assert receipts.unknown == {"SM" + "0" * 32}


def test_the_number_that_is_looked_for_is_not_logged(phones: Phones, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library logs addresses at its level DEBUG, and the list's has the number in it."""
    sent(phones, "one")
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    sender = SmsSender(TwilioSettings.load())
    sender.texts_since(datetime.now(UTC), to=NUMBER)
    sender.texts_since(datetime.now(UTC))
    assert NUMBER[1:] not in caplog.text
    assert "Messages.json" in caplog.text


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
    assert SmsSender(TwilioSettings.load()).sender() is None
    assert asked == [address]


@pytest.mark.parametrize("answer", [b"{", b"[]", b"", b"null", b"{}"])
def test_an_account_that_cannot_be_read_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """Whatever stands before the phone company may answer anything."""
    with answering(200, answer) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        sender = SmsSender(TwilioSettings.load())
        for ask in (sender.account, sender.sender):
            with pytest.raises(AccountError):
                ask()
