"""Runs of our jobs in the test's own process, as a sensor's tick asks for them or a person launches them."""

from typing import Any

from dagster import (
    DagsterInstance,
    ExecuteInProcessResult,
    SensorDefinition,
    SensorResult,
    build_sensor_context,
)

from sequora_orchestration.definitions import defs
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Claim
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.handed_over import HANDED_OVER_TASKS
from sequora_orchestration.messages.nurse_call import NURSES_TO_CALL
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.resources import AssignerResource, DeliveryResource
from sequora_orchestration.sensors import replies, unassigned_tasks
from sequora_orchestration.sensors.claiming import run_request

# When the sensors were started, in seconds since the epoch: without that a tick is a preview.
STARTED = 0.0

JOB_OF = {
    NEW_TASKS.name: "notify_nurse_task",
    NEW_EPISODES.name: "schedule_check_in",
    DUE_CHECK_INS.name: "send_check_in",
    SLA_BREACHES.name: "handle_sla_breach",
    UNANSWERED_BREACHES.name: "escalate_sla_breach",
    UNREACHED_NURSES.name: "report_unreached_nurse",
    HANDED_OVER_TASKS.name: "hand_over",
    NURSES_TO_CALL.name: "call_nurse",
    DUE_DIGESTS.name: "send_digest",
    CANARIES.name: "send_canary",
}


class Runs:
    """Ticks and launches."""

    def __init__(self, instance: DagsterInstance, ledger: Ledger) -> None:
        """Use the instance of this test's own."""
        self.instance = instance
        self.ledger = ledger

    def tick(self, queue: Queue) -> list[ExecuteInProcessResult]:
        """Claim as the queue's sensor does, and run what it asks for."""
        return [self.run(queue, claim) for claim in self.ledger.claims.claim(queue)]

    def run(self, queue: Queue, claim: Claim) -> ExecuteInProcessResult:
        """Run what the queue's sensor asks for when it has claimed something."""
        request = run_request(queue, claim)
        return self._run(JOB_OF[queue.name], dict(request.run_config), {**request.tags, "dagster/run_key": claim.id})

    def sensor(self, sensor: SensorDefinition) -> list[ExecuteInProcessResult]:
        """Let a sensor of its own kind tick, and run what it asks for."""
        with build_sensor_context(instance=self.instance, last_sensor_start_time=STARTED) as context:
            asked = sensor(context, ledger=self.ledger)
        return self._asked(sensor, asked)

    def assign(self) -> list[ExecuteInProcessResult]:
        """Let the sensor for tasks without an assignee tick, as if its pause were over, and run what it asks for."""
        unassigned_tasks.PACE._not_before = 0
        sensor = unassigned_tasks.unassigned_tasks
        resources = {"assigner": AssignerResource()}
        with build_sensor_context(
            instance=self.instance, resources=resources, last_sensor_start_time=STARTED
        ) as context:
            return self._asked(sensor, sensor(context))

    def read_replies(self) -> list[ExecuteInProcessResult]:
        """Let the sensor for what people text to us tick, as if it were time to look, and run what it asks for."""
        replies.LOOKS = replies.Looks()
        sensor = replies.replies
        with build_sensor_context(
            instance=self.instance, resources={"delivery": DeliveryResource()}, last_sensor_start_time=STARTED
        ) as context:
            return self._asked(sensor, sensor(context))

    def _asked(self, sensor: SensorDefinition, asked: object) -> list[ExecuteInProcessResult]:
        assert isinstance(asked, SensorResult)
        return [
            self._run(
                sensor.job.name,
                dict(one.run_config),
                {**one.tags, **({"dagster/run_key": one.run_key} if one.run_key else {})},
            )
            for one in asked.run_requests or []
        ]

    def launch(self, job: str, **config: object) -> ExecuteInProcessResult:
        """Run a job as a person launches it."""
        return self._run(job, config, {})

    def _run(self, job: str, config: dict[str, Any], tags: dict[str, str]) -> ExecuteInProcessResult:
        definition = defs.resolve_job_def(job)
        return definition.execute_in_process(run_config=config, tags=tags, instance=self.instance, raise_on_error=False)

    def tags(self, result: ExecuteInProcessResult) -> dict[str, str]:
        """Return our own tags of a run."""
        run = self.instance.get_run_by_id(result.run_id)
        return {name: value for name, value in (run.tags if run else {}).items() if name.startswith("sequora/")}


def metadata(result: ExecuteInProcessResult, step: str) -> dict[str, object]:
    """Return what a step shows in the UI."""
    (succeeded,) = [event for event in result.get_step_success_events() if event.step_key == step]
    assert succeeded
    (handled,) = [event for event in result.all_events if event.is_successful_output and event.step_key == step]
    return {name: value.value for name, value in handled.step_output_data.metadata.items()}


def failure(result: ExecuteInProcessResult) -> str:
    """Return the sentence that a run failed with."""
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    return str(event.step_failure_data.user_failure_data or event.step_failure_data.error)
