"""Once a night: compare the day before with the phone company's list."""

from datetime import UTC, timedelta
from typing import Any

from dagster import DefaultScheduleStatus, ScheduleDefinition, ScheduleEvaluationContext


def _day_before(context: ScheduleEvaluationContext) -> dict[str, Any]:
    """Name the day: a run that starts after midnight, or is executed again later, compares the same one."""
    return {"day": (context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)).isoformat()}


reconciliation_every_night = ScheduleDefinition(
    name="reconciliation_every_night",
    # In UTC, by which the day goes: by then its last texts have arrived and most have a price, and deletion has not
    # begun. Not in the minutes of the scan for SLAs that are near, and of the figures.
    cron_schedule="44 5 * * *",
    job_name="reconcile_texts",
    run_config_fn=_day_before,
    default_status=DefaultScheduleStatus.RUNNING,
    description="Launches `reconcile_texts` for the day before, by UTC. A night that was missed is not made up: "
    "`sequora reconcile --day` shows it, and `reconcile_texts` with that `day` reports it.",
)
