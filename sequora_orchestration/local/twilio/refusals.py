"""Refusals of the phone company, of texts, calls and credentials, with the real API's codes and wording.

Here: the refusals that follow from a request alone, and the test numbers that are always refused. Not here: refusals
that a test scripts (`scripted_answers`), and who has opted out (`phone_company`).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LONGEST_BODY = 1600
"""Characters; a longer body is refused with 21617 (https://www.twilio.com/docs/errors/21617)."""

LONGEST_TWIML = 4000
"""Characters; a longer document is refused with 32018 (https://www.twilio.com/docs/api/errors/32018)."""

LONGEST_VALIDITY = 36_000
"""Seconds a text may wait in Twilio's queue (https://www.twilio.com/docs/errors/90007)."""

E164 = re.compile(r"\+[1-9]\d{6,14}")
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{5,6}|(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")

# The real API's test numbers (https://www.twilio.com/docs/iam/test-credentials), and its wording. It quotes the number,
# so that tests notice code that lets such a sentence into a log.
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
REFUSED_SENDERS = {
    "+15005550001": (400, 21212, "The 'From' number {sender} is not a valid phone number or sender ID"),
    "+15005550007": (
        400,
        21606,
        "The 'From' phone number {sender} is not a valid, message-capable Twilio phone number",
    ),
    "+15005550008": (429, 21611, "SMS queue is full"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request, in the API's terms; `retry_after` is in seconds.

    Without a code it is not refused by the API but by a proxy or a firewall before it.
    """

    http_status: int
    code: int | None
    message: str
    retry_after: float | None = None


AUTHENTICATE = Refusal(401, 20003, "Authenticate")
NOT_PERMITTED = Refusal(401, 70051, "Authorization Error")
GATEWAY_TIMEOUT = Refusal(504, 20504, "Gateway Timeout")
TEST_CREDENTIALS = Refusal(403, 20008, "Resource not accessible with Test Account Credentials")


def unsubscribed(to: str) -> Refusal:
    """Return the refusal of a text to a phone that has opted out."""
    code, sentence = _REFUSED_RECIPIENTS["+15005550004"]
    return Refusal(400, code, sentence.format(to=to))


def refusal_of_text(
    to: str, from_: str, messaging_service_sid: str, body: str, validity_period: int | None
) -> Refusal | None:
    """Return the refusal of a text; None if it is taken."""
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
    if from_ in REFUSED_SENDERS:
        http_status, code, sentence = REFUSED_SENDERS[from_]
        yield Refusal(http_status, code, sentence.format(sender=from_))
    if from_ and not _SENDER.fullmatch(from_):
        yield Refusal(400, 21212, f"The 'From' number {from_} is not a valid phone number or sender ID")
    if to in _REFUSED_RECIPIENTS:
        code, sentence = _REFUSED_RECIPIENTS[to]
        yield Refusal(400, code, sentence.format(to=to))
    if not E164.fullmatch(to):
        yield Refusal(400, 21211, f"Invalid 'To' Phone Number: {to}")


# The real API's test numbers for calls (https://www.twilio.com/docs/iam/test-credentials#test-calls).
_UNCALLABLE = {
    "+15005550001": (21217, "Phone number does not appear to be valid: {to}"),
    "+15005550002": (21214, "'To' phone number cannot be reached: {to}"),
    "+15005550003": (21215, "Account not authorized to call {to}"),
    "+15005550004": (21216, "Account not allowed to call {to}"),
}


def refusal_of_call(to: str, from_: str, twiml: str, *, owns: Callable[[str], bool]) -> Refusal | None:
    """Return the refusal of a call; None if it is made. `owns` tells whether a number is the account's."""
    return next(_objections_to_call(to, from_, twiml, owns), None)


def _objections_to_call(to: str, from_: str, twiml: str, owns: Callable[[str], bool]) -> Iterator[Refusal]:
    if not to:
        yield Refusal(400, 21201, "No 'To' number is specified")
    if not from_:
        yield Refusal(400, 21213, "No 'From' number is specified")
    if not twiml:
        yield Refusal(400, 21205, "Url parameter is required.")
    if len(twiml) > LONGEST_TWIML:
        yield Refusal(400, 32018, f"Twiml size exceeded maximum allowed value of {LONGEST_TWIML} characters")
    if not E164.fullmatch(from_):
        yield Refusal(400, 21212, f"The 'From' number {from_} is not a valid phone number")
    if not owns(from_):
        yield Refusal(400, 21210, f"The source phone number provided, {from_}, is not yet verified for your account.")
    if to in _UNCALLABLE:
        code, sentence = _UNCALLABLE[to]
        yield Refusal(400, code, sentence.format(to=to))
    if not E164.fullmatch(to):
        yield Refusal(400, 21211, f"Invalid 'To' Phone Number: {to}")
