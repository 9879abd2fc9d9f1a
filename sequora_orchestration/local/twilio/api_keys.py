"""The API keys of the account, and the permissions of each.

Not here: whether a request's credentials are right (`phone_company`).
"""

from dataclasses import dataclass
from enum import Enum


class Permission(Enum):
    """A permission that an API key may have."""

    SEND = "send texts"
    LIST = "list texts"
    FETCH = "fetch a text by its SID"
    SETUP = "see the account's numbers and messaging services"
    ACCOUNT = "see the account itself"


STANDARD_KEY = frozenset(Permission) - {Permission.ACCOUNT}
"""The permissions of a standard API key; a main key has all, and a restricted key those that it was given."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key of the account."""

    secret: str
    may: frozenset[Permission] = STANDARD_KEY
