"""What stories of the whole system share: a Postgres of the user's own, and `sequora dev` on it.

As in a careful production, the owner migrates and the system runs under the role of `role.sql`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from least_rights import as_role, make_role
from running_system import RunningSystem

from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres, make_care_tables
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.resources.database import engine_for
from sequora_orchestration.settings import postgres_url


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A Postgres of the user's own, with the application's tables and a database for Dagster."""
    with embedded_postgres(tmp_path / "postgres") as server:
        server.create_database("care")
        server.create_database("dagster")
        make_care_tables(server.url("care"), with_sample_people=False)
        yield server


@pytest.fixture
def own_care_url(own_postgres: EmbeddedPostgres) -> Iterator[str]:
    """The care database of the user's own, as its owner sees it."""
    url = postgres_url(own_postgres.url("care"))
    yield url
    engine_for(url).dispose()


@pytest.fixture
def supabase_db_url(own_care_url: str) -> str:
    """The care database as the system sees it: migrated, and under the role with the least rights."""
    engine = engine_for(own_care_url)
    migrate(engine)
    make_role(engine)
    return as_role(own_care_url)


@pytest.fixture
def delays() -> dict[str, str]:
    """How long the workflows wait, where that is not as by default."""
    return {}


@pytest.fixture
def system(
    own_postgres: EmbeddedPostgres, supabase_db_url: str, twilio: TwilioServer, tmp_path: Path, delays: dict[str, str]
) -> Iterator[RunningSystem]:
    """A system that is ready."""
    system = RunningSystem.sequora_dev(
        tmp_path,
        {
            "SUPABASE_DB_URL": supabase_db_url,
            "DAGSTER_PG_URL": own_postgres.url("dagster"),
            "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
            "TWILIO_FROM_NUMBER": "+15005550006",
            "TWILIO_API_BASE_URL": twilio.url,
            **delays,
        },
    )
    system.start()
    try:
        system.wait_until_ready()
        yield system
    finally:
        system.stop()
