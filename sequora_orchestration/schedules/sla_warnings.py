"""Every five minutes: warn of the SLAs that are near."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

from sequora_orchestration.jobs.sla_warning import check_sla_warnings

every_five_minutes = ScheduleDefinition(
    name="sla_warnings_every_5_minutes",
    cron_schedule="*/5 * * * *",
    job=check_sla_warnings,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Launches `check_sla_warnings`. A scan that was missed is made up by the next: it asks what is still "
    "to be warned of, not what is new.",
)
