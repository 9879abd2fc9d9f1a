"""The warning before an SLA is missed: a scan, and a step for each task that it finds."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    Config,
    DynamicOut,
    DynamicOutput,
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
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.jobs.retries import RETRIES, retried
from sequora_orchestration.jobs.steps import (
    Work,
    claim_by_name,
    make_up_log_rows,
    report_others,
    report_story,
    run_tags,
    send,
)
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA

# The asset that stands for the scan for SLAs that are near: each scan is a materialization of it.
SLA_SCAN = AssetKey("sla_scan")


class Scan(Config):
    """The tasks that a scan looks at."""

    task_ids: list[str] = Field(
        default=[],
        description="Ids of tasks to look at alone; leave them out to look at every open task.",
    )


@config_mapping
def scan(config: Scan) -> dict[str, Any]:
    """Give the scan the task ids, or none for every open task."""
    work = Work(queue=TASKS_NEAR_SLA.name, ids=config.task_ids).model_dump()
    return {"ops": {find_tasks_near_sla.name: {"config": work}}}


@op(out=DynamicOut(Nothing), retry_policy=RETRIES)
def find_tasks_near_sla(
    context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]
) -> Iterator[DynamicOutput[None]]:
    """Find the open tasks whose SLA is near and whose nurse has not been warned; a step for each follows."""
    with retried(context, delivery):
        delivery.ledger.doubts.set_aside_what_died()  # in case the sensor that does so is stopped
        with suppress(DBAPIError, PoolTimeout):  # a row that is still refused is a line in the run's log
            make_up_log_rows(context, delivery, delivery.ledger.application_log.log_owed_lately())
        if config.ids:
            claim_by_name(context, config, delivery)
            report_others(context, config, delivery)
        elif newly_claimed := delivery.ledger.claims.claim_all(TASKS_NEAR_SLA, context.run_id):
            context.instance.add_run_tags(context.run_id, run_tags(newly_claimed))
        found = delivery.ledger.leases.take_up_scan(context.run_id, context.run_id)
        if found:
            context.log.info(f"{len(found)} to warn")
    if not config.ids:
        context.log_event(AssetMaterialization(SLA_SCAN, metadata={"tasks to warn of": len(found)}))
    tasks = Counter(one.task_id for one in found)  # a task whose SLA was moved may be in there twice
    for one in found:
        yield DynamicOutput(None, mapping_key=mapping_key(one, by_task=tasks[one.task_id] == 1))


@op(ins={"found": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def warn(context: OpExecutionContext, delivery: ResourceParam[Delivery]) -> None:
    """Text the nurse of one task that its SLA is near; once per task and SLA time."""
    name = named_by(context.get_mapping_key() or "")
    with retried(context, delivery, of=name):
        if not delivery.ledger.leases.outcomes(context.run_id, of=name):  # this step alone is executed again
            delivery.ledger.claims.claim_named(TASKS_NEAR_SLA, [name], context.run_id)
        waiting = delivery.ledger.leases.take_up_one(context.run_id, name)
        outcomes, waits = send(context, delivery, [waiting] if waiting else [], of=name)
        make_up_log_rows(
            context,
            delivery,
            delivery.ledger.application_log.log_owed([one.task_id for one in outcomes if one.task_id]),
        )
        if outcomes and not outcomes[0].is_one_of_many:
            report_story(context, [name], delivery, of=name)
        if not outcomes and not waits:
            elsewhere = delivery.ledger.claims.in_hand_elsewhere(TASKS_NEAR_SLA, [name], context.run_id).get(name)
            if elsewhere is None or elsewhere.state is State.QUEUED:
                raise Failure(f"{name}: not warned by this run; a later scan looks at it again", allow_retries=False)
            context.log.info(f"{name}: its message is {elsewhere.state} under another claim")


def mapping_key(notification: Notification, *, by_task: bool) -> str:
    """Return the part of a step's name for its message: the task's id if a name may have it, else the message's id."""
    task_id = notification.task_id or ""
    named_by_task = by_task and re.fullmatch(r"[0-9A-Za-z-]+", task_id)
    return (task_id if named_by_task else notification.id).replace("-", "_")


def named_by(key: str) -> str:
    """Return the id from a step's name."""
    return key.replace("_", "-")


@job(config=scan)
def check_sla_warnings() -> None:
    """Warn the nurses of the open tasks whose SLA is near: find them, then a step for each.

    Launched every five minutes. By hand: as it is, or with `task_ids`; nobody is warned twice of the same SLA time.
    """
    find_tasks_near_sla().map(warn)
