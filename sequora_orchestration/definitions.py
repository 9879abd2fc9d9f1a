"""The table of contents: every job, sensor, schedule and resource. Nothing is read or connected here."""

from dagster import Definitions, in_process_executor

from sequora_orchestration.jobs.notify_nurse_task import notify_nurse_task
from sequora_orchestration.jobs.steps import DeliveryResource
from sequora_orchestration.sensors.new_escalation_tasks import NEW_ESCALATION_TASKS, LedgerResource

defs = Definitions(
    jobs=[notify_nurse_task],
    sensors=NEW_ESCALATION_TASKS,
    resources={"ledger": LedgerResource(), "delivery": DeliveryResource()},
    # A step is a few statements: a process for each would cost seconds.
    executor=in_process_executor,
)
