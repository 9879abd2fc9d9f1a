"""Every five minutes: measure how well texting goes."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

figures_every_five_minutes = ScheduleDefinition(
    name="figures_every_5_minutes",
    # Not in the minutes of the scan for SLAs that are near: a text would find two worker processes busy at once.
    cron_schedule="2-59/5 * * * *",
    job_name="measure_figures",
    default_status=DefaultScheduleStatus.RUNNING,
    description="Launches `measure_figures`. A measurement that was missed is missing in the plots; nothing else "
    "depends on it.",
)
