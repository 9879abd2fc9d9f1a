"""Nothing that a test has started stays, and signals reach it, however the tests themselves were started.

A fixture ends what it has started. The process of this module is there for the rest: it outlives tests that are
interrupted or killed, whose fixtures end nothing, and then ends whatever carries their mark.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

import psutil
import pytest

# Stands in the environment of every process that the tests have started.
MARK = "SEQUORA_STARTED_BY_TESTS"

# Seconds that processes have to end by themselves: `sequora dev` may take 15.
TO_END = 20


@pytest.fixture(scope="session", autouse=True)
def nothing_stays() -> Iterator[None]:
    """Let signals reach what tests start, and end what is left of it when the tests have ended, however they do."""
    with signals_reach_children(), ended_with_us():
        yield


@contextmanager
def signals_reach_children() -> Iterator[None]:
    """Let processes that are started in the block have their signals' defaults.

    With `nohup` or in the background of a script a process is started with some of them ignored, and so would be what
    it starts. A handler that does nothing ignores a signal as well, but no other program inherits it.
    """
    ignored = [
        one
        for one in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
        if signal.getsignal(one) is signal.SIG_IGN
    ]
    for one in ignored:
        signal.signal(one, lambda *_: None)
    try:
        yield
    finally:
        for one in ignored:
            signal.signal(one, signal.SIG_IGN)


@contextmanager
def ended_with_us() -> Iterator[None]:
    """Let processes that are started in the block be ended when the block, or this process, has ended."""
    mark = uuid4().hex
    watcher = subprocess.Popen(
        [sys.executable, __file__, mark], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
    )
    os.environ[MARK] = mark
    try:
        yield
    finally:
        del os.environ[MARK]
        watcher.communicate()


def marked(name: str, value: str) -> list[psutil.Process]:
    """Return the processes that have such a variable in their environment, and all that they have started."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(name) == value:
                # Valkey writes its title over its environment, but it is the child of a process that does not.
                found.update([process, *process.children(recursive=True)])
    return list(found)


def kill(processes: list[psutil.Process]) -> None:
    """Kill processes, and wait until they are gone."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def main(mark: str) -> None:
    """Wait until nobody can write to this process any more, then end what has the mark."""
    sys.stdin.read()
    while processes := marked(MARK, mark):
        # Asked first: a Postgres that is killed leaves shared memory behind.
        for process in processes:
            with suppress(psutil.Error):
                process.terminate()
        kill(psutil.wait_procs(processes, timeout=TO_END)[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
