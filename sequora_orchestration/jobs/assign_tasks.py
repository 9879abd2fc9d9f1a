"""Gives tasks that come without an assignee to nurses, unless the application does that itself."""

from typing import Any

from dagster import (
    Failure,
    Nothing,
    OpExecutionContext,
    Out,
    ResourceParam,
    config_mapping,
    job,
    op,
)

from sequora_orchestration.delivery.assigner import Assigned, Assigner
from sequora_orchestration.jobs.reports import each
from sequora_orchestration.jobs.retries import CAUSE, RETRIES, retried
from sequora_orchestration.jobs.steps import TaskIds
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.workflows import AssignmentSettings

OFF = "SEQUORA_ASSIGN is off: assigning tasks is the application's business; set it to on where it is to be done here"


@config_mapping
def these_tasks(config: TaskIds) -> dict[str, Any]:
    """Give the step its ids."""
    return {"ops": {assign_nurses.name: {"config": config.model_dump()}}}


@op(out=Out(Nothing), retry_policy=RETRIES)
def assign_nurses(context: OpExecutionContext, config: TaskIds, assigner: ResourceParam[Assigner]) -> None:
    """Give each task to the nurse with the lightest load, of those who are on shift, can be texted and have room."""
    with retried(context):
        if not AssignmentSettings.load().assigns:
            raise Failure(OFF, metadata={CAUSE: SettingError.__name__}, allow_retries=False)
        report(context, assigner.assign(config.task_ids))


def report(context: OpExecutionContext, assigned: Assigned) -> None:
    """Log the outcome of each task. Raises Failure if no task has any of the ids."""
    for one in assigned.choices:
        whom = f"given to {one.nurse_id}" if one.nurse_id else "given to nobody"
        context.log.info(f"task {one.task_id}: {whom}: {one.reason}", extra={"task": one.task_id})
    for id_, why in assigned.others.items():
        if why:
            context.log.info(f"task {id_}: left alone: {why}", extra={"task": id_})
    records = [{"task": one.task_id, "nurse": one.nurse_id or "", "reason": one.reason} for one in assigned.choices]
    given = sum(one.nurse_id is not None for one in assigned.choices)
    context.add_output_metadata({"given": given, "to nobody": len(records) - given, **each(records)})
    if unknown := sorted(id_ for id_, why in assigned.others.items() if why is None):
        sentence = f"no task has the id {', '.join(unknown)}"
        if len(unknown) == len(assigned.others) and not assigned.choices:
            raise Failure(sentence, allow_retries=False)
        context.log.warning(sentence)


@job(config=these_tasks)
def assign_tasks() -> None:
    """Give tasks without an assignee to nurses (SEQUORA_ASSIGN=on); a nurse who gets one is texted as ever.

    Launched by the sensor `unassigned_tasks`. By hand: give `task_ids`. A task is given once: if the application takes
    it away again, it is given to nobody else, and the supervisors are told as of any task that is nobody's.
    """
    assign_nurses()
