"""Who is told when a nurse does not act, or cannot be reached."""

from collections.abc import Mapping
from datetime import timedelta

from sequora_orchestration.domain.answers import KNOWN_CODES, Refusal
from sequora_orchestration.domain.care import User

# The people of a role are told only if nobody of the role before can be told.
ROLES_IN_ORDER = ("SUPERVISOR", "ADMIN")

# For this time a person whom a text just failed to reach is passed over, in favour of the next. After it even a person
# whose number was refused for good is tried again, for the number may have been corrected.
PASSED_OVER_FOR = timedelta(minutes=5)
PASSED_OVER_FOR_GOOD = timedelta(hours=1)

# While there is nobody to tell, each pause until the next try is as long as all tries so far took, within these bounds.
NOBODY_PAUSES = (timedelta(minutes=1), timedelta(minutes=5))


def whom_to_tell(numbers: Mapping[User, str]) -> list[str]:
    """Return the ids of the people to tell, of those who can be reached under these numbers: supervisors, else admins.

    If several people share a number (a phone that is handed on), only one is told.
    """
    for role in ROLES_IN_ORDER:
        chosen = sorted((user.id, number) for user, number in numbers.items() if user.role == role)
        if chosen:
            return sorted({number: id_ for id_, number in reversed(chosen)}.values())
    return []


def is_passed_over(code: int | None, ago: timedelta) -> bool:
    """Return whether a person is passed over: a text failed to reach that person, with this code and so long ago."""
    refusal, _ = KNOWN_CODES.get(code or 0, (None, ""))
    return ago < (PASSED_OVER_FOR_GOOD if refusal is Refusal.PERMANENT else PASSED_OVER_FOR)


def nobody_pause(tried_for: timedelta) -> timedelta:
    """Return the pause until the next try to find somebody to tell."""
    shortest, longest = NOBODY_PAUSES
    return min(max(tried_for, shortest), longest)
