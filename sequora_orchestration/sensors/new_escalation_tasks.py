"""Notices new tasks, and tasks whose run died, and launches `notify_nurse_task` for them.

Each tick watches for seconds and returns as soon as it has found something; the next tick begins with the daemon's next
turn (`instance/tuned.py`). It asks about the tasks of the last hour all the time, which costs the same however many are
open. Every other second it asks about all tasks that nobody has been told of, however old they are and however late
they were committed.
"""

from sequora_orchestration.jobs.notify_nurse_task import notify_nurse_task
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.claiming import WatchOfRecent, claiming_sensor

WATCH = WatchOfRecent(NEW_TASKS)

new_escalation_tasks = claiming_sensor(
    "new_escalation_tasks",
    queue=NEW_TASKS,
    job=notify_nurse_task,
    watch=WATCH,
    description="Notices new tasks and launches `notify_nurse_task` for them.",
)
