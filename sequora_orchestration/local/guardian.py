"""The guardian of a system: when its `sequora dev` is gone without having ended the rest, the guardian ends it.

No process can do anything about its own SIGKILL, nor when memory runs out. Without the guardian a system whose
`sequora dev` was killed would go on texting with nobody to stop it. It works on Linux and macOS alike, and for
processes that know nothing of us. Not here: the orderly end, with its time for what is under way (`system.py`).

`sequora dev` starts it as a process of its own: `python -m sequora_orchestration.local.guardian PID DIRECTORY`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sequora_orchestration.local.processes import MARK, end_processes_of

# Seconds between two looks.
PERIOD = 0.5

# A signal to all processes of the system at once is not to end the one that ends the others.
HELD_BACK = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}


@contextmanager
def guarded(directory: Path) -> Iterator[None]:
    """Have a guardian for this process' system on a directory, for the length of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)  # a new process inherits it, from its first moment on
    try:
        guardian = subprocess.Popen(
            [sys.executable, "-m", "sequora_orchestration.local.guardian", str(os.getpid()), str(directory)],
            env={**os.environ, MARK: str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield
    finally:
        guardian.kill()
        guardian.wait()


def main() -> None:
    """Wait until the system's `sequora dev` is gone, and end what it has left."""
    supervisor, directory = int(sys.argv[1]), Path(sys.argv[2])
    while os.getppid() == supervisor:
        time.sleep(PERIOD)
    end_all_of(directory)


def end_all_of(directory: Path) -> None:
    """Kill the processes of a directory's system, and stop its Postgres, also if that is only starting."""
    from sequora_orchestration.local.postgres import EmbeddedPostgres  # noqa: PLC0415  # while it waits, it is small

    end_processes_of(directory)
    if (directory / "postgres").exists():
        EmbeddedPostgres(directory / "postgres").end()


if __name__ == "__main__":
    main()
