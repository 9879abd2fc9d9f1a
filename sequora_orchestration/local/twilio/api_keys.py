"""The API keys of the account, and what each may do.

Not here: whether a request's credentials are right (`phone_company`).
"""

from dataclasses import dataclass
from enum import Enum


class Permission(Enum):
    """What an API key may be let do."""

    SEND = "send texts"
    LIST = "list texts"
    FETCH = "fetch a text by its SID"
    SETUP = "see the account's numbers and messaging services"
    ACCOUNT = "see the account itself"


STANDARD_KEY = frozenset(Permission) - {Permission.ACCOUNT}
"""What a standard API key may do; a main one may do everything, a restricted one what it was given."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key of the account."""

    secret: str
    may: frozenset[Permission] = STANDARD_KEY
