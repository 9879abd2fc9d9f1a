"""`sequora healthy PROCESS`, with as little as shows each answer; the real processes are asked in the stories."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import click
import pytest
from dagster import DagsterInstance
from dagster._daemon.types import DaemonHeartbeat
from honcho.environ import parse_procfile
from procfile import PROCFILE
from webhook import serving

from sequora_orchestration.assets.ticks import SENSOR_DAEMON
from sequora_orchestration.cli import healthy as probes
from sequora_orchestration.cli import sign_of_life
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.cli.healthy import LOOKS, healthy
from sequora_orchestration.cli.sign_of_life import SignOfLife
from sequora_orchestration.domain.health import DAEMON_GONE_AFTER
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.local.ports import free_port


def test_there_is_a_look_for_each_process_of_the_procfile_and_for_nothing_else() -> None:
    """The command offers the same, and says what each means."""
    processes = list(parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes)
    command = sequora.commands["healthy"]
    (choice,) = [one.type for one in command.params if isinstance(one.type, click.Choice)]
    assert list(choice.choices) == list(LOOKS) == processes
    assert all(f"\n  {name} " in command.get_help(click.Context(command)) for name in processes)


@pytest.mark.parametrize(
    ("process", "heavy"),
    [
        ("web", {"dagster", "pydantic", "sqlalchemy", "grpc", "celery"}),
        ("heartbeat", {"dagster", "pydantic", "sqlalchemy", "grpc", "celery", "requests"}),
        ("code", {"dagster", "sqlalchemy", "celery"}),
        ("worker", {"dagster", "sqlalchemy", "grpc"}),
        ("daemon", {"dagster", "celery", "grpc"}),
    ],
)
def test_a_look_imports_little(process: str, heavy: set[str]) -> None:
    """It is taken every half minute in each container."""
    look = (
        "import sequora_orchestration.cli.commands, sys\n"
        "from sequora_orchestration.cli.healthy import healthy\n"
        f"print(healthy({process!r})[0])\n"
        f"print(*({heavy} & set(sys.modules)))"
    )
    settings = {
        "DAGSTER_PG_URL": "postgresql://nobody@127.0.0.1:1/dagster",
        "SEQUORA_BROKER_URL": "redis://127.0.0.1:1/0",
        "SEQUORA_WEB_PORT": "1",
        "SEQUORA_CODE_PORT": "1",
        "DAGSTER_HOME": "/nowhere",
        "PYTHONPATH": ":".join(sys.path),
    }
    done = subprocess.run([sys.executable, "-c", look], env=settings, check=True, capture_output=True, text=True)
    said, imported = done.stdout.split("\n")[:2]
    assert "the look itself broke" not in said
    assert imported == ""


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """Answer every GET on a port in such a way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, serving(server):
        yield server.server_port


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>a page of something else</html>"), (200, b"[]"), (200, b"{}"), (500, b"{}"), (502, b"a proxy")],
)
def test_what_is_not_the_web_server_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    """Whatever it answers."""
    with answering(status, body) as port:
        monkeypatch.setenv("SEQUORA_WEB_PORT", str(port))
        said, is_well = healthy("web")
    assert (is_well, "is not Dagster's web server, or has failed" in said) == (False, True)


@pytest.mark.parametrize(
    ("listens_on", "asked"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        ("::", "[::1]"),
        ("127.0.0.2", "127.0.0.2"),
    ],
)
def test_the_web_server_is_asked_where_it_listens(monkeypatch: pytest.MonkeyPatch, listens_on: str, asked: str) -> None:
    """Who listens everywhere is asked on loopback."""
    port = free_port()
    monkeypatch.setenv("SEQUORA_WEB_HOST", listens_on)
    monkeypatch.setenv("SEQUORA_WEB_PORT", str(port))
    said, is_well = healthy("web")
    assert (is_well, said.startswith(f"web: no web server answers at {asked}:{port} ")) == (False, True)


@pytest.mark.parametrize("port", ["none", "0", "99999"])
def test_a_port_that_is_none_is_no_healthy_web_server(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    """And no traceback."""
    monkeypatch.setenv("SEQUORA_WEB_PORT", port)
    said, is_well = healthy("web")
    assert (is_well, said.startswith(f"web: no web server answers at 127.0.0.1:{port} ")) == (False, True)


def test_a_look_that_hangs_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a database that takes the connection and says nothing."""
    monkeypatch.setattr(probes, "LONGEST", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DAGSTER_PG_URL", f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/dagster")
        assert healthy("daemon") == ("daemon: no answer within 0.3 s", False)


@pytest.mark.parametrize(
    ("process", "missing"),
    [("daemon", "DAGSTER_PG_URL"), ("worker", "SEQUORA_BROKER_URL"), ("heartbeat", "DAGSTER_HOME")],
)
def test_a_setting_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, process: str, missing: str) -> None:
    """A probe has the settings of its process."""
    monkeypatch.delenv(missing, raising=False)
    said, is_well = healthy(process)
    assert (is_well, said.startswith(f"{process}: {missing} is not set")) == (False, True)


@pytest.mark.parametrize("process", ["daemon", "worker"])
def test_a_server_that_is_gone_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch, process: str) -> None:
    """The container's events show what a probe says."""
    monkeypatch.setenv("DAGSTER_PG_URL", f"postgresql://me:hunter2@127.0.0.1:{free_port()}/dagster")
    monkeypatch.setenv("SEQUORA_BROKER_URL", f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    said, is_well = healthy(process)
    assert not is_well
    assert "cannot be" in said
    assert "hunter2" not in said


def test_dagsters_tables_that_are_missing_are_told(care_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what makes them."""
    monkeypatch.setenv("DAGSTER_PG_URL", care_url)
    assert healthy("daemon") == ("daemon: Dagster's tables are not there: run `sequora migrate`", False)


def test_the_daemon_is_healthy_for_as_long_as_its_last_sign_is_new(
    dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never before the first one."""
    furnish(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    monkeypatch.setenv("SEQUORA_BROKER_URL", "redis://127.0.0.1:1/0")
    assert healthy("daemon") == ("daemon: it has given no sign of life yet", False)
    with DagsterInstance.get() as instance:
        for age, is_well in ((5.0, True), (DAEMON_GONE_AFTER.total_seconds() + 5, False)):
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, SENSOR_DAEMON, "one", []))
            said, answer = healthy("daemon")
            assert (answer, "its last sign of life was" in said) == (is_well, True)


def test_the_heartbeat_is_healthy_for_as_long_as_its_last_sign_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign of an earlier process does not count."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert healthy("heartbeat") == ("heartbeat: it has given no sign of life yet", False)
    SignOfLife().leave()
    assert healthy("heartbeat")[1]
    SignOfLife()
    assert not healthy("heartbeat")[1]
    SignOfLife().leave()
    monkeypatch.setattr(sign_of_life, "GONE_AFTER", -1)
    assert not healthy("heartbeat")[1]
