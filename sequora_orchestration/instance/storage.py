"""Dagster's Postgres storage on one pooled engine a process.

Dagster's own class opens a connection for each of the some 40 operations of a run: 0.52 s a run instead of 0.10 s. And
it asks the database's catalog which tables and columns there are, before most of them: half of all its statements.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import QueuePool

from sequora_orchestration.resources.database import replace_ended_connections
from sequora_orchestration.settings import postgres_url

CONNECTIONS_PER_PROCESS = 8


@cache
def _engine(url: str, _process: int) -> Engine:
    """Return a process's engine; keyed by process, for a connection must not be shared over a fork."""
    engine = create_pg_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=QueuePool,
        pool_size=CONNECTIONS_PER_PROCESS,
        max_overflow=CONNECTIONS_PER_PROCESS,
        pool_use_lifo=True,
        pool_recycle=300,
        hide_parameters=True,
        connect_args={"application_name": "sequora-dagster", "connect_timeout": 10},
    )

    @event.listens_for(engine, "connect")
    def _may_lose_its_last_milliseconds(connection: Any, _record: object) -> None:
        # Runs and events may lose their last milliseconds in a power cut: what counts is in the ledger, elsewhere.
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit TO off")
        connection.commit()

    replace_ended_connections(engine)
    for look_up in ("get_table_names", "get_columns", "has_table"):
        setattr(engine.dialect, look_up, _asked_once(getattr(engine.dialect, look_up)))
    return engine


def _asked_once(look_up: Callable[..., Any]) -> Callable[..., Any]:
    """Return a look-up in the database's catalog that remembers what it has found.

    Only `sequora migrate` changes Dagster's tables; a process that runs meanwhile goes on as it was.
    """
    found: dict[tuple[object, ...], Any] = {}

    def asked(connection: Connection, *names: object, **options: object) -> Any:
        if not found.get(names):
            found[names] = look_up(connection, *names, **options)
        return found[names]

    return asked


class PooledPostgresStorage(DagsterPostgresStorage):
    """DagsterPostgresStorage whose run, event and schedule storages share one pooled engine.

    There is no public way to hand an engine in: the three keep it in `_engine`, and a test fails when they no longer
    do.
    """

    def __init__(
        self, postgres_url: str, *, should_autocreate_tables: bool, inst_data: ConfigurableClassData | None
    ) -> None:
        """Make the three storages, and put the pooled engine in the place of each one's own."""
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        for storage in (self._run_storage, self._event_log_storage, self._schedule_storage):
            storage._engine = _engine(postgres_url, os.getpid())  # noqa: SLF001

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledPostgresStorage":
        """Make the storage from `dagster.yaml`, whatever form of Postgres URL it was given. Raises ValueError."""
        return cls(
            postgres_url(config_value["postgres_url"]),
            should_autocreate_tables=config_value["should_autocreate_tables"],
            inst_data=inst_data,
        )


def make_tables(url: str) -> None:
    """Make Dagster's own tables, or bring them up to date."""
    storage = DagsterPostgresStorage(url, should_autocreate_tables=True)
    storage.run_storage.upgrade()  # type: ignore[attr-defined]  # every SQL storage has it, the base class does not
    storage.event_log_storage.upgrade()
    storage.schedule_storage.upgrade()


def revisions(url: str) -> tuple[str | None, str]:
    """Return the revision that Dagster's tables are at, None if there are none, and the one that this Dagster needs."""
    storage = DagsterPostgresStorage(url, should_autocreate_tables=False)
    return storage.run_storage.alembic_version()  # type: ignore[return-value]  # None only for storages without tables
