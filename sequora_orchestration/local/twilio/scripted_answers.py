"""Answers that a test can script, in place of the phone company's own.

Here: the answers, and choosing the answer to a request. Not here: how they look on the wire (`twilio_api`).
"""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refuse:
    """Scripted: the request is refused, by a proxy before the API if there is no code; nothing is kept."""

    http_status: int
    code: int | None
    message: str = "Refused, as the script says"
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class ResetBeforeAccepting:
    """Scripted: the connection is reset without an answer; nothing is kept."""


@dataclass(frozen=True, slots=True)
class ResetAfterAccepting:
    """Scripted: the text is kept, and the connection is reset without an answer."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Scripted: the answer comes `seconds` late; not accepted, it is a 504 and nothing is kept."""

    seconds: float
    accept: bool = True


@dataclass(frozen=True, slots=True)
class ErrorAfterAccepting:
    """Scripted: the text is kept, and yet the answer is an error."""

    http_status: int = 500


@dataclass(frozen=True, slots=True)
class Garbage:
    """Scripted: the text is kept, and the answer is a success whose JSON breaks off."""


Answer = Refuse | ResetBeforeAccepting | ResetAfterAccepting | Hang | ErrorAfterAccepting | Garbage


class Script:
    """The answers to one sort of request in place of the company's own; safe to use from several threads.

    A request for a list accepts nothing: Refuse, ResetBeforeAccepting, Hang and Garbage mean something to it.
    """

    def __init__(self) -> None:
        """Begin without answers."""
        self._turn = threading.Lock()
        self._queues: dict[str | None, deque[Answer]] = defaultdict(deque)
        self._always: dict[str | None, Answer] = {}

    def queue(self, answers: Iterable[Answer], to: str | None = None) -> None:
        """Queue answers, each for one request about the number `to`; without `to`, any number without a script."""
        with self._turn:
            self._queues[to].extend(answers)

    def always(self, answer: Answer | None, to: str | None = None) -> None:
        """Give this answer once the queued ones are used up, to every request; None ends it."""
        with self._turn:
            self._always.pop(to, None)
            if answer is not None:
                self._always[to] = answer

    def next_answer(self, to: str) -> Answer | None:
        """Return the answer to a request about a number; None if the script has none for it."""
        with self._turn:
            for key in (to, None):
                if queue := self._queues.get(key):
                    return queue.popleft()
                if key in self._always:
                    return self._always[key]
        return None
