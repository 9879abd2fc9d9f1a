"""The application as it makes links for check-ins: a real server on loopback whose answers a test writes down."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from webhook import serving

LINK = "https://care.example/c/Zqlink0123"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, and what it is answered with."""

    path: str
    headers: Mapping[str, str]
    ids: Any
    handler: BaseHTTPRequestHandler
    service_ends: threading.Event


Behaviour = Callable[[Asked], None]
"""Answers a request, or does not."""


class LinkService(ThreadingHTTPServer):
    """Answers each request as the next of its behaviours says, and when they are used up as it always does."""

    daemon_threads = False  # they end when the server does, and it waits for them

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a free port, with TLS if told so."""
        self.asked: list[Asked] = []
        self.behaviours: list[Behaviour] = []
        self.always: Behaviour = answers({"url": LINK, "expires_at": None})
        self.ends = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = Asked(
                    path=self.path,
                    headers=dict(self.headers),
                    ids=json.loads(self.rfile.read(int(self.headers["Content-Length"]))),
                    handler=self,
                    service_ends=service.ends,
                )
                service.asked.append(asked)
                behaviour = service.behaviours.pop(0) if service.behaviours else service.always
                behaviour(asked)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_port}/links?of=check-ins"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, *_: object) -> None:
        """Say nothing of those who did not wait for the answer."""


def answers(content: object, status: int = 200, **headers: str) -> Behaviour:
    """Answer with this as JSON, or with these bytes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def answer(asked: Asked) -> None:
        asked.handler.send_response(status)
        for name, value in headers.items():
            asked.handler.send_header(name.replace("_", "-"), value)
        asked.handler.send_header("Content-Length", str(len(body)))
        asked.handler.end_headers()
        asked.handler.wfile.write(body)

    return answer


def breaks_off(asked: Asked) -> None:
    """Close the connection in the middle of the answer."""
    asked.handler.send_response(200)
    asked.handler.send_header("Content-Length", "1000")
    asked.handler.end_headers()
    asked.handler.wfile.write(b'{"url":')


def hangs_up(asked: Asked) -> None:
    """Close the connection without a word."""
    asked.handler.connection.shutdown(socket.SHUT_RDWR)


def says_nothing(asked: Asked) -> None:
    """Keep the connection, and answer nothing."""
    asked.service_ends.wait()


def drips(asked: Asked) -> None:
    """Answer a byte at a time, so that no read of the socket takes long, and come to no end."""
    asked.handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not asked.service_ends.wait(0.01):
        asked.handler.wfile.write(b"x")


@contextmanager
def running_link_service(tls: ssl.SSLContext | None = None) -> Iterator[LinkService]:
    """Run one for the length of the block."""
    with LinkService(tls) as service, serving(service):
        try:
            yield service
        finally:
            service.ends.set()
