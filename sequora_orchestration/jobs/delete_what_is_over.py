"""Deletes rows that are past their retention: messages that are over, and Dagster's finished runs and check results.

Ticks are not deleted here: the daemon does that after each tick, as `retention` in `dagster.yaml` says.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    Nothing,
    OpExecutionContext,
    Out,
    ResourceParam,
    RunsFilter,
    job,
    op,
)

from sequora_orchestration.database import engine_for
from sequora_orchestration.jobs.check_results import check_results_deleted
from sequora_orchestration.jobs.retries import RETRIES, retried
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.settings.database import DagsterStorageSettings, RetentionSettings

# Seconds after which a step stops; all steps together take well under the ten minutes after which Dagster ends a run.
MOST_SECONDS = 120

# How many runs are deleted between two looks at whether texts wait: some 5 ms each.
RUNS_A_BATCH = 50

FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


@op(out=Out(Nothing), retry_policy=RETRIES)
def delete_old_messages(context: OpExecutionContext, ledger: ResourceParam[Ledger]) -> None:
    """Delete messages that have been over for SEQUORA_KEEP_MESSAGES, with their history; never an open task's."""
    with retried(context):
        kept = RetentionSettings.load().sequora_keep_messages
        delete_in_batches(context, ledger, ledger.retention.delete_what_is_over(kept))


@op(out=Out(Nothing), retry_policy=RETRIES)
def delete_old_runs(context: OpExecutionContext, ledger: ResourceParam[Ledger]) -> None:
    """Delete finished runs that began SEQUORA_KEEP_RUNS ago, with their events and their measurements."""
    with retried(context):
        # In UTC: Dagster compares the time with its own by the digits alone.
        begun_before = ledger.opt_outs.moment().now.astimezone(UTC) - RetentionSettings.load().sequora_keep_runs
        delete_in_batches(context, ledger, finished_runs_deleted(context.instance, begun_before))


@op(out=Out(Nothing), retry_policy=RETRIES)
def delete_old_check_results(context: OpExecutionContext, ledger: ResourceParam[Ledger]) -> None:
    """Delete results of asset checks that are SEQUORA_KEEP_RUNS old, from Dagster's own Postgres."""
    with retried(context):
        if not os.environ.get("DAGSTER_PG_URL"):
            context.log.info("nothing deleted: DAGSTER_PG_URL is not set, so they are kept elsewhere")
            return
        before = ledger.opt_outs.moment().now - RetentionSettings.load().sequora_keep_runs
        engine = engine_for(DagsterStorageSettings.load().dagster_pg_url)
        delete_in_batches(context, ledger, check_results_deleted(engine, before))


def finished_runs_deleted(instance: DagsterInstance, begun_before: datetime) -> Iterator[int]:
    """Delete finished runs, oldest first; yield the number in each batch. Two at once: each run is deleted once."""
    past = RunsFilter(statuses=FINISHED, created_before=begun_before)
    while records := instance.get_run_records(past, limit=RUNS_A_BATCH, ascending=True):
        for record in records:
            instance.delete_run(record.dagster_run.run_id)
        yield len(records)


def delete_in_batches(context: OpExecutionContext, ledger: Ledger, batches: Iterator[int]) -> None:
    """Delete batch after batch, until texts wait for this worker or the time is over; log the count and the reason.

    The next run deletes the rest.
    """
    deleted, began, ended_by = 0, time.monotonic(), "nothing is left"
    for count in batches:
        deleted += count
        if ledger.leases.texts_wait():
            ended_by = "texts wait for a worker; the next run goes on"
            break
        if time.monotonic() - began > MOST_SECONDS:
            ended_by = "its time is over; the next run goes on"
            break
    context.log.info(f"{deleted} deleted: {ended_by}")
    context.add_output_metadata(
        {"deleted": deleted, "ended by": ended_by, "seconds": round(time.monotonic() - began, 3)}
    )


@job
def delete_what_is_over() -> None:
    """Delete messages, runs and results of checks that are past their retention, in small batches, holding nobody up.

    Launched every quarter of an hour of the night; most of these find little to do. By hand: as it is.
    """
    delete_old_messages()
    delete_old_runs()
    delete_old_check_results()
