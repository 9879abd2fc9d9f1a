"""Twilio, through its official SDK: one call, one answer, never an exception; and the state of our account.

The SDK has no time-outs of its own, and its exceptions and its HTTP logger carry phone numbers. Both are dealt with
here, so no body and no number leaves this package but to Twilio. Not here: the requests of each channel.
"""

import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.base.version import Version
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError, SSLError

from sequora_orchestration.channels.channel import UnreadableError
from sequora_orchestration.domain.answers import KNOWN_CODES, Accepted, Answer, Refusal, Refused, Unclear, judge
from sequora_orchestration.settings.senders import E164, SHORT_CODE
from sequora_orchestration.settings.twilio import TwilioSettings

# Seconds to connect (a little more than TCP's first retransmission, as `requests` advises) and to read: Twilio
# answers in well under a second, and a request without an answer after 30 s is set aside as unclear.
TIMEOUT = (3.05, 30.0)

# Seconds to read a page of the list: reading changes nothing, and can be done again.
LIST_TIMEOUT = 10.0

# After this many silent seconds a connection is kept alive by a probe; gateways drop it after 350 s (AWS) or less.
SECONDS_UNTIL_KEPT_ALIVE = 60

# Seconds. A gateway between us and Twilio may ask for any pause; texts wait for no longer than this.
LONGEST_PAUSE = 300.0

# Twilio's code for a thing that it does not have (https://www.twilio.com/docs/api/errors/20404).
NOT_FOUND = 20404

# A newly bought number has this webhook: it answers every reply with a text about itself.
DEMO_WEBHOOK = "https://demo.twilio.com/"

# Twilio lists all numbers that contain ours; at most this many are looked through.
MOST_NUMBERS = 1000

_TWILIO = "api.twilio.com"
# Most codes have five digits, and newer ones six (https://www.twilio.com/docs/api/errors/573005).
_TWILIO_CODE = re.compile(r"\d{5,6}")

# OpenSSL's words for a handshake that fails for good: the certificate is not trusted, or the server speaks no TLS.
_NO_TLS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")

# The SDK logs each request's address, which may have a phone number in it; this logger lets nothing through.
_NOWHERE = logging.getLogger(f"{__name__}.nowhere")
_NOWHERE.setLevel(logging.CRITICAL + 1)


def _names_no_number(record: logging.LogRecord) -> bool:
    return "To=" not in record.getMessage()


# At its level DEBUG the HTTP library also logs addresses: the list of texts to a number has the number in its address.
logging.getLogger("urllib3.connectionpool").addFilter(_names_no_number)


class AccountError(Exception):
    """Twilio's record of our account could not be read; the message gives the reason, and `answer` is the answer."""

    def __init__(self, answer: Refused | Unclear) -> None:
        """Word Twilio's answer as a sentence."""
        super().__init__(answer.reason)
        self.answer = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Our account at Twilio."""

    status: str
    """`active`, `suspended` or `closed`."""

    is_trial: bool

    is_sub_account: bool
    """Whether another account owns it."""


class Replies(Enum):
    """Who answers a person who replies to one of our texts."""

    NOBODY = "nobody"
    DEMO = "the phone company's own demonstration"
    WEBHOOK = "a webhook"
    WEBHOOKS_OF_ITS_NUMBERS = "the webhooks of the messaging service's numbers"
    IMPOSSIBLE = "nobody can reply to a name"
    UNKNOWN = "not known"


class SenderForm(Enum):
    """The form of a sender, as its spelling shows."""

    NUMBER = "a phone number"
    SHORT_CODE = "a short code"
    NAME = "a name"
    MESSAGING_SERVICE = "a messaging service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The sender of our texts, as Twilio has it set up."""

    form: SenderForm
    can_text: bool
    replies: Replies
    can_call: bool = False
    """Of a number: whether it may also call."""


class _KeptAlive(HTTPAdapter):
    """Keeps its connections alive: if a network dropped a silent connection, the next text would be in doubt."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; other systems keep their own, longer time
            options.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SECONDS_UNTIL_KEPT_ALIVE))
        super().init_poolmanager(*args, socket_options=options, **kwargs)


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Sends requests to `base_url`, over as many kept connections as texts are sent at a time."""

    def __init__(self, base_url: str, *, at_a_time: int) -> None:
        super().__init__(logger=_NOWHERE)
        self.timeout = TIMEOUT
        self._base = urlsplit(base_url)
        self._answered = threading.local()
        adapter = _KeptAlive(pool_maxsize=at_a_time)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        address = urlsplit(url)
        if self._base.netloc != _TWILIO:  # parts of Twilio's API have hosts of their own
            address = address._replace(scheme=self._base.scheme, netloc=self._base.netloc)
        self._answered.headers = {}
        if method.upper() == "GET":
            kwargs["timeout"] = LIST_TIMEOUT
        response = super().request(method, address.geturl(), *args, **kwargs)
        self._answered.headers = response.headers or {}
        return response

    @property
    def retry_after(self) -> float | None:
        """The seconds to pause that the last answer to this thread asked for; the SDK's errors do not have them."""
        asked = str(self._answered.headers.get("Retry-After", "")).strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", asked):
            return min(float(asked), LONGEST_PAUSE)
        # Or it is a time (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after), by the clock of the other side.
        until, now = _http_date(asked), _http_date(str(self._answered.headers.get("Date", "")))
        if until is None:
            return None
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
        return min(seconds, LONGEST_PAUSE) if seconds > 0 else None


def _http_date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


class Twilio:
    """Our account at Twilio, and the connections to it."""

    def __init__(self, settings: TwilioSettings) -> None:
        """Make the SDK's client; nothing is connected yet."""
        self.at_a_time = settings.sequora_texts_at_a_time
        self.messaging_service_sid = settings.twilio_messaging_service_sid
        self.from_number = settings.twilio_from_number
        self._http = _HttpClient(settings.twilio_api_base_url, at_a_time=self.at_a_time)
        self.client = Client(*settings.credentials, settings.twilio_account_sid, http_client=self._http)

    def submit(self, create: Callable[[], Any], known_codes: Mapping[int, tuple[Refusal, str]] = KNOWN_CODES) -> Answer:
        """Have the SDK make one POST, and return Twilio's answer. It never raises. Safe in threads."""
        try:
            created = create()
        except (TwilioRestException, TwilioServiceException) as error:
            answer = _judge_error_answer(error, known_codes)
            return replace(answer, retry_after=self._http.retry_after) if isinstance(answer, Refused) else answer
        except Exception as error:  # noqa: BLE001  # the request may have been written, whatever broke afterwards
            return _judge_no_answer(error)
        if not created.sid:
            return Unclear("the phone company's answer has no SID")
        return Accepted(created.sid, at=created.date_created if isinstance(created.date_created, datetime) else None)

    def account(self) -> Account:
        """Return the state of our account. Raises AccountError."""
        with raising_account_errors():
            account = self.client.api.v2010.account.fetch()
        if not account.status:
            raise AccountError(Unclear("the phone company's answer does not say how the account stands"))
        return Account(
            status=account.status,
            is_trial=str(account.type).lower() == "trial",
            is_sub_account=bool(account.owner_account_sid) and account.owner_account_sid != account.sid,
        )

    def sender(self) -> Sender | None:
        """Return how our sender, a number or a messaging service, is set up; None if it is not ours.

        Twilio cannot be asked about a short code or a name: nothing is known of them but the setting. Raises
        AccountError.
        """
        if self.messaging_service_sid:
            return self._messaging_service(self.messaging_service_sid)
        return self.sender_of(self.from_number or "")

    def sender_of(self, number: str) -> Sender | None:
        """Return how a number, short code or name is set up; None if it is not the account's. Raises AccountError."""
        if SHORT_CODE.fullmatch(number):
            return Sender(form=SenderForm.SHORT_CODE, can_text=True, replies=Replies.UNKNOWN)
        if not E164.fullmatch(number):
            return Sender(form=SenderForm.NAME, can_text=True, replies=Replies.IMPOSSIBLE)
        with raising_account_errors():
            # The filter also finds numbers that contain this one.
            found = self.client.incoming_phone_numbers.list(phone_number=number, limit=MOST_NUMBERS)
        for one in found:
            if one.phone_number == number:
                return Sender(
                    form=SenderForm.NUMBER,
                    can_text=bool((one.capabilities or {}).get("sms")),
                    replies=Replies.WEBHOOK if one.sms_application_sid else _replies(one.sms_url),
                    can_call=bool((one.capabilities or {}).get("voice")),
                )
        return None

    def _messaging_service(self, sid: str) -> Sender | None:
        service = None
        with raising_account_errors(), unless_not_found():
            service = self.client.messaging.v1.services(sid).fetch()
        if service is None:
            return None
        replies = (
            Replies.WEBHOOKS_OF_ITS_NUMBERS
            if service.use_inbound_webhook_on_number
            else _replies(service.inbound_request_url)
        )
        return Sender(form=SenderForm.MESSAGING_SERVICE, can_text=True, replies=replies)


@contextmanager
def raising_account_errors() -> Iterator[None]:
    """Raise AccountError in place of the SDK's exceptions: they may have a number in them."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # the SDK raises anything
        raise AccountError(_judge_reading(error)[0]) from None


@contextmanager
def unless_not_found() -> Iterator[None]:
    """Suppress Twilio's error for a thing that it does not have: that is an answer."""
    try:
        yield
    except TwilioRestException as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


def unreadable(error: Exception) -> UnreadableError:
    """Return our error for an exception that the SDK raised when reading: the exception may have a number in it."""
    return UnreadableError(*_judge_reading(error))


def _judge_error_answer(
    error: TwilioRestException | TwilioServiceException,
    known_codes: Mapping[int, tuple[Refusal, str]] = KNOWN_CODES,
) -> Refused | Unclear:
    """Judge an error answer. Its status and its code come from the body unchecked, and may be of any type."""
    if not isinstance(error.status, int):
        return Unclear("the phone company's answer could not be read")
    # If the body has no code, the SDK puts the HTTP status in its place.
    code = str(error.code) if error.code != error.status else ""
    return judge(error.status, int(code) if _TWILIO_CODE.fullmatch(code) else None, known_codes)


def _judge_reading(error: Exception) -> tuple[Refused | Unclear, int | None]:
    """Judge an exception that the SDK raised when reading; return also the HTTP status, if there was one."""
    # If a page of a list was refused, the SDK's error has only the response.
    if isinstance(error, TwilioException) and len(error.args) > 1 and isinstance(error.args[1], Response):
        error = Version.exception("GET", "", error.args[1], "")
    if isinstance(error, (TwilioRestException, TwilioServiceException)):
        # Some errors take their status from the body: it may be anything.
        return _judge_error_answer(error), error.status if error.status in range(100, 600) else None
    return _judge_no_answer(error), None


def _judge_no_answer(error: Exception) -> Refused | Unclear:
    if isinstance(error, requests.exceptions.ConnectionError):
        return _judge_broken_connection(error)
    return Unclear(f"the phone company's answer did not come or could not be read ({type(error).__name__})")


def _judge_broken_connection(error: requests.exceptions.ConnectionError) -> Refused | Unclear:
    """Tell a connection that was never made from one that broke after the request may have been written."""
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, (NewConnectionError, ConnectTimeoutError, ProxyError)):
        return Refused(Refusal.UNREACHABLE, "the phone company could not be reached")
    if isinstance(reason, SSLError) and any(sign in str(reason) for sign in _NO_TLS):
        return Refused(Refusal.CONFIGURATION, "no trusted TLS connection to the phone company can be made")
    return Unclear("the connection broke before the phone company answered")


def _replies(webhook: str | None) -> Replies:
    if not webhook:
        return Replies.NOBODY
    return Replies.DEMO if webhook.startswith(DEMO_WEBHOOK) else Replies.WEBHOOK


@cache
def _twilio(settings: TwilioSettings, _process: int) -> Twilio:
    """Return the process's client: its connections are kept between runs, and not shared over a fork."""
    return Twilio(settings)


def open_twilio() -> Twilio:
    """Return Twilio at TWILIO_API_BASE_URL, by default the real one. Raises SettingError."""
    return _twilio(TwilioSettings.load(), os.getpid())
