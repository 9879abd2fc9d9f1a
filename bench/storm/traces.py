"""The search for a word that people have written, in all that the system leaves behind: tables, files, broker."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2 import sql
from redis import Redis

_TABLES = """
SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""
# A row as text shows bytes in hexadecimal digits.
_HOLDS = "SELECT count(*) FROM {} AS t WHERE strpos(lower(t::text), %(word)s) > 0 OR strpos(t::text, %(digits)s) > 0"


def tables_with(word: str, urls: Sequence[str]) -> Iterator[str]:
    """Find tables of these databases in which a word (in lower case) stands, with the number of such rows."""
    for url in urls:
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(_TABLES)
            for schema, table in cursor.fetchall():
                statement = sql.SQL(_HOLDS).format(sql.Identifier(schema, table))
                cursor.execute(statement, {"word": word, "digits": word.encode().hex()})
                ((count,),) = cursor.fetchall()
                if count:
                    yield f"{schema}.{table}: {count} rows"


def files_with(word: str, places: Sequence[Path]) -> Iterator[str]:
    """Find files under these places (directories, or files) in which a word (in lower case) stands."""
    for place in places:
        for file in sorted([place] if place.is_file() else place.rglob("*")):
            if file.is_file() and word.encode() in file.read_bytes().lower():
                yield str(file.relative_to(place.parent))


def keys_with(word: str, broker_url: str) -> Iterator[str]:
    """Find keys of a broker whose value has a word (in lower case)."""
    with closing(Redis.from_url(broker_url, socket_timeout=5)) as broker:
        for key in broker.scan_iter():
            if word.encode() in (broker.dump(key) or b"").lower():
                yield f"the broker's {key.decode(errors='replace')}"
