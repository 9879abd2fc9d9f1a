"""What `sequora map` proposes: for tables of many habits, and without telling anything of their rows."""

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from care import Care
from command_line import sequora_here
from hypothesis import given
from hypothesis import strategies as st
from sequora_care import SequoraCare
from servers import a_clone
from sqlalchemy import Engine, make_url, text

from sequora_orchestration.application import map_in_force, synonyms
from sequora_orchestration.application.answer_trial import try_answers
from sequora_orchestration.application.application_map import PACKAGED, MapError, packaged_maps, plain, read_map
from sequora_orchestration.application.contract import ROLES, SEVERITIES, STATUSES, VIEWS, Form
from sequora_orchestration.application.described import DescribedColumn, DescribedTable, Sample, words_of_checks
from sequora_orchestration.application.fitting import fit
from sequora_orchestration.application.meanings import meanings
from sequora_orchestration.application.naming import name_of_table, variants
from sequora_orchestration.application.placement import choose
from sequora_orchestration.application.proposal import MOST_ROWS, propose
from sequora_orchestration.application.proposed_map import write_map
from sequora_orchestration.cli.checks.postgres import reading_engine
from sequora_orchestration.database import engine_for
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.migrations.apply import migrate
from sequora_orchestration.settings.addresses import postgres_url

HERE = Path(__file__).parent


@pytest.fixture
def empty_url(postgres: EmbeddedPostgres, postgres_administrator: Engine) -> Iterator[str]:
    """The URL of a database of this test's own, with nothing in it."""
    with a_clone(postgres_administrator, "template1") as name:
        url = postgres_url(postgres.url(name))
        yield url
        engine_for(url).dispose()


@pytest.fixture
def application(empty_url: str) -> Callable[[str], Care]:
    """Some application or other: it makes its tables of statements, or of the file of that name."""

    def made(sql: str) -> Care:
        script = (HERE / sql).read_text(encoding="utf-8") if sql.endswith(".sql") else sql
        with engine_for(empty_url).connect() as connection:
            connection.execute(text(script.replace(":", r"\:")))
        return Care(engine_for(empty_url))

    return made


def proposed_for(care: Care) -> Any:
    """Return what is proposed, on a connection that cannot write."""
    with reading_engine(care.engine.url.render_as_string(hide_password=False)).connect() as connection:
        return propose(connection)


def sections_of(proposed: Any) -> Mapping[str, Any]:
    return tomllib.loads(proposed.text)


# --- whole applications -----------------------------------------------------------------------------------------------


def test_a_map_that_comes_along_is_shown_where_it_fits(care: Care, sequora_care: SequoraCare) -> None:
    """It says so first, and is that map to the letter."""
    for name, application in zip(PACKAGED, (care, sequora_care), strict=True):
        proposed = proposed_for(application)
        first, *_ = proposed.text.splitlines()
        assert first.startswith(f"# The map {name}, which comes along, fits this database")
        (source,) = [one.source for one in packaged_maps() if one.name == name]
        assert proposed.text.endswith(source)
        assert proposed.missing == []


def test_what_is_proposed_can_be_migrated_by(
    application: Callable[[str], Care], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of tables with numbers for times, flags and roles, and words in tables of their own, as it is."""
    care = application("legacy.sql")
    proposed = proposed_for(care)
    assert proposed.missing == []
    assert proposed.questions == ["[task.statuses]: what does Parked mean?", "[person.roles]: what does MD mean?"]
    (tmp_path / "map.toml").write_text(proposed.text, encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(tmp_path / "map.toml"))
    assert migrate(care.engine).map.problems == []
    tasks = care.rows(
        "SELECT severity, status, is_closed, is_taken, date_trunc('minute', created_at) AS created_at,"
        " date_trunc('minute', sla_due_at) AS sla_due_at, reason_codes FROM orchestration.care_task"
        " ORDER BY severity"
    )
    assert [dict(one) for one in tasks] == [
        {
            "severity": "CRITICAL",
            "status": "Open",
            "is_closed": False,
            "is_taken": False,
            **_times(care, 0, 60),
            "reason_codes": "FALL",
        },
        {
            "severity": "HIGH",
            "status": "Resolved",
            "is_closed": True,
            "is_taken": True,
            **_times(care, 0, None),
            "reason_codes": None,
        },
    ]
    people = care.rows("SELECT role, active, is_on_call FROM orchestration.care_person ORDER BY role")
    assert [(one["role"], one["active"], one["is_on_call"]) for one in people] == [
        ("NURSE", True, True),
        ("SUPERVISOR", False, False),
    ]
    (patient,) = care.rows("SELECT first_name, may_be_texted FROM orchestration.care_patient")
    assert dict(patient) == {"first_name": "Marked-Name", "may_be_texted": False}


def _times(care: Care, created: int, due: int | None) -> dict[str, object]:
    """Return times so many minutes after the rows of legacy.sql were written, which a table of its own tells."""
    at = "SELECT date_trunc('minute', written_at + make_interval(mins => :minutes)) FROM written"
    return {
        "created_at": care.one(at, minutes=created),
        "sla_due_at": None if due is None else care.one(at, minutes=due),
    }


def test_nothing_of_a_row_is_told_but_words_of_statuses_severities_and_roles(
    application: Callable[[str], Care],
) -> None:
    """No name, no phone, and of a column of words nothing that somebody has typed."""
    care = application("legacy.sql")
    care.rows("UPDATE tbl_alert SET sev = 'P1'")
    assert "Marked" not in proposed_for(care).text
    assert "5550101" not in proposed_for(care).text
    care.rows("ALTER TABLE tbl_alert ALTER sev TYPE text")
    care.rows("UPDATE tbl_alert SET sev = 'Marked-Name said: it hurts (a lot)'")
    proposed = proposed_for(care)
    assert "Marked" not in proposed.text
    assert "The words in sev could not be read, or do not look like words." in proposed.text
    care.rows(
        "INSERT INTO tbl_alert (alert_id, sev, created_ts)"
        " SELECT gen_random_uuid(), 'Marked' || n, 0 FROM generate_series(1, 30) AS n"
    )
    care.rows("DELETE FROM tbl_alert WHERE sev LIKE '%(%'")
    assert "Marked" not in proposed_for(care).text


def test_words_of_a_large_table_are_found_all_over_it(application: Callable[[str], Care]) -> None:
    """The first rows are the oldest, and say little."""
    care = application("legacy.sql")
    care.rows("ALTER TABLE tbl_alert ALTER sev TYPE text")
    care.rows(
        "INSERT INTO tbl_alert (alert_id, sev, created_ts) SELECT gen_random_uuid(),"
        " CASE WHEN n > :old THEN 'LOW' ELSE 'P2' END, 0 FROM generate_series(1, 20 * :old) AS n",
        old=MOST_ROWS,
    )
    care.rows("ANALYZE tbl_alert")
    assert sections_of(proposed_for(care))["task"]["severities"]["LOW"] == ["LOW"]


def test_tables_are_told_apart_by_what_refers_to_them(application: Callable[[str], Care]) -> None:
    """Staff are profiles, not Supabase's own users, whose ids they have; and what the application shows is no log."""
    care = application("""
        CREATE SCHEMA auth;
        CREATE TABLE auth.users (id uuid PRIMARY KEY, phone text, role varchar, created_at timestamptz);
        CREATE TABLE profiles (
            id uuid PRIMARY KEY REFERENCES auth.users, phone text,
            role text CHECK (role IN ('nurse', 'charge nurse')), status text CHECK (status IN ('active', 'inactive'))
        );
        CREATE TABLE patients (id uuid PRIMARY KEY, phone text);
        CREATE TABLE care_episodes (id uuid PRIMARY KEY, patient uuid REFERENCES patients, created_at timestamptz);
        CREATE TABLE alerts (
            id uuid PRIMARY KEY, episode uuid REFERENCES care_episodes, created_at timestamptz,
            level text CHECK (level IN ('routine', 'urgent', 'emergent')), state text CHECK (state IN ('open', 'done')),
            assigned_to uuid REFERENCES auth.users, closed_by uuid REFERENCES auth.users
        );
        CREATE TABLE alert_comments (id uuid PRIMARY KEY, alert_id uuid REFERENCES alerts, created_at timestamptz);
        CREATE TABLE notifications (id uuid PRIMARY KEY, user_id uuid, title text, body text, created_at timestamptz);
        CREATE VIEW open_alerts AS SELECT * FROM alerts;
        CREATE TABLE sms_consents (phone text PRIMARY KEY, given boolean)
    """)
    proposed = proposed_for(care)
    found = sections_of(proposed)
    assert {name: found[name]["table"] for name in found if "table" in found[name]} == {
        "task": "public.alerts",
        "person": "public.profiles",
        "episode": "public.care_episodes",
        "patient": "public.patients",
    }
    assert found["task"]["assigned_to_user_id"] == "task.assigned_to"
    assert found["task"]["severities"] == {"CRITICAL": ["emergent"], "HIGH": ["urgent"], "LOW": ["routine"]}
    assert found["person"]["active"] == "person.status IN ('active')"
    assert any("sms_consents" in question for question in proposed.questions)
    assert proposed.missing == []


def test_what_might_also_be_meant_is_said(application: Callable[[str], Care]) -> None:
    """Of tables and of columns."""
    columns = "id uuid PRIMARY KEY, severity text, status text, assigned_to uuid, owner uuid, created_at timestamptz"
    proposed = proposed_for(application(f"CREATE TABLE tasks ({columns}); CREATE TABLE alerts ({columns})"))
    assert "[task]: is it public.tasks, or public.alerts?" in proposed.questions
    assert 'assigned_to_user_id = "task.assigned_to"  # uuid, a guess: it might also be owner' in proposed.text


def test_a_nurses_answers_are_written_as_the_application_keeps_them(
    application: Callable[[str], Care], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Statuses as keys of a table of words, times as numbers."""
    care = application("legacy.sql")
    (tmp_path / "map.toml").write_text(proposed_for(care).text, encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(tmp_path / "map.toml"))
    migrate(care.engine)
    with care.engine.execution_options(isolation_level="READ COMMITTED").connect() as connection:
        made = map_in_force.in_force(connection)
        assert made
        tried = try_answers(connection, fit(connection, read_map(made.name, made.source)))
    assert (tried.problems, tried.untried) == ([], [])
    nurse = care.one("SELECT employee_id::text FROM tbl_employee WHERE role_id = 1")
    told = (
        "SELECT status_id, ack_ts IS NOT NULL AS ack, closed_ts IS NOT NULL AS closed FROM tbl_alert WHERE sev = 'P1'"
    )
    for status, accepted in ((1, 2), (5, 5)):
        care.rows(
            "UPDATE tbl_alert SET nurse_id = :nurse, status_id = :status, ack_ts = NULL, closed_ts = NULL"
            " WHERE sev = 'P1'",
            nurse=nurse,
            status=status,
        )
        task = care.one("SELECT alert_id::text FROM tbl_alert WHERE sev = 'P1'")
        for verb, expected in (("accept", (accepted, True, False)), ("resolve", (3, True, True))):
            assert care.one(f"SELECT orchestration.{verb}_task(:task, :nurse)", task=task, nurse=nurse) is True
            (row,) = care.rows(told)
            assert (row["status_id"], row["ack"], row["closed"]) == expected
    (times,) = care.rows(
        "SELECT to_timestamp(ack_ts / 1000.0) BETWEEN now() - interval '1 h' AND now() AS ack FROM tbl_alert"
        " WHERE sev = 'P1'"
    )
    assert times["ack"]


TASKS = "id uuid PRIMARY KEY, severity text, assigned_to uuid, created_at timestamptz"


@pytest.mark.parametrize(
    ("columns", "lines", "lacking"),
    [
        (
            "status text CHECK (status IN ('new', 'accepted', 'in progress', 'closed', 'done', 'cancelled')), "
            "updated_at timestamptz",
            [
                "status = \"CASE WHEN task.status::text IN ('new') THEN 'accepted' ELSE task.status::text END\""
                "  # text, a guess: it might also be in progress",
                "status = \"'done'\"  # text, a guess: it might also be closed",
                'updated_at = "answer.at"  # timestamp with time zone',
            ],
            [],
        ),
        (
            "status text CHECK (status IN ('open', 'cancelled')), resolved_at timestamptz",
            [],
            ["accepting", "resolving"],
        ),
        (
            "status text CHECK (status IN ('open', 'resolved')), acknowledged_at timestamp",
            ['acknowledged_at = "answer.at"  # timestamp without time zone', "status = \"'resolved'\"  # text"],
            [],
        ),
        (
            "done boolean, status text GENERATED ALWAYS AS (CASE WHEN done THEN 'done' ELSE 'open' END) STORED",
            [],
            ["accepting", "resolving"],
        ),
    ],
)
def test_an_answer_is_proposed_if_there_is_a_word_or_a_time_for_it(
    application: Callable[[str], Care], columns: str, lines: list[str], lacking: list[str]
) -> None:
    """A task that was cancelled is not resolved, and a time alone closes none."""
    proposed = proposed_for(application(f"CREATE TABLE tasks ({TASKS}, {columns})"))
    written = proposed.text.splitlines()
    for line in lines:
        assert line in written
    assert [one for one in ("accepting", "resolving") if f"[{one}]" not in written] == lacking


def test_a_log_that_cannot_be_written_is_not_proposed_as_if_it_could(application: Callable[[str], Care]) -> None:
    """What it must have is missing, if nobody knows what to write into it."""
    care = application("legacy.sql")
    care.rows("ALTER TABLE tbl_sms_log ADD template_no integer NOT NULL")
    proposed = proposed_for(care)
    assert [one.split(":")[0] for one in proposed.missing] == ["log.row.template_no"]
    assert "# template_no = ...  (integer, NOT NULL without a default; an expression is needed)" in proposed.text


def test_a_log_with_no_word_for_any_kind_calls_others_by_whom_they_go_to(application: Callable[[str], Care]) -> None:
    """A kind of message that comes with a later version is logged all the same."""
    care = application("prisma.sql")
    care.rows("""ALTER TYPE "NotificationKind" RENAME VALUE 'OTHER' TO 'UNHEARD_OF'""")
    assert "ELSE CASE WHEN message.patient_id IS NULL THEN 'NEW_TASK' ELSE 'CHECK_IN' END" in proposed_for(care).text


# --- the command ------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_said_and_all_else_is_printed(application: Callable[[str], Care]) -> None:
    """At the top and on stderr, with exit code 1; each column that could be written stands there as a comment."""
    care = application("CREATE TABLE tasks (id uuid PRIMARY KEY, status text, created_at timestamptz)")
    done = sequora_here("map", environment={"SUPABASE_DB_URL": str(_url(care))})
    assert done.returncode == 1
    for where in ("task.severity", "task.assigned_to_user_id", "[task.statuses] closed", "[person]"):
        assert f"#   - {where}" in done.stdout
        assert f"missing: {where}" in done.stderr
    assert 'created_at = "task.created_at"  # timestamp with time zone' in done.stdout
    for view in VIEWS.values():
        for name, column in view.columns.items():
            assert re.search(rf"^(# )?{name} = .*", done.stdout, flags=re.MULTILINE), (name, column)
    with pytest.raises(MapError):
        read_map("proposed", done.stdout)


def test_a_file_is_written_once(care: Care, tmp_path: Path) -> None:
    """One that somebody may have completed is never written over."""
    file = tmp_path / "map.toml"
    environment = {"SUPABASE_DB_URL": str(_url(care))}
    done = sequora_here("map", "--output", str(file), environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"SEQUORA_APPLICATION_MAP={file}" in done.stdout
    read_map("written", file.read_text(encoding="utf-8"))
    file.write_text("mine", encoding="utf-8")
    done = sequora_here("map", "--output", str(file), environment=environment)
    assert (done.returncode, file.read_text(encoding="utf-8")) == (1, "mine")
    assert "is there already" in done.stderr


def test_the_setting_that_is_advised_holds_in_every_directory(
    care: Care, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs `sequora migrate` later may be elsewhere."""
    monkeypatch.chdir(tmp_path)
    done = sequora_here("map", "--output", "map.toml", environment={"SUPABASE_DB_URL": str(_url(care))})
    assert f"set SEQUORA_APPLICATION_MAP={tmp_path / 'map.toml'} and run" in done.stdout


def test_a_directory_that_is_not_there_is_told_before_the_work(tmp_path: Path) -> None:
    """The database is not even asked."""
    nowhere = {"SUPABASE_DB_URL": "postgresql://me@127.0.0.1:1/care"}
    done = sequora_here("map", "--output", str(tmp_path / "missing" / "map.toml"), environment=nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"there is no directory {tmp_path / 'missing'}: make it, or give another --output\n"


def test_a_file_that_cannot_be_written_is_a_sentence(care: Care, tmp_path: Path) -> None:
    """Whatever the reason: here a link to nowhere."""
    file = tmp_path / "map.toml"
    file.symlink_to(tmp_path / "missing" / "map.toml")
    done = sequora_here("map", "--output", str(file), environment={"SUPABASE_DB_URL": str(_url(care))})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{file} cannot be written: No such file or directory\n"


def test_what_the_role_may_not_read_is_said(application: Callable[[str], Care], request: pytest.FixtureRequest) -> None:
    """The catalog is everybody's; the words are not, and the map would be of no use."""
    care = application("legacy.sql")
    role = f"stranger_{os.getpid()}"
    care.rows(f"CREATE ROLE {role} LOGIN")
    request.addfinalizer(lambda: care.rows(f"DROP ROLE {role}"))
    url = _url(care).set(username=role).render_as_string(hide_password=False)
    done = sequora_here("map", environment={"SUPABASE_DB_URL": url})
    assert done.returncode == 1
    assert "The words in status_name could not be read" in done.stdout
    assert "[task.statuses] closed" in done.stderr


def _url(care: Care) -> Any:
    return make_url(care.engine.url.render_as_string(hide_password=False)).set(drivername="postgresql")


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "words", "expected", "unknown"),
    [
        (
            "status",
            ["NEW", "In Progress", "resolved", "Canceled", "EXPIRED"],
            {"open": ["NEW"], "taken": ["In Progress"], "closed": ["resolved", "Canceled", "EXPIRED"]},
            [],
        ),
        ("status", ["REJECTED", "ON_HOLD", "ESCALATED", "FAILED"], {}, ["REJECTED", "ON_HOLD", "ESCALATED", "FAILED"]),
        (
            "severity",
            ["LOW", "MEDIUM", "HIGH", "URGENT"],
            {"CRITICAL": ["URGENT"], "HIGH": ["HIGH"], "MODERATE": ["MEDIUM"], "LOW": ["LOW"]},
            [],
        ),
        ("severity", ["routine", "urgent", "stat"], {"CRITICAL": ["stat"], "HIGH": ["urgent"], "LOW": ["routine"]}, []),
        ("severity", ["CRITICAL", "URGENT", "HIGH"], {"CRITICAL": ["CRITICAL"], "HIGH": ["HIGH"]}, ["URGENT"]),
        (
            "severity",
            ["P1", "P2", "P3", "P4", "P5"],
            {"CRITICAL": ["P1"], "HIGH": ["P2"], "MODERATE": ["P3"], "LOW": ["P4", "P5"]},
            [],
        ),
        ("severity", ["SEV-0", "SEV-1"], {"CRITICAL": ["SEV-0"], "HIGH": ["SEV-1"]}, []),
        ("severity", ["1", "2", "3"], {}, ["1", "2", "3"]),
        ("severity", ["RED", "AMBER", "P1"], {}, ["RED", "AMBER", "P1"]),
        (
            "role",
            ["RN", "Charge Nurse", "ADMINISTRATOR", "patient", "MANAGER", "STAFF"],
            {"NURSE": ["RN"], "SUPERVISOR": ["Charge Nurse"], "ADMIN": ["ADMINISTRATOR"], "PATIENT": ["patient"]},
            ["MANAGER", "STAFF"],
        ),
    ],
)
def test_only_what_can_mean_nothing_else_is_given_a_meaning(
    column: str, words: list[str], expected: dict[str, list[str]], unknown: list[str]
) -> None:
    """What is not obvious is left for a person to say."""
    found = meanings(column, words)
    assert {ours: its for ours, its in found.known.items() if its} == expected
    assert found.unknown == unknown


@pytest.mark.parametrize("names", [synonyms.STATUSES, synonyms.SEVERITIES, synonyms.ROLES])
def test_no_word_has_two_meanings(names: Mapping[str, list[str]]) -> None:
    """And each is spelt as words are compared."""
    words = [word for its in names.values() for word in its]
    assert len(words) == len(set(words))
    assert [word for word in words if plain(word) != word] == []
    assert set(names) in ({*STATUSES}, {*SEVERITIES}, {*ROLES})


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("CHECK ((role = ANY (ARRAY['NURSE'::text, 'O''NEIL'::text])))", ["NURSE", "O'NEIL"]),
        ("CHECK (((role)::text = ANY ((ARRAY['A'::character varying, 'B'::character varying])::text[])))", ["A", "B"]),
        ("CHECK (((role = 'A'::text) OR (role = 'B'::text)))", ["A", "B"]),
        ("CHECK ((role <> 'A'::text))", []),
        ("CHECK ((role >= 'A'::text))", []),
        ("CHECK ((length(role) = 3))", []),
    ],
)
def test_a_check_says_which_words_there_are(check: str, words: list[str]) -> None:
    """If it lists them."""
    assert words_of_checks([check]) == words


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EscalationTask", "escalationtask"),
        ("tbl_care_tasks", "caretask"),
        ("tblNurses", "nurse"),
        ("people", "person"),
        ("SMSMessages", "smsmessage"),
        ("StaffMembers", "staffmember"),
        ("encounters", "encounter"),
        ("diagnosis", "diagnosis"),
        ("t_status", "status"),
    ],
)
def test_a_tables_name_is_freed_from_what_conventions_add(name: str, expected: str) -> None:
    """Prefixes, plurals, and how it is spelt."""
    assert name_of_table(name) == expected


@pytest.mark.parametrize(
    ("column", "table", "form", "one_of_them"),
    [
        ("assignedToId", "Task", Form.ID, "assignedto"),
        ("task_due_date", "tasks", Form.TIME, "due"),
        ("createdAtUtc", "Task", Form.TIME, "created"),
        ("dt_created", "Task", Form.TIME, "created"),
        ("is_active_yn", "User", Form.FLAG, "active"),
        ("PatientFirstName", "Patients", Form.TEXT, "firstname"),
        ("patient_id", "patient", Form.ID, "id"),
    ],
)
def test_a_columns_name_is_freed_from_its_tables_and_its_types(
    column: str, table: str, form: Form, one_of_them: str
) -> None:
    """So that one synonym serves for many conventions."""
    assert one_of_them in variants(column, table, form)


# --- whatever the names are -------------------------------------------------------------------------------------------

_NAMES = st.one_of(
    st.sampled_from(
        sorted({name for columns in synonyms.COLUMNS.values() for its in columns.values() for name in its})
    ),
    st.sampled_from(sorted({name for its in synonyms.LOG.values() for name in its})),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
)

_TYPES = st.sampled_from(
    [
        ("text", "S"),
        ("uuid", "U"),
        ("bigint", "N"),
        ("boolean", "B"),
        ("jsonb", "U"),
        ("text[]", "A"),
        ('"E"', "E"),
        ("timestamp with time zone", "D"),
        ("timestamp without time zone", "D"),
        ("time without time zone", "D"),
    ]
)


@st.composite
def _columns(draw: st.DrawFn) -> DescribedColumn:
    name, (type_name, category) = draw(_NAMES), draw(_TYPES)
    doubled = name.replace('"', '""')
    return DescribedColumn(
        name=name,
        sql=f'"{doubled}"',
        type_name=type_name,
        base_name=type_name,
        category=category,
        must_be_given=draw(st.booleans()),
        is_not_null=draw(st.booleans()),
        is_counted=draw(st.booleans()),
        refers_to=draw(st.one_of(st.none(), st.integers(0, 5))),
        words=draw(st.lists(_NAMES, max_size=3, unique=True)) if category == "E" else (),
    )


@st.composite
def _tables(draw: st.DrawFn) -> list[DescribedTable]:
    names = draw(st.lists(st.sampled_from([its[0] for its in synonyms.TABLES.values()]), min_size=1, unique=True))
    columns = st.lists(_columns(), max_size=12, unique_by=lambda one: one.name)
    return [
        DescribedTable(id=id_, sql=f'public."{name}"', schema="public", name=name, columns=_with_a_key(draw(columns)))
        for id_, name in enumerate(names)
    ]


def _with_a_key(columns: list[DescribedColumn]) -> list[DescribedColumn]:
    key = DescribedColumn(
        name="the key", sql='"the key"', type_name="uuid", base_name="uuid", category="U", is_primary_key=True
    )
    return [key, *(one for one in columns if one.name != key.name)]


@given(tables=_tables(), words=st.lists(_NAMES, max_size=3, unique=True))
def test_whatever_the_names_are_it_is_a_map_unless_something_is_missing(
    tables: list[DescribedTable], words: list[str]
) -> None:
    """Names that look like TOML, or like nothing: what is written can be read."""
    choice = choose(tables)
    samples = {(one.sql, column.sql): Sample(words=words) for one in tables for column in one.columns}
    written = write_map(choice, samples)
    source = "\n".join(written.lines)
    tomllib.loads(source)
    if not written.missing:
        read_map("proposed", source)
