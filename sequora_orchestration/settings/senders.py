"""Twilio's SIDs and the senders of texts in settings: numbers, short codes, names.

Here: refusing a wrong value, with the value that was most probably meant. Not here: the settings (`twilio`).
"""

import re
from typing import Annotated

from pydantic import AfterValidator

# The SIDs that are most easily confused in Twilio's console: their prefix, and whose they are.
_SIDS = {"AC": "an account", "SK": "an API key", "MG": "a messaging service", "PN": "a phone number"}

# All SIDs have this form, but a stand-in for Twilio may use any other.
_ANY_SID = re.compile(r"[A-Z]{2}[\da-fA-F]{32}")


def _sid(kind: str) -> AfterValidator:
    """Refuse a SID that certainly belongs to something else."""

    def check(value: str) -> str:
        begins = value[:2]
        if begins != kind and (begins in _SIDS or _ANY_SID.fullmatch(value)):
            whose = _SIDS.get(begins, "something else")
            raise ValueError(f"is the SID of {whose} ({begins}…), not of {_SIDS[kind]} ({kind}…)")
        return value

    return AfterValidator(check)


def _messaging_service_sid(value: str) -> str:
    if not value.startswith("MG"):
        raise ValueError("is not the SID of a messaging service (MG…)")
    return value


E164 = re.compile(r"\+[1-9]\d{6,14}")
"""A phone number with its country's code (https://www.twilio.com/docs/glossary/what-e164)."""

SHORT_CODE = re.compile(r"\d{3,8}")
"""A number that works in one country only; in the US it has five or six digits."""

SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")
"""A name in place of a number (https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id)."""

# `whatsapp:+12025550100`, `messenger:…`, `rcs:…`: senders of Twilio's other channels.
_OF_ANOTHER_CHANNEL = re.compile(r"[A-Za-z]+:.*", re.DOTALL)

# A value of digits, spaces and punctuation is no secret: an error may propose the number that was meant.
_LIKE_A_NUMBER = re.compile(r"[\d\s()+./\-\u2010-\u2015]+")


def _sender(value: str) -> str:
    if E164.fullmatch(value) or SHORT_CODE.fullmatch(value) or SENDER_NAME.fullmatch(value):
        return value
    if _OF_ANOTHER_CHANNEL.fullmatch(value):
        raise ValueError("names a sender of another channel than SMS, and texts are all that is sent")
    if _LIKE_A_NUMBER.fullmatch(value):
        proposed = _proposed_number(value)
        raise ValueError("is not in E.164" + (f", as {proposed} would be" if proposed else ""))
    raise ValueError("is neither a number in E.164, nor a short code, nor a name that texts can come from")


def _proposed_number(value: str) -> str | None:
    """Return the E.164 number that was most probably meant; without a country's code, a number of the US or Canada."""
    digits = re.sub(r"\D", "", value)
    if not value.startswith("+"):
        national = re.fullmatch(r"1?([2-9]\d{9})", digits)
        digits = f"1{national[1]}" if national else re.sub(r"^(00|011)", "", digits)
    return f"+{digits}" if E164.fullmatch(f"+{digits}") else None


AccountSid = Annotated[str, _sid("AC")]
ApiKeySid = Annotated[str, _sid("SK")]
MessagingServiceSid = Annotated[str, _sid("MG"), AfterValidator(_messaging_service_sid)]
TextSender = Annotated[str, AfterValidator(_sender)]
