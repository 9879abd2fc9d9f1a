"""Who is told when a nurse does not act, or cannot be reached."""

from collections.abc import Mapping
from datetime import timedelta

from sequora_orchestration.domain.answers import KNOWN_CODES, Refusal
from sequora_orchestration.domain.care import User

# Each is asked for only if nobody of the one before can be told.
ROLES_IN_ORDER = ("SUPERVISOR", "ADMIN")

# For so long somebody whom a text just failed to reach is passed over, in favour of the next. A refusal for good is
# asked again as well, for the number may have been corrected.
PASSED_OVER_FOR = timedelta(minutes=5)
PASSED_OVER_FOR_GOOD = timedelta(hours=1)

# While there is nobody to tell, it is tried again after as long as it has been tried already, within these bounds.
NOBODY_PAUSES = (timedelta(minutes=1), timedelta(minutes=5))


def whom_to_tell(numbers: Mapping[User, str]) -> list[str]:
    """Return the ids of those to tell, of people who can be reached under these numbers: supervisors, else admins.

    Of those who share a number (a phone that is handed on) one is told.
    """
    for role in ROLES_IN_ORDER:
        chosen = sorted((user.id, number) for user, number in numbers.items() if user.role == role)
        if chosen:
            return sorted({number: id_ for id_, number in reversed(chosen)}.values())
    return []


def is_passed_over(code: int | None, ago: timedelta) -> bool:
    """Tell whether somebody is not tried whom a text failed to reach, with that code and so long ago."""
    refusal, _ = KNOWN_CODES.get(code or 0, (None, ""))
    return ago < (PASSED_OVER_FOR_GOOD if refusal is Refusal.PERMANENT else PASSED_OVER_FOR)


def nobody_pause(tried_for: timedelta) -> timedelta:
    """Return how long to wait until it is tried again to tell somebody."""
    shortest, longest = NOBODY_PAUSES
    return min(max(tried_for, shortest), longest)
