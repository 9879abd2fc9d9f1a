"""Every quarter of an hour of the night: delete rows that are past their retention."""

from dagster import DefaultScheduleStatus, ScheduleDefinition

from sequora_orchestration.jobs.delete_what_is_over import delete_what_is_over

every_quarter_of_the_night = ScheduleDefinition(
    name="deletion_every_15_minutes_of_the_night",
    # In UTC: from 2 or 3 until 6 or 7 in New York, from 23 or 0 until 3 or 4 in California.
    cron_schedule="*/15 7-10 * * *",
    job=delete_what_is_over,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Launches `delete_what_is_over`. A run ends early when texts wait, or after some minutes; the next one "
    "goes on, and a night that was missed is made up by the next.",
)
