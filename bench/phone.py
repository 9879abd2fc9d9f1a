"""The phone company in a process of its own, whose clock says when a text was accepted.

`Phone` asks it; `main` runs there. They talk over a pipe, a line of JSON each way. When the pipe closes, the process
ends: it cannot be left behind.
"""

import json
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from bench.measure import Text
from sequora_orchestration.local.ports import LOOPBACK
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.scripted_answers import Hang
from sequora_orchestration.local.twilio.server import TwilioServer

# Seconds until Twilio answers, as a rule.
REAL_LIFE = 0.1

# Seconds after which missing texts are given up: all in all, and since the last text came.
LIMIT, STALLED = 600, 120

# Seconds to go on looking after the last awaited text: a doubled one may yet come.
AFTERMATH = 3

PAUSE = 0.1


class Phone:
    """The phone company: its address (`url`, for TWILIO_API_BASE_URL), and the texts it accepted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Talk to the process that runs `main`."""
        self._process = process
        self._texts: list[Text] = []
        self.url = str(self._answer())

    def answer_after(self, seconds: float) -> None:
        """Let each answer come so late from now on; texts are accepted at once, and none waits for another's answer."""
        self._ask(answer_after=seconds)

    def texts(self) -> list[Text]:
        """Return the texts accepted so far, oldest first."""
        new = self._ask(texts_from=len(self._texts))
        self._texts += [Text(**one) for one in new]
        return list(self._texts)

    def texts_about(self, task_ids: Collection[str]) -> list[Text]:
        """Wait until each of these tasks was texted, or until that is hopeless; return the texts so far."""
        missing = set(task_ids)
        began = changed = time.monotonic()
        while missing and time.monotonic() < min(began + LIMIT, changed + STALLED):
            time.sleep(PAUSE)
            still_missing = missing - {text.task_id for text in self.texts()}
            if still_missing != missing:
                missing, changed = still_missing, time.monotonic()
        time.sleep(AFTERMATH)
        return self.texts()

    def _ask(self, **order: object) -> Any:
        if self._process.stdin is None:
            raise RuntimeError("the phone company was started without a pipe")
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the phone company has ended")
        return json.loads(line)


@contextmanager
def piped(module: str, environment: Mapping[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module in a process of its own for as long as the block runs; it ends when its pipe is closed."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
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
def phone_company(environment: Mapping[str, str], *, host: str = LOOPBACK) -> Iterator[Phone]:
    """Run a phone company on an address of this machine for as long as the block runs."""
    with piped("bench.phone", environment, host) as process:
        yield Phone(process)


def main() -> None:
    """Print the phone company's address, then obey orders until the pipe is closed."""
    with TwilioServer(host=sys.argv[1]) as server:
        company = server.company
        _say(server.url)
        for line in sys.stdin:
            order = json.loads(line)
            if "answer_after" in order:
                company.always(Hang(order["answer_after"]) if order["answer_after"] else None)
                _say(None)
            else:
                messages = company.accepted()[order["texts_from"] :]
                _say([asdict(_as_text(message)) for message in messages])


def _as_text(message: Message) -> Text:
    return Text(
        task_id=message.body.rpartition("/tasks/")[2].partition("\n")[0],  # the line after it has the commands
        accepted=message.created.timestamp(),
        segments=message.num_segments,
    )


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
