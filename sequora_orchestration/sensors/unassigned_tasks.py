"""Notices tasks that come without an assignee, and launches `assign_tasks` for them, if SEQUORA_ASSIGN is on.

It asks five times a second, since no nurse is texted before she has the task; that costs next to nothing. It leases the
tasks for some seconds; if their run dies, or never begins, they are found again after that.
"""

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from sequora_orchestration.database import ViewsDroppedError
from sequora_orchestration.delivery.assigner import Assigner
from sequora_orchestration.jobs.assign_tasks import OFF, assign_tasks
from sequora_orchestration.sensors.claiming import NO_INTERVAL, SHARE, run_request_for
from sequora_orchestration.sensors.preview import is_preview, previewed_claims
from sequora_orchestration.sensors.watch import ENDING, Pace, length_of_watch, slow_to_fail
from sequora_orchestration.settings.workflows import AssignmentSettings

# Seconds between two questions.
PAUSE = 0.2

PACE = Pace(share=SHARE, pause=PAUSE)


@sensor(
    job=assign_tasks,
    minimum_interval_seconds=NO_INTERVAL,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices tasks that nobody is assigned to and launches `assign_tasks`, which gives them to nurses, if "
    "SEQUORA_ASSIGN is on.",
)
def unassigned_tasks(context: SensorEvaluationContext, assigner: ResourceParam[Assigner]) -> SensorResult:
    """Lease the tasks that need a nurse, and request one run for them."""
    try:
        if is_preview(context) and AssignmentSettings.load().assigns:
            return previewed_claims("unassigned tasks", assigner.assignments.lease(is_rehearsal=True))
        seconds = 0.0 if is_preview(context) else length_of_watch(context)
        with slow_to_fail():
            if not AssignmentSettings.load().assigns:
                ENDING.wait(seconds)  # else the next tick would follow at once
                return SensorResult(skip_reason=SkipReason(OFF))
            claims = PACE.watch(assigner.assignments.lease, seconds=seconds)
    except ViewsDroppedError as error:
        return SensorResult(skip_reason=SkipReason(str(error)))
    if claims is None:
        return SensorResult(skip_reason=SkipReason("Not asked for unassigned tasks: it is not time for that yet."))
    if not claims:
        return SensorResult(skip_reason=SkipReason("No unassigned tasks."))
    return SensorResult(run_requests=[run_request_for("task_ids", claim) for claim in claims])
