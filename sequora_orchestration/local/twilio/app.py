"""The phone company on the wire, as one ASGI application: Twilio's API for texts and calls, and the inbox page.

Here: the paths. Not here: the answers (`twilio_api`, `twilio_calls`, `inbox`).
"""

import asyncio

from starlette.applications import Starlette
from starlette.routing import Route

from sequora_orchestration.local.twilio.api_keys import Permission
from sequora_orchestration.local.twilio.http_answers import not_found
from sequora_orchestration.local.twilio.inbox import PAGE_PARTS, Inbox
from sequora_orchestration.local.twilio.phone_book import PhoneBook
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.twilio_api import ACCOUNTS, SERVICES, TwilioApi
from sequora_orchestration.local.twilio.twilio_calls import TwilioCalls


def create_app(company: PhoneCompany, phone_book: PhoneBook) -> Starlette:
    """Return the phone company as one ASGI application; the inbox page takes people's names from the phone book.

    Setting `app.state.closing` (an `asyncio.Event`) ends the answers under way, so that a server can stop
    while a page is listening.
    """
    api, calls, inbox = TwilioApi(company), TwilioCalls(company), Inbox(company, phone_book)
    app = Starlette(
        routes=[
            Route(
                f"{ACCOUNTS}/{{account_sid}}/Messages.json",
                api.permitted(api.create, Permission.SEND),
                methods=["POST"],
            ),
            Route(f"{ACCOUNTS}/{{account_sid}}/Messages.json", api.permitted(api.search, Permission.LIST)),
            Route(f"{ACCOUNTS}/{{account_sid}}/Messages/{{sid}}.json", api.permitted(api.fetch, Permission.FETCH)),
            Route(
                f"{ACCOUNTS}/{{account_sid}}/Calls.json", api.permitted(calls.create, Permission.CALL), methods=["POST"]
            ),
            Route(f"{ACCOUNTS}/{{account_sid}}/Calls.json", api.permitted(calls.search, Permission.LIST_CALLS)),
            Route(f"{ACCOUNTS}/{{account_sid}}/Calls/{{sid}}.json", api.permitted(calls.fetch, Permission.FETCH_CALL)),
            Route(f"{ACCOUNTS}/{{account_sid}}.json", api.permitted(api.account, Permission.ACCOUNT)),
            Route(
                f"{ACCOUNTS}/{{account_sid}}/IncomingPhoneNumbers.json", api.permitted(api.numbers, Permission.SETUP)
            ),
            Route(f"{SERVICES}/{{sid}}/PhoneNumbers", api.permitted(api.numbers_of_service, Permission.SETUP)),
            Route(f"{SERVICES}/{{sid}}", api.permitted(api.messaging_service, Permission.SETUP)),
            *(Route(path, inbox.part(name, media_type)) for path, name, media_type in PAGE_PARTS),
            Route("/inbox.json", inbox.data),
            Route("/events", inbox.events),
            Route("/answers", inbox.answer, methods=["POST"]),
            Route("/calls/{sid}", inbox.pick_up, methods=["POST"]),
        ],
        exception_handlers={404: not_found},
    )
    app.state.closing = asyncio.Event()
    return app
