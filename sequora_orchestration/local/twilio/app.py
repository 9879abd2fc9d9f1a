"""The phone company on the wire: Twilio's API as far as texts go, and the inbox page.

Paths, parameters, bodies and errors are the real API's (https://www.twilio.com/docs/messaging/api). What is
accepted and what becomes of it is decided in `phone_company`. Nothing is logged here: every request carries a
phone number and a text.
"""

import asyncio
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sequora_orchestration.local.twilio.phone_book import Person, PhoneBook
from sequora_orchestration.local.twilio.phone_company import (
    ErrorAfterAccepting,
    Filter,
    Garbage,
    Hang,
    Message,
    Page,
    PhoneCompany,
    Refusal,
    ResetAfterAccepting,
    ResetBeforeAccepting,
    State,
)

RESET_CONNECTION = "sequora.reset_connection"
"""The ASGI extension that `server` provides: call its "reset", and the connection is reset, unanswered."""

MOST_CONVERSATIONS, MOST_TEXTS = 50, 50
"""What the inbox page gets, and of each conversation; a burst of thousands would only make it slow."""

_API = "/2010-04-01/Accounts"
_SERVICES = "/v1/Services"
_SERVICE_SID = re.compile(r"MG[0-9a-f]{32}")
_PAGE_SIZES = range(1, 1001)
_DEFAULT_PAGE_SIZE = 50
_AUTHENTICATE = Refusal(401, 20003, "Authenticate")
_SECONDS_BETWEEN_LOOKS = 0.1
_PAGE_PARTS = (
    ("/", "inbox.html", "text/html"),
    ("/inbox.css", "inbox.css", "text/css"),
    ("/inbox.js", "inbox.js", "text/javascript"),
)
_PAGE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(company: PhoneCompany, phone_book: PhoneBook) -> Starlette:
    """Everything as one ASGI application; the inbox page shows people as the phone book has them.

    Setting `app.state.closing` (an `asyncio.Event`) ends the answers under way, so that a server can stop
    while a page is listening.
    """
    api, inbox = _Api(company), _Inbox(company, phone_book)
    app = Starlette(
        routes=[
            Route(f"{_API}/{{account_sid}}/Messages.json", api.authenticated(api.create), methods=["POST"]),
            Route(f"{_API}/{{account_sid}}/Messages.json", api.authenticated(api.search)),
            Route(f"{_API}/{{account_sid}}/Messages/{{sid}}.json", api.authenticated(api.fetch)),
            Route(f"{_API}/{{account_sid}}.json", api.authenticated(api.account)),
            Route(f"{_API}/{{account_sid}}/IncomingPhoneNumbers.json", api.authenticated(api.numbers)),
            Route(f"{_SERVICES}/{{sid}}", api.authenticated(api.messaging_service)),
            *(Route(path, inbox.part(name, media_type)) for path, name, media_type in _PAGE_PARTS),
            Route("/inbox.json", inbox.data),
            Route("/events", inbox.events),
            Route("/answers", inbox.answer, methods=["POST"]),
        ],
        exception_handlers={404: _not_found},
    )
    app.state.closing = asyncio.Event()
    return app


class _Api:
    """What the SDK talks to."""

    def __init__(self, company: PhoneCompany) -> None:
        self.company = company

    def authenticated(self, endpoint: Endpoint) -> Endpoint:
        """Let only the account's own credentials through, and only to its own resources."""

        async def checked(request: Request) -> Response:
            company = self.company
            credentials = f"{company.account_sid}:{company.auth_token}".encode()
            expected = b"Basic " + b64encode(credentials)
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, expected):
                return _error(_AUTHENTICATE)
            if request.path_params.get("account_sid", company.account_sid) != company.account_sid:
                return _error(_AUTHENTICATE)
            return await endpoint(request)

        return checked

    async def create(self, request: Request) -> Response:
        """POST Messages.json."""
        form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        validity = form.get("ValidityPeriod")
        outcome, answer = self.company.take(
            to=form.get("To", ""),
            body=form.get("Body", ""),
            from_=form.get("From", ""),
            messaging_service_sid=form.get("MessagingServiceSid", ""),
            # What is no number becomes one that the company refuses.
            validity_period=None if validity is None else int(validity) if validity.isdecimal() else 0,
        )
        match answer:
            case ResetBeforeAccepting() | ResetAfterAccepting():
                return _ConnectionReset()
            case ErrorAfterAccepting(http_status):
                return _error(Refusal(http_status, 20_000 + http_status, "Internal Server Error"))
            case Page(http_status):
                return Response("<html><body>This request was not let through.</body></html>", http_status)
            case Garbage():
                return Response(b'{"sid": "SM', 201, media_type="application/json")
            case Hang(seconds):
                await _pause(request, seconds)
        if isinstance(outcome, Message):
            # The API always says how it begins, however fast it goes on.
            begun = State(outcome.first_status, None, None, outcome.created)
            return _json(_message(self.company.account_sid, outcome, begun), 201)
        if outcome is None:
            raise AssertionError("a text without an outcome is answered by a reset")
        return _error(outcome)

    async def search(self, request: Request) -> Response:
        """GET Messages.json: filters and pages as the SDK asks for them."""
        asked = dict(request.query_params)
        try:
            span = _time_span(asked)
        except ValueError:
            return _error(Refusal(400, 20001, "DateSent must be YYYY-MM-DD or an ISO 8601 time"))
        size, page = _integer(asked, "PageSize", _DEFAULT_PAGE_SIZE), _integer(asked, "Page", 0)
        size = min(max(size, _PAGE_SIZES[0]), _PAGE_SIZES[-1])
        found = self.company.listed(
            Filter(asked.get("To", ""), asked.get("From", ""), *span),
            older_than=asked.get("PageToken", "").removeprefix("PA"),
            limit=size + 1,
        )
        shown = found[:size]

        def uri(page: int, **token: str) -> str:
            filters = {name: value for name, value in asked.items() if name not in {"Page", "PageToken"}}
            return f"{request.url.path}?{urlencode(filters | {'PageSize': size, 'Page': page} | token)}"

        return _json(
            {
                "messages": [
                    _message(self.company.account_sid, message, self.company.state(message)) for message in shown
                ],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": page * size + max(len(shown) - 1, 0),
                "uri": uri(page),
                "first_page_uri": uri(0),
                "previous_page_uri": None,
                "next_page_uri": uri(page + 1, PageToken=f"PA{shown[-1].sid}") if len(found) > size else None,
            }
        )

    async def fetch(self, request: Request) -> Response:
        """GET Messages/{sid}.json."""
        message = self.company.find(request.path_params["sid"])
        if message is None:
            return _error(_nothing_at(request.url.path))
        return _json(_message(self.company.account_sid, message, self.company.state(message)))

    async def account(self, request: Request) -> Response:
        """GET the account: what a check of the credentials asks for."""
        sid = self.company.account_sid
        return _json(
            {
                "sid": sid,
                "owner_account_sid": sid,
                "friendly_name": "Local phone company",
                "status": self.company.account_status,
                "type": "Trial" if self.company.is_trial else "Full",
                "auth_token": None,
                "date_created": None,
                "date_updated": None,
                "uri": request.url.path,
                "subresource_uris": {"messages": f"{_API}/{sid}/Messages.json"},
            }
        )

    async def numbers(self, request: Request) -> Response:
        """GET IncomingPhoneNumbers.json: the one that is asked for, if the account has it."""
        number = request.query_params.get("PhoneNumber", "")
        return _json(
            {
                "incoming_phone_numbers": [
                    {
                        "sid": "PN" + "0" * 32,
                        "account_sid": self.company.account_sid,
                        "phone_number": number,
                        "capabilities": {"sms": True, "mms": True, "voice": True, "fax": False},
                        "sms_url": self.company.webhook,
                        "sms_application_sid": "",
                    }
                ]
                if self.company.owns(number)
                else [],
                "uri": request.url.path,
                "next_page_uri": None,
            }
        )

    async def messaging_service(self, request: Request) -> Response:
        """GET Services/{sid}, which on the real API has a host of its own."""
        sid = request.path_params["sid"]
        if not _SERVICE_SID.fullmatch(sid):
            return _error(_nothing_at(request.url.path))
        return _json(
            {
                "sid": sid,
                "account_sid": self.company.account_sid,
                "inbound_request_url": self.company.webhook or None,
                "use_inbound_webhook_on_number": self.company.webhook_is_the_numbers,
                "url": str(request.url),
            }
        )


class _Inbox:
    """What a person looks at."""

    def __init__(self, company: PhoneCompany, phone_book: PhoneBook) -> None:
        self.company = company
        self.phone_book = phone_book

    @staticmethod
    def part(name: str, media_type: str) -> Endpoint:
        """Serve one of the files that the page consists of."""
        content = files(__package__).joinpath(name).read_bytes()

        async def served(_request: Request) -> Response:
            return Response(content, media_type=f"{media_type}; charset=utf-8", headers=_PAGE_HEADERS)

        return served

    async def data(self, _request: Request) -> Response:
        """Serve conversations by phone: the one with the newest text first, its texts oldest first."""
        company = self.company
        shown = company.conversations(most=MOST_CONVERSATIONS, newest=MOST_TEXTS)
        people = await run_in_threadpool(self.phone_book.look_up, [texts[0].phone for texts in shown])
        conversations = [
            {
                "number": texts[0].phone,
                "person": _card(people[texts[0].phone]),
                "opted_out": company.has_opted_out(texts[0].phone),
                "messages": [_bubble(text, company.state(text)) for text in texts],
            }
            for texts in shown
        ]
        return _json({"conversations": conversations, "total": company.count})

    async def answer(self, request: Request) -> Response:
        """Take what a person has written on one of the phones.

        Only as JSON: a page from elsewhere cannot send that here unasked.
        """
        if request.headers.get("content-type") != "application/json":
            return _error(Refusal(415, 20415, "An answer is JSON"))
        try:
            written = json.loads(await request.body())
            phone, body = str(written["phone"]), str(written["body"])
        except (ValueError, KeyError, TypeError):
            return _error(Refusal(400, 20001, "An answer has a phone and a body"))
        taken = self.company.receive(phone=phone, body=body)
        if isinstance(taken, Refusal):
            return _error(taken)
        return _json({"sid": taken.sid}, 201)

    async def events(self, request: Request) -> Response:
        """Send a server-sent event whenever something arrived; many at once are one event."""
        closing: asyncio.Event = request.app.state.closing

        async def news() -> Any:
            seen = None
            while not closing.is_set():
                if seen != self.company.revision:
                    seen = self.company.revision
                    yield f"data: {seen}\n\n"
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)

        return StreamingResponse(news(), media_type="text/event-stream", headers={"cache-control": "no-store"})


class _ConnectionReset(Response):
    """No answer at all: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        scope["extensions"][RESET_CONNECTION]["reset"]()
        # Returning before the server has noticed would make it answer 500 for an application without answer.
        while (await receive())["type"] != "http.disconnect":
            pass


def _message(account_sid: str, message: Message, state: State) -> dict[str, Any]:
    """Render a text as the API does."""
    uri = f"{_API}/{account_sid}/Messages/{message.sid}"
    return {
        "sid": message.sid,
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "to": message.to,
        "from": message.from_,
        "messaging_service_sid": message.messaging_service_sid,
        "body": message.body,
        "num_segments": str(message.num_segments),
        "num_media": "0",
        "direction": "inbound" if message.inbound else "outbound-api",
        "status": state.status,
        "error_code": state.error_code,
        "error_message": None,
        "date_created": format_datetime(message.created),
        "date_updated": format_datetime(state.updated),
        "date_sent": state.sent and format_datetime(state.sent),
        "price": None,
        "price_unit": "USD",
        "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
    }


def _card(person: Person | None) -> dict[str, str] | None:
    """Render a person as the inbox page wants it."""
    return None if person is None else {"name": person.name, "role": person.role}


def _bubble(message: Message, state: State) -> dict[str, Any]:
    """Render a text as the inbox page wants it."""
    return {
        "sid": message.sid,
        "inbound": message.inbound,
        "from": message.from_ or message.messaging_service_sid,
        "body": message.body,
        "created": message.created.isoformat(),
        "segments": message.num_segments,
        "status": state.status,
        "error_code": state.error_code,
        "final": state.final,
    }


def _time_span(asked: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """Read DateSent, `DateSent>` (from) and `DateSent<` (until), each a day or a second, as [from, end)."""
    start = end = None
    for name, value in asked.items():
        if name not in {"DateSent", "DateSent>", "DateSent<"}:
            continue
        at = datetime.fromisoformat(value)
        at = at.replace(tzinfo=at.tzinfo or UTC)
        length = timedelta(days=1) if len(value) == len("YYYY-MM-DD") else timedelta(seconds=1)
        if name != "DateSent<":
            start = at
        if name != "DateSent>":
            end = at + length
    return start, end


def _integer(asked: Mapping[str, str], name: str, default: int) -> int:
    value = asked.get(name, "")
    return int(value) if value.isdecimal() else default


async def _pause(request: Request, seconds: float) -> None:
    """Wait, unless the server is closing."""
    closing: asyncio.Event = request.app.state.closing
    try:
        await asyncio.wait_for(closing.wait(), seconds)
    except TimeoutError:
        return


def _json(content: Mapping[str, Any], http_status: int = 200) -> Response:
    return Response(json.dumps(content), http_status, media_type="application/json")


def _error(refusal: Refusal) -> Response:
    response = _json(
        {
            "code": refusal.code,
            "message": refusal.message,
            "more_info": f"https://www.twilio.com/docs/errors/{refusal.code}",
            "status": refusal.http_status,
        },
        refusal.http_status,
    )
    if refusal.retry_after is not None:
        response.headers["retry-after"] = f"{refusal.retry_after:g}"
    return response


def _nothing_at(path: str) -> Refusal:
    return Refusal(404, 20404, f"The requested resource {path} was not found")


async def _not_found(request: Request, _exception: Exception) -> Response:
    return _error(_nothing_at(request.url.path))
