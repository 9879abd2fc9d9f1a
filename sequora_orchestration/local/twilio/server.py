"""Runs the phone company: as a process of its own for `sequora dev`, in a thread for tests.

It listens on loopback by default, writes no access log (every line would hold a phone number), and ends at once on a
signal, even if an inbox page is still listening.
"""

import argparse
import os
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sequora_orchestration.database import engine_for
from sequora_orchestration.local.applications import DEFAULT, Application
from sequora_orchestration.local.twilio.api_keys import ApiKey, Permission
from sequora_orchestration.local.twilio.app import create_app
from sequora_orchestration.local.twilio.http_answers import RESET_CONNECTION
from sequora_orchestration.local.twilio.memory import Memory
from sequora_orchestration.local.twilio.phone_book import PhoneBook
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.settings.database import DatabaseSettings
from sequora_orchestration.settings.environment import without_blanks

LOOPBACK = "127.0.0.1"

TEST_ACCOUNT_SID = "AC" + "0" * 32
TEST_AUTH_TOKEN = "the-token-of-the-tests"  # noqa: S105  (worth nothing)
TEST_API_KEY = "SK" + "0" * 32
TEST_API_SECRET = "the-secret-of-the-tests"  # noqa: S105  (worth nothing)

# Longer than any process here lives: closing an idle connection just as a client uses it again looks like a
# reset, and only a script may cause a reset.
_SECONDS_IDLE_CONNECTIONS_LIVE = 24 * 3600
_SECONDS_TO_FINISH = 1


class TwilioServer:
    """A phone company that answers on `url` for as long as the `with` block lasts.

    Without a company it makes one, with `TEST_ACCOUNT_SID` and `TEST_AUTH_TOKEN`; without a port it takes a
    free one. The inbox page names people as the phone book has them.
    """

    def __init__(
        self,
        company: PhoneCompany | None = None,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        phone_book: PhoneBook | None = None,
    ) -> None:
        """Nothing is opened before the block is entered."""
        self.company = company or PhoneCompany(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN)
        self._phone_book = phone_book or PhoneBook()
        self._address = (host, port)

    @property
    def url(self) -> str:
        """Scheme and host without a slash at the end, the form of `TWILIO_API_BASE_URL`."""
        return self._url

    def __enter__(self) -> Self:
        """Answer from now on; raises OSError if the port is taken."""
        listener = _listen(*self._address)
        self._url = _url(listener)
        self._server = _Server(self.company, self._phone_book)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="local Twilio")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop answering, and give the port back."""
        self._server.should_exit = True
        self._thread.join()


class _Server(uvicorn.Server):
    """A uvicorn server that ends the answers under way when it stops, and leaves with a clean exit code."""

    def __init__(self, company: PhoneCompany, phone_book: PhoneBook) -> None:
        self.app = create_app(company, phone_book)
        super().__init__(
            uvicorn.Config(
                self.app,
                http=_ResettableConnection,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=_SECONDS_IDLE_CONNECTIONS_LIVE,
                timeout_graceful_shutdown=_SECONDS_TO_FINISH,
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.closing.set()
        await super().shutdown(sockets)


class _ResettableConnection(HttpToolsProtocol):
    """uvicorn's connection, with an ASGI extension that resets it; ASGI itself has no way to send no answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {RESET_CONNECTION: {"reset": self.reset}}

    def reset(self) -> None:
        # Without lingering, closing sends RST instead of FIN.
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    """Listen at once: a client that connects before the server is up waits instead of being refused."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run in the foreground until SIGINT or SIGTERM; the account comes from the environment."""
    parser = argparse.ArgumentParser(
        prog="python -m sequora_orchestration.local.twilio.server",
        description="A local stand-in for Twilio, with a phone inbox page.",
    )
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument(
        "--memory",
        type=Path,
        help="a file in which it remembers texts, numbers and opt-outs over restarts (default: it forgets them)",
    )
    parser.add_argument(
        "--names-of",
        type=Application,
        choices=list(Application),
        help="show whose numbers they are, from this application's tables on SUPABASE_DB_URL: for invented people",
    )
    options = parser.parse_args(arguments)

    account = {name: os.environ.get(name, "") for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN")}
    if missing := [name for name, value in account.items() if not value]:
        sys.exit(
            f"The local Twilio needs {' and '.join(missing)} in its environment: "
            "the same made-up values that its clients use."
        )
    try:
        listener = _listen(options.host, options.port)
    except OSError as error:
        sys.exit(
            f"The local Twilio cannot listen on {options.host}:{options.port} ({error.strerror}): "
            "choose another port with --port, or end what uses this one."
        )
    sys.stdout.write(f"local Twilio, and its phone inbox: {_url(listener)}/\n")
    sys.stdout.flush()
    engine = engine_for(DatabaseSettings.load().supabase_db_url) if options.names_of else None
    phone_book = PhoneBook(engine, options.names_of or DEFAULT)
    company = PhoneCompany(*account.values())
    company.api_keys = _api_key_of_clients()
    if options.memory:
        company.remember(Memory(options.memory))
    _Server(company, phone_book).run([listener])


def _api_key_of_clients() -> dict[str, ApiKey]:
    """Return the API key that clients use, if they use one: it may do everything."""
    sid, secret = (without_blanks(os.environ.get(name, "")) for name in ("TWILIO_API_KEY", "TWILIO_API_SECRET"))
    return {sid: ApiKey(secret, frozenset(Permission))} if sid and secret else {}


if __name__ == "__main__":
    main()
