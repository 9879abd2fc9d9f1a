"""Twilio's API, as far as texts need it, for the official SDK.

Paths, parameters, bodies and errors are the real API's (https://www.twilio.com/docs/messaging/api). Nothing is logged
here: every request carries a phone number and a text. Not here: accepting texts and moving them on (`phone_company`).
"""

import asyncio
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from sequora_orchestration.local.twilio.api_keys import Permission
from sequora_orchestration.local.twilio.http_answers import (
    ConnectionReset,
    Endpoint,
    error_answer,
    json_answer,
    nothing_at,
)
from sequora_orchestration.local.twilio.message import PRICE_UNIT, Filter, Message, State, segments_shown
from sequora_orchestration.local.twilio.pages import DEFAULT_PAGE_SIZE, PAGE_SIZES, Page, integer
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.refusals import AUTHENTICATE, GATEWAY_TIMEOUT, Refusal
from sequora_orchestration.local.twilio.scripted_answers import (
    Answer,
    ErrorAfterAccepting,
    Garbage,
    Hang,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)

ACCOUNTS = "/2010-04-01/Accounts"
SERVICES = "/v1/Services"
_SERVICE_SID = re.compile(r"MG[0-9a-f]{32}")
_THE_FIRST_DAY = "2024-01-01T00:00:00Z"


class TwilioApi:
    """The API's requests."""

    def __init__(self, company: PhoneCompany) -> None:
        """Answer for this company."""
        self.company = company

    def permitted(self, endpoint: Endpoint, wants: Permission) -> Endpoint:
        """Let only requests through that have the permission, and only to the account's own resources."""

        async def checked(request: Request) -> Response:
            company = self.company
            user, password = _credentials(request)
            refusal = company.refusal_of(user, password, wants)
            if refusal:
                return error_answer(refusal)
            if request.path_params.get("account_sid", company.account_sid) != company.account_sid:
                return error_answer(AUTHENTICATE)
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
            # A value that is no number becomes 0, which the company refuses.
            validity_period=None if validity is None else int(validity) if validity.isdecimal() else 0,
        )
        if answer and (scripted := await scripted_answer(request, answer)):
            return scripted
        if isinstance(outcome, Message):
            # The API's answer always has the first status, however fast the text moves on.
            begun = State(outcome.first_status, None, None, outcome.created)
            return json_answer(_message(self.company.account_sid, outcome, begun), 201)
        if outcome is None:
            raise AssertionError("a text without an outcome is answered by a reset")
        return error_answer(outcome)

    async def search(self, request: Request) -> Response:
        """GET Messages.json: filters and pages as the SDK asks for them."""
        asked = dict(request.query_params)
        scripted = await self._scripted_list(request)
        if scripted:
            return scripted
        try:
            span = time_span(asked, "DateSent")
        except ValueError:
            return error_answer(Refusal(400, 20001, "DateSent must be YYYY-MM-DD or an ISO 8601 time"))
        page = Page(request)
        if page.number and not page.after:
            return error_answer(Refusal(400, 20001, "PageToken is required for paging."))
        if page.after and not self.company.find(page.after):
            return error_answer(Refusal(400, 21481, "Invalid PageToken"))
        found = self.company.listed(
            Filter(asked.get("To", ""), asked.get("From", ""), *span),
            older_than="" if self.company.pages_shift else page.after,
            skip=page.number * page.size if self.company.pages_shift else 0,
            limit=page.size + 1,
        )
        shown = [
            _message(self.company.account_sid, message, self.company.state(message)) for message in found[: page.size]
        ]
        return json_answer(page.of("messages", shown, goes_on=len(found) > page.size))

    async def _scripted_list(self, request: Request) -> Response | None:
        """Return the scripted answer to a request for a list, if there is one that takes the list's place."""
        match self.company.list_answers.next_answer(request.query_params.get("To", "")):
            case Refuse(http_status, code, message, retry_after):
                return error_answer(Refusal(http_status, code, message, retry_after))
            case ResetBeforeAccepting():
                return ConnectionReset()
            case Garbage():
                return Response(b'{"messages": [{"sid": "SM', media_type="application/json")
            case Hang(seconds, accept):
                await _pause(request, seconds)
                return None if accept else error_answer(GATEWAY_TIMEOUT)
        return None

    async def fetch(self, request: Request) -> Response:
        """GET Messages/{sid}.json."""
        message = self.company.find(request.path_params["sid"])
        if message is None:
            return error_answer(nothing_at(request.url.path))
        return json_answer(_message(self.company.account_sid, message, self.company.state(message)))

    async def account(self, request: Request) -> Response:
        """GET the account: a check of the credentials asks for it."""
        sid = self.company.account_sid
        return json_answer(
            {
                "sid": sid,
                "owner_account_sid": self.company.owner_account_sid,
                "friendly_name": "Local phone company",
                "status": self.company.account_status,
                "type": "Trial" if self.company.is_trial else "Full",
                "auth_token": None,
                "date_created": None,
                "date_updated": None,
                "uri": request.url.path,
                "subresource_uris": {"messages": f"{ACCOUNTS}/{sid}/Messages.json"},
            }
        )

    async def numbers(self, request: Request) -> Response:
        """GET IncomingPhoneNumbers.json: the number in the query, if the account has it."""
        number = request.query_params.get("PhoneNumber", "")
        return json_answer(
            {
                "incoming_phone_numbers": [
                    {
                        "sid": "PN" + "0" * 32,
                        "account_sid": self.company.account_sid,
                        "phone_number": number,
                        "capabilities": {
                            "sms": True,
                            "mms": True,
                            "voice": self.company.numbers_can_call,
                            "fax": False,
                        },
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

    async def numbers_of_service(self, request: Request) -> Response:
        """GET Services/{sid}/PhoneNumbers: the service's numbers, by pages."""
        sid = request.path_params["sid"]
        if not _SERVICE_SID.fullmatch(sid):
            return error_answer(nothing_at(request.url.path))
        self.company.services.requests += 1
        match self.company.services.answers.next_answer(sid):
            case Refuse(http_status, code, message, retry_after):
                return error_answer(Refusal(http_status, code, message, retry_after))
            case Hang(seconds):
                await _pause(request, seconds)
        asked = dict(request.query_params)
        size, page = integer(asked, "PageSize", DEFAULT_PAGE_SIZE), integer(asked, "Page", 0)
        size = min(max(size, PAGE_SIZES[0]), PAGE_SIZES[-1])
        numbers = self.company.services.numbers_of(sid)
        address = f"https://messaging.twilio.com{request.url.path}"

        def url(page: int) -> str:
            return f"{address}?{urlencode({'PageSize': size, 'Page': page})}"

        return json_answer(
            {
                "phone_numbers": [
                    {
                        "sid": number_sid,
                        "account_sid": self.company.account_sid,
                        "service_sid": sid,
                        "phone_number": number,
                        "country_code": "US",
                        "capabilities": ["MMS", "SMS", *(["Voice"] if self.company.numbers_can_call else [])],
                        "date_created": _THE_FIRST_DAY,
                        "date_updated": _THE_FIRST_DAY,
                        "url": f"{address}/{number_sid}",
                    }
                    for number in numbers[page * size : (page + 1) * size]
                    for number_sid in [f"PN{number.removeprefix('+'):0>32}"]
                ],
                "meta": {
                    "key": "phone_numbers",
                    "page": page,
                    "page_size": size,
                    "url": url(page),
                    "first_page_url": url(0),
                    "previous_page_url": url(page - 1) if page else None,
                    "next_page_url": url(page + 1) if (page + 1) * size < len(numbers) else None,
                },
            }
        )

    async def messaging_service(self, request: Request) -> Response:
        """GET Services/{sid}, which on the real API has a host of its own."""
        sid = request.path_params["sid"]
        if not _SERVICE_SID.fullmatch(sid):
            return error_answer(nothing_at(request.url.path))
        return json_answer(
            {
                "sid": sid,
                "account_sid": self.company.account_sid,
                "inbound_request_url": self.company.webhook or None,
                "use_inbound_webhook_on_number": self.company.webhook_is_the_numbers,
                "url": str(request.url),
            }
        )


def _credentials(request: Request) -> tuple[str, str]:
    """Return user and password of a request, empty if it has none."""
    given = request.headers.get("authorization", "").removeprefix("Basic ")
    try:
        user, _, password = b64decode(given, validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor UTF-8
        return "", ""
    return user, password


def _message(account_sid: str, message: Message, state: State) -> dict[str, Any]:
    """Render a text as the API does."""
    uri = f"{ACCOUNTS}/{account_sid}/Messages/{message.sid}"
    return {
        "sid": message.sid,
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "to": message.to,
        "from": message.from_,
        "messaging_service_sid": message.messaging_service_sid,
        "body": message.body,
        "num_segments": segments_shown(message, state),
        "num_media": "0",
        "direction": message.direction,
        "status": state.status,
        "error_code": state.error_code,
        "error_message": None,
        "date_created": format_datetime(message.created),
        "date_updated": format_datetime(state.updated),
        "date_sent": state.sent and format_datetime(state.sent),
        "price": state.price,
        "price_unit": PRICE_UNIT,
        "uri": f"{uri}.json",
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
    }


def time_span(asked: Mapping[str, str], name: str) -> tuple[datetime | None, datetime | None]:
    """Read a filter by time, `name`, `name>` (from) and `name<` (until), each a day or a second, as [from, end).

    Raises ValueError.
    """
    start = end = None
    for given, value in asked.items():
        if given not in {name, f"{name}>", f"{name}<"}:
            continue
        at = datetime.fromisoformat(value)
        at = at.replace(tzinfo=at.tzinfo or UTC)
        length = timedelta(days=1) if len(value) == len("YYYY-MM-DD") else timedelta(seconds=1)
        if given != f"{name}<":
            start = at
        if given != f"{name}>":
            end = at + length
    return start, end


async def scripted_answer(request: Request, answer: Answer) -> Response | None:
    """Return what a script answers in place of the API; None if the API's own answer is only late."""
    match answer:
        case ResetBeforeAccepting() | ResetAfterAccepting():
            return ConnectionReset()
        case ErrorAfterAccepting(http_status):
            return error_answer(Refusal(http_status, 20_000 + http_status, "Internal Server Error"))
        case Garbage():
            return Response(b'{"sid": "SM', 201, media_type="application/json")
        case Hang(seconds):
            await _pause(request, seconds)
    return None


async def _pause(request: Request, seconds: float) -> None:
    """Wait, unless the server is closing."""
    closing: asyncio.Event = request.app.state.closing
    try:
        await asyncio.wait_for(closing.wait(), seconds)
    except TimeoutError:
        return
