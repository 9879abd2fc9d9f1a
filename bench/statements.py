"""What the databases are asked while the block runs, as Postgres' own log has it.

`log_statement` writes down what each session sends. Statements that are sent in one string are one: what is counted is
round trips. By what names they go is said in `names`, and what a text costs is worked out in `measure`.
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

# Of each line: when (seconds since the epoch), on which database, and whose session (its application_name).
_SETTINGS = {"log_statement": "all", "log_line_prefix": "bench %n %d %a: ", "lc_messages": "C"}
_ENTRY = re.compile(r"^bench (\d+\.\d+) (\S*) (.*?): (LOG:  (?:statement|execute [^:]*): )?", re.MULTILINE)

_RUN_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a session sent, with the values put in, and when."""

    moment: float
    database: str
    sql: str


@contextmanager
def logged(administration_url: str) -> Iterator[None]:
    """Let the server log what every session sends, also those that are there already."""
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
    """Count what was sent to a database between two moments, each statement by the name that it is given.

    What names a run of another job than the one that is measured is left out.
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
