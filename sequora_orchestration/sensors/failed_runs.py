"""Notices runs that have failed, and tells an engineer, once for all failures of one cause.

It is the second line: no message depends on it, for the ledger claims a dead run's messages again. Earlier failures are
known from tags of their runs, where people see them too.
"""

from datetime import UTC, datetime

from dagster import (
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunFailureSensorContext,
    RunRecord,
    RunsFilter,
    run_failure_sensor,
)

from sequora_orchestration.channels.alarm import Alarm
from sequora_orchestration.domain.alarm import BELONGS_TOGETHER, FailedRun, alarm_text, is_alarming, is_news
from sequora_orchestration.jobs.delete_what_is_over import delete_what_is_over
from sequora_orchestration.jobs.retries import (
    CAUSE,
)
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.processes import WebSettings

FAILURE_TAG, ALARM_TAG = "sequora/failure", "sequora/alarm"

# A run that a sensor or a schedule launched has one of these tags. A person watches her own runs; a run that she
# executes again may have the tags too, but has a parent.
LAUNCHED_BY_ITSELF = {"dagster/sensor_name", "dagster/schedule_name"}

# Nobody waits for deleting, measuring and comparing: such a failure may wait for the day.
SEEN_BY_DAY = {delete_what_is_over.name, "measure_figures", "reconcile_texts"}


@run_failure_sensor(
    minimum_interval_seconds=10,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices runs that have failed and tells an engineer (SEQUORA_ALARM_URL, SEQUORA_ALARM_NUMBER): at "
    "once of what no other run will do better, of anything else when it fails three runs within an hour; and once an "
    "hour for what belongs together. Runs that a person launches or executes again are hers to watch.",
)
def failed_runs(context: RunFailureSensorContext, alarm: ResourceParam[Alarm]) -> None:
    """Tag the failed run with its cause, and raise the alarm if one is due.

    It never returns a reason to skip: Dagster would end the tick with this run, and see the next one in another tick.
    """
    run = context.dagster_run
    if not alarm.is_set or run.job_name in SEEN_BY_DAY or not is_launched_by_itself(run):
        return
    now = datetime.now(UTC)
    record = context.instance.get_run_record_by_id(run.run_id)
    if record is None or not is_news(failed_at(record), now=now):
        return
    failed = why(context)
    context.instance.add_run_tags(run.run_id, {FAILURE_TAG: failed.belongs_to})
    together = [
        other
        for other in context.instance.get_run_records(
            # A run is updated when it ends and when it is tagged: so no recent failure is left out, and some old ones
            # come along.
            RunsFilter(
                tags={FAILURE_TAG: failed.belongs_to},
                statuses=[DagsterRunStatus.FAILURE],
                updated_after=now - BELONGS_TOGETHER,
            )
        )
        if is_launched_by_itself(other.dagster_run) and is_news(failed_at(other), now=now)
    ]
    told = any(ALARM_TAG in other.dagster_run.tags for other in together)
    if not is_alarming(failed, failures=len(together), told=told):
        return
    since = min(map(failed_at, together))
    raised = alarm.raise_(alarm_text(failed, failures=len(together), since=since, now=now, where=where_to_look(run)))
    for trouble in raised.troubles:
        context.log.warning(f"the alarm about run {run.run_id}: {trouble}")
    if raised.is_told:
        context.instance.add_run_tags(run.run_id, {ALARM_TAG: "raised"})


def is_launched_by_itself(run: DagsterRun) -> bool:
    """Return whether no person has launched the run, or executed it again."""
    return run.parent_run_id is None and not LAUNCHED_BY_ITSELF.isdisjoint(run.tags)


def failed_at(record: RunRecord) -> datetime:
    """Return when a run ended."""
    if record.end_time is None:
        return record.update_timestamp
    return datetime.fromtimestamp(record.end_time, UTC)


def where_to_look(run: DagsterRun) -> str:
    """Return a link to the run, or its id if the setting for links is wrong: that must not keep the alarm back."""
    try:
        return WebSettings.load().run_url(run.run_id)
    except SettingError:
        return f"run {run.run_id}"


def why(context: RunFailureSensorContext) -> FailedRun:
    """Return why the run has failed, by its first failed step."""
    run: DagsterRun = context.dagster_run
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        said = data.user_failure_data
        cause = said.metadata.get(CAUSE) if said else None
        error = data.error
        while error and error.cause:
            error = error.cause
        return FailedRun(
            job=run.job_name,
            error=(error.cls_name if error else None) or "an error",
            cause=str(cause.value) if cause else None,
            sentence=said.description if said and cause else None,
        )
    return FailedRun(job=run.job_name, error="its process ended, or it was not started")
