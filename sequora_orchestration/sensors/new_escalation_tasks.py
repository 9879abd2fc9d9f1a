"""Notices new tasks, and those whose run died, and launches `notify_nurse_task` for them.

Several sensors do the same: lanes. When one has found something its next tick starts with the daemon's next turn, up
to 5 s later; meanwhile the others go on watching. They all ask the same question, and the claim gives each row to one
of them.
"""

from dagster import (
    ConfigurableResource,
    DefaultSensorStatus,
    InitResourceContext,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorResult,
    SkipReason,
    sensor,
)

from sequora_orchestration.jobs.notify_nurse_task import notify_nurse_task
from sequora_orchestration.jobs.steps import TaskIds, run_tags
from sequora_orchestration.resources.ledger import Claim, Ledger, open_ledger
from sequora_orchestration.sensors.watch import watch

# One more than the tasks that come in a turn of the daemon (5 s) at a task a second.
LANES = 6


class LedgerResource(ConfigurableResource[Ledger]):
    """The ledger in the schema `orchestration` on SUPABASE_DB_URL."""

    def create_resource(self, context: InitResourceContext) -> Ledger:  # noqa: ARG002
        """Read the settings; raises SettingError."""
        return open_ledger()


def run_request(claim: Claim) -> RunRequest:
    """Return the run that sends what the claim has."""
    config = TaskIds(task_ids=[task.task_id for task in claim.tasks])
    return RunRequest(run_key=claim.id, run_config=config.model_dump(), tags=run_tags(claim.tasks))


def _lane(number: int) -> SensorDefinition:
    @sensor(
        name=f"new_escalation_tasks_{number}",
        job=notify_nurse_task,
        minimum_interval_seconds=1,
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Notices new tasks and launches `notify_nurse_task` for them (lane {number} of {LANES}). "
        "While one lane launches what it found, the others go on watching; each task goes to one of them.",
    )
    def new_escalation_tasks(ledger: ResourceParam[Ledger]) -> SensorResult:
        ledger.doubt_abandoned_attempts()
        claims = watch(ledger.claim_new_tasks)
        if not claims:
            return SensorResult(skip_reason=SkipReason("No new task."))
        return SensorResult(run_requests=[run_request(claim) for claim in claims])

    return new_escalation_tasks


NEW_ESCALATION_TASKS = [_lane(number) for number in range(1, LANES + 1)]
