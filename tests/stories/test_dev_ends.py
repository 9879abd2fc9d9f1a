"""A `sequora dev` that is ended in no orderly way leaves nothing behind that would go on texting."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from left_behind import kill, marked
from running_system import RunningSystem, eventually

from sequora_orchestration.local.demo import OUTSIDE


def test_nothing_stays_when_the_terminal_closes_nor_when_sequora_dev_is_killed(tmp_path: Path) -> None:
    """Not a code server, not the embedded Postgres; and the next start is not hindered."""
    with RunningSystem.sequora_dev(tmp_path, dict.fromkeys(OUTSIDE, "")).running() as system:
        system.wait_until_ready()
        os.killpg(system.process.pid, signal.SIGHUP)
        assert system.process.wait(timeout=30) == 128 + signal.SIGHUP
        assert system.processes() == []

        system.start()
        system.wait_until_ready()
        system.process.kill()
        system.process.wait()
        eventually(lambda: not system.processes(), within=30, what="all have ended")


def test_a_demo_whose_terminal_closes_ends_its_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs in a session of its own, which the terminal does not reach."""
    monkeypatch.setenv("SEQUORA_TEST_DEMO", str(tmp_path))
    command = [sys.executable, "-m", "sequora_orchestration.cli", "demo", "--dir", str(tmp_path)]
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    with demo:
        try:
            is_up = (tmp_path / "environment").exists
            eventually(is_up, within=90, what="the system's parts are up")
            os.killpg(demo.pid, signal.SIGHUP)
            assert demo.wait(timeout=40) == 128 + signal.SIGHUP
            assert marked("SEQUORA_TEST_DEMO", str(tmp_path)) == []
        finally:
            kill(marked("SEQUORA_TEST_DEMO", str(tmp_path)))
