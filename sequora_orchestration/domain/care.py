"""The rows of the application that our rules look at, reduced to the columns they use."""

from dataclasses import dataclass, field

CLOSED_STATUSES = frozenset({"RESOLVED", "CANCELLED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationTask:
    """Something a nurse shall act on. Every field but `id` may be missing in a row that lives."""

    id: str
    episode_id: str | None
    severity: str | None
    priority: str | None
    reason_codes: tuple[str, ...]
    status: str | None
    assigned_to_user_id: str | None

    @property
    def is_closed(self) -> bool:
        """Whether nobody needs to act any more; an unknown status counts as open: silence is worse."""
        return self.status in CLOSED_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A member of staff; `primary_phone` is as it was typed in, and kept out of `repr`."""

    id: str
    primary_phone: str | None = field(repr=False)
    role: str | None
    active: bool | None
