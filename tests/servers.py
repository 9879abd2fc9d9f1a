"""The Postgres servers that tests start: of the kind that `--postgres` names, each in a directory of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import NullPool, create_engine, text

from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres
from sequora_orchestration.settings import postgres_url

# What waits for a disk: nothing of it matters to a server that nobody kills and whose data nobody keeps.
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


@contextmanager
def a_postgres(binaries: Path | None, *, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    """Run a server for as long as the block runs, of these binaries or, without any, the embedded one.

    Not in a directory of pytest's: those of root are barred to the user that the server runs as, by the next pytest.
    """
    with (
        TemporaryDirectory(prefix="sequora-tests-") as directory,
        embedded_postgres(Path(directory) / "postgres", binaries=binaries) as server,
    ):
        if not durable:
            _spare_the_disk(server)
        yield server


def _spare_the_disk(server: EmbeddedPostgres) -> None:
    engine = create_engine(postgres_url(server.url("postgres")), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for setting in DURABILITY:
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
