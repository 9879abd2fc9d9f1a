"""Calls, by Twilio: making them, listing them, and learning whether they were answered.

What is said goes along with the request (TwiML), so Twilio asks no webhook for it. A call that is answered proves
little: an answering machine answers, too. Not here: the lines that are said (`messages/nurse_call.py`).
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any

from twilio.twiml.voice_response import VoiceResponse

from sequora_orchestration.channels.channel import ListedMessage, Receipts
from sequora_orchestration.channels.records import fetched, made_by_us_since, read
from sequora_orchestration.channels.twilio import NOT_FOUND, AccountError, Twilio, open_twilio, raising_account_errors
from sequora_orchestration.domain.answers import KNOWN_CODES, Answer, Refusal, Refused
from sequora_orchestration.domain.doubt import fingerprint
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import VOICE
from sequora_orchestration.domain.receipts import Receipt
from sequora_orchestration.domain.spoken import spoken_lines
from sequora_orchestration.settings.senders import E164

# All lines are said so often: whoever picks up has to put the phone to the ear first.
TIMES_SAID = 2

# Seconds of silence before the lines are said, each time.
PAUSE = 1

# Seconds for which the phone rings before nobody has answered; Twilio's own default
# (https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource).
RINGS_FOR = 60

# The most that Twilio lists in one answer, and the most that is read of a list.
PAGE_SIZE = 1000
MOST_LISTED = 5000

# A messaging service has at most so many numbers (https://www.twilio.com/docs/messaging/services).
MOST_NUMBERS = 400

# The most calls that are asked for in a run. Calls are few: each is asked for by its SID, and the others later.
MOST_FETCHED = 50

# The list does not show what was said. So a call is recognised by its number and its time alone, and a call that
# somebody else made from our number earlier in the day must not be taken for ours.
CLOCKS_DIFFER_BY = timedelta(minutes=10)

# What stands in a call's fingerprint in place of what is said.
_ANY_WORDS = "a call, whatever was said"

_P, _C, _T = Refusal.PERMANENT, Refusal.CONFIGURATION, Refusal.TRANSIENT

# The codes of refused calls, beside those that mean the same as for a text. Each has a page with its causes,
# https://www.twilio.com/docs/api/errors/10004 and so on. Those of SIP trunks (32…), of webhooks (11…) and of calls
# under way (21220) do not answer a request that makes a call.
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

    def cost(self, content: str) -> float:  # noqa: ARG002
        """Return 1: Twilio limits a sender's rate of calls by their number."""
        return 1.0

    def submit(self, to: str, content: str, worth: timedelta) -> Answer:
        """Call the E.164 number `to`, once, say the lines of `content`, and return Twilio's answer. Safe in threads.

        The phone rings for RINGS_FOR seconds, or for as long as the call is `worth` if that is shorter.
        """
        try:
            number = self._number
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

        Raises LookUpError.
        """
        # The list is not narrowed to a span of time: a call that Twilio has not begun yet has no time of its start.
        wanted = {"to": to} if to else {}
        if self._is_number:
            wanted["from_"] = self._twilio.from_number or ""
        return [
            ListedMessage(provider_id=call.sid, to=call.to or "", content=_ANY_WORDS, created_at=call.date_created)
            for call in made_by_us_since(since, self._read(wanted), most=MOST_LISTED)
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
        """Return the number that calls come from: our sender's, or the first of its messaging service that can call.

        None if there is none. Twilio is asked about a messaging service once a process. Raises AccountError.
        """
        return self._number

    @property
    def _is_number(self) -> bool:
        """Whether texts come from one number, and so do calls."""
        number = self._twilio.from_number
        return not self._twilio.messaging_service_sid and bool(E164.fullmatch(number or ""))

    @cached_property
    def _number(self) -> str | None:
        if self._is_number:
            return self._twilio.from_number
        return self._number_of_service(sid) if (sid := self._twilio.messaging_service_sid) else None

    def _number_of_service(self, sid: str) -> str | None:
        try:
            with raising_account_errors():
                numbers = self._twilio.client.messaging.v1.services(sid).phone_numbers.list(limit=MOST_NUMBERS)
        except AccountError as error:
            if error.answer.code == NOT_FOUND:
                return None
            raise
        can_call = (one for one in numbers if "voice" in map(str.lower, one.capabilities or ()))
        return next((str(one.phone_number) for one in can_call), None)

    def _read(self, wanted: dict[str, str]) -> Iterator[Any]:
        return read(lambda: self._twilio.client.calls.stream(page_size=PAGE_SIZE, limit=MOST_LISTED, **wanted))


def twiml(content: str) -> str:
    """Return the document that has Twilio say the lines of `content`, each in its language (`domain/spoken.py`)."""
    response = VoiceResponse()
    for _ in range(TIMES_SAID):
        response.pause(length=PAUSE)
        for line in spoken_lines(content):
            response.say(line.words, language=line.language)
    return str(response)


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
