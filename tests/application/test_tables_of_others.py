"""Tables that share nothing with those we know: other schemas, names, types and words; views in place of tables."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from care import NURSE_PHONE, PATIENT_PHONE, Care
from least_rights import as_role, make_role
from phones import Phones
from runs import Runs

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.cli.checks import care_database as care_area
from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.cli.doctor import diagnose
from sequora_orchestration.database import engine_for
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.check_in import NEW_EPISODES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.app_indexes import index_states, make_app_indexes
from sequora_orchestration.migrations.apply import migrate

from .conftest import Tables

CLINIC = (
    'CREATE SCHEMA "Klinik"',
    """CREATE TYPE "Klinik"."Zustand" AS ENUM ('Offen', 'In Arbeit', 'Erledigt', 'Zurückgestellt')""",
    """CREATE DOMAIN "Klinik".telefon AS varchar(30) CHECK (VALUE <> '')""",
    """CREATE TABLE "Klinik"."Mitarbeiter" (
           "mitarbeiterId" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
           "telefonNr" "Klinik".telefon, rolle varchar(20), "istAktiv" smallint)""",
    """CREATE TABLE "Klinik"."Patient" (
           "patientId" bigserial PRIMARY KEY, vorname varchar(40), telefon text, sprache char(4))""",
    """CREATE TABLE "Klinik"."Fall" (
           "fallId" bigserial PRIMARY KEY, "patientId" bigint, entlassen date,
           "angelegtAm" timestamp DEFAULT (now() AT TIME ZONE 'UTC'))""",
    """CREATE TABLE "Klinik"."Aufgabe" (
           "aufgabeId" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "fallId" bigint, dringlichkeit smallint,
           zustand "Klinik"."Zustand" DEFAULT 'Offen', "fälligBis" timestamp, "Zuständig" bigint,
           "angelegtAm" timestamp DEFAULT (now() AT TIME ZONE 'UTC'))""",
    """CREATE TABLE "Klinik"."SMS-Protokoll" (
           nr bigserial PRIMARY KEY, aufgabe bigint NOT NULL, "Empfänger" bigint,
           "Text" varchar(12), gesendet timestamp NOT NULL, "zustand (SMS)" char(10))""",
)

CLINICS_MAP = """
[task]
table = '"Klinik"."Aufgabe"'
id = 'task."aufgabeId"'
episode_id = 'task."fallId"'
severity = "task.dringlichkeit"
status = "task.zustand"
sla_due_at = 'task."fälligBis"'
assigned_to_user_id = 'task."Zuständig"'
created_at = 'task."angelegtAm"'
[task.statuses]
open = ["offen"]
taken = ["in Arbeit"]
closed = ["ERLEDIGT"]
[task.severities]
CRITICAL = ["1"]
HIGH = ["2"]
LOW = ["3", "4"]

[person]
table = '"Klinik"."Mitarbeiter"'
id = 'person."mitarbeiterId"'
primary_phone = 'person."telefonNr"'
role = "person.rolle"
active = 'person."istAktiv" <> 0'
[person.roles]
NURSE = ["Pflegekraft"]
SUPERVISOR = ["Stationsleitung"]

[episode]
table = '"Klinik"."Fall"'
id = 'episode."fallId"'
patient_id = 'episode."patientId"'
discharge_at = "episode.entlassen"
created_at = 'episode."angelegtAm"'
timezone = "'Europe/Berlin'"

[patient]
table = '"Klinik"."Patient"'
id = 'patient."patientId"'
first_name = "patient.vorname"
primary_phone = "patient.telefon"
language_code = "patient.sprache"

[log]
table = '"Klinik"."SMS-Protokoll"'
about = ["staff"]
[log.row]
aufgabe = "message.task_id::bigint"
"Empfänger" = "message.user_id"
Text = "message.content"
gesendet = "message.sent_at"
"zustand (SMS)" = "'SENT'"
"""


@pytest.fixture
def clinic(care: Care, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Care:
    """A clinic's application in another language, with a map."""
    for statement in CLINIC:
        care.rows(statement)
    file = tmp_path / "klinik.toml"
    file.write_text(CLINICS_MAP, encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    assert migrate(care.engine).map.problems == []
    return care


def nurse(clinic: Care, phone: str = NURSE_PHONE, role: str = "pflegekraft", active: int = 1) -> int:
    return int(
        clinic.one(
            """INSERT INTO "Klinik"."Mitarbeiter" ("telefonNr", rolle, "istAktiv")
               VALUES (:phone, :role, :active) RETURNING "mitarbeiterId\"""",
            phone=phone,
            role=role,
            active=active,
        )
    )


def task(clinic: Care, nurse: int | None = None, **columns: object) -> str:
    columns = {"Zuständig": nurse, "dringlichkeit": 1, **columns}
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f":v{n}" for n, _ in enumerate(columns))
    parameters = {f"v{n}": value for n, value in enumerate(columns.values())}
    return str(
        clinic.one(f'INSERT INTO "Klinik"."Aufgabe" ({names}) VALUES ({values}) RETURNING "aufgabeId"', **parameters)
    )


def claimed(ledger: Ledger) -> list[str]:
    return [subject.id for claim in ledger.claims.claim(NEW_TASKS) for subject in claim.subjects]


def test_a_new_task_is_texted_and_logged(clinic: Care, runs: Runs, phones: Phones) -> None:
    """With the clinic's own ids, in its own columns; a text that is too long for one is cut."""
    somebody = nurse(clinic)
    about = task(clinic, somebody)
    (run,) = runs.tick(NEW_TASKS)
    assert run.success
    phones(NURSE_PHONE).received_text(containing=["New CRITICAL task"])
    (row,) = clinic.rows('SELECT * FROM "Klinik"."SMS-Protokoll"')
    assert (row["nr"], str(row["aufgabe"]), row["Empfänger"]) == (1, about, somebody)
    assert (row["Text"], row["zustand (SMS)"]) == ("🚨 New CRITIC", "SENT      ")


def test_a_task_is_read_in_our_words(clinic: Care, care_database: CareDatabase) -> None:
    """Whatever the clinic calls them."""
    somebody = nurse(clinic)
    ids = [task(clinic, somebody, zustand=zustand) for zustand in ("Offen", "In Arbeit", "Erledigt", "Zurückgestellt")]
    read = care_database.tasks(ids)
    assert [(read[one].is_closed, read[one].is_taken) for one in ids] == [
        (False, False),
        (False, True),
        (True, False),
        (False, False),
    ]
    assert [care_database.tasks([task(clinic, dringlichkeit=n)]).popitem()[1].severity for n in (1, 2, 4, 7)] == [
        "CRITICAL",
        "HIGH",
        "LOW",
        "7",
    ]
    assert [(one.column_name, one.word) for one in care_database.unknown_words()] == [
        ("severity", "7"),
        ("status", "Zurückgestellt"),
    ]


def test_staff_and_patients_are_read(clinic: Care, care_database: CareDatabase) -> None:
    """A blank-padded language, a phone of a domain, and an active that is a number."""
    here, away = nurse(clinic), nurse(clinic, role="STATIONSLEITUNG", active=0)
    read = care_database.users([str(here), str(away)])
    assert [(one.role, one.active) for one in read.values()] == [("NURSE", True), ("SUPERVISOR", False)]
    patient = str(
        clinic.one(
            """INSERT INTO "Klinik"."Patient" (vorname, telefon, sprache) VALUES ('Ute', :phone, 'DE')
               RETURNING "patientId\"""",
            phone=PATIENT_PHONE,
        )
    )
    assert care_database.patients([patient])[patient].language_code == "DE"


def test_what_is_owed_is_found_by_the_helpful_indexes(clinic: Care, ledger: Ledger) -> None:
    """In a schema that is in no search path."""
    make_app_indexes(clinic.engine)
    with clinic.engine.connect() as connection:
        assert all(state.is_there for state in index_states(connection))
    about = task(clinic, nurse(clinic), fälligBis="2026-01-01")
    clinic.rows("UPDATE orchestration.go_live SET go_live_at = '2020-01-01', workflows_live_at = '2020-01-01'")
    assert claimed(ledger) == [about]
    assert [one.id for claim in ledger.claims.claim(SLA_BREACHES) for one in claim.subjects] == [about]
    clinic.rows('INSERT INTO "Klinik"."Fall" ("patientId") VALUES (1)')
    assert [one.id for claim in ledger.claims.claim(NEW_EPISODES) for one in claim.subjects] == ["1"]


def test_the_least_role_does_all_of_it(clinic: Care, care_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets what the map names, in whatever schema."""
    make_role(clinic.engine)
    system = Care(engine_for(as_role(care_url)))
    about = task(clinic, nurse(clinic))
    assert claimed(Ledger(system.engine)) == [about]
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    found = diagnose([care_area.checks()], patience=20)
    for name in ("tables", "columns", "map", "log", "rights", "row security"):
        assert found[name].level is Level.OK, found[name]
    system.rows(
        """INSERT INTO "Klinik"."SMS-Protokoll" (aufgabe, "Empfänger", "Text", gesendet, "zustand (SMS)")
           VALUES (1, 1, 'x', now(), 'SENT')"""
    )
    clinic.rows('REVOKE USAGE ON ALL SEQUENCES IN SCHEMA "Klinik" FROM sequora')
    lacking = diagnose([care_area.checks()], patience=20)["rights"]
    assert lacking.said == 'the role of SUPABASE_DB_URL lacks USAGE on the sequence "Klinik"."SMS-Protokoll_nr_seq"'


# --- types ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "type_name",
    ["text", "varchar", "varchar(40)", "char(40)", "name", "a_domain", "an_enum", "a_domain_of_an_enum", "citext"],
)
def test_a_status_may_be_of_any_type_of_words(tables: Tables, type_name: str) -> None:
    """What it means is the same."""
    if type_name == "citext":
        if not tables.rows("SELECT FROM pg_available_extensions WHERE name = 'citext'"):
            pytest.skip("this server has no citext")
        tables.alter("CREATE EXTENSION citext")
    tables.alter(
        "CREATE DOMAIN a_domain AS varchar(40) CHECK (VALUE <> '')",
        "CREATE TYPE an_enum AS ENUM ('Open', 'In Progress', 'Resolved', 'Cancelled', 'Whatever')",
        "CREATE DOMAIN a_domain_of_an_enum AS an_enum",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT',
        f'ALTER TABLE "EscalationTask" ALTER status TYPE {type_name} USING NULL',
    )
    tables.make()
    for word, expected in {
        "Open": (False, False, None),
        "In Progress": (False, True, None),
        "Resolved": (True, False, None),
        "Whatever": (False, False, "Whatever"),
        None: (False, False, None),
    }.items():
        tables.rows('DELETE FROM "EscalationTask"')
        tables.rows('INSERT INTO "EscalationTask" (status) VALUES (:word)', word=word)
        (row,) = tables.rows("SELECT status, is_closed, is_taken, unknown_status FROM orchestration.care_task")
        assert row["status"] == word
        assert (row["is_closed"], row["is_taken"], row["unknown_status"]) == expected


@pytest.mark.parametrize(
    ("type_name", "closed", "values"),
    [
        ("boolean", ["true"], {"true": True, "false": False, "NULL": False}),
        ("integer", ["3", "4"], {"3": True, "4": True, "1": False, "34": False, "NULL": False}),
        ("jsonb", ['"done"'], {"""'"done"'""": True, "'3'": False}),
        ("numeric(4,1)", ["3.0"], {"3": True, "3.5": False}),
    ],
)
def test_a_status_that_is_no_word_is_compared_as_text(
    tables: Tables, type_name: str, closed: list[str], values: Mapping[str, bool]
) -> None:
    """A map names its values."""
    tables.alter(
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT',
        f'ALTER TABLE "EscalationTask" ALTER status TYPE {type_name} USING NULL',
    )
    tables.make({"task.statuses": {"closed": closed}})
    for value, is_closed in values.items():
        tables.rows('DELETE FROM "EscalationTask"')
        tables.rows(f'INSERT INTO "EscalationTask" (status) VALUES ({value})')
        assert tables.one("SELECT is_closed FROM orchestration.care_task") is is_closed


def test_an_enum_without_any_of_the_maps_words_is_open_whatever_it_says(tables: Tables) -> None:
    """And every word of it is a question."""
    tables.alter(
        "CREATE TYPE zustand AS ENUM ('OFFEN', 'ERLEDIGT')",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE zustand USING NULL',
    )
    tables.make()
    tables.rows("""INSERT INTO "EscalationTask" (status) VALUES ('ERLEDIGT')""")
    (row,) = tables.rows("SELECT is_closed, is_taken, unknown_status FROM orchestration.care_task")
    assert dict(row) == {"is_closed": False, "is_taken": False, "unknown_status": "ERLEDIGT"}


def test_an_enum_in_another_schema_is_compared_with_its_own_words(tables: Tables) -> None:
    """Its name is needed in full, and quoted."""
    tables.alter(
        'CREATE SCHEMA "Of Types"',
        """CREATE TYPE "Of Types"."A:Status's" AS ENUM ('open', 'it''s "resolved"', '100%')""",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT',
        """ALTER TABLE "EscalationTask" ALTER status TYPE "Of Types"."A:Status's" USING NULL""",
    )
    made = tables.make({"task.statuses": {"open": ["OPEN"], "closed": ["its resolved", "100%"]}})
    for word, is_closed in (("open", False), ('it\'s "resolved"', True), ("100%", True)):
        tables.rows('DELETE FROM "EscalationTask"')
        tables.rows('INSERT INTO "EscalationTask" (status) VALUES (:word)', word=word)
        assert tables.one("SELECT is_closed FROM orchestration.care_task") is is_closed
    assert "Of Types" in str(made.indexes[0].definition)


@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("integer", {"7": 7, "NULL": None, "-3": -3}),
        ("bigint", {"7": 7, "9223372036854775807": 2**31 - 1, "NULL": None}),
        ("numeric", {"7.4": 7, "1e30": 2**31 - 1, "'NaN'": 2**31 - 1, "NULL": None, "-1": 0}),
        ("double precision", {"7": 7, "'infinity'": 2**31 - 1, "'-infinity'": 0, "NULL": None}),
        ("smallint", {"7": 7, "NULL": None}),
    ],
)
def test_a_number_of_tasks_is_one_however_large(
    sequora_tables: Tables, type_name: str, values: Mapping[str, int | None]
) -> None:
    """A row that says nonsense stops no other, and one that says nothing says nothing."""
    sequora_tables.alter(
        f'ALTER TABLE "NurseShift" ALTER max_concurrent_tasks DROP DEFAULT, ALTER max_concurrent_tasks TYPE {type_name}'
    )
    sequora_tables.make(of="sequora")
    for value, shown in values.items():
        sequora_tables.rows('DELETE FROM "NurseShift"')
        sequora_tables.rows(f'INSERT INTO "NurseShift" (max_concurrent_tasks) VALUES ({value})')
        assert sequora_tables.one("SELECT most_tasks FROM orchestration.care_shift") == shown


@pytest.mark.parametrize("type_name", ["bigint", "text", "uuid", "varchar(36)", "numeric", "char(36)"])
def test_ids_are_text_whatever_they_are_and_their_own_index_serves(tables: Tables, type_name: str) -> None:
    """Beside each id stands the value as the application has it."""
    tables.alter(
        'ALTER TABLE "EscalationTask" DROP CONSTRAINT "EscalationTask_pkey", ALTER id DROP DEFAULT',
        f'ALTER TABLE "EscalationTask" ALTER id TYPE {type_name} USING NULL, ADD PRIMARY KEY (id)',
    )
    tables.make()
    value = "17" if type_name in {"bigint", "numeric"} else "00000000-0000-4000-8000-000000000017"
    tables.rows(f'INSERT INTO "EscalationTask" (id) VALUES (CAST(:value AS {type_name}))', value=value)
    by_key = f"FROM orchestration.care_task WHERE key = ANY ('{{{value}}}')"
    assert tables.one(f"SELECT id {by_key}") == value
    assert tables.one("SELECT pg_typeof(id)::text FROM orchestration.care_task") == "text"
    tables.rows("SET LOCAL enable_seqscan = off")
    plan = [row["QUERY PLAN"] for row in tables.rows(f"EXPLAIN SELECT {by_key}")]
    assert any("EscalationTask_pkey" in line for line in plan), plan


@pytest.mark.parametrize("type_name", ["bigint", "text", "varchar(36)", "char(36)", "char(40)"])
def test_a_task_is_assigned_whatever_its_id_is(tables: Tables, type_name: str) -> None:
    """An id is compared as a whole: what `character` alone means is its first letter."""
    tables.alter(
        'ALTER TABLE "EscalationTask" DROP CONSTRAINT "EscalationTask_pkey", ALTER id DROP DEFAULT',
        f'ALTER TABLE "EscalationTask" ALTER id TYPE {type_name} USING NULL, ADD PRIMARY KEY (id)',
    )
    tables.make()
    nurse = "00000000-0000-4000-8000-000000000001"
    value = "17" if type_name == "bigint" else "00000000-0000-4000-8000-000000000017"
    tables.rows(f'INSERT INTO "EscalationTask" (id) VALUES (CAST(:value AS {type_name}))', value=value)
    assert tables.one("SELECT orchestration.assign_task(:task, :nurse)", task=value, nurse=nurse) is True
    assert str(tables.one('SELECT assigned_to_user_id FROM "EscalationTask"')) == nurse


def test_what_a_map_has_no_column_for_is_nothing(tables: Tables) -> None:
    """Of the type that our statements expect."""
    tables.make(
        {
            f"task.{column}": "NULL"
            for column in ("episode_id", "priority", "reason_codes", "sla_due_at", "picked_up_at", "updated_at")
        }
    )
    tables.rows('INSERT INTO "EscalationTask" (picked_up_at) VALUES (now())')
    (row,) = tables.rows("SELECT * FROM orchestration.care_task")
    assert [row[one] for one in ("episode_id", "episode_key", "priority", "reason_codes", "sla_due_at")] == [None] * 5
    assert row["is_taken"] is False
    types = tables.rows(
        "SELECT attname, format_type(atttypid, NULL) AS type_name FROM pg_attribute"
        " WHERE attrelid = 'orchestration.care_task'::regclass AND attname IN ('sla_due_at', 'reason_codes')"
    )
    assert {(one["attname"], one["type_name"]) for one in types} == {
        ("sla_due_at", "timestamp with time zone"),
        ("reason_codes", "json"),
    }


# --- tables that are none ---------------------------------------------------------------------------------------------


def test_a_view_may_stand_for_a_table(care: Care, ledger: Ledger) -> None:
    """The questions are answered through it; it is the tables under it that could be indexed."""
    care.alter(
        'ALTER TABLE "EscalationTask" RENAME TO tasks',
        "CREATE VIEW \"EscalationTask\" AS SELECT * FROM tasks WHERE priority IS DISTINCT FROM 'hidden'",
    )
    care.a_task(care.a_nurse(), priority="hidden")
    shown = care.a_task(care.a_nurse())
    assert claimed(ledger) == [shown]
    (tasks, episodes) = make_app_indexes(care.engine)
    assert tasks.why_not == 'public."EscalationTask" is no table, but a view: index the tables under it'
    assert episodes.why_not is None


@pytest.mark.parametrize("kind", ["MATERIALIZED VIEW", "partitioned", "inherited"])
def test_whatever_can_be_read_may_stand_for_a_table(tables: Tables, kind: str) -> None:
    """A copy that is refreshed now and then, and tables in parts."""
    tables.alter('ALTER TABLE "EscalationTask" RENAME TO tasks')
    if kind == "MATERIALIZED VIEW":
        tables.rows("INSERT INTO tasks (severity) VALUES ('LOW')")
        tables.rows('CREATE MATERIALIZED VIEW "EscalationTask" AS SELECT * FROM tasks')
    elif kind == "partitioned":
        tables.rows('CREATE TABLE "EscalationTask" (LIKE tasks INCLUDING DEFAULTS) PARTITION BY HASH (id)')
        tables.rows('CREATE TABLE part PARTITION OF "EscalationTask" FOR VALUES WITH (MODULUS 1, REMAINDER 0)')
        tables.rows("""INSERT INTO "EscalationTask" (severity) VALUES ('LOW')""")
    else:
        tables.rows('CREATE TABLE "EscalationTask" (LIKE tasks INCLUDING DEFAULTS)')
        tables.rows('CREATE TABLE child (more text) INHERITS ("EscalationTask")')
        tables.rows("INSERT INTO child (severity) VALUES ('LOW')")
    tables.make({"assignment": None, "accepting": None, "resolving": None} if kind == "MATERIALIZED VIEW" else None)
    assert tables.one("SELECT severity FROM orchestration.care_task") == "LOW"
