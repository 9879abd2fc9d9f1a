"""Bringing the schema `orchestration` up to date, with the views of the application's tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from sequora_orchestration.application import dropped_views, map_in_force, seam
from sequora_orchestration.application.map_in_force import InForce
from sequora_orchestration.database import SchemaMissingError
from sequora_orchestration.migrations.locks import StandsInTheWayError, take_all, until_nobody_stands_in_the_way
from sequora_orchestration.settings.application import ApplicationSettings

SCHEMA = "orchestration"

# Any number that nobody else locks on: it spells "sequora" in ASCII.
_LOCK = int.from_bytes(b"sequora", "big")


class MigrationRefusedError(Exception):
    """A migration cannot be made as things stand, and nothing is changed; the sentence says why."""


def alembic_config(connection: Connection) -> Config:
    """Return Alembic's configuration for our migrations on an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """The outcome of `migrate`."""

    revisions: Sequence[str]
    """The revisions that were applied, oldest first."""

    map: InForce
    """The map that is in force now."""

    has_new_views: bool


def migrate(engine: Engine) -> Migrated:
    """Apply missing migrations, and make the views of the application's tables anew if those or the map have changed.

    The map is SEQUORA_APPLICATION_MAP, or the first of the maps in this package that fits.

    Safe to run again, and by two processes at once: the second waits for the first and finds nothing to do. If there is
    nothing to do, a role that may only read the schema is enough; if there is, and the role may not do it, raises
    SchemaMissingError. Raises MapError if no map fits, and MigrationRefusedError if the schema is newer than this code
    or somebody keeps using it; then nothing is changed.
    """
    map_file = ApplicationSettings.load().sequora_application_map
    try:
        return until_nobody_stands_in_the_way(engine, lambda: _migrate(engine, map_file))
    except StandsInTheWayError as error:
        raise MigrationRefusedError(f"nothing is changed: {error}; run `sequora migrate` again") from None
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise SchemaMissingError(
                f"the schema {SCHEMA} on SUPABASE_DB_URL is missing or too old, and this role may not change it: "
                f"run `sequora migrate` as the role that owns it ({error.orig.diag.message_primary})"
            ) from None
        raise


def _migrate(engine: Engine, map_file: Path | None) -> Migrated:
    # One transaction, whether the engine's default is autocommit or not: the lock lasts as long, and half a migration
    # never stays.
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        # A role's limit would end a long migration, or the wait for another process, each time anew.
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = alembic_config(connection)
        script = ScriptDirectory.from_config(config)
        before = _applied_and_known(connection, script)
        with dropped_views.in_use_is_told():
            take_all(connection, _locks(connection, map_file, is_at_head=before == script.get_current_head()))
        if connection.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": SCHEMA}) is None:
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        command.upgrade(config, "head")
        made = seam.bring_up_to_date(connection, map_file)
        bring_questions_up_to_date(connection)
        in_force = made or map_in_force.in_force(connection)
        if in_force is None:
            raise AssertionError("a map that is up to date is there")
        applied = [revision.revision for revision in script.iterate_revisions("head", before)][::-1]
        return Migrated(revisions=applied, map=in_force, has_new_views=made is not None)


# The questions who is owed a message, as functions and views.
QUESTIONS = Path(__file__).with_name("views.sql")


def bring_questions_up_to_date(connection: Connection) -> None:
    """Make the functions and views of `views.sql` anew, unless this very file is in force over the present views."""
    sql = QUESTIONS.read_text(encoding="utf-8")
    digest = sha256(f"{connection.scalars(_TYPES_OF_KEYS).all()} {sql}".encode()).hexdigest()
    if connection.scalar(_DIGEST_IN_FORCE) != digest:
        connection.connection.cursor().execute(sql)  # without parameters: % and : in the file mean themselves
        connection.execute(_NOTE_DIGEST, {"digest": digest})


_TYPES_OF_KEYS = text("""
    SELECT format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid IN ('orchestration.care_task'::regclass, 'orchestration.care_episode'::regclass) AND attname = 'key'
    ORDER BY attrelid::regclass::text
""")

_DIGEST_IN_FORCE = text("SELECT digest FROM orchestration.questions_in_force")

_NOTE_DIGEST = text("UPDATE orchestration.questions_in_force SET digest = :digest, made_at = orchestration.clock()")


def _locks(connection: Connection, map_file: Path | None, *, is_at_head: bool) -> list[str]:
    """Return the statements that lock everything that is to be changed and is there already; none if nothing is.

    Views are dropped instead of locked: Postgres would lock the application's tables along with a view.
    """
    views = [] if seam.is_as_asked_for(connection, map_file) else dropped_views.drops()
    tables = [] if is_at_head else connection.scalars(_OUR_TABLES, {"schema": SCHEMA}).all()
    return [*views, *(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE" for table in tables)]


# Our tables that are always in use. Small tables, like that of pauses, are left out: some statements lock them before a
# view and some after it, so with them the locks would be free all at once more rarely.
_OUR_TABLES = text("""
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = to_regnamespace(:schema) AND relname IN ('notification', 'notification_event', 'provider')
    ORDER BY relname
""")


def drop_views(engine: Engine) -> None:
    """Drop the views of the application's tables, while they stand in the way of a migration of the application's own.

    All views are dropped, or none. Until `migrate` brings them back nobody is texted; nothing is lost.
    Raises ViewsInUseError and MigrationRefusedError.
    """
    try:
        until_nobody_stands_in_the_way(engine, lambda: _drop_views(engine))
    except StandsInTheWayError as error:
        raise MigrationRefusedError(f"no view is dropped: {error}; run `sequora migrate --drop-views` again") from None
    except DBAPIError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise MigrationRefusedError(
                f"no view is dropped: run `sequora migrate --drop-views` as the role that owns the schema {SCHEMA} "
                f"({error.orig.diag.message_primary})"
            ) from None
        raise


def _drop_views(engine: Engine) -> None:
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        # This code could not make the views of a newer schema again.
        _applied_and_known(connection, ScriptDirectory.from_config(alembic_config(connection)))
        dropped_views.note_that_views_are_dropped(connection)
        with dropped_views.in_use_is_told():
            take_all(connection, dropped_views.drops())


def revisions(engine: Engine) -> tuple[str | None, list[str]]:
    """Return the revision that the schema is at (None without one), and all that this code knows, oldest first."""
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
        return _applied(connection), _known(script)


def is_newer(engine: Engine) -> bool:
    """Whether the schema is at a revision that this code does not know, as after a rollback of the code."""
    applied, known = revisions(engine)
    return applied is not None and applied not in known


def _applied_and_known(connection: Connection, script: ScriptDirectory) -> str | None:
    """Return the revision that the schema is at. Raises MigrationRefusedError if this code does not know it."""
    applied = _applied(connection)
    if applied is None or applied in _known(script):
        return applied
    raise MigrationRefusedError(
        f"the schema {SCHEMA} is newer than this code, which does not know its revision {applied}: nothing is changed, "
        "and this code works with it as it is; to change it, install the newer version again"
    )


def _known(script: ScriptDirectory) -> list[str]:
    return [revision.revision for revision in script.walk_revisions()][::-1]


def _applied(connection: Connection) -> str | None:
    context = MigrationContext.configure(
        connection, opts={"version_table": "migration", "version_table_schema": SCHEMA}
    )
    return context.get_current_revision()
