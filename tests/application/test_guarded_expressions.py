"""Expressions of a map: one that fails for a row is nothing for that row alone, and none does more than it says."""

from collections.abc import Callable

import pytest
from care import NURSE_PHONE, Care
from least_rights import as_role, make_role
from maps import Changes
from phones import Phones
from runs import Runs
from sqlalchemy.exc import ProgrammingError

from sequora_orchestration.application.application_map import MapError
from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.database import engine_for
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import Migrated

from .conftest import Doctor, Tables

RAISING = """CREATE FUNCTION raising(how text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE nothing record;
    BEGIN
        CASE how
            WHEN 'strictly' THEN SELECT * INTO STRICT nothing FROM pg_class WHERE false;
            WHEN 'by an assertion' THEN ASSERT false, 'it is not so';
            WHEN 'as a trigger does' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation';
            WHEN 'with a code of its own' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'ZZ123';
            WHEN 'plainly' THEN RAISE EXCEPTION 'no';
            ELSE NULL;
        END CASE;
        RETURN how;
    END $$"""


@pytest.mark.parametrize(
    ("sql", "bad"),
    [
        ("(100 / task.raw::integer)::text", "0"),
        ("task.raw::integer::text", "many"),
        ("task.raw::date::text", "yesterweek"),
        ("task.raw::jsonb ->> 'a'", "{"),
        ("task.raw::small_number::text", "12"),
        ("(SELECT 'x' FROM generate_series(1, task.raw::integer))", "2"),
        ("unnest(string_to_array(task.raw, ','))", "1,2"),
        ("(now() AT TIME ZONE nullif(task.raw, '1'))::text", "Mars"),
        ("substring('x' FROM 1 FOR task.raw::integer)", "-1"),
        ("regexp_replace('x', task.raw, '')", "("),
        ("raising(task.raw)", "plainly"),
        ("raising(task.raw)", "strictly"),
        ("raising(task.raw)", "by an assertion"),
        ("raising(task.raw)", "as a trigger does"),
        ("raising(task.raw)", "with a code of its own"),
    ],
)
def test_an_expression_that_fails_for_a_row_is_nothing_for_that_row_alone(tables: Tables, sql: str, bad: str) -> None:
    """Whatever it is that fails: the others are shown with what it yields."""
    tables.alter(
        RAISING,
        "CREATE DOMAIN small_number AS integer CHECK (VALUE < 10)",
        'ALTER TABLE "EscalationTask" ADD raw text',
    )
    tables.make({"task.priority": sql})
    tables.rows("""INSERT INTO "EscalationTask" (raw, reason_codes) VALUES ('1', '{good}'), (:bad, '{bad}')""", bad=bad)
    shown = {
        row["is"][0]: row["priority"]
        for row in tables.rows('SELECT reason_codes AS "is", priority FROM orchestration.care_task')
    }
    assert shown["bad"] is None
    assert "good" in shown


@pytest.mark.parametrize(
    ("column", "sql"),
    [
        ("severity", "CASE task.raw::integer WHEN 1 THEN 'CRITICAL' ELSE 'LOW' END"),
        ("status", "CASE WHEN task.raw::integer > 5 THEN 'RESOLVED' ELSE 'OPEN' END"),
        ("sla_due_at", "now() + task.raw::integer * interval '1 hour'"),
        ("created_at", "now() - task.raw::integer * interval '1 second'"),
        ("episode_id", "task.raw::integer"),
        ("reason_codes", "ARRAY['CODE_' || task.raw::integer]"),
        ("picked_up_at", "CASE WHEN task.raw::integer > 5 THEN now() END"),
    ],
)
def test_a_task_whose_row_fails_is_claimed_like_any_other(
    care: Care, put_in_force: Callable[..., Migrated], ledger: Ledger, column: str, sql: str
) -> None:
    """Of what is not known the more urgent is assumed: open, not taken, just created."""
    care.alter('ALTER TABLE "EscalationTask" ADD raw text')
    put_in_force({f"task.{column}": sql})
    nurse = care.a_nurse()
    expected = {care.a_task(nurse, raw="1"), care.a_task(nurse, raw="nonsense"), care.a_task(nurse, raw=None)}
    assert {subject.id for claim in ledger.claims.claim(NEW_TASKS) for subject in claim.subjects} == expected


def test_a_task_whose_row_fails_is_texted_without_what_is_not_known(
    care: Care, put_in_force: Callable[..., Migrated], runs: Runs, phones: Phones
) -> None:
    """And the nurse of another with it."""
    put_in_force({"task.priority": "(1 / length(task.priority))::text"})
    nurse = care.a_nurse()
    care.a_task(nurse, severity="CRITICAL", priority="")
    care.a_task(nurse, severity="LOW", priority="x")
    assert all(run.success for run in runs.tick(NEW_TASKS))
    phones(NURSE_PHONE).received_text(containing=["CRITICAL", "Priority: UNSPECIFIED"])
    phones(NURSE_PHONE).received_text(containing=["LOW", "Priority: 1"])


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        ("DROP FUNCTION looked_up", "function public.looked_up(text) does not exist"),
        ("DROP TABLE others", 'relation "public.others" does not exist'),
    ],
)
def test_an_expression_that_fails_for_every_row_is_an_error_and_not_nothing(
    care: Care,
    put_in_force: Callable[..., Migrated],
    ledger: Ledger,
    doctor: Doctor,
    breaking: str,
    said: str,
) -> None:
    """Of a status that cannot be worked out any more every task would be open again; doctor says why."""
    care.rows("CREATE TABLE others (status text)")
    care.rows("CREATE FUNCTION looked_up(status text) RETURNS text LANGUAGE sql AS 'SELECT status'")
    put_in_force(
        {"task.status": "coalesce((SELECT o.status FROM public.others o LIMIT 1), public.looked_up(task.status))"}
    )
    care.a_task(care.a_nurse(), status="RESOLVED")
    care.rows(breaking)
    with pytest.raises(ProgrammingError, match="does not exist"):
        ledger.claims.claim(NEW_TASKS)
    found = doctor()["columns"]
    assert found.level is Level.FAIL
    assert said in found.said


def test_an_expression_may_read_other_tables_in_whatever_schema(
    care: Care, care_url: str, put_in_force: Callable[..., Migrated]
) -> None:
    """And the least role may, too."""
    care.rows("CREATE SCHEMA elsewhere")
    care.rows('CREATE TABLE elsewhere."On Call" (id uuid)')
    put_in_force({"person.is_on_call": """EXISTS (SELECT FROM elsewhere."On Call" o WHERE o.id = person.id)"""})
    on_call, other = care.a_supervisor(), care.a_supervisor()
    care.rows("""INSERT INTO elsewhere."On Call" VALUES (:id)""", id=on_call)
    make_role(care.engine)
    system = Care(engine_for(as_role(care_url)))
    rows = system.rows("SELECT id, is_on_call FROM orchestration.care_person")
    assert {row["id"]: row["is_on_call"] for row in rows} == {on_call: True, other: False}


def test_what_an_expression_calls_is_found_whatever_the_search_path(tables: Tables) -> None:
    """It is looked for where it was found when the views were made: the running system's role may look elsewhere."""
    tables.alter(
        "CREATE SCHEMA helpers",
        "CREATE TYPE helpers.grade AS ENUM ('HIGH', 'LOW')",
        "CREATE FUNCTION helpers.graded(text) RETURNS helpers.grade LANGUAGE sql AS 'SELECT $1::helpers.grade'",
    )
    tables.rows("SET LOCAL search_path TO helpers, public")
    tables.make({"task.severity": "graded(task.severity)", "task.priority": "task.priority::grade"})
    tables.rows("""INSERT INTO "EscalationTask" (severity, priority) VALUES ('LOW', 'HIGH'), ('x', 'y')""")
    tables.rows("SET LOCAL search_path TO pg_catalog")
    rows = tables.rows("SELECT severity, priority FROM orchestration.care_task ORDER BY severity")
    assert [tuple(row.values()) for row in rows] == [("LOW", "HIGH"), (None, None)]


@pytest.mark.parametrize(
    "sql", ["'NOR' || 'MAL'", "(SELECT 'NORMAL')", "coalesce(NULL, 'NORMAL')", "upper('normal')", "'NORMAL'::varchar"]
)
def test_an_expression_may_use_no_column_at_all(tables: Tables, sql: str) -> None:
    """It is the same for every row."""
    tables.make({"task.priority": sql})
    tables.rows('INSERT INTO "EscalationTask" DEFAULT VALUES')
    assert tables.one("SELECT priority FROM orchestration.care_task") == "NORMAL"


@pytest.mark.parametrize(
    ("sql", "yields"),
    [
        ("'a:b ::c :d'", "a:b ::c :d"),
        ("'100% %s %(x)s %%'", "100% %s %(x)s %%"),
        ("'it''s'", "it's"),
        ("'back\\slash \\: \\'", "back\\slash \\: \\"),
        ("E'tab\\tit\\'s'", "tab\tit's"),
        ("$$it's; $1 :x %s$$", "it's; $1 :x %s"),
        ("$x$ $$ $x$", " $$ "),
        ("U&'\\0041'", "A"),
        ("'{x} {}'", "{x} {}"),
        ("left('abc', (task.id IS NOT NULL)::int)", "a"),
        ("CASE WHEN task.id IS NOT NULL THEN 'x' END", "x"),
        ("'--' -- ; a comment", "--"),
        ("(ARRAY['a', 'b'])[2:2]::text", "{b}"),
        ("coalesce(task.\"100%: 'odd' ; (\"\"?\", 'none')", "none"),
        ('task."100%: \'odd\' ; (""?"', None),
    ],
)
def test_whatever_stands_in_an_expression_is_part_of_it(tables: Tables, sql: str, yields: str | None) -> None:
    """Colons, percent signs, quotes of every kind and backslashes mean what they mean to the database."""
    tables.alter("""ALTER TABLE "EscalationTask" ADD "100%: 'odd' ; (""?" text""")
    for place in ("task.priority", "task.status"):
        tables.make({place: sql})
        tables.rows('DELETE FROM "EscalationTask"')
        tables.rows('INSERT INTO "EscalationTask" DEFAULT VALUES')
        assert tables.one(f"SELECT {place.removeprefix('task.')} FROM orchestration.care_task") == yields


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task.priority": "$1"}, "there is no parameter"),
        ({"task.priority": "$x$ not closed"}, "unterminated dollar-quoted string"),
        ({"task.priority": "task.priority AS it"}, "syntax error"),
        ({"task.priority": "sum(1) OVER (), 1"}, "record|syntax error"),
        ({"task.table": 'public."EscalationTask" AS task, public."User"'}, "valid|syntax"),
        ({"log.row.method": "$1"}, "there is no parameter"),
        ({"log.row.method": "sent.state"}, 'missing FROM-clause entry for table "sent"'),
    ],
)
def test_what_would_reach_beyond_its_place_is_refused(tables: Tables, changes: Changes, said: str) -> None:
    """In a sentence that names the place."""
    with pytest.raises(MapError, match=said) as refused:
        tables.make(changes)
    assert refused.value.problems[0].startswith(next(iter(changes)))


def test_words_of_a_map_may_have_any_characters(tables: Tables) -> None:
    """They are compared, and nothing else."""
    odd = 'it\'s 100% done: \\ "x" ; $$ :y --'
    tables.make({"task.statuses.closed": [odd]})
    tables.rows('INSERT INTO "EscalationTask" (status) VALUES (:odd)', odd=odd)
    assert tables.one("SELECT is_closed FROM orchestration.care_task") is True
