"""The table of all kinds of messages."""

from sequora_orchestration.messages.check_in import CHECK_IN
from sequora_orchestration.messages.kind import Audience
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.task_created import TASK_CREATED

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
