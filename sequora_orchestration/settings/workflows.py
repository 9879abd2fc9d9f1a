"""The workflows: how long they wait, how early they warn, when texts are gathered, who assigns tasks.

Not here: how a text is delivered (`delivery`).
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from sequora_orchestration.settings.durations import A_LENGTH_OF_TIME, Duration
from sequora_orchestration.settings.environment import Environment

# A nurse's texts about new tasks are gathered for a day at most.
LONGEST_WINDOW = timedelta(days=1)

LENGTH: TypeAdapter[timedelta] = TypeAdapter(Duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """So many texts to one person in so long are a flood."""

    texts: int
    within: timedelta


def _flood(typed: str) -> Flood | None:
    """Read `off` or, e.g., `5/15m`. Raises ValueError."""
    if typed.lower() == "off":
        return None
    texts, _, within = typed.partition("/")
    try:
        length = LENGTH.validate_python(within.strip())
    except ValidationError:
        length = None
    if not re.fullmatch(r"[1-9]\d{0,2}", texts.strip()) or length is None:
        raise ValueError("is neither off nor 1 to 999 texts in a length of time")
    if not timedelta(0) < length <= LONGEST_WINDOW:
        raise ValueError("must be of a day at most")
    return Flood(texts=int(texts), within=length)


def _read_as_flood(typed: str) -> str:
    _flood(typed)
    return typed


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
    sequora_digest_after: Annotated[str, AfterValidator(_read_as_flood)] = Field(
        title="`5/15m`: a nurse who has had five texts about new tasks in 15 minutes gets the next ones as one text, a "
        "digest that counts them by severity; critical ones never wait (docs/digest.md). With `off` each comes alone",
        default="off",
        description="give off, or how many texts about new tasks a nurse gets in how long before they are gathered, "
        "e.g. 5/15m.",
    )

    @property
    def flood(self) -> Flood | None:
        """After how many texts about new tasks a nurse's next ones are gathered; None if they never are."""
        return _flood(self.sequora_digest_after)


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
