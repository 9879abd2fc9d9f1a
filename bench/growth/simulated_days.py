"""Simulated years: a day is written as fast as possible, then the real job deletes rows that are past their retention.

Postgres' own autovacuum gives the space back, as anywhere; since a day passes in a fraction of a second here, it looks
that often.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorType  # the daemon's key to its retention settings

from bench.growth.stored import Dagster, Hospital
from bench.report import table
from sequora_orchestration.cli.table_sizes import TableSize, table_sizes
from sequora_orchestration.database import engine_for
from sequora_orchestration.definitions import defs
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.instance.storage import make_tables
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.settings.addresses import postgres_url
from sequora_orchestration.settings.database import RetentionSettings

BEGAN = datetime(2020, 1, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)

TICKS_OF = "a sensor"

TABLES_OF_LEDGER = ("orchestration.notification", "orchestration.notification_event")
TABLES_OF_DAGSTER = ("runs", "run_tags", "event_logs", "job_ticks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The rows of a day."""

    tasks: int
    episodes: int
    runs: int
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """The size of the databases after so many days, when the night's deletion is over."""

    day: int
    messages: int
    history: int
    ledger_bytes: int
    runs: int
    events: int
    ticks: int
    dagster_bytes: int


def simulated(directory: Path, postgres: EmbeddedPostgres, load: Load, *, days: int, every: int) -> Iterator[Morning]:
    """Let the days pass; yield the sizes whenever `every` days are over."""
    care_url, dagster_url = _databases(postgres)
    hospital, dagster = Hospital(engine_for(care_url)), Dagster(engine_for(dagster_url))
    with _settings(directory, care_url, dagster_url), DagsterInstance.get() as instance:
        job = defs.get_job_def("delete_what_is_over")
        hospital.it_is(BEGAN)
        job.execute_in_process(instance=instance)  # to be copied: a run of two steps, and of as many events
        for day in range(1, days + 1):
            now = BEGAN + day * DAY
            hospital.it_is(now)
            hospital.day(tasks=load.tasks, episodes=load.episodes)
            dagster.copy_run(job.name, load.runs, since=now - DAY, until=now)
            _tick(dagster, instance, load.ticks, now)
            if not job.execute_in_process(instance=instance).success:
                raise RuntimeError(f"the deletion of day {day} has failed")
            dagster.date_back_runs(now)
            if day % every == 0 or day == days:
                yield _morning(day, hospital, dagster)


def _tick(dagster: Dagster, instance: DagsterInstance, count: int, now: datetime) -> None:
    """Store a day's ticks, and delete those past their retention as the daemon does at the end of each tick."""
    dagster.store_ticks(count, since=now - DAY, until=now)
    kept = instance.get_tick_retention_settings(InstigatorType.SENSOR)
    for days in set(kept.values()):
        statuses = [status for status in kept if kept[status] == days]
        instance.purge_ticks(TICKS_OF, TICKS_OF, before=(now - days * DAY).timestamp(), tick_statuses=statuses)


def _morning(day: int, hospital: Hospital, dagster: Dagster) -> Morning:
    ledger = table_sizes(hospital.engine, TABLES_OF_LEDGER)
    own = table_sizes(dagster.engine, TABLES_OF_DAGSTER)
    return Morning(
        day=day,
        messages=hospital.messages(),
        history=ledger["orchestration.notification_event"].rows,
        ledger_bytes=_bytes(ledger),
        **dagster.stored(),
        dagster_bytes=_bytes(own),
    )


def _bytes(tables: Mapping[str, TableSize]) -> int:
    return sum(size.bytes for size in tables.values())


def _databases(postgres: EmbeddedPostgres) -> tuple[str, str]:
    for name in ("care_of_years", "dagster_of_years"):
        postgres.create_database(name)
    care_url, dagster_url = (postgres_url(postgres.url(name)) for name in ("care_of_years", "dagster_of_years"))
    make_care_tables(care_url, with_sample_people=False)
    migrate(engine_for(care_url))
    make_app_indexes(engine_for(care_url))
    make_tables(dagster_url)
    with engine_for(care_url).connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    return care_url, dagster_url


@contextmanager
def _settings(directory: Path, care_url: str, dagster_url: str) -> Iterator[None]:
    """Set the environment of the job and the instance, for as long as the block runs."""
    home = directory / "home_of_years"
    furnish(home)
    settings = {
        "DAGSTER_HOME": str(home),
        "DAGSTER_PG_URL": dagster_url,
        "SUPABASE_DB_URL": care_url,
        "SEQUORA_BROKER_URL": "redis://127.0.0.1:1/0",  # named in the configuration, not used
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def markdown(mornings: list[Morning], load: Load) -> str:
    """Return a table with a row for each morning."""
    kept = RetentionSettings()
    head = ["day", "messages", "history", "ledger", "runs", "events", "ticks", "Dagster"]
    rows = [
        [
            str(one.day),
            f"{one.messages:,}",
            f"{one.history:,}",
            f"{one.ledger_bytes / 1e6:.1f} MB",
            f"{one.runs:,}",
            f"{one.events:,}",
            f"{one.ticks:,}",
            f"{one.dagster_bytes / 1e6:.1f} MB",
        ]
        for one in mornings
    ]
    return (
        f"{table(head, rows)}\n\n"
        f"A day: {load.tasks} tasks, {load.episodes} episodes, {load.runs} runs, {load.ticks} ticks; messages are kept "
        f"{kept.sequora_keep_messages.days} days, runs {kept.sequora_keep_runs.days}. Every fiftieth task stays open: "
        "its messages stay. Autovacuum lets a table hold a fifth more than its rows need."
    )
