"""The rows of the application that our rules look at, reduced to the columns they use.

Every field but `id` may be missing in a row that lives. Names and phone numbers are kept out of `repr`.
"""

from dataclasses import dataclass, field
from datetime import datetime

CLOSED_STATUSES = frozenset({"RESOLVED", "CANCELLED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationTask:
    """Something a nurse shall act on."""

    id: str
    episode_id: str | None
    severity: str | None
    priority: str | None
    reason_codes: tuple[str, ...]
    status: str | None
    sla_due_at: datetime | None
    assigned_to_user_id: str | None
    picked_up_at: datetime | None = None

    @property
    def is_picked_up(self) -> bool:
        """Whether somebody is at it."""
        return self.picked_up_at is not None or self.status == "IN_PROGRESS"

    @property
    def is_closed(self) -> bool:
        """Whether nobody needs to act any more; an unknown status counts as open: silence is worse."""
        return self.status in CLOSED_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A member of staff; `primary_phone` is as it was typed in."""

    id: str
    primary_phone: str | None = field(repr=False)
    role: str | None
    active: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A patient's stay and what follows it."""

    id: str
    patient_id: str | None
    discharge_at: datetime | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Somebody who has left hospital; `primary_phone` is as it was typed in, `timezone` an IANA name if all is well."""

    id: str
    first_name: str | None = field(repr=False)
    primary_phone: str | None = field(repr=False)
    language_code: str | None
    timezone: str | None
