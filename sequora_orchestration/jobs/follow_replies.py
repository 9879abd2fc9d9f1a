"""Follows what people text to us: STOP and START, and commands of staff about their tasks."""

from typing import Any

from dagster import Config, In, Nothing, OpExecutionContext, Out, ResourceParam, config_mapping, job, op
from pydantic import Field

from sequora_orchestration.channels.channel import LookUpError
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.replies import Obeyed, obey, unread
from sequora_orchestration.jobs.reports import each
from sequora_orchestration.jobs.retries import RETRIES, claim_of, retried
from sequora_orchestration.jobs.steps import make_up_log_rows, send_claimed


class ToRead(Config):
    """The messages that a run was launched for."""

    sids: list[str] = Field(
        default=[], description="Ids of messages that came in; leave them out: all are read that nobody has acted on."
    )


@config_mapping
def read(config: ToRead) -> dict[str, Any]:
    """Give the step its ids."""
    return {"ops": {read_replies.name: {"config": config.model_dump()}}}


@op(out=Out(Nothing), retry_policy=RETRIES)
def read_replies(context: OpExecutionContext, config: ToRead, delivery: ResourceParam[Delivery]) -> None:
    """Read what people have texted to us, and act on each message, once."""
    with retried(context, delivery):
        obeyed: list[Obeyed] = []
        try:
            found = unread(delivery, whole=False)
            seen = {request.inbound.sid for some in found for request in some.requests}
            if not set(config.sids) <= seen:  # they showed up late, or another run has acted on them
                found = unread(delivery, whole=True)
            for some in found:
                obeyed += obey(delivery, some, claim_of(context))
        except LookUpError as error:
            context.log.warning(f"{error}; read again later")
        records = [
            {
                "message": one.sid,
                "understood": one.understood,
                "outcome": ", ".join(one.outcomes),
                "tasks": ", ".join(one.task_ids),
            }
            for one in obeyed
        ]
        context.add_output_metadata({"read": len(obeyed), **each(records)})
        tasks = {task_id for one in obeyed for task_id in one.task_ids}
        if len(tasks) == 1:
            context.instance.add_run_tags(context.run_id, {"sequora/task_id": tasks.pop()})


@op(ins={"read": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def answer(context: OpExecutionContext, delivery: ResourceParam[Delivery]) -> None:
    """Answer the staff who sent commands: what became of each; or how commands are written."""
    with retried(context, delivery):
        send_claimed(context, delivery)
        claim_id = claim_of(context)
        make_up_log_rows(context, delivery, delivery.ledger.application_log.log_owed_of_claim(claim_id))


@job(config=read)
def follow_replies() -> None:
    """Read what people have texted to us, obey it, and answer staff.

    Launched by the sensor `replies`. By hand: as it is. A message that was acted on is not acted on again.
    """
    answer(read_replies())
