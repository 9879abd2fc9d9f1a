"""Dagster's Postgres storage on one pooled engine a process, as `dagster.yaml` names it, and Dagster's tables.

With Dagster's own class a run takes 0.52 s instead of 0.10 s; `pooled_engine` and `round_trips` say why.
"""

from collections.abc import Mapping
from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from sequora_orchestration.instance.pooled_engine import of_this_process
from sequora_orchestration.instance.round_trips import PooledEventLogStorage, PooledRunStorage, PooledScheduleStorage
from sequora_orchestration.instance.tuned import turn_often
from sequora_orchestration.settings.addresses import postgres_url


class PooledPostgresStorage(DagsterPostgresStorage):
    """DagsterPostgresStorage whose run, event and schedule storages share one pooled engine."""

    def __init__(
        self, postgres_url: str, *, should_autocreate_tables: bool, inst_data: ConfigurableClassData | None
    ) -> None:
        """Make the three storages on the pooled engine. The daemon makes it first, so its turns are set here."""
        turn_often()
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        pooled = of_this_process(postgres_url)
        self._pooled_run_storage = PooledRunStorage(postgres_url, pooled)
        self._pooled_event_log_storage = PooledEventLogStorage(postgres_url, pooled)
        self._pooled_schedule_storage = PooledScheduleStorage(postgres_url, pooled)

    @property
    def run_storage(self) -> PooledRunStorage:
        """Our own run storage."""
        return self._pooled_run_storage

    @property
    def event_log_storage(self) -> PooledEventLogStorage:
        """Our own event log storage."""
        return self._pooled_event_log_storage

    @property
    def schedule_storage(self) -> PooledScheduleStorage:
        """Our own schedule storage."""
        return self._pooled_schedule_storage

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "PooledPostgresStorage":
        """Make the storage from `dagster.yaml`, with a Postgres URL of any usual form. Raises ValueError."""
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
    """Return the revision of Dagster's tables (None without tables), and the revision that this Dagster needs."""
    storage = DagsterPostgresStorage(url, should_autocreate_tables=False)
    return storage.run_storage.alembic_version()  # type: ignore[return-value]  # None only for storages without tables
