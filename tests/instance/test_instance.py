"""The Dagster instance that `dagster.yaml` describes, on a real Postgres."""

import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from care import NURSE_PHONE, Care
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRunStatus
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.scheduler.instigation import InstigatorType
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget, WorkspaceFileTarget
from dagster._daemon.monitoring import run_monitoring
from dagster._daemon.sensor import execute_sensor_iteration_loop
from phones import Phones
from sqlalchemy import create_engine, event, text

from sequora_orchestration.definitions import defs
from sequora_orchestration.instance.home import TEMPLATES, code_server_in, furnish
from sequora_orchestration.instance.pooled_engine import of_this_process
from sequora_orchestration.instance.storage import PooledPostgresStorage, make_tables
from sequora_orchestration.instance.tuned import TURN, turn_often
from sequora_orchestration.settings.addresses import postgres_url
from sequora_orchestration.settings.processes import CodeServerSettings


@pytest.fixture
def instance(dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The instance of a furnished DAGSTER_HOME."""
    furnish(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    monkeypatch.setenv("SEQUORA_BROKER_URL", "redis://127.0.0.1:1/0")
    with DagsterInstance.get() as instance:
        yield instance


@pytest.mark.usefixtures("environment")
def test_a_run_uses_one_pool_of_connections(
    instance: DagsterInstance, dagster_url: str, care: Care, phones: Phones
) -> None:
    """Every connection to Dagster's database is one of the pool's, whichever storage asked for it.

    It fails when Dagster's storages no longer keep their engine where the pooled one is put.
    """
    task = care.a_task(care.a_nurse())
    job = defs.get_job_def("notify_nurse_task")
    assert job.execute_in_process(run_config={"task_ids": [task]}, instance=instance).success
    phones(NURSE_PHONE).received_text()
    engine = create_engine(postgres_url(dagster_url), connect_args={"application_name": "the test"})
    with engine.connect() as connection:
        names = connection.scalars(
            text(
                "SELECT application_name FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name <> 'the test'"
            )
        ).all()
    engine.dispose()
    assert set(names) == {"sequora-dagster"}
    assert len(names) <= 2


@pytest.mark.usefixtures("environment")
def test_the_structure_of_dagsters_tables_is_looked_up_once(
    instance: DagsterInstance, dagster_url: str, care: Care, phones: Phones
) -> None:
    """Dagster asks for it before most statements; it fails when Dagster asks in another way than we remember."""
    asked: list[str] = []

    @event.listens_for(of_this_process(postgres_url(dagster_url)).engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    def asked_of_the_catalog_in_a_run() -> int:
        asked.clear()
        job = defs.get_job_def("notify_nurse_task")
        assert job.execute_in_process(run_config={"task_ids": [care.a_task(care.a_nurse())]}, instance=instance).success
        phones(NURSE_PHONE).received_text()
        return sum("pg_catalog" in statement for statement in asked)

    assert asked_of_the_catalog_in_a_run() > 0
    assert asked_of_the_catalog_in_a_run() == 0


def test_the_instance_is_the_fast_one(instance: DagsterInstance) -> None:
    """What `dagster.yaml` names can be loaded, and is what makes a run fast."""
    classes = {
        type(part).__name__ for part in (instance.run_coordinator, instance.run_launcher, instance.compute_log_manager)
    }
    assert classes == {DefaultRunCoordinator.__name__, "CeleryRunLauncher", "NoOpComputeLogManager"}
    assert instance.get_settings("sensors")["use_threads"]
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    assert not instance.run_retries_enabled
    assert instance.run_monitoring_enabled


@pytest.mark.parametrize("kind", [InstigatorType.SENSOR, InstigatorType.SCHEDULE])
def test_no_tick_is_kept_for_ever_and_none_longer_than_others(instance: DagsterInstance, kind: InstigatorType) -> None:
    """Dagster's own default keeps most; and kept longer, some would be looked through at the end of every tick."""
    (days,) = set(instance.get_tick_retention_settings(kind).values())
    assert 0 < days <= 30


@pytest.mark.parametrize(
    ("job", "after", "ended"),
    [
        ("measure_figures", timedelta(minutes=9), False),
        ("measure_figures", timedelta(minutes=11), True),
        ("reconcile_texts", timedelta(minutes=59), False),
        ("reconcile_texts", timedelta(minutes=61), True),
    ],
)
def test_a_run_is_ended_after_ten_minutes_and_one_that_reads_a_long_list_after_an_hour(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, job: str, after: timedelta, *, ended: bool
) -> None:
    """The tag of the job goes before the instance's setting."""
    definition = defs.resolve_job_def(job)
    run = instance.create_run_for_job(definition, tags=definition.run_tags)
    instance.report_dagster_event(DagsterEvent(DagsterEventType.RUN_START.value, job), run.run_id)
    record = instance.get_run_record_by_id(run.run_id)
    assert record
    assert record.start_time
    monkeypatch.setattr(run_monitoring, "get_current_timestamp", lambda: record.start_time + after.total_seconds())
    limit = float(instance.run_monitoring_max_runtime_seconds)
    run_monitoring.check_run_timeout(instance, record, logging.getLogger(), limit)
    now = instance.get_run_by_id(run.run_id)
    assert now
    assert now.status is (DagsterRunStatus.FAILURE if ended else DagsterRunStatus.STARTED)


@pytest.mark.parametrize("scheme", ["postgresql://", "postgres://"])
def test_either_form_of_url_will_do(dagster_url: str, scheme: str) -> None:
    """Providers hand out both."""
    storage = PooledPostgresStorage.from_config_value(
        None,
        {"postgres_url": dagster_url.replace("postgresql://", scheme), "should_autocreate_tables": False},
    )
    assert storage.run_storage.get_runs_count() == 0


@pytest.mark.usefixtures("environment")
def test_an_old_run_goes_from_every_table_of_dagsters(
    instance: DagsterInstance, dagster_url: str, care: Care, phones: Phones
) -> None:
    """Its tags, events, figures and checks with it; what is left are the definitions, as often as they have changed."""
    assert defs.resolve_job_def("measure_figures").execute_in_process(instance=instance).success
    task = care.a_task(care.a_nurse())
    notify = defs.get_job_def("notify_nurse_task")
    assert notify.execute_in_process(run_config={"task_ids": [task]}, instance=instance).success
    phones(NURSE_PHONE).received_text()
    care.it_is(datetime.now(UTC) + timedelta(days=31))
    deletion = defs.get_job_def("delete_what_is_over").execute_in_process(instance=instance)
    engine = create_engine(postgres_url(dagster_url))
    with engine.connect() as connection:
        for table in ("runs", "run_tags", "event_logs", "asset_check_executions"):
            ids = connection.scalars(text(f"SELECT DISTINCT run_id FROM {table}")).all()
            assert set(ids) <= {deletion.run_id}, table
    engine.dispose()


def test_making_the_tables_again_changes_nothing(dagster_url: str) -> None:
    """`sequora migrate` may be run again."""
    make_tables(postgres_url(dagster_url))


def test_a_home_is_furnished_once(tmp_path: Path) -> None:
    """What somebody has changed there stays."""
    home = tmp_path / "home"
    assert [path.name for path in furnish(home)] == ["dagster.yaml", "workspace.yaml"]
    (home / "dagster.yaml").write_text("mine", encoding="utf-8")
    assert furnish(home) == []
    assert (home / "dagster.yaml").read_text(encoding="utf-8") == "mine"
    furnish(home, overwrite=True)
    assert (home / "dagster.yaml").read_text(encoding="utf-8") != "mine"


def test_web_server_and_daemon_look_for_the_code_server_where_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Dagster reads the file, and as our checks do."""
    furnish(tmp_path)
    monkeypatch.setenv("SEQUORA_CODE_HOST", "code.internal")
    monkeypatch.setenv("SEQUORA_CODE_PORT", "5000")
    (origin,) = WorkspaceFileTarget([str(tmp_path / "workspace.yaml")]).create_origins()
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert (origin.host, origin.port) == ("code.internal", 5000)
    assert code_server_in(tmp_path) == "code.internal:5000"


@pytest.mark.parametrize(
    ("workspace", "named"),
    [
        ("load_from: [{grpc_server: {host: elsewhere, port: 1}}]", "elsewhere:1"),
        ("load_from: [{grpc_server: {host: {env: SEQUORA_CODE_HOST}, port: 1}}]", "127.0.0.1:1"),
        ("load_from: [{python_module: my.definitions}]", None),
        ("load_from: [{grpc_server: {host: {env: MINE}, port: 1}}]", None),
        ("", None),
    ],
)
def test_a_workspace_of_somebodys_own_is_read(tmp_path: Path, workspace: str, named: str | None) -> None:
    """Where it names a code server that we can know."""
    (tmp_path / "workspace.yaml").write_text(workspace, encoding="utf-8")
    assert code_server_in(tmp_path) == named


def test_the_procfile_has_the_defaults_of_the_settings() -> None:
    """They stand in both: a shell reads the one, our code the other."""
    procfile = (TEMPLATES / "Procfile").read_text(encoding="utf-8")
    in_the_shell = dict(re.findall(r"\$\{(SEQUORA_CODE_\w+):-([^}]*)\}", procfile))
    assert in_the_shell == {name.upper(): str(field.default) for name, field in CodeServerSettings.model_fields.items()}


def test_the_daemon_turns_to_the_sensors_often(instance: DagsterInstance) -> None:
    """How long it waits between two turns is a constant of Dagster's; where that moves, this fails."""
    pauses: list[float] = []

    class Shutdown(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            return False

    turn_often()  # as the instance does when it is the daemon's
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as workspace:
        turns = execute_sensor_iteration_loop(workspace, logging.getLogger(), Shutdown())
        while not pauses:
            next(turns)
    assert 0 <= pauses[0] <= TURN
