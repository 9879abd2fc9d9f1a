"""What there is to claim of a kind: for each sensor a queue, of messages at one stage of their life."""

from dataclasses import dataclass
from typing import Literal

from sequora_orchestration.messages.kind import Audience, MessageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Messages that one sensor claims, or somebody asks for by name."""

    name: str
    """What a person reads of it: the messages, or what they are about, in the plural."""

    kind: MessageKind

    nothing_owed: str = "no message is owed"
    """What to say of a given id for which there is nothing to claim."""

    in_turn: bool = False
    """Whether less severe messages wait until more severe ones are on their way. In a queue that is asked only now and
    then they would wait for as long as there is anything more severe each time."""

    is_asked_for: bool = True
    """Whether a question finds the messages. Others are put into the queue by whatever makes them necessary."""

    scheduled: bool | None = None
    """Whether only rows that have a due time belong here, or only those that have none yet; None for both."""

    @property
    def is_sent(self) -> bool:
        """Whether the messages are sent, and not only prepared."""
        return self.scheduled is not False

    @property
    def ids(self) -> Literal["task_ids", "episode_ids", "notification_ids"]:
        """What the runs are given ids of."""
        if self.kind.names_tasks or self.kind.audience is Audience.OPERATOR:
            return "notification_ids"
        return "episode_ids" if self.kind.audience is Audience.PATIENT else "task_ids"

    @property
    def question(self) -> str | None:
        """The function in `migrations/views.sql` that says who is owed such a message and has no row yet.

        None where all have rows: no question finds them, or they have a due time and were in the queue before.
        """
        return None if self.scheduled or not self.is_asked_for else f"owed_{self._in_sql}"

    @property
    def named(self) -> str:
        """The function that says the same of ids that somebody gives, whatever their state.

        A queue of what has a due time makes it due at once.
        """
        return f"named_{self._in_sql}{'_now' if self.scheduled else ''}"

    @property
    def _in_sql(self) -> str:
        return self.kind.name.replace("-", "_")
