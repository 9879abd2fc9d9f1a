"""The statements that the databases get while a block runs, from Postgres' own log.

`log_statement` writes down every string that a session sends. Several statements in one string count as one: it is
round trips that are counted. Their names are made in `names`, and the cost of a text is worked out in `measure`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2.sql import SQL, Identifier, Literal

from bench.application import NAME
from bench.measure import Asked

# Each line begins with its time (seconds since the epoch), its database, and its session's application_name.
_SETTINGS = {"log_statement": "all", "log_line_prefix": "bench %n %d %a: ", "lc_messages": "C"}
_ENTRY = re.compile(r"^bench (\d+\.\d+) (\S*) (.*?): (LOG:  (?:statement|execute [^:]*): )?", re.MULTILINE)

_RUN_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A string that a session sent, with the values put in, and its time."""

    moment: float
    database: str
    sql: str


@contextmanager
def logged(administration_url: str) -> Iterator[None]:
    """Let the server log the statements of every session, also of sessions that are there already."""
    with closing(psycopg2.connect(administration_url, application_name=NAME)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name, value in _SETTINGS.items():
                cursor.execute(SQL("ALTER SYSTEM SET {} = {}").format(Identifier(name), Literal(value)))
            cursor.execute("SELECT pg_reload_conf()")
            try:
                yield
            finally:
                for name in _SETTINGS:
                    cursor.execute(SQL("ALTER SYSTEM RESET {}").format(Identifier(name)))
                cursor.execute("SELECT pg_reload_conf()")


def read(log: Path) -> Iterator[Statement]:
    """Read the statements of a server's log, without the benchmark's own."""
    _, *parts = _ENTRY.split(log.read_text(encoding="utf-8", errors="replace"))
    for moment, database, application, is_statement, sql in zip(*[iter(parts)] * 5, strict=True):
        if is_statement and application != NAME:
            yield Statement(moment=float(moment), database=database, sql=sql)


def count(
    statements: Iterable[Statement],
    database: str,
    *,
    between: tuple[float, float],
    name: Callable[[str], str],
    runs_of_other_jobs: frozenset[str],
) -> Asked:
    """Count the statements that were sent to a database between two moments, by name.

    A statement that has the id of a run of another job than the measured one is left out.
    """
    began, ended = between
    counts = Counter(
        name(one.sql)
        for one in statements
        if one.database == database
        and began <= one.moment < ended
        and runs_of_other_jobs.isdisjoint(_RUN_ID.findall(one.sql))
    )
    return Asked(seconds=ended - began, counts=counts)
