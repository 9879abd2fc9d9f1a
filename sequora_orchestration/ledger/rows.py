"""The shapes of the ledger's rows as callers get them. Statements are in the rooms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from sequora_orchestration.domain.cause import Cause, known_cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS, Notification, Reported, in_words

# A claim with more messages than this is shown by its counts alone: nobody reads a table of hundreds of rows.
MANY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The task, or only the episode, that a message is about; runs are tagged with it."""

    task_id: str | None
    episode_id: str | None
    severity: str | None
    notification_id: str | None = None
    """The message's own id."""

    kind: str = ""
    """Of the message, where somebody asks for it."""

    @property
    def id(self) -> str:
        """The task's id, or the episode's where there is no task; or the message's own where there is neither."""
        return self.task_id or self.episode_id or self.notification_id or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Rows that one run shall work on, most severe first."""

    id: str
    subjects: Sequence[Subject]


class Claims(list[Claim]):
    """The claims of a tick, most severe first."""

    def __init__(
        self, claims: Iterable[Claim] = (), *, seconds: float = 0.0, more_waits: bool = False, is_halted: bool = False
    ) -> None:
        """`seconds` says how long claiming kept the database busy, without the way there and back.

        `more_waits` says that more messages are owed than were claimed, or may be: they wait their turn, or nobody
        asked, since nothing of the kind may go out (`is_halted`).
        """
        super().__init__(claims)
        self.seconds = seconds
        self.more_waits = more_waits
        self.is_halted = is_halted


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The time that the rules go by, and the numbers that had opted out by then."""

    now: datetime
    opted_out: frozenset[str]
    """Those of the numbers that were asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in a list, as it is by now. Fields that a list is not about keep their defaults."""

    id: str
    state: State
    kind: str = ""
    channel: str = SMS
    task_id: str | None = None
    episode_id: str | None = None
    recipient_id: str | None = None
    reason: str | None = None
    cause: Cause | None = None
    attempts: int = 0
    provider_id: str | None = None
    """The provider's id of the message, if it was sent."""

    sent_at: datetime | None = None
    due_at: datetime | None = None
    age: float = 0.0
    """Seconds for which a message that is due or set aside has been so."""

    logged: bool = False
    log_owes: str | None = None
    """The part that the application's log lacks: the message's `row`, or the status from its `receipt`."""

    named_by: str | None = None
    """The digest that tells of its task in its place, if the list says so."""

    is_one_of_many: bool = False
    """Whether the list is of a claim, and the claim has more than MANY messages."""

    @property
    def subject(self) -> str:
        """The message's task or episode, in words for a person who reads a log."""
        return in_words(self.task_id, self.episode_id, self.id)

    @property
    def subject_id(self) -> str:
        """The id by which a run is asked for it: its task's, its episode's, or else its own."""
        return self.task_id or self.episode_id or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The person who gives an order, and the reason; both are kept."""

    who: str
    why: str


def message_id(id_: str) -> str | None:
    """Return an id in the form that messages' ids have, or None if it cannot be one: an application's may differ."""
    try:
        return str(UUID(id_))
    except ValueError:
        return None


def message(row: RowMapping | dict[str, Any]) -> Message:
    """Return a list's row as a message."""
    fields = {**row, "state": State(row["state"])}
    if "cause" in fields:
        fields["cause"] = known_cause(row["cause"])
    return Message(**fields)


def subject(row: RowMapping) -> Subject:
    """Return the subject of a message's row."""
    return Subject(
        task_id=row["task_id"], episode_id=row["episode_id"], severity=row["severity"], notification_id=row["id"]
    )


def notification(row: RowMapping) -> Notification:
    """Return a row that a run has taken up as a notification."""
    fields = {name: value for name, value in row.items() if "reported" not in name}
    reported = None
    if row["has_reported"]:
        reported = Reported(
            recipient_id=row["reported_recipient_id"],
            reason=row["reported_reason"],
            is_settled=row["reported_is_settled"],
            is_uncertain=row["reported_is_uncertain"],
        )
    return Notification(**fields, reported=reported)
