"""The sensor for tasks without an assignee: what it asks runs for, and that it is silent where it is not wanted."""

from collections.abc import Mapping

import pytest
from care import EPISODE, Care
from dagster import DagsterInstance, RunRequest, build_sensor_context, validate_run_config
from runs import STARTED

from sequora_orchestration.definitions import defs
from sequora_orchestration.ledger import assignments
from sequora_orchestration.ledger.assignments import MOST_TASKS
from sequora_orchestration.migrations.apply import drop_views
from sequora_orchestration.resources import AssignerResource
from sequora_orchestration.sensors import unassigned_tasks, watch
from sequora_orchestration.settings.environment import SettingError

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture(autouse=True)
def fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick that fails does not wait."""
    monkeypatch.setattr(watch, "PAUSE_AFTER_AN_ERROR", 0.0)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are assigned here."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")


def tick() -> tuple[list[RunRequest], str | None]:
    """Evaluate a tick as the daemon does, when the sensor's pause is over."""
    unassigned_tasks.PACE._not_before = 0
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(
            instance,
            repository_def=defs.get_repository_def(),
            resources={"assigner": AssignerResource()},
            last_sensor_start_time=STARTED,
        )
        execution = unassigned_tasks.unassigned_tasks.evaluate_tick(context)
    return list(execution.run_requests or []), execution.skip_message


def test_where_the_application_assigns_nothing_is_asked(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is the default; the UI shows why, and the way to change it."""

    def asked(*_: object, **__: object) -> Mapping[str, object]:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(assignments, "execute", asked)
    care.a_task(None)
    requests, skipped = tick()
    assert requests == []
    assert skipped is not None
    assert skipped.startswith("SEQUORA_ASSIGN is off")


@pytest.mark.usefixtures("on")
def test_a_tick_that_finds_nothing_says_so(care: Care) -> None:
    """Of tasks that are somebody's, or closed."""
    care.a_task(care.a_nurse())
    care.a_task(None, status="RESOLVED")
    assert tick() == ([], "No unassigned tasks.")


@pytest.mark.usefixtures("on")
def test_while_the_views_are_dropped_by_command_a_tick_says_so(care: Care) -> None:
    """In one line, without a traceback each time."""
    drop_views(care.engine)
    requests, said = tick()
    assert requests == []
    assert "were dropped by `sequora migrate --drop-views` at " in str(said)


@pytest.mark.usefixtures("on")
def test_a_task_becomes_a_run_with_ids_and_tags(care: Care) -> None:
    """The job accepts the configuration; another tick finds it no more."""
    task = care.a_task(None)
    ((request,), _) = tick()
    assert request.run_config == {"task_ids": [task]}
    assert {"sequora/task_id": task, "sequora/episode_id": EPISODE, "sequora/severity": "HIGH"}.items() <= (
        request.tags.items()
    )
    assert validate_run_config(defs.get_job_def("assign_tasks"), request.run_config)
    assert tick() == ([], "No unassigned tasks.")


@pytest.mark.usefixtures("on")
def test_of_many_tasks_the_most_severe_become_the_first_run(care: Care) -> None:
    """The next tick has the others; each run has a key of its own."""
    low = [care.a_task(None, severity="LOW") for _ in range(MOST_TASKS)]
    critical = care.a_task(None, severity="CRITICAL")
    ((first,), _), ((second,), _) = tick(), tick()
    assert first.run_config["task_ids"][0] == critical
    assert first.tags["sequora/batch"] == str(MOST_TASKS)
    assert second.run_config["task_ids"] == [low[-1]]
    assert first.run_key != second.run_key


@pytest.mark.usefixtures("on")
def test_a_database_that_is_away_fails_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never looks like "nothing found"."""
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(Exception, match="connection") as failure:
        tick()
    assert "refused" in str(failure.value)


def test_a_setting_that_makes_no_sense_fails_the_tick_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable and what to give."""
    monkeypatch.setenv("SEQUORA_ASSIGN", "sometimes")
    with pytest.raises(SettingError, match=r"^SEQUORA_ASSIGN .*: give on"):
        tick()
