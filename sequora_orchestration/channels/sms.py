"""Texts, by Twilio: sent, listed, and what became of them."""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import Any

from twilio.base.exceptions import TwilioRestException

from sequora_orchestration.channels.channel import ListedMessage, LookUpError, Receipts
from sequora_orchestration.channels.twilio import NOT_FOUND, Twilio, open_twilio, unless_not_found, unreadable
from sequora_orchestration.domain.answers import Answer
from sequora_orchestration.domain.canonical_text import TRIAL_PREFIX
from sequora_orchestration.domain.doubt import canonical_fingerprint, fingerprint
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.domain.receipts import receipt

# The most that Twilio lists in one answer, and that is read of a list: a look that has not seen all is no proof.
PAGE_SIZE = 1000
MOST_LISTED = 5000

# The list is in the order of sending, which texts that waited for their turn disturb: after so many that are too old,
# none that is young enough follows.
OLDER_IN_A_ROW = 50

# Up to so many receipts are asked for one by one; of more, the list is read first.
FEW_RECEIPTS = 10

# Bounds of Twilio's own (https://www.twilio.com/docs/messaging/api/message-resource#message-properties).
SHORTEST_VALIDITY, LONGEST_VALIDITY = timedelta(seconds=60), timedelta(hours=10)

# What Twilio shows of a number or a body that an account has redacted.
REDACTED = re.compile(r"(\+\d*X{4}|\W*redacted\W*|)", re.IGNORECASE)


class Sms:
    """Sends texts and says what became of each."""

    name = SMS

    def __init__(self, twilio: Twilio) -> None:
        """Nothing is connected yet."""
        self._twilio = twilio
        self.at_a_time = twilio.at_a_time
        # The SDK imports what is behind `messages` when it is first asked for it: now, not with the first text.
        self._messages = twilio.client.messages
        service_sid, number = twilio.messaging_service_sid, twilio.from_number
        self._sender = {"messaging_service_sid": service_sid} if service_sid else {"from_": number}

    def cost(self, content: str) -> float:
        """Return how many segments a text has: by them Twilio counts, and limits a sender's rate."""
        return segments(content)

    def submit(self, to: str, content: str, worth: timedelta) -> Answer:
        """Send a text to the E.164 number `to`, once, and return what is known of it. Safe to call from threads.

        What could not be sent within the time that it is `worth` arriving, Twilio drops.
        """
        validity = int(min(max(worth, SHORTEST_VALIDITY), LONGEST_VALIDITY).total_seconds())
        return self._twilio.submit(
            lambda: self._messages.create(to=to, body=content, validity_period=validity, **self._sender)
        )

    def recognise(self, salt: bytes, to: str, content: str) -> Sequence[str]:
        """Return what a text is found by: number and body; or what of the body Twilio does not change."""
        return fingerprint(salt, to, content), canonical_fingerprint(salt, to, content)

    def listed(self, since: datetime, *, to: str | None = None) -> list[ListedMessage]:
        """Return the texts that we sent since then, newest first; with `to`, those to one E.164 number.

        Raises LookUpError.
        """
        # Twilio is not asked for a span of time: a text that it has not sent yet has no time of sending.
        texts: list[ListedMessage] = []
        read = older_in_a_row = 0
        # Where no recipient is given, the list is narrowed to the number that our texts come from, if there is one.
        ours = {name: value for name, value in self._sender.items() if name == "from_"}
        for message in self._read({"to": to} if to else ours):
            read += 1
            is_older = message.date_created and message.date_created < since
            older_in_a_row = older_in_a_row + 1 if is_older else 0
            if older_in_a_row == OLDER_IN_A_ROW:
                return texts
            if not is_older and str(message.direction or "outbound").startswith("outbound") and message.sid:
                texts.append(_listed(message))
        if read == MOST_LISTED:
            raise LookUpError("the phone company's list is too long to be read whole")
        return texts

    def receipts(self, provider_ids: Iterable[str], *, since: datetime, until: datetime) -> Receipts:
        """Return what became of these texts, all sent between two moments, as far as it is known.

        Raises LookUpError.
        """
        wanted = list(dict.fromkeys(provider_ids))
        messages: dict[str, Any] = {}
        if len(wanted) > FEW_RECEIPTS:
            # A minute more on each side, for clocks differ; and an hour after, for a text may have waited for its turn.
            span = {"date_sent_after": since - timedelta(minutes=1), "date_sent_before": until + timedelta(hours=1)}
            messages = {message.sid: message for message in self._read(span)}
        # What the list does not show (its clock may be hours off) is asked for by name, some of it each time.
        missing = [one for one in wanted if one not in messages]
        fetched, unknown = self._fetched(random.sample(missing, min(FEW_RECEIPTS, len(missing))), messages)
        found = (fetched[one] for one in wanted if one in fetched)
        receipts = (receipt(one.sid, str(one.status), one.error_code) for one in found)
        return Receipts(known=[one for one in receipts if one], unknown=unknown)

    def _fetched(self, sids: Sequence[str], already: dict[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
        """Return what Twilio has of texts, with what was read already, and which it does not know.

        Raises LookUpError where there is nothing to return.
        """
        messages, unknown = dict(already), set[str]()
        trouble: LookUpError | None = None
        for sid in sids:
            try:
                messages[sid] = self._messages(sid).fetch()
            except TwilioRestException as error:  # of this one alone: the others may be known all the same
                # A gateway may find nothing either; only Twilio gives its code with it.
                if error.status == HTTPStatus.NOT_FOUND and error.code == NOT_FOUND:
                    unknown.add(sid)
                else:
                    trouble = _about_one(error)
            except Exception as error:  # noqa: BLE001  # the SDK raises anything
                raise unreadable(error) from None
        if trouble and not messages and not unknown:
            raise trouble
        return messages, frozenset(unknown)

    def try_to_read(self) -> None:
        """Read the newest text of Twilio's list, there and by name, as look-ups and receipts do.

        Raises UnreadableError.
        """
        try:
            for message in self._messages.list(page_size=1, limit=1):
                with unless_not_found():
                    self._messages(message.sid).fetch()
        except Exception as error:  # noqa: BLE001  # the SDK raises anything, with the number in it
            raise unreadable(error) from None

    def _read(self, wanted: dict[str, Any]) -> Iterator[Any]:
        try:
            yield from self._messages.stream(page_size=PAGE_SIZE, limit=MOST_LISTED, **wanted)
        except Exception as error:  # noqa: BLE001  # the SDK raises anything, with the number in it
            raise unreadable(error) from None


def _listed(message: Any) -> ListedMessage:
    to, body = message.to or "", message.body or ""
    is_shown = not (REDACTED.fullmatch(to) or REDACTED.fullmatch(body))
    return ListedMessage(
        provider_id=message.sid,
        to=to,
        content=body.removeprefix(TRIAL_PREFIX) if is_shown else None,
        created_at=message.date_created,
    )


def _about_one(error: TwilioRestException) -> LookUpError:
    """Return what it means that one text could not be read: if Twilio does not know it, it may know others."""
    if error.status == HTTPStatus.NOT_FOUND:
        return LookUpError("the phone company does not know the text")
    return unreadable(error)


@cache
def _sms(twilio: Twilio) -> Sms:
    return Sms(twilio)


def open_sms() -> Sms:
    """Return the channel for texts, as TWILIO_… says; one a process. Raises SettingError."""
    return _sms(open_twilio())
