"""Keeps `sequora dev` running, as a supervisor does, and finds its processes."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.processes import MARK

# Seconds until the system must be up the first time; until it must be down (the contract says 15).
TO_START, TO_STOP = 120, 20

# Seconds between two looks, and between an end and the next start.
PAUSE = 0.5


class NotUpError(Exception):
    """The system did not come up."""


class Supervisor:
    """Starts `sequora dev`, and starts it again whenever it has ended."""

    def __init__(self, directory: Path, environment: Mapping[str, str], log: Path) -> None:
        """Prepare; nothing runs yet."""
        self.directory = directory
        self.restarts = 0
        self._environment = dict(environment)
        self._log = log
        self._command = [
            *(str(Path(sys.executable).with_name("sequora")), "dev"),
            *("--dir", str(directory), "--port", str(free_port())),
        ]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_running, name="supervisor")

    def start(self) -> None:
        """Start it, wait until it is ready, and keep it running from then on. Raises NotUpError."""
        self.directory.mkdir()
        self._run()
        self.wait_until_ready()
        self._thread.start()

    def wait_until_ready(self) -> None:
        """Wait until the system that runs now has said that it is ready. Raises NotUpError."""
        deadline = time.monotonic() + TO_START
        while not re.search(r"^ready", self._output(), re.MULTILINE):
            if time.monotonic() > deadline:
                raise NotUpError(f"`sequora dev` was not ready within {TO_START} s")
            time.sleep(PAUSE)

    def _output(self) -> str:
        """Return the system's output since its last start."""
        return self._log.read_bytes()[self._started_at :].decode(errors="replace")

    def stop(self) -> None:
        """Stop it, and do not start it again."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(TO_STOP)
        except subprocess.TimeoutExpired:
            print(f"warning: `sequora dev` did not end within {TO_STOP} s of SIGTERM", file=sys.stderr)
            self.process.kill()
            self.process.wait()

    def _keep_running(self) -> None:
        while not self._ended.wait(PAUSE):
            if self.process.poll() is not None and not self._ended.wait(PAUSE):
                self.restarts += 1
                print(f"          `sequora dev` has ended ({self.process.returncode}); started again", file=sys.stderr)
                self._run()

    def _run(self) -> None:
        with self._log.open("ab") as output:
            self._started_at = output.tell()
            # In a directory without an .env, which Dagster would read; in a session that Ctrl-C does not reach.
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    # ── Its processes ───────────────────────────────────────────────────────────────────────────────────

    def environment(self) -> dict[str, str]:
        """Return the settings that another process of this system needs."""
        return {**self._environment, **read_environment(self.directory)}

    def processes(self, is_wanted: Callable[[psutil.Process], bool] = lambda _: True) -> list[psutil.Process]:
        """Return those of its processes that are wanted, in the order of their start."""
        found = []
        for process in psutil.process_iter():
            try:
                if self._is_ours(process) and is_wanted(process):
                    found.append(process)
            except psutil.Error:
                continue
        return sorted(found, key=lambda process: process.pid)

    def _is_ours(self, process: psutil.Process) -> bool:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.environ().get(MARK) == str(self.directory)

    def kill_everything(self) -> None:
        """Kill all processes of the system at once, with SIGKILL."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        for process in self.processes():
            process.kill()


def says(word: str) -> Callable[[psutil.Process], bool]:
    """Return a test for processes with this word in their command line."""
    return lambda process: word in " ".join(process.cmdline())


def is_worker(process: psutil.Process) -> bool:
    """Return whether a process is the worker that has the pool."""
    parent = process.parent()
    return says("celery")(process) and not (parent and says("celery")(parent))


def is_pool_process(process: psutil.Process) -> bool:
    """Return whether a process is one of the worker's pool."""
    parent = process.parent()
    return says("celery")(process) and parent is not None and says("celery")(parent)
