"""Sensors' last ticks, stopped sensors, the daemon's last sign of life, and the last scan of SLAs.

All of it is read from Dagster's instance. Ages are in seconds.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import (  # no public way leads to a sensor's ticks
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    TickStatus,
)

from sequora_orchestration.database import SchemaMissingError, ViewsDroppedError
from sequora_orchestration.jobs.sla_warning import SLA_SCAN
from sequora_orchestration.settings.environment import SettingError

# The number of a sensor's ticks that are looked at: those of the last minutes.
TICKS = 20

# The message of these errors is a sentence of ours; that of any other may quote a row.
OUR_ERRORS = frozenset({SettingError.__name__, SchemaMissingError.__name__, ViewsDroppedError.__name__})

# The part of the daemon that ticks, by Dagster's name.
SENSOR_DAEMON = "SENSOR"

_GOOD = [TickStatus.SUCCESS, TickStatus.SKIPPED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """The last ticks of a sensor."""

    age: float
    """Seconds since the last tick began."""

    failed: int
    of: int
    last_error: str | None
    """The error of the last tick that failed, in short."""


def last_ticks(instance: DagsterInstance) -> dict[str, Ticks]:
    """Return the last ticks of each sensor that has ticked."""
    found: dict[str, Ticks] = {}
    for name, ticks in _ticks_by_sensor(instance, most=TICKS):
        if ticks and (one := _ticks(ticks)).age <= found.get(name, one).age:
            found[name] = one
    return found


def good_tick_ages(instance: DagsterInstance, sensors: Collection[str]) -> dict[str, float | None]:
    """Return the age of each of these sensors' last good tick; None without any.

    So a stopped sensor grows old, and a sensor whose ticks fail grows old, too.
    """
    times = good_tick_times(instance, sensors)
    now = time.time()
    return {name: None if at is None else now - at for name, at in times.items()}


def good_tick_times(instance: DagsterInstance, sensors: Collection[str]) -> dict[str, float | None]:
    """Return when each of these sensors' last good tick began, in seconds since 1970; None without any."""
    times: dict[str, float | None] = dict.fromkeys(sensors)
    for name, ticks in _ticks_by_sensor(instance, most=1, statuses=_GOOD):
        if name in times and ticks:
            times[name] = max(ticks[0].timestamp, times[name] or 0.0)
    return times


def last_tick_age(instance: DagsterInstance) -> float | None:
    """Return the age of the last tick of any sensor, good or failed; None without any."""
    last = max((ticks[0].timestamp for _, ticks in _ticks_by_sensor(instance, most=1) if ticks), default=None)
    return None if last is None else time.time() - last


def stopped_sensors(instance: DagsterInstance, sensors: Collection[str]) -> set[str]:
    """Return those of these sensors that somebody has stopped."""
    states = [
        state
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        if state.instigator_name in sensors
    ]
    stopped = {state.instigator_name for state in states if state.status is InstigatorStatus.STOPPED}
    return stopped - {state.instigator_name for state in states if state.is_running}


def are_all_stopped(instance: DagsterInstance, sensors: Collection[str]) -> bool:
    """Return whether somebody has stopped every one of these sensors."""
    return bool(sensors) and stopped_sensors(instance, sensors) == set(sensors)


def daemon_age(instance: DagsterInstance) -> float | None:
    """Return the age of the daemon's last heartbeat in Dagster's database; None if it has none."""
    at = daemon_time(instance)
    return None if at is None else time.time() - at


def daemon_time(instance: DagsterInstance) -> float | None:
    """Return the time of the daemon's last heartbeat, in seconds since 1970; None if it has none."""
    heartbeat = instance.get_daemon_heartbeats().get(SENSOR_DAEMON)
    return heartbeat.timestamp if heartbeat else None


def last_scan_age(instance: DagsterInstance) -> float | None:
    """Return the age of the last scan for SLAs that are near; None without any."""
    at = last_scan_time(instance)
    return None if at is None else time.time() - at


def last_scan_time(instance: DagsterInstance) -> float | None:
    """Return the time of the last scan for SLAs that are near, in seconds since 1970; None without any."""
    event = instance.get_latest_materialization_event(SLA_SCAN)
    return event.timestamp if event else None


def _ticks_by_sensor(
    instance: DagsterInstance, *, most: int, statuses: Sequence[TickStatus] | None = None
) -> Iterator[tuple[str, Sequence[InstigatorTick]]]:
    """Yield each sensor's name and last ticks; a sensor comes twice if its code server's address has changed."""
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=most, statuses=statuses)
        yield state.instigator_name, ticks


def _ticks(ticks: Sequence[InstigatorTick]) -> Ticks:
    failed = [tick for tick in ticks if tick.status is TickStatus.FAILURE]
    return Ticks(
        age=time.time() - max(tick.timestamp for tick in ticks),
        failed=len(failed),
        of=len(ticks),
        last_error=_error(max(failed, key=lambda tick: tick.timestamp)) if failed else None,
    )


def _error(tick: InstigatorTick) -> str:
    """Return the error of a tick: the name of the first cause, and its message if it is one of ours."""
    error = tick.error
    while error and error.cause:
        error = error.cause
    if error is None:
        return "no error is recorded"
    name = (error.cls_name or "an error").rsplit(".", 1)[-1]
    said = error.message.partition(": ")[2].strip().splitlines()
    return f"{name}: {said[0]}" if said and name in OUR_ERRORS else name
