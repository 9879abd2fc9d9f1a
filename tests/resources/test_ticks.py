"""What is read of sensors' ticks."""

import re
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorTick, InstigatorType, TickData, TickStatus
from dagster_shared.error import SerializableErrorInfo
from ticks import a_tick as store_a_tick

import sequora_orchestration
from sequora_orchestration.resources.ticks import _ticks, good_tick_ages, last_ticks

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
    assert {one for one in knowing if not one.startswith("instance/")} == {"resources/ticks.py"}
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        store_a_tick(instance, SENSOR, seconds_ago=90)
        store_a_tick(instance, SENSOR, seconds_ago=30, status=TickStatus.FAILURE)
        (name, ticks), *others = last_ticks(instance).items()
        age = good_tick_ages(instance, [SENSOR])[SENSOR]
    assert (name, ticks.failed, ticks.of, others) == (SENSOR, 1, 2, [])
    assert age is not None
    assert age - ticks.age > 59


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
