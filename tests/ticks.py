"""Ticks of sensors, as the daemon would have stored them."""

import time

from dagster import DagsterInstance
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo


def a_tick(
    instance: DagsterInstance, sensor: str, *, seconds_ago: float, status: TickStatus = TickStatus.SKIPPED
) -> None:
    """Store a tick of a sensor, and that there is such a sensor."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="sequora_orchestration"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), sensor)
    if not instance.get_instigator_state(origin.get_id(), origin.get_selector().get_id()):
        instance.add_instigator_state(
            InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData())
        )
    instance.create_tick(
        TickData(
            instigator_origin_id=origin.get_id(),
            instigator_name=sensor,
            instigator_type=InstigatorType.SENSOR,
            status=status,
            timestamp=time.time() - seconds_ago,
            selector_id=origin.get_selector().get_id(),
            error=SerializableErrorInfo("it failed", [], None) if status is TickStatus.FAILURE else None,
        )
    )
