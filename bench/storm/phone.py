"""The phone company of a storm: it misbehaves as ordered, and remembers every request.

`StormPhone` starts it in a process of its own and talks to it over a pipe, a line of JSON each way. Numbers and bodies
stay between the two; when the pipe closes, the process ends.
"""

import json
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from bench.phone import piped
from bench.storm.talk import Writing
from sequora_orchestration.local.twilio.inbound import OPT_IN_WORDS, OPT_OUT_WORDS
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

# The kind of texts that answer a person; those say in words what became of her commands, and are about no one task.
REPLY = "reply"

OURS = "+15005550006"
"""The number from which the system texts, and to which people answer."""

_FIRST_WORDS = {
    "🚨 New": "task-created",
    "SLA in": "sla-warning",
    "SLA missed": "sla-breach",
    "ESCALATION:": "sla-escalation",
    "Nurse not reached": "nurse-unreached",
    "Nobody is assigned": "nurse-unreached",
    "Handed over": "handed-over",
    "Sequora: to answer": REPLY,
}
_ANSWER = re.compile(r"\d*[ARE]: ")
_NUMBER = re.compile(r"^Reply (\d+)A accept", re.MULTILINE)

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

# Answers to requests for the list of what people write, in place of the list.
_LIST_ANSWERS: Mapping[str, Callable[[float], Answer]] = {
    "inbound list: 500": lambda _: Refuse(500, 20500),
    "inbound list: reset": lambda _: ResetBeforeAccepting(),
    "inbound list: garbage": lambda _: Garbage(),
    "inbound list: hangs": Hang,
}

# Writings that answer a text.
OF_STAFF = frozenset({"COMMANDS", "HELP", "HEART"})

# No phone has so many tasks.
NO_SUCH_NUMBER = 888

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

    number: int | None = None
    """The small number by which the task is answered, if the text has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A text that a phone has written to us, without its body."""

    sid: str
    phone: str
    at: float
    """When it was written, in seconds since the epoch; `created` is the phone company's time for it, in whole ones."""

    created: float
    meaning: str
    """As in `Writing`."""

    commands: Sequence[tuple[str, int | None]]
    """The verbs, each with the task's small number, None for a verb alone."""

    is_english: bool
    """Whether it is a word that the phone company obeys by itself."""


class _Company(PhoneCompany):
    """Follows one order at a time, for a share of the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.written: list[Written] = []
        self.clock_off = 0.0
        self._numbers: dict[str, list[int]] = defaultdict(list)
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
        return self._lag_of.get(message.sid, LONGEST)

    def spoil_inbound(self, *, kind: str | None, number: float = 0.0) -> None:
        """Misbehave in this way with what people write from now on; with None, behave."""
        answer = _LIST_ANSWERS.get(kind or "")
        self.list_answers.always(answer(number) if answer else None, to=OURS)
        self.pages_shift = kind == "inbound pages shift"
        self.inbound_visible_after = number if kind == "inbound texts late" else 0.0
        self.clock_off = number if kind == "inbound clock off" else 0.0

    def write(self, writing: Writing) -> None:
        """Let a phone write to us, unless it answers a text that it has not had yet."""
        numbers = self._numbers[writing.phone]
        if writing.meaning in OF_STAFF and not numbers:
            return
        chosen = [numbers[-1 - int(pick * len(numbers))] if pick >= 0 else NO_SUCH_NUMBER for pick in writing.picks]
        body = writing.body
        for number in chosen:
            body = body.replace("#", str(number), 1)
        now = datetime.now(UTC)
        created = (now + timedelta(seconds=self.clock_off - writing.delayed_by)).replace(microsecond=0)
        message = self.receive(phone=writing.phone, body=body, to=OURS, created=created)
        if not isinstance(message, Message):
            raise TypeError("the phone company does not take what a phone has written")
        self._lag_of[message.sid] = self.inbound_visible_after + self._drawn_lag()
        self.written.append(
            Written(
                sid=message.sid,
                phone=writing.phone,
                at=now.timestamp(),
                created=created.timestamp(),
                meaning=writing.meaning,
                commands=list(zip(writing.verbs, chosen if writing.is_numbered else [None] * 9, strict=False)),
                is_english=body.strip().upper() in OPT_OUT_WORDS | OPT_IN_WORDS,
            )
        )

    def _drawn_lag(self) -> float:
        return min(SOON * self._lags.paretovariate(TAIL), LONGEST)

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
            lag = self._lag_of[sid] = self.visible_after + self._drawn_lag()
        said = order[0] if order and spoilt else "accepted" if sid else "refused"
        kind, number = kind_of(body), number_of(body)
        task = None if kind == REPLY else task_of(body)
        self.requests.append(
            Request(kind=kind, task_id=task, to=to, at=at, answer=said, sid=sid, lag=lag, number=number),
        )
        if sid and number and number not in self._numbers[to]:
            self._numbers[to].append(number)
        return outcome, answer


def kind_of(body: str) -> str:
    """Return the kind of message that a text is, by its first words."""
    if _ANSWER.match(body):
        return REPLY
    return next((kind for words, kind in _FIRST_WORDS.items() if body.startswith(words)), "check-in")


def task_of(body: str) -> str | None:
    """Return the task that a text's link leads to."""
    return body.rpartition("/tasks/")[2].partition("\n")[0] if "/tasks/" in body else None


def number_of(body: str) -> int | None:
    """Return the small number by which a text says that its task is answered."""
    found = _NUMBER.search(body)
    return int(found[1]) if found else None


class StormPhone:
    """The phone company from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Talk to the process that runs `main`."""
        self._process = process
        self._turn = threading.Lock()
        self._requests: list[Request] = []
        self._written: list[Written] = []
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

    def spoil_inbound(self, kind: str | None, *, number: float = 0.0) -> None:
        """Let it misbehave with what people write; None ends it."""
        self._ask(spoil_inbound={"kind": kind, "number": number})

    def write(self, writing: Writing) -> None:
        """Let a phone write to us."""
        self._ask(write=asdict(writing))

    def written(self) -> list[Written]:
        """Return everything that phones have written so far, oldest first."""
        self._written += [Written(**one) for one in self._ask(written_from=len(self._written))]
        return list(self._written)

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
            if "spoil_inbound" in order:
                company.spoil_inbound(**order["spoil_inbound"])
            if "write" in order:
                company.write(Writing(**order["write"]))
            asked: dict[str, list[Any]] = {"requests_from": company.requests, "written_from": company.written}
            _say([asdict(one) for name, some in asked.items() if name in order for one in some[order[name] :]])


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
