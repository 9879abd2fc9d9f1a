"""Twilio, through its official SDK: one call, one answer, never an exception; and how our account stands there.

The SDK's own time-outs are none at all, and its exceptions and its HTTP logger carry phone numbers: both are dealt with
here, so nothing of a message or a number leaves this package but to Twilio. What is sent stands with each channel.
"""

import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
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
from sequora_orchestration.domain.answers import Accepted, Answer, Refusal, Refused, Unclear, judge
from sequora_orchestration.settings.senders import E164, SHORT_CODE
from sequora_orchestration.settings.twilio import TwilioSettings

# Seconds to connect (a little more than TCP's first retransmission, as `requests` advises) and to read: Twilio
# answers in well under a second, and what takes longer than 30 s is set aside as unclear.
TIMEOUT = (3.05, 30.0)

# Seconds for each answer of the list, which changes nothing and can be asked for again.
LIST_TIMEOUT = 10.0

# A silent connection is kept alive after so many seconds; gateways drop one after 350 s (AWS) or less.
SECONDS_UNTIL_KEPT_ALIVE = 60

# Seconds: whatever stands between us and Twilio may ask for any pause, and texts do not wait for longer than this.
LONGEST_PAUSE = 300.0

# Twilio's code for whatever it does not have (https://www.twilio.com/docs/api/errors/20404).
NOT_FOUND = 20404

# Where numbers are bought they come with this webhook: it answers every reply with a text about itself.
DEMO_WEBHOOK = "https://demo.twilio.com/"

# Of numbers that contain ours, so many are looked through for it.
MOST_NUMBERS = 1000

_TWILIO = "api.twilio.com"
_TWILIO_CODE = re.compile(r"\d{5}")

# What OpenSSL says when the handshake fails for good: a certificate that is not trusted, a server that speaks no TLS.
_NO_TLS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")

# The SDK logs each request's address, which may have a phone number in it; this logger lets nothing through.
_NOWHERE = logging.getLogger(f"{__name__}.nowhere")
_NOWHERE.setLevel(logging.CRITICAL + 1)


def _names_no_number(record: logging.LogRecord) -> bool:
    return "To=" not in record.getMessage()


# So does the HTTP library, at its level DEBUG, where texts to a number are listed.
logging.getLogger("urllib3.connectionpool").addFilter(_names_no_number)


class AccountError(Exception):
    """What the phone company has of our account could not be read; the message says why, and `answer` what that is."""

    def __init__(self, answer: Refused | Unclear) -> None:
        """Say what the phone company said."""
        super().__init__(answer.reason)
        self.answer = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Our account at the phone company."""

    status: str
    """`active`, `suspended` or `closed`."""

    is_trial: bool

    is_sub_account: bool
    """Whether another account owns it."""


class Replies(Enum):
    """Who answers somebody who replies to a text of ours."""

    NOBODY = "nobody"
    DEMO = "the phone company's own demonstration"
    WEBHOOK = "a webhook"
    WEBHOOKS_OF_ITS_NUMBERS = "the webhooks of the messaging service's numbers"
    IMPOSSIBLE = "nobody can reply to a name"
    UNKNOWN = "not known"


class SenderForm(Enum):
    """What texts come from, by how it is written."""

    NUMBER = "a phone number"
    SHORT_CODE = "a short code"
    NAME = "a name"
    MESSAGING_SERVICE = "a messaging service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What our texts come from, as the phone company has it."""

    form: SenderForm
    can_text: bool
    replies: Replies


class _KeptAlive(HTTPAdapter):
    """Keeps its connections alive: a network that drops a silent one would put the next text in doubt."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        if hasattr(socket, "TCP_KEEPIDLE"):  # Linux; elsewhere the system's own, longer time stands
            options.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SECONDS_UNTIL_KEPT_ALIVE))
        super().init_poolmanager(*args, socket_options=options, **kwargs)


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """Talks to another address than Twilio's, if told so, over as many kept connections as we send texts at a time."""

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
        if self._base.netloc != _TWILIO:  # whose parts have hosts of their own
            address = address._replace(scheme=self._base.scheme, netloc=self._base.netloc)
        self._answered.headers = {}
        if method.upper() == "GET":
            kwargs["timeout"] = LIST_TIMEOUT
        response = super().request(method, address.geturl(), *args, **kwargs)
        self._answered.headers = response.headers or {}
        return response

    @property
    def retry_after(self) -> float | None:
        """For how many seconds the last answer to this thread wants no further request; the SDK's errors don't say."""
        asked = str(self._answered.headers.get("Retry-After", "")).strip()
        if re.fullmatch(r"\d{1,9}(\.\d+)?", asked):
            return min(float(asked), LONGEST_PAUSE)
        # Or it names a time (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after), by the answering side's clock.
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

    def submit(self, create: Callable[[], Any]) -> Answer:
        """Have the SDK create something, once, and return what is known of it; raises nothing. Safe in threads."""
        try:
            created = create()
        except (TwilioRestException, TwilioServiceException) as error:
            answer = _judge_error_answer(error)
            return replace(answer, retry_after=self._http.retry_after) if isinstance(answer, Refused) else answer
        except Exception as error:  # noqa: BLE001  # the request may have been written, whatever broke afterwards
            return _judge_no_answer(error)
        if not created.sid:
            return Unclear("the phone company's answer has no SID")
        return Accepted(created.sid)

    def account(self) -> Account:
        """Return how our account stands. Raises AccountError."""
        with _account_errors():
            account = self.client.api.v2010.account.fetch()
        if not account.status:
            raise AccountError(Unclear("the phone company's answer does not say how the account stands"))
        return Account(
            status=account.status,
            is_trial=str(account.type).lower() == "trial",
            is_sub_account=bool(account.owner_account_sid) and account.owner_account_sid != account.sid,
        )

    def sender(self) -> Sender | None:
        """Return how the number or the messaging service is set up that texts come from; None if it is not ours.

        Of a sender that is no phone number, a short code or a name, nothing is known but what the settings say. Raises
        AccountError.
        """
        if self.messaging_service_sid:
            return self._messaging_service(self.messaging_service_sid)
        number = self.from_number or ""
        if SHORT_CODE.fullmatch(number):
            return Sender(form=SenderForm.SHORT_CODE, can_text=True, replies=Replies.UNKNOWN)
        if not E164.fullmatch(number):
            return Sender(form=SenderForm.NAME, can_text=True, replies=Replies.IMPOSSIBLE)
        with _account_errors():
            # The filter also finds numbers that contain this one.
            found = self.client.incoming_phone_numbers.list(phone_number=number, limit=MOST_NUMBERS)
        for one in found:
            if one.phone_number == number:
                return Sender(
                    form=SenderForm.NUMBER,
                    can_text=bool((one.capabilities or {}).get("sms")),
                    replies=Replies.WEBHOOK if one.sms_application_sid else _replies(one.sms_url),
                )
        return None

    def _messaging_service(self, sid: str) -> Sender | None:
        service = None
        with _account_errors(), unless_not_found():
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
def _account_errors() -> Iterator[None]:
    """Raise AccountError for whatever the SDK raises, which may have a number in it."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # the SDK raises anything
        raise AccountError(_judge_reading(error)[0]) from None


@contextmanager
def unless_not_found() -> Iterator[None]:
    """Let it pass that something is not there: that is an answer."""
    try:
        yield
    except TwilioRestException as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


def unreadable(error: Exception) -> UnreadableError:
    """Return what it means that the SDK raised something when it read; in that there may be a number."""
    return UnreadableError(*_judge_reading(error))


def _judge_error_answer(error: TwilioRestException | TwilioServiceException) -> Refused | Unclear:
    """Judge an error answer. Its status and its code are whatever the body had in their place."""
    if not isinstance(error.status, int):
        return Unclear("the phone company's answer could not be read")
    # Where the body has no code, the SDK puts the HTTP status in its place.
    code = str(error.code) if error.code != error.status else ""
    return judge(error.status, int(code) if _TWILIO_CODE.fullmatch(code) else None)


def _judge_reading(error: Exception) -> tuple[Refused | Unclear, int | None]:
    """Judge whatever the SDK raises when it reads; with the HTTP status, where there was an answer of that kind."""
    # Of a list's page that was refused, the SDK's error has no more than the answer.
    if isinstance(error, TwilioException) and len(error.args) > 1 and isinstance(error.args[1], Response):
        error = Version.exception("GET", "", error.args[1], "")
    if isinstance(error, (TwilioRestException, TwilioServiceException)):
        # Some errors' status is what the body says: anything at all.
        return _judge_error_answer(error), error.status if error.status in range(100, 600) else None
    return _judge_no_answer(error), None


def _judge_no_answer(error: Exception) -> Refused | Unclear:
    if isinstance(error, requests.exceptions.ConnectionError):
        return _judge_broken_connection(error)
    return Unclear(f"the phone company's answer did not come or could not be read ({type(error).__name__})")


def _judge_broken_connection(error: requests.exceptions.ConnectionError) -> Refused | Unclear:
    """Tell a connection that was never made from one that broke when the request may have been written."""
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
    """Return one client a process: connections are kept between runs, and not shared over a fork."""
    return Twilio(settings)


def open_twilio() -> Twilio:
    """Return Twilio at TWILIO_API_BASE_URL, by default the real one. Raises SettingError."""
    return _twilio(TwilioSettings.load(), os.getpid())
