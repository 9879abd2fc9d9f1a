"""A nurse has handed a task over by answering a text: a supervisor is told."""

from dagster import job

from sequora_orchestration.jobs.steps import escalate_to_supervisor, reading, work_on
from sequora_orchestration.messages.handed_over import HANDED_OVER_TASKS

check_handed_over = reading(
    "check_handed_over", "Read the tasks. One that is closed, or is somebody else's by now, ends here: nobody is told."
)


@job(config=work_on(HANDED_OVER_TASKS, check_handed_over, escalate_to_supervisor))
def hand_over() -> None:
    """Tell a supervisor of a task that its nurse has handed over by text.

    Launched by the sensor `handed_over_tasks`. By hand: give `task_ids`; each supervisor is told once each time that a
    task is handed over.
    """
    escalate_to_supervisor(check_handed_over())
