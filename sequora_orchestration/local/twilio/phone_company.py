"""The phone company: it takes texts, remembers them and moves them on.

Everything is kept in memory, and on request in a file; it is safe to use from several threads. A text's state follows
from its age at the moment of asking, so no thread and no timer is needed, and an injected clock moves all texts.
Not here: HTTP (`app`), and refusals that follow from a request's content (`refusals`).
"""

import hmac
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from itertools import islice

from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.twilio.api_keys import ApiKey, Permission
from sequora_orchestration.local.twilio.call import Call
from sequora_orchestration.local.twilio.calls import Calls, as_kept, from_kept
from sequora_orchestration.local.twilio.kept_texts import KeptTexts
from sequora_orchestration.local.twilio.memory import Memory
from sequora_orchestration.local.twilio.message import EVERYTHING, Filter, Message, State, state_at
from sequora_orchestration.local.twilio.refusals import (
    AUTHENTICATE,
    E164,
    LONGEST_BODY,
    NOT_PERMITTED,
    REFUSED_SENDERS,
    TEST_CREDENTIALS,
    Refusal,
    refusal_of_text,
    unsubscribed,
)
from sequora_orchestration.local.twilio.scripted_answers import Answer, Hang, Refuse, ResetBeforeAccepting, Script

# A text of one of these words opts out, in upper or lower case (https://help.twilio.com/articles/223134027).
OPT_OUT_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
OPT_IN_WORDS = frozenset({"START", "UNSTOP", "YES"})

NUMBER_OF_SERVICES = "+15005550006"
"""The number to which a phone replies if a messaging service texted it: our services have this one number."""


class PhoneCompany:
    """Takes texts, or refuses them, and remembers everything until `forget`.

    Public attributes may be changed at any time: `undeliverable` maps a number to the error code with which
    texts that are accepted from then on will end; `seconds_per_status` is how long a text stays in each
    status on its way; `visible_after` is how many seconds old a text must be before it shows up in lists (the
    real API makes no promise); `account_status` and `is_trial` are the state of the account, and
    `owner_account_sid` names its owner; `api_keys` are its keys by their SIDs; with `has_test_credentials` its SID and
    token are the real API's credentials for tests, which may pretend to send, and read nothing; `webhook` is the
    address to which every reply is posted, and `webhook_is_the_numbers` whether a messaging service leaves replies to
    its numbers' webhooks; `numbers_can_call` is whether the account's numbers may call, and `calls` has the calls.
    """

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        clock: Callable[[], float] = time.time,
        seconds_per_status: float = 0.5,
        visible_after: float = 0.0,
    ) -> None:
        """`clock` gives seconds since the epoch."""
        self.account_sid = account_sid
        self.auth_token = auth_token
        self._clock = clock
        self._defaults = (seconds_per_status, visible_after)
        self._changed = threading.Condition()
        self._revision = 0
        self._memory: Memory | None = None
        self.forget()

    def remember(self, memory: Memory) -> None:
        """Take over the texts of a memory, and from now on keep every new text in it, too."""
        with self._changed:
            names = {field.name for field in fields(Message)}
            for call in memory.calls():
                self.calls.take_over(from_kept(call))
            for kept in memory.texts():
                if kept.keys() == names:  # a text of another version has other fields
                    self._texts.add(Message(**{**kept, "created": datetime.fromisoformat(kept["created"])}))
            self._opted_out |= memory.opted_out()
            self._memory = memory
            self._notify()

    def forget(self) -> None:
        """Forget every text, attempt and script, and return to the first settings."""
        with self._changed:
            self.seconds_per_status, self.visible_after = self._defaults
            self.undeliverable: dict[str, int] = {}
            self.account_status = "active"
            self.is_trial = False
            self.owner_account_sid = self.account_sid
            self.api_keys: dict[str, ApiKey] = {}
            self.has_test_credentials = False
            self.webhook = ""
            self.webhook_is_the_numbers = False
            self.numbers_can_call = True
            self.calls = Calls(
                self._changed,
                now=self._now,
                owns=lambda number: self.numbers_can_call and self.owns(number),
                keep=self._keep_call,
                step_length=lambda: timedelta(seconds=self.seconds_per_status),
            )
            self._texts = KeptTexts()
            # A sender (a number, or a messaging service), and a phone that has opted out of its texts.
            self._opted_out: set[tuple[str, str]] = set()
            self._arrivals: dict[str, list[float]] = defaultdict(list)
            self._script = Script()
            if self._memory:
                self._memory.forget()
            self._notify()

    def _keep_call(self, call: Call) -> None:
        if self._memory:
            self._memory.keep_call(call.sid, as_kept(call))
        self._notify()

    def refusal_of(self, user: str, password: str, wants: Permission) -> Refusal | None:
        """Return the refusal of a request with these credentials; None if they have the permission."""
        if user == self.account_sid and hmac.compare_digest(password.encode(), self.auth_token.encode()):
            return TEST_CREDENTIALS if self.has_test_credentials and wants is not Permission.SEND else None
        key = self.api_keys.get(user)
        if key is None or not hmac.compare_digest(password.encode(), key.secret.encode()):
            return AUTHENTICATE
        if wants in key.may:
            return None
        # Only a main key may see the account: to others the real API answers as if it did not know the key.
        return AUTHENTICATE if wants is Permission.ACCOUNT else NOT_PERMITTED

    def owns(self, number: str) -> bool:
        """Whether the account may text from a number: from any but the real API's test numbers for refused senders."""
        return bool(E164.fullmatch(number)) and number not in REFUSED_SENDERS

    # ── Taking texts ────────────────────────────────────────────────────────────────────────────────────

    def take(
        self,
        *,
        to: str,
        body: str,
        from_: str = "",
        messaging_service_sid: str = "",
        validity_period: int | None = None,
    ) -> tuple[Message | Refusal | None, Answer | None]:
        """Count a request and follow the script.

        Returns the text or its refusal (None: no answer will ever be sent), and the scripted answer, if there is one.
        """
        with self._changed:
            self._arrivals[to].append(time.monotonic())
            self._notify()
            answer = self._script.next_answer(to)
            match answer:
                case Refuse(http_status, code, message, retry_after):
                    return Refusal(http_status, code, message, retry_after), None
                case ResetBeforeAccepting():
                    return None, answer
                case Hang(accept=False):
                    return Refusal(504, 20504, "Gateway Timeout"), answer
            created = self.create(
                to=to,
                body=body,
                from_=from_,
                messaging_service_sid=messaging_service_sid,
                validity_period=validity_period,
            )
            return created, answer

    def create(
        self,
        *,
        to: str,
        body: str,
        from_: str = "",
        messaging_service_sid: str = "",
        validity_period: int | None = None,
    ) -> Message | Refusal:
        """Accept a text, or return its refusal; no script is followed, and no attempt counted."""
        refusal = refusal_of_text(to, from_, messaging_service_sid, body, validity_period)
        if refusal:
            return refusal
        with self._changed:
            if (messaging_service_sid or from_, to) in self._opted_out:
                return unsubscribed(to)
            message = Message(
                sid="SM" + secrets.token_hex(16),
                to=to,
                from_=from_ or None,
                messaging_service_sid=messaging_service_sid or None,
                body=body,
                created=self._now(),
                num_segments=segments(body),
                validity_period=validity_period,
                fails_with=self.undeliverable.get(to),
            )
            self._keep(message)
        return message

    def receive(self, *, phone: str, body: str) -> Message | Refusal:
        """Take a phone's reply to the sender that texted it last, or return its refusal.

        A word for opting out or in takes effect for that sender's texts; no answer is sent.
        """
        with self._changed:
            conversation = self._texts.of_phone(phone)
            if not conversation:
                return Refusal(404, 20404, "That phone was texted nothing that it could answer")
            if not body.strip() or len(body) > LONGEST_BODY:
                return Refusal(400, 21602, f"An answer has 1 to {LONGEST_BODY} characters")
            answered = conversation[-1]
            message = Message(
                sid="SM" + secrets.token_hex(16),
                to=answered.to if answered.inbound else answered.from_ or NUMBER_OF_SERVICES,
                from_=phone,
                messaging_service_sid=answered.messaging_service_sid,
                body=body,
                created=self._now(),
                num_segments=segments(body),
                inbound=True,
            )
            word = body.strip().upper()
            if word in OPT_OUT_WORDS:
                self._opted_out.add((_sender_in(message), phone))
            elif word in OPT_IN_WORDS:
                self._opted_out.discard((_sender_in(message), phone))
            self._keep(message, changes_opt_outs=word in OPT_OUT_WORDS | OPT_IN_WORDS)
        return message

    def has_opted_out(self, phone: str) -> bool:
        """Whether a phone has opted out of texts from the sender of its last conversation."""
        with self._changed:
            return any((_sender_in(newest), phone) in self._opted_out for newest in self._texts.of_phone(phone)[-1:])

    def _keep(self, message: Message, *, changes_opt_outs: bool = False) -> None:
        if self._memory:
            kept = {**asdict(message), "created": message.created.isoformat()}
            self._memory.keep(kept, self._opted_out if changes_opt_outs else None)
        self._texts.add(message)
        self._notify()

    # ── Following them ──────────────────────────────────────────────────────────────────────────────────

    def state(self, message: Message) -> State:
        """Return the present state of a text, by its age."""
        age = self._now() - message.created
        return state_at(message, age, step_length=timedelta(seconds=self.seconds_per_status))

    def find(self, sid: str) -> Message | None:
        """Return the text with this SID."""
        with self._changed:
            return self._texts.find(sid)

    @property
    def visible_until(self) -> datetime:
        """The moment before which a call must have been made to show up in lists."""
        return self._now() - timedelta(seconds=self.visible_after)

    def lag_of(self, _message: Message) -> float:
        """Return how many seconds old a text must be before it shows up in lists."""
        return self.visible_after

    def listed(
        self,
        wanted: Filter = EVERYTHING,
        *,
        older_than: str = "",
        limit: int = 50,
    ) -> list[Message]:
        """List texts as the API does: newest first, only those that are visible yet, at most `limit`.

        A text that was not sent yet goes by the time of its creation. `older_than` is the SID that ended the
        page before.
        """
        now = self._clock()
        found: list[Message] = []
        with self._changed:
            for message in self._texts.newest_first(wanted.to, older_than=older_than):
                if len(found) == limit:
                    break
                visible_until = datetime.fromtimestamp(now - self.lag_of(message), UTC)
                if message.created <= visible_until and wanted.covers(message, self.state(message)):
                    found.append(message)
        return found

    # ── Looking on ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def revision(self) -> int:
        """A number that changes whenever a text or a request arrives, or all is forgotten."""
        return self._revision

    @property
    def count(self) -> int:
        """The number of texts that were accepted, or came in."""
        return len(self._texts)

    def accepted(self, to: str = "") -> list[Message]:
        """Return every accepted text, or those to one number, oldest first."""
        with self._changed:
            return [message for message in self._texts.oldest_first(to) if not message.inbound]

    def conversations(self, *, most: int, newest: int) -> list[list[Message]]:
        """Return the texts to and from each phone, oldest first; the phone with the newest text comes first.

        At most `most` conversations, and the `newest` texts of each.
        """
        with self._changed:
            return [texts[-newest:] for texts in islice(self._texts.conversations(), most)]

    def attempts(self, to: str) -> list[float]:
        """Return when each request to text a number came in, also refused requests, by `time.monotonic`."""
        with self._changed:
            return list(self._arrivals.get(to, []))

    def wait_for(self, predicate: Callable[[], bool], timeout: float) -> bool:
        """Wait until the predicate holds, asked again at each arrival; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(predicate, timeout)

    # ── Scripting ───────────────────────────────────────────────────────────────────────────────────────

    def script(self, *answers: Answer, to: str | None = None) -> None:
        """Queue answers, each for one request to text the number `to`; without `to`, any number without a script."""
        with self._changed:
            self._script.queue(answers, to)

    def always(self, answer: Answer | None, *, to: str | None = None) -> None:
        """Give this answer once the queued ones are used up, to every request; None ends it."""
        with self._changed:
            self._script.always(answer, to)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _notify(self) -> None:
        self._revision += 1
        self._changed.notify_all()


def _sender_in(message: Message) -> str:
    """Return the sender for opting out: the messaging service if there is one, otherwise the number."""
    return message.messaging_service_sid or (message.to if message.inbound else message.from_) or ""
