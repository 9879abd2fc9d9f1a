"""The main job: a new task texts its nurse.

The ops pass nothing on but their order. Which messages are whose stands in the ledger, under the run's claim: so
each step can be retried, and each run executed again, without doing its work twice.
"""

from typing import Any

from dagster import (
    Failure,
    In,
    Nothing,
    OpExecutionContext,
    Out,
    ResourceParam,
    config_mapping,
    job,
    op,
)
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import TASK_CREATED
from sequora_orchestration.jobs.delivery import Delivery
from sequora_orchestration.jobs.steps import (
    RETRIES,
    TaskIds,
    claim_by_name,
    claim_of,
    report_dropped,
    report_outcomes,
    retried,
    try_again,
)


@op(out=Out(Nothing), retry_policy=RETRIES)
def fetch_task(context: OpExecutionContext, config: TaskIds, delivery: ResourceParam[Delivery]) -> None:
    """Read the tasks. One that is closed, gone, reassigned or nobody's ends here, with the reason."""
    with retried(context):
        claim_by_name(context, config, delivery)
        taken_up = delivery.ledger.take_up(claim_of(context), context.run_id)
        _report_others(context, config, delivery)
        report_dropped(context, taken_up, delivery.drop_unwanted(TASK_CREATED, taken_up))


@op(ins={"fetched": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def fetch_nurse(context: OpExecutionContext, delivery: ResourceParam[Delivery]) -> None:
    """Read the assigned nurses. One who is missing, inactive or without a usable phone ends here, with the reason."""
    with retried(context):
        taken_up = delivery.ledger.take_up(claim_of(context), context.run_id)
        report_dropped(context, taken_up, delivery.drop_unreachable(TASK_CREATED, taken_up))


@op(ins={"fetched": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def send_sms(context: OpExecutionContext, config: TaskIds, delivery: ResourceParam[Delivery]) -> None:
    """Text the nurses, most severe first. Only what certainly did not go out is tried again."""
    with retried(context):
        claim_by_name(context, config, delivery)
        tried_again = delivery.send(TASK_CREATED, delivery.ledger.take_up(claim_of(context), context.run_id))
        outcomes = delivery.ledger.outcomes(claim_of(context))
        for one in outcomes:
            if one.state not in {State.SENT, State.CANCELLED}:
                context.log.warning(f"task {one.task_id}: {one.state}: {one.reason}")
        if tried_again:
            raise try_again(context)
        report_outcomes(context, outcomes)


@op(ins={"sent": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def log_notification(context: OpExecutionContext, config: TaskIds, delivery: ResourceParam[Delivery]) -> None:
    """See that every text sent stands in "NotificationLog"; most rows came with the send, the rest are made up for."""
    with retried(context):
        refused = None
        for one in delivery.ledger.unlogged(config.task_ids):
            try:
                delivery.ledger.log_sent(one)
            except DBAPIError as error:
                context.log.warning(f"task {one.task_id}: sent, but the application's log refuses its row")
                refused = error
        report_outcomes(context, delivery.ledger.outcomes(claim_of(context)))
        if refused:
            raise refused


def _report_others(context: OpExecutionContext, config: TaskIds, delivery: Delivery) -> None:
    """Say what is in other hands, and which ids name no task. Raises Failure if none of them does."""
    ours = {one.task_id for one in delivery.ledger.outcomes(claim_of(context))}
    others = set(config.task_ids) - ours
    if not others:
        return
    known = delivery.care.tasks(others)
    elsewhere = delivery.ledger.in_hand_elsewhere([*others, *known], claim_of(context))
    for task_id, state in elsewhere.items():
        context.log.info(f"task {task_id}: its message is {state} under another claim; this run leaves it alone")
    found = {*known, *elsewhere, *ours}
    unknown = sorted(one for one in others if not found & {one, one.lower()})
    if unknown:
        sentence = f'no row in "EscalationTask" has the id {", ".join(unknown)}'
        if len(unknown) == len(set(config.task_ids)):
            raise Failure(sentence, allow_retries=False)
        context.log.warning(sentence)


@config_mapping
def task_ids_for_steps(config: TaskIds) -> dict[str, Any]:
    """Give every op that needs them the task ids."""
    ops = (fetch_task, send_sms, log_notification)
    return {"ops": {each.name: {"config": config.model_dump()} for each in ops}}


@job(config=task_ids_for_steps)
def notify_nurse_task() -> None:
    """Text the assigned nurse about a new task: fetch task, fetch nurse, send SMS, log.

    Launched by the sensors `new_escalation_tasks_…`. By hand: give `task_ids`; their nurses are texted unless they
    have been told already. Executing a run again texts nobody twice.
    """
    log_notification(send_sms(fetch_nurse(fetch_task())))
