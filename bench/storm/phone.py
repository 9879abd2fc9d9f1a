"""The phone company of a storm from outside: orders to it, and what it remembers of texts and calls.

`StormPhone` starts it (`company`) in a process of its own and talks to it over a pipe, a line of JSON each way. Numbers
and bodies stay between the two; when the pipe closes, the process ends.
"""

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bench.phone import piped
from bench.storm.talk import Writing

# The kind of texts that answer a person; those say in words what became of her commands, and are about no one task.
REPLY = "reply"

# The kinds of the text that stands for many about new tasks, and of the call to a nurse: neither names a task.
DIGEST, CALL = "task-digest", "nurse-call"

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
    "📋": DIGEST,
}
_ANSWER = re.compile(r"\d*[ARE]: ")
_NUMBER = re.compile(r"^Reply (\d+)A accept", re.MULTILINE)
_MARK = re.compile(r"\?digest=(\w+)$")
_COUNTED = re.compile(r"(\d+) ([A-Z]+)(?=,|$)", re.MULTILINE)

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

    mark: str | None = None
    """What tells one digest from another."""

    counted: Mapping[str, int] | None = None
    """How many tasks of each severity a digest counts."""


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


def counted_in(body: str) -> tuple[str | None, Mapping[str, int]]:
    """Return what tells a digest from others, and how many tasks of each severity it counts."""
    mark = _MARK.search(body)
    first_line = body.partition("\n")[0].partition(": ")[2]
    return mark and mark[1], {severity: int(count) for count, severity in _COUNTED.findall(first_line)}


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

    def draw_from(self, seed: int) -> None:
        """Let its lists show each text and each call after a time that is drawn from this seed, as is who answers."""
        self._ask(draw_from=seed)

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
    with piped("bench.storm.company", environment) as process:
        yield StormPhone(process)
