"""The phone company in a process of its own, whose clock says when a text was accepted.

`Phone` starts it and asks it; `main` is what runs there. They talk over a pipe: a line with the number of texts that
are known already, answered by a line with the others. When the pipe closes, the process ends: it cannot be left behind.
"""

import json
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from bench.measure import Text
from sequora_orchestration.local.twilio.server import TwilioServer

# Seconds after which texts that are missing are given up: all in all, and since the last one came.
LIMIT, STALLED = 600, 120

# Seconds to look on after the last text that was waited for: a doubled one may yet come.
AFTERMATH = 3

PAUSE = 0.1


class Phone:
    """The phone company: where it listens (`url`, for TWILIO_API_BASE_URL), and what it accepted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Talk to the process that runs `main`."""
        self._process = process
        self._texts: list[Text] = []
        self.url = self._line()

    def texts(self) -> list[Text]:
        """Return the texts accepted so far, oldest first."""
        if self._process.stdin is None:
            raise RuntimeError("the phone company was started without a pipe")
        print(len(self._texts), file=self._process.stdin, flush=True)
        self._texts += [Text(task_id=task_id, accepted=accepted) for task_id, accepted in json.loads(self._line())]
        return list(self._texts)

    def texts_about(self, task_ids: Collection[str]) -> list[Text]:
        """Wait until each of these tasks was texted, or that has become hopeless; return the texts so far."""
        missing = set(task_ids)
        began = changed = time.monotonic()
        while missing and time.monotonic() < min(began + LIMIT, changed + STALLED):
            time.sleep(PAUSE)
            still_missing = missing - {text.task_id for text in self.texts()}
            if still_missing != missing:
                missing, changed = still_missing, time.monotonic()
        time.sleep(AFTERMATH)
        return self.texts()

    def _line(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the phone company has ended")
        return line.rstrip("\n")


@contextmanager
def piped(module: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a module in a process of its own for as long as the block runs; it ends when its pipe is closed."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.stdin:
                process.stdin.close()


@contextmanager
def phone_company(environment: Mapping[str, str]) -> Iterator[Phone]:
    """Run a phone company for as long as the block runs."""
    with piped("bench.phone", environment) as process:
        yield Phone(process)


def main() -> None:
    """Say where the phone company listens, then answer until nobody can ask any more."""
    with TwilioServer() as server:
        print(server.url, flush=True)
        for line in sys.stdin:
            texts = server.company.accepted()[int(line) :]
            print(json.dumps([(text.body.rpartition("/tasks/")[2], text.created.timestamp()) for text in texts]))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
