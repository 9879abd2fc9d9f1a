"""What a kind of message says of itself; in general words where only a newer version knows it, whose row it is."""

from collections.abc import Callable

from sequora_orchestration.domain.case import Circumstances, Story
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.messages.awaited import IN_GENERAL, WhenOwed
from sequora_orchestration.messages.kinds import KINDS


def when_owed(kind: str) -> WhenOwed:
    """Return how a kind is spoken of while it is owed and there is none."""
    return KINDS[kind].when_owed if kind in KINDS else IN_GENERAL


def gives_task(kind: str) -> bool:
    """Tell whether a task counts as a nurse's from a message of that kind on."""
    return kind in KINDS and KINDS[kind].gives_task


def alerts_to(kind: str) -> Callable[[Story, Circumstances], str] | None:
    """Return how a kind says what it alerts to, if it is one that supervisors are told of where nobody acts on it."""
    return KINDS[kind].alerts_to if kind in KINDS else None


def channel_of(kind: str) -> str:
    """Return the name of the channel by which messages of a kind go out."""
    return KINDS[kind].channel if kind in KINDS else SMS
