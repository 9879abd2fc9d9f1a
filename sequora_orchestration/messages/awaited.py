"""What people read of a message that is awaited: it is owed, or will be, and there is no row of it yet.

Whether it is owed the database says. All of it has a default, by the audience: a kind need say nothing of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sequora_orchestration.domain.case import Circumstances, Delays, OwedMessage

SEE_STATUS = "see `sequora status`: do sensors tick, are workers alive?"
STANDS_STILL = f"texts do not get through: {SEE_STATUS}"
SEE_SCAN = "see whether the SLA scan runs: `sequora status`; is its schedule on in the web UI?"

# What is due is on its way within seconds. A first claim that dies has its row for 30 s, then it is claimed anew.
PATIENCE = timedelta(minutes=1)

# A scan looks every five minutes, and the next one makes up for one that died.
PATIENCE_WITH_SCAN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhenOwed:
    """How a kind of message is spoken of while there is none."""

    patience: timedelta = PATIENCE
    """How long it may be owed before somebody must act."""

    remedy: str = STANDS_STILL
    """What to do then."""

    missing: Callable[[OwedMessage, Circumstances], str] | None = None
    """What is so while it is owed; None: that it is owed, to whom, and for how long."""

    waits_while_halted: bool = True
    """Whether a pause, or an outage of the phone company, keeps it from being made: of one that is at first only
    scheduled it does not."""

    comes_now: str = "a sensor notices it, within seconds as a rule"
    """What comes next while it is owed."""

    comes_later: str | None = None
    """What comes next before it is owed; None: that its recipient is told, if it is still wanted."""

    comes_after: Callable[[Delays], timedelta | None] = lambda _: None
    """How long after it is owed that comes; None where it comes as soon as a sensor looks."""

    no_more: str | None = None
    """Why none is owed of a case that is not from before this system went live."""


IN_GENERAL = WhenOwed()
"""Of a kind that says nothing of its own, and of one that a newer version has made."""
