"""A whole application under names of its own, as Prisma makes its tables: from its map to its nurses' texts.

Nothing of it is like the two whose maps come along. In each test its database has another time zone than UTC, and what
has no zone is UTC all the same.
"""

import json
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from care import NOW, NURSE_PHONE, PATIENT_PHONE
from command_line import sequora_here
from phones import Phones
from prisma_care import PrismaCare
from runs import Runs
from servers import a_clone
from sqlalchemy import Engine, create_engine, make_url, text

from sequora_orchestration.application import map_in_force, seam
from sequora_orchestration.application.application_map import read_map
from sequora_orchestration.application.proposal import propose
from sequora_orchestration.cli.checks import care_database as care_area
from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.cli.checks.postgres import reading_engine
from sequora_orchestration.cli.doctor import diagnose
from sequora_orchestration.database import engine_for
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.sensors.certainty import texts_without_receipt
from sequora_orchestration.settings.addresses import postgres_url

HERE = Path(__file__).parent
MAP = HERE / "prisma.toml"
BARE, TEMPLATE = "prisma_bare_template", "prisma_template"

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(autouse=True)
def map_in_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting that names the finished map."""
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(MAP))


@pytest.fixture(scope="module")
def bare_template(postgres: EmbeddedPostgres) -> str:
    """The name of a database with the application's tables alone, to be cloned."""
    postgres.create_database(BARE)
    engine = create_engine(postgres_url(postgres.url(BARE)))
    with engine.begin() as connection:
        connection.execute(text((HERE / "prisma.sql").read_text(encoding="utf-8")))
    engine.dispose()
    return BARE


@pytest.fixture(scope="module")
def template(postgres: EmbeddedPostgres, bare_template: str) -> str:
    """The name of a database with our schema as well, to be cloned."""
    postgres.create_database(TEMPLATE, template=bare_template)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQUORA_APPLICATION_MAP", str(MAP))
        engine = create_engine(postgres_url(postgres.url(TEMPLATE)))
        migrate(engine)
        engine.dispose()
    return TEMPLATE


@pytest.fixture(params=["Asia/Kolkata", "America/New_York"])
def zone(request: pytest.FixtureRequest) -> str:
    """The time zone that the database has for its sessions."""
    return str(request.param)


@pytest.fixture
def care_url(postgres: EmbeddedPostgres, postgres_administrator: Engine, template: str, zone: str) -> Iterator[str]:
    """The URL of a database of this test's own, in that zone; whatever is made on it is of this application."""
    with a_clone(postgres_administrator, template) as name:
        yield from _in_zone(postgres, postgres_administrator, name, zone)


@pytest.fixture
def bare_url(
    postgres: EmbeddedPostgres, postgres_administrator: Engine, bare_template: str, zone: str
) -> Iterator[str]:
    """The same without our schema."""
    with a_clone(postgres_administrator, bare_template) as name:
        yield from _in_zone(postgres, postgres_administrator, name, zone)


def _in_zone(postgres: EmbeddedPostgres, administrator: Engine, name: str, zone: str) -> Iterator[str]:
    with administrator.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET timezone TO '{zone}'"))
    url = postgres_url(postgres.url(name))
    yield url
    engine_for(url).dispose()


@pytest.fixture
def care(care_url: str) -> PrismaCare:
    """The application: it inserts and changes rows."""
    return PrismaCare(engine_for(care_url))


def at(moment: datetime) -> datetime:
    """Return a time as the application's columns have it."""
    return moment.replace(tzinfo=None)


# --- the map ----------------------------------------------------------------------------------------------------------


def test_of_the_proposed_map_one_word_was_left_to_say(bare_url: str) -> None:
    """Whoever finished it said what SNOOZED means, and nothing else."""
    with reading_engine(bare_url).connect() as connection:
        proposed = propose(connection)
    assert proposed.missing == []
    assert proposed.questions == ["[task.statuses]: what does SNOOZED mean?"]
    read_map("proposed", proposed.text)
    expected = tomllib.loads(proposed.text)
    expected["task"]["statuses"]["open"].append("SNOOZED")
    assert tomllib.loads(MAP.read_text(encoding="utf-8")) == expected


def test_what_rests_on_a_name_alone_is_marked_as_a_guess(bare_url: str) -> None:
    """A word that is not ours, the column of a patient's consent, and the kinds of texts in the log."""
    with reading_engine(bare_url).connect() as connection:
        lines = propose(connection).text.splitlines()
    for line in (
        'CRITICAL = ["URGENT"]  # a guess by name: URGENT',
        'SUPERVISOR = ["CHARGE_NURSE"]  # a guess by name: CHARGE_NURSE',
        'NURSE = ["NURSE"]',
    ):
        assert line in lines
    (consent,) = [line for line in lines if line.startswith("may_be_texted")]
    assert consent.endswith("a guess by its name: does it say who may be texted?")
    (kinds,) = [line for line in lines if line.startswith('END"""')]
    assert kinds.endswith("; a guess by their names")


def test_the_finished_map_fits_and_the_doctor_finds_nothing_amiss(
    bare_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a row of each kind of text tried on the log, and each answer on a task."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    monkeypatch.setenv("SEQUORA_WRITE_BACK", "on")
    engine = engine_for(bare_url)
    assert migrate(engine).map.problems == []
    make_app_indexes(engine)
    care = PrismaCare(engine)
    care.a_nurse()
    care.a_supervisor()
    monkeypatch.setenv("SUPABASE_DB_URL", bare_url)
    findings = diagnose([care_area.checks()], patience=20)
    assert {name: one.said for name, one in findings.items() if one.level is not Level.OK} == {}


def test_a_time_that_the_log_has_by_default_is_utc_as_well(
    bare_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else a CHECK on it would refuse the rows, or the trial of them."""
    lines = [line for line in MAP.read_text(encoding="utf-8").splitlines() if not line.startswith("createdAt")]
    (tmp_path / "map.toml").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(tmp_path / "map.toml"))
    care = PrismaCare(engine_for(bare_url))
    care.rows(
        """ALTER TABLE "Notification" ADD CHECK ("createdAt" BETWEEN "sentAt" - '2 h'::interval AND "sentAt" + '2 h')"""
    )
    assert migrate(care.engine).map.problems == []


def test_a_role_with_another_search_path_finds_the_same_tables(care: PrismaCare, care_url: str) -> None:
    """Nothing has to be made anew for it, and it writes the log."""
    name = make_url(care_url).database
    care.rows(f"ALTER DATABASE {name} SET search_path TO pg_catalog")
    elsewhere = create_engine(care_url)
    try:
        with elsewhere.begin() as connection:
            made = map_in_force.in_force(connection)
            assert made
            assert seam.is_up_to_date(connection, made)
            connection.execute(text("SELECT orchestration.assign_task('nobody', 'nothing')"))
    finally:
        elsewhere.dispose()


def test_a_migration_of_the_applications_goes_between_dropping_and_making_the_views(
    care: PrismaCare, care_url: str
) -> None:
    """As Prisma takes a word out of an enum; an index of ours on that column is in its way as well."""
    make_app_indexes(care.engine)
    done = sequora_here("migrate", "--drop-views", environment={"SUPABASE_DB_URL": care_url})
    assert 'the index sequora_open_task on public."Task" stays' in done.stdout
    care.rows("DROP INDEX sequora_open_task")
    for statement in (
        "CREATE TYPE \"TaskStatus_new\" AS ENUM ('NEW', 'ACKNOWLEDGED', 'DONE', 'CANCELED')",
        'ALTER TABLE "Task" ALTER status DROP DEFAULT',
        'ALTER TABLE "Task" ALTER status TYPE "TaskStatus_new" USING (status::text::"TaskStatus_new")',
        'DROP TYPE "TaskStatus"',
        'ALTER TYPE "TaskStatus_new" RENAME TO "TaskStatus"',
        "ALTER TABLE \"Task\" ALTER status SET DEFAULT 'NEW'",
    ):
        care.rows(statement)
    assert migrate(care.engine).has_new_views
    assert [one.index.name for one in make_app_indexes(care.engine) if not one.is_there] == ["sequora_open_task"]


@pytest.mark.parametrize("status", ["NEW", "SNOOZED", "ACKNOWLEDGED", "DONE"])
def test_the_timeline_shows_a_status_as_it_stands_in_the_table(care: PrismaCare, care_url: str, status: str) -> None:
    """The map has a meaning for it."""
    task = care.a_task(care.a_nurse(), status=status)
    done = sequora_here("timeline", task, "--json", environment={"SUPABASE_DB_URL": care_url})
    assert json.loads(done.stdout)["facts"]["status"] == status


# --- a nurse's text ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("stopped_clock")
def test_a_nurse_is_texted_and_the_log_has_what_it_must_have(care: PrismaCare, phones: Phones, runs: Runs) -> None:
    """An id, which has no default there; the log's own words; and times in UTC."""
    nurse, stay = care.a_nurse(), care.an_episode(care.a_patient(), createdAt=NOW - 48 * HOUR)
    task = care.a_task(nurse, stayId=stay, createdAt=NOW - SECOND)
    (result,) = runs.tick(NEW_TASKS)
    assert result.success
    received = phones(NURSE_PHONE).received_text()
    first, *_, next_to_last, last = received.body.splitlines()
    assert first == "🚨 New HIGH task: CHEST_PAIN, DYSPNEA"
    assert (next_to_last, last) == (f"Ep ID: {stay[:8]}...", f"View: https://app.example.com/tasks/{task}")
    (message,) = care.ledger(task)
    (row,) = care.logged(task)
    assert dict(row) == {
        "id": str(message["id"]),
        "taskId": task,
        "staffId": nurse,
        "patientId": None,
        "channel": "SMS",
        "kind": "NEW_TASK",
        "status": "SENT",
        "body": received.body,
        "providerId": received.sid,
        "errorMessage": None,
        "attempts": 1,
        "sentAt": at(NOW),
        "deliveredAt": None,
        "createdAt": at(NOW),
        "updatedAt": at(NOW),
    }


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, {"status": "DELIVERED", "deliveredAt": at(NOW + 15 * SECOND), "errorMessage": None}),
        (30007, {"status": "FAILED", "deliveredAt": None}),
    ],
)
def test_a_receipt_brings_the_row_up_to_date(
    care: PrismaCare, phones: Phones, runs: Runs, code: int | None, expected: dict[str, object]
) -> None:
    """Whether the text arrived, when that was known, and in the log's own words."""
    phones.company.seconds_per_status = 0
    if code:
        phones.company.undeliverable[NURSE_PHONE] = code
    task = care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 15 * SECOND)
    runs.sensor(texts_without_receipt)
    (row,) = care.logged(task)
    assert expected.items() <= dict(row).items()
    assert row["updatedAt"] == at(NOW + 15 * SECOND)
    assert (row["errorMessage"] is None) == (code is None)


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("status", ["DONE", "CANCELED"])
def test_a_closed_task_is_never_texted(care: PrismaCare, phones: Phones, runs: Runs, status: str) -> None:
    """In the application's words for it."""
    care.a_task(care.a_nurse(), status=status)
    assert runs.tick(NEW_TASKS) == []
    phones(NURSE_PHONE).received_no_text()


# --- times without a zone ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("stopped_clock")
def test_a_task_from_before_going_live_is_left_alone_and_one_from_after_is_not(
    care: PrismaCare, phones: Phones, runs: Runs
) -> None:
    """A second decides."""
    nurse = care.a_nurse()
    care.rows("UPDATE orchestration.go_live SET go_live_at = :moment", moment=NOW)
    care.a_task(nurse, createdAt=NOW - SECOND, updatedAt=NOW - SECOND)
    assert runs.tick(NEW_TASKS) == []
    task = care.a_task(nurse, createdAt=NOW)
    assert len(runs.tick(NEW_TASKS)) == 1
    phones(NURSE_PHONE).received_text(containing=[task])


@pytest.mark.usefixtures("stopped_clock")
def test_an_sla_is_missed_when_its_time_has_come_and_not_a_second_before(
    care: PrismaCare, phones: Phones, runs: Runs
) -> None:
    """Whatever the hour is where the database thinks it is."""
    task = care.a_task(care.a_nurse(), dueAt=NOW + MINUTE, createdAt=NOW - 2 * HOUR, status="ACKNOWLEDGED")
    care.it_is(NOW + MINUTE - SECOND)
    assert runs.tick(SLA_BREACHES) == []
    care.it_is(NOW + MINUTE)
    assert len(runs.tick(SLA_BREACHES)) == 1
    phones(NURSE_PHONE).received_text(containing=["SLA missed less than 1 min ago", task])
    (row,) = care.logged(task)
    assert (row["kind"], row["sentAt"]) == ("OVERDUE", at(NOW + MINUTE))


@pytest.mark.usefixtures("stopped_clock")
def test_a_warning_says_how_much_time_is_left(care: PrismaCare, phones: Phones, runs: Runs) -> None:
    """And is no earlier than it is to be."""
    task = care.a_task(care.a_nurse(), dueAt=NOW + 42 * MINUTE, createdAt=NOW - HOUR)
    care.a_task(care.a_nurse("+12025550102"), dueAt=NOW + 62 * MINUTE, createdAt=NOW - HOUR)
    assert runs.launch("check_sla_warnings").success
    phones(NURSE_PHONE).received_text(containing=["SLA in 42 min", task])


@pytest.mark.usefixtures("stopped_clock")
def test_a_patient_who_has_consented_is_checked_in_on_and_that_is_logged(
    care: PrismaCare, phones: Phones, runs: Runs
) -> None:
    """A day after the stay's row was made, which is noon in New York."""
    made_at = NOW + 2 * HOUR
    care.it_is(made_at)
    patient = care.a_patient(locale="es-US")
    care.an_episode(patient, createdAt=made_at, dischargedAt=NOW)
    care.an_episode(care.a_patient("+12025550152", smsConsentAt=None), createdAt=made_at, dischargedAt=NOW)
    runs.tick(NEW_EPISODES)
    care.it_is(made_at + 24 * HOUR - SECOND)
    assert runs.tick(DUE_CHECK_INS) == []
    care.it_is(made_at + 24 * HOUR)
    runs.tick(DUE_CHECK_INS)
    received = phones(PATIENT_PHONE).received_text(containing=["Hola Ellen"])
    (row,) = care.logged(None)
    assert (row["patientId"], row["staffId"], row["kind"], row["body"], row["sentAt"]) == (
        patient,
        None,
        "CHECK_IN",
        received.body,
        at(made_at + 24 * HOUR),
    )


@pytest.mark.usefixtures("stopped_clock")
def test_a_task_is_accepted_and_resolved_in_the_applications_own_words(care: PrismaCare) -> None:
    """An enum of its own, and the times in UTC."""
    nurse = care.a_nurse()
    task = care.a_task(nurse, updatedAt=NOW - HOUR)
    assert care.one("SELECT orchestration.accept_task(:task, :nurse)", task=task, nurse=nurse) is True
    told = 'SELECT status::text, "acknowledgedAt", "completedAt", "updatedAt" FROM "Task" WHERE id = :id'
    (row,) = care.rows(told, id=task)
    assert list(row.values()) == ["ACKNOWLEDGED", at(NOW), None, at(NOW)]
    care.it_is(NOW + HOUR)
    assert care.one("SELECT orchestration.resolve_task(:task, :nurse)", task=task, nurse=nurse) is True
    (row,) = care.rows(told, id=task)
    assert list(row.values()) == ["DONE", at(NOW), at(NOW + HOUR), at(NOW + HOUR)]


@pytest.mark.usefixtures("stopped_clock")
def test_a_snoozed_task_that_is_accepted_is_taken_and_stays_snoozed(care: PrismaCare) -> None:
    """The map does not say that it may become another."""
    nurse = care.a_nurse()
    task = care.a_task(nurse, status="SNOOZED")
    assert care.one("SELECT orchestration.accept_task(:task, :nurse)", task=task, nurse=nurse) is True
    assert care.one('SELECT status::text FROM "Task"') == "SNOOZED"
    assert care.one("SELECT is_taken FROM orchestration.care_task") is True


@pytest.mark.usefixtures("stopped_clock")
def test_a_task_that_is_given_to_somebody_says_when(care: PrismaCare) -> None:
    """Once: who has it keeps it."""
    nurse, task = care.a_nurse(), care.a_task(None, updatedAt=NOW - HOUR)
    given = "SELECT orchestration.assign_task(:task, :nurse)"
    assert [care.one(given, task=task, nurse=one) for one in (nurse, care.a_nurse(None))] == [True, False]
    (row,) = care.rows('SELECT "assignedToId", "updatedAt" FROM "Task" WHERE id = :id', id=task)
    assert dict(row) == {"assignedToId": nurse, "updatedAt": at(NOW)}
