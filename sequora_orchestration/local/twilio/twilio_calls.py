"""Twilio's API, as far as calls need it, for the official SDK.

Paths, parameters, bodies and errors are the real API's (https://www.twilio.com/docs/voice/api/call-resource). Nothing
is logged here: every request carries a phone number. Not here: making calls, and moving them on (`calls`).
"""

from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from sequora_orchestration.local.twilio.call import Call, CallState
from sequora_orchestration.local.twilio.http_answers import error_answer, json_answer, nothing_at
from sequora_orchestration.local.twilio.message import Filter
from sequora_orchestration.local.twilio.pages import Page
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.refusals import Refusal
from sequora_orchestration.local.twilio.twilio_api import ACCOUNTS, scripted_answer, time_span

# Seconds for which a phone rings if the request does not say it.
RINGS_FOR = 60


class TwilioCalls:
    """The API's requests about calls."""

    def __init__(self, company: PhoneCompany) -> None:
        """Answer for this company."""
        self.company = company

    async def create(self, request: Request) -> Response:
        """POST Calls.json, with inline `Twiml`."""
        form = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        timeout = form.get("Timeout", "")
        outcome, answer = self.company.calls.take(
            to=form.get("To", ""),
            from_=form.get("From", ""),
            twiml=form.get("Twiml", ""),
            timeout=float(timeout) if timeout.isdecimal() else RINGS_FOR,
        )
        if answer and (scripted := await scripted_answer(request, answer)):
            return scripted
        if isinstance(outcome, Call):
            return json_answer(_call(self.company.account_sid, outcome, CallState("queued", None, None)), 201)
        if outcome is None:
            raise AssertionError("a call without an outcome is answered by a reset")
        return error_answer(outcome)

    async def search(self, request: Request) -> Response:
        """GET Calls.json: filters and pages as the SDK asks for them."""
        asked = dict(request.query_params)
        try:
            span = time_span(asked, "StartTime")
        except ValueError:
            return error_answer(Refusal(400, 20001, "StartTime must be YYYY-MM-DD or an ISO 8601 time"))
        page, calls = Page(request), self.company.calls
        found = calls.listed(
            Filter(asked.get("To", ""), asked.get("From", ""), *span),
            visible_until=self.company.visible_until,
            older_than=page.after,
            limit=page.size + 1,
        )
        shown = [_call(self.company.account_sid, call, calls.state(call)) for call in found[: page.size]]
        return json_answer(page.of("calls", shown, goes_on=len(found) > page.size))

    async def fetch(self, request: Request) -> Response:
        """GET Calls/{sid}.json."""
        call = self.company.calls.find(request.path_params["sid"])
        if call is None:
            return error_answer(nothing_at(request.url.path))
        return json_answer(_call(self.company.account_sid, call, self.company.calls.state(call)))


def _call(account_sid: str, call: Call, state: CallState) -> dict[str, Any]:
    """Render a call as the API does; what it says is not shown."""
    talked_from = call.answered or state.ended
    duration = int((state.ended - talked_from).total_seconds()) if state.ended and talked_from else 0
    uri = f"{ACCOUNTS}/{account_sid}/Calls/{call.sid}"
    return {
        "sid": call.sid,
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "to": call.to,
        "from": call.from_,
        "direction": call.direction,
        "status": state.status,
        "answered_by": None,
        "start_time": state.started and format_datetime(state.started),
        "end_time": state.ended and format_datetime(state.ended),
        "duration": str(duration) if state.status == "completed" else None,
        "queue_time": "0",
        "date_created": format_datetime(call.created),
        "date_updated": format_datetime(state.ended or state.started or call.created),
        "price": None,
        "price_unit": "USD",
        "uri": f"{uri}.json",
        "subresource_uris": {"recordings": f"{uri}/Recordings.json", "events": f"{uri}/Events.json"},
    }
