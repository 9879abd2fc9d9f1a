"""The phone company of a storm: it misbehaves as ordered, and remembers every request.

`StormPhone` starts it in a process of its own and talks to it over a pipe, a line of JSON each way. Numbers and bodies
stay between the two; when the pipe closes, the process ends.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from bench.phone import piped
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.refusals import Refusal
from sequora_orchestration.local.twilio.scripted_answers import (
    Answer,
    ErrorAfterAccepting,
    Garbage,
    Hang,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer

_FIRST_WORDS = {
    "🚨 New": "task-created",
    "SLA in": "sla-warning",
    "SLA missed": "sla-breach",
    "ESCALATION:": "sla-escalation",
    "Nurse not reached": "nurse-unreached",
    "Nobody is assigned": "nurse-unreached",
}

_ANSWERS: Mapping[str, Callable[[float], Answer]] = {
    "429": lambda _: Refuse(429, 20429),
    "429 with Retry-After": lambda seconds: Refuse(429, 20429, retry_after=round(seconds)),
    "429 for long": lambda _: Refuse(429, 20429),
    "429 with Retry-After for long": lambda seconds: Refuse(429, 20429, retry_after=round(seconds)),
    # A code that is in no table of ours: a messaging service without a sender that fits, for one.
    "unknown code": lambda _: Refuse(400, 21704),
    "firewall's page": lambda _: Refuse(403, None),
    "500": lambda _: Refuse(500, 20500),
    "503": lambda _: Refuse(503, 20503),
    "500 after accepting": lambda _: ErrorAfterAccepting(),
    "reset before accepting": lambda _: ResetBeforeAccepting(),
    "reset after accepting": lambda _: ResetAfterAccepting(),
    "garbage": lambda _: Garbage(),
    "hangs": Hang,
    "504 after hanging": lambda seconds: Hang(seconds, accept=False),
}

ABOUT_ALL_TEXTS = frozenset(
    {
        "429",
        "429 with Retry-After",
        "429 for long",
        "429 with Retry-After for long",
        "unknown code",
        "firewall's page",
    }
)
"""Answers that say nothing about the text that gets them: no text may be given up for one."""

# Seconds after which a text is in the list: half of the texts within SOON, the others in a long tail (Pareto's), so
# that one in a hundred takes longer than ten seconds.
SOON, TAIL, LONGEST = 0.2, 1.15, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to send a text: its subject, its arrival (in seconds since the epoch), and its outcome."""

    kind: str
    task_id: str | None
    to: str
    at: float
    answer: str
    sid: str | None
    """None if the text was not accepted."""

    lag: float
    """The seconds after which the list shows the text; 0 if it was not accepted."""


class _Company(PhoneCompany):
    """Follows one order at a time, for a share of the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._order: tuple[str, float, float] | None = None
        self._random, self._lags = Random(1), Random(1)
        self._lag_of: dict[str, float] = {}
        super().__init__(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN)

    def obey(self, *, kind: str | None, share: float = 1.0, number: float = 0.0) -> None:
        """Misbehave in this way from now on; with None, behave."""
        self.auth_token = "another" if kind == "401" else TEST_AUTH_TOKEN  # worth nothing
        self._order = (kind, share, number) if kind and kind in _ANSWERS else None

    def draw_lags(self, seed: int) -> None:
        """From now on draw from this seed the seconds after which the list shows a text."""
        self._lags = Random(f"{seed} lags")

    def lag_of(self, message: Message) -> float:
        """Return the text's own lag; a text that is just being accepted has none yet, and is not listed."""
        return super().lag_of(message) if message.inbound else self._lag_of.get(message.sid, LONGEST)

    def take(self, *, to: str, body: str, **more: Any) -> tuple[Message | Refusal | None, Answer | None]:
        """Spoil the answer as ordered, and remember the request."""
        at, order = time.time(), self._order
        spoilt = order is not None and self._random.random() < order[1]
        if order and spoilt:
            self.script(_ANSWERS[order[0]](order[2]), to=to)
        outcome, answer = super().take(to=to, body=body, **more)
        sid = outcome.sid if isinstance(outcome, Message) else None
        lag = 0.0
        if sid:
            lag = self._lag_of[sid] = self.visible_after + min(SOON * self._lags.paretovariate(TAIL), LONGEST)
        said = order[0] if order and spoilt else "accepted" if sid else "refused"
        self.requests.append(
            Request(kind=kind_of(body), task_id=task_of(body), to=to, at=at, answer=said, sid=sid, lag=lag),
        )
        return outcome, answer


def kind_of(body: str) -> str:
    """Return the kind of message that a text is, by its first words."""
    return next((kind for words, kind in _FIRST_WORDS.items() if body.startswith(words)), "check-in")


def task_of(body: str) -> str | None:
    """Return the task that a text's link leads to."""
    return body.rpartition("/tasks/")[2] if "/tasks/" in body else None


class StormPhone:
    """The phone company from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Talk to the process that runs `main`."""
        self._process = process
        self._turn = threading.Lock()
        self._requests: list[Request] = []
        self.url = str(self._answer())

    def obey(self, kind: str | None, *, share: float = 1.0, number: float = 0.0) -> None:
        """Let it misbehave; None ends it."""
        self._ask(obey={"kind": kind, "share": share, "number": number})

    def draw_lags(self, seed: int) -> None:
        """Let its list show each text after a time that is drawn from this seed."""
        self._ask(draw_lags=seed)

    def lag(self, seconds: float) -> None:
        """Let its list show each text so many seconds later than drawn."""
        self._ask(visible_after=seconds)

    def end_undelivered(self, codes: Mapping[str, int]) -> None:
        """Let texts to these numbers end with an error code, after they were accepted."""
        self._ask(undeliverable=dict(codes))

    def requests(self) -> list[Request]:
        """Return every request so far, oldest first."""
        self._requests += [Request(**one) for one in self._ask(requests_from=len(self._requests))]
        return list(self._requests)

    def _ask(self, **order: object) -> Any:
        with self._turn:
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
def storm_phone(environment: Mapping[str, str]) -> Iterator[StormPhone]:
    """Run a phone company for as long as the block runs."""
    with piped("bench.storm.phone", environment) as process:
        yield StormPhone(process)


def main() -> None:
    """Print the phone company's address, then obey orders until the pipe is closed."""
    company = _Company()
    with TwilioServer(company) as server:
        _say(server.url)
        for line in sys.stdin:
            order = json.loads(line)
            if "obey" in order:
                company.obey(**order["obey"])
            if "draw_lags" in order:
                company.draw_lags(order["draw_lags"])
            company.visible_after = order.get("visible_after", company.visible_after)
            company.undeliverable = order.get("undeliverable", company.undeliverable)
            first = order.get("requests_from")
            _say([] if first is None else [asdict(one) for one in company.requests[first:]])


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
