"""What Dagster's database is asked and told for a run: how often, and that it comes to what Dagster's own would do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import yaml
from care import NURSE_PHONE, Care
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    In,
    JobDefinition,
    Nothing,
    OpExecutionContext,
    Out,
    RunsFilter,
    in_process_executor,
    job,
    op,
    reconstructable,
)
from dagster._cli.api import _execute_run_command_body
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.storage.tags import RUN_FAILURE_REASON_TAG, WILL_RETRY_TAG
from dagster._time import datetime_from_timestamp
from phones import Phones
from pooler import PGBOUNCER, pooler
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import ProgrammingError
from ticks import a_tick

from sequora_orchestration.instance import round_trips
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.instance.pooled_engine import FRESH_FOR, PooledEngine, of_this_process
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.claiming import run_request
from sequora_orchestration.settings.addresses import postgres_url


@op(out=Out(Nothing))
def look() -> None:
    """Do nothing, and succeed."""


@op(ins={"before": In(Nothing)}, out=Out(Nothing))
def look_again() -> None:
    """Do nothing, and succeed."""


@op(ins={"before": In(Nothing)}, out=Out(Nothing))
def fail() -> None:
    """Do nothing, and fail."""
    raise RuntimeError("as it was told to")


@job(executor_def=in_process_executor)
def looks() -> None:
    """A job that succeeds."""
    look_again(look())


@job(executor_def=in_process_executor)
def fails() -> None:
    """A job that fails at its second step."""
    fail(look())


@pytest.fixture
def home(dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A furnished DAGSTER_HOME, whose launcher keeps what it is given."""
    furnish(tmp_path)
    _change(tmp_path, run_launcher={"module": "dagster._core.test_utils", "class": "MockedRunLauncher"})
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", postgres_url(dagster_url))
    return tmp_path


def _change(home: Path, **sections: object) -> None:
    file = home / "dagster.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text("utf-8")), **sections}), "utf-8")


@pytest.fixture
def instance(home: Path) -> Iterator[DagsterInstance]:
    """A process's instance with our storage."""
    with DagsterInstance.from_config(str(home)) as instance:
        yield instance


@pytest.fixture
def plain(home: Path, dagster_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    """Another process's instance on the same database, with Dagster's own storage."""
    other = tmp_path_factory.mktemp("plain")
    (other / "dagster.yaml").write_bytes((home / "dagster.yaml").read_bytes())
    _change(other, storage={"postgres": {"postgres_url": postgres_url(dagster_url)}})
    with DagsterInstance.from_config(str(other)) as instance:
        yield instance


@pytest.fixture
def pooled(dagster_url: str) -> PooledEngine:
    """This process's engine, and what it remembers."""
    return of_this_process(postgres_url(dagster_url))


@pytest.fixture
def statements(pooled: PooledEngine) -> list[str]:
    """The statements that have run on this process's engine."""
    heard: list[str] = []

    @event.listens_for(pooled.engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        heard.append(statement.rpartition("; ")[2])

    return heard


# --- how many statements ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("environment")
def test_a_text_to_a_nurse_takes_few_statements(
    instance: DagsterInstance, statements: list[str], care: Care, ledger: Ledger, phones: Phones
) -> None:
    """Of the daemon that adds and launches its run, and of the worker that executes it.

    It fails when Dagster goes another way than the one that our storages shorten: then say here what it takes now.
    """
    repository = ReconstructableRepository.for_module("sequora_orchestration.definitions", "defs")
    notify = repository.get_reconstructable_job("notify_nurse_task")
    for is_the_first in (True, False):
        care.a_task(care.a_nurse())
        (claim,) = ledger.claims.claim(NEW_TASKS)
        request = run_request(NEW_TASKS, claim)
        statements.clear()
        run = instance.create_run_for_job(
            notify.get_definition(),
            run_config=request.run_config,
            tags={**request.tags, "dagster/run_key": claim.id},
            job_code_origin=notify.get_python_origin(),
        )
        _launch(instance, run)
        for_launching = len(statements)
        statements.clear()
        assert _execute_run_command_body(run.run_id, instance, lambda _: None, set_exit_code_on_failure=True) == 0
        phones(NURSE_PHONE).received_text()
        if not is_the_first:
            assert for_launching <= 3
            assert len(statements) <= 13


def test_a_tick_reads_its_sensor_s_state_twice(instance: DagsterInstance, statements: list[str]) -> None:
    """At its beginning and its end; Dagster reads it again for each writing, and asks for an index each time."""
    a_tick(instance, "a_sensor", seconds_ago=1)
    (state,) = instance.all_instigator_state()
    statements.clear()
    for _ in range(2):
        known = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
        assert known
        instance.update_instigator_state(known)
    assert [one.startswith("SELECT") for one in statements] == [True, False, False] * 2


def test_what_is_remembered_for_good_does_not_grow(
    instance: DagsterInstance, pooled: PooledEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers live for weeks, and each run that is executed again from its failure on has a plan of its own."""
    monkeypatch.setattr(round_trips, "MOST_REMEMBERED", 3)
    for number in range(5):
        run = instance.create_run_for_job(looks.graph.to_job(name=f"looks_{number}"))
        for _ in range(2):
            assert run.execution_plan_snapshot_id
            plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
            assert plan.job_snapshot_id == run.job_snapshot_id
        assert 0 < len(pooled.execution_plans) <= 3
        assert 0 < len(pooled.job_snapshots) <= 3


# --- the same as Dagster's own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("a_job", [looks, fails], ids=lambda one: one.name)
def test_a_run_leaves_what_it_leaves_in_dagster_s_own_storage(
    instance: DagsterInstance, plain: DagsterInstance, a_job: JobDefinition
) -> None:
    """The same events in the same order, the same status, times and tags, whoever reads them."""
    ours, theirs = (_left_by(a_job, at, read_by=plain) for at in (instance, plain))
    assert ours == theirs
    assert ours == _left_by(a_job, instance, read_by=instance)


def _left_by(a_job: JobDefinition, instance: DagsterInstance, *, read_by: DagsterInstance) -> object:
    run_id = a_job.execute_in_process(instance=instance, tags={"a": "tag"}, raise_on_error=False).run_id
    record = read_by.get_run_record_by_id(run_id)
    assert record
    logs = read_by.all_logs(run_id)
    moments = {one.dagster_event_type: datetime_from_timestamp(one.timestamp).timestamp() for one in logs}
    ended = moments.get(DagsterEventType.RUN_SUCCESS) or moments.get(DagsterEventType.RUN_FAILURE)
    assert (record.start_time, record.end_time) == (moments[DagsterEventType.RUN_START], ended)
    assert record.create_timestamp <= record.update_timestamp
    assert [one.timestamp for one in logs] == sorted(one.timestamp for one in logs)
    steps = {
        one.step_key: (one.status, bool(one.start_time), bool(one.end_time))
        for one in read_by.get_run_step_stats(run_id)
    }
    tags = {name: value for name, value in record.dagster_run.tags.items() if not name.startswith("dagster/step")}
    return record.dagster_run.status, tags, [(one.dagster_event_type, one.step_key) for one in logs], steps


def test_every_event_is_told_to_whoever_listens(instance: DagsterInstance, dagster_url: str) -> None:
    """As Dagster does, for web servers of older versions."""
    with closing(psycopg2.connect(dagster_url)) as listening:
        listening.autocommit = True
        with listening.cursor() as cursor:
            cursor.execute("LISTEN run_events")
            run_id = looks.execute_in_process(instance=instance).run_id
            cursor.execute("SELECT run_id || '_' || id FROM event_logs WHERE run_id = %s ORDER BY id", (run_id,))
            events = [one for (one,) in cursor.fetchall()]
        listening.poll()
        assert [one.payload for one in listening.notifies] == events


def test_a_run_that_fails_has_its_reason_as_a_tag(instance: DagsterInstance, plain: DagsterInstance) -> None:
    """A run retry asks for it."""
    run_id = fails.execute_in_process(instance=instance, raise_on_error=False).run_id
    run = plain.get_run_by_id(run_id)
    assert run
    assert run.status is DagsterRunStatus.FAILURE
    assert run.tags[RUN_FAILURE_REASON_TAG] == "STEP_FAILURE"
    assert [one.run_id for one in plain.get_runs(RunsFilter(tags={RUN_FAILURE_REASON_TAG: "STEP_FAILURE"}))] == [run_id]


def test_a_failed_run_that_will_be_retried_says_so(home: Path) -> None:
    """Somebody may turn Dagster's run retries on, though the ledger asks again."""
    _change(home, run_retries={"enabled": True, "max_retries": 1})
    with DagsterInstance.from_config(str(home)) as instance:
        run_id = fails.execute_in_process(instance=instance, raise_on_error=False).run_id
        run = instance.get_run_by_id(run_id)
        assert run
        assert run.status is DagsterRunStatus.FAILURE
        assert run.tags[WILL_RETRY_TAG] == "true"


def test_a_web_server_writes_the_same_and_remembers_nothing(
    instance: DagsterInstance, plain: DagsterInstance, pooled: PooledEngine
) -> None:
    """Its engines are of its own making; what others change is what it is there to show."""
    instance.optimize_for_webserver(statement_timeout=5000, pool_recycle=300, max_overflow=2)
    run = instance.create_run_for_job(looks)
    _report(instance, run, DagsterEventType.RUN_STARTING)
    assert pooled.last_answer.row is None
    plain.report_run_canceled(run)
    assert _status(instance, run) is DagsterRunStatus.CANCELED


# --- never out of date where it matters -------------------------------------------------------------------------------


def test_what_a_thread_has_just_written_is_not_read_again(
    instance: DagsterInstance, plain: DagsterInstance, statements: list[str]
) -> None:
    """And is what anybody else reads."""
    run = instance.create_run_for_job(looks, tags={"a": "tag"})
    statements.clear()
    added = instance.get_run_record_by_id(run.run_id)
    assert not statements
    assert added == plain.get_run_record_by_id(run.run_id)
    _report(instance, run, DagsterEventType.RUN_STARTING)
    statements.clear()
    launched = instance.get_run_record_by_id(run.run_id)
    assert not statements
    assert launched == plain.get_run_record_by_id(run.run_id)
    assert launched
    assert launched.dagster_run.status is DagsterRunStatus.STARTING


@pytest.mark.parametrize("what", ["another statement", "another thread", "a second later", "another question"])
def test_a_change_by_others_is_seen(
    instance: DagsterInstance, plain: DagsterInstance, pooled: PooledEngine, what: str
) -> None:
    """As soon as anything else was asked, by any other thread or question, or after a second."""
    run = instance.create_run_for_job(looks)
    plain.report_run_canceled(run)
    if what == "another statement":
        instance.get_runs_count()
        assert _status(instance, run) is DagsterRunStatus.CANCELED
    elif what == "another thread":
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_status, instance, run).result() is DagsterRunStatus.CANCELED
    elif what == "a second later":
        pooled.last_answer.since -= FRESH_FOR
        assert _status(instance, run) is DagsterRunStatus.CANCELED
    else:
        canceled = RunsFilter(run_ids=[run.run_id], statuses=[DagsterRunStatus.CANCELED])
        (record,) = instance.get_run_records(canceled)
        assert record.dagster_run.status is DagsterRunStatus.CANCELED


@pytest.mark.parametrize("report", ["report_run_canceled", "report_run_failed"])
def test_a_worker_does_not_execute_a_run_that_others_have_ended(
    instance: DagsterInstance, plain: DagsterInstance, report: str
) -> None:
    """Somebody has cancelled it, or run monitoring has given it up, after this very process has launched it."""
    recon = reconstructable(looks)
    run = instance.create_run_for_job(looks, job_code_origin=recon.get_python_origin())
    _launch(instance, run)
    getattr(plain, report)(run)
    ended = _status(plain, run)
    _execute_run_command_body(run.run_id, instance, lambda _: None, set_exit_code_on_failure=True)
    assert _status(plain, run) is ended
    assert DagsterEventType.STEP_START not in {one.dagster_event_type for one in plain.all_logs(run.run_id)}


def test_a_message_that_comes_again_starts_no_run_again(instance: DagsterInstance, plain: DagsterInstance) -> None:
    """A broker delivers at least once."""
    recon = reconstructable(looks)
    run = instance.create_run_for_job(looks, job_code_origin=recon.get_python_origin())
    _launch(instance, run)
    for _ in range(2):
        _execute_run_command_body(run.run_id, instance, lambda _: None, set_exit_code_on_failure=True)
    kinds = [one.dagster_event_type for one in plain.all_logs(run.run_id)]
    assert kinds.count(DagsterEventType.STEP_START) == 2
    assert _status(plain, run) is DagsterRunStatus.SUCCESS


def test_events_about_a_deleted_run_hurt_nobody(instance: DagsterInstance, plain: DagsterInstance) -> None:
    """It may be deleted while it runs."""
    run = instance.create_run_for_job(looks)
    plain.delete_run(run.run_id)
    _report(instance, run, DagsterEventType.RUN_START)
    assert instance.get_run_by_id(run.run_id) is None


def test_after_a_wipe_runs_can_be_added_again(instance: DagsterInstance, plain: DagsterInstance) -> None:
    """`dagster run wipe` deletes the snapshots that this process knows to be stored; the second attempt goes well."""
    instance.create_run_for_job(looks)
    plain.wipe()
    with pytest.raises(DagsterRunAlreadyExists):
        instance.create_run_for_job(looks)
    assert plain.get_run_by_id(instance.create_run_for_job(looks).run_id)


def test_a_run_is_added_with_its_tags_or_not_at_all(instance: DagsterInstance, plain: DagsterInstance) -> None:
    """The daemon knows by a tag whether it has added a run before."""
    run = instance.create_run_for_job(looks, tags={"a": "tag"})
    with pytest.raises(DagsterRunAlreadyExists):
        instance.create_run_for_job(looks, run_id=run.run_id, tags={"another": "tag"})
    assert plain.get_runs_count(RunsFilter(tags={"a": "tag"})) == 1
    assert plain.get_runs_count(RunsFilter(tags={"another": "tag"})) == 0


# --- events that wait for the next ------------------------------------------------------------------------------------


def test_while_a_step_runs_all_that_was_before_can_be_seen(instance: DagsterInstance, plain: DagsterInstance) -> None:
    """Whoever looks at a run that hangs sees which step it is in."""
    seen: list[list[tuple[DagsterEventType | None, str | None]]] = []

    @op(out=Out(Nothing))
    def looks_at_itself(context: OpExecutionContext) -> None:
        seen.append([(one.dagster_event_type, one.step_key) for one in plain.all_logs(context.run_id)])

    @job
    def a_job() -> None:
        look()
        looks_at_itself()

    run_id = a_job.execute_in_process(instance=instance).run_id
    logs = [(one.dagster_event_type, one.step_key) for one in plain.all_logs(run_id)]
    began = logs.index((DagsterEventType.STEP_START, "looks_at_itself"))
    assert seen == [logs[: began + 1]]


def test_what_waits_is_written_before_anything_is_read(instance: DagsterInstance) -> None:
    """A process sees its own events."""
    run = instance.create_run_for_job(looks)
    _report(instance, run, DagsterEventType.LOGS_CAPTURED)
    assert len(instance.all_logs(run.run_id)) == 1
    newest = instance.event_log_storage.get_maximum_record_id()
    _report(instance, run, DagsterEventType.LOGS_CAPTURED)
    assert instance.event_log_storage.get_maximum_record_id() != newest


def test_what_waits_is_written_at_the_end(home: Path, plain: DagsterInstance) -> None:
    """A process that is told to stop between two events leaves both."""
    with DagsterInstance.from_config(str(home)) as instance:
        run = instance.create_run_for_job(looks)
        _report(instance, run, DagsterEventType.LOGS_CAPTURED)
        assert not plain.all_logs(run.run_id)
    assert len(plain.all_logs(run.run_id)) == 1


def test_what_waits_is_not_lost_with_a_write_that_fails(
    instance: DagsterInstance, pooled: PooledEngine, dagster_url: str
) -> None:
    """Only the event that could not be written is, as with Dagster's own storage."""
    run = instance.create_run_for_job(looks)
    _report(instance, run, DagsterEventType.LOGS_CAPTURED)
    with closing(psycopg2.connect(dagster_url)) as other, other.cursor() as cursor:
        cursor.execute("ALTER TABLE event_logs RENAME TO elsewhere")
        other.commit()
        pooled.engine.dispose()
        with pytest.raises(ProgrammingError):
            _report(instance, run, DagsterEventType.STEP_START)
        cursor.execute("ALTER TABLE elsewhere RENAME TO event_logs")
        other.commit()
    _report(instance, run, DagsterEventType.STEP_START)
    kinds = [entry.dagster_event_type for entry in instance.all_logs(run.run_id)]
    assert kinds[-2:] == [DagsterEventType.LOGS_CAPTURED, DagsterEventType.STEP_START]


# --- commits ----------------------------------------------------------------------------------------------------------


def let_commits_wait_for_the_disk(dagster_url: str) -> None:
    """Give the database what is the default of every server but the tests' own."""
    with closing(psycopg2.connect(dagster_url)) as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {make_url(dagster_url).database} SET synchronous_commit = on")
        connection.commit()


def test_no_commit_waits_for_the_disk_and_nothing_is_left_on_the_connection(
    instance: DagsterInstance, pooled: PooledEngine, dagster_url: str
) -> None:
    """What a session would be set to, another client of a transaction pooler might get."""
    let_commits_wait_for_the_disk(dagster_url)
    pooled.engine.dispose()
    with pooled.engine.connect() as connection:
        connection.execute(
            text("ALTER TABLE run_tags ADD synchronous text DEFAULT current_setting('synchronous_commit')")
        )
        instance.create_run_for_job(looks, tags={"a": "tag"})
        assert set(connection.scalars(text("SELECT synchronous FROM run_tags"))) == {"off"}
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute("SELECT current_setting('synchronous_commit'), current_setting('jit')")
            assert cursor.fetchone() == ("on", "on")


@pytest.mark.skipif(PGBOUNCER is None, reason="needs PgBouncer: apt-get install pgbouncer")
def test_a_transaction_pooler_before_dagster_s_database_changes_nothing(
    home: Path, plain: DagsterInstance, dagster_url: str, tmp_path: Path
) -> None:
    """Runs are written as ever, and whoever gets the connection next waits for the disk as ever."""
    let_commits_wait_for_the_disk(dagster_url)
    with pooler(tmp_path / "pooler", dagster_url, password="correct-horse") as url:
        storage = yaml.safe_load((home / "dagster.yaml").read_text("utf-8"))["storage"]
        storage["custom"]["config"]["postgres_url"] = url
        _change(home, storage=storage)
        with DagsterInstance.from_config(str(home)) as instance:
            run_id = looks.execute_in_process(instance=instance).run_id
        assert plain.get_run_by_id(run_id)
        with closing(psycopg2.connect(url)) as another, another.cursor() as cursor:
            cursor.execute("SELECT current_setting('synchronous_commit')")
            assert cursor.fetchone() == ("on",)


# --- what the tests share ---------------------------------------------------------------------------------------------


def _launch(instance: DagsterInstance, run: DagsterRun) -> None:
    instance.launch_run(run.run_id, None)  # type: ignore[arg-type]  # this launcher asks for no workspace


def _report(instance: DagsterInstance, run: DagsterRun, kind: DagsterEventType) -> None:
    instance.report_dagster_event(DagsterEvent(kind.value, run.job_name), run.run_id)


def _status(instance: DagsterInstance, run: DagsterRun) -> DagsterRunStatus | None:
    known = instance.get_run_by_id(run.run_id)
    return known.status if known else None
