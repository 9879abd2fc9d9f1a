"""The shapes in which the ledger's rows are handed out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping

from sequora_orchestration.domain.cause import Cause, known_cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS, Notification, Reported, in_words

# A claim of more than so many messages is looked at by its numbers: nobody reads a table of hundreds of rows.
MANY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a message is about, as a run is tagged with it: a task, or only an episode."""

    task_id: str | None
    episode_id: str | None
    severity: str | None

    @property
    def id(self) -> str:
        """The task's id, or the episode's where there is no task."""
        return self.task_id or self.episode_id or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Rows that one run shall work on, most severe first."""

    id: str
    subjects: Sequence[Subject]


class Claims(list[Claim]):
    """What was claimed, most severe first."""

    def __init__(
        self, claims: Iterable[Claim] = (), *, seconds: float = 0.0, more_waits: bool = False, is_halted: bool = False
    ) -> None:
        """`seconds` is for how long that has kept the database busy; the way there and back does not count.

        `more_waits` if more is owed than was claimed, or may be: it waits its turn, or nobody asked, since nothing of
        the kind may go out (`is_halted`).
        """
        super().__init__(claims)
        self.seconds = seconds
        self.more_waits = more_waits
        self.is_halted = is_halted


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The time that the rules go by, and who had opted out by then."""

    now: datetime
    opted_out: frozenset[str]
    """Of the numbers that were asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in a list, as it is by now. What the list is not about is left out."""

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
    """Under which the provider has it, if it was sent."""

    sent_at: datetime | None = None
    due_at: datetime | None = None
    age: float = 0.0
    """Of what is due or set aside, for how long it has been, in seconds."""

    logged: bool = False
    log_owes: str | None = None
    """What the application's log lacks of it: its `row`, or what its `receipt` says."""

    is_one_of_many: bool = False
    """Whether it was asked about with its claim, and that has more than MANY."""

    @property
    def subject(self) -> str:
        """What the message is about, for a person who reads a log."""
        return in_words(self.task_id, self.episode_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who gives an order, and why; both are kept."""

    who: str
    why: str


def message_id(id_: str) -> str | None:
    """Return an id as a message may have it, or None if it is none: applications may have ids of another form."""
    try:
        return str(UUID(id_))
    except ValueError:
        return None


def message(row: RowMapping) -> Message:
    """Return a message as a list has it."""
    fields = {**row, "state": State(row["state"])}
    if "cause" in fields:
        fields["cause"] = known_cause(row["cause"])
    return Message(**fields)


def subject(row: RowMapping) -> Subject:
    """Return what a message is about."""
    return Subject(task_id=row["task_id"], episode_id=row["episode_id"], severity=row["severity"])


def notification(row: RowMapping) -> Notification:
    """Return a message as a run has it in hand."""
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
