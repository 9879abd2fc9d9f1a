"""Every five minutes: measure how well it goes."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

figures_every_five_minutes = ScheduleDefinition(
    name="figures_every_5_minutes",
    cron_schedule="*/5 * * * *",
    job_name="measure_figures",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Launches `measure_figures`. A measurement that was missed is missing in the plots; nothing else "
    "depends on it.",
)
