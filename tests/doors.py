"""What stands at the other side of a door, and texts that are handed over."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from phones import Phones

from sequora_orchestration.channels.sms import Sms
from sequora_orchestration.channels.twilio import Twilio
from sequora_orchestration.domain.answers import Accepted, Answer
from sequora_orchestration.settings.twilio import TwilioSettings

SENDER = "+15005550006"
NUMBER = "+12025550123"
WORTH = timedelta(hours=1)
BODY = "🚨 New HIGH task: CHEST_PAIN\nView: https://app.example.com/tasks/1"


def an_sms() -> Sms:
    """Return the channel for texts as the environment says."""
    return Sms(Twilio(TwilioSettings.load()))


def send(to: str = NUMBER, body: str = BODY) -> Answer:
    """Send one text as the environment says."""
    return an_sms().submit(to, body, WORTH)


def sent(phones: Phones, *bodies: str, to: str = NUMBER) -> list[str]:
    """Send these texts to a number, and return their SIDs."""
    sms, sids = an_sms(), []
    for body in bodies:
        answer = sms.submit(to, body, WORTH)
        assert isinstance(answer, Accepted)
        sids.append(answer.provider_id)
        phones(to).received_text()
    return sids


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
