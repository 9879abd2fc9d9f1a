"""Carries out the faults of a plan, and ends them again."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from heapq import heappop, heappush
from pathlib import Path

import psutil
import psycopg2
from honcho.environ import parse_procfile
from redis import RedisError

from bench.storm.broker import Broker
from bench.storm.kinds import INBOUND, Fault
from bench.storm.phone import StormPhone
from bench.storm.supervisor import Supervisor, is_pool_process, is_worker, says
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.system import PROCFILE

# How many times starting a crashed database is tried; each try takes 10 s at most.
TRIES, BETWEEN_TRIES = 5, 2.0

_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_DELETE_RUNS = ("DELETE FROM event_logs", "DELETE FROM runs")

NOTHING = "nothing to hit"


class Faults:
    """Carries out faults."""

    def __init__(
        self,
        *,
        supervisor: Supervisor,
        postgres: EmbeddedPostgres,
        postgres_directory: Path,
        broker: Broker,
        phone: StormPhone,
    ) -> None:
        """Nothing fails yet."""
        self.carried_out: Counter[str] = Counter()
        self._supervisor = supervisor
        self._postgres = postgres
        self._pid_file = postgres_directory / "postmaster.pid"
        self._broker = broker
        self._phone = phone
        self._dagster_url = postgres.url("dagster")
        self._commands = dict(parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes)
        self._second: dict[str, subprocess.Popen[bytes]] = {}
        self._begin: Mapping[str, Callable[[Fault], str | None]] = {
            "worker killed": lambda _: self._kill(is_worker),
            "pool process killed": lambda fault: self._kill(is_pool_process, fault.number),
            "daemon killed": lambda _: self._kill(says("dagster-daemon")),
            "code server killed": lambda _: self._kill(says("api grpc")),
            "web server killed": lambda _: self._kill(says("dagster-webserver")),
            "everything killed": lambda _: self._supervisor.kill_everything(),
            "Postgres stopped": lambda _: self._postgres.stop(),
            "Postgres restarted at once": lambda _: self._crash_postgres(),
            "connections cut": lambda _: self._cut_connections(),
            "broker killed": lambda _: self._broker.kill(),
            "broker emptied": lambda _: self._broker.empty(),
            "broker stands still": lambda _: self._broker.stand_still(),
            "list lags": lambda fault: self._phone.lag(fault.number),
            "runs deleted": lambda _: self._delete_runs(),
            "second daemon": lambda _: self._start_second("daemon"),
            "second worker": lambda _: self._start_second("worker"),
        }
        self._end: Mapping[str, Callable[[], None]] = {
            "Postgres stopped": self._start_postgres,
            "broker killed": self._broker.start,
            "broker stands still": self._broker.go_on,
            "list lags": lambda: self._phone.lag(0),
            "second daemon": lambda: self._end_second("daemon"),
            "second worker": lambda: self._end_second("worker"),
        }

    def carry_out(self, faults: Sequence[Fault], began: float, *, until: float) -> None:
        """Carry out each fault at its moment after `began` (of the monotonic clock), until `until` seconds after it.

        When this returns or raises, all faults have ended.
        """
        moments: list[tuple[float, int, Fault, bool]] = []
        for number, fault in enumerate(faults):
            heappush(moments, (fault.at, number, fault, True))
        try:
            while moments:
                at, number, fault, begins = heappop(moments)
                time.sleep(max(0.0, began + at - time.monotonic()))
                if begins:
                    outcome = self._begun(fault)
                    _say(f"{time.monotonic() - began:6.1f} s  {_in_words(fault)}" + (f": {outcome}" if outcome else ""))
                    if fault.seconds:
                        heappush(moments, (fault.until, number, fault, False))
                else:
                    self._ended(fault)
            time.sleep(max(0.0, began + until - time.monotonic()))
        finally:
            self.end_all()

    def end_all(self) -> None:
        """End every fault, whether it is under way or not."""
        self._phone.obey(None)
        self._phone.lag(0)
        self._phone.spoil_inbound(None)
        self._broker.go_on()
        self._broker.start()
        for name in list(self._second):
            self._end_second(name)
        self._start_postgres()

    def _begun(self, fault: Fault) -> str | None:
        """Let a fault begin; return in words why it had no effect, if it had none."""
        try:
            outcome = self._begin.get(fault.kind, self._spoil)(fault)
        except (psycopg2.Error, psutil.Error, RedisError, OSError) as error:  # its target is down already
            outcome = f"{NOTHING} ({type(error).__name__})"
        if not outcome:
            self.carried_out[fault.kind] += 1
        return outcome

    def _spoil(self, fault: Fault) -> str | None:
        if fault.target == INBOUND:
            self._phone.spoil_inbound(fault.kind, number=fault.number)
            return None
        self._phone.obey(fault.kind, share=fault.share, number=fault.number)
        return None

    def _ended(self, fault: Fault) -> None:
        if fault.target == INBOUND:
            self._phone.spoil_inbound(None)
            return
        self._end.get(fault.kind, lambda: self._phone.obey(None))()

    # ── Processes ───────────────────────────────────────────────────────────────────────────────────────

    def _kill(self, is_victim: Callable[[psutil.Process], bool], which: float = 0.0) -> str | None:
        victims = self._supervisor.processes(is_victim)
        if not victims:
            return NOTHING
        victims[int(which * len(victims))].kill()
        return None

    def _start_second(self, name: str) -> str | None:
        """Start a second process of a line of the Procfile."""
        environment = self._supervisor.environment()
        if "DAGSTER_HOME" not in environment:
            return NOTHING
        self._second[name] = subprocess.Popen(
            ["/bin/sh", "-c", self._commands[name]],
            env={
                **environment,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}",
                "PYTHONWARNINGS": "ignore",
            },
            cwd=self._supervisor.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return None

    def _end_second(self, name: str) -> None:
        """Kill the second process, and all that it has started."""
        if process := self._second.pop(name, None):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    # ── The database ────────────────────────────────────────────────────────────────────────────────────

    def _crash_postgres(self) -> str | None:
        """Stop Postgres without a checkpoint, and start it again: it recovers from its log."""
        server = psutil.Process(int(self._pid_file.read_text(encoding="utf-8").split()[0]))
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=20)
        self._start_postgres()
        return None

    def _start_postgres(self) -> None:
        for _ in range(TRIES - 1):
            with suppress(subprocess.SubprocessError, AssertionError):  # the second while it still recovers
                self._postgres.start()
                return
            time.sleep(BETWEEN_TRIES)
        self._postgres.start()

    def _cut_connections(self) -> str | None:
        with closing(psycopg2.connect(self._dagster_url)) as connection, connection.cursor() as cursor:
            cursor.execute(_CUT)
        return None

    def _delete_runs(self) -> str | None:
        with closing(psycopg2.connect(self._dagster_url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
            for statement in _DELETE_RUNS:
                cursor.execute(statement)
        return None


def _in_words(fault: Fault) -> str:
    words = [fault.kind]
    if fault.share < 1:
        words.append(f"for {fault.share:.0%} of requests")
    if fault.seconds:
        words.append(f"for {fault.seconds:.0f} s")
    if fault.kind in {"hangs", "504 after hanging", "429 with Retry-After", "429 with Retry-After for long"}:
        words.append(f"({fault.number:.0f} s each)")
    if fault.kind in {"inbound list: hangs", "inbound texts late", "inbound clock off"}:
        words.append(f"({fault.number:.0f} s)")
    return " ".join(words)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
