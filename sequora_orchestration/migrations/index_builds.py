"""Runs statements that make or drop an index CONCURRENTLY, so that Ctrl-C stops them; finds those that still run.

Such a statement waits for every older transaction, on any table. If the process that gave it is killed, the server goes
on with it all the same.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from sqlalchemy import Connection, Engine, text

from sequora_orchestration.application.catalog import verbatim

A_WHILE = 3.0
"""Seconds between two looks at the sessions that a statement waits for; they are reported when they change."""

# The first half goes by the statement's own words, for a statement that drops an index shows no progress; the second by
# the progress, for few roles may see the words of another role's session.
_AT_WORK = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
      AND query ~ '^(CREATE|DROP) INDEX CONCURRENTLY .*sequora_'
    UNION
    SELECT pid FROM pg_stat_progress_create_index
    WHERE datname = current_database() AND index_relid::regclass::text LIKE '%sequora\\_%'
"""

_WAITED_FOR = """
    SELECT DISTINCT waited.pid, coalesce(nullif(a.application_name, ''), 'without a name') AS name
    FROM unnest(CAST(:pids AS int[])) AS at_work (pid)
    CROSS JOIN LATERAL unnest(pg_blocking_pids(at_work.pid)) AS waited (pid)
    LEFT JOIN pg_stat_activity a ON a.pid = waited.pid
    ORDER BY 1
"""


class StoppedError(Exception):
    """Somebody has stopped a statement; the sentence names the sessions that it waited for."""


def at_work(connection: Connection) -> Sequence[int]:
    """Return the server's processes that make or drop an index of ours in this database."""
    return connection.scalars(text(_AT_WORK)).all()


def whom_it_waits_for(connection: Connection) -> str:
    """Return the sessions that those processes wait for, in words; empty if there are none."""
    found = connection.execute(text(_WAITED_FOR), {"pids": list(at_work(connection))}).all()
    return ", ".join(f"session {one.pid} ({one.name})" for one in found)


def run(connection: Connection, statement: str, tell: Callable[[str], None]) -> None:
    """Run a statement on a connection in autocommit; tell whom it waits for. Raises StoppedError on Ctrl-C.

    The statement runs in a thread of its own: Python notices no signal while it waits for the database.
    """
    engine = connection.engine
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(connection.execute, verbatim(statement))
        told = ""
        try:
            while not wait([running], timeout=A_WHILE).done:
                if (waits := _waits(engine)) and waits != told:
                    tell(f"it waits for the transaction of {waits}, which is older; Ctrl-C stops it")
                    told = waits
            running.result()
        except KeyboardInterrupt:
            waits = _waits(engine)
            connection.connection.dbapi_connection.cancel()  # type: ignore[union-attr]  # psycopg2's: it is connected
            running.exception()
            because = f" while it waited for the transaction of {waits} to end" if waits else ""
            raise StoppedError(f"it was stopped{because}") from None


def _waits(engine: Engine) -> str:
    with engine.connect() as connection:
        return whom_it_waits_for(connection)
