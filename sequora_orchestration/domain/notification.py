"""A message that is to be sent, as a run has it in hand: ids and times, no name, no number, no text."""

from dataclasses import dataclass
from datetime import datetime

# The name of a channel: that of all messages that are not told another. The database has the same default.
SMS = "SMS"


def in_words(task_id: str | None, episode_id: str | None) -> str:
    """Return what a message is about, for a person who reads it."""
    return f"task {task_id}" if task_id else f"episode {episode_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The message to a nurse that a supervisor is told of: unanswered, or not received."""

    recipient_id: str | None
    """The nurse; None if nobody is assigned to the task."""

    reason: str | None
    is_settled: bool
    """Whether the nurse has been reached since."""

    is_uncertain: bool = False
    """Whether she may have been reached: there is only no receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message under a claim."""

    read_at: datetime
    """The database's time when it was read."""

    id: str
    kind: str
    claim_id: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    """A user's id, or of a check-in the patient's; None while it has none."""

    owed_since: datetime
    sla_due_at: datetime | None = None
    due_at: datetime | None = None
    reported: Reported | None = None
    channel: str = SMS
    """By what it goes out."""

    has_no_taker: bool = False
    """Whether it tells that nobody is assigned to the task, and there is nobody to give it to."""

    @property
    def subject(self) -> str:
        """What the message is about, for a person who reads a log."""
        return in_words(self.task_id, self.episode_id)
