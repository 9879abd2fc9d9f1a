"""The settings that the ledger's statements are given: times in seconds, and how much is claimed at once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.workflows import WorkflowSettings

# Where the sender's rate is set, so many seconds' worth of it is on its way, and not more: the rest waits in order.
# USUAL_COST is what a text costs as a rule, in the units of that rate.
SECONDS_OF_RATE = 5
USUAL_COST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a process was told by its environment."""

    go_live_at: datetime | None = None
    """Instead of the moment that the migration recorded."""

    workflows: WorkflowSettings = field(default_factory=WorkflowSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)

    @property
    def escalation_delay(self) -> float:
        """How long after the alert of a breach a supervisor is told, in seconds."""
        return self.workflows.sequora_escalation_delay.total_seconds()

    @property
    def doubt_window(self) -> timedelta:
        """For how long a text in doubt is looked for."""
        return self.delivery.sequora_doubt_window

    @property
    def receipt_window(self) -> timedelta:
        """How long a receipt may be outstanding before a supervisor is told of a critical task."""
        return self.delivery.sequora_receipt_window

    def rate_of(self, channel: str) -> float | None:
        """How much may be sent by a channel a second, all processes together, by what messages cost; None for any."""
        return self.delivery.sequora_sender_rate if channel == SMS else None

    @property
    def texts_at_once(self) -> int | None:
        """How many texts may be on their way at the sender's rate; None for any number."""
        rate = self.rate_of(SMS)
        return int(rate * SECONDS_OF_RATE / USUAL_COST) or 1 if rate else None

    @property
    def of_questions(self) -> dict[str, object]:
        """What the questions are asked with, who is owed a message."""
        return {
            "go_live_at": self.go_live_at,
            "check_in_delay": self.workflows.sequora_check_in_delay,
            "sla_warning_window": self.workflows.sequora_sla_warning_window,
            "escalation_delay": self.workflows.sequora_escalation_delay,
            "unassigned_grace": self.workflows.sequora_unassigned_grace,
            "receipt_window": self.receipt_window,
        }
