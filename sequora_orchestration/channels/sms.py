"""Texts, by Twilio: sending them, listing them, and reading their receipts."""

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from sequora_orchestration.channels.channel import ListedMessage, LookUpError, Receipts, ReceivedMessage, TooLongError
from sequora_orchestration.channels.messaging_service import MessagingService, messaging_service_of
from sequora_orchestration.channels.records import OLDER_IN_A_ROW, fetched, made_since, read, try_to_read
from sequora_orchestration.channels.twilio import AccountError, Twilio, open_twilio
from sequora_orchestration.domain.answers import Answer
from sequora_orchestration.domain.canonical_text import TRIAL_PREFIX
from sequora_orchestration.domain.doubt import CLOCKS_DIFFER_BY, canonical_fingerprint, fingerprint
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.domain.receipts import receipt
from sequora_orchestration.domain.reconciliation import SentText
from sequora_orchestration.settings.senders import SENDER_NAME

# The most that Twilio lists in one answer, and the most that is read of a list: only a list read to its end is proof.
PAGE_SIZE = 1000
MOST_LISTED = 5000

# The most that is read of a day's list, which may have all texts of the account in it: 200 pages, some minutes.
MOST_OF_A_DAY = 200_000

# Up to so many numbers of a messaging service have their texts listed one number after another. If they are more, or
# not known, all texts of the account are listed: that is what ANY_NUMBER stands for.
FEW_NUMBERS = 5
ANY_NUMBER = ""

# Few texts come in between two looks: a small page is answered soon.
RECEIVED_PAGE_SIZE = 50

# Up to this many receipts are asked for one by one; for more, the list is read first.
FEW_RECEIPTS = 10

# Bounds of Twilio's own (https://www.twilio.com/docs/messaging/api/message-resource#message-properties).
SHORTEST_VALIDITY, LONGEST_VALIDITY = timedelta(seconds=60), timedelta(hours=10)

# The directions of texts that a request made; others begin with `outbound`, too: a webhook's answers, and calls'
# (https://www.twilio.com/docs/messaging/api/message-resource#message-properties).
BY_REQUEST = "outbound-api"

# A number or a body that Twilio shows redacted, because the account is set so.
REDACTED = re.compile(r"(\+\d*X{4}|\W*redacted\W*|)", re.IGNORECASE)


class Sms:
    """Sends texts, and reads the fate of each."""

    name = SMS
    clocks_differ_by = CLOCKS_DIFFER_BY

    def __init__(self, twilio: Twilio) -> None:
        """Nothing is connected yet."""
        self._twilio = twilio
        self.at_a_time = twilio.at_a_time
        # The SDK imports the modules behind `messages` at its first use: better now than with the first text.
        self._messages = twilio.client.messages
        service_sid, number = twilio.messaging_service_sid, twilio.from_number
        self._service = messaging_service_of(twilio)
        self._sender = {"messaging_service_sid": service_sid} if service_sid else {"from_": number}

    def cost(self, content: str) -> float:
        """Return how many segments a text has: Twilio limits a sender's rate by segments."""
        return segments(content)

    def prepare(self) -> None:
        """Do nothing: all that a text needs is set."""

    def submit(self, to: str, content: str, worth: timedelta) -> Answer:
        """Send a text to the E.164 number `to`, once, and return Twilio's answer. Safe to call from threads.

        Twilio drops the text if it cannot send it within the time for which it is `worth` arriving.
        """
        validity = int(min(max(worth, SHORTEST_VALIDITY), LONGEST_VALIDITY).total_seconds())
        return self._twilio.submit(
            lambda: self._messages.create(to=to, body=content, validity_period=validity, **self._sender)
        )

    def recognise(self, salt: bytes, to: str, content: str) -> Sequence[str]:
        """Return two fingerprints: of number and body, and of number and the parts of the body that Twilio leaves."""
        return fingerprint(salt, to, content), canonical_fingerprint(salt, to, content)

    def listed(self, since: datetime, *, to: str | None = None) -> list[ListedMessage]:
        """Return the texts that we sent since then, newest first; with `to`, those to one E.164 number.

        Raises LookUpError.
        """
        # The list is not narrowed to a span of time: a text that Twilio has not sent yet has no time of sending.
        # Without a recipient, it is narrowed to the number of our sender, if it is a number.
        ours = {name: value for name, value in self._sender.items() if name == "from_"}
        messages = made_since(since, self._read({"to": to} if to else ours), most=MOST_LISTED)
        # Sent by request, or in answer to a text that came in.
        return [_listed(one) for one in messages if str(one.direction or "outbound").startswith("outbound")]

    def receipts(self, provider_ids: Iterable[str], *, since: datetime, until: datetime) -> Receipts:
        """Return the fates of these texts, all sent between the two moments, as far as they are known.

        Raises LookUpError.
        """
        wanted = list(dict.fromkeys(provider_ids))
        messages: dict[str, Any] = {}
        if len(wanted) > FEW_RECEIPTS:
            # A minute earlier, for clocks differ; and an hour later, for a text may have waited for its turn.
            span = {"date_sent_after": since - timedelta(minutes=1), "date_sent_before": until + timedelta(hours=1)}
            messages = {message.sid: message for message in self._read(span)}
        # Texts that the list does not show (its clock may be hours off) are asked for by SID, a few each time.
        missing = [one for one in wanted if one not in messages]
        some = random.sample(missing, min(FEW_RECEIPTS, len(missing)))
        messages, unknown = fetched(lambda sid: self._messages(sid).fetch(), some, messages)
        found = (messages[one] for one in wanted if one in messages)
        receipts = (receipt(one.sid, str(one.status), one.error_code) for one in found)
        return Receipts(known=[one for one in receipts if one], unknown=unknown)

    def received(self, number: str, since: datetime) -> Iterator[Sequence[ReceivedMessage]]:
        """Yield the texts that people have sent to that number of ours since then, page by page, newest first.

        Raises LookUpError.
        """
        texts: list[ReceivedMessage] = []
        older_in_a_row = 0
        wanted = {"to": number} if number else {}
        ours = _known_numbers(self._service) if self._service and number == ANY_NUMBER else None
        messages = read(lambda: self._messages.stream(page_size=RECEIVED_PAGE_SIZE, **wanted))
        for place, message in enumerate(messages):
            if place and place % RECEIVED_PAGE_SIZE == 0:
                yield texts
                texts = []
            moment = message.date_sent or message.date_created
            older_in_a_row = older_in_a_row + 1 if moment and moment < since else 0
            if older_in_a_row == OLDER_IN_A_ROW:
                break
            is_ours = not ours or message.to in ours
            if message.direction != "inbound" or not message.sid or not moment or moment < since or not is_ours:
                continue
            texts.append(
                ReceivedMessage(
                    provider_id=message.sid,
                    number=str(message.from_ or ""),
                    body=str(message.body or ""),
                    received_at=moment,
                )
            )
        yield texts

    def sent_between(self, since: datetime, until: datetime) -> Iterator[Sequence[SentText]]:
        """Yield the texts that went out from our sender from `since` on and before `until`, page by page.

        A text that was not sent (yet) goes by the time of its creation. Raises LookUpError, or TooLongError.
        """
        # Both bounds count as inside, to the second: what lies on the last belongs to the span after this one.
        ours = {name: value for name, value in self._sender.items() if name == "from_"}
        wanted = {"date_sent_after": since, "date_sent_before": until, **ours}
        texts: list[SentText] = []
        messages = read(lambda: self._messages.stream(page_size=PAGE_SIZE, limit=MOST_OF_A_DAY, **wanted))
        for place, message in enumerate(messages, start=1):
            if (text := _sent(message)) and self._is_from_us(message) and since <= text.at < until:
                texts.append(text)
            if place == MOST_OF_A_DAY:
                raise TooLongError(
                    f"the phone company's list has more than {MOST_OF_A_DAY - 1} texts: too long to be read"
                )
            if place % PAGE_SIZE == 0:
                yield texts
                texts = []
        yield texts

    def unknown(self, provider_ids: Iterable[str]) -> frozenset[str]:
        """Return those of these texts that Twilio does not know, asking for each by its SID.

        Raises LookUpError, also if it does not answer about some: neither known nor unknown, they would go unnoticed.
        """
        wanted = frozenset(provider_ids)
        known, unknown = fetched(lambda sid: self._messages(sid).fetch(), sorted(wanted))
        if silent := wanted - known.keys() - unknown:
            raise LookUpError(
                f"the phone company does not answer about {len(silent)} of {len(wanted)} texts that its list of the "
                "day does not show"
            )
        return unknown

    def _is_from_us(self, message: Any) -> bool:
        service = self._twilio.messaging_service_sid
        return not service or message.messaging_service_sid == service

    def written_to(self) -> Sequence[str]:
        """Return the numbers that people write to: ours, or those of our messaging service; ANY_NUMBER for many.

        It never raises: while the service's numbers are not known, all texts of the account are to be listed.
        """
        if self._service is None:
            number = self._twilio.from_number or ""
            return [] if SENDER_NAME.fullmatch(number) else [number]  # nobody can write to a name
        try:
            self._service.phone_numbers.read()
            self._service.short_codes.read()
        except AccountError:
            return [ANY_NUMBER]
        numbers = _known_numbers(self._service)
        return numbers if 0 < len(numbers) <= FEW_NUMBERS else [ANY_NUMBER]

    def try_to_read(self) -> None:
        """Read the newest text, in Twilio's list and by SID, as look-ups and receipts do.

        Raises UnreadableError.
        """
        try_to_read(self._messages)

    def _read(self, wanted: dict[str, Any]) -> Iterator[Any]:
        return read(lambda: self._messages.stream(page_size=PAGE_SIZE, limit=MOST_LISTED, **wanted))


def _known_numbers(service: MessagingService) -> list[str]:
    """Return all numbers of the service, as they are known; none while some of them are not."""
    try:
        return [*(one.number for one in service.phone_numbers.known()), *service.short_codes.known()]
    except AccountError:
        return []


def _listed(message: Any) -> ListedMessage:
    to, body = message.to or "", message.body or ""
    is_shown = not (REDACTED.fullmatch(to) or REDACTED.fullmatch(body))
    return ListedMessage(
        provider_id=message.sid,
        to=to,
        content=body.removeprefix(TRIAL_PREFIX) if is_shown else None,
        created_at=message.date_created,
    )


def _sent(message: Any) -> SentText | None:
    """Return a text that went out, or is to; None for one that came in."""
    at = message.date_sent or message.date_created
    direction = str(message.direction or BY_REQUEST)
    if not message.sid or not at or not direction.startswith("outbound"):
        return None
    to, body = message.to or "", message.body or ""
    is_shown = not (REDACTED.fullmatch(to) or REDACTED.fullmatch(body))
    return SentText(
        provider_id=message.sid,
        to=to,
        body=body.removeprefix(TRIAL_PREFIX) if is_shown else None,
        at=at.replace(tzinfo=at.tzinfo or UTC),
        status=str(message.status),
        code=message.error_code,
        segments=int(message.num_segments) if str(message.num_segments).isdecimal() else 0,
        price=_price(message.price),
        currency=str(message.price_unit or "").upper(),
        is_by_request=direction == BY_REQUEST,
    )


def _price(given: Any) -> Decimal | None:
    """Return a price as a positive amount: Twilio books it as a negative one, when it is known."""
    try:
        amount = abs(Decimal(str(given)))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


@cache
def _sms(twilio: Twilio) -> Sms:
    return Sms(twilio)


def open_sms() -> Sms:
    """Return the channel for texts, set up by TWILIO_…; one a process. Raises SettingError."""
    return _sms(open_twilio())
