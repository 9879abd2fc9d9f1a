"""`sequora dev` (or `dagster dev`) as a user runs it, and the hands to be rough with it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests
from left_behind import kill, marked

from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.ports import free_port

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[1]

# Stands in the environment of a system's processes, with the system's directory.
MARK = "SEQUORA_TEST_SYSTEM"


def eventually(claim: Callable[[], object], *, within: float, what: str) -> None:
    """Wait until a claim holds. Fails after so many seconds, naming what did not come true."""
    deadline = time.monotonic() + within
    while not claim():
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.05)


def traces_in(said: str) -> list[str]:
    """Return the lines with which stack traces begin, Python's or Dagster's."""
    return [line for line in said.splitlines() if re.search("Traceback|Stack Trace", line)]


class RunningSystem:
    """A command that runs until it is told to end, in a session of its own."""

    def __init__(self, directory: Path, command: list[str], environment: Mapping[str, str], web_port: int) -> None:
        """Prepare; nothing runs yet."""
        self.directory = directory
        self.log = directory / "log"
        self.web = f"http://127.0.0.1:{web_port}"
        self._command = command
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            **environment,
            MARK: str(directory),
        }

    @classmethod
    def sequora_dev(cls, directory: Path, environment: Mapping[str, str]) -> "RunningSystem":
        """Return a `sequora dev` on a directory and a free port."""
        port = free_port()
        command = [str(BIN / "sequora"), "dev", "--dir", str(directory / "dev"), "--port", str(port)]
        return cls(directory, command, environment, port)

    @classmethod
    def dagster_dev(cls, directory: Path, environment: Mapping[str, str]) -> "RunningSystem":
        """Return a `dagster dev` from the repository's root."""
        port = free_port()
        return cls(directory, [str(BIN / "dagster"), "dev", "--port", str(port)], environment, port)

    @contextmanager
    def running(self) -> Iterator["RunningSystem"]:
        """Run the command for as long as the block runs; then, whatever has happened, kill all of its processes."""
        self.start()
        try:
            yield self
        finally:
            kill(marked(MARK, str(self.directory)))
            self.process.wait()

    def start(self) -> None:
        """Run the command."""
        with self.log.open("ab") as output:
            self.started_at = output.tell()
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait for the line that begins with `ready`."""
        eventually(self._is_ready, within=90, what=f"ready; its log ends with\n{self.output()[-3000:]}")

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"it has ended:\n{self.output()[-3000:]}"
        return any(line.startswith("ready") for line in self.output().splitlines())

    def output(self) -> str:
        """Return what it has printed since its start."""
        return self.log.read_bytes()[self.started_at :].decode(errors="replace")

    def processes(self, word: str = "") -> list[psutil.Process]:
        """Return its processes, or those with a word in their command line."""
        directory = str(self.directory / "dev")
        found = []
        for process in psutil.process_iter():
            try:
                is_ours = process.environ().get("SEQUORA_DEV_DIRECTORY") == directory
                if (is_ours or process.cwd().startswith(directory)) and word in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def kill(self, word: str) -> None:
        """Kill -9 the processes with a word in their command line."""
        victims = self.processes(word)
        assert victims, f"no process has {word!r} in its command line"
        for victim in victims:
            victim.kill()

    def kill_everything(self) -> None:
        """Kill -9 all of it at once."""
        self.process.kill()
        for process in self.processes():
            process.kill()
        self.process.wait()

    def wait_until_ended(self) -> None:
        """Wait until the command has ended by itself."""
        self.process.wait(timeout=30)

    def stop(self, *, within: float = 30) -> None:
        """Ask it to end, as a supervisor does. Raises subprocess.TimeoutExpired if that takes longer, in seconds."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=within)

    def graphql(self, query: str, **variables: object) -> Any:
        """Ask the web UI."""
        answer = requests.post(f"{self.web}/graphql", json={"query": query, "variables": variables}, timeout=10)
        return answer.json()["data"]

    def launch(self, job: str, config: str) -> None:
        """Launch a job from another terminal, as the README says."""
        subprocess.run(
            [BIN / "dagster", "job", "launch", "-j", job, "--config-json", config],
            env={**self._environment, **read_environment(self.directory / "dev")},
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=60,
        )
