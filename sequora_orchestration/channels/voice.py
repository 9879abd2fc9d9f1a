"""Calls, by Twilio: making them, listing them, and learning whether they were answered.

What is said goes along with the request (TwiML), so Twilio asks no webhook for it. A call that is answered proves
little: an answering machine answers, too. Not here: the lines that are said (`messages/nurse_call.py`), and
the document that has them said (`domain/spoken.py`).
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sequora_orchestration.channels.channel import ListedMessage, LookUpError, Receipts
from sequora_orchestration.channels.messaging_service import PhoneNumber, messaging_service_of
from sequora_orchestration.channels.records import fetched, made_since, read, try_to_read
from sequora_orchestration.channels.twilio import AccountError, Twilio, open_twilio
from sequora_orchestration.domain.answers import KNOWN_CODES, Answer, Refusal, Refused
from sequora_orchestration.domain.doubt import fingerprint
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import VOICE
from sequora_orchestration.domain.receipts import Receipt
from sequora_orchestration.domain.spoken import twiml
from sequora_orchestration.settings.senders import E164

# Seconds for which the phone rings before nobody has answered; Twilio's own default
# (https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource).
RINGS_FOR = 60

# The most that Twilio lists in one answer, and the most that is read of a list.
PAGE_SIZE = 1000
MOST_LISTED = 5000

# Seconds until the messaging service's numbers are asked for again, if none of them can call: an engineer may be at it.
NONE_HOLDS = 10.0

# The most calls that are asked for in a run. Calls are few: each is asked for by its SID, and the others later.
MOST_FETCHED = 50

# The list does not show what was said. So a call is recognised by its numbers and its time alone, and a call that
# somebody else made from our number earlier in the day must not be taken for ours.
CLOCKS_DIFFER_BY = timedelta(minutes=10)

# The direction of calls that a request made. Others begin with `outbound`, too: `outbound-dial` is a call that forwards
# another (https://www.twilio.com/docs/voice/api/call-resource#call-properties).
_MADE_BY_REQUEST = "outbound-api"

# What stands in a call's fingerprint in place of what is said.
_ANY_WORDS = "a call, whatever was said"

_P, _C, _T = Refusal.PERMANENT, Refusal.CONFIGURATION, Refusal.TRANSIENT

# The codes of refused calls, beside those that mean the same as for a text. Each has a page with its causes,
# https://www.twilio.com/docs/api/errors/10004 and so on. Those of SIP trunks (32… but for 32018), of webhooks (11…)
# and of calls under way (21220) do not answer a request that makes a call.
CODES_OF_CALLS = {
    **KNOWN_CODES,
    10001: (_C, "the account is not active"),
    10002: (_C, "a trial account may not do this"),
    10004: (_T, "too many calls at a time for the account"),
    10005: (_C, "calls are disabled for the account"),
    13223: (_P, "the number is not valid"),
    13224: (_P, "the number is not valid, or cannot be called"),
    13225: (_P, "the number may not be called"),
    13226: (_P, "the number's country code is not known"),
    13227: (_P, "calls to the number's region are not enabled"),
    20010: (_C, "the account may not do this"),
    21201: (_P, "no number was given: a mistake of ours"),
    21202: (_P, "the number is a premium number"),
    21203: (_P, "calls to the number's region are not enabled"),
    21205: (_P, "what is to be said is not valid: a mistake of ours"),
    21208: (_P, "the time to ring is not valid: a mistake of ours"),
    21210: (_C, "the sender's number may not call"),
    21213: (_C, "no number to call from is set"),
    21214: (_P, "the number cannot be reached"),
    21215: (_P, "calls to the number's region are not enabled"),
    21216: (_P, "the number may not be called, or the account has no customer profile"),
    21217: (_P, "the number is not valid"),
    21219: (_P, "a trial account calls only numbers that are verified"),
    32018: (_P, "what is to be said is too long"),
    573002: (_P, "a trial account calls this number only from another of its own"),
    573005: (_P, "a trial account calls only numbers that are verified"),
}

_STATES = {
    "completed": State.DELIVERED,
    "busy": State.UNDELIVERED,
    "no-answer": State.UNDELIVERED,
    "failed": State.UNDELIVERED,
    "canceled": State.UNDELIVERED,
}

# By the call's status (https://www.twilio.com/docs/voice/api/call-resource#call-status-values).
_REASONS = {
    "busy": "not answered, the line was busy or the call was declined",
    "no-answer": "not answered, nobody picked up",
    "failed": "not answered, the call could not be put through",
    "canceled": "not answered, the call was cancelled at the phone company",
}


class Voice:
    """Makes calls, and learns the fate of each."""

    name = VOICE
    clocks_differ_by = CLOCKS_DIFFER_BY

    def __init__(self, twilio: Twilio) -> None:
        """Nothing is connected or asked yet."""
        self._twilio = twilio
        self.at_a_time = twilio.at_a_time
        number = twilio.from_number or ""
        self._set_number = number if E164.fullmatch(number) else None
        self._service = messaging_service_of(twilio)

    def cost(self, content: str) -> float:  # noqa: ARG002
        """Return 1: Twilio limits a sender's rate of calls by their number."""
        return 1.0

    def prepare(self) -> None:
        """Ask for the number to call from, if it is one of a messaging service's and not known."""
        with suppress(AccountError):  # `submit` answers it
            self.number()

    def submit(self, to: str, content: str, worth: timedelta) -> Answer:
        """Call the E.164 number `to`, once, say the lines of `content`, and return Twilio's answer. Safe in threads.

        The phone rings for RINGS_FOR seconds, or for as long as the call is `worth` if that is shorter.
        """
        try:
            number = self._known_number()
        except AccountError as error:  # no call was made, whatever kept us from asking
            known = error.answer if isinstance(error.answer, Refused) else None
            return known or Refused(Refusal.TRANSIENT, error.answer.reason, error.answer.code)
        if number is None:
            return Refused(_C, "the sender has no number that can call")
        rings_for = max(1, int(min(worth.total_seconds(), RINGS_FOR)))
        return self._twilio.submit(
            lambda: self._twilio.client.calls.create(to=to, from_=number, twiml=twiml(content), timeout=rings_for),
            CODES_OF_CALLS,
        )

    def recognise(self, salt: bytes, to: str, content: str) -> Sequence[str]:  # noqa: ARG002
        """Return one fingerprint, of the number: the list does not show what was said."""
        return (fingerprint(salt, to, _ANY_WORDS),)

    def listed(self, since: datetime, *, to: str | None = None) -> list[ListedMessage]:
        """Return the calls that we made since then, newest first; with `to`, those to one E.164 number.

        Other systems may call the same people by the same account: only calls by request, from our number, are ours.
        Raises LookUpError, also if that number is not known.
        """
        # The list is not narrowed to a span of time: a call that Twilio has not begun yet has no time of its start.
        wanted = {"from_": self._number_of_ours(), **({"to": to} if to else {})}
        return [
            ListedMessage(provider_id=call.sid, to=call.to or "", content=_ANY_WORDS, created_at=call.date_created)
            for call in made_since(since, self._read(wanted), most=MOST_LISTED)
            if call.direction == _MADE_BY_REQUEST
        ]

    def receipts(self, provider_ids: Iterable[str], *, since: datetime, until: datetime) -> Receipts:  # noqa: ARG002
        """Return the fates of these calls, as far as they are known; of many only of some.

        Raises LookUpError.
        """
        wanted = list(dict.fromkeys(provider_ids))
        some = random.sample(wanted, min(MOST_FETCHED, len(wanted)))
        calls, unknown = fetched(lambda sid: self._twilio.client.calls(sid).fetch(), some)
        receipts = (_receipt(sid, str(call.status)) for sid, call in calls.items())
        return Receipts(known=[one for one in receipts if one], unknown=unknown)

    def number(self) -> str | None:
        """Return the number that calls come from: the one that is set, or the messaging service's first that can call.

        None if there is none. Twilio is asked for the service's numbers now and then. Raises AccountError.
        """
        if self._set_number or not self._service:
            return self._set_number
        numbers = self._service.phone_numbers
        return _first_that_can_call(numbers.read()) or _first_that_can_call(numbers.read(no_older_than=NONE_HOLDS))

    def _known_number(self) -> str | None:
        """Return the same as far as it is known, without asking. Raises AccountError."""
        if self._set_number or not self._service:
            return self._set_number
        return _first_that_can_call(self._service.phone_numbers.known())

    def _number_of_ours(self) -> str:
        """Return the number that calls come from. Raises LookUpError."""
        try:
            number = self.number()
        except AccountError as error:
            raise LookUpError(f"the number that calls come from could not be read: {error}") from None
        if number is None:
            raise LookUpError("the sender has no number that can call, by which its calls could be told from others")
        return number

    def try_to_read(self) -> None:
        """Read the newest call, in Twilio's list and by SID, as look-ups and receipts do. Raises UnreadableError."""
        try_to_read(self._twilio.client.calls)

    def _read(self, wanted: dict[str, str]) -> Iterator[Any]:
        return read(lambda: self._twilio.client.calls.stream(page_size=PAGE_SIZE, limit=MOST_LISTED, **wanted))


def _first_that_can_call(numbers: Sequence[PhoneNumber]) -> str | None:
    return next((one.number for one in numbers if one.can_call), None)


def _receipt(sid: str, status: str) -> Receipt | None:
    """Return the receipt that a call's status is, or None while the call is under way or its status is not known."""
    state = _STATES.get(status)
    return Receipt(provider_id=sid, state=state, why=_REASONS.get(status)) if state else None


@cache
def _voice(twilio: Twilio) -> Voice:
    return Voice(twilio)


def open_voice() -> Voice:
    """Return the channel for calls, set up by TWILIO_…; one a process. Raises SettingError."""
    return _voice(open_twilio())
