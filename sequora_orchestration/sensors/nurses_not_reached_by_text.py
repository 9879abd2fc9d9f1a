"""Notices nurses whom no text about a severe task reaches, and launches `call_nurse`, if SEQUORA_CALL_FOR is set."""

from sequora_orchestration.jobs.call_nurse import call_nurse
from sequora_orchestration.messages.nurse_call import NURSES_TO_CALL
from sequora_orchestration.sensors.claiming import claiming_sensor
from sequora_orchestration.settings.delivery import DeliverySettings

OFF = "SEQUORA_CALL_FOR is off: nobody is called."


def _why_off() -> str | None:
    return OFF if DeliverySettings.load().least_urgency_called_for is None else None


nurses_not_reached_by_text = claiming_sensor(
    "nurses_not_reached_by_text",
    queue=NURSES_TO_CALL,
    job=call_nurse,
    why_off=_why_off,
    description="Notices open tasks with a text that did not reach its nurse and launches `call_nurse`, if "
    "SEQUORA_CALL_FOR says that nurses are called for such tasks.",
)
