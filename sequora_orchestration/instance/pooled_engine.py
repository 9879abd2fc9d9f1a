"""The one engine of a process for Dagster's database, and the answers that the process may remember.

Dagster's own storages open a connection for each operation, and before most operations ask the database's catalog which
tables and columns there are. Not here: the storages' statements on this engine (`round_trips`).
"""

import os
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cache
from threading import local
from typing import Any

from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Connection, Engine, event

from sequora_orchestration.database import (
    KEEPALIVES,
    POOLED,
    WHATEVER_THE_DEFAULTS,
    replace_ended_connections,
)

CONNECTIONS_PER_PROCESS = 8

# Seconds. A caller who asks again after this time wants to know whether something has changed.
FRESH_FOR = 1.0


class LastAnswer(local):
    """The row that this thread has just read or written, until its next statement, and for FRESH_FOR at most.

    Dagster reads a row again right after it has read or written it, with only some lines of Python in between. Others
    may change the row meanwhile, but no more likely than right after a second reading.
    """

    def __init__(self, *, fresh_for: float = FRESH_FOR) -> None:
        """Begin without a row; `fresh_for` is in seconds."""
        self.fresh_for = fresh_for
        self.forget()

    def remember(self, key: Hashable, row: Any) -> None:
        """Keep a row under this key."""
        self.key: Hashable = key
        self.row, self.since = row, time.monotonic()

    def recall(self, key: Hashable) -> Any:
        """Return the row; None if another row was the last, or it is too long ago."""
        return self.row if self.key == key and time.monotonic() - self.since < self.fresh_for else None

    def forget(self) -> None:
        """Forget the row: another statement is about to run."""
        self.key, self.row, self.since = None, None, 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledEngine:
    """A process's engine, and answers that all its threads, and every DagsterInstance, may share.

    A snapshot's id is the digest of its content, so it never changes; nor is an index ever unbuilt.
    """

    engine: Engine
    last_answer: LastAnswer
    job_snapshots: set[str] = field(default_factory=set)
    """Ids of job snapshots that are stored."""
    execution_plans: dict[str, Any] = field(default_factory=dict)
    """Snapshots of execution plans, by their ids."""
    indexes: set[str] = field(default_factory=set)
    """Names of indexes that are built."""


def of_this_process(url: str) -> PooledEngine:
    """Return this process's engine for `url`; nothing is connected before the first use."""
    return _engine_of(url, os.getpid())


@cache
def _engine_of(url: str, _process: int) -> PooledEngine:
    """Return a process's engine; keyed by process, for a connection must not be shared over a fork."""
    engine = create_pg_engine(
        url,
        pool_size=CONNECTIONS_PER_PROCESS,
        max_overflow=CONNECTIONS_PER_PROCESS,
        connect_args={"application_name": "sequora-dagster", "connect_timeout": 10, **KEEPALIVES},
        **POOLED,
    )
    last_answer = LastAnswer()

    @event.listens_for(engine, "before_cursor_execute")
    def _another_statement_comes(*_: object) -> None:
        last_answer.forget()

    prefix_statements(engine)
    replace_ended_connections(engine)
    for look_up in ("get_table_names", "get_columns", "has_table"):
        setattr(engine.dialect, look_up, _remembering(getattr(engine.dialect, look_up)))
    return PooledEngine(engine=engine, last_answer=last_answer)


def prefix_statements(engine: Engine) -> None:
    """Run every statement on the engine with the settings of our own, whatever the server and a pooler have set.

    Its commit does not wait for the disk: runs and events may lose their last milliseconds in a power cut. The ledger,
    which must lose nothing, is elsewhere.
    """

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _prefix(
        _connection: Connection, _cursor: object, statement: str, parameters: Any, _context: object, _many: object
    ) -> tuple[str, Any]:
        return f"{WHATEVER_THE_DEFAULTS}SET LOCAL synchronous_commit = off; {statement}", parameters


def _remembering(look_up: Callable[..., Any]) -> Callable[..., Any]:
    """Return a look-up in the database's catalog that remembers its answers.

    Only `sequora migrate` changes Dagster's tables; a process that runs meanwhile goes on as it was.
    """
    found: dict[tuple[object, ...], Any] = {}

    def asked(connection: Connection, *names: object, **options: object) -> Any:
        if not found.get(names):
            found[names] = look_up(connection, *names, **options)
        return found[names]

    return asked
