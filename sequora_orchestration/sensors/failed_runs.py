"""Notices runs that have failed, and tells an engineer, once for what belongs together.

It is the second line: what becomes of a message stands in the ledger, whatever becomes of its run. What it knows of
earlier failures stands in tags of their runs, where people see it too.
"""

from datetime import UTC, datetime

from dagster import (
    ConfigurableResource,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    InitResourceContext,
    ResourceParam,
    RunFailureSensorContext,
    RunsFilter,
    SkipReason,
    run_failure_sensor,
)

from sequora_orchestration.domain.alarm import BELONGS_TOGETHER, FailedRun, alarm_text, is_alarming
from sequora_orchestration.jobs.delete_what_is_over import delete_what_is_over
from sequora_orchestration.jobs.steps import CAUSE
from sequora_orchestration.resources.alarm import Alarm, open_alarm
from sequora_orchestration.settings import WebSettings

FAILURE_TAG, ALARM_TAG = "sequora/failure", "sequora/alarm"

# What sensors and schedules launch has one of these. What a person launches she watches herself.
LAUNCHED_BY_ITSELF = {"dagster/sensor_name", "dagster/schedule_name"}

# Nobody waits for what is deleted and measured: that may be seen by day.
SEEN_BY_DAY = {delete_what_is_over.name, "measure_figures"}


class AlarmResource(ConfigurableResource[Alarm]):
    """How an engineer is told: SEQUORA_ALARM_URL, SEQUORA_ALARM_NUMBER."""

    def create_resource(self, context: InitResourceContext) -> Alarm:  # noqa: ARG002
        """Read the settings; raises SettingError."""
        return open_alarm()


@run_failure_sensor(
    minimum_interval_seconds=10,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices runs that have failed and tells an engineer (SEQUORA_ALARM_URL, SEQUORA_ALARM_NUMBER): at "
    "once of what no other run will do better, of anything else when it fails three runs within an hour; and once an "
    "hour for what belongs together. Runs that a person launches are hers to watch.",
)
def failed_runs(context: RunFailureSensorContext, alarm: ResourceParam[Alarm]) -> SkipReason | None:
    """Tag the failed run with what it belongs to, and raise the alarm if that is due."""
    run = context.dagster_run
    if run.job_name in SEEN_BY_DAY or not LAUNCHED_BY_ITSELF & run.tags.keys():
        return None
    if not alarm.is_set:
        return SkipReason("Nobody is told: neither SEQUORA_ALARM_URL nor SEQUORA_ALARM_NUMBER is set.")
    failed = why(context)
    context.instance.add_run_tags(run.run_id, {FAILURE_TAG: failed.belongs_to})
    together = context.instance.get_run_records(
        RunsFilter(
            tags={FAILURE_TAG: failed.belongs_to},
            statuses=[DagsterRunStatus.FAILURE],
            updated_after=datetime.now(UTC) - BELONGS_TOGETHER,
        )
    )
    told = any(ALARM_TAG in record.dagster_run.tags for record in together)
    if is_alarming(failed, failures=len(together), told=told):
        since = min(record.create_timestamp for record in together)
        link = WebSettings.load().run_url(run.run_id)
        raised = alarm.raise_(alarm_text(failed, failures=len(together), since=since, link=link))
        for trouble in raised.troubles:
            context.log.warning(f"the alarm about run {run.run_id} does not arrive: {trouble}")
        if raised.is_told:
            context.instance.add_run_tags(run.run_id, {ALARM_TAG: "raised"})
    return None


def why(context: RunFailureSensorContext) -> FailedRun:
    """Return why the run has failed, by its first step that did."""
    run: DagsterRun = context.dagster_run
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        said = data.user_failure_data
        cause = said.metadata.get(CAUSE) if said else None
        error = data.error
        while error and error.cause:
            error = error.cause
        return FailedRun(
            run_id=run.run_id,
            job=run.job_name,
            error=(error.cls_name if error else None) or "an error",
            cause=str(cause.value) if cause else None,
            sentence=said.description if said and cause else None,
        )
    return FailedRun(run_id=run.run_id, job=run.job_name, error="its process ended, or it was not started")
