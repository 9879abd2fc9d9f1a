"""The metrics of Dagster's instance: whether sensors tick, SLAs are looked for, and the daemon is there."""

import os
from collections.abc import Iterator

from dagster import DagsterInstance
from prometheus_client.core import Metric

from sequora_orchestration.assets.ticks import daemon_time, good_tick_times, last_scan_time
from sequora_orchestration.cli.metrics import catalog
from sequora_orchestration.definitions import SENSORS
from sequora_orchestration.settings.environment import SettingError

NAMES = [sensor.name for sensor in SENSORS]


def of_dagster() -> Iterator[Metric]:
    """Read Dagster's instance. Raises SettingError and the database's errors."""
    if not os.environ.get("DAGSTER_HOME"):
        raise SettingError("DAGSTER_HOME is not set: give the directory with Dagster's configuration.")
    with DagsterInstance.get() as instance:
        ticks = good_tick_times(instance, NAMES)
        yield catalog.TICKED_AT.of({(name,): at or 0.0 for name, at in ticks.items()})
        yield catalog.SCANNED_AT.at(last_scan_time(instance) or 0.0)
        yield catalog.DAEMON_SEEN_AT.at(daemon_time(instance) or 0.0)
