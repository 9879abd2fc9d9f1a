"""No silent hole: a supervisor is told of a nurse who cannot be reached, and of a task without a nurse."""

from dagster import job

from sequora_orchestration.jobs.steps import escalate_to_supervisor, reading, work_on
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES

check_unreached = reading(
    "check_unreached", "Read the tasks. One that is closed, or is somebody else's by now, ends here: nobody is told."
)


@job(config=work_on(UNREACHED_NURSES, check_unreached, escalate_to_supervisor))
def report_unreached_nurse() -> None:
    """Tell a supervisor that a task's nurse could not be reached, and why, or that it has been nobody's for too long.

    Launched by the sensor `unreached_nurses`. By hand: give `task_ids`; each supervisor is told once
    per task and nurse.
    """
    escalate_to_supervisor(check_unreached())
