"""What is read of sensors' ticks."""

import re
import time
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import (
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    TickData,
    TickStatus,
)
from dagster._daemon.daemon import SensorDaemon
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo
from ticks import a_tick as store_a_tick

import sequora_orchestration
from sequora_orchestration.assets.ticks import (
    _ticks,
    are_all_stopped,
    daemon_age,
    good_tick_ages,
    last_tick_age,
    last_ticks,
)

SENSOR = "new_escalation_tasks"


def test_one_module_alone_knows_how_dagster_keeps_ticks_and_it_reads_them(tmp_path: Path) -> None:
    """No public way leads there: where a release moves what is private, this fails and one module has to follow.

    Beside it only Dagster's instance, which we furnish, rests on what is private.
    """
    package = Path(sequora_orchestration.__file__).parent
    private = re.compile(r"dagster\._core|dagster\._daemon|all_instigator_state|get_ticks")
    knowing = {
        path.relative_to(package).as_posix() for path in package.rglob("*.py") if private.search(path.read_text())
    }
    assert {one for one in knowing if not one.startswith("instance/")} == {"assets/ticks.py"}
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        store_a_tick(instance, SENSOR, seconds_ago=90)
        store_a_tick(instance, SENSOR, seconds_ago=30, status=TickStatus.FAILURE)
        (name, ticks), *others = last_ticks(instance).items()
        age = good_tick_ages(instance, [SENSOR])[SENSOR]
    assert (name, ticks.failed, ticks.of, others) == (SENSOR, 1, 2, [])
    assert age is not None
    assert age - ticks.age > 59


def test_the_last_tick_of_any_sensor_counts_also_one_that_failed(tmp_path: Path) -> None:
    """That ticks fail is another matter than that there are none."""
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert last_tick_age(instance) is None
        store_a_tick(instance, SENSOR, seconds_ago=90)
        store_a_tick(instance, "another", seconds_ago=30, status=TickStatus.FAILURE)
        assert 30 <= (last_tick_age(instance) or 0) < 90


def test_all_are_stopped_only_if_each_is(tmp_path: Path) -> None:
    """One that was never started by hand runs, as the code says."""
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        for name in (SENSOR, "another"):
            store_a_tick(instance, name, seconds_ago=90)
        for state in instance.all_instigator_state():
            assert not are_all_stopped(instance, [SENSOR, "another"])
            instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
        assert are_all_stopped(instance, [SENSOR, "another"])
        assert not are_all_stopped(instance, [SENSOR, "another", "a third"])


def test_the_daemon_is_as_old_as_its_last_sign_of_life(tmp_path: Path) -> None:
    """That of the part that ticks sensors."""
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert daemon_age(instance) is None
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - 40, SensorDaemon.daemon_type(), "a daemon"))
        assert 40 <= (daemon_age(instance) or 0) < 90


def a_tick(at: int, *causes: tuple[str, str]) -> InstigatorTick:
    """Return a tick that began then; with causes, outermost first, one that failed."""
    error = None
    for name, message in reversed(causes):
        error = SerializableErrorInfo(f"{name}: {message}\n", [], name, error)
    data = TickData(
        instigator_origin_id="an-origin",
        instigator_name="new_escalation_tasks",
        instigator_type=InstigatorType.SENSOR,
        status=TickStatus.FAILURE if causes else TickStatus.SKIPPED,
        timestamp=float(at),
        error=error,
    )
    return InstigatorTick(tick_id=1, tick_data=data)


def test_failed_ticks_are_counted_with_what_the_last_one_died_of() -> None:
    """The first cause by its name: its words may quote a row."""
    found = _ticks(
        [
            a_tick(300),
            a_tick(200, ("SensorExecutionError", "in sensor"), ("DataError", "for Nora Reyes, +12025550101")),
            a_tick(100, ("KeyError", "'x'")),
        ]
    )
    assert (found.failed, found.of, found.last_error) == (2, 3, "DataError")
    assert found.age > 0


def test_what_our_own_errors_say_is_shown() -> None:
    """They say what to do."""
    said = "the schema orchestration is missing: run `sequora migrate`"
    found = _ticks([a_tick(200, ("SensorExecutionError", "…"), ("SchemaMissingError", said))])
    assert found.last_error == f"SchemaMissingError: {said}"
