"""A message that a run has taken up, to send it: ids and times, no name, no number, no text."""

from dataclasses import dataclass
from datetime import datetime

# The name of the channel by which a message goes unless another is given. The database has the same default.
SMS = "SMS"


def in_words(task_id: str | None, episode_id: str | None) -> str:
    """Return a message's task or episode, in words for a person."""
    return f"task {task_id}" if task_id else f"episode {episode_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A message to a nurse that she did not answer or receive, as another message reports it to a supervisor.

    Of a task that was handed over: the message that was answered so, which may have been a supervisor's.
    """

    recipient_id: str | None
    """The nurse; None if nobody is assigned to the task."""

    reason: str | None
    is_settled: bool
    """Whether the nurse has been reached since."""

    is_uncertain: bool = False
    """Whether the nurse may have been reached: only the receipt is missing."""

    is_to_assignee: bool = True
    """Whether the message was to the task's nurse, and not to a supervisor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message under a claim."""

    read_at: datetime
    """The database's time when the message was read."""

    id: str
    kind: str
    claim_id: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    """A user's id, or a patient's if it is a check-in; None while the message has no recipient."""

    owed_since: datetime
    sla_due_at: datetime | None = None
    due_at: datetime | None = None
    reported: Reported | None = None
    channel: str = SMS
    """The name of the channel by which it goes out."""

    has_no_taker: bool = False
    """Whether it says that nobody is assigned to the task, and there is nobody to give the task to."""

    @property
    def subject(self) -> str:
        """The message's task or episode, in words for a person who reads a log."""
        return in_words(self.task_id, self.episode_id)
