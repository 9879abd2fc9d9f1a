"""Bringing the schema `orchestration` up to date, and the helpful indexes on the application's tables."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from sequora_orchestration.resources.database import SchemaMissingError

SCHEMA = "orchestration"

# Any number that nobody else locks on: it spells "sequora" in ASCII.
_LOCK = int.from_bytes(b"sequora", "big")

# What our sensors ask of the application's tables, answered by an index. The one on tasks is partial, on what is open,
# so it stays small and serves every question about tasks: reading it from end to end is cheap. `sequora migrate
# --app-indexes` makes them; nothing else depends on them.
APP_INDEXES = {
    "sequora_open_task": """
        ON public."EscalationTask" (created_at)
        WHERE (status IN ('RESOLVED', 'CANCELLED')) IS NOT TRUE""",
    "sequora_recent_episode": """
        ON public."Episode" (created_at)""",
}


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for our migrations on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def migrate(engine: Engine) -> list[str]:
    """Apply what is missing and return its revisions, oldest first.

    Safe to run again, and by two processes at once: the second waits for the first and finds nothing to do. Where there
    is nothing to do, a role that may only read the schema is enough; where there is, and the role may not do it, raises
    SchemaMissingError.
    """
    try:
        return _migrate(engine)
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise SchemaMissingError(
                f"the schema {SCHEMA} on SUPABASE_DB_URL is missing or too old, and this role may not change it: "
                f"run `sequora migrate` as the role that owns it ({str(error.orig).strip()})"
            ) from None
        raise


def _migrate(engine: Engine) -> list[str]:
    # One transaction, whatever the engine does by default: the lock lasts as long, and half a migration never stays.
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        # A change of a table waits for whoever has it, and every text waits behind it: better to give up soon.
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        if connection.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": SCHEMA}) is None:
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        config = alembic_config(connection)
        before = _applied(connection)
        command.upgrade(config, "head")
        script = ScriptDirectory.from_config(config)
        return [revision.revision for revision in script.iterate_revisions("head", before)][::-1]


def revisions(engine: Engine) -> tuple[str | None, list[str]]:
    """Return the revision that the schema is at, None if there is none, and all that this code knows, oldest first."""
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
        return _applied(connection), [revision.revision for revision in script.walk_revisions()][::-1]


def _applied(connection: Connection) -> str | None:
    context = MigrationContext.configure(
        connection, opts={"version_table": "migration", "version_table_schema": SCHEMA}
    )
    return context.get_current_revision()


def make_app_indexes(engine: Engine) -> list[str]:
    """Make the helpful indexes that are missing, without blocking writers, and return their names.

    An index that an interrupted run left invalid is dropped and made anew.
    """
    made = []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name, definition in APP_INDEXES.items():
            valid = connection.execute(
                text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)"),
                {"name": f"public.{name}"},
            ).scalar()
            if valid:
                continue
            if valid is False:
                connection.execute(text(f"DROP INDEX CONCURRENTLY public.{name}"))
            connection.execute(text(f"CREATE INDEX CONCURRENTLY {name} {definition}"))
            made.append(name)
    return made
