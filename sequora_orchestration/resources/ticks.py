"""When sensors have ticked and SLAs were scanned, as Dagster's instance knows it. Ages are in seconds."""

import math
import time
from collections.abc import Collection

from dagster import AssetKey, DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType, TickStatus  # no public way leads to a sensor's ticks

# The asset that stands for the scan for SLAs that are near: each scan is a materialization of it.
SLA_SCAN = AssetKey("sla_scan")

_GOOD = [TickStatus.SUCCESS, TickStatus.SKIPPED]


def good_tick_ages(instance: DagsterInstance, sensors: Collection[str]) -> dict[str, float | None]:
    """Return the age of the last tick of each of these sensors that ended well, None without one.

    So one that was stopped grows old, and one that fails each time.
    """
    ages: dict[str, float | None] = dict.fromkeys(sensors)
    now = time.time()
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        name = state.instigator_name
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1, statuses=_GOOD):
            # A sensor whose code is served from another place than before is there twice.
            if name in ages:
                ages[name] = min(now - tick.timestamp, ages[name] or math.inf)
    return ages


def last_scan_age(instance: DagsterInstance) -> float | None:
    """Return the age of the last scan for SLAs that are near, None without one."""
    event = instance.get_latest_materialization_event(SLA_SCAN)
    return time.time() - event.timestamp if event else None
