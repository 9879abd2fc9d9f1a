"""How sure the system makes that a text arrives, and how fast texts go out.

Not here: who sends them (`twilio`).
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from sequora_orchestration.settings.durations import A_LENGTH_OF_TIME, Duration
from sequora_orchestration.settings.environment import Environment

# By urgency, as the ledger counts: 0 is the most urgent.
SEVERITIES = ("CRITICAL", "HIGH", "MODERATE", "LOW")


class DeliverySettings(Environment):
    """How sure we make that a text arrives, and how fast they may go out."""

    sequora_doubt_window: Duration = Field(
        title="how long a text in doubt may take to show up in Twilio's list, before it is sent again or held; 10 s at "
        "most where Twilio itself has answered with an error, for then it most probably does not have it",
        default=timedelta(seconds=60),
        description=A_LENGTH_OF_TIME,
    )
    sequora_doubt_window_critical: Duration = Field(
        title="the same for a critical text to staff; never longer than `SEQUORA_DOUBT_WINDOW`",
        default=timedelta(seconds=15),
        description=A_LENGTH_OF_TIME,
    )
    sequora_receipt_window: Duration = Field(
        title="how soon a critical text must have a receipt, before the supervisors are told",
        default=timedelta(minutes=5),
        description=A_LENGTH_OF_TIME,
    )
    sequora_call_for: Literal["off", "CRITICAL", "HIGH", "MODERATE", "LOW"] = Field(
        title="from which severity of a task on its nurse is called, once, if a text about it has not reached her "
        "(docs/calls.md); with `off` nobody is called",
        default="off",
        description="give off, if nobody is to be called, or the lowest severity that nurses are called for: CRITICAL, "
        "HIGH, MODERATE or LOW.",
    )
    sequora_sender_rate: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        title="segments a second that the sender may send, over all workers: 1 for a long code, 3 for a toll-free "
        "number; a nurse's text is 2 or 3 segments. By default as fast as it goes",
        default=None,
        description="give how many segments a second the sender may send, e.g. 1 for a long code, 3 for a toll-free "
        "number, 100 for a short code.",
    )

    @property
    def least_urgency_called_for(self) -> int | None:
        """The urgency of the least severe tasks whose nurses are called: 0 is CRITICAL, 3 LOW; None: nobody is."""
        return None if self.sequora_call_for == "off" else SEVERITIES.index(self.sequora_call_for)
