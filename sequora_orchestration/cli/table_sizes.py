"""The sizes of tables, for `sequora status`: the ledger's own, and Dagster's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from sequora_orchestration.database import NamedStatements, execute

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """A table with its indexes; the rows are the database's estimate."""

    bytes: int
    rows: int


def table_sizes(engine: Engine, tables: Sequence[str]) -> dict[str, TableSize]:
    """Return the sizes of those of these tables that exist, in this order; a name may have a schema."""
    _, rows = execute(engine, SQL["table_sizes"], {"tables": list(tables)})
    return {row["name"]: TableSize(bytes=row["bytes"], rows=row["rows"]) for row in rows}
