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
from datetime import UTC, datetime, timedelta
from itertools import islice

from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.twilio.api_keys import ApiKey, Permission, refusal_of_key
from sequora_orchestration.local.twilio.call import Call
from sequora_orchestration.local.twilio.calls import Calls, as_kept, from_kept
from sequora_orchestration.local.twilio.inbound import OptOuts, refusal_of_inbound, sender_in
from sequora_orchestration.local.twilio.kept_texts import KeptTexts
from sequora_orchestration.local.twilio.memory import Memory
from sequora_orchestration.local.twilio.message import EVERYTHING, Filter, Message, State, state_at
from sequora_orchestration.local.twilio.messaging_services import MessagingServices
from sequora_orchestration.local.twilio.refusals import (
    E164,
    GATEWAY_TIMEOUT,
    REFUSED_SENDERS,
    TEST_CREDENTIALS,
    Refusal,
    refusal_of_text,
    unsubscribed,
)
from sequora_orchestration.local.twilio.scripted_answers import Answer, Hang, Refuse, ResetBeforeAccepting, Script


class PhoneCompany:
    """Takes texts, or refuses them, and remembers all until `forget`. Public attributes may be changed at any time.

    Of texts: `undeliverable` maps a number to the error code with which texts that are accepted from then on will end;
    texts to `without_receipts` stay `sent`; `seconds_per_status` is how long a text stays in each status on its way.

    Of lists: `visible_after` and `inbound_visible_after` are how many seconds old a text that we sent, or that came
    in, must be before lists show it (the real API makes no promise); `list_answers` has the scripted answers to
    requests for lists; with `pages_shift` pages are counted from the newest text, so that one text stands on two of
    them when another one comes in between.

    Of the account: `account_status` and `is_trial` are its state, and `owner_account_sid` names its owner; `api_keys`
    are its keys by their SIDs; with `has_test_credentials` its SID and token are the real API's credentials for tests,
    which may pretend to send, and read nothing; `services` are its messaging services; `webhook` is the address to
    which every reply is posted, and `webhook_is_the_numbers` whether a messaging service leaves replies to theirs;
    `numbers_can_call` is whether its numbers may call, and `calls` has the calls.
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
            for call in memory.calls():
                self.calls.take_over(from_kept(call))
            for kept in memory.texts():
                if message := Message.from_kept(kept):
                    self._add(message)
            self._opt_outs.pairs |= memory.opted_out()
            self._memory = memory
            self._notify()

    def forget(self) -> None:
        """Forget every text, attempt and script, and return to the first settings."""
        with self._changed:
            self.seconds_per_status, self.visible_after = self._defaults
            self.inbound_visible_after = 0.0
            self.pages_shift = False
            self.list_answers = Script()
            self.services = MessagingServices()
            self.undeliverable: dict[str, int] = {}
            self.without_receipts: set[str] = set()
            self.account_status = "active"
            self.is_trial = False
            self.owner_account_sid = self.account_sid
            self.api_keys: dict[str, ApiKey] = {}
            self.has_test_credentials = False
            self.webhook = ""
            self.webhook_is_the_numbers = False
            self.numbers_can_call = True
            self.calls = self._new_calls(Calls)
            self._texts = KeptTexts()
            self._opt_outs = OptOuts()
            self._arrivals: dict[str, list[float]] = defaultdict(list)
            self._script = Script()
            if self._memory:
                self._memory.forget()
            self._notify()

    def _new_calls(self, begin: Callable[..., Calls]) -> Calls:
        return begin(
            self._changed,
            now=self._now,
            owns=lambda number: self.numbers_can_call and self.owns(number),
            keep=self._keep_call,
            step_length=lambda: timedelta(seconds=self.seconds_per_status),
        )

    def _keep_call(self, call: Call) -> None:
        if self._memory:
            self._memory.keep_call(call.sid, as_kept(call))
        self._notify()

    def refusal_of(self, user: str, password: str, wants: Permission) -> Refusal | None:
        """Return the refusal of a request with these credentials; None if they have the permission."""
        if user == self.account_sid and hmac.compare_digest(password.encode(), self.auth_token.encode()):
            pretends = {Permission.SEND, Permission.CALL}
            return TEST_CREDENTIALS if self.has_test_credentials and wants not in pretends else None
        return refusal_of_key(self.api_keys, user, password, wants)

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
                    return GATEWAY_TIMEOUT, answer
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
            if (messaging_service_sid or self.services.set_for(from_) or from_, to) in self._opt_outs.pairs:
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
            self.keep(message)
        return message

    def receive(self, *, phone: str, body: str, to: str = "", created: datetime | None = None) -> Message | Refusal:
        """Take a text that a phone writes to our number `to`, or return its refusal.

        Without `to` it answers the sender that texted it last. `created` is the time that the text shall have, in past
        or future, if that is not now. A word for opting out or in takes effect at once; no answer is sent. Raises
        ValueError for a time without a zone.
        """
        with self._changed:
            newest = self._texts.newest_of(phone)
            to = to or (self.services.number_in(newest) if newest else "")
            refusal = refusal_of_inbound(phone, to, body)
            if refusal:
                return refusal
            now = self._now()
            message = Message(
                sid="SM" + secrets.token_hex(16),
                to=to,
                from_=phone,
                messaging_service_sid=self.services.of(to, newest),
                body=body,
                created=created or now,
                arrived=now if created else None,
                num_segments=segments(body),
                inbound=True,
            )
            self.keep(message, changes_opt_outs=self._opt_outs.follow(message))
        return message

    def has_opted_out(self, phone: str) -> bool:
        """Whether a phone has opted out of texts from the sender of its last conversation."""
        with self._changed:
            newest = self._texts.newest_of(phone)
            return newest is not None and (sender_in(newest), phone) in self._opt_outs.pairs

    def keep(self, message: Message, *, changes_opt_outs: bool = False) -> None:
        """Keep a text, whoever has sent it and whenever that was."""
        with self._changed:
            if self._memory:
                self._memory.keep(message.as_kept(), self._opt_outs.pairs if changes_opt_outs else None)
            self._add(message)
            self._notify()

    def _add(self, message: Message) -> None:
        self._texts.add(message)
        self.services.last_used = message.messaging_service_sid or self.services.last_used

    # ── Following them ──────────────────────────────────────────────────────────────────────────────────

    def state(self, message: Message) -> State:
        """Return the present state of a text, by its age."""
        age = self._now() - message.created
        step = timedelta(seconds=self.seconds_per_status)
        return state_at(message, age, step_length=step, has_receipt=message.to not in self.without_receipts)

    def find(self, sid: str) -> Message | None:
        """Return the text with this SID."""
        with self._changed:
            return self._texts.find(sid)

    @property
    def visible_until(self) -> datetime:
        """The moment before which a call must have been made to show up in lists."""
        return self._now() - timedelta(seconds=self.visible_after)

    def lag_of(self, message: Message) -> float:
        """Return how many seconds old a text must be before it shows up in lists."""
        return self.inbound_visible_after if message.inbound else self.visible_after

    def listed(
        self,
        wanted: Filter = EVERYTHING,
        *,
        older_than: str = "",
        skip: int = 0,
        limit: int = 50,
    ) -> list[Message]:
        """List texts as the API does: newest first, only those that are visible yet, at most `limit`.

        A text that was not sent yet goes by the time of its creation. `older_than` is the SID that ended the
        page before; `skip` leaves out as many of the newest.
        """
        now = self._clock()

        def is_shown(message: Message) -> bool:
            visible_until = datetime.fromtimestamp(now - self.lag_of(message), UTC)
            return (message.arrived or message.created) <= visible_until and wanted.covers(message, self.state(message))

        with self._changed:
            texts = self._texts.newest_first(wanted.to, older_than=older_than)
            return list(islice(filter(is_shown, texts), skip, skip + limit))

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
