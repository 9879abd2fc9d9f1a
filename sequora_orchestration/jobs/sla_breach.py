"""A missed SLA: the nurse is alerted, and if the task stays open, a supervisor is told.

The wait in between is a row in the ledger. If the run dies before it has written that row, a sensor finds the breach at
the time when the row would have fallen due.
"""

from dagster import In, Nothing, OpExecutionContext, Out, ResourceParam, job, op

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.jobs.reports import each
from sequora_orchestration.jobs.retries import RETRIES, retried
from sequora_orchestration.jobs.steps import (
    Work,
    claim_by_name,
    escalate_to_supervisor,
    known_ids,
    log_sent_texts,
    reading,
    report_others,
    report_story,
    send_claimed,
    work_on,
)
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES

check_resolved = reading(
    "check_resolved",
    "Read the tasks. One that is closed, or whose SLA was moved or taken away, ends here: nobody is told.",
)


@op(out=Out(Nothing), retry_policy=RETRIES)
def alert_nurse(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
    """Text the nurses that the SLA was missed; once per task and SLA time."""
    with retried(context, delivery):
        claim_by_name(context, config, delivery)
        report_others(context, config, delivery)
        send_claimed(context, delivery)
        log_sent_texts(context, config, delivery)


@op(ins={"alerted": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def wait(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
    """Begin the wait after which a supervisor is told: a row in the ledger that falls due."""
    with retried(context, delivery):
        waiting = delivery.ledger.withheld.schedule_escalations(known_ids(config, delivery))
        records = [
            {"task": one.task_id or "", "until": one.due_at.isoformat(timespec="seconds") if one.due_at else ""}
            for one in waiting
        ]
        context.add_output_metadata({"waiting": len(waiting), **each(records)})
        report_story(context, config.ids, delivery)


@job(config=work_on(SLA_BREACHES, alert_nurse, wait))
def handle_sla_breach() -> None:
    """Alert the nurse of an open task whose SLA has passed, and let the wait for the escalation begin.

    Launched by the sensor `sla_breaches`. By hand: give `task_ids`; nobody is alerted twice of the same SLA time.
    """
    wait(alert_nurse())


@job(config=work_on(UNANSWERED_BREACHES, check_resolved, escalate_to_supervisor))
def escalate_sla_breach() -> None:
    """Tell a supervisor of a task that is still open when the wait after its breach is over.

    Launched by the sensor `unanswered_breaches`. By hand: give `task_ids`; never before the wait is over, and each
    supervisor is told once per task and SLA time.
    """
    escalate_to_supervisor(check_resolved())
