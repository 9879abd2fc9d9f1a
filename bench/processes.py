"""A running system's processes, by what they are, and its databases' counters: looked at from outside.

What the figures say of them is worked out in `measure`.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path

import psutil
import psycopg2

from bench.measure import Process, Snapshot
from bench.system import belongs_to

POSTGRES, WEB = "Postgres", "web UI"

_PHONE_COMPANY, _WORKER = "phone company", "worker"

# What stands in a command line. A process that was forked has its parent's.
_NAMES = {
    "dagster-webserver": WEB,
    "dagster-daemon": "daemon",
    "dagster api grpc": "code server",
    "celery": _WORKER,
    "valkey": "broker",
    "bench.phone": _PHONE_COMPANY,
    "sequora": "sequora dev",
}

# A statement that is not in a transaction of several is one of its own. Read from another database than these, so that
# the looking is not counted.
_COMMITTED = """
SELECT datname, (xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = ANY(%s)
"""


def snapshot(directory: Path, *, administration_url: str, databases: Mapping[str, str]) -> Snapshot:
    """Look at the processes on a directory, without the phone company, and at these databases.

    `databases` are their names, with what they are called.
    """
    with closing(psycopg2.connect(administration_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_COMMITTED, (list(databases),))
        statements = {databases[name]: committed for name, committed in cursor.fetchall()}
    return Snapshot(moment=time.time(), processes=list(_processes(directory)), statements=statements)


def _processes(directory: Path) -> Iterator[Process]:
    of_pool = count(1)
    for one in psutil.process_iter():  # by number, so those of a worker's pool keep theirs
        try:
            if not belongs_to(one, directory) or (name := _name(one)) == _PHONE_COMPANY:
                continue
            parent = one.parent()
            if name == _WORKER and parent and _name(parent) == _WORKER:
                name = f"{_WORKER}, process {next(of_pool)}"
            times = one.cpu_times()
            yield Process(
                name=name,
                memory=one.memory_full_info().uss,
                # With what processes took that it has outlived: Postgres' come and go.
                processor=times.user + times.system + times.children_user + times.children_system,
            )
        except psutil.NoSuchProcess:
            continue


def _name(process: psutil.Process) -> str:
    if process.name() == "postgres":
        return POSTGRES
    command = " ".join(process.cmdline())
    return next((name for words, name in _NAMES.items() if words in command), process.name())
