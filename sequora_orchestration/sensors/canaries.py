"""Notices that the hour has no test text yet, and launches `send_canary`, if SEQUORA_CANARY_NUMBER is set."""

from sequora_orchestration.jobs.send_canary import send_canary
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.sensors.claiming import Watch, claiming_sensor
from sequora_orchestration.settings.alarms import CanarySettings

# Seconds between two questions: an hour is long.
PAUSE = 15.0

OFF = "SEQUORA_CANARY_NUMBER is not set: no test text is sent."


def _why_off() -> str | None:
    return None if CanarySettings.load().is_on else OFF


canaries = claiming_sensor(
    "canaries",
    queue=CANARIES,
    job=send_canary,
    watch=Watch(CANARIES, pause=PAUSE),
    why_off=_why_off,
    description="Notices each hour that a test text is owed and launches `send_canary`, if SEQUORA_CANARY_NUMBER is "
    "set. The heartbeat is silent if a test text has not arrived within ten minutes.",
)
