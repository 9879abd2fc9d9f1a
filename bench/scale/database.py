"""A database that has been in use for years, filled within minutes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, text

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.local.applications import DEFAULT, Application

LEDGER = NamedStatements(Path(__file__).with_name("fill.sql"))


def fill(connection: Connection, sizes: Mapping[str, int], application: Application = DEFAULT) -> Iterator[str]:
    """Fill the tables of an application and ours, and yield each step's name before it; no trigger runs meanwhile.

    The sizes are the numbers of `tasks`, how many of them are `open`, `episodes`, and `messages` in the ledger.
    """
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.execute(text("SET session_replication_role = replica"))
    tables = NamedStatements(Path(__file__).with_name(f"{application}.sql"))
    for name, sql in {**tables.all, **LEDGER.all}.items():
        yield name.replace("_", " ")
        connection.execute(sql, {size: sizes[size] for size in sql.compile().params})
    connection.execute(text("SET session_replication_role = origin"))
    yield "statistics"
    # Without `synchronous_commit` a commit may not be on the disk yet. Then a vacuum does not mark its rows as visible
    # to all, and no statement could be answered by an index alone.
    connection.execute(text("CHECKPOINT"))
    connection.execute(text("VACUUM ANALYZE"))
