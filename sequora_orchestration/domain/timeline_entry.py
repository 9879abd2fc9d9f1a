"""One line of a case's timeline: an event, past or to come, with its time, its ids and how long it took.

Not here: the choice of lines (`history`, `timeline`), and the form of a time for its reader.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sequora_orchestration.domain.case import Story
from sequora_orchestration.domain.spell import spell


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event that happened, or will."""

    at: datetime | None
    """None if the event waits for something else than a time."""

    what: str
    kind: str | None = None
    """The kind of the event's message; None if it is an event of the task or the episode."""

    message_id: str | None = None
    recipient_id: str | None = None
    run_id: str | None = None
    attempt: int | None = None
    waited: timedelta | None = None
    """How long the message had waited until the event."""

    took: timedelta | None = None
    """How long the event itself took."""

    until: datetime | None = None
    provider_id: str | None = None
    """The phone company's id of the text: its SID."""

    def in_words(self, rendered: Callable[[datetime], str]) -> str:
        """Return the event in words, with all that is known of it; `rendered` writes a moment."""
        details = (
            f"waited {spell(self.waited)}" if self.waited is not None else None,
            f"took {spell(self.took)}" if self.took is not None else None,
            f"until {rendered(self.until)}" if self.until else None,
            f"SID {self.provider_id}" if self.provider_id else None,
            f"run {short(self.run_id)}" if self.run_id else None,
        )
        return "; ".join([self.what, *(one for one in details if one)])


def short(run_id: str) -> str:
    """Return the beginning of a run's id, for places without room for all of it; the web UI finds runs by it, too."""
    return run_id[:8]


def entry_about(message: Story, at: datetime, what: str) -> Entry:
    """Return an entry about a message, with its kind, its id and its recipient."""
    return Entry(at=at, what=what, kind=message.kind, message_id=message.id, recipient_id=message.recipient_id)
