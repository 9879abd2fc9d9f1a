"""Notices new episodes, whose patients get a check-in, and check-ins that have fallen due."""

from sequora_orchestration.jobs.check_in import schedule_check_in, send_check_in
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.sensors.claiming import claiming_sensor

new_episodes = claiming_sensor(
    "new_episodes",
    queue=NEW_EPISODES,
    job=schedule_check_in,
    description="Notices patients who have left hospital and launches `schedule_check_in` for their episodes.",
)

due_check_ins = claiming_sensor(
    "due_check_ins",
    queue=DUE_CHECK_INS,
    job=send_check_in,
    description="Notices check-ins whose time has come and launches `send_check_in` for them.",
)
