"""Looking why no sensor ticks, where none does: for the status page, the doctor and the heartbeat."""

from collections.abc import Mapping

from dagster import DagsterInstance

from sequora_orchestration.domain.health import Standstill, Surroundings, is_at_a_standstill, standstill
from sequora_orchestration.instance.code_server import looked_for_at, trouble_at
from sequora_orchestration.resources.ticks import are_all_stopped, daemon_age, last_tick_age


def standstill_of(instance: DagsterInstance, ticks: Mapping[str, float | None]) -> Standstill | None:
    """Return why no sensor ticks at all, None if one does.

    `ticks` are the ages of the last good tick of all sensors that there are, in seconds. Raises SettingError.
    """
    if not is_at_a_standstill(ticks):
        return None
    return standstill(
        Surroundings(
            all_stopped=are_all_stopped(instance, ticks.keys()),
            code_server=trouble_at(looked_for_at()),
            daemon=daemon_age(instance),
            last_tick=last_tick_age(instance),
        )
    )
