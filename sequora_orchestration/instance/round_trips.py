"""Dagster's three storages, with fewer round trips to its database for the same work.

A run that texts one nurse took 95 statements, 52 of them one after the other before the text went out: half a second
where the database is 10 ms away. Now it takes 34, and 16 of them before. What a method does otherwise than Dagster's
own, and why that comes to the same, stands with it. A run's status, which others may change at any time, is read by the
worker before it executes the run, as ever.

Beside what is public in Dagster's base classes, these use `_engine`, `_connect`, `_instance`, `_event_to_row` and
`_core_add_run`; a test counts the statements of a run, and fails when one of them moves.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from dagster import DagsterEventType, DagsterRun, DagsterRunStatus, EventLogEntry, RunRecord, RunsFilter
from dagster._core.errors import DagsterRunAlreadyExists
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.scheduler.instigation import InstigatorState
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._serdes import deserialize_value
from dagster._time import datetime_from_timestamp, utc_datetime_from_naive
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage
from sqlalchemy import Connection, RowMapping, select
from sqlalchemy.exc import IntegrityError

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.instance.pooled_engine import LastAnswer, PooledEngine, prefix_statements

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Each says that something is done, and is followed by one that says what begins next, with nothing but some lines of
# Dagster's in between; after a step's success these may wait for the time of another step's retry.
WAITS_FOR_THE_NEXT = frozenset(
    {
        DagsterEventType.LOGS_CAPTURED,
        DagsterEventType.RESOURCE_INIT_SUCCESS,
        DagsterEventType.STEP_OUTPUT,
        DagsterEventType.STEP_SUCCESS,
    }
)

# They have tables of their own beside `event_logs`.
_OF_ASSETS = ASSET_EVENTS | ASSET_CHECK_EVENTS

# The columns that a run's record is made of.
_RECORD = ("id", "run_body", "status", "create_timestamp", "update_timestamp", "start_time", "end_time")

# There are as many as versions of jobs, and one for each run that somebody executes again from its failure on; a
# process lives for weeks.
MOST_REMEMBERED = 100


class _OnPooledEngine:
    """What the three have in common. There is no public way to hand an engine in: Dagster keeps it in `_engine`."""

    def __init__(self, postgres_url: str, pooled: PooledEngine) -> None:
        """Use the process's engine."""
        super().__init__(postgres_url, should_autocreate_tables=False)  # type: ignore[call-arg]  # the storage's
        self._engine = pooled.engine
        self._pooled = pooled

    def optimize_for_webserver(self, *args: Any, **options: Any) -> None:
        """Take engines that Dagster makes for the web server, with a time-out; no last answer is kept on them."""
        super().optimize_for_webserver(*args, **options)  # type: ignore[misc]  # the storage's
        prefix_statements(self._engine)
        self._pooled = replace(self._pooled, last_answer=LastAnswer(fresh_for=0))


class PooledEventLogStorage(_OnPooledEngine, PostgresEventLogStorage):
    """Writes what belongs together in one statement: events that come at once, and a run's event with its status."""

    def __init__(self, postgres_url: str, pooled: PooledEngine) -> None:
        """Use the process's engine."""
        super().__init__(postgres_url, pooled)
        self._waiting: defaultdict[str, list[EventLogEntry]] = defaultdict(list)
        self._lock = Lock()

    @property
    def handles_run_events_in_store_event(self) -> bool:
        """Whether DagsterInstance leaves a run's status to `store_event`: a switch of Dagster's own.

        It does more than that itself when a failed run is to be retried, which it is not in our `dagster.yaml`.
        """
        return not self._instance.run_retries_enabled

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, with those of its run that have waited for it.

        A process that is killed loses those that wait: a step that had ended is shown as running. They are written
        before anything else is asked of this storage, and never wait while a step runs, but for one that has yielded an
        output and goes on.
        """
        kind = event.dagster_event_type
        if kind in WAITS_FOR_THE_NEXT:
            with self._lock:
                self._waiting[event.run_id].append(event)
        elif kind in _OF_ASSETS:
            self._store_what_waits()
            super().store_event(event)
        elif self.handles_run_events_in_store_event and kind is DagsterEventType.RUN_FAILURE:
            self._store(event.run_id, event)
            # Its reason becomes a tag as well.
            moment = datetime_from_timestamp(event.timestamp)
            self._instance.run_storage.handle_run_event(event.run_id, event.get_dagster_event(), moment)
        elif self.handles_run_events_in_store_event and kind in EVENT_TYPE_TO_PIPELINE_RUN_STATUS:
            self._store(event.run_id, event, status=EVENT_TYPE_TO_PIPELINE_RUN_STATUS[kind])
        else:
            self._store(event.run_id, event)

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[Connection]:
        """Return a connection; what waits is written before."""
        self._store_what_waits()
        return super().run_connection(run_id)

    def index_connection(self) -> AbstractContextManager[Connection]:
        """Return a connection; what waits is written before."""
        self._store_what_waits()
        return super().index_connection()

    def dispose(self) -> None:
        """Write what waits, and end."""
        self._store_what_waits()
        super().dispose()

    def _store_what_waits(self) -> None:
        for run_id in list(self._waiting):
            self._store(run_id)

    def _store(
        self, run_id: str, event: EventLogEntry | None = None, *, status: DagsterRunStatus | None = None
    ) -> None:
        """Store an event of a run, after those of it that wait. These wait on if they cannot be stored."""
        with self._lock:
            waiting = self._waiting.pop(run_id, [])
        events = [*waiting, event] if event else waiting
        if not events:
            return
        try:
            self._write(events, status)
        except BaseException:
            with self._lock:
                self._waiting[run_id][:0] = waiting
            raise

    def _write(self, events: Sequence[EventLogEntry], status: DagsterRunStatus | None) -> None:
        """Write events of one run, and the status that the last of them gives it, if it does."""
        last = events[-1]
        rows = [self._event_to_row(event) for event in events]
        values = {name: [row[name] for row in rows] for name in rows[0]}
        if status is None:
            with self._connect() as connection:
                connection.execute(SQL["store_events"], values)
            return
        moment = datetime_from_timestamp(last.timestamp)
        change = {
            "changed": last.run_id,
            "status": status.value,
            "moment": moment,
            "start_time": moment.timestamp() if last.dagster_event_type is DagsterEventType.RUN_START else None,
            "end_time": moment.timestamp() if status in (DagsterRunStatus.SUCCESS, DagsterRunStatus.CANCELED) else None,
        }
        with self._connect() as connection:
            row = connection.execute(SQL["store_events_and_status"], {**values, **change}).mappings().first()
        if row and row["id"]:
            self._pooled.last_answer.remember(_of_run(last.run_id), row)


class PooledRunStorage(_OnPooledEngine, PostgresRunStorage):
    """Asks once for what never changes, and not for a run's record that this thread has only just written."""

    def has_job_snapshot(self, job_snapshot_id: str) -> bool:
        """Tell whether the snapshot is stored, which is asked twice for each run.

        Only `dagster run wipe` deletes one. Then a run cannot be added, for a foreign key looks after that, and what is
        remembered is forgotten: the next attempt goes well.
        """
        known = self._pooled.job_snapshots
        if job_snapshot_id not in known:
            if not super().has_job_snapshot(job_snapshot_id):
                return False
            _make_room(known)
            known.add(job_snapshot_id)
        return True

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        """Tell whether the snapshot is stored, without reading it. No foreign key looks after it, so that is asked."""
        return super().has_job_snapshot(execution_plan_snapshot_id)  # any kind's: they share a table

    def get_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> ExecutionPlanSnapshot:
        """Return the snapshot, which is read twice in each run. It never changes: its id is its content's digest."""
        known = self._pooled.execution_plans
        plan: ExecutionPlanSnapshot | None = known.get(execution_plan_snapshot_id)
        if plan is None:
            plan = super().get_execution_plan_snapshot(execution_plan_snapshot_id)
            if plan is not None:  # whatever Dagster's annotations say
                _make_room(known)
                known[execution_plan_snapshot_id] = plan
        return plan

    def get_run_records(
        self,
        filters: RunsFilter | None = None,
        limit: int | None = None,
        *args: Any,
        **options: Any,
    ) -> Sequence[RunRecord]:
        """Return the records of runs.

        The record of a single run is not read by a thread whose last statement has written it, as the daemon would do
        three times between adding a run and handing it to the broker. All that hangs on it is whether that is done.
        """
        if filters and filters.run_ids and filters == RunsFilter(run_ids=filters.run_ids):
            (run_id, *others) = filters.run_ids
            row = None if others else self._pooled.last_answer.recall(_of_run(run_id))
            if row:
                return [_record(row)]
        return super().get_run_records(filters, limit, *args, **options)

    def _core_add_run(self, col_values: dict[str, Any], tags: Mapping[str, str]) -> None:
        """Add a run and its tags: in one statement, so that no run is without them."""
        returned = [RunsTable.c[name] for name in _RECORD]
        run = RunsTable.insert().values(**col_values).returning(*returned).cte("run")
        statement = select(run)
        if tags:
            rows = [{"run_id": col_values["run_id"], "key": key, "value": value} for key, value in tags.items()]
            statement = statement.add_cte(RunTagsTable.insert().values(rows).cte("tagged"))
        try:
            with self.connect() as connection:
                row = connection.execute(statement).mappings().one()
        except IntegrityError as error:
            self._pooled.job_snapshots.clear()  # one may be gone
            raise DagsterRunAlreadyExists from error
        self._pooled.last_answer.remember(_of_run(col_values["run_id"]), row)


class PooledScheduleStorage(_OnPooledEngine, PostgresScheduleStorage):
    """Asks once for what never changes, and not twice for the state of a sensor."""

    def has_built_index(self, migration_name: str) -> bool:
        """Tell whether an index is built, which is asked before each reading of a state. It is never unbuilt."""
        known = self._pooled.indexes
        if migration_name not in known and super().has_built_index(migration_name):
            known.add(migration_name)
        return migration_name in known

    def get_instigator_state(self, origin_id: str, selector_id: str) -> InstigatorState | None:
        """Return the state of a sensor or schedule; an update begins with reading it, right after its caller has."""
        key = ("instigator", origin_id, selector_id)
        state: InstigatorState | None = self._pooled.last_answer.recall(key)
        if state is None:
            state = super().get_instigator_state(origin_id, selector_id)
            self._pooled.last_answer.remember(key, state)
        return state


def _of_run(run_id: str) -> tuple[str, str]:
    """Return what a run's record goes by among the last answers."""
    return "run", run_id


def _record(row: RowMapping) -> RunRecord:
    """Return a run's record, as Dagster makes it of a row: the status is the column's."""
    run = deserialize_value(row["run_body"], DagsterRun)
    return RunRecord(
        storage_id=row["id"],
        dagster_run=run.with_status(DagsterRunStatus(row["status"])),
        create_timestamp=utc_datetime_from_naive(row["create_timestamp"]),
        update_timestamp=utc_datetime_from_naive(row["update_timestamp"]),
        start_time=row["start_time"],
        end_time=row["end_time"],
    )


def _make_room(known: set[str] | dict[str, Any]) -> None:
    """Forget all of it when it is too much."""
    if len(known) >= MOST_REMEMBERED:
        known.clear()
