"""The sensor for new tasks: what it asks runs for."""

import time

import pytest
from care import EPISODE, Care
from dagster import (
    DagsterInstance,
    DagsterResourceFunctionError,
    RunRequest,
    build_sensor_context,
    validate_run_config,
)
from runs import STARTED

from sequora_orchestration.definitions import defs
from sequora_orchestration.ledger.claims import BATCH, FEW
from sequora_orchestration.migrations.apply import drop_views
from sequora_orchestration.resources import LedgerResource
from sequora_orchestration.sensors import watch
from sequora_orchestration.sensors.new_escalation_tasks import WATCH, new_escalation_tasks

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture(autouse=True)
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a tick ask once instead of for seconds, and fail at once."""
    monkeypatch.setattr(WATCH, "alone", 0.0)
    monkeypatch.setattr(watch, "PAUSE_AFTER_AN_ERROR", 0.0)


def tick() -> tuple[list[RunRequest], str | None]:
    """Evaluate a tick as the daemon does, when the sensor's pause is over."""
    WATCH._everything._not_before = WATCH._recent._not_before = 0
    return evaluated_tick()


def evaluated_tick() -> tuple[list[RunRequest], str | None]:
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(
            instance,
            repository_def=defs.get_repository_def(),
            resources={"ledger": LedgerResource()},
            last_sensor_start_time=STARTED,
        )
        execution = new_escalation_tasks.evaluate_tick(context)
    return list(execution.run_requests or []), execution.skip_message


def test_a_tick_that_finds_nothing_says_so(care: Care) -> None:
    """The UI shows why there is no run."""
    care.a_task(care.a_nurse(), status="RESOLVED")
    assert tick() == ([], "No new tasks.")


def test_a_task_that_is_committed_late_is_found(care: Care) -> None:
    """A tick asks for all tasks, and then for recent ones alone."""
    care.rows("UPDATE orchestration.go_live SET go_live_at = '2000-01-01 00:00+00'")
    tick()
    task = care.a_task(care.a_nurse(), created_at="2026-01-01 00:00+00")
    ((request,), _) = tick()
    assert request.run_config == {"task_ids": [task]}


def test_while_a_tick_watches_a_new_task_is_found(care: Care) -> None:
    """It need not wait until it is time to ask for all of them again."""
    nurse = care.a_nurse()
    tick()
    task = care.a_task(nurse)
    assert watched() == [task]


def watched() -> list[str]:
    """Return the tasks that a tick claims when it is not time yet to ask for all."""
    WATCH._everything._not_before = time.monotonic() + 3_600
    return found_soon()


def found_soon() -> list[str]:
    """Return the tasks that a tick claims right after another one."""
    WATCH._recent._not_before = 0
    requests, _ = evaluated_tick()
    return [task for request in requests for task in request.run_config["task_ids"]]


def test_while_more_waits_than_can_go_out_a_recent_task_goes_before_no_older_and_more_severe_one(care: Care) -> None:
    """After an outage, for instance; when nothing is left of that, recent ones are watched for again."""
    care.rows("UPDATE orchestration.go_live SET go_live_at = '2000-01-01 00:00+00'")
    nurse, long_ago = care.a_nurse(), "2026-01-01 00:00+00"
    older = [
        care.a_task(nurse, severity=each, created_at=long_ago) for each in ("HIGH", "MODERATE") for _ in range(FEW)
    ]
    care.a_task(nurse, severity="CRITICAL")
    tick()
    recent = care.a_task(nurse, severity="LOW")
    found = []
    for _ in range(5):
        care.rows("UPDATE orchestration.notification SET claimed_at = claimed_at - interval '3 seconds'")
        found.append(set(found_soon()))
    assert found == [set(older[:FEW]), set(older[FEW:]), {recent}, set(), set()]
    assert not WATCH._of_everything.more_waits


def test_a_task_becomes_a_run_with_ids_and_tags(care: Care) -> None:
    """The job accepts the configuration; the claim is the run's key."""
    task = care.a_task(care.a_nurse())
    ((request,), _) = tick()
    (row,) = care.ledger(task)
    assert request.run_key == str(row["claim_id"])
    assert request.run_config == {"task_ids": [task]}
    assert {"sequora/task_id": task, "sequora/episode_id": EPISODE, "sequora/severity": "HIGH"}.items() <= (
        request.tags.items()
    )
    assert validate_run_config(defs.get_job_def("notify_nurse_task"), request.run_config)


def test_many_tasks_become_runs_of_many(care: Care) -> None:
    """Each is tagged with how many messages it carries."""
    nurse = care.a_nurse()
    for _ in range(BATCH + 1):
        care.a_task(nurse)
    requests, _ = tick()
    assert [request.tags["sequora/batch"] for request in requests if "sequora/batch" in request.tags] == [str(BATCH)]
    assert len(requests) == 2


def test_while_the_views_are_dropped_by_command_a_tick_says_so(care: Care) -> None:
    """In one line that a person can act on, and without a traceback each time."""
    drop_views(care.engine)
    requests, said = tick()
    assert requests == []
    assert said
    assert said.startswith("the views of the application's tables were dropped by `sequora migrate --drop-views` at ")


def test_a_database_that_is_away_fails_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never looks like "nothing found"."""
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(Exception, match="connection") as failure:
        tick()
    assert "refused" in str(failure.value)


def test_a_missing_setting_fails_the_tick_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable and what to do."""
    monkeypatch.delenv("SUPABASE_DB_URL")
    with pytest.raises(DagsterResourceFunctionError) as failure:
        tick()
    assert "SUPABASE_DB_URL is not set" in str(failure.value.__cause__)
    assert "sequora dev" in str(failure.value.__cause__)
