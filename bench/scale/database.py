"""A database that has been in use for years, filled within minutes."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, text

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.local.applications import DEFAULT, Application

LEDGER = NamedStatements(Path(__file__).with_name("fill.sql"))


def fill(connection: Connection, sizes: Mapping[str, int], application: Application = DEFAULT) -> Iterator[str]:
    """Fill the tables of an application and ours, and yield what comes next; no trigger runs meanwhile.

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
    # Of rows whose commit is not on the disk yet, as without `synchronous_commit`, a vacuum does not note that all see
    # them; then no index alone would answer.
    connection.execute(text("CHECKPOINT"))
    connection.execute(text("VACUUM ANALYZE"))
