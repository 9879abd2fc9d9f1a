"""A task that its nurse accepts or resolves is written into the application's table, if it is open and hers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from care import NOW, Care
from least_rights import ROLE, as_role, make_role
from psycopg2 import Error
from psycopg2.errors import CheckViolation, InsufficientPrivilege, InvalidTextRepresentation
from running_system import eventually
from sequora_care import SequoraCare
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.database import engine_for
from sequora_orchestration.migrations.apply import Migrated

from .conftest import Doctor, Tables

HOUR = timedelta(hours=1)

ANSWERS = ("accept", "resolve")

COLUMNS = "status::text, assigned_to_user_id::text, picked_up_at, resolved_at"


@pytest.fixture(params=["care", "sequora_care"])
def each(request: pytest.FixtureRequest) -> Care:
    """The application, once with the tables of each map that comes along."""
    care = request.getfixturevalue(str(request.param))
    assert isinstance(care, Care)
    care.it_is(NOW)
    return care


def answer(care: Care, verb: str, task: str, nurse: str) -> Any:
    """Let a nurse accept or resolve a task; return whether it stands there."""
    return care.one(f"SELECT orchestration.{verb}_task(:task, :nurse)", task=task, nurse=nurse)


def row_of(care: Care, task: str) -> tuple[object, ...]:
    """Return a task's status, nurse, and the times at which she took and closed it."""
    (row,) = care.rows(f'SELECT {COLUMNS} FROM "EscalationTask" WHERE id::text = :task', task=task)
    return tuple(row.values())


def version_of(care: Care, task: str) -> Any:
    """Return what differs after every write to a task's row, even one that changes nothing."""
    return care.one('SELECT xmin::text FROM "EscalationTask" WHERE id::text = :task', task=task)


def refusal(care: Care, verb: str, task: str, nurse: str) -> Error:
    """Let a nurse answer, and return the error."""
    with pytest.raises(DBAPIError) as refused:
        answer(care, verb, task, nurse)
    assert isinstance(refused.value.orig, Error)
    return refused.value.orig


# --- what is written --------------------------------------------------------------------------------------------------


def test_a_task_is_accepted_and_then_resolved(each: Care) -> None:
    """With the times of both, and in the application's own words."""
    nurse = each.a_nurse()
    task = each.a_task(nurse)
    assert each.rows("SELECT orchestration.writes_back('ACCEPT') AND orchestration.writes_back('RESOLVE') AS both")[0][
        "both"
    ]
    assert answer(each, "accept", task, nurse) is True
    assert row_of(each, task) == ("IN_PROGRESS", nurse, NOW, None)
    each.it_is(NOW + HOUR)
    assert answer(each, "resolve", task, nurse) is True
    assert row_of(each, task) == ("RESOLVED", nurse, NOW, NOW + HOUR)
    assert each.one("SELECT is_closed FROM orchestration.care_task") is True


def test_the_time_of_the_last_change_is_written(care: Care) -> None:
    """Where no trigger of the application's does so."""
    care.it_is(NOW)
    nurse = care.a_nurse()
    for verb in ANSWERS:
        task = care.a_task(nurse, updated_at=NOW - HOUR)
        assert answer(care, verb, task, nurse) is True
        assert care.one('SELECT updated_at FROM "EscalationTask" WHERE id = :id', id=task) == NOW


def test_a_task_that_she_has_taken_already_stays_as_it_is(each: Care) -> None:
    """Accepted twice, or taken in the application before: it is accepted."""
    nurse = each.a_nurse()
    by_text = each.a_task(nurse)
    in_the_application = each.a_task(nurse, status="IN_PROGRESS", picked_up_at=NOW - HOUR)
    assert answer(each, "accept", by_text, nurse) is True
    for task in (by_text, in_the_application):
        before = version_of(each, task), row_of(each, task)
        assert answer(each, "accept", task, nurse) is True
        assert (version_of(each, task), row_of(each, task)) == before


@pytest.mark.parametrize("verb", ANSWERS)
@pytest.mark.parametrize("status", ["RESOLVED", "CANCELLED", "EXPIRED"])
def test_a_task_that_is_closed_is_not_changed(each: Care, verb: str, status: str) -> None:
    """Whoever has closed it: the answer is no."""
    nurse = each.a_nurse()
    task = each.a_task(nurse, status=status)
    before = version_of(each, task)
    assert answer(each, verb, task, nurse) is False
    assert version_of(each, task) == before


@pytest.mark.parametrize("verb", ANSWERS)
def test_a_task_that_is_not_hers_is_not_changed(each: Care, verb: str) -> None:
    """It is another's, or nobody's, or there is none."""
    nurse, other = each.a_nurse(), each.a_nurse(None)
    for task in (each.a_task(other), each.a_task(None), each.a_task(other, status="IN_PROGRESS", picked_up_at=NOW)):
        before = version_of(each, task)
        assert answer(each, verb, task, nurse) is False
        assert version_of(each, task) == before
    assert answer(each, verb, nurse, nurse) is False


def test_a_status_that_is_not_open_by_name_stays_as_it_is(care: Care) -> None:
    """Nobody knows whether it may become another; the time says that she has taken the task."""
    care.it_is(NOW)
    nurse = care.a_nurse()
    for status in ("ON_HOLD", None):
        task = care.a_task(nurse, status=status)
        assert answer(care, "accept", task, nurse) is True
        assert row_of(care, task) == (status, nurse, NOW, None)
        assert care.one("SELECT is_taken FROM orchestration.care_task WHERE id = :id", id=task) is True


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_an_enum_and_times_without_a_zone_are_written(care: Care, zone: str) -> None:
    """In UTC, whatever the session's zone; an enum may be a domain, too."""
    care.alter(
        "CREATE TYPE task_state AS ENUM ('OPEN', 'IN_PROGRESS', 'RESOLVED')",
        "CREATE DOMAIN state AS task_state",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE state USING NULL',
        *(f'ALTER TABLE "EscalationTask" ALTER {one} TYPE timestamp' for one in ("picked_up_at", "resolved_at")),
    )
    care.it_is(NOW)
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    set_zone = f"SELECT set_config('timezone', '{zone}', false), orchestration"
    care.rows(f"{set_zone}.accept_task(:task, :nurse)", task=task, nurse=nurse)
    at = NOW.replace(tzinfo=None)
    assert row_of(care, task) == ("IN_PROGRESS", nurse, at, None)
    care.rows(f"{set_zone}.resolve_task(:task, :nurse)", task=task, nurse=nurse)
    assert row_of(care, task) == ("RESOLVED", nurse, at, at)


@pytest.mark.parametrize("type_name", ["bigint", "text", "varchar(36)", "char(36)", "char(40)", "numeric(20)"])
def test_a_task_is_answered_whatever_ids_are(tables: Tables, type_name: str) -> None:
    """What is written as hers has the type of the application's own column."""
    tables.alter(
        'ALTER TABLE "EscalationTask" DROP CONSTRAINT "EscalationTask_pkey", ALTER id DROP DEFAULT',
        f'ALTER TABLE "EscalationTask" ALTER id TYPE {type_name} USING NULL, ADD PRIMARY KEY (id),'
        f" ALTER assigned_to_user_id TYPE {type_name} USING NULL, ADD closed_by {type_name}",
    )
    tables.make({"resolving.closed_by": "coalesce(task.closed_by, answer.person_id)"})
    is_number = type_name.startswith(("bigint", "numeric"))
    task, nurse = ("17", "4") if is_number else (f"00000000-0000-4000-8000-00000000000{one}" for one in (1, 2))
    tables.rows(
        'INSERT INTO "EscalationTask" (id, assigned_to_user_id)'
        f" VALUES (CAST(:task AS {type_name}), CAST(:nurse AS {type_name}))",
        task=task,
        nurse=nurse,
    )
    for verb in ANSWERS:
        assert tables.one(f"SELECT orchestration.{verb}_task(:task, :nurse)", task=task, nurse=nurse) is True
    (row,) = tables.rows('SELECT status, closed_by::text AS closed_by FROM "EscalationTask"')
    assert (row["status"], row["closed_by"].strip()) == ("RESOLVED", nurse)


def test_an_answer_may_be_written_through_a_view(tables: Tables) -> None:
    """Whose trigger writes elsewhere."""
    tables.alter(
        'ALTER TABLE "EscalationTask" RENAME TO tasks',
        'CREATE VIEW "EscalationTask" AS SELECT * FROM tasks UNION ALL SELECT * FROM tasks WHERE false',
        "CREATE FUNCTION writes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE public.tasks SET status = NEW.status WHERE id = NEW.id; RETURN NEW; END $$",
        'CREATE TRIGGER writes INSTEAD OF UPDATE ON "EscalationTask" FOR EACH ROW EXECUTE FUNCTION writes()',
    )
    tables.make()
    task, nurse = (f"00000000-0000-4000-8000-00000000000{one}" for one in (1, 2))
    tables.rows("INSERT INTO tasks (id, assigned_to_user_id) VALUES (:task, :nurse)", task=task, nurse=nurse)
    for verb, status in (("accept", "IN_PROGRESS"), ("resolve", "RESOLVED")):
        assert tables.one(f"SELECT orchestration.{verb}_task(:task, :nurse)", task=task, nurse=nurse) is True
        assert tables.one("SELECT status FROM tasks") == status


@pytest.mark.parametrize(("part", "verb"), [("accepting", "accept"), ("resolving", "resolve")])
def test_without_its_section_a_command_is_not_written(
    care: Care, put_in_force: Callable[..., Migrated], part: str, verb: str
) -> None:
    """The other one is."""
    put_in_force({part: None})
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    written = {one: care.one("SELECT orchestration.writes_back(:one)", one=one.upper()) for one in ANSWERS}
    assert written == {one: one != verb for one in ANSWERS}
    assert answer(care, verb, task, nurse) is False
    assert row_of(care, task) == ("OPEN", nurse, None, None)
    (other,) = set(ANSWERS) - {verb}
    assert answer(care, other, task, nurse) is True


@pytest.mark.parametrize("command", ["HAND_OVER", "accept", "", None])
def test_no_other_command_is_ever_written(care: Care, command: str | None) -> None:
    """Nor one that is nothing."""
    assert care.one("SELECT orchestration.writes_back(:command)", command=command) is False


# --- at the same time -------------------------------------------------------------------------------------------------


@contextmanager
def in_the_same_moment(care: Care, sql: str, verb: str, task: str, nurse: str) -> Iterator[list[object]]:
    """Let the application change a task, and commit only when the nurse's answer waits for that; yield its outcome."""
    outcome: list[object] = []
    application = care.engine.execution_options(isolation_level="READ COMMITTED")
    with ThreadPoolExecutor(1) as pool:
        with application.begin() as transaction:
            transaction.exec_driver_sql(sql)
            answering = pool.submit(answer, care, verb, task, nurse)
            eventually(
                lambda: care.one("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0,
                within=30,
                what="the answer waits for the application",
            )
        outcome.append(answering.result())
    yield outcome


@pytest.mark.parametrize("verb", ANSWERS)
@pytest.mark.parametrize("change", ["status = 'CANCELLED'", "assigned_to_user_id = '{other}'", "closed by deletion"])
def test_a_task_that_is_closed_or_reassigned_in_the_same_moment_is_not_changed(
    each: Care, verb: str, change: str
) -> None:
    """The answer waits for the application, and looks again."""
    nurse, other = each.a_nurse(), each.a_nurse(None)
    task = each.a_task(nurse)
    sql = f"""UPDATE "EscalationTask" SET {change.format(other=other)} WHERE id = '{task}'"""
    if change == "closed by deletion":
        sql = f"""DELETE FROM "EscalationTask" WHERE id = '{task}'"""
    with in_the_same_moment(each, sql, verb, task, nurse) as outcome:
        assert outcome == [False]
    for row in each.rows('SELECT picked_up_at, resolved_at FROM "EscalationTask"'):
        assert (row["picked_up_at"], row["resolved_at"]) == (None, None)


def test_a_task_that_she_takes_in_the_application_in_the_same_moment_is_accepted(each: Care) -> None:
    """With the application's time."""
    nurse = each.a_nurse()
    task = each.a_task(nurse)
    earlier = NOW - HOUR
    sql = (
        f"UPDATE \"EscalationTask\" SET status = 'IN_PROGRESS', picked_up_at = '{earlier.isoformat()}'"
        f" WHERE id = '{task}'"
    )
    with in_the_same_moment(each, sql, "accept", task, nurse) as outcome:
        assert outcome == [True]
    assert row_of(each, task) == ("IN_PROGRESS", nurse, earlier, None)


# --- what the application refuses -------------------------------------------------------------------------------------

SECRET = "Ellen Marsh"


def no_row_is_quoted(error: Error, *values: str) -> None:
    """Fail if an error says anything of a row."""
    told = f"{error} {error.diag.message_detail} {error.diag.message_hint} {error.diag.context}"
    assert error.diag.message_detail is None
    assert error.diag.message_hint is None
    for value in (SECRET, *values):
        assert value not in told


@pytest.mark.parametrize(("verb", "done"), [("accept", "accepted"), ("resolve", "resolved")])
@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("RAISE EXCEPTION 'not {secret}, %', NEW.id USING DETAIL = NEW, HINT = '{secret}'", "P0001"),
        ("RAISE EXCEPTION '{secret}' USING ERRCODE = 'SQ001'", "SQ001"),
        ("ASSERT false, '{secret}'", "P0004"),
        ("PERFORM CAST('{secret}' AS integer)", "22P02"),
    ],
)
def test_a_trigger_that_refuses_is_told_without_the_row(
    each: Care, verb: str, done: str, raised: str, code: str
) -> None:
    """With the SQLSTATE, by which an engineer finds the trigger."""
    each.rows(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN {raised.format(secret=SECRET)}; RETURN NEW; END $$"
    )
    each.rows('CREATE TRIGGER refuse BEFORE UPDATE ON "EscalationTask" FOR EACH ROW EXECUTE FUNCTION refuse()')
    nurse = each.a_nurse()
    task = each.a_task(nurse)
    error = refusal(each, verb, task, nurse)
    assert error.pgcode == code
    assert error.diag.message_primary == f"the application refuses to have a task {done}"
    no_row_is_quoted(error, task, nurse)
    assert row_of(each, task) == ("OPEN", nurse, None, None)


@pytest.mark.parametrize("verb", ANSWERS)
def test_a_check_that_refuses_is_told_by_its_name(each: Care, verb: str) -> None:
    """And not by the row that it refuses, as the server would."""
    each.rows("""ALTER TABLE "EscalationTask" ADD CONSTRAINT stays_open CHECK (status = 'OPEN')""")
    nurse = each.a_nurse()
    task = each.a_task(nurse)
    error = refusal(each, verb, task, nurse)
    assert isinstance(error, CheckViolation)
    assert (error.diag.constraint_name, error.diag.table_name) == ("stays_open", "EscalationTask")
    no_row_is_quoted(error, task, nurse)


def test_a_word_that_an_enum_lacks_is_an_error_without_the_word(care: Care) -> None:
    """The doctor says which word."""
    care.alter(
        "CREATE TYPE task_state AS ENUM ('OPEN', 'IN_PROGRESS', 'DONE')",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE task_state USING NULL',
    )
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    assert isinstance(refusal(care, "resolve", task, nurse), InvalidTextRepresentation)


def test_an_id_that_cannot_be_is_an_error_without_the_id(care: Care) -> None:
    """As it stands in the ledger of another database, say."""
    nurse = care.a_nurse()
    error = refusal(care, "accept", SECRET, nurse)
    assert isinstance(error, InvalidTextRepresentation)
    no_row_is_quoted(error, nurse)


def test_a_trigger_that_drops_the_change_is_no_acceptance(each: Care) -> None:
    """Nothing was written."""
    each.rows("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    each.rows('CREATE TRIGGER keep BEFORE UPDATE ON "EscalationTask" FOR EACH ROW EXECUTE FUNCTION keep()')
    nurse = each.a_nurse()
    task = each.a_task(nurse)
    for verb in ANSWERS:
        assert answer(each, verb, task, nurse) is False


# --- rights and policies ----------------------------------------------------------------------------------------------


@pytest.fixture
def url(request: pytest.FixtureRequest, each: Care) -> str:
    """The URL of the application's database."""
    return str(request.getfixturevalue("sequora_care_url" if isinstance(each, SequoraCare) else "care_url"))


@pytest.mark.parametrize("verb", ANSWERS)
def test_the_least_role_answers_where_that_is_asked_for_and_nowhere_else(each: Care, url: str, verb: str) -> None:
    """Row level security or not; a role that assigns may do no more."""
    each.rows('ALTER TABLE "EscalationTask" ENABLE ROW LEVEL SECURITY')
    system = Care(engine_for(as_role(url)))
    nurse = each.a_nurse()
    task = each.a_task(nurse)
    for assigns in (False, True):
        make_role(each.engine, assigns=assigns)
        error = refusal(system, verb, task, nurse)
        assert isinstance(error, InsufficientPrivilege)
        no_row_is_quoted(error, task, nurse)
    make_role(each.engine, writes_back=True)
    assert answer(system, verb, task, nurse) is True
    assert row_of(each, task)[0] == {"accept": "IN_PROGRESS", "resolve": "RESOLVED"}[verb]


def test_a_role_that_writes_answers_may_write_nothing_else(each: Care, url: str) -> None:
    """The columns of the map, and of those of an assignment only the one that is in both."""
    make_role(each.engine, writes_back=True)
    system = Care(engine_for(as_role(url)))
    columns = system.rows(
        """SELECT attname FROM pg_attribute WHERE attrelid = '"EscalationTask"'::regclass AND attnum > 0
           AND has_column_privilege(attrelid, attnum, 'UPDATE')"""
    )
    assert {row["attname"] for row in columns} == {"status", "picked_up_at", "resolved_at", "updated_at"}


@pytest.mark.parametrize("verb", ANSWERS)
def test_a_task_that_a_policy_hides_is_not_answered(each: Care, url: str, verb: str) -> None:
    """It is as if there were none."""
    make_role(each.engine, writes_back=True)
    each.rows('ALTER TABLE "EscalationTask" ENABLE ROW LEVEL SECURITY')
    each.rows(f"""CREATE POLICY hides ON "EscalationTask" AS RESTRICTIVE TO {ROLE} USING (severity <> 'LOW')""")
    system = Care(engine_for(as_role(url)))
    nurse = each.a_nurse()
    hidden, shown = each.a_task(nurse, severity="LOW"), each.a_task(nurse, severity="HIGH")
    assert answer(system, verb, hidden, nurse) is False
    assert answer(system, verb, shown, nurse) is True
    assert row_of(each, hidden) == ("OPEN", nurse, None, None)


@pytest.mark.parametrize("verb", ANSWERS)
def test_a_policy_that_refuses_the_change_is_an_error_without_the_row(each: Care, url: str, verb: str) -> None:
    """A WITH CHECK of the application's."""
    make_role(each.engine, writes_back=True)
    each.rows('ALTER TABLE "EscalationTask" ENABLE ROW LEVEL SECURITY')
    each.rows(
        f"""CREATE POLICY keeps ON "EscalationTask" AS RESTRICTIVE FOR UPDATE TO {ROLE}
            USING (true) WITH CHECK (status = 'OPEN')"""
    )
    nurse = each.a_nurse()
    task = each.a_task(nurse)
    error = refusal(Care(engine_for(as_role(url))), verb, task, nurse)
    assert isinstance(error, InsufficientPrivilege)
    no_row_is_quoted(error, task, nurse)


def test_what_an_answers_expressions_read_is_granted_with_it(
    care: Care, care_url: str, put_in_force: Callable[..., Migrated], doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that no view shows, another table, a type in a schema of its own; and not before."""
    care.rows("CREATE SCHEMA of_words")
    care.rows("CREATE TYPE of_words.outcome AS ENUM ('by text', 'in person')")
    care.rows("CREATE TABLE outcomes (word text)")
    care.rows("INSERT INTO outcomes VALUES ('by text')")
    care.alter('ALTER TABLE "EscalationTask" ADD outcome of_words.outcome, ADD note text')
    put_in_force(
        {
            "resolving.outcome": "(SELECT word FROM public.outcomes WHERE task.note IS NULL)",
            "accepting.outcome": "coalesce(task.outcome, 'in person'::of_words.outcome)",
        }
    )
    nurse = care.a_nurse()
    tasks = [care.a_task(nurse) for _ in range(2)]
    make_role(care.engine)
    system = Care(engine_for(as_role(care_url)))
    assert not system.one(
        "SELECT has_schema_privilege('of_words', 'USAGE') OR has_table_privilege('outcomes', 'SELECT')"
    )
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    assert doctor()["rights"].said == "the role may do what the system does"
    monkeypatch.setenv("SEQUORA_WRITE_BACK", "on")
    _, _, lacking = doctor()["rights"].said.partition(" lacks ")
    assert set(lacking.split(", ")) == {
        "USAGE on the schema of_words",
        'SELECT on "outcomes"',
        'UPDATE on "EscalationTask"',
    }
    make_role(care.engine, writes_back=True)
    assert doctor()["rights"].said == "the role may do what the system does"
    for verb, task in zip(ANSWERS, tasks, strict=True):
        assert answer(system, verb, task, nurse) is True
    outcomes = [care.one('SELECT outcome::text FROM "EscalationTask" WHERE id = :id', id=task) for task in tasks]
    assert outcomes == ["in person", "by text"]
