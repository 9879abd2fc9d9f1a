"""Notices new tasks, and those whose run died, and launches `notify_nurse_task` for them.

Several sensors do the same: lanes. When one has found something its next tick starts with the daemon's next turn, up
to 5 s later; meanwhile the others go on watching. They ask the same question in turn, and the claim gives each row to
one of them.
"""

from sequora_orchestration.jobs.notify_nurse_task import notify_nurse_task
from sequora_orchestration.resources.queues import NEW_TASKS
from sequora_orchestration.sensors.claiming import claiming_sensor
from sequora_orchestration.sensors.watch import Pace

# One more than the tasks that come in a turn of the daemon (5 s) at a task a second.
LANES = 6

# A tenth of a core for all of them: a question that takes 20 ms is asked every 0.2 s.
PACE = Pace(share=1 / 10)

NEW_ESCALATION_TASKS = [
    claiming_sensor(
        f"new_escalation_tasks_{number}",
        queue=NEW_TASKS,
        job=notify_nurse_task,
        lanes=PACE,
        description=f"Notices new tasks and launches `notify_nurse_task` for them (lane {number} of {LANES}). "
        "While one lane launches what it found, the others go on watching; each task goes to one of them.",
    )
    for number in range(1, LANES + 1)
]
