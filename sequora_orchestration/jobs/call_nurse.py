"""The second channel: a nurse whom a text about her task did not reach is called."""

from dagster import In, Nothing, OpExecutionContext, Out, ResourceParam, job, op

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.jobs.notify_nurse_task import fetch_nurse, fetch_task
from sequora_orchestration.jobs.retries import RETRIES, retried
from sequora_orchestration.jobs.steps import (
    Work,
    claim_by_name,
    log_notification,
    send_claimed,
    work_on,
)
from sequora_orchestration.messages.nurse_call import NURSES_TO_CALL


@op(ins={"found": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def make_call(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
    """Call the nurses, most severe first. Only a call that certainly was not made is tried again."""
    with retried(context, delivery):
        claim_by_name(context, config, delivery)
        send_claimed(context, delivery)


@job(config=work_on(NURSES_TO_CALL, fetch_task, make_call, log_notification))
def call_nurse() -> None:
    """Call a nurse whom a text about her task did not reach: fetch task, fetch nurse, make call, log.

    Launched by the sensor `nurses_not_reached_by_text`, if SEQUORA_CALL_FOR is set. By hand: give `task_ids`; a nurse
    is called once for each time that a task becomes hers, and her supervisors are told meanwhile.
    """
    log_notification(make_call(fetch_nurse(fetch_task())))
