"""What a laptop brings of each application: its tables, its invented people, and the statements of demo and inbox."""

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from care import EPISODE, NOW, PATIENT_PHONE, Care
from sequora_care import SequoraCare
from servers import a_clone
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, IntegrityError
from statements import prepare

from sequora_orchestration.database import NamedStatements, engine_for
from sequora_orchestration.local import demo_workflows, system
from sequora_orchestration.local.applications import DEFAULT, Application
from sequora_orchestration.local.demo_stage import LEDGER
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.local.twilio.phone_book import Person, PhoneBook
from sequora_orchestration.settings.addresses import postgres_url

NAMED = {
    (application, name): NamedStatements(application.sql(name))
    for application in Application
    for name in ("demo", "phone_book")
}
MINUTE = timedelta(minutes=1)
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(params=Application)
def application(request: pytest.FixtureRequest) -> Application:
    """Each of them."""
    return Application(request.param)


@pytest.fixture
def tables(application: Application, request: pytest.FixtureRequest) -> Care:
    """The application's tables, without rows."""
    care: Care = request.getfixturevalue("care" if application is DEFAULT else f"{application}_care")
    return care


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres, postgres_administrator: Engine) -> Iterator[str]:
    """The URL of a database of this test's own, with nothing in it."""
    with a_clone(postgres_administrator, "template1") as name:
        url = postgres_url(postgres.url(name))
        yield url
        engine_for(url).dispose()


def tables_of(care: Care) -> list[str]:
    """Return the names of the application's tables."""
    return [row["name"] for row in care.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")]


def ids(care: Care) -> list[str]:
    """Return the ids of all the application's rows."""
    return [str(row["id"]) for table in tables_of(care) for row in care.rows(f'SELECT id FROM public."{table}"')]


# ── Of each ─────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_and_people_are_made_again_at_every_start(application: Application, empty_url: str) -> None:
    """Nothing is refused the second time, and nobody is there twice."""
    care = Care(engine_for(empty_url))
    make_care_tables(empty_url, application=application, with_sample_people=True)
    once = sorted(ids(care))
    make_care_tables(empty_url, application=application, with_sample_people=True)
    assert sorted(ids(care)) == once
    assert len(once) > 5


def test_people_are_invented_and_so_are_their_numbers(application: Application) -> None:
    """What looks like a number is one of those that are reserved for fiction, or for tests of the phone company's."""
    for name in ("people", "demo"):
        sql = application.sql(name).read_text(encoding="utf-8")
        numbers = re.findall(r"'(\+\d+|\([^']*)'", sql)
        assert numbers
        assert all(re.fullmatch(r"(\+1202|\(202\) )555-?01\d\d|\+1500555000\d", number) for number in numbers)


def test_the_people_are_those_of_the_workflows(application: Application, empty_url: str) -> None:
    """Nurses, somebody to escalate to, and a patient in each language; their phones can be looked up."""
    make_care_tables(empty_url, application=application, with_sample_people=True)
    people = PhoneBook(engine_for(empty_url), application).look_up([f"+12025550{number}" for number in range(100, 200)])
    roles = [person.role for person in people.values() if person]
    assert roles.count("nurse") == 3
    assert roles.count("patient") == 2
    assert "admin" in roles
    care = Care(engine_for(empty_url))
    languages = care.rows('SELECT language_code::text AS code FROM public."Patient" ORDER BY 1')
    assert [row["code"] for row in languages] == ["EN", "ES"]
    assert (
        care.one("SELECT count(*) FROM public.\"User\" WHERE id = :id AND role = 'NURSE'", id=demo_workflows.NURSE) == 1
    )


@pytest.mark.parametrize("name", ["demo", "phone_book"])
def test_every_application_has_the_same_statements(name: str) -> None:
    """Nobody who runs one asks which application it is."""
    assert len({frozenset(NAMED[application, name].all) for application in Application}) == 1


def test_every_statement_is_understood_and_says_what_it_does_twice(application: Application, tables: Care) -> None:
    """Postgres parses it, finds every table and column, and infers every parameter's type."""
    for name in ("demo", "phone_book"):
        for statement in NAMED[application, name].all.values():
            assert re.match(r"\s*-- \w", statement.text)
            with tables.engine.connect() as connection:
                prepare(connection, statement.text)


def test_the_demos_statements_make_and_end_what_it_shows(application: Application, tables: Care) -> None:
    """What it puts is there once, however often; tasks and episodes are new each time; a task ends."""

    def run(name: str, **values: object) -> str:
        with tables.engine.connect() as connection:
            result = connection.execute(NAMED[application, "demo"][name], values)
            return str(result.scalar_one()) if result.returns_rows else ""

    patient, spanish = demo_workflows.PATIENTS.values()
    nurse, episode = demo_workflows.UNREACHED_NURSE, demo_workflows.EPISODE
    for zone in ("Etc/GMT+5", "Etc/GMT+6"):
        run("put_patients", english=patient, spanish=spanish, zone=zone)
        run("put_unreached_nurses", nurse=nurse, on_landline=demo_workflows.NURSE_ON_LANDLINE)
        run("put_episode", episode=episode, patient=patient)
    put = ids(tables)
    assert {patient, spanish, nurse, demo_workflows.NURSE_ON_LANDLINE, episode} <= set(put)
    assert len(put) == len(set(put))

    task = {"episode": episode, "severity": "CRITICAL", "reasons": ["CHEST_PAIN"], "nurse": nurse, "sla": 60}
    first, second = run("insert_task", **task), run("insert_task", **task)
    new = {first, second, run("insert_episode", patient=patient, zone="Etc/GMT+6")}
    assert len(new) == 3
    assert new <= set(ids(tables)) - set(put)

    run("resolve_task", task=first)
    run("resolve_tasks_of_episode", episode=episode)
    rows = tables.rows(
        'SELECT status::text AS status, resolved_at, sla_due_at - created_at AS sla FROM "EscalationTask"'
    )
    assert [(row["status"], row["resolved_at"] is not None, row["sla"]) for row in rows] == [
        ("RESOLVED", True, MINUTE)
    ] * 2


def test_the_demo_knows_whose_escalation_it_is_before_anybody_is_told(application: Application, tables: Care) -> None:
    """The supervisor's or, of an application that has none, the admin's."""
    make_care_tables(
        tables.engine.url.render_as_string(hide_password=False), application=application, with_sample_people=True
    )
    tables.rows(
        "INSERT INTO orchestration.notification (business_key, kind, task_id, urgency, owed_since, state, due_at)"
        " VALUES ('an escalation', 'sla-escalation', 'a task', 0, now(), 'SCHEDULED', now())"
    )
    (entry,) = tables.rows(LEDGER.text, subjects=["a task"])
    assert entry["role"] == {"brief": "supervisor", "sequora": "admin"}[application]


def test_one_server_has_a_database_for_each_application(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that one directory serves both."""
    monkeypatch.delenv("SUPABASE_DB_URL", raising=False)
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql://127.0.0.1:1/mine")
    urls = {one: system._embedded_databases(postgres, one)["SUPABASE_DB_URL"] for one in Application}
    assert urls == {Application.BRIEF: postgres.url("care"), Application.SEQUORA: postgres.url("care_sequora")}
    for url in urls.values():
        engine = engine_for(postgres_url(url))
        assert Care(engine).one('SELECT count(*) FROM "EscalationTask"') == 0
        engine.dispose()
    for one in Application:
        postgres.drop_database(one.database)


# ── Sequora's own tables ────────────────────────────────────────────────────────────────────────────────


def test_a_row_of_everything_is_taken(sequora_care: SequoraCare) -> None:
    """The builder's rows, as they are."""
    nurse = sequora_care.a_nurse()
    sequora_care.an_admin()
    sequora_care.an_episode(sequora_care.a_patient("+12025550152", language_code="OTHER"), risk_level="MEDIUM")
    sequora_care.consent(opt_out_timestamp=NOW)
    sequora_care.a_shift(nurse, NOW, NOW + MINUTE)
    task = sequora_care.a_task(nurse)
    log_row = sequora_care.a_log_row(task_id=task, recipient_user_id=nurse)
    (row,) = sequora_care.log_rows(task)
    assert (str(row["id"]), row["status"], row["retry_count"]) == (log_row, "PENDING", 0)
    assert sequora_care.log_rows(str(uuid4())) == []


@pytest.mark.parametrize("role", ["ADMIN", "STAFF", "NURSE", "PATIENT"])
def test_a_user_of_a_known_role_is_taken(sequora_care: SequoraCare, role: str) -> None:
    """Also without a phone, and whether or not it is known that the account is active."""
    sequora_care.a_nurse(None, role=role, active=None)


def test_a_task_comes_unassigned_and_open_and_may_expire(sequora_care: SequoraCare) -> None:
    """With next to nothing known of it."""
    task = sequora_care.a_task(None, episode_id=None, reason_codes=None)
    new = sequora_care.insert("EscalationTask", sla_due_at=NOW)
    assert sequora_care.of("EscalationTask", new)["status"] == "OPEN"
    sequora_care.change_task(task, status="EXPIRED")
    sequora_care.change_task(task, status=None)


def test_a_change_of_a_task_is_dated(sequora_care: SequoraCare) -> None:
    """By the database, whatever the statement says."""
    task = sequora_care.a_task(None, updated_at=NOW)
    sequora_care.rows("UPDATE \"EscalationTask\" SET severity = 'LOW', updated_at = :then", then=NOW)
    assert sequora_care.of("EscalationTask", task)["updated_at"] > NOW


@pytest.mark.parametrize(
    "kind",
    [
        "TASK_CREATED",
        "TASK_ASSIGNED",
        "SLA_WARNING",
        "SLA_BREACH",
        "TASK_RESOLVED",
        "CHECK_IN_REMINDER",
        "CHECK_IN_SENT",
        "PATIENT_RESPONSE",
    ],
)
def test_the_log_takes_each_kind_of_text(sequora_care: SequoraCare, kind: str) -> None:
    """From its creation to its receipt, to a patient."""
    patient = sequora_care.a_patient()
    sequora_care.a_log_row(
        recipient_patient_id=patient,
        episode_id=sequora_care.an_episode(patient),
        notification_type=kind,
        status="DELIVERED",
        created_at=NOW,
        sent_at=NOW,
        delivered_at=NOW + MINUTE,
    )


@pytest.mark.parametrize(
    ("constraint", "times"),
    [
        ("notification_sent_after_created", {"sent_at": NOW - MINUTE}),
        ("notification_delivered_after_sent", {"sent_at": NOW, "delivered_at": NOW - MINUTE}),
    ],
)
def test_the_log_takes_no_text_back_in_time(
    sequora_care: SequoraCare, constraint: str, times: dict[str, object]
) -> None:
    """It is created, sent and delivered in this order; the first of them is now, if it is not said."""
    nurse = sequora_care.a_nurse()
    with pytest.raises(IntegrityError, match=constraint):
        sequora_care.a_log_row(recipient_user_id=nurse, created_at=NOW, **times)
    with pytest.raises(IntegrityError, match="notification_sent_after_created"):
        sequora_care.a_log_row(recipient_user_id=nurse, sent_at=NOW)


@pytest.mark.parametrize(
    ("row", "columns", "why"),
    [
        ("a_nurse", {"role": "SUPERVISOR"}, "user_role_is_known"),
        ("a_nurse", {"role": None}, '"role"'),
        ("a_nurse", {"email": None}, '"email"'),
        ("a_nurse", {"name": None}, '"name"'),
        ("a_patient", {"phone": None}, '"primary_phone"'),
        ("a_patient", {"language_code": "FR"}, "enum language_code"),
        ("an_episode", {"patient": NOBODY}, "Episode_patient_id_fkey"),
        ("an_episode", {"patient": None, "discharge_at": None}, '"discharge_at"'),
        ("an_episode", {"patient": None, "risk_level": "MODERATE"}, "enum risk_level"),
        ("a_plan", {"episode": NOBODY}, "OutreachPlan_episode_id_fkey"),
        ("a_shift", {"nurse": NOBODY, "start": NOW, "end": NOW}, "NurseShift_nurse_id_fkey"),
        ("a_task", {"nurse": NOBODY}, "EscalationTask_assigned_to_user_id_fkey"),
        ("a_task", {"nurse": None, "episode_id": NOBODY}, "EscalationTask_episode_id_fkey"),
        ("a_task", {"nurse": None, "sla_due_at": None}, '"sla_due_at"'),
        ("a_task", {"nurse": None, "severity": "MEDIUM"}, "enum severity_level"),
        ("a_task", {"nurse": None, "status": "DONE"}, "enum task_status"),
        ("a_log_row", {}, "notification_has_one_recipient"),
        ("a_log_row", {"recipient_user_id": NOBODY, "recipient_patient_id": NOBODY}, "notification_has_one_recipient"),
        ("a_log_row", {"recipient_user_id": NOBODY, "task_id": NOBODY}, "NotificationLog_task_id_fkey"),
        ("a_log_row", {"recipient_user_id": NOBODY, "episode_id": NOBODY}, "NotificationLog_episode_id_fkey"),
        ("a_log_row", {"recipient_user_id": NOBODY}, "NotificationLog_recipient_user_id_fkey"),
        ("a_log_row", {"recipient_patient_id": NOBODY}, "NotificationLog_recipient_patient_id_fkey"),
        ("a_log_row", {"recipient_user_id": NOBODY, "message_content": None}, '"message_content"'),
        ("a_log_row", {"recipient_user_id": NOBODY, "notification_type": None}, '"notification_type"'),
        ("a_log_row", {"recipient_user_id": NOBODY, "channel": None}, '"channel"'),
        ("a_log_row", {"recipient_user_id": NOBODY, "channel": "FAX"}, "enum notification_channel"),
    ],
)
def test_a_row_that_is_not_theirs_is_refused(
    sequora_care: SequoraCare, row: str, columns: dict[str, object], why: str
) -> None:
    """A word or a row that does not exist, too many recipients or none, and what may not be missing."""
    with pytest.raises((IntegrityError, DataError), match=why):
        getattr(sequora_care, row)(**columns)


def test_a_number_has_one_consent(sequora_care: SequoraCare) -> None:
    """A second one is refused."""
    sequora_care.consent(PATIENT_PHONE)
    with pytest.raises(IntegrityError, match="phone_number"):
        sequora_care.consent(PATIENT_PHONE)


def test_who_may_read_a_table_sees_no_row_without_a_policy(sequora_care: SequoraCare) -> None:
    """As on Supabase: its owner sees them."""
    sequora_care.a_shift(sequora_care.a_nurse(), NOW, NOW + MINUTE)
    sequora_care.a_log_row(recipient_patient_id=sequora_care.a_patient(), task_id=sequora_care.a_task(None))
    sequora_care.consent()
    tables = tables_of(sequora_care)
    assert len(tables) == 8
    reader = sequora_care.engine.execution_options(isolation_level="READ COMMITTED")
    for role, sees in (("pg_read_all_data", False), ("NONE", True)):
        with reader.begin() as connection:
            connection.execute(text(f"SET LOCAL ROLE {role}"))
            for table in tables:
                assert connection.execute(text(f'SELECT EXISTS (SELECT FROM public."{table}")')).scalar() is sees, table


def test_the_inbox_names_the_people_of_sequoras_tables(sequora_care: SequoraCare) -> None:
    """However the number is written; a database without these tables knows nobody."""
    sequora_care.a_nurse("(202) 555-0101", name="Nora Reyes")
    sequora_care.an_admin("+12025550131", name="Adam Novak")
    sequora_care.a_patient("+12025550151", first_name="Ellen", last_name=None)
    numbers = ["+12025550101", "+12025550131", "+12025550151", "+442025550101"]
    assert PhoneBook(sequora_care.engine, Application.SEQUORA).look_up(numbers) == {
        "+12025550101": Person("Nora Reyes", "nurse"),
        "+12025550131": Person("Adam Novak", "admin"),
        "+12025550151": Person("Ellen", "patient"),
        "+442025550101": None,
    }
    assert set(PhoneBook(sequora_care.engine, Application.BRIEF).look_up(numbers).values()) == {None}


def test_an_old_episode_is_there_once_for_all_tasks(sequora_care: SequoraCare) -> None:
    """A task that says nothing of its episode belongs to it."""
    tasks = [sequora_care.a_task(None) for _ in range(2)]
    assert {str(sequora_care.of("EscalationTask", task)["episode_id"]) for task in tasks} == {EPISODE}
