"""Notices open tasks that need somebody: missed SLAs, breaches that stay unanswered, nurses who are not reached."""

from sequora_orchestration.jobs.report_unreached_nurse import report_unreached_nurse
from sequora_orchestration.jobs.sla_breach import escalate_sla_breach, handle_sla_breach
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.sensors.claiming import claiming_sensor

sla_breaches = claiming_sensor(
    "sla_breaches",
    queue=SLA_BREACHES,
    job=handle_sla_breach,
    description="Notices open tasks whose SLA has passed and launches `handle_sla_breach`, which alerts their nurses.",
)

unanswered_breaches = claiming_sensor(
    "unanswered_breaches",
    queue=UNANSWERED_BREACHES,
    job=escalate_sla_breach,
    description="Notices breaches whose wait is over and launches `escalate_sla_breach`, which tells a supervisor of "
    "those that are still open.",
)

unreached_nurses = claiming_sensor(
    "unreached_nurses",
    queue=UNREACHED_NURSES,
    job=report_unreached_nurse,
    description="Notices open tasks whose nurse could not be texted, or that nobody is assigned to, and launches "
    "`report_unreached_nurse`, which tells a supervisor.",
)
