"""Who is told when a nurse does not act, or cannot be reached."""

from collections.abc import Iterable

from sequora_orchestration.domain.care import User

# Each is asked for only if nobody of the one before can be told.
ROLES_IN_ORDER = ("SUPERVISOR", "ADMIN")

# Seconds for which somebody whom a text just failed to reach is passed over, in favour of the next.
PASSED_OVER_FOR = 300


def whom_to_tell(reachable: Iterable[User]) -> list[str]:
    """Return the ids of those to tell, of people who are active and can be texted: supervisors, else admins."""
    people = sorted(reachable, key=lambda user: user.id)
    for role in ROLES_IN_ORDER:
        if chosen := [user.id for user in people if user.role == role]:
            return chosen
    return []
