"""The command `sequora`, as a person runs it."""

import fcntl
import json
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import pytest
from attempts import begin
from care import Care
from command_line import sequora_here
from running_system import BIN, eventually
from sqlalchemy import create_engine, inspect

from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.settings.addresses import postgres_url


def sequora(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing in the environment but what is given."""
    return subprocess.run(
        [BIN / "sequora", *arguments], env=dict(environment or {}), capture_output=True, text=True, check=False
    )


def test_the_version_is_the_packages_and_is_said_at_once() -> None:
    """Without any setting."""
    said = sequora_here("--version", environment={})
    assert (said.returncode, said.stdout) == (0, f"sequora {version('sequora-orchestration')}\n")


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    """The commands import what they need when they run."""
    heavy = {"dagster", "prometheus_client", "rich", "sqlalchemy", "structlog"}
    check = f"import sequora_orchestration.cli.commands, sys; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize(
    "command", ["dev", "demo", "migrate", "map", "status", "timeline", "texts", "doctor", "heartbeat", "healthy"]
)
def test_every_command_explains_itself(command: str) -> None:
    """`--help` says what it does."""
    help_text = sequora(command, "--help").stdout
    assert help_text.startswith(f"Usage: sequora {command}")
    assert len(help_text.splitlines()) > 5


def test_the_list_of_commands_cuts_no_sentence() -> None:
    """It is wrapped, however narrow the terminal is."""
    listed = sequora_here("--help", environment={"COLUMNS": "60"}).stdout.split("Commands:")[1]
    assert "..." not in listed
    assert "every half minute, as long as all is well." in " ".join(listed.split())


@pytest.mark.parametrize("command", ["migrate", "map", "status"])
@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "SUPABASE_DB_URL is not set"),
        ({"SUPABASE_DB_URL": "mysql://me:secret@host/db"}, "SUPABASE_DB_URL must begin with postgresql://"),
        ({"SUPABASE_DB_URL": "postgresql://me:secret@127.0.0.1:1/db"}, "the database cannot be reached"),
    ],
)
def test_a_mistake_in_the_settings_is_a_sentence(command: str, environment: dict[str, str], sentence: str) -> None:
    """No traceback, no secret, exit code 1."""
    done = sequora_here(command, environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_dev_with_half_a_twilio_says_what_is_missing(postgres: EmbeddedPostgres, tmp_path: object) -> None:
    """Before anything is started."""
    environment = {
        "SUPABASE_DB_URL": postgres.url("postgres"),
        "DAGSTER_PG_URL": postgres.url("postgres"),
        "TWILIO_ACCOUNT_SID": "AC1",
    }
    done = sequora("dev", "--dir", str(tmp_path), environment=environment)
    assert done.returncode == 1
    assert "TWILIO_AUTH_TOKEN is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_dev_with_a_senseless_setting_says_so(tmp_path: Path) -> None:
    """Before anything is started."""
    done = sequora("dev", "--dir", str(tmp_path), environment={"SEQUORA_CALL_FOR": "everybody"})
    assert done.returncode == 1
    assert done.stderr.startswith("SEQUORA_CALL_FOR is none of the words that it may be: give off")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_dev_on_a_port_in_use_says_so(tmp_path: Path) -> None:
    """And what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = sequora("dev", "--dir", str(tmp_path), "--port", port)
    assert (done.returncode, done.stderr) == (1, f"port {port} is in use: give another --port\n")


def test_dev_on_a_directory_in_use_says_so(tmp_path: Path) -> None:
    """Two systems on one directory would be one too many."""
    with (tmp_path / "lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        done = sequora("dev", "--dir", str(tmp_path), "--port", str(free_port()))
    assert done.returncode == 1
    assert "already runs" in done.stderr


@pytest.mark.parametrize("command", ["dev", "demo"])
def test_an_application_that_nobody_knows_is_refused(command: str) -> None:
    """With those that there are."""
    done = sequora_here(command, "--application", "another", environment={})
    assert done.returncode == 2
    assert "'brief', 'sequora'" in done.stderr


def test_the_tables_of_a_database_of_ones_own_are_not_chosen(tmp_path: Path) -> None:
    """Before anything is made: the database has what it has."""
    directory = tmp_path / "dev"
    own = {"SUPABASE_DB_URL": "postgresql://me:secret@127.0.0.1:1/mine"}
    done = sequora_here("dev", "--dir", str(directory), "--application", "sequora", environment=own)
    assert (done.returncode, done.stderr) == (
        1,
        "--application sequora is about the embedded database, but SUPABASE_DB_URL names one of your own, "
        "which has its tables already: leave one of the two out\n",
    )
    assert not directory.exists()


def test_migrate_makes_everything_a_start_needs(postgres: EmbeddedPostgres, tmp_path: object) -> None:
    """Our schema, Dagster's tables, the configuration; again it finds all of it there."""
    care_name, dagster_name = f"care_{uuid4().hex[:8]}", f"dagster_{uuid4().hex[:8]}"
    for name in (care_name, dagster_name):
        postgres.create_database(name)
    make_care_tables(postgres.url(care_name), with_sample_people=False)
    environment = {
        "SUPABASE_DB_URL": postgres.url(care_name),
        "DAGSTER_PG_URL": postgres.url(dagster_name),
        "DAGSTER_HOME": f"{tmp_path}/home",
    }
    first = sequora("migrate", "--app-indexes", environment=environment)
    assert first.returncode == 0, first.stderr
    assert "applied 0001" in first.stdout
    assert "sequora_open_task" in first.stdout
    assert "dagster.yaml" in first.stdout
    engine = create_engine(postgres_url(environment["DAGSTER_PG_URL"]))
    assert "runs" in inspect(engine).get_table_names()
    engine.dispose()
    again = sequora("migrate", "--app-indexes", environment=environment)
    assert again.returncode == 0
    assert "already up to date" in again.stdout
    assert "wrote" not in again.stdout


@pytest.mark.parametrize("parent", ["file", "/proc"])
def test_a_home_that_nothing_can_be_put_into_is_named(care_url: str, tmp_path: Path, parent: str) -> None:
    """In a sentence: it may be on a disk that can only be read."""
    (tmp_path / "file").touch()
    home = tmp_path / parent / "home"
    done = sequora_here("migrate", environment={"SUPABASE_DB_URL": care_url, "DAGSTER_HOME": str(home)})
    assert done.returncode == 1
    assert done.stderr.startswith(f"nothing can be put into {home} (")
    assert done.stderr.endswith("): give another directory by DAGSTER_HOME\n")


@pytest.mark.parametrize("command", ["dev", "demo"])
@pytest.mark.parametrize("parent", ["file", "/proc"])
def test_a_directory_that_nothing_can_be_put_into_is_named(tmp_path: Path, command: str, parent: str) -> None:
    """Before anything is started."""
    (tmp_path / "file").touch()
    directory = tmp_path / parent / "dev"
    done = sequora_here(command, "--dir", str(directory), environment={})
    assert done.returncode == 1
    assert done.stderr.startswith(f"nothing can be put into {directory} (")
    assert done.stderr.endswith("): give another directory by --dir\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252:strict"])
def test_what_the_terminal_has_no_sign_for_ends_no_command(encoding: str) -> None:
    """It is shown as a question mark."""
    shows_a_text = (
        "from sequora_orchestration.cli.commands import write_whatever_the_terminal_has;"
        "write_whatever_the_terminal_has(); print('\U0001f6a8 HIGH, \u2192 12')"
    )
    done = subprocess.run(
        [sys.executable, "-c", shows_a_text], env={"PYTHONIOENCODING": encoding}, capture_output=True, check=False
    )
    assert (done.stdout, done.stderr) == (b"? HIGH, ? 12\n", b"")


def test_dev_starts_nothing_with_a_file_of_texts_that_has_a_mistake(tmp_path: Path) -> None:
    """The mistake is told at once, with its line and what to write."""
    file, directory = tmp_path / "texts.toml", tmp_path / "dev"
    file.write_text('[task-created]\ntext = "{severity}"\n', encoding="utf-8")
    done = sequora_here("dev", "--dir", str(directory), environment={"SEQUORA_TEXTS": str(file)})
    assert (done.returncode, done.stdout) == (1, "")
    sentence = f"SEQUORA_TEXTS, {file}, line 2: task-created text has no {{link}}; write {{link}}, for the task's page"
    assert done.stderr.startswith(sentence)
    assert not directory.exists()


def test_status_without_our_schema_says_what_to_do(postgres: EmbeddedPostgres) -> None:
    """It names the command."""
    done = sequora_here("status", environment={"SUPABASE_DB_URL": postgres.url("postgres")})
    assert done.returncode == 1
    assert "run `sequora migrate`" in done.stderr


def test_status_shows_what_waits_and_what_a_person_should_look_at(care: Care, care_url: str, ledger: Ledger) -> None:
    """Counts by state, the oldest due row, and the reasons; as text and as JSON."""
    nurse = care.a_nurse(first_name="Marked-Name")
    empty = sequora_here("status", environment={"SUPABASE_DB_URL": care_url})
    assert "none yet" in empty.stdout
    sent, doubtful, failed = (care.a_task(nurse) for _ in range(3))
    for claim in ledger.claims.claim(NEW_TASKS):
        (notification,) = ledger.leases.take_up(claim.id, "a-run")
        if notification.task_id == failed:
            ledger.withheld.suppress(
                notification, Suppression(State.FAILED, "no phone number on file", Cause.UNUSABLE_PHONE), "a-run"
            )
            continue
        attempt = begin(ledger, notification, "a-run") or 0
        if notification.task_id == sent:
            ledger.attempts.settle_sent(notification, attempt, "SM1", content=None)
        else:
            ledger.attempts.settle_unclear(notification, attempt, "the connection broke", None)
    waiting = care.a_task(nurse)
    ledger.claims.claim(NEW_TASKS)
    shown = sequora_here("status", environment={"SUPABASE_DB_URL": care_url})
    assert shown.returncode == 0, shown.stderr
    for part in ("SENT 1", "IN_DOUBT 1", "FAILED 1", "QUEUED 1", doubtful, failed, waiting, "the connection broke"):
        assert part in shown.stdout
    assert "Marked-Name" not in shown.stdout
    figures = json.loads(sequora_here("status", "--json", environment={"SUPABASE_DB_URL": care_url}).stdout)
    assert figures["counts"]["task-created"] == {"FAILED": 1, "IN_DOUBT": 1, "QUEUED": 1, "SENT": 1}
    assert figures["oldest_due"]["task_id"] == waiting
    assert {one["task_id"] for one in figures["set_aside"]} == {doubtful, failed}
    assert figures["sent_last_hour"] == 1
    assert figures["latency_p50"] >= 0
    assert figures["tick_ages"] is None


def test_orders_are_carried_out_and_kept(care: Care, care_url: str, ledger: Ledger) -> None:
    """From pause to resend, with who gave them and why; status shows what is paused."""
    environment = {"SUPABASE_DB_URL": care_url, "LOGNAME": "maya"}
    task = care.a_task(care.a_nurse())
    ledger.claims.claim(NEW_TASKS)

    def done(*arguments: str) -> str:
        process = sequora_here(*arguments, environment=environment)
        assert process.returncode == 0, process.stderr
        return process.stdout

    assert "all messages: paused" in done("pause", "--why", "an exercise")
    assert "PAUSED            all messages, by maya since" in done("status")
    assert "all messages: go out again" in done("resume", "--who", "ben")
    assert "cancelled" in done("cancel", task, "--why", "told by phone")
    assert "sent again" in done("resend", task, "--kind", "task-created", "--why", "not told after all")
    assert [
        tuple(row.values()) for row in care.rows("SELECT verb, who, why FROM orchestration.operator_action ORDER BY id")
    ] == [
        ("pause", "maya", "an exercise"),
        ("resume", "ben", "not said"),
        ("cancel", "maya", "told by phone"),
        ("resend", "maya", "not told after all"),
    ]


def test_an_order_that_cannot_be_carried_out_is_a_sentence(care: Care, care_url: str) -> None:
    """And an exit code."""
    environment = {"SUPABASE_DB_URL": care_url}
    held = sequora_here("release", care.a_task(None), environment=environment)
    assert held.returncode == 1
    assert "no message in the ledger is about" in held.stderr
    assert "Traceback" not in held.stderr
    unknown = sequora_here("pause", "sms", environment=environment)
    assert unknown.returncode == 1
    assert "there are task-created" in unknown.stderr


def test_status_says_when_the_phone_company_takes_no_texts(care_url: str, ledger: Ledger) -> None:
    """While it lasts, and afterwards."""
    ledger.halts.note_trouble(SMS, Refused(Refusal.UNREACHABLE, "the phone company could not be reached"), at_once=True)
    shown = sequora_here("status", environment={"SUPABASE_DB_URL": care_url}).stdout
    assert "TAKES NO TEXTS since" in shown
    assert "the phone company could not be reached; texts wait, the next trial at" in shown
    ledger.halts.note_answer(SMS)
    shown = sequora_here("status", environment={"SUPABASE_DB_URL": care_url}).stdout
    assert "takes texts; it last did not from" in shown
    figures = json.loads(sequora_here("status", "--json", environment={"SUPABASE_DB_URL": care_url}).stdout)
    assert figures["provider"]["is_open"] is False
    assert figures["doubts"] == {"adopted": 0, "sent_again": 0, "held": 0, "doubled": 0}


def test_status_says_how_big_what_grows_has_become(
    postgres: EmbeddedPostgres, care: Care, care_url: str, ledger: Ledger
) -> None:
    """The ledger's tables, and Dagster's where its database is known; as text and as JSON."""
    care.a_task(care.a_nurse())
    ledger.claims.claim(NEW_TASKS)
    # A connection tells the server how many rows it has made when it ends, if not before.
    care.engine.dispose()
    counted = "SELECT pg_stat_get_live_tuples('orchestration.notification'::regclass)"
    eventually(lambda: care.one(counted) == 1, within=10, what="a row that is counted")
    environment = {"SUPABASE_DB_URL": care_url}
    shown = sequora_here("status", environment=environment).stdout
    assert re.search(r"\n  notification +0\.\d MB, about 1 rows\n", shown)
    assert "set DAGSTER_PG_URL to see them" in shown
    name = f"dagster_{uuid4().hex[:8]}"
    postgres.create_database(name)
    environment["DAGSTER_PG_URL"] = postgres.url(name)
    assert sequora_here("migrate", environment=environment).returncode == 0
    shown = sequora_here("status", environment=environment).stdout
    assert re.search(r"\n  event_logs +0\.\d MB, about 0 rows\n", shown)
    assert "set DAGSTER_PG_URL to see them" not in shown
    sizes = json.loads(sequora_here("status", "--json", environment=environment).stdout)["sizes"]
    assert sizes["orchestration.notification"]["rows"] == 1
    assert sizes["orchestration.notification"]["bytes"] > 0
    assert {"runs", "run_tags", "event_logs", "job_ticks"} <= set(sizes)


@pytest.mark.parametrize("port", ["99999", "-5", "0"])
def test_a_port_that_there_cannot_be_is_a_sentence_before_anything_starts(tmp_path: Path, port: str) -> None:
    """No directory is made, and nothing is looked for."""
    done = sequora_here("dev", "--dir", str(tmp_path / "dev"), "--port", port, environment={})
    assert done.returncode == 2
    assert f"Invalid value for '--port': {port} is not in the range 1<=x<=65535" in done.stderr
    assert not (tmp_path / "dev").exists()
