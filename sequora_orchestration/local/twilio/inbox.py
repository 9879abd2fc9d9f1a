"""The inbox page: the phones that were texted or called, as a person sees them, and answers from them.

Here: the page's parts, its data, its events and the answers that are typed there. Not here: Twilio's API
(`twilio_api`). Nothing is logged here: every request carries a phone number and a text.
"""

import asyncio
import json
from collections import defaultdict
from datetime import datetime
from importlib.resources import files
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sequora_orchestration.local.twilio.call import Call, CallState
from sequora_orchestration.local.twilio.http_answers import Endpoint, error_answer, json_answer
from sequora_orchestration.local.twilio.message import Message, State
from sequora_orchestration.local.twilio.phone_book import Person, PhoneBook
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.refusals import Refusal

MOST_CONVERSATIONS, MOST_TEXTS = 50, 50
"""The most conversations that the page shows, and texts of each; a burst of thousands would only make it slow."""
_SECONDS_BETWEEN_LOOKS = 0.1
PAGE_PARTS = (
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


class Inbox:
    """The inbox page's requests."""

    def __init__(self, company: PhoneCompany, phone_book: PhoneBook) -> None:
        """Show the texts of this company, with the names of the phone book."""
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
        """Serve conversations by phone: the one with the newest text or call first; in each the oldest come first."""
        company = self.company
        shown = self._shown()
        people = await run_in_threadpool(self.phone_book.look_up, [phone for phone, _, _ in shown])
        conversations = [
            {
                "number": phone,
                "person": _card(people[phone]),
                "opted_out": company.has_opted_out(phone),
                "messages": [_bubble(text, company.state(text)) for text in texts],
                "calls": [_ring(call, company.calls.state(call)) for call in calls],
            }
            for phone, texts, calls in shown
        ]
        return json_answer({"conversations": conversations, "total": company.count})

    def _shown(self) -> list[tuple[str, list[Message], list[Call]]]:
        """Return the phones that the page shows, with their texts and calls."""
        texts = {one[0].phone: one for one in self.company.conversations(most=MOST_CONVERSATIONS, newest=MOST_TEXTS)}
        calls: dict[str, list[Call]] = defaultdict(list)
        for call in self.company.calls.made():
            calls[call.to].append(call)
        for phone in calls.keys() - texts.keys():
            texts[phone] = []  # a phone whose texts are older than those of so many others is shown with its calls

        def newest(phone: str) -> datetime:
            return max(one[-1].created for one in (texts[phone], calls[phone]) if one)

        phones = sorted(texts, key=newest, reverse=True)[:MOST_CONVERSATIONS]
        return [(phone, texts[phone], calls[phone][-MOST_TEXTS:]) for phone in phones]

    async def answer(self, request: Request) -> Response:
        """Take a text that a person has written on one of the phones.

        Only as JSON: a browser lets no page from elsewhere send that here unasked.
        """
        if request.headers.get("content-type") != "application/json":
            return error_answer(Refusal(415, 20415, "An answer is JSON"))
        try:
            written = json.loads(await request.body())
            phone, body = str(written["phone"]), str(written["body"])
        except (ValueError, KeyError, TypeError):
            return error_answer(Refusal(400, 20001, "An answer has a phone and a body"))
        taken = self.company.receive(phone=phone, body=body)
        if isinstance(taken, Refusal):
            return error_answer(taken)
        return json_answer({"sid": taken.sid}, 201)

    async def pick_up(self, request: Request) -> Response:
        """Let a phone that rings answer, or decline. Only as JSON, as with answers."""
        if request.headers.get("content-type") != "application/json":
            return error_answer(Refusal(415, 20415, "What a phone does is JSON"))
        actions = {"answer": self.company.calls.answer, "decline": self.company.calls.decline}
        try:
            act = actions[json.loads(await request.body())["action"]]
        except (ValueError, KeyError, TypeError):
            return error_answer(Refusal(400, 20001, "An action is answer or decline"))
        call = act(request.path_params["sid"])
        if isinstance(call, Refusal):
            return error_answer(call)
        return json_answer({"sid": call.sid, "status": self.company.calls.state(call).status})

    async def events(self, request: Request) -> Response:
        """Send a server-sent event whenever texts arrived; many at once are one event."""
        closing: asyncio.Event = request.app.state.closing

        async def news() -> Any:
            seen = None
            while not closing.is_set():
                if seen != self.company.revision:
                    seen = self.company.revision
                    yield f"data: {seen}\n\n"
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)

        return StreamingResponse(news(), media_type="text/event-stream", headers={"cache-control": "no-store"})


def _card(person: Person | None) -> dict[str, str] | None:
    """Render a person for the inbox page."""
    return None if person is None else {"name": person.name, "role": person.role}


def _bubble(message: Message, state: State) -> dict[str, Any]:
    """Render a text for the inbox page."""
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


def _ring(call: Call, state: CallState) -> dict[str, Any]:
    """Render a call for the inbox page."""
    return {
        "sid": call.sid,
        "status": state.status,
        "final": state.final,
        "created": call.created.isoformat(),
        "said": call.said,
    }
