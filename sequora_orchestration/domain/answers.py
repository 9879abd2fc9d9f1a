"""The meaning of the phone company's answers for a text: one table, and its default.

The codes are Twilio's (https://www.twilio.com/docs/api/errors). They change, and the table is only a shortcut: a
refusal that is not in it is judged in the ledger, by the fate of other texts meanwhile. What some codes mean for
another channel stands with that channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from http import HTTPStatus


class Refusal(Enum):
    """Why a text certainly did not go out, which decides what may be done next."""

    PERMANENT = "permanent"
    """This text to this number will never be taken; do not try again."""

    CONFIGURATION = "configuration"
    """No text at all will be taken until an engineer mends something on our side."""

    UNKNOWN = "unknown"
    """Nobody knows whether the refusal is about this number or about us: if others go out, it is about this one."""

    TRANSIENT = "transient"
    """Not now; it is safe to try again."""

    UNREACHABLE = "unreachable"
    """The phone company could not be asked at all; it is safe to try again."""

    @property
    def speaks_against_the_text(self) -> bool:
        """Whether the refusal may be about this text alone: the phone company was asked, and does not want it."""
        return self in {Refusal.CONFIGURATION, Refusal.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The phone company has the message, under this id of its own."""

    provider_id: str
    at: datetime | None = field(default=None, compare=False)
    """When it accepted it, by its own clock, if it says so."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The phone company certainly does not have the text."""

    refusal: Refusal
    reason: str
    code: int | None = None
    retry_after: float | None = None
    """Seconds for which the phone company wants no further request, where it said so."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nobody knows whether the phone company has the text."""

    reason: str
    code: int | None = None
    is_error_answer: bool = False
    """Whether the phone company itself answered with an error: then it most probably does not have the text."""


Answer = Accepted | Refused | Unclear

_P, _C, _T = Refusal.PERMANENT, Refusal.CONFIGURATION, Refusal.TRANSIENT

# Twilio does not know the caller; or a standard API key asks for a resource that only a main key may read
# (/Accounts/{sid}.json).
WRONG_CREDENTIALS = 20003

# Test credentials may do only a few things, and the request is none of them.
TEST_CREDENTIALS = 20008

# A restricted API key lacks the permission (https://www.twilio.com/docs/iam/api-keys/restricted-api-keys).
API_KEY_MAY_NOT = 70051

# The recipient has replied STOP to this sender; Twilio keeps refusing until she replies START.
OPTED_OUT = 21610

KNOWN_CODES: dict[int, tuple[Refusal, str]] = {
    WRONG_CREDENTIALS: (_C, "the account SID, the auth token or the API key is wrong"),
    20005: (_C, "the account is not active"),
    20006: (_C, "the account may not do this"),
    TEST_CREDENTIALS: (_C, "test credentials: nothing is sent"),
    20403: (_C, "the account may not do this"),
    20404: (_C, "the account SID is not known"),
    20429: (_T, "too many requests"),
    21211: (_P, "the number is not valid"),
    21212: (_C, "the sender's number is not valid"),
    21265: (_P, "the number is a short code"),
    21408: (_P, "texts to the number's region are not enabled"),
    21602: (_P, "the text was empty: a mistake of ours"),
    21603: (_C, "no sender is set"),
    21604: (_P, "no number was given: a mistake of ours"),
    21606: (_C, "the sender's number may not send texts"),
    21609: (_P, "the status callback is not valid: a mistake of ours"),
    OPTED_OUT: (_P, "opted out: the number has replied STOP"),
    21611: (_T, "the sender's queue is full"),
    21612: (_P, "there is no route from the sender to the number"),
    21614: (_P, "landline: the number cannot receive texts"),
    21617: (_P, "the text is too long"),
    21619: (_P, "the text has no content: a mistake of ours"),
    21635: (_P, "landline: the number cannot receive texts"),
    21659: (_C, "the sender's number does not belong to the account"),
    21660: (_C, "the sender's number does not match the account"),
    21661: (_C, "the sender's number cannot send texts"),
    21701: (_C, "the messaging service does not exist"),
    21703: (_C, "the messaging service has no number to send from"),
    21704: (_C, "the messaging service has no numbers"),
    21705: (_C, "the messaging service is not known"),
    30002: (_C, "the account is suspended"),
    API_KEY_MAY_NOT: (_C, "the API key may not do this"),
}

# Without a code of Twilio's, something before Twilio lets nobody through.
_NOBODY_GETS_THROUGH = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    }
)


def judge(
    http_status: int, code: int | None, known_codes: Mapping[int, tuple[Refusal, str]] = KNOWN_CODES
) -> Refused | Unclear:
    """Return what an error answer means: its HTTP status, and Twilio's code where it gave one."""
    if code is not None and code in known_codes:
        refusal, reason = known_codes[code]
        return Refused(refusal, reason, code)
    reason = f"the phone company answered HTTP {http_status}"
    if http_status >= HTTPStatus.INTERNAL_SERVER_ERROR or http_status == HTTPStatus.REQUEST_TIMEOUT:
        return Unclear(reason, code, is_error_answer=code is not None)
    if http_status == HTTPStatus.TOO_MANY_REQUESTS:
        return Refused(Refusal.TRANSIENT, reason, code)
    if http_status < HTTPStatus.BAD_REQUEST or (code is None and http_status in _NOBODY_GETS_THROUGH):
        return Refused(Refusal.CONFIGURATION, reason, code)
    return Refused(Refusal.UNKNOWN, reason, code)
