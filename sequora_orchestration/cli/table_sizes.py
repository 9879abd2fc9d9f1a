"""The sizes of the tables that grow, for `sequora status`: the ledger's own, and Dagster's."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from sequora_orchestration.database import NamedStatements, engine_for, execute
from sequora_orchestration.settings.database import DagsterStorageSettings, DatabaseSettings
from sequora_orchestration.terminal.page import Block, Row, Tone, Toned

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))


LEDGER_TABLES = (
    "orchestration.notification",
    "orchestration.notification_event",
    "orchestration.operator_action",
    "orchestration.lost_attempt",
    "orchestration.assignment",
)
DAGSTER_TABLES = ("runs", "run_tags", "event_logs", "job_ticks")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """A table with its indexes; the rows are the database's estimate."""

    bytes: int
    rows: int


def table_sizes(engine: Engine, tables: Sequence[str]) -> dict[str, TableSize]:
    """Return the sizes of those of these tables that exist, in this order; a name may have a schema."""
    _, rows = execute(engine, SQL["table_sizes"], {"tables": list(tables)})
    return {row["name"]: TableSize(bytes=row["bytes"], rows=row["rows"]) for row in rows}


def sizes() -> dict[str, TableSize]:
    """Return the sizes of the tables that grow: the ledger's, and Dagster's if DAGSTER_PG_URL is set."""
    tables = table_sizes(engine_for(DatabaseSettings.load().supabase_db_url), LEDGER_TABLES)
    if os.environ.get("DAGSTER_PG_URL"):
        with suppress(OperationalError):
            tables |= table_sizes(engine_for(DagsterStorageSettings.load().dagster_pg_url), DAGSTER_TABLES)
    return tables


def size_lines(tables: dict[str, TableSize]) -> Block:
    """Return the sizes as lines of a page."""
    rows: list[Toned | str | Row] = [Toned("Sizes, with indexes", Tone.HEADING)]
    for name, size in tables.items():
        rows.append((name.removeprefix("orchestration."), f"{size.bytes / 1e6:,.1f} MB, about {size.rows:,} rows"))
    if not tables.keys() >= set(DAGSTER_TABLES):
        rows.append("  Dagster's: not known; set DAGSTER_PG_URL to see them, and see that it can be reached")
    return Block(shape="  {:<28} {}", rows=rows)
