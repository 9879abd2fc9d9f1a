"""What stories and the tests in a browser share: a Postgres of the user's own, and one system on it.

As in a careful production, the owner migrates, and the system runs under the role of `role.sql`, behind a pooler in
transaction mode if there is one on this machine. It runs where the terminal has ASCII alone, on a host in New York.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from care import UNDER_WAY, Care
from least_rights import as_role
from own_servers import PASSWORD, own_databases, settings
from pooler import PGBOUNCER, pooler
from running_system import RunningSystem, eventually
from servers import a_postgres
from sqlalchemy import NullPool, create_engine

from sequora_orchestration.database import engine_for
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.twilio.phone_book import PhoneBook
from sequora_orchestration.local.twilio.server import TwilioServer

# Seconds instead of hours.
DELAYS = {
    "SEQUORA_CHECK_IN_DELAY": "2s",
    "SEQUORA_ESCALATION_DELAY": "5s",
    "SEQUORA_UNASSIGNED_GRACE": "PT2S",
    "SEQUORA_DOUBT_WINDOW": "5s",
}

# Python's own ways out of ASCII (PEP 538, PEP 540) are barred.
ASCII = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NEW_YORK = {"TZ": "America/New_York"}

APPLICATION = ('"EscalationTask"', '"Episode"', '"Patient"', '"User"', '"NotificationLog"')


@pytest.fixture(scope="session")
def own_postgres(postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    """A Postgres of the user's own."""
    with a_postgres(postgres_binaries) as server:
        yield server


@pytest.fixture(scope="session")
def shared_databases(own_postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """The care database of the shared system, and Dagster's."""
    care_url, dagster_url = own_databases(own_postgres, "shared")
    yield care_url, dagster_url
    engine_for(care_url).dispose()


@pytest.fixture(scope="session")
def shared_twilio(shared_databases: tuple[str, str]) -> Iterator[TwilioServer]:
    """Its Twilio, with an inbox that names people. Other tests, which count requests, have another one."""
    with TwilioServer(phone_book=PhoneBook(engine_for(shared_databases[0]))) as server:
        yield server


@pytest.fixture(scope="session")
def shared_system(
    shared_databases: tuple[str, str], shared_twilio: TwilioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningSystem]:
    """A system that is ready."""
    care_url, dagster_url = shared_databases
    directory = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        url = as_role(care_url)
        if PGBOUNCER:
            url = stack.enter_context(pooler(directory / "pooler", url, password=PASSWORD))
        environment = {**settings(url, dagster_url, shared_twilio), **DELAYS, **ASCII, **NEW_YORK}
        system = RunningSystem.sequora_dev(directory, environment)
        stack.enter_context(system.running())
        system.wait_until_ready()
        yield system


def delete_all(care_url: str, system: RunningSystem) -> None:
    """Delete the application's rows and the ledger's, when no message is under way any more."""
    care = Care(create_engine(care_url, isolation_level="AUTOCOMMIT", poolclass=NullPool))
    for table in APPLICATION:
        care.rows(f"DELETE FROM {table}")
    if system.process.poll() is None:
        care.let_leases_expire()
        eventually(lambda: care.one(UNDER_WAY) == 0, within=60, what="the end of all messages under way")
    care.rows("DELETE FROM orchestration.notification")


def start_if_ended(system: RunningSystem) -> None:
    """Start the system if a test has stopped it."""
    if system.process.poll() is not None:
        system.start()
        system.wait_until_ready()
