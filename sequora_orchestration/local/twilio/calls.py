"""The calls of the phone company: it makes them, remembers them, and lets a phone answer or decline.

A call's state follows from its age and from what the phone did, as a text's does. Not here: HTTP (`twilio_calls`).
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from threading import Condition
from typing import Any

from sequora_orchestration.local.twilio.call import Call, CallState, state_at
from sequora_orchestration.local.twilio.message import Filter
from sequora_orchestration.local.twilio.refusals import Refusal, refusal_of_call
from sequora_orchestration.local.twilio.scripted_answers import Answer, Hang, Refuse, ResetBeforeAccepting, Script

NO_SUCH_CALL = Refusal(404, 20404, "There is no such call")
NOT_RINGING = Refusal(409, 20409, "The phone does not ring (any more)")


class Calls:
    """Makes calls, or refuses them, and remembers everything.

    Public attributes may be changed at any time: `failing` has the numbers to which no call is put through, and
    `rings_for`, if it is not None, is how many seconds a phone rings, whatever a request says.
    """

    def __init__(
        self,
        changed: Condition,
        *,
        now: Callable[[], datetime],
        owns: Callable[[str], bool],
        keep: Callable[[Call], None],
        step_length: Callable[[], timedelta],
    ) -> None:
        """Begin without calls; all methods are safe in threads, by the company's own lock `changed`.

        `keep` is told of each call that is made or picked up; `step_length` is how long a call is in the queue, and how
        long somebody listens.
        """
        self._changed, self._now, self._owns, self._keep, self._step_length = changed, now, owns, keep, step_length
        self.failing: set[str] = set()
        self.rings_for: float | None = None
        self._calls: dict[str, Call] = {}
        self._arrivals = Counter[str]()
        self._script = Script()

    def take(self, *, to: str, from_: str, twiml: str, timeout: float) -> tuple[Call | Refusal | None, Answer | None]:
        """Count a request and follow the script.

        Returns the call or its refusal (None: no answer will ever be sent), and the scripted answer, if there is one.
        """
        with self._changed:
            self._arrivals[to] += 1
            answer = self._script.next_answer(to)
            match answer:
                case Refuse(http_status, code, message, retry_after):
                    return Refusal(http_status, code, message, retry_after), None
                case ResetBeforeAccepting():
                    return None, answer
                case Hang(accept=False):
                    return Refusal(504, 20504, "Gateway Timeout"), answer
            return self._create(to, from_, twiml, timeout), answer

    def _create(self, to: str, from_: str, twiml: str, timeout: float) -> Call | Refusal:
        if refusal := refusal_of_call(to, from_, twiml, owns=self._owns):
            return refusal
        call = Call(
            sid="CA" + secrets.token_hex(16),
            to=to,
            from_=from_,
            twiml=twiml,
            created=self._now(),
            rings_for=timeout if self.rings_for is None else self.rings_for,
            fails=to in self.failing,
        )
        self._calls[call.sid] = call
        self._keep(call)
        return call

    def answer(self, sid: str) -> Call | Refusal:
        """Let the phone that rings pick up."""
        return self._picked(sid, lambda call, now: replace(call, answered=now))

    def decline(self, sid: str) -> Call | Refusal:
        """Let the phone that rings decline."""
        return self._picked(sid, lambda call, now: replace(call, declined=now))

    def _picked(self, sid: str, change: Callable[[Call, datetime], Call]) -> Call | Refusal:
        with self._changed:
            call, now = self._calls.get(sid), self._now()
            if call is None:
                return NO_SUCH_CALL
            if self.state(call).status != "ringing":
                return NOT_RINGING
            changed = change(call, now)
            self._calls[sid] = changed
            self._keep(changed)
        return changed

    def take_over(self, call: Call) -> None:
        """Take over a call that a memory has kept."""
        self._calls[call.sid] = call

    # ── Looking on ──────────────────────────────────────────────────────────────────────────────────────

    def state(self, call: Call) -> CallState:
        """Return the present state of a call."""
        return state_at(call, self._now(), step_length=self._step_length())

    def find(self, sid: str) -> Call | None:
        """Return the call with this SID, as it is by now."""
        with self._changed:
            return self._calls.get(sid)

    def made(self, to: str = "") -> list[Call]:
        """Return every call, or those to one number, oldest first."""
        with self._changed:
            return [call for call in self._calls.values() if to in {"", call.to}]

    def attempts(self, to: str) -> int:
        """Return how many requests to call a number came in, also refused ones."""
        with self._changed:
            return self._arrivals[to]

    def listed(self, wanted: Filter, *, visible_until: datetime, older_than: str, limit: int) -> list[Call]:
        """List calls as the API does: newest first, only those that are visible yet, at most `limit`.

        A call that has not begun yet has no start, and is in no list that is limited to a time.
        """
        with self._changed:
            return [call for call in self._newest_first(older_than) if self._covers(wanted, call, visible_until)][
                :limit
            ]

    def _newest_first(self, older_than: str) -> Iterator[Call]:
        newest_first = list(reversed(self._calls.values()))
        sids = [call.sid for call in newest_first]
        return iter(newest_first[sids.index(older_than) + 1 :] if older_than in sids else newest_first)

    def _covers(self, wanted: Filter, call: Call, visible_until: datetime) -> bool:
        started = self.state(call).started
        is_in_span = wanted.sent_from is None and wanted.sent_before is None
        if started and not is_in_span:
            is_in_span = (wanted.sent_from is None or started >= wanted.sent_from) and (
                wanted.sent_before is None or started < wanted.sent_before
            )
        return (
            call.created <= visible_until
            and wanted.to in {"", call.to}
            and wanted.from_ in {"", call.from_}
            and is_in_span
        )

    # ── Scripting ───────────────────────────────────────────────────────────────────────────────────────

    def script(self, *answers: Answer, to: str | None = None) -> None:
        """Queue answers, each for one request to call the number `to`; without `to`, any number without a script."""
        with self._changed:
            self._script.queue(answers, to)

    def always(self, answer: Answer | None, *, to: str | None = None) -> None:
        """Give this answer once the queued ones are used up, to every request; None ends it."""
        with self._changed:
            self._script.always(answer, to)


def as_kept(call: Call) -> dict[str, Any]:
    """Return a call in the form in which a memory keeps it."""
    times = {"created": call.created, "answered": call.answered, "declined": call.declined}
    return {**asdict(call), **{name: at and at.isoformat() for name, at in times.items()}}


def from_kept(kept: dict[str, Any]) -> Call:
    """Return a call that a memory has kept."""
    times = {name: kept[name] and datetime.fromisoformat(kept[name]) for name in ("created", "answered", "declined")}
    return Call(**{**kept, **times})
