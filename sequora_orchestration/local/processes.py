"""The processes of a `sequora dev`: which signals end them, how they are recognised, and how what is left is ended."""

import os
import signal
from pathlib import Path

import psutil

# Marks every process of a system, with its directory, so that processes of a killed `sequora dev` are found.
MARK = "SEQUORA_DEV_DIRECTORY"


def signals_to_end() -> list[signal.Signals]:
    """Return the signals that end a system. `nohup` has a closing terminal's ignored, and so it stays."""
    ends = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [one for one in ends if one is not signal.SIGHUP or signal.getsignal(one) is not signal.SIG_IGN]


def end_processes_of(directory: Path) -> None:
    """Kill every process that is left of the directory's system, but for this one. Postgres is none of them."""
    ended = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and _belongs_to(process, directory):
                process.kill()
                ended.append(process)
        except psutil.Error:
            continue
    psutil.wait_procs(ended, timeout=5)


def _belongs_to(process: psutil.Process, directory: Path) -> bool:
    if process.environ().get(MARK) == str(directory):
        return True
    # Valkey's environment cannot be read, for its title is written over it: it is known by its own directory.
    return process.name().startswith("valkey") and process.cwd() == str(directory / "valkey")
