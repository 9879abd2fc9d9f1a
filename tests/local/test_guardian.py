"""What a `sequora dev` leaves behind that could not end anything itself."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from left_behind import kill, marked
from running_system import eventually

from sequora_orchestration.local.guardian import end_all_of
from sequora_orchestration.local.postgres import EmbeddedPostgres

# Stands in for `sequora dev`, with a Postgres and a process of its system.
PROGRAM = """
import os, subprocess, sys, time
from pathlib import Path
from sequora_orchestration.local.guardian import guarded
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.processes import MARK

directory = Path(sys.argv[1])
with guarded(directory):
    EmbeddedPostgres(directory / "postgres").start()
    subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: str(directory)}, start_new_session=True)
    print("up", flush=True)
    time.sleep(600)
"""

OURS = "SEQUORA_TEST_GUARDIAN"


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """The stand-in, with everything up."""
    monkeypatch.setenv(OURS, str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    with process:
        assert process.stdout.readline() == "up\n"
        yield process
        kill(marked(OURS, str(tmp_path)))


def all_of(directory: Path, supervisor: subprocess.Popen[str]) -> dict[psutil.Process, str]:
    """Return the processes of the stand-in's system that live, with their command lines."""
    found = {}
    for one in marked(OURS, str(directory)):
        with suppress(psutil.NoSuchProcess):  # a zombie is none
            found[one] = " ".join([one.name(), *one.cmdline()])
    return {one: command for one, command in found.items() if one.pid != supervisor.pid}


@pytest.mark.parametrize("before", [[], [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]], ids=["alone", "after others"])
def test_what_a_killed_sequora_dev_leaves_behind_is_ended_and_postgres_is_stopped(
    tmp_path: Path, supervisor: subprocess.Popen[str], before: list[signal.Signals]
) -> None:
    """Also if the guardian was told to end, together with all others (`pkill -f sequora`)."""
    system = all_of(tmp_path, supervisor)
    assert {"sleep", "postgres"} <= {command.split()[0].rstrip(":") for command in system.values()}
    (guardian,) = [one for one, command in system.items() if "local.guardian" in command]
    for one in before:
        guardian.send_signal(one)
    supervisor.kill()
    eventually(lambda: not all_of(tmp_path, supervisor), within=30, what="all have ended")
    assert "fast shutdown" in (tmp_path / "postgres" / "log").read_text()


def test_a_guardian_ends_with_the_system_that_it_guards(tmp_path: Path) -> None:
    """A directory without a Postgres has nothing to stop, and no process."""
    program = PROGRAM.replace('EmbeddedPostgres(directory / "postgres").start()', "").replace("sleep(600)", "sleep(0)")
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, stdout=subprocess.DEVNULL, timeout=30)
    (left,) = marked("SEQUORA_DEV_DIRECTORY", str(tmp_path))
    assert left.name() == "sleep"
    end_all_of(tmp_path)
    assert marked("SEQUORA_DEV_DIRECTORY", str(tmp_path)) == []
    assert not EmbeddedPostgres(tmp_path / "postgres").programs()
