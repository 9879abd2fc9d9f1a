"""What tests share: a real Postgres cloned per test, a real HTTP Twilio with phones, and rows in one line each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from care import NOW, Care
from dagster import DagsterInstance
from hypothesis import settings
from left_behind import nothing_stays  # noqa: F401  # a fixture
from phones import Phones
from runs import Runs
from sequora_care import SequoraCare
from servers import a_clone, a_postgres, administrator, programs_of_postgres
from sqlalchemy import Engine, create_engine

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.channels import sms, voice
from sequora_orchestration.channels.messaging_service import messaging_service_of
from sequora_orchestration.database import engine_for
from sequora_orchestration.instance.storage import make_tables
from sequora_orchestration.jobs import retries
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.applications import Application
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.settings.addresses import postgres_url

pytest_plugins = ["shared_system"]

TEMPLATE = "care_template"
SEQUORA_TEMPLATE = "sequora_template"
DAGSTER_TEMPLATE = "dagster_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let one name the Postgres to test on."""
    parser.addoption(
        "--postgres",
        type=programs_of_postgres,
        metavar="DIR",
        help="test on the Postgres whose programs (initdb, pg_ctl, ...) are in DIR; default: the embedded one",
    )
    parser.addoption("--nightly", action="store_true", help="leave nothing out, and try more examples; takes long")


def pytest_configure(config: pytest.Config) -> None:
    """Say how many examples a property is tried on."""
    settings.register_profile("gate", deadline=None, max_examples=50)
    settings.register_profile("nightly", deadline=None, max_examples=500)
    settings.load_profile("nightly" if config.getoption("--nightly") else "gate")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for the night, and begin with stories, for they mostly wait: others go on beside them."""
    if not config.getoption("--nightly"):
        left_out = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: item.get_closest_marker("story") is None)


@pytest.fixture(scope="session")
def postgres_binaries(pytestconfig: pytest.Config) -> Path | None:
    """Where the programs of the Postgres are that is tested on; None: it is the embedded one."""
    directory = pytestconfig.getoption("--postgres")
    return Path(directory) if directory else None


@pytest.fixture(scope="session")
def postgres(postgres_binaries: Path | None) -> Iterator[EmbeddedPostgres]:
    """A Postgres server with a template database: the application's tables and our schema, no rows."""
    with a_postgres(postgres_binaries) as server:
        server.create_database(TEMPLATE)
        make_care_tables(server.url(TEMPLATE), with_sample_people=False)
        migrate_database(server.url(TEMPLATE))
        yield server


def migrate_database(url: str) -> None:
    """Make our schema in a database, and close the connections: it is to be cloned."""
    engine = create_engine(postgres_url(url))
    migrate(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_administrator(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    """The administrator of that server."""
    with administrator(postgres) as engine:
        yield engine


@pytest.fixture
def care_url(postgres: EmbeddedPostgres, postgres_administrator: Engine) -> Iterator[str]:
    """The URL of a database of this test's own."""
    with a_clone(postgres_administrator, TEMPLATE) as name:
        url = postgres_url(postgres.url(name))
        yield url
        engine_for(url).dispose()


@pytest.fixture
def care(care_url: str) -> Care:
    """The application: it inserts and changes rows."""
    return Care(engine_for(care_url))


@pytest.fixture(scope="session")
def sequora_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the tables of Sequora's own application and our schema, no rows, to be cloned."""
    postgres.create_database(SEQUORA_TEMPLATE)
    make_care_tables(postgres.url(SEQUORA_TEMPLATE), application=Application.SEQUORA, with_sample_people=False)
    migrate_database(postgres.url(SEQUORA_TEMPLATE))
    return SEQUORA_TEMPLATE


@pytest.fixture
def sequora_care_url(
    postgres: EmbeddedPostgres, postgres_administrator: Engine, sequora_template: str
) -> Iterator[str]:
    """The URL of a database of this test's own, with the tables of Sequora's own application."""
    with a_clone(postgres_administrator, sequora_template) as name:
        url = postgres_url(postgres.url(name))
        yield url
        engine_for(url).dispose()


@pytest.fixture
def sequora_care(sequora_care_url: str) -> SequoraCare:
    """Sequora's own application: it inserts and changes rows."""
    return SequoraCare(engine_for(sequora_care_url))


@pytest.fixture
def ledger(care_url: str) -> Ledger:
    """The ledger in this test's database."""
    return Ledger(engine_for(care_url))


@pytest.fixture
def row_for_calls(care: Care) -> None:
    """The phone company's row for calls, as it is there once nurses are called."""
    care.rows("INSERT INTO orchestration.provider (channel) VALUES ('VOICE')")


@pytest.fixture
def care_database(care_url: str) -> CareDatabase:
    """The application's tables as our code reads them."""
    return CareDatabase(engine_for(care_url))


@pytest.fixture(scope="session")
def dagster_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with Dagster's own tables, to be cloned."""
    postgres.create_database(DAGSTER_TEMPLATE)
    make_tables(postgres_url(postgres.url(DAGSTER_TEMPLATE)))
    return DAGSTER_TEMPLATE


@pytest.fixture
def dagster_url(postgres: EmbeddedPostgres, postgres_administrator: Engine, dagster_template: str) -> Iterator[str]:
    """The URL of a database of this test's own for Dagster, with its tables."""
    with a_clone(postgres_administrator, dagster_template) as name:
        yield postgres.url(name)


@pytest.fixture(scope="session")
def twilio() -> Iterator[TwilioServer]:
    """A Twilio on loopback."""
    with TwilioServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_is_remembered_of_a_messaging_service() -> None:
    """Each test begins as a new process does: a service that another test knew has other numbers in this one."""
    for remembered in (messaging_service_of, sms._sms, voice._voice):
        remembered.cache_clear()


@pytest.fixture
def phones(twilio: TwilioServer) -> Iterator[Phones]:
    """The phones of everybody; a text that no expectation claimed fails the test."""
    twilio.company.forget()
    phones = Phones(twilio.company)
    yield phones
    phones.assert_nothing_unexpected()


@pytest.fixture
def environment(care_url: str, twilio: TwilioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that a deployment has: this test's database and Twilio."""
    monkeypatch.setenv("SUPABASE_DB_URL", care_url)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", TEST_ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TEST_AUTH_TOKEN)
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "+15005550006")
    monkeypatch.setenv("TWILIO_API_BASE_URL", twilio.url)
    monkeypatch.setenv("SEQUORA_APP_URL", "https://app.example.com")


@pytest.fixture
def stopped_clock(care: Care) -> None:
    """The clock that every statement goes by stands still until a test moves it."""
    care.it_is(NOW)


@pytest.fixture(scope="session")
def ephemeral_instance() -> Iterator[DagsterInstance]:
    """A Dagster instance that keeps what it is told in memory."""
    # Else each run writes some twenty lines on its events to the console.
    with DagsterInstance.ephemeral(settings={"python_logs": {"python_log_level": "INFO"}}) as instance:
        yield instance


@pytest.fixture
def runs(
    ledger: Ledger,
    environment: None,  # noqa: ARG001
    ephemeral_instance: DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Runs]:
    """Runs on a Dagster instance that knows of no others, with this test's settings.

    The retries' waits pass at once; how long they are has a test of its own.
    """
    monkeypatch.setattr(retries, "WAITS", (0, 0, 0))
    yield Runs(ephemeral_instance, ledger)
    ephemeral_instance.wipe()
