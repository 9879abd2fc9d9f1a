"""Somebody who is told by HTTP: of heartbeats, by GET, and of alarms, by POST."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook(ThreadingHTTPServer):
    """Remembers what it was told."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.asked: list[str] = []
        self.told: list[Any] = []
        self.status = 200
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                webhook.asked.append(self.path)
                self._answer()

            def do_POST(self) -> None:
                webhook.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer()

            def _answer(self) -> None:
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/a-secret?status=up"


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    """Run a webhook for the length of the block."""
    with Webhook() as webhook, serving(webhook):
        yield webhook


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Let a server answer for the length of the block."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
