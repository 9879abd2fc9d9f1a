"""Notices new tasks, and those whose run died, and launches `notify_nurse_task` for them.

Several sensors do the same: lanes. When one has found something its next tick starts with the daemon's next turn, up
to 5 s later; meanwhile the others go on watching. They all ask the same question, and the claim gives each row to one
of them.
"""

from sequora_orchestration.jobs.notify_nurse_task import notify_nurse_task
from sequora_orchestration.resources.queues import NEW_TASKS
from sequora_orchestration.sensors.claiming import claiming_sensor
from sequora_orchestration.sensors.watch import watch_in_tick

# One more than the tasks that come in a turn of the daemon (5 s) at a task a second.
LANES = 6

NEW_ESCALATION_TASKS = [
    claiming_sensor(
        f"new_escalation_tasks_{number}",
        queue=NEW_TASKS,
        job=notify_nurse_task,
        watch=watch_in_tick,
        description=f"Notices new tasks and launches `notify_nurse_task` for them (lane {number} of {LANES}). "
        "While one lane launches what it found, the others go on watching; each task goes to one of them.",
    )
    for number in range(1, LANES + 1)
]
