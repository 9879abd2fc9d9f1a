"""Which map is taken for which tables, and what is said where one does not fit."""

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from maps import a_source

from sequora_orchestration.application.application_map import MapError, read_map
from sequora_orchestration.application.dropped_views import drop_views
from sequora_orchestration.application.seam import bring_up_to_date

from .conftest import Tables

# A map by which nothing is written into a task.
NOTHING_WRITTEN = {"assignment": None, "accepting": None, "resolving": None}


def suggested(problem: str) -> list[str]:
    """Return what a sentence says to write."""
    _, _, advice = problem.partition("; write ")
    return [written.replace('\\"', '"') for written in re.findall(r'"((?:[^"\\]|\\.)*)"', advice)]


def test_the_briefs_map_is_taken_for_the_briefs_tables(tables: Tables) -> None:
    """It is the first that fits; the views are there already."""
    assert bring_up_to_date(tables.connection, None) is None
    tables.rows("DELETE FROM orchestration.application_map")
    made = bring_up_to_date(tables.connection, None)
    assert made
    assert made.name == "brief"


def test_the_applications_own_map_is_taken_for_its_tables(sequora_tables: Tables) -> None:
    """The brief's does not fit: it knows columns that are not there."""
    sequora_tables.rows("DELETE FROM orchestration.application_map")
    made = bring_up_to_date(sequora_tables.connection, None)
    assert made
    assert made.name == "sequora"
    assert any("task.priority" in one for one in sequora_tables.problems(of="brief"))


def test_the_applications_own_map_fits_older_tables_of_its(sequora_tables: Tables) -> None:
    """Without plans, consents and shifts: nothing is known of zones then, everybody may be texted."""
    sequora_tables.alter('DROP TABLE "OutreachPlan"', 'DROP TABLE "SMSConsent"', 'DROP TABLE "NurseShift"')
    fitted = sequora_tables.fit(of="sequora")
    assert fitted.problems == []
    assert fitted.sections["episode"].columns["timezone"].sql == "NULL"
    assert fitted.sections["patient"].columns["may_be_texted"].sql == "true"
    assert "shift" not in fitted.sections
    sequora_tables.make(of="sequora")
    assert sequora_tables.rows("SELECT * FROM orchestration.care_shift") == []


def test_a_table_that_an_alternative_reads_is_noticed_when_it_comes(sequora_tables: Tables) -> None:
    """Its columns are in no view so far; from then on a consent counts."""
    consent = sequora_tables.one("SELECT pg_get_viewdef('orchestration.care_patient')")
    sequora_tables.alter('ALTER TABLE "SMSConsent" RENAME TO "SMSConsentOfLater"')
    sequora_tables.make(of="sequora")
    sequora_tables.rows('ALTER TABLE "SMSConsentOfLater" RENAME TO "SMSConsent"')
    sequora_tables.make(of="sequora")
    assert sequora_tables.one("SELECT pg_get_viewdef('orchestration.care_patient')") == consent


def test_a_table_that_an_application_may_lack_is_noticed_when_it_comes(sequora_tables: Tables) -> None:
    """From then on nurses have shifts."""
    sequora_tables.alter('ALTER TABLE "NurseShift" RENAME TO "NurseShiftOfLater"')
    sequora_tables.make(of="sequora")
    sequora_tables.rows('ALTER TABLE "NurseShiftOfLater" RENAME TO "NurseShift"')
    sequora_tables.make(of="sequora")
    sequora_tables.rows('INSERT INTO "NurseShift" (is_active) VALUES (false)')
    assert sequora_tables.one("SELECT is_active FROM orchestration.care_shift") is False


def test_where_no_map_fits_the_closest_is_told_with_its_columns(tables: Tables) -> None:
    """And what can be done about it."""
    tables.alter('ALTER TABLE "EscalationTask" RENAME severity TO how_bad')
    with pytest.raises(MapError) as refused:
        bring_up_to_date(tables.connection, None)
    assert str(refused.value) == (
        "no map that comes along fits: `sequora map` proposes one for this database; the closest is brief, of which "
        "this cannot be used:\n"
        '  - task.severity = "task.severity": column task.severity does not exist'
    )


def test_a_database_of_something_else_is_told_from_one_with_a_column_less(tables: Tables) -> None:
    """Whoever gave another database's URL looks for a table, and not for columns."""
    tables.alter(*(f'DROP TABLE "{table}"' for table in ("EscalationTask", "User", "Episode", "Patient")))
    problems = tables.problems()
    assert problems[0] == (
        'task.table: there is no table public."EscalationTask"; is SUPABASE_DB_URL the application\'s database?'
    )
    assert [one.split(":")[0] for one in problems] == ["task.table", "person.table", "episode.table", "patient.table"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task.table": "public.nothing"}, "there is no table public.nothing"),
        ({"task.table": "nothing.tasks"}, "there is no table nothing.tasks"),
        ({"task.table": '"EscalationTask"'}, 'say in which schema it is: "public.\\"EscalationTask\\""'),
        ({"task.table": "public.EscalationTask"}, "there is no table public.EscalationTask"),
        ({"task.table": "public.a.b.c"}, "improper relation name"),
        ({"task.table": "public..tasks"}, "valid"),
        ({"task.table": 'public."tasks'}, "valid"),
        ({"task.table": "public.tasks; DROP TABLE x"}, "valid"),
        ({"task.table": 'public."User_pkey"'}, 'public."User_pkey" is no table'),
        ({"log.table": '"NotificationLog"'}, 'say in which schema it is: "public.\\"NotificationLog\\""'),
        ({"log.table": "public.nothing"}, "there is no table public.nothing"),
    ],
)
def test_a_table_that_is_not_there_is_named(tables: Tables, changes: Mapping[str, str], said: str) -> None:
    """One without its schema, too: another role may find another table under that name."""
    (place,) = changes
    (problem,) = tables.problems(changes)
    assert problem.startswith(f"{place}: ")
    assert said in problem


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("task.nothing", "column task.nothing does not exist"),
        ("nothing", 'column "nothing" does not exist'),
        ("task.createdAt", "column task.createdat does not exist"),
        ("nothing(task.id)", r"function nothing\(uuid\) does not exist"),
        ("nothing.of(task.id)", 'schema "nothing" does not exist'),
        ("task.id::nothing", 'type "nothing" does not exist'),
        ("task.id::nothing.of", 'schema "nothing" does not exist'),
        ("(SELECT 1 FROM nothing)", 'relation "nothing" does not exist'),
        ("(SELECT 1, 2)", "subquery must return only one column"),
        ("task.id + 1", r"operator does not exist: uuid \+ integer"),
        ("task.id task.id", "syntax error"),
        ("", "is to be an SQL expression"),
        ("1 / 0", "division by zero"),
        ("'x'::integer", "invalid input syntax for type integer"),
        ("(task.id, task.status)", "it is of the type record, which no column can be of"),
        ("pg_sleep(0)", "it is of the type void, which no column can be of"),
        ("other.public.nothing", "column other.public.nothing does not exist|missing FROM-clause|cross-database"),
    ],
)
def test_an_expression_that_the_database_does_not_understand_is_told_in_its_words(
    tables: Tables, sql: str, said: str
) -> None:
    """Whatever it is, it is a sentence with the column's name."""
    try:
        (problem,) = tables.problems({"task.priority": sql})
    except MapError as refused:
        (problem,) = refused.problems
    assert problem.startswith("task.priority")
    assert re.search(said, problem), problem


@pytest.mark.parametrize("sql", ["task", "to_json(task)", "row_to_json(task.*)", "task IS NOT NULL"])
def test_an_expression_that_reads_the_whole_row_is_refused(tables: Tables, sql: str) -> None:
    """A row of another day has other columns: it must be said which are meant."""
    with pytest.raises(MapError, match="name the columns that it needs, and not the whole row"):
        tables.make({"task.priority": sql})


def test_the_first_alternative_that_is_understood_is_taken(tables: Tables) -> None:
    """However many are not, for a column or a table that is not there."""
    older = ["task.urgency", "(SELECT name FROM public.urgencies)", "(SELECT name FROM nothing.urgencies)"]
    fitted = tables.fit({"task.priority": [*older, "'NORMAL'", "task.priority"]})
    assert fitted.sections["task"].columns["priority"].sql == "'NORMAL'"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("nothing(1)", "function nothing(integer) does not exist"),
        ('(SELECT u.nothing FROM public."User" u LIMIT 1)', "column u.nothing does not exist"),
        ('(SELECT x.id FROM public."User" u LIMIT 1)', 'missing FROM-clause entry for table "x"'),
        ("lower(task.urgency)", "column task.urgency does not exist"),
        ("task.priority + 1", "operator does not exist: text + integer"),
        ("(SELECT 1, 2)", "subquery must return only one column"),
        ("(task.id, task.status)", "it is of the type record"),
    ],
)
def test_an_alternative_with_a_mistake_is_told_and_not_passed_over(tables: Tables, sql: str, said: str) -> None:
    """It is no sign of an older database."""
    (problem,) = tables.problems({"task.priority": ["task.urgency", sql, "'NORMAL'"]})
    assert problem.startswith(f"task.priority = {json.dumps(sql)}: {said}")


@pytest.mark.parametrize(
    "change",
    [
        'ALTER TABLE "SMSConsent" RENAME consent_given TO has_consented',
        'REVOKE ALL ON "SMSConsent" FROM PUBLIC; CREATE ROLE reader; GRANT USAGE ON SCHEMA public, orchestration TO '
        'reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; REVOKE ALL ON "SMSConsent" FROM reader; '
        "SET LOCAL ROLE reader",
    ],
    ids=["a column has another name", "the table may not be read"],
)
def test_a_consent_that_cannot_be_asked_for_is_not_given(sequora_tables: Tables, change: str) -> None:
    """Everybody would count as consenting: only without the table nobody is asked."""
    sequora_tables.alter(change)
    (problem,) = sequora_tables.problems(of="sequora")
    assert re.fullmatch(
        r'patient.may_be_texted = "\(SELECT bool_and\(.*column consent.consent_given does not exist'
        r"|permission denied for table SMSConsent",
        problem,
    )


def test_a_flag_that_has_another_name_does_not_become_a_yes(tables: Tables) -> None:
    """Whoever is not active would be texted."""
    (problem,) = tables.problems({"person.active": ["person.enabled", "true"]})
    assert problem == 'person.active = "person.enabled": column person.enabled does not exist'


def test_of_alternatives_none_of_which_is_understood_the_first_is_told(tables: Tables) -> None:
    """It is what the map's author most wanted."""
    (problem,) = tables.problems({"task.priority": ["task.urgency", "task.rank"]})
    assert problem == 'task.priority = "task.urgency": column task.urgency does not exist'


@pytest.mark.parametrize("sql", ["lower(task.id::text)", "NULL", "'x'", "(task.id)"])
def test_an_id_is_to_be_a_column(tables: Tables, sql: str) -> None:
    """By another expression no row could be found in a large table; without any there is no row."""
    (problem,) = tables.problems({"task.id": sql})
    assert problem.endswith("is to be a column: rows are found by it")


@pytest.mark.parametrize("column", ["severity", "status", "created_at"])
def test_what_the_system_cannot_do_without_is_not_to_be_nothing(tables: Tables, column: str) -> None:
    """Of tasks that were created nobody knows when each would count as new."""
    (problem,) = tables.problems({f"task.{column}": "NULL"})
    assert problem == f'task.{column} = "NULL" is nothing, and the system cannot do without it'


@pytest.mark.parametrize(
    ("column", "type_name", "said", "written"),
    [
        ("sla_due_at", "text", "text, which is not a time", ["orchestration.time_of(task.sla_due_at)"]),
        (
            "created_at",
            "bigint",
            "bigint, which is not a time",
            ["to_timestamp(task.created_at)", "to_timestamp(task.created_at / 1000.0)"],
        ),
        ("created_at", "character varying", "not a time", ["orchestration.time_of(task.created_at)"]),
        ("updated_at", "double precision", "double precision, which is not a time", ["to_timestamp(task.updated_at)"]),
        ("resolved_at", "jsonb", "jsonb, which is not a time; write an expression that is", []),
        ("picked_up_at", "interval", "interval, which is not a time; write an expression that is", []),
        ("picked_up_at", "boolean", "boolean, which is not a time; write an expression that is", []),
    ],
)
def test_a_column_that_is_no_time_is_told_with_what_to_write(
    tables: Tables, column: str, type_name: str, said: str, written: list[str]
) -> None:
    """And what is said to write fits."""
    tables.alter(
        f'ALTER TABLE "EscalationTask" ALTER {column} DROP DEFAULT, ALTER {column} TYPE {type_name} USING NULL'
    )
    (problem,) = tables.problems(NOTHING_WRITTEN)
    assert problem.startswith(f'task.{column} = "task.{column}" is of the type ')
    assert said in problem
    assert suggested(problem)[: len(written)] == written
    for one in suggested(problem):
        assert tables.problems({f"task.{column}": one, **NOTHING_WRITTEN}) == []


@pytest.mark.parametrize("type_name", ["time", "time with time zone", "time(0)"])
def test_a_time_of_the_day_is_no_time(tables: Tables, type_name: str) -> None:
    """It lacks a date."""
    tables.alter(f'ALTER TABLE "EscalationTask" ALTER sla_due_at TYPE {type_name} USING NULL')
    (problem,) = tables.problems()
    assert problem == 'task.sla_due_at = "task.sla_due_at" is a time of the day, without a date'


@pytest.mark.parametrize(
    ("type_name", "said", "shown"),
    [
        ("smallint", "smallint, which is not true or false", {"1": True, "0": False, "NULL": None}),
        ("bigint", "bigint, which is not true or false", {"7": True, "0": False}),
        ("text", "text, which is not true or false", {"'Yes'": True, "'f'": False, "'no'": False, "'1'": True}),
        ("character(1)", "character, which is not true or false", {"'Y'": True, "'N'": False}),
    ],
)
def test_a_flag_that_is_no_boolean_is_told_with_what_to_write(
    tables: Tables, type_name: str, said: str, shown: Mapping[str, bool | None]
) -> None:
    """And what it says means what it should."""
    tables.alter(f'ALTER TABLE "User" ALTER active DROP DEFAULT, ALTER active TYPE {type_name} USING NULL')
    (problem,) = tables.problems()
    assert problem.startswith('person.active = "person.active" is of the type ')
    assert said in problem
    (written,) = suggested(problem)
    tables.make({"person.active": written})
    for value, active in shown.items():
        tables.rows(f'INSERT INTO "User" (active) VALUES ({value})')
        assert tables.one("SELECT active FROM orchestration.care_person") is active
        tables.rows('DELETE FROM "User"')


@pytest.mark.parametrize(
    ("type_name", "value", "shown"),
    [
        ("text", "2026-03-02T15:00:00Z", datetime(2026, 3, 2, 15, tzinfo=UTC)),
        ("text", "2026-03-02 15:00", datetime(2026, 3, 2, 15, tzinfo=UTC)),
        ("text", "03/02/2026", datetime(2026, 3, 2, tzinfo=UTC)),
        ("text", "as soon as possible", None),
        ("text", "", None),
        ("bigint", "1772463600", datetime(2026, 3, 2, 15, tzinfo=UTC)),
        ("bigint", "9223372036854775807", None),
        ("double precision", "NaN", None),
    ],
)
def test_times_that_are_kept_as_something_else_are_read_as_it_is_said(
    tables: Tables, type_name: str, value: str, shown: datetime | None
) -> None:
    """What is no time is none, and stops no other row."""
    tables.alter(f'ALTER TABLE "EscalationTask" ALTER sla_due_at TYPE {type_name} USING NULL')
    (problem,) = tables.problems()
    tables.make({"task.sla_due_at": suggested(problem)[0]})
    tables.rows('INSERT INTO "EscalationTask" (sla_due_at) VALUES (:value)', value=value)
    assert tables.one("SELECT sla_due_at FROM orchestration.care_task") == shown


def test_milliseconds_are_read_as_it_is_said(tables: Tables) -> None:
    """As JavaScript counts them."""
    tables.alter('ALTER TABLE "EscalationTask" ALTER sla_due_at TYPE bigint USING NULL')
    (problem,) = tables.problems()
    tables.make({"task.sla_due_at": suggested(problem)[1]})
    tables.rows('INSERT INTO "EscalationTask" (sla_due_at) VALUES (1772463600500)')
    assert tables.one("SELECT sla_due_at FROM orchestration.care_task") == datetime(
        2026, 3, 2, 15, 0, 0, 500_000, tzinfo=UTC
    )


def test_a_number_of_tasks_that_is_kept_as_text_is_told_with_what_to_write(sequora_tables: Tables) -> None:
    """An empty text is no number."""
    sequora_tables.alter(
        'ALTER TABLE "NurseShift" ALTER max_concurrent_tasks DROP DEFAULT, ALTER max_concurrent_tasks TYPE text'
    )
    (problem,) = sequora_tables.problems(of="sequora")
    (written,) = suggested(problem)
    sequora_tables.make({"shift.most_tasks": written}, of="sequora")
    for value, shown in (("12", 12), ("", None), ("a dozen", None)):
        sequora_tables.rows('INSERT INTO "NurseShift" (max_concurrent_tasks) VALUES (:value)', value=value)
        assert sequora_tables.one("SELECT most_tasks FROM orchestration.care_shift") == shown
        sequora_tables.rows('DELETE FROM "NurseShift"')


def test_what_a_sentence_says_to_write_is_toml_whatever_the_columns_are_called(tables: Tables) -> None:
    """It is copied into the map."""
    tables.alter('ALTER TABLE "User" ALTER active DROP DEFAULT, ALTER active TYPE text')
    tables.alter("""ALTER TABLE "User" RENAME active TO "is 'active'?\\" """)
    (problem,) = tables.problems({"person.active": """person."is 'active'?\\" """})
    (written,) = re.findall(r'write ("(?:[^"\\]|\\.)*")$', problem)
    source = a_source({"person.active": "HERE"}).replace('"HERE"', written)
    assert "lower(" in read_map("a map", source).sections["person"].columns["active"][0]
    assert tables.problems({"person.active": suggested(problem)[0].replace("\\\\", "\\")}) == []


@pytest.mark.parametrize("part", ["log.row", "assignment", "accepting", "resolving"])
def test_a_column_to_write_into_that_is_not_there_is_named(tables: Tables, part: str) -> None:
    """With those that are."""
    (problem,) = tables.problems({f"{part}.nothing": "'x'"})
    assert problem.startswith(f"{part}.nothing: there is no such column; there are id, ")


@pytest.mark.parametrize(
    ("place", "sql", "said"),
    [
        ("log.row.sent_at", "message.sent", "column message.sent does not exist"),
        ("log.row.sent_at", "task.created_at", 'missing FROM-clause entry for table "task"'),
        ("log.row.sent_at", "message.attempts", "cannot cast type integer to timestamp with time zone"),
        ("log.row.task_id", "message.attempts", "cannot cast type integer to uuid"),
        ("assignment.updated_at", "assignment.when", "column assignment.when does not exist"),
        ("assignment.assigned_to_user_id", "assignment.at", "cannot cast type timestamp with time zone to uuid"),
        ("accepting.picked_up_at", "answer.when", "column answer.when does not exist"),
        ("accepting.updated_at", "task.whenever", "column task.whenever does not exist"),
        ("resolving.resolved_at", "answer.person_id", "cannot cast type uuid to timestamp with time zone"),
        ("resolving.resolved_at", "assignment.at", 'missing FROM-clause entry for table "assignment"'),
    ],
)
def test_what_cannot_be_written_into_a_column_is_named(tables: Tables, place: str, sql: str, said: str) -> None:
    """Before a text hangs on it."""
    (problem,) = tables.problems({place: sql})
    assert problem.startswith(f'{place} = "{sql}": ')
    assert said in problem


@pytest.mark.parametrize(
    ("column", "written"), [('"assignedTo"', "assignedTo"), ('"The ""nurse"""', '"The \\"nurse\\""')]
)
def test_an_assignment_without_the_assignee_is_refused(tables: Tables, column: str, written: str) -> None:
    """Else the ledger would say that the task was given, and nobody would have it."""
    tables.alter(f'ALTER TABLE "EscalationTask" RENAME assigned_to_user_id TO {column}')
    changes = {"task.assigned_to_user_id": f"task.{column}", "assignment": {"updated_at": "assignment.at"}}
    (problem,) = tables.problems(changes)
    assert problem.endswith(f'the column of task.assigned_to_user_id; write {written} = "assignment.person_id"')
    (assignee,) = tomllib.loads(f'{written} = ""')
    assert tables.problems({**changes, "assignment": {assignee: "assignment.person_id"}}) == []


def test_the_assignee_may_be_written_in_capitals(tables: Tables) -> None:
    """As in any SQL, the column is the same."""
    assert tables.problems({"task.assigned_to_user_id": "task.Assigned_To_User_ID"}) == []


def test_an_assignment_of_tasks_that_cannot_be_updated_is_refused(tables: Tables) -> None:
    """A view of several tables, unless a trigger of its writes into them."""
    tables.alter(
        'ALTER TABLE "EscalationTask" RENAME TO tasks',
        'CREATE VIEW "EscalationTask" AS SELECT * FROM tasks UNION ALL SELECT * FROM tasks WHERE false',
    )
    (problem,) = tables.problems()
    assert problem.startswith('assignment, accepting, resolving: public."EscalationTask" takes no UPDATE, ')
    assert problem.endswith("leave [assignment], [accepting], [resolving] out")
    (problem,) = tables.problems({"assignment": None, "accepting": None})
    assert problem.startswith("resolving: ")
    assert tables.problems(NOTHING_WRITTEN) == []
    tables.rows(
        "CREATE FUNCTION writes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"
        'CREATE TRIGGER writes INSTEAD OF UPDATE ON "EscalationTask" FOR EACH ROW EXECUTE FUNCTION writes()'
    )
    assert tables.problems() == []


def test_a_map_that_does_not_fit_leaves_the_views_of_before(tables: Tables) -> None:
    """They still show what they showed, by the map of before."""
    tables.rows("""INSERT INTO "EscalationTask" (severity) VALUES ('LOW')""")
    savepoint = tables.connection.begin_nested()
    with pytest.raises(MapError):
        tables.make({"task.severity": "task.how_bad"})
    savepoint.rollback()
    assert tables.one("SELECT severity FROM orchestration.care_task") == "LOW"
    assert tables.one("SELECT name FROM orchestration.application_map") == "brief"


def test_nothing_is_changed_by_holding_a_map_against_tables(tables: Tables) -> None:
    """Whatever its expressions would do: a doctor asks, too."""
    drop_views(tables.connection)
    before = tables.one("SELECT count(*) FROM pg_class")
    tables.rows("CREATE SEQUENCE counted")
    assert tables.problems({"task.priority": "nextval('counted')"}) == []
    assert tables.one("SELECT is_called FROM counted") is False
    assert tables.one("SELECT count(*) FROM pg_class") == before + 1
