"""The phone company of a storm, in a process of its own: it misbehaves as ordered, and remembers every request.

Orders come over a pipe, and answers go back, a line of JSON each way.
"""

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from bench.storm.phone import CALL, DIGEST, OURS, REPLY, Request, Written, counted_in, kind_of, number_of, task_of
from bench.storm.talk import Writing
from sequora_orchestration.local.twilio.call import Call
from sequora_orchestration.local.twilio.calls import Calls
from sequora_orchestration.local.twilio.inbound import OPT_IN_WORDS, OPT_OUT_WORDS
from sequora_orchestration.local.twilio.message import Filter, Message
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


# Of calls, these shares are answered, declined, and never put through; nobody picks up the others, for so many seconds.
ANSWERED, DECLINED, FAILS, RINGS_FOR = 0.5, 0.2, 0.1, 6.0


class _Calls(Calls):
    """Calls that are spoilt as texts are, that lists show as late, and that some people answer."""

    def __init__(self, company: "_Company", changed: threading.Condition, **more: Any) -> None:
        super().__init__(changed, **more)
        self._company = company
        self._lag_of: dict[str, float] = {}

    def take(self, *, to: str, from_: str, twiml: str, timeout: float) -> tuple[Call | Refusal | None, Answer | None]:
        """Spoil the answer as ordered, and remember the request."""
        at, spoilt = time.time(), self._company.spoil(self.script, to)
        outcome, answer = super().take(to=to, from_=from_, twiml=twiml, timeout=min(timeout, RINGS_FOR))
        sid = outcome.sid if isinstance(outcome, Call) else None
        lag, said = self._lag_of.get(sid or "", 0.0), answer_to(spoilt, sid)
        self._company.requests.append(Request(kind=CALL, task_id=None, to=to, at=at, answer=said, sid=sid, lag=lag))
        return outcome, answer

    def _create(self, to: str, from_: str, twiml: str, timeout: float) -> Call | Refusal:
        call = super()._create(to, from_, twiml, timeout)
        if not isinstance(call, Call):
            return call
        self._lag_of[call.sid], chance = self._company.new_call()
        rings = call.created + self._step_length()
        if chance < ANSWERED:
            call = replace(call, answered=rings)
        elif chance < ANSWERED + DECLINED:
            call = replace(call, declined=rings)
        elif chance < ANSWERED + DECLINED + FAILS:
            call = replace(call, fails=True)
        self._calls[call.sid] = call
        return call

    def _covers(self, wanted: Filter, call: Call, visible_until: datetime) -> bool:
        is_shown = self._now() >= call.created + timedelta(seconds=self._lag_of[call.sid])
        return is_shown and super()._covers(wanted, call, visible_until)


class _Company(PhoneCompany):
    """Follows one order at a time, for a share of the requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.written: list[Written] = []
        self.clock_off = 0.0
        self._numbers: dict[str, list[int]] = defaultdict(list)
        self._order: tuple[str, float, float] | None = None
        self._random, self._lags, self._of_calls = Random(1), Random(1), Random(1)
        self._lag_of: dict[str, float] = {}
        super().__init__(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN)

    def forget(self) -> None:
        """Forget everything; calls are of this company's kind from then on."""
        super().forget()
        self.calls = self._new_calls(partial(_Calls, self))

    def obey(self, *, kind: str | None, share: float = 1.0, number: float = 0.0) -> None:
        """Misbehave in this way from now on; with None, behave."""
        self.auth_token = "another" if kind == "401" else TEST_AUTH_TOKEN  # worth nothing
        self._order = (kind, share, number) if kind and kind in _ANSWERS else None

    def draw_from(self, seed: int) -> None:
        """From now on draw from this seed the seconds after which a list shows a text or a call, and who answers."""
        self._lags = Random(f"{seed} lags")
        self._of_calls = Random(f"{seed} calls")

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
        self._lag_of[message.sid] = self.inbound_visible_after + _drawn_lag(self._lags)
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

    def new_call(self) -> tuple[float, float]:
        """Draw the seconds after which the list shows a new call, and a number from 0 to 1 that says who answers."""
        return self.visible_after + _drawn_lag(self._of_calls), self._of_calls.random()

    def spoil(self, script: Callable[..., None], to: str) -> str | None:
        """Spoil the answer to a request about a number as ordered, by its script; return how, None if it is not."""
        order = self._order
        if order is None or self._random.random() >= order[1]:
            return None
        script(_ANSWERS[order[0]](order[2]), to=to)
        return order[0]

    def take(self, *, to: str, body: str, **more: Any) -> tuple[Message | Refusal | None, Answer | None]:
        """Spoil the answer as ordered, and remember the request."""
        at, spoilt = time.time(), self.spoil(self.script, to)
        outcome, answer = super().take(to=to, body=body, **more)
        sid = outcome.sid if isinstance(outcome, Message) else None
        lag = 0.0
        if sid:
            lag = self._lag_of[sid] = self.visible_after + _drawn_lag(self._lags)
        kind, number = kind_of(body), number_of(body)
        mark, counted = counted_in(body) if kind == DIGEST else (None, None)
        self.requests.append(
            Request(
                kind=kind,
                task_id=None if kind == REPLY else task_of(body),
                to=to,
                at=at,
                answer=answer_to(spoilt, sid),
                sid=sid,
                lag=lag,
                number=number,
                mark=mark,
                counted=counted,
            ),
        )
        if sid and number and number not in self._numbers[to]:
            self._numbers[to].append(number)
        return outcome, answer


def _drawn_lag(random: Random) -> float:
    return min(SOON * random.paretovariate(TAIL), LONGEST)


def answer_to(spoilt: str | None, sid: str | None) -> str:
    """Return what a request was answered, in a word: how it was spoilt, or whether it was accepted."""
    return spoilt or ("accepted" if sid else "refused")


def main() -> None:
    """Print the phone company's address, then obey orders until the pipe is closed."""
    company = _Company()
    with TwilioServer(company) as server:
        _say(server.url)
        for line in sys.stdin:
            order = json.loads(line)
            if "obey" in order:
                company.obey(**order["obey"])
            if "draw_from" in order:
                company.draw_from(order["draw_from"])
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
