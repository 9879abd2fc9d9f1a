"""The table of all kinds of messages."""

from collections.abc import Callable

from sequora_orchestration.domain.case import Circumstances, Story
from sequora_orchestration.messages.check_in import CHECK_IN
from sequora_orchestration.messages.kind import Audience
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.task_created import TASK_CREATED
from sequora_orchestration.messages.when_owed import IN_GENERAL, WhenOwed

KINDS = {
    kind.name: kind
    for kind in (
        TASK_CREATED,
        SLA_WARNING,
        SLA_BREACH,
        SLA_ESCALATION,
        NURSE_UNREACHED,
        CHECK_IN,
    )
}


def is_to_a_patient(kind: str) -> bool:
    """Tell whether messages of that kind go to patients, and not to members of staff."""
    return KINDS[kind].audience is Audience.PATIENT


def when_owed(kind: str) -> WhenOwed:
    """Return how a kind is spoken of while there is none; in general words where a newer version has made the row."""
    return KINDS[kind].when_owed if kind in KINDS else IN_GENERAL


def gives_task(kind: str) -> bool:
    """Tell whether a task counts as a nurse's from a message of that kind on."""
    return kind in KINDS and KINDS[kind].gives_task


def alerts_to(kind: str) -> Callable[[Story, Circumstances], str] | None:
    """Return how a kind says what it alerts to, if it is one that supervisors are told of where nobody acts on it."""
    return KINDS[kind].alerts_to if kind in KINDS else None
