"""What stories share: a Postgres of the user's own, and one system on it that all run on who can.

As in a careful production, the owner migrates, and the system runs under the role of `role.sql`, behind a pooler in
transaction mode if there is one on this machine.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from care import Care
from least_rights import as_role
from pooler import PGBOUNCER, pooler
from running_system import RunningSystem, eventually
from servers import a_postgres
from sqlalchemy import NullPool, create_engine

from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.twilio.server import TwilioServer
from sequora_orchestration.resources.database import engine_for
from stories.own_servers import PASSWORD, own_databases, settings

# Seconds instead of hours.
DELAYS = {
    "SEQUORA_CHECK_IN_DELAY": "2s",
    "SEQUORA_ESCALATION_DELAY": "5s",
    "SEQUORA_UNASSIGNED_GRACE": "PT2S",
    "SEQUORA_DOUBT_WINDOW": "5s",
}

APPLICATION = ('"EscalationTask"', '"Episode"', '"Patient"', '"User"', '"NotificationLog"')
UNDER_WAY = "SELECT count(*) FROM orchestration.notification WHERE state IN ('QUEUED', 'SENDING', 'IN_DOUBT')"


@pytest.fixture(scope="package")
def own_postgres(postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    """A Postgres of the user's own."""
    with a_postgres(postgres_binaries) as server:
        yield server


@pytest.fixture(scope="package")
def twilio() -> Iterator[TwilioServer]:
    """A Twilio of the stories' own: a system that runs on asks it for receipts while other tests count requests."""
    with TwilioServer() as server:
        yield server


@pytest.fixture(scope="package")
def databases(own_postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """The care database of the shared system, and Dagster's."""
    care_url, dagster_url = own_databases(own_postgres, "shared")
    yield care_url, dagster_url
    engine_for(care_url).dispose()


@pytest.fixture(scope="package")
def shared_system(
    databases: tuple[str, str], twilio: TwilioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSystem]:
    """A system that is ready."""
    care_url, dagster_url = databases
    directory = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        url = as_role(care_url)
        if PGBOUNCER:
            url = stack.enter_context(pooler(directory / "pooler", url, password=PASSWORD))
        system = RunningSystem.sequora_dev(directory, settings(url, dagster_url, twilio) | DELAYS)
        stack.enter_context(system.running())
        system.wait_until_ready()
        yield system


@pytest.fixture
def system(shared_system: RunningSystem, databases: tuple[str, str]) -> Iterator[RunningSystem]:
    """The shared system, with nothing to do but what the story brings."""
    if shared_system.process.poll() is not None:
        shared_system.start()
        shared_system.wait_until_ready()
    yield shared_system
    care = Care(create_engine(databases[0], isolation_level="AUTOCOMMIT", poolclass=NullPool))
    for table in APPLICATION:
        care.rows(f"DELETE FROM {table}")
    if shared_system.process.poll() is None:
        care.let_leases_expire()
        eventually(lambda: care.one(UNDER_WAY) == 0, within=60, what="the end of all messages under way")
    care.rows("DELETE FROM orchestration.notification")
