"""One line of a case's timeline: something that happened, or will, with its time, its ids and how long it took.

Not here: which lines there are (`history`, `timeline`), and how a time looks to whoever reads it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sequora_orchestration.domain.case import Story
from sequora_orchestration.domain.spell import spell


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened, or will."""

    at: datetime | None
    """None if it waits for something else than a time."""

    what: str
    kind: str | None = None
    """The kind of the message that it happened to; None if it happened to the task or the episode."""

    message_id: str | None = None
    recipient_id: str | None = None
    run_id: str | None = None
    attempt: int | None = None
    waited: timedelta | None = None
    """How long the message had waited until then."""

    took: timedelta | None = None
    """How long it took itself."""

    until: datetime | None = None
    provider_id: str | None = None
    """Under which the phone company has the text: its SID."""

    def in_words(self, rendered: Callable[[datetime], str]) -> str:
        """Return what happened with all that is known of it; `rendered` says how a moment is written."""
        details = (
            f"waited {spell(self.waited)}" if self.waited is not None else None,
            f"took {spell(self.took)}" if self.took is not None else None,
            f"until {rendered(self.until)}" if self.until else None,
            f"SID {self.provider_id}" if self.provider_id else None,
            f"run {short(self.run_id)}" if self.run_id else None,
        )
        return "; ".join([self.what, *(one for one in details if one)])


def short(run_id: str) -> str:
    """Return a run's id as it is shown where the whole one would be in the way; the web UI finds it by that, too."""
    return run_id[:8]


def entry_about(message: Story, at: datetime, what: str) -> Entry:
    """Return an entry about a message, with its kind, its id and its recipient."""
    return Entry(at=at, what=what, kind=message.kind, message_id=message.id, recipient_id=message.recipient_id)
