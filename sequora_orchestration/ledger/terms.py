"""The settings that the ledger's statements are given: times in seconds, and how much is claimed at once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.workflows import WorkflowSettings

# Where the sender's rate is set, no more than so many seconds' worth of texts is on its way: the rest waits in order.
# USUAL_COST is the usual cost of a text, in the units of that rate.
SECONDS_OF_RATE = 5
USUAL_COST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The settings of this process, as statements take them."""

    go_live_at: datetime | None = None
    """Overrides the moment that the migration recorded."""

    has_canary: bool = False
    """Whether a test text to a number of our own is owed each hour."""

    workflows: WorkflowSettings = field(default_factory=WorkflowSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)

    @property
    def escalation_delay(self) -> float:
        """Seconds from the alert of a breach until a supervisor is told."""
        return self.workflows.sequora_escalation_delay.total_seconds()

    @property
    def doubt_window(self) -> timedelta:
        """How long a text in doubt is looked for."""
        return self.delivery.sequora_doubt_window

    @property
    def receipt_window(self) -> timedelta:
        """How long a receipt may be outstanding before a supervisor is told of a critical task."""
        return self.delivery.sequora_receipt_window

    def rate_of(self, channel: str) -> float | None:
        """Return the cost of messages that all processes together may send by a channel in a second; None for any."""
        return self.delivery.sequora_sender_rate if channel == SMS else None

    def messages_at_once(self, channel: str) -> int | None:
        """Return how many messages may be on their way by a channel at its rate; None for any number."""
        rate = self.rate_of(channel)
        return int(rate * SECONDS_OF_RATE / USUAL_COST) or 1 if rate else None

    @property
    def call_for(self) -> int | None:
        """The urgency of the least severe tasks whose nurses are called; None: nobody is."""
        return self.delivery.least_urgency_called_for

    @property
    def of_questions(self) -> dict[str, object]:
        """The parameters of the questions who is owed a message."""
        return {
            "go_live_at": self.go_live_at,
            "check_in_delay": _exactly(self.workflows.sequora_check_in_delay),
            "sla_warning_window": _exactly(self.workflows.sequora_sla_warning_window),
            "escalation_delay": _exactly(self.workflows.sequora_escalation_delay),
            "unassigned_grace": _exactly(self.workflows.sequora_unassigned_grace),
            "receipt_window": _exactly(self.receipt_window),
        }


def _exactly(length: timedelta) -> str:
    """Return an interval of seconds alone: a day of Postgres' has 23 or 25 hours where clocks are changed."""
    return f"{length.total_seconds()} seconds"
