"""The API keys of the account, and the permissions of each.

Not here: the account's own credentials (`phone_company`).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sequora_orchestration.local.twilio.refusals import AUTHENTICATE, NOT_PERMITTED, Refusal


class Permission(Enum):
    """A permission that an API key may have."""

    SEND = "send texts"
    LIST = "list texts"
    FETCH = "fetch a text by its SID"
    CALL = "make calls"
    LIST_CALLS = "list calls"
    FETCH_CALL = "fetch a call by its SID"
    SETUP = "see the account's numbers and messaging services"
    ACCOUNT = "see the account itself"


STANDARD_KEY = frozenset(Permission) - {Permission.ACCOUNT}
"""The permissions of a standard API key; a main key has all, and a restricted key those that it was given."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key of the account."""

    secret: str
    may: frozenset[Permission] = STANDARD_KEY


def refusal_of_key(keys: Mapping[str, ApiKey], sid: str, secret: str, wants: Permission) -> Refusal | None:
    """Return the refusal of a request with this key, if it is none of these by SID, or lacks the permission."""
    key = keys.get(sid)
    if key is None or not hmac.compare_digest(secret.encode(), key.secret.encode()):
        return AUTHENTICATE
    if wants in key.may:
        return None
    # Only a main key may see the account: to others the real API answers as if it did not know the key.
    return AUTHENTICATE if wants is Permission.ACCOUNT else NOT_PERMITTED
