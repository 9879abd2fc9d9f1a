"""Brings up the measured systems, and takes them down again: this project as `sequora dev` runs it, and the naive one.

Both get a Postgres and a phone company of the benchmark's own, and none of the settings of the person who runs it: no
run may end up at a real broker, no text at the real Twilio.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
import psycopg2

from bench.application import Application, application
from bench.phone import Phone, phone_company
from sequora_orchestration.local.applications import DEFAULT
from sequora_orchestration.local.applications import Application as Tables
from sequora_orchestration.local.ports import LOOPBACK, free_port
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN

ROOT = Path(__file__).parents[1]

# Seconds until a system must be up; until it must be down (the contract says 15).
TO_START, TO_STOP = 120, 20

PAUSE = 0.1
LINES_OF_LOG = 30

# Every run draws the same tasks.
SEED = 1

EMBEDDED = "embedded"

# Marks every process of a benchmark, with its directory.
MARK = "BENCH_DIRECTORY"

_GIVEN = "BENCH_"
_SETTINGS = ("SEQUORA_", "SUPABASE_", "DAGSTER_", "TWILIO_")


class StartError(Exception):
    """A system did not come up; the message has the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """A system's surroundings: the application that inserts tasks, the phone company, and the settings for both."""

    application: Application
    phone: Phone
    settings: Mapping[str, str]


@contextmanager
def workplace() -> Iterator[Path]:
    """Make a directory for the length of the block; even after an error no process of it is left behind."""
    with TemporaryDirectory(prefix="sequora-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name).resolve()
        try:
            yield directory
        finally:
            _end_processes_of(directory)


@contextmanager
def outside(
    directory: Path, postgres: EmbeddedPostgres, database: str, *, host: str = LOOPBACK, tables: Tables = DEFAULT
) -> Iterator[Outside]:
    """Make a care database, and a phone company that listens on `host`, for a system that is to be measured."""
    postgres.create_database(database)
    care_url = postgres.url(database)
    make_care_tables(care_url, application=tables, with_sample_people=False)
    environment = settings(directory, care_url)
    with phone_company(environment, host=host) as phone, application(care_url, Random(SEED), tables) as hospital:
        environment["TWILIO_API_BASE_URL"] = phone.url
        yield Outside(application=hospital, phone=phone, settings=environment)


@contextmanager
def sequora_dev(directory: Path, environment: Mapping[str, str]) -> Iterator[float]:
    """Run this project on a directory as a user does, and the block once it is ready; yield the seconds until then.

    Raises StartError.
    """
    directory.mkdir(exist_ok=True)
    command = [
        *(str(Path(sys.executable).with_name("sequora")), "dev"),
        *("--dir", str(directory), "--port", str(free_port())),
    ]
    log = directory.with_suffix(".log")
    began = time.monotonic()
    with running(command, environment, log) as process:
        _wait_until_ready(process, "sequora dev", log, says=r"^ready")
        yield time.monotonic() - began


@contextmanager
def naive_dagster(directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run the naive way on a directory as `dagster dev` does by default. Raises StartError."""
    directory.mkdir()
    environment = {**environment, "DAGSTER_HOME": str(directory), "DAGSTER_DISABLE_TELEMETRY": "1"}
    command = [
        *(str(Path(sys.executable).with_name("dagster")), "dev"),
        *("-m", "bench.naive.definitions", "--port", str(free_port())),
    ]
    log = directory.with_suffix(".log")
    # Its code server outlives it unless it gets the signal as well, so the whole group gets it.
    with running(command, environment, log, end=os.killpg) as process:
        _wait_until_ready(process, "dagster dev", log, says="Serving dagster-webserver")
        yield


def binaries_in(directory: str) -> Path | None:
    """Return the directory of a server's programs, None for the embedded ones; the type of an option."""
    if directory == EMBEDDED:
        return None
    path = Path(directory).resolve()
    if not (path / "initdb").exists():
        raise argparse.ArgumentTypeError(f"{path}: there is no initdb; a server's programs are wanted")
    return path


def server_name(postgres: EmbeddedPostgres, binaries: Path | None) -> str:
    """Return a name for the server: its version, and whether it compiles plans that look dear (JIT)."""
    with (
        closing(psycopg2.connect(postgres.url("postgres"))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_jit_available()")
        ((compiles,),) = cursor.fetchall()
        version = ".".join(str(part) for part in divmod(connection.server_version, 10_000))
    return f"{'' if binaries else EMBEDDED + ' '}Postgres {version}{' with JIT' if compiles else ''}"


def settings(directory: Path, care_url: str) -> dict[str, str]:
    """Return the environment of a system on that database, without the settings of the person who runs this.

    But a setting that is given as BENCH_SEQUORA_… is the system's, without its first word.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    environment |= {
        MARK: str(directory),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "SUPABASE_DB_URL": care_url,
        "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": "+15005550006",
    }
    environment |= given_settings()
    # Without compiled files every process of Dagster would compile thousands of modules first.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def given_settings() -> dict[str, str]:
    """Return the settings of the system that this benchmark was given as BENCH_SEQUORA_…, by their own names."""
    return {
        name.removeprefix(_GIVEN): value for name, value in os.environ.items() if name.startswith(f"{_GIVEN}SEQUORA_")
    }


@contextmanager
def running(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    *,
    end: Callable[[int, int], None] = os.kill,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for as long as the block runs."""
    with log.open("wb") as output:
        # In a directory without an .env, which Dagster would read; in a session that Ctrl-C does not reach.
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            end(process.pid, signal.SIGTERM)
        try:
            process.wait(TO_STOP)
        except subprocess.TimeoutExpired:
            print(f"warning: {Path(command[0]).name} did not end within {TO_STOP} s of SIGTERM", file=sys.stderr)
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], name: str, log: Path, *, says: str) -> None:
    """Wait until the pattern stands in the log. Raises StartError."""
    deadline = time.monotonic() + TO_START
    while True:
        ended = process.poll() is not None
        text = log.read_text(encoding="utf-8", errors="replace")
        if re.search(says, text, re.MULTILINE) and not ended:
            return
        if ended or time.monotonic() > deadline:
            problem = f"ended with exit code {process.returncode}" if ended else f"was not up within {TO_START} s"
            tail = "\n".join(f"  {line}" for line in text.splitlines()[-LINES_OF_LOG:]) or "  (nothing)"
            raise StartError(f"`{name}` {problem}; the end of its log:\n{tail}")
        time.sleep(PAUSE)


def _end_processes_of(directory: Path) -> None:
    """Kill the directory's processes that are left."""
    left = [process for process in psutil.process_iter() if belongs_to(process, directory)]
    for process in left:
        try:
            print(f"warning: process {process.pid} ({process.name()}) was left behind and is killed", file=sys.stderr)
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)


def belongs_to(process: psutil.Process, directory: Path) -> bool:
    """Return whether a process was started by the benchmark on that directory, directly or not."""
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        # These two do not keep the mark, but they work in a directory of ours.
        if process.name() == "postgres" or process.name().startswith("valkey"):
            return directory in Path(process.cwd()).parents
        return process.environ().get(MARK) == str(directory)
    except psutil.Error:
        return False
