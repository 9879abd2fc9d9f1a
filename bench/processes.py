"""Our processes, by what they are: how much memory each holds, and how much processor time it has taken."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.system import belongs_to

POSTGRES, PHONE, WEB = "Postgres", "phone company", "web UI"

# What stands in a command line, the first that does. What a process starts has its parent's name.
_NAMES = {
    "dagster-webserver": WEB,
    "dagster-daemon": "daemon",
    "dagster api grpc": "code server",
    "celery": "worker",
    "valkey": "broker",
    "bench.phone": PHONE,
    "sequora dev": "sequora dev",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process: what it is, its memory in bytes and its processor time in seconds, since its start."""

    pid: int
    name: str
    memory: int
    """What it holds for itself alone (USS); what a fork shares with its parent is not counted again."""
    processor: float


def processes(directory: Path) -> list[Process]:
    """Return the processes of the benchmark on that directory, without itself; all of Postgres' are one."""
    return list(_looked_at(directory))


def _looked_at(directory: Path) -> Iterator[Process]:
    pool: Counter[int] = Counter()
    for one in psutil.process_iter():
        try:
            if not belongs_to(one, directory):
                continue
            name, parent = _name(one), one.parent()
            if name == "worker" and parent and _name(parent) == "worker":
                pool[parent.pid] += 1
                name = f"worker, process {pool[parent.pid]}"
            times = one.cpu_times()
            yield Process(
                pid=one.pid, name=name, memory=one.memory_full_info().uss, processor=times.user + times.system
            )
        except psutil.NoSuchProcess:
            continue


def _name(process: psutil.Process) -> str:
    if process.name() == "postgres":
        return POSTGRES
    command = " ".join(process.cmdline()) or process.name()
    return next((name for words, name in _NAMES.items() if words in command), process.name())
