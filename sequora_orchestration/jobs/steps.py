"""What the ops of every job share: their retries, whose rows they work on, and how they report.

No `from __future__ import annotations` here or in a job: Dagster reads the annotations of ops and configs.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dagster import (
    Backoff,
    Config,
    ConfigurableResource,
    Failure,
    InitResourceContext,
    MetadataValue,
    OpExecutionContext,
    RetryPolicy,
    RetryRequested,
    TableRecord,
)
from pydantic import Field

from sequora_orchestration.domain.message_kind import Suppression
from sequora_orchestration.jobs.delivery import WAITS, Delivery, SenderUnusableError
from sequora_orchestration.resources.care_database import open_care_database
from sequora_orchestration.resources.ledger import (
    ClaimedTask,
    Notification,
    Outcome,
    SchemaMissingError,
    open_ledger,
)
from sequora_orchestration.resources.sms_sender import open_sms_sender
from sequora_orchestration.settings import AppSettings

# What the UI shows of an op's retries. Dagster's own waits would be 1, 3 and 7 s, not the 1, 2 and 4 s we promise, so
# `retried` asks for those itself.
RETRIES = RetryPolicy(max_retries=len(WAITS), delay=1, backoff=Backoff.EXPONENTIAL)

# Where Dagster keeps the run key of a sensor's request.
RUN_KEY_TAG = "dagster/run_key"


class TaskIds(Config):
    """Which tasks a run is about."""

    task_ids: list[str] = Field(
        description='Ids of rows in "EscalationTask". Their nurses are texted, unless they have been told already.',
        min_length=1,
    )


class DeliveryResource(ConfigurableResource[Delivery]):
    """What a run sends with: the ledger, the application's tables, the phone company."""

    def create_resource(self, context: InitResourceContext) -> Delivery:
        """Read the settings; raises SettingError."""
        return Delivery(
            ledger=open_ledger(),
            care=open_care_database(),
            sender=open_sms_sender(),
            app_url=AppSettings.load().sequora_app_url,
            run_id=context.run.run_id if context.run else "",
        )


@contextmanager
def retried(context: OpExecutionContext) -> Iterator[None]:
    """Let an op be tried again after 1, 2 and 4 s, unless trying cannot help."""
    try:
        yield
    except (SchemaMissingError, SenderUnusableError) as error:
        raise Failure(str(error), allow_retries=False) from None
    except (Failure, RetryRequested):
        raise
    except Exception as error:
        raise try_again(context) from error


def try_again(context: OpExecutionContext) -> RetryRequested:
    """Return what an op raises to be tried again, after the wait that is due."""
    return RetryRequested(max_retries=len(WAITS), seconds_to_wait=WAITS[min(context.retry_number, len(WAITS) - 1)])


def claim_of(context: OpExecutionContext) -> str:
    """Return the claim whose rows this run works on: a sensor's, which is the run's key, or one of the run's own."""
    claim_id = context.run.tags.get(RUN_KEY_TAG)
    return claim_id if claim_id and context.run.parent_run_id is None else context.run_id


def claim_by_name(context: OpExecutionContext, config: TaskIds, delivery: Delivery) -> None:
    """Claim the tasks of a run that no sensor asked for: a person launched it, or executed a run again."""
    if claim_of(context) != context.run_id:
        return
    # Ids as the database writes them: a person may have typed theirs in capitals.
    known = delivery.care.tasks(config.task_ids)
    newly_claimed = delivery.ledger.claim_named_tasks(list(known), claim_id=context.run_id)
    if newly_claimed:
        context.instance.add_run_tags(context.run_id, run_tags(newly_claimed))


def run_tags(tasks: Sequence[ClaimedTask]) -> dict[str, str]:
    """Return the tags of a run about these tasks: what it is about if it is one, how many if they are more."""
    if len(tasks) > 1:
        return {"sequora/batch": str(len(tasks))}
    task = tasks[0]
    tags = {
        "sequora/task_id": task.task_id,
        "sequora/episode_id": task.episode_id,
        "sequora/severity": task.severity,
    }
    return {name: value for name, value in tags.items() if value}


def report_dropped(
    context: OpExecutionContext, taken_up: Sequence[Notification], dropped: Sequence[tuple[Notification, Suppression]]
) -> None:
    """Show in the UI how many messages go on from this step, and which do not, and why."""
    for one, suppression in dropped:
        context.log.warning(f"task {one.task_id}: {suppression.state}: {suppression.reason}")
    context.add_output_metadata(
        {
            "taken up": len(taken_up),
            "go on": len(taken_up) - len(dropped),
            **_each(
                [
                    {"task": one.task_id, "state": suppression.state.value, "reason": suppression.reason}
                    for one, suppression in dropped
                ]
            ),
        }
    )


def report_outcomes(context: OpExecutionContext, outcomes: Sequence[Outcome]) -> None:
    """Show in the UI what became of the messages of the claim."""
    counts = Counter(one.state.value for one in outcomes)
    context.add_output_metadata(
        {
            **dict(sorted(counts.items())),
            "logged": sum(one.logged for one in outcomes),
            **_each(
                [
                    {
                        "task": one.task_id,
                        "nurse": one.recipient_id or "",
                        "state": one.state.value,
                        "attempts": one.attempts,
                        "SID": one.provider_sid or "",
                        "reason": one.reason or "",
                    }
                    for one in outcomes
                ]
            ),
        }
    )


def _each(records: Sequence[Mapping[str, str | int]]) -> Mapping[str, Any]:
    """Return metadata about each message: of one, a line for each fact that there is; of more, a table."""
    if len(records) == 1:
        return {name: value for name, value in records[0].items() if value != ""}
    return {"messages": MetadataValue.table([TableRecord(dict(record)) for record in records])} if records else {}
