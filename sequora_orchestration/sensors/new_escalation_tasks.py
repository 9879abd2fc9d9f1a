"""Notices new tasks, and those whose run died, and launches `notify_nurse_task` for them.

Several sensors do the same: lanes. When one has found something its next tick starts with the daemon's next turn, up
to 5 s later; meanwhile the others go on watching. They ask the same question in turn, and the claim gives each row to
one of them.

Each tick asks for all tasks that nobody has been told of, however old they are and however late they were committed.
Then it watches for those of the last hour, which costs the same however many are open.
"""

from sequora_orchestration.jobs.notify_nurse_task import notify_nurse_task
from sequora_orchestration.resources.queues import NEW_TASKS
from sequora_orchestration.sensors.claiming import Lanes, claiming_sensor

# A lane that has found something is away for 2.5 s on average. At two or three tasks a second six of them are, and two
# or three more are between two ticks.
LANES = 12

# They ask in turn, so that twelve cost no more than one.
SHARED = Lanes()

NEW_ESCALATION_TASKS = [
    claiming_sensor(
        f"new_escalation_tasks_{number}",
        queue=NEW_TASKS,
        job=notify_nurse_task,
        lanes=SHARED,
        description=f"Notices new tasks and launches `notify_nurse_task` for them (lane {number} of {LANES}). "
        "While one lane launches what it found, the others go on watching; each task goes to one of them.",
    )
    for number in range(1, LANES + 1)
]
