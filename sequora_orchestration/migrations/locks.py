"""The locks of `sequora migrate`: a try takes all of them before anything is changed, or gives up and is repeated.

Statements of the running system lock the views and the ledger's tables in the order in which they name them, and that
differs. So in any order a migration that waits may meet a deadlock, and Postgres may end the other side. Texts that go
out meanwhile must not be ended, nor stand still for long: a try gives up before Postgres looks for deadlocks at all.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from psycopg2.errors import DeadlockDetected
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.application.catalog import verbatim
from sequora_orchestration.application.sql_text import literal
from sequora_orchestration.database import is_locked

T = TypeVar("T")

# Postgres looks for a deadlock when a session has waited for `deadlock_timeout`, by default 1 s. All locks together may
# take this share of it; and no more than so many milliseconds, if it is set higher.
_SHARE_OF_DEADLOCK_TIMEOUT = 0.3
_MOST_PATIENCE = 300

# How long a migration waits for any further lock, while our tables stand still: less than `deadlock_timeout`, too.
_PATIENCE_WITH_OTHERS = "700ms"

PAUSES: tuple[float, ...] = (*[0.1] * 5, *[0.3] * 10, *[1.0] * 10)
"""Seconds between two tries: many short pauses, for under load most tries meet a statement that has one lock and wants
another. In all some 20 s: if a query lasts longer, a person must end it.
"""


class StandsInTheWayError(Exception):
    """Somebody holds a lock that a migration needs, for too long; the sentence says who. Nothing is changed."""


def take_all(connection: Connection, statements: Sequence[str]) -> None:
    """Run statements that each take a lock and do little else; raises LockNotAvailable soon."""
    if not statements:
        return
    patience = connection.scalar(
        text("SELECT least(setting::int * :share, :most) FROM pg_settings WHERE name = 'deadlock_timeout'"),
        {"share": _SHARE_OF_DEADLOCK_TIMEOUT, "most": _MOST_PATIENCE},
    )
    # In one message: everybody waits behind these locks, and would wait for each round trip to a distant server.
    each = ", ".join(literal(one) for one in statements)
    block = f"""
        DECLARE
            until timestamptz := clock_timestamp() + interval '{patience} ms';
            statement text;
        BEGIN
            FOREACH statement IN ARRAY ARRAY[{each}] LOOP
                PERFORM set_config(
                    'lock_timeout',
                    greatest(1, floor(1000 * extract(epoch FROM until - clock_timestamp())))::int::text,
                    true
                );
                EXECUTE statement;
            END LOOP;
            PERFORM set_config('lock_timeout', '{_PATIENCE_WITH_OTHERS}', true);
        END"""
    connection.execute(verbatim(f"DO {literal(block)}"))


def until_nobody_stands_in_the_way(engine: Engine, change: Callable[[], T]) -> T:
    """Call `change`, which is a transaction of its own, until it gets its locks. Raises StandsInTheWayError."""
    pauses = iter(PAUSES)
    while True:
        try:
            return change()
        except DBAPIError as error:
            if not is_locked(error) and not isinstance(error.orig, DeadlockDetected):
                raise
        pause = next(pauses, None)
        if pause is None:
            raise StandsInTheWayError(_who_stands_in_the_way(engine))
        time.sleep(pause)


# A role that may not look at other roles' sessions sees only whose they are.
_OLD_HOLDERS = """
    SELECT a.pid, coalesce(nullif(a.application_name, ''), 'without a name') AS name,
           CAST(extract(epoch FROM clock_timestamp() - a.xact_start) AS integer) AS seconds
    FROM pg_stat_activity a
    WHERE a.pid <> pg_backend_pid()
      AND a.pid IN (
          SELECT l.pid FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
          WHERE l.granted AND l.locktype = 'relation'
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (c.relnamespace = to_regnamespace('orchestration') OR l.mode = 'AccessExclusiveLock')
      )
    ORDER BY a.xact_start NULLS LAST LIMIT 3
"""


def _who_stands_in_the_way(engine: Engine) -> str:
    """Return, in words, the sessions that have held the locks for longest."""
    with engine.connect() as connection:
        found = connection.execute(text(_OLD_HOLDERS)).all()
    if not found:
        return "somebody was using the tables or the views at every try"
    who = (f"{one.pid} ({one.name}" + (f", for {one.seconds} s)" if one.seconds is not None else ")") for one in found)
    return (
        f"the tables or views are in use by the session{'s' if len(found) > 1 else ''} {', '.join(who)}; "
        "SELECT pg_terminate_backend(pid) ends one"
    )
