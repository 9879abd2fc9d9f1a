"""The processes of the Procfile, each started and ended by itself, as one unit or container for each does.

As in a container, each has only the settings that it reads.
"""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from left_behind import MARK
from process_settings import COMMANDS, read_by
from running_system import ROOT

PROCFILE = ROOT / "Procfile"


class Processes:
    """Those that run, and what they have printed."""

    def __init__(self, directory: Path, settings: Mapping[str, str], commands: Mapping[str, str] | None = None) -> None:
        """Nothing runs yet; `commands` are those of the Procfile unless they are given."""
        self._directory = directory
        self._commands = commands or COMMANDS
        self._settings = {**settings, MARK: os.environ[MARK]}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start these at once."""
        for name in names:
            with self._log(name).open("wb") as output:
                self._running[name] = subprocess.Popen(
                    ["/bin/sh", "-c", self._commands[name]],
                    env=self._environment(name),
                    cwd=self._directory,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )

    def stop(self, *names: str, within: float = 10) -> None:
        """Tell these to end, and wait until they have; a supervisor kills what takes longer."""
        for name in names:
            os.killpg(self._running[name].pid, signal.SIGTERM)
        for name in names:
            self._running.pop(name).wait(timeout=within)

    def ended(self, name: str, within: float = 30) -> int:
        """Return the exit code of one that ends by itself. Raises subprocess.TimeoutExpired if it does not."""
        return self._running.pop(name).wait(timeout=within)

    def stop_all(self) -> str:
        """Tell all that run to end, and wait until they have; return what they have printed meanwhile."""
        names = list(self._running)
        before = {name: len(self.output(name)) for name in names}
        self.stop(*names)
        return "".join(self.output(name)[before[name] :] for name in names)

    def hang(self, name: str) -> None:
        """Let one do nothing any more, without an end of it."""
        os.killpg(self._running[name].pid, signal.SIGSTOP)

    def kill_all(self) -> None:
        """Kill what still runs."""
        while self._running:
            _, process = self._running.popitem()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def output(self, name: str) -> str:
        """Return what a process has printed since its last start."""
        return self._log(name).read_text(encoding="utf-8", errors="replace")

    def _environment(self, name: str) -> dict[str, str]:
        known = read_by(name) | {"PATH", "PYTHONPATH", MARK}
        return {variable: value for variable, value in self._settings.items() if variable in known}

    def _log(self, name: str) -> Path:
        return self._directory / f"{name}.log"
