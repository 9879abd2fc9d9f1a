"""A running system's processes, by kind, and its databases' counters: looked at from outside.

The figures are worked out in `measure`.
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

# The kind of a process, by a word in its command line. A forked process has its parent's command line.
_NAMES = {
    "dagster-webserver": WEB,
    "dagster-daemon": "daemon",
    "dagster api grpc": "code server",
    "celery": _WORKER,
    "valkey": "broker",
    "bench.phone": _PHONE_COMPANY,
    "sequora": "sequora dev",
}

# Transactions: a statement outside of a longer transaction is a transaction of its own. This is read from another
# database than these, so that the reading is not counted.
_COMMITTED = """
SELECT datname, (xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = ANY(%s)
"""


def snapshot(directory: Path, *, administration_url: str, databases: Mapping[str, str]) -> Snapshot:
    """Look at the processes on a directory, without the phone company, and at these databases.

    `databases` maps the name of each on the server to its name in the figures.
    """
    with closing(psycopg2.connect(administration_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_COMMITTED, (list(databases),))
        statements = {databases[name]: committed for name, committed in cursor.fetchall()}
    return Snapshot(moment=time.time(), processes=list(_processes(directory)), statements=statements)


def _processes(directory: Path) -> Iterator[Process]:
    of_pool = count(1)
    for one in psutil.process_iter():  # in the order of process ids, so each of a worker's pool keeps its number
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
                # With the time of children that have ended: Postgres' come and go.
                processor=times.user + times.system + times.children_user + times.children_system,
            )
        except psutil.NoSuchProcess:
            continue


def _name(process: psutil.Process) -> str:
    if process.name() == "postgres":
        return POSTGRES
    command = " ".join(process.cmdline())
    return next((name for words, name in _NAMES.items() if words in command), process.name())
