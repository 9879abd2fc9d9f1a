"""The daemon's signs of life, as Dagster keeps them: these fail when it keeps them elsewhere, or in another form."""

from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import create_engine, text

from sequora_orchestration.assets.ticks import SENSOR_DAEMON
from sequora_orchestration.cli.checks.postgres import reading_engine
from sequora_orchestration.instance.daemon_heartbeat import last_heartbeat
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.settings.addresses import postgres_url

SAID_AT = 1_777_000_000.25


@pytest.fixture
def instance(dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DagsterInstance:
    """Dagster's instance as in production, on a database whose sessions are not in UTC."""
    administrator = create_engine(postgres_url(dagster_url), isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        name = connection.engine.url.database
        connection.execute(text(f"ALTER DATABASE \"{name}\" SET TimeZone = 'Asia/Kathmandu'"))
    administrator.dispose()
    furnish(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    monkeypatch.setenv("SEQUORA_BROKER_URL", "redis://127.0.0.1:1/0")
    return DagsterInstance.get()


def test_it_is_what_dagster_has_written_last(instance: DagsterInstance, dagster_url: str) -> None:
    """None before the first one, and none of the daemon's other parts."""
    engine = reading_engine(postgres_url(dagster_url))
    with instance:
        assert last_heartbeat(engine) is None
        instance.add_daemon_heartbeat(DaemonHeartbeat(SAID_AT + 60, "SCHEDULER", "one", []))
        assert last_heartbeat(engine) is None
        for moment in (SAID_AT - 30, SAID_AT):
            instance.add_daemon_heartbeat(DaemonHeartbeat(moment, SENSOR_DAEMON, "one", []))
        assert last_heartbeat(engine) == SAID_AT
        assert instance.get_daemon_heartbeats()[SENSOR_DAEMON].timestamp == SAID_AT
