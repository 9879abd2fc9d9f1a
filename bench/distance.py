"""Distance, as a proxy in a process of its own: behind it a database is reached by TCP, and each way takes a while.

Bytes that come in go out after half of the round trip: a connection's bytes stay in order, and wait neither for an
answer nor for another connection's. As long as its pipe is open, the process runs.
"""

import asyncio
import selectors
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, urlsplit

import psycopg2

from bench.application import NAME
from bench.phone import piped
from sequora_orchestration.local.ports import LOOPBACK

# Seconds: as between two zones of a cloud's region and the next region, or from an office to a hosted database.
ROUND_TRIP = 0.01

# The proxy's check asks so many small questions, and one with an answer of so many bytes.
QUESTIONS, ANSWER = 100, 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The proxy's effect: the seconds that a `SELECT 1` takes more, and bytes a second without it and through it."""

    more: float
    straight: float
    through: float


@contextmanager
def far_away(url: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Make a database that is reached by a server's socket far away, and yield its URL."""
    parts = urlsplit(url)
    (directory,) = parse_qs(parts.query)["host"]
    with piped("bench.distance", environment, f"{directory}/.s.PGSQL.5432") as process:
        port = process.stdout.readline().strip() if process.stdout else ""
        yield f"postgresql://{parts.username}@{LOOPBACK}:{port}{parts.path}"


def check(url: str, environment: Mapping[str, str]) -> Check:
    """Ask a database as it is, and from afar."""
    with far_away(url, environment) as far_url:
        (near, straight), (far, through) = _asked(url), _asked(far_url)
    return Check(more=far - near, straight=straight, through=through)


def _asked(url: str) -> tuple[float, float]:
    """Return how long a small question takes at the median, in seconds, and how fast a large answer comes."""
    with closing(psycopg2.connect(url, application_name=NAME)) as connection, connection.cursor() as cursor:
        times = []
        for _ in range(QUESTIONS):
            began = time.perf_counter()
            cursor.execute("SELECT 1")
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        cursor.execute("SELECT repeat('x', 1000) FROM generate_series(1, %s)", (ANSWER // 1000,))
        return statistics.median(times), ANSWER / (time.perf_counter() - began)


class _End(asyncio.Protocol):
    """One end of a connection: bytes that come in here go out at the other end, later."""

    def __init__(self) -> None:
        self.other: _End
        self.transport: asyncio.Transport | None = None  # until it is connected
        self._under_way: deque[bytes | None] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # asyncio has set TCP_NODELAY

    def data_received(self, data: bytes) -> None:
        self._send(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._send(None)

    def _send(self, data: bytes | None) -> None:
        # Timers of the same moment may fire in any order; this queue keeps the bytes in order all the same.
        self._under_way.append(data)
        asyncio.get_running_loop().call_later(ROUND_TRIP / 2, self._deliver)

    def _deliver(self) -> None:
        data, transport = self._under_way.popleft(), self.other.transport
        if transport is None or transport.is_closing():
            return
        if data is None:
            transport.close()
        else:
            transport.write(data)


class _Client(_End):
    """The end at which somebody has connected."""

    def __init__(self, socket: str) -> None:
        super().__init__()
        self._socket = socket
        self._connecting: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.other = _End()
        self.other.other = self
        client = cast("asyncio.Transport", transport)
        client.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect(client))

    async def _connect(self, client: asyncio.Transport) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self.other, self._socket)
        except OSError:
            client.abort()
        else:
            client.resume_reading()


async def _serve(socket: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Client(socket), LOOPBACK, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until the parent closes the pipe


def main() -> None:
    """Print the port, and carry bytes slowly until the pipe is closed."""
    # epoll counts in whole milliseconds and rounds them up: up to a fifth more.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(_serve(sys.argv[1]))


if __name__ == "__main__":
    main()
