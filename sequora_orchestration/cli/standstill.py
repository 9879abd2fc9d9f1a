"""Finding out why no sensor ticks: for the status page, the doctor and the heartbeat."""

from collections.abc import Mapping

import yaml
from dagster import DagsterInstance

from sequora_orchestration.assets.ticks import are_all_stopped, daemon_age, last_tick_age
from sequora_orchestration.definitions import NOTICING
from sequora_orchestration.domain.health import Standstill, Surroundings, is_at_a_standstill, standstill
from sequora_orchestration.instance.code_server import expected_address, trouble_at
from sequora_orchestration.settings.environment import SettingError


def standstill_of(instance: DagsterInstance, ticks: Mapping[str, float | None]) -> Standstill | None:
    """Return why none of the sensors for nurses' and patients' texts ticks; None if any does.

    `ticks` are the ages of the last good tick of every sensor, in seconds.
    """
    names = {sensor.name for sensor in NOTICING}
    if not is_at_a_standstill({name: age for name, age in ticks.items() if name in names}):
        return None
    return standstill(
        Surroundings(
            all_stopped=are_all_stopped(instance, names),
            code_server=_trouble_with_code_server(),
            daemon=daemon_age(instance),
            last_tick=last_tick_age(instance),
        )
    )


def _trouble_with_code_server() -> str | None:
    try:
        return trouble_at(expected_address())
    except SettingError as error:
        return str(error)
    except yaml.YAMLError:
        return "workspace.yaml in DAGSTER_HOME cannot be read"
