"""The proxy that a benchmark puts before a far database changes nothing but when things arrive."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

from bench.distance import far_away
from sequora_orchestration.local.postgres import EmbeddedPostgres


def echo(url: str, text: str) -> str:
    """Return what the database answers, over a connection of its own."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT %s", (text,))
        ((answer,),) = cursor.fetchall()
        return str(answer)


def test_what_goes_through_arrives_whole_and_in_order(postgres: EmbeddedPostgres) -> None:
    """Megabytes each way, on many connections at once."""
    texts = ["".join(f"{number} {place}," for place in range(200_000)) for number in range(8)]
    with far_away(postgres.url("postgres"), os.environ) as url, ThreadPoolExecutor(len(texts)) as threads:
        assert list(threads.map(lambda text: echo(url, text), texts)) == texts


def test_it_ends_with_its_block(postgres: EmbeddedPostgres) -> None:
    """Nothing listens there afterwards."""
    with far_away(postgres.url("postgres"), os.environ) as url:
        assert echo(url, "near") == "near"
    with pytest.raises(psycopg2.OperationalError, match="refused"):
        echo(url, "far")
