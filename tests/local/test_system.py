"""How the system of `sequora dev` ends, whatever will not."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError, run
from threading import Thread

import psutil
import pytest
from running_system import eventually
from sqlalchemy import NullPool, create_engine, text

from sequora_orchestration.local import postgres as embedded
from sequora_orchestration.local import system
from sequora_orchestration.local.environment import read_environment, write_environment
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres
from sequora_orchestration.settings.addresses import postgres_url

# Says that it is there, and then does not end when it is told to.
STUBBORN = "trap '' TERM; touch {there}; while true; do sleep 0.1; done"


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The handlers of this process, whatever honcho puts in their place."""
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for one, handler in handlers.items():
        signal.signal(one, handler)


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process is gone, or only waits for somebody to take note of it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def running(server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """Run a server for the length of the block."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def postmaster_on(directory: Path) -> psutil.Process:
    """Return the first process of the server that runs on a directory, as its file names it."""
    return psutil.Process(int((directory / "postmaster.pid").read_text().splitlines()[0]))


def answer_of(server: EmbeddedPostgres, statement: str = "SELECT 1") -> object:
    """Return the one value that a statement asks a server for, over a connection of its own."""
    engine = create_engine(postgres_url(server.url("postgres")), poolclass=NullPool)
    with engine.connect() as connection:
        return connection.scalar(text(statement))


def command(process: psutil.Process) -> str:
    """The command line of a process; none if it has ended since it was listed."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


@pytest.mark.parametrize("name", ["worker", "broker"])
def test_what_does_not_end_in_time_is_named_and_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A user of the others, or what others use; it is said for whom is waited."""
    monkeypatch.setattr(system, "ENDS_WITHIN", 0.5)
    began = []
    manager = system._Manager(services=system.SERVICES, at_end=lambda: began.append(True))
    manager.add_process(name, STUBBORN.format(there=tmp_path / "there"))
    manager.add_process("web", f"until [ -e {tmp_path}/there ]; do sleep 0.05; done")
    manager.loop()
    said = capsys.readouterr().out
    assert f"waiting for {name} to end" in said
    assert f"killing {name}: not ended in time" in said
    assert said.index("waiting for") < said.index("killing") < said.index(f"{name} stopped (rc=-9)")
    assert began == [True]


def test_a_second_signal_does_not_break_off_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C twice while the system starts would otherwise leave a Postgres behind."""
    stopped = []

    def stop_postgres() -> None:
        signal.raise_signal(signal.SIGINT)
        stopped.append("postgres")

    def bring_up_parts(_directory: Path, _port: int, _application: object, stack: ExitStack) -> None:
        stack.callback(stop_postgres)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(system, "_bring_up_parts", bring_up_parts)
    monkeypatch.delenv("SUPABASE_DB_URL", raising=False)
    with pytest.raises(SystemExit, match="130"):
        system.run(tmp_path, free_port())
    assert stopped == ["postgres"]


def test_a_postgres_that_is_ending_is_waited_for_and_started_anew(
    tmp_path: Path, postgres_binaries: Path | None
) -> None:
    """`pkill -f sequora` reaches it as well: then it takes no new connection, and waits until all others are closed."""
    with running(EmbeddedPostgres(tmp_path / "postgres", binaries=postgres_binaries)) as server:
        pid_file = tmp_path / "postgres" / "postmaster.pid"
        engine = create_engine(postgres_url(server.url("postgres")), poolclass=NullPool)
        with engine.connect():
            postmaster_on(tmp_path / "postgres").terminate()
            eventually(lambda: "stopping" in pid_file.read_text(), within=10, what="the server is told to end")
            server.start()
        assert answer_of(server) == 1


def test_a_killed_postgres_whose_process_id_is_anothers_by_now_is_started_anew(
    tmp_path: Path, postgres_binaries: Path | None
) -> None:
    """As after the computer was switched off: the id in its file is in use, and nobody listens."""
    with running(EmbeddedPostgres(tmp_path / "postgres", binaries=postgres_binaries)) as server:
        pid_file = tmp_path / "postgres" / "postmaster.pid"
        socket_lock = pid_file.with_name(".s.PGSQL.5432.lock")
        postmaster = postmaster_on(tmp_path / "postgres")
        postmaster.kill()
        eventually(lambda: has_ended(postmaster) and not server.programs(), within=10, what="the server is gone")
        for file in [pid_file, *([socket_lock] if socket_lock.exists() else [])]:
            file.write_text(file.read_text().replace(str(postmaster.pid), str(os.getpid()), 1))
        server.start()
        assert answer_of(server) == 1


def deny_where_others_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody see in which directory a process works."""

    def cwd(self: psutil.Process) -> str:
        raise psutil.AccessDenied(self.pid)

    monkeypatch.setattr(psutil.Process, "cwd", cwd)


def test_a_postgres_that_runs_is_joined_and_stopped_also_where_root_may_not_see_what_other_users_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_binaries: Path | None
) -> None:
    """As in a container: the server has a user of its own there, and where its processes work is not told to root."""
    deny_where_others_work(monkeypatch)
    with running(EmbeddedPostgres(tmp_path / "postgres", binaries=postgres_binaries)) as server:
        postmaster = postmaster_on(tmp_path / "postgres")
        assert postmaster in server.programs()
        server.start()
        assert postmaster_on(tmp_path / "postgres") == postmaster
    assert not server.programs()


def test_a_postgres_that_ends_while_it_is_looked_at_does_not_hinder_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_binaries: Path | None
) -> None:
    """It takes its file away itself: `sequora dev` was killed and started again, and its guardian was at work."""
    server = EmbeddedPostgres(tmp_path / "postgres", binaries=postgres_binaries)
    server.start()
    look = server.programs

    def ends() -> list[psutil.Process]:
        server.stop()
        return look()

    monkeypatch.setattr(server, "programs", ends)
    try:
        server.start()
        assert (tmp_path / "postgres" / "postmaster.pid").exists()
    finally:
        server.stop()


def test_a_terminal_that_closes_while_postgres_starts_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_binaries: Path | None
) -> None:
    """One that is half started cannot be told to stop, so the signal waits until it has started."""
    start, started = EmbeddedPostgres.start, []

    def start_when_the_terminal_closes(server: EmbeddedPostgres) -> None:
        signal.raise_signal(signal.SIGHUP)
        start(server)
        started.extend(server.programs())

    monkeypatch.setattr(EmbeddedPostgres, "start", start_when_the_terminal_closes)
    signal.signal(signal.SIGHUP, lambda number, _: sys.exit(number))
    with (
        pytest.raises(SystemExit, match=f"{signal.SIGHUP:d}"),
        embedded_postgres(tmp_path / "postgres", binaries=postgres_binaries),
    ):
        pass
    assert started
    assert all(has_ended(one) for one in started)


def test_a_postgres_whose_start_is_broken_off_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal's Ctrl-C reaches `pg_ctl` as well, and the server that it was just starting starts without it."""
    directory = tmp_path / "postgres"
    with embedded_postgres(directory):
        pass

    def break_off(server: EmbeddedPostgres) -> None:
        pg_ctl, log = server._server.bin_path / "pg_ctl", directory / "log"
        starts = (str(pg_ctl), "-D", str(directory), "-W", "-o", f"-h '' -k {directory}", "-l", str(log), "start")
        run(starts, check=True, stdout=DEVNULL, user=server._server.system_user)
        raise KeyboardInterrupt

    monkeypatch.setattr(EmbeddedPostgres, "start", break_off)
    with pytest.raises(KeyboardInterrupt), embedded_postgres(directory):
        pass
    assert not EmbeddedPostgres(directory).programs()


@pytest.mark.parametrize("is_denied", [False, True], ids=["all are seen", "one may write on unseen"])
def test_a_postgres_that_was_killed_while_it_was_made_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_binaries: Path | None, *, is_denied: bool
) -> None:
    """Otherwise no start would succeed until somebody deletes the directory."""
    if is_denied:
        deny_where_others_work(monkeypatch)
    server = EmbeddedPostgres(tmp_path / "postgres", binaries=postgres_binaries)

    def start_in_vain() -> None:
        with pytest.raises(CalledProcessError):
            server.start()

    first = Thread(target=start_in_vain)
    first.start()
    eventually((tmp_path / "postgres" / "PG_VERSION").exists, within=20, what="the server is being made")
    for one in server.programs():
        with suppress(psutil.NoSuchProcess):  # `initdb` runs one server after another
            one.kill()
    first.join()
    try:
        server.start()
        assert answer_of(server) == 1
        assert [file.name for file in tmp_path.iterdir()] == ["postgres"]
    finally:
        server.stop()


def test_a_postgres_that_cannot_write_out_what_has_changed_ends_and_has_lost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_binaries: Path | None
) -> None:
    """Its log makes up for it at the next start."""
    monkeypatch.setattr(embedded, "STOPS_WITHIN", 1)
    with running(EmbeddedPostgres(tmp_path / "postgres", binaries=postgres_binaries)) as server:
        engine = create_engine(postgres_url(server.url("postgres")))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 1 AS number"))
        engine.dispose()
        postmaster = postmaster_on(tmp_path / "postgres")
        alive = [one for one in postmaster.children() if not has_ended(one)]
        (checkpointer,) = [one for one in alive if "checkpointer" in command(one)]
        checkpointer.suspend()
        server.stop()
        # `pg_ctl` waits until the server's pid file is gone, which is the last thing that the server does.
        eventually(lambda: has_ended(postmaster), within=2, what="the server ends")
        assert "received immediate shutdown request" in (tmp_path / "postgres" / "log").read_text()
        server.start()
        assert answer_of(server, "SELECT number FROM kept") == 1


def test_the_file_for_other_terminals_names_what_was_given_and_has_no_secret_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the owner's alone, whatever it was before; and whoever reads it finds the settings."""
    (tmp_path / "environment").touch(mode=0o644)
    given = {"SUPABASE_DB_URL": "postgresql://me:secret@host/db", "SEQUORA_CANARY_NUMBER": "+12025550199"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DAGSTER_PG_URL", raising=False)
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    write_environment(tmp_path, {**given, "SEQUORA_REPLIES": "on", "DAGSTER_PG_URL": "postgresql://host/it's #1"})
    written = (tmp_path / "environment").read_text()
    assert written.startswith("# Given to `sequora dev` from outside")
    assert "set it as well: SEQUORA_CANARY_NUMBER, SUPABASE_DB_URL\n" in written
    assert "secret" not in written
    assert "0199" not in written
    assert (tmp_path / "environment").stat().st_mode & 0o777 == 0o600
    assert read_environment(tmp_path) == {"DAGSTER_PG_URL": "postgresql://host/it's #1", "SEQUORA_REPLIES": "on"}
