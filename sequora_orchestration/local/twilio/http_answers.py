"""The phone company's answers over HTTP: JSON, an error in the API's form, or a connection that is reset.

Not here: choosing the answer to a request (`twilio_api`, `inbox`).
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sequora_orchestration.local.twilio.refusals import Refusal

RESET_CONNECTION = "sequora.reset_connection"
"""The ASGI extension that `server` provides: call its "reset", and the connection is reset, unanswered."""

Endpoint = Callable[[Request], Awaitable[Response]]


class ConnectionReset(Response):
    """No answer at all: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Have the server reset the connection, and wait until it has."""
        scope["extensions"][RESET_CONNECTION]["reset"]()
        # If this returned before the server has noticed the reset, the server would answer 500.
        while (await receive())["type"] != "http.disconnect":
            pass


def json_answer(content: Mapping[str, Any], http_status: int = 200) -> Response:
    """Return an answer in JSON."""
    return Response(json.dumps(content), http_status, media_type="application/json")


def error_answer(refusal: Refusal) -> Response:
    """Return an error in the API's form; without a code, the page of a proxy before the API."""
    response = Response(f"<html>{refusal.message}</html>", refusal.http_status, media_type="text/html")
    if refusal.code is not None:
        response = json_answer(
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


def nothing_at(path: str) -> Refusal:
    """Return the refusal of a request for a thing that does not exist."""
    return Refusal(404, 20404, f"The requested resource {path} was not found")


async def not_found(request: Request, _exception: Exception) -> Response:
    """Answer a request for a path that leads nowhere."""
    return error_answer(nothing_at(request.url.path))
