"""The rows of the application that our rules look at, as the views show them, reduced to the columns they use.

Every field but `id` may be missing in a row that lives. Names and phone numbers are kept out of `repr`.
"""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationTask:
    """A task that a nurse shall act on."""

    id: str
    episode_id: str | None
    severity: str | None
    priority: str | None
    reason_codes: tuple[str, ...]
    status: str | None
    """The application's own word."""

    is_status_known: bool = True
    """Whether the map knows that word. Somebody may have typed an unknown word: it is not shown."""

    is_closed: bool = False
    """Whether nobody needs to act any more; an unknown status counts as open: silence is worse."""

    is_taken: bool = False
    """Whether somebody works on it."""

    sla_due_at: datetime | None = None
    assigned_to_user_id: str | None = None
    picked_up_at: datetime | None = None
    updated_at: datetime | None = None


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
    timezone: str | None = None
    """An IANA name if all is well; it counts instead of the patient's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Somebody who has left hospital; `primary_phone` is as it was typed in, `timezone` an IANA name if all is well."""

    id: str
    first_name: str | None = field(repr=False)
    primary_phone: str | None = field(repr=False)
    language_code: str | None
    timezone: str | None
    may_be_texted: bool | None = True
    """Whether the patient has consented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Whoever runs this system: no row of the application, but the number that a setting gives."""

    primary_phone: str = field(repr=False)
