"""The Postgres servers that tests start: of the kind that `--postgres` names, each in a directory of its own."""

import shutil
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from sqlalchemy import Engine, create_engine, text

from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres
from sequora_orchestration.settings.addresses import postgres_url

# Nothing of it matters to a server that nobody kills and whose data nobody keeps: whatever waits for a disk, and the
# tidying of databases that are gone a second later, which would also gather statistics where a test has none.
SPARED = ("fsync", "full_page_writes", "autovacuum")

# Where files are memory, with so many bytes free: there databases are cloned with a tenth of the effort.
MEMORY, ENOUGH = Path("/dev/shm"), 4 * 2**30  # noqa: S108  # what is made there has a name that nobody can guess


def programs_of_postgres(directory: str) -> str:
    """Return the directory. Raises argparse.ArgumentTypeError if a server's programs are not in it."""
    if not (Path(directory) / "initdb").is_file():
        raise ArgumentTypeError(
            f"there is no initdb in {directory}: give the directory of a server's programs, "
            "on Debian /usr/lib/postgresql/<version>/bin"
        )
    return directory


@contextmanager
def a_postgres(binaries: Path | None, *, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    """Run a server for as long as the block runs, of these binaries or, without any, the embedded one.

    Not in a directory of pytest's: those of root are barred to the user that the server runs as, by the next pytest.
    """
    in_memory = not durable and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    with (
        TemporaryDirectory(prefix="sequora-tests-", dir=MEMORY if in_memory else None) as directory,
        embedded_postgres(Path(directory) / "postgres", binaries=binaries) as server,
    ):
        if not durable:
            with administrator(server) as engine, engine.connect() as connection:
                for setting in SPARED:
                    connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
                connection.execute(text("SELECT pg_reload_conf()"))
        yield server


@contextmanager
def administrator(server: EmbeddedPostgres) -> Iterator[Engine]:
    """Yield an engine of the server's administrator, whose statements commit by themselves."""
    engine = create_engine(postgres_url(server.url("postgres")), isolation_level="AUTOCOMMIT")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def a_clone(administrator: Engine, template: str) -> Iterator[str]:
    """Make a database that is like the template; yield its name, and drop it in the end."""
    name = f"{template.removesuffix('_template')}_{uuid4().hex[:12]}"
    with administrator.connect() as connection:
        version = connection.dialect.server_version_info or (0,)
        # By default each page is also written to the server's log, which pays for templates that are larger.
        strategy = "STRATEGY FILE_COPY" if version >= (15,) else ""
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {strategy}'))
    try:
        yield name
    finally:
        with administrator.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
