"""The workflows: how long they wait, how early they warn, who assigns tasks.

Not here: how a text is delivered (`delivery`).
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from sequora_orchestration.settings.durations import A_LENGTH_OF_TIME, Duration
from sequora_orchestration.settings.environment import Environment


class WorkflowSettings(Environment):
    """How long the workflows wait, and how early they warn."""

    sequora_check_in_delay: Duration = Field(
        title="from an episode's creation to the text to its patient",
        default=timedelta(hours=24),
        description=A_LENGTH_OF_TIME,
    )
    sequora_sla_warning_window: Duration = Field(
        title="how long before its SLA a task is warned of", default=timedelta(hours=1), description=A_LENGTH_OF_TIME
    )
    sequora_escalation_delay: Duration = Field(
        title="from the alert on a missed SLA to the supervisors' text",
        default=timedelta(minutes=30),
        description=A_LENGTH_OF_TIME,
    )
    sequora_unassigned_grace: Duration = Field(
        title="how long a task may be nobody's before the supervisors are told; a critical one 10 s",
        default=timedelta(minutes=10),
        description=A_LENGTH_OF_TIME,
    )


class AssignmentSettings(Environment):
    """Who assigns tasks that come without an assignee."""

    sequora_assign: Literal["off", "on"] = Field(
        title="`on` gives each to a nurse: on shift, below her limit, with the lightest load of open tasks; with `off` "
        "that is the application's business (docs/production.md)",
        default="off",
        description="give on, if tasks without an assignee are to be given to nurses here, or off, if the application "
        "does so.",
    )

    @property
    def assigns(self) -> bool:
        """Whether this system assigns them."""
        return self.sequora_assign == "on"
