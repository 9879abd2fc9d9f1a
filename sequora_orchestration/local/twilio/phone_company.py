"""The phone company: which texts it takes, which it refuses, and what becomes of them.

Everything is in memory, and in a file if it is to be remembered, and safe to use from several threads. There is no
HTTP in here; `app` puts it on the wire. Texts move on by their age, worked out when somebody asks, so that no thread
and no timer is needed and an injected clock moves everything.
"""

import hmac
import re
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import islice

from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.twilio.memory import Memory

LONGEST_BODY = 1600
"""Characters; more is refused with 21617 (https://www.twilio.com/docs/errors/21617)."""

LONGEST_VALIDITY = 36_000
"""Seconds a text may wait in Twilio's queue (https://www.twilio.com/docs/errors/90007)."""

VALIDITY_EXPIRED = 30036
"""A text's error code when it could not be sent within its validity period."""

FINAL_STATUSES = frozenset({"delivered", "undelivered", "failed", "received"})

# One word, in any case (https://help.twilio.com/articles/223134027).
OPT_OUT_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
OPT_IN_WORDS = frozenset({"START", "UNSTOP", "YES"})

NUMBER_OF_SERVICES = "+15005550006"
"""What a phone answers to when a messaging service texted it: a service chooses among its numbers, and has this one."""

_STATUS_BY_STEP = ("queued", "sending", "sent", "delivered")
_STEP_SENT = _STATUS_BY_STEP.index("sent")

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{5,6}|(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")

# The real API's test numbers (https://www.twilio.com/docs/iam/test-credentials), and its wording, which
# quotes the number: whoever lets such a sentence into a log must be found out here.
_REFUSED_RECIPIENTS = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: {to}"),
    "+15005550002": (21612, "Message cannot be sent with the current combination of 'To' ({to}) and 'From'"),
    "+15005550003": (
        21408,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    ),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient {to}"),
    "+15005550009": (21614, "'To' number {to} is not a valid mobile number"),
}
_REFUSED_SENDERS = {
    "+15005550001": (400, 21212, "The 'From' number {sender} is not a valid phone number or sender ID"),
    "+15005550007": (
        400,
        21606,
        "The 'From' phone number {sender} is not a valid, message-capable Twilio phone number",
    ),
    "+15005550008": (429, 21611, "SMS queue is full"),
}


@dataclass(frozen=True, slots=True)
class Message:
    """A text that was accepted, or that came in from a phone."""

    sid: str
    to: str
    from_: str | None
    messaging_service_sid: str | None
    body: str
    created: datetime
    num_segments: int
    validity_period: int | None = None
    fails_with: int | None = None
    """The error code it will end with instead of being delivered."""
    inbound: bool = False
    """Whether a phone sent it to us."""

    @property
    def phone(self) -> str:
        """The number of the person at the other end."""
        return self.from_ or "" if self.inbound else self.to

    @property
    def first_status(self) -> str:
        """What the API says at once: a messaging service has yet to choose a sender."""
        return "queued" if self.from_ else "accepted"


@dataclass(frozen=True, slots=True)
class State:
    """Where a text is by now."""

    status: str
    error_code: int | None
    sent: datetime | None
    updated: datetime

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL_STATUSES


@dataclass(frozen=True, slots=True)
class Filter:
    """Which texts a list shows; what is empty does not matter."""

    to: str = ""
    from_: str = ""
    sent_from: datetime | None = None
    sent_before: datetime | None = None

    def covers(self, message: Message, state: State) -> bool:
        """Whether it shows this text."""
        sent = state.sent or message.created
        return (
            (not self.to or message.to == self.to)
            and (not self.from_ or message.from_ == self.from_)
            and (self.sent_from is None or sent >= self.sent_from)
            and (self.sent_before is None or sent < self.sent_before)
        )


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A text that was not accepted, in the API's terms; `retry_after` is in seconds.

    Without a code it is not the API that says so, but something before it: a proxy, a firewall.
    """

    http_status: int
    code: int | None
    message: str
    retry_after: float | None = None


AUTHENTICATE = Refusal(401, 20003, "Authenticate")
_NOT_PERMITTED = Refusal(401, 70051, "Authorization Error")
_TEST_CREDENTIALS = Refusal(403, 20008, "Resource not accessible with Test Account Credentials")


class Permission(Enum):
    """What an API key may be let do."""

    SEND = "send texts"
    LIST = "list texts"
    FETCH = "fetch a text by its SID"
    SETUP = "see the account's numbers and messaging services"
    ACCOUNT = "see the account itself"


STANDARD_KEY = frozenset(Permission) - {Permission.ACCOUNT}
"""What a standard API key may do; a main one may do everything, a restricted one what it was given."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key of the account."""

    secret: str
    may: frozenset[Permission] = STANDARD_KEY


@dataclass(frozen=True, slots=True)
class Refuse:
    """Scripted: the request is refused, by something before the API if there is no code; nothing is kept."""

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
    """Scripted: the text is kept, and the answer is a 201 whose JSON breaks off."""


Answer = Refuse | ResetBeforeAccepting | ResetAfterAccepting | Hang | ErrorAfterAccepting | Garbage


class PhoneCompany:
    """Takes texts, or refuses them, and remembers all of it until told to forget.

    Public attributes may be changed at any time: `undeliverable` maps a number to the error code with which
    texts that are accepted from then on will end; `seconds_per_status` is how long a text stays in each
    status on its way; `visible_after` is how many seconds old a text must be before it shows up in lists, for
    which the real API promises nothing; `account_status` and `is_trial` are how the account stands, and
    `owner_account_sid` is whose it is; `api_keys` are its keys by their SIDs; with `has_test_credentials` its SID and
    token are those that the real API has for tests, which may send, as if, and read nothing; `webhook` is
    the address that is told of replies, whatever they reply to, and `webhook_is_the_numbers` whether a messaging
    service leaves them to its numbers' webhooks.
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
        """Go on with what was accepted, or came in, before, and keep what comes from now on in that memory, too."""
        with self._changed:
            names = {field.name for field in fields(Message)}
            for kept in memory.texts():
                if kept.keys() == names:  # another version's texts are not these
                    self._place_last(Message(**{**kept, "created": datetime.fromisoformat(kept["created"])}))
            self._opted_out |= memory.opted_out()
            self._memory = memory
            self._tell()

    def forget(self) -> None:
        """Forget every text, attempt and script, and return to the settings it was made with."""
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
            self._messages: list[Message] = []
            self._place: dict[str, int] = {}
            self._by_number: dict[str, list[Message]] = defaultdict(list)
            self._by_phone: dict[str, list[Message]] = {}
            # A sender (a number, or a messaging service), and who wants nothing from it.
            self._opted_out: set[tuple[str, str]] = set()
            self._arrivals: dict[str, list[float]] = defaultdict(list)
            self._scripts: dict[str | None, deque[Answer]] = defaultdict(deque)
            self._always: dict[str | None, Answer] = {}
            if self._memory:
                self._memory.forget()
            self._tell()

    def refusal_of(self, user: str, password: str, wants: Permission) -> Refusal | None:
        """Why somebody with these credentials may not do that; None if they may."""
        if user == self.account_sid and hmac.compare_digest(password.encode(), self.auth_token.encode()):
            return _TEST_CREDENTIALS if self.has_test_credentials and wants is not Permission.SEND else None
        key = self.api_keys.get(user)
        if key is None or not hmac.compare_digest(password.encode(), key.secret.encode()):
            return AUTHENTICATE
        if wants in key.may:
            return None
        # The account is not among what a key can be given: the real API answers as if it did not know the key.
        return AUTHENTICATE if wants is Permission.ACCOUNT else _NOT_PERMITTED

    def owns(self, number: str) -> bool:
        """Whether the account may text from that number: any, but for the real API's test numbers that it may not."""
        return bool(_E164.fullmatch(number)) and number not in _REFUSED_SENDERS

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

        Returns what became of the text (None: nobody will ever say), and how the answer is to be spoilt.
        """
        with self._changed:
            self._arrivals[to].append(time.monotonic())
            self._tell()
            answer = self._next_answer(to)
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
        """Accept a text, or say why not; no script is asked, and no attempt counted."""
        refusal = _refusal(to, from_, messaging_service_sid, body, validity_period)
        if refusal:
            return refusal
        with self._changed:
            if (messaging_service_sid or from_, to) in self._opted_out:
                return _opted_out(to)
            message = Message(
                sid="SM" + secrets.token_hex(16),
                to=to,
                from_=from_ or None,
                messaging_service_sid=messaging_service_sid or None,
                body=body,
                created=datetime.fromtimestamp(self._clock(), UTC),
                num_segments=segments(body),
                validity_period=validity_period,
                fails_with=self.undeliverable.get(to),
            )
            self._keep(message)
        return message

    def receive(self, *, phone: str, body: str) -> Message | Refusal:
        """Take a phone's answer to whoever texted it last, or say why not.

        One of the words for it opts the phone out of that sender's texts, or in again; nothing is answered.
        """
        with self._changed:
            conversation = self._by_phone.get(phone)
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
                created=datetime.fromtimestamp(self._clock(), UTC),
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
        """Whether a phone's last sender may not text it."""
        with self._changed:
            return any((_sender_in(newest), phone) in self._opted_out for newest in self._by_phone.get(phone, [])[-1:])

    def _keep(self, message: Message, *, changes_opt_outs: bool = False) -> None:
        if self._memory:
            kept = {**asdict(message), "created": message.created.isoformat()}
            self._memory.keep(kept, self._opted_out if changes_opt_outs else None)
        self._place_last(message)
        self._tell()

    def _place_last(self, message: Message) -> None:
        self._place[message.sid] = len(self._messages)
        self._messages.append(message)
        self._by_number[message.to].append(message)
        # Taken out and put back, the phone that texted or was texted last is always the last one.
        self._by_phone[message.phone] = texts = self._by_phone.pop(message.phone, [])
        texts.append(message)

    # ── Following them ──────────────────────────────────────────────────────────────────────────────────

    def state(self, message: Message) -> State:
        """Where a text is by now, going by its age."""
        if message.inbound:
            return State("received", None, message.created, message.created)
        step_length = timedelta(seconds=self.seconds_per_status)
        age = datetime.fromtimestamp(self._clock(), UTC) - message.created
        patience = timedelta(seconds=message.validity_period or LONGEST_VALIDITY)
        if patience <= age and patience < step_length * _STEP_SENT:
            return State("failed", VALIDITY_EXPIRED, None, message.created + patience)
        last = len(_STATUS_BY_STEP) - 1
        step = min(last, age // step_length) if step_length else last
        status, error = _STATUS_BY_STEP[step], None
        if step == 0:
            status = message.first_status
        if step == last and message.fails_with is not None:
            status, error = "undelivered", message.fails_with
        sent = message.created + step_length * _STEP_SENT if step >= _STEP_SENT else None
        return State(status, error, sent, message.created + step_length * step)

    def find(self, sid: str) -> Message | None:
        """Return the text of that SID."""
        with self._changed:
            place = self._place.get(sid)
            return None if place is None else self._messages[place]

    def lag_of(self, _message: Message) -> float:
        """How many seconds old a text must be before it shows up in lists."""
        return self.visible_after

    def listed(
        self,
        wanted: Filter = EVERYTHING,
        *,
        older_than: str = "",
        limit: int = 50,
    ) -> list[Message]:
        """List as the API does: newest first, only what is visible yet, at most `limit`.

        A text that was not sent yet goes by the time of its creation. `older_than` is the SID that ended the
        page before.
        """
        now = self._clock()
        found: list[Message] = []
        with self._changed:
            end = self._place.get(older_than, len(self._messages))
            for message in reversed(self._sent_to(wanted.to)):
                if len(found) == limit:
                    break
                visible_until = datetime.fromtimestamp(now - self.lag_of(message), UTC)
                if self._place[message.sid] >= end or message.created > visible_until:
                    continue
                if wanted.covers(message, self.state(message)):
                    found.append(message)
        return found

    # ── Looking on ──────────────────────────────────────────────────────────────────────────────────────

    @property
    def revision(self) -> int:
        """A number that is another one after anything arrived or was forgotten."""
        return self._revision

    @property
    def count(self) -> int:
        """How many texts were accepted, or came in."""
        return len(self._messages)

    def accepted(self, to: str = "") -> list[Message]:
        """Every accepted text, or those to one number, oldest first."""
        with self._changed:
            return [message for message in self._sent_to(to) if not message.inbound]

    def conversations(self, *, most: int, newest: int) -> list[list[Message]]:
        """Return what each phone was texted and has answered, oldest first; the phone with the newest text comes first.

        At most that many conversations, and the newest texts of each.
        """
        with self._changed:
            return [texts[-newest:] for texts in islice(reversed(self._by_phone.values()), most)]

    def attempts(self, to: str) -> list[float]:
        """When each request to text that number came in, refused ones too, by `time.monotonic`."""
        with self._changed:
            return list(self._arrivals.get(to, []))

    def wait_for(self, predicate: Callable[[], bool], timeout: float) -> bool:
        """Wait until the predicate holds, asked again at each arrival; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(predicate, timeout)

    # ── Scripting ───────────────────────────────────────────────────────────────────────────────────────

    def script(self, *answers: Answer, to: str | None = None) -> None:
        """Queue answers, each for one request: to text one number, or any number that has none of its own."""
        with self._changed:
            self._scripts[to].extend(answers)

    def always(self, answer: Answer | None, *, to: str | None = None) -> None:
        """Give this answer once the queued ones are used up, to every request; None ends it."""
        with self._changed:
            self._always.pop(to, None)
            if answer is not None:
                self._always[to] = answer

    def _sent_to(self, number: str) -> list[Message]:
        return self._by_number.get(number, []) if number else self._messages

    def _next_answer(self, to: str) -> Answer | None:
        for key in (to, None):
            if queue := self._scripts.get(key):
                return queue.popleft()
            if key in self._always:
                return self._always[key]
        return None

    def _tell(self) -> None:
        self._revision += 1
        self._changed.notify_all()


def _sender_in(message: Message) -> str:
    """Whom a phone opts out of: the service if one texts it, else the number."""
    return message.messaging_service_sid or (message.to if message.inbound else message.from_) or ""


def _opted_out(to: str) -> Refusal:
    code, sentence = _REFUSED_RECIPIENTS["+15005550004"]
    return Refusal(400, code, sentence.format(to=to))


def _refusal(to: str, from_: str, messaging_service_sid: str, body: str, validity_period: int | None) -> Refusal | None:
    """Why a text is not taken; None if it is."""
    return next(_objections(to, from_, messaging_service_sid, body, validity_period), None)


def _objections(
    to: str, from_: str, messaging_service_sid: str, body: str, validity_period: int | None
) -> Iterator[Refusal]:
    if not to:
        yield Refusal(400, 21604, "A 'To' phone number is required.")
    if not from_ and not messaging_service_sid:
        yield Refusal(400, 21603, "A 'From' phone number is required.")
    if not body:
        yield Refusal(400, 21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        yield Refusal(400, 21617, f"The concatenated message body exceeds the {LONGEST_BODY} character limit")
    if validity_period is not None and not 1 <= validity_period <= LONGEST_VALIDITY:
        yield Refusal(400, 90007, "Invalid validity period value")
    if from_ in _REFUSED_SENDERS:
        http_status, code, sentence = _REFUSED_SENDERS[from_]
        yield Refusal(http_status, code, sentence.format(sender=from_))
    if from_ and not _SENDER.fullmatch(from_):
        yield Refusal(400, 21212, f"The 'From' number {from_} is not a valid phone number or sender ID")
    if to in _REFUSED_RECIPIENTS:
        code, sentence = _REFUSED_RECIPIENTS[to]
        yield Refusal(400, code, sentence.format(to=to))
    if not _E164.fullmatch(to):
        yield Refusal(400, 21211, f"Invalid 'To' Phone Number: {to}")
