"""The map in force: when the views are made anew, when they are not, and what is so until then."""

import ast
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from care import Care
from least_rights import as_role, make_role
from maps import a_source
from servers import a_clone
from sqlalchemy import Engine

from sequora_orchestration.application import seam
from sequora_orchestration.application.map_in_force import in_force
from sequora_orchestration.application.seam import is_up_to_date
from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.database import SchemaMissingError, engine_for
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations import locks
from sequora_orchestration.migrations.apply import Migrated, drop_views, migrate
from sequora_orchestration.settings.addresses import postgres_url

from .conftest import Doctor, Sequora, Tables

SECONDS = "%Y-%m-%d %H:%M:%S"

VIEWS = """
    SELECT relname, oid FROM pg_class
    WHERE relnamespace = 'orchestration'::regnamespace AND relkind = 'v' AND starts_with(relname, 'care_') ORDER BY 1
"""


def recorded(care: Care) -> tuple[object, ...]:
    """Return the name, the source and the moment of the map in force."""
    (row,) = care.rows("SELECT name, source, since FROM orchestration.application_map")
    return tuple(row.values())


@pytest.fixture
def empty(
    postgres: EmbeddedPostgres, postgres_administrator: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Care]:
    """A database with no table at all."""
    with a_clone(postgres_administrator, "template1") as name:
        url = postgres_url(postgres.url(name))
        monkeypatch.setenv("SUPABASE_DB_URL", url)
        yield Care(engine_for(url))
        engine_for(url).dispose()


def test_a_map_is_in_force_since_it_was_first(
    care: Care, put_in_force: Callable[..., Migrated], tmp_path: Path
) -> None:
    """The moment changes with the map, and not with the tables."""
    put_in_force()
    name, source, since = recorded(care)
    assert (name, source) == (str(tmp_path / "map.toml"), a_source())
    care.alter('ALTER TABLE "EscalationTask" ADD another text')
    assert recorded(care) == (name, source, since)
    put_in_force({"task.priority": "upper(task.priority)"})
    _, other_source, later = recorded(care)
    assert other_source != source
    assert later > since  # type: ignore[operator]


def test_migrating_again_makes_no_view_anew(care: Care, sequora: Sequora) -> None:
    """Nobody who reads waits for it."""
    before, map_before = care.rows(VIEWS), recorded(care)
    done = sequora("migrate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the map brief is in force, its views are up to date" in done.stdout
    assert (care.rows(VIEWS), recorded(care)) == (before, map_before)


CHANGES = [
    'ALTER TABLE "EscalationTask" ADD another text',
    'ALTER TABLE "EscalationTask" ALTER created_at SET NOT NULL',
    "ALTER TABLE \"NotificationLog\" ADD channel text NOT NULL DEFAULT 'SMS'",
    """ALTER TABLE "NotificationLog" ADD CHECK (status = 'SENT')""",
    """ALTER TYPE kind_of_user ADD VALUE 'OTHER'""",
    "ALTER TYPE kind_of_user RENAME VALUE 'ADMIN' TO 'ADMINISTRATOR'",
    "DROP VIEW orchestration.care_task",
    "DROP VIEW orchestration.care_shift",
    'ALTER TABLE "User" DROP COLUMN active CASCADE; ALTER TABLE "User" ADD active boolean',
    "DROP FUNCTION orchestration.log_notification",
    "DROP FUNCTION orchestration.log_takes",
    "DROP FUNCTION orchestration.assign_task",
    "DROP FUNCTION orchestration.accept_task",
    "DROP FUNCTION orchestration.resolve_task",
    "DROP FUNCTION orchestration.writes_back",
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_about_the_tables_is_noticed_and_mended(tables: Tables, change: str) -> None:
    """A column, a rule, a word, or something of the seam that went with what the application dropped."""
    tables.alter(
        "CREATE TYPE kind_of_user AS ENUM ('NURSE', 'SUPERVISOR', 'ADMIN')",
        'ALTER TABLE "User" ALTER role TYPE kind_of_user USING NULL',
    )
    assert is_up_to_date(tables.connection, tables.make())
    tables.rows(change)
    found = in_force(tables.connection)
    assert found
    assert not is_up_to_date(tables.connection, found)
    assert is_up_to_date(tables.connection, tables.make())
    for view in ("care_task", "care_person", "care_episode", "care_patient", "care_shift"):
        assert tables.rows(f"SELECT * FROM orchestration.{view}") == []


def test_a_change_of_any_module_that_makes_the_views_is_noticed() -> None:
    """One that is not among them could be changed, and the views of the code before it would stay."""
    folder = Path(seam.__file__).parent
    found, unread = set[str](), {"seam.py"}
    while unread:
        name = unread.pop()
        found.add(name)
        parts = ast.walk(ast.parse((folder / name).read_text(encoding="utf-8")))
        modules = {one.module or "" for one in parts if isinstance(one, ast.ImportFrom)}
        of_the_seam = {one.rpartition(".")[2] for one in modules if one.startswith(f"{seam.__package__}.")}
        unread |= {f"{one}.py" for one in of_the_seam} - found
    assert found == set(seam._MAKERS)


def test_what_a_newer_version_records_of_a_right_is_left_out(care: Care) -> None:
    """After a rollback this code reads its record all the same."""
    with care.engine.connect() as connection:
        before = in_force(connection)
    care.rows(
        "UPDATE orchestration.application_map SET rights ="
        " (SELECT jsonb_agg(one || '{\"is_of_a_later_kind\": true}') FROM jsonb_array_elements(rights) AS one)"
    )
    with care.engine.connect() as connection:
        assert in_force(connection) == before


def test_a_view_of_somebodys_beside_ours_is_no_change(tables: Tables) -> None:
    """Whatever its name begins with; and it does not stand for one of ours that is gone."""
    tables.rows("CREATE VIEW orchestration.care_of_somebody AS SELECT 1 AS it")
    made = tables.make()
    assert is_up_to_date(tables.connection, made)
    tables.rows("DROP VIEW orchestration.care_shift")
    assert not is_up_to_date(tables.connection, made)


def a_message(tables: Tables, task: str, over_at: str | None) -> None:
    tables.rows(
        """INSERT INTO orchestration.notification
               (business_key, kind, urgency, owed_since, state, lease_until, task_id, over_at)
           VALUES ('task-created:' || :task, 'task-created', 0, now(), 'QUEUED', now(), :task, :over_at)""",
        task=task,
        over_at=over_at,
    )


@pytest.mark.parametrize("is_first", [True, False])
def test_whom_the_ledger_had_told_before_there_was_a_map_counts_as_told_of_open_tasks(
    tables: Tables, *, is_first: bool
) -> None:
    """Of those that are closed nobody does any more, also when they are open again by the next map."""
    open_, closed = (
        str(tables.one('INSERT INTO "EscalationTask" (status) VALUES (:status) RETURNING id', status=status))
        for status in ("OPEN", "RESOLVED")
    )
    for task in (open_, closed):
        a_message(tables, task, "-infinity")
    if is_first:
        tables.rows("DELETE FROM orchestration.application_map")
    tables.make({"task.priority": "'NORMAL'"})
    told = tables.rows("SELECT task_id FROM orchestration.notification WHERE over_at IS NULL")
    assert [row["task_id"] for row in told] == ([open_] if is_first else [])


def test_a_change_is_told_by_doctor_and_mended_by_migrate(
    care: Care, sequora: Sequora, doctor: Doctor, ledger: Ledger
) -> None:
    """What the application dropped took a view along."""
    assert doctor()["map"].level is Level.OK
    care.rows('ALTER TABLE "User" DROP COLUMN active CASCADE; ALTER TABLE "User" ADD active boolean')
    found = doctor()["map"]
    assert found.level is Level.FAIL
    assert "have changed since the views of them were made" in found.said
    assert found.to_do == "run `sequora migrate`"
    assert "the map brief is in force, its views are made" in sequora("migrate").stdout
    assert doctor()["map"].level is Level.OK
    task = care.a_task(care.a_nurse())
    assert [subject.id for claim in ledger.claims.claim(NEW_TASKS) for subject in claim.subjects] == [task]


def test_views_are_dropped_for_a_migration_of_the_applications_and_nothing_is_lost(
    care: Care, sequora: Sequora, doctor: Doctor, ledger: Ledger
) -> None:
    """Until they are back whoever asks is told, and what came meanwhile is noticed then."""
    nurse = care.a_nurse()
    done = sequora("migrate", "--drop-views")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is texted until `sequora migrate` is run" in done.stdout
    assert care.rows(VIEWS) == []
    task = care.a_task(nurse)
    with pytest.raises(SchemaMissingError, match="run `sequora migrate`"):
        ledger.claims.claim(NEW_TASKS)
    at = care.one("SELECT at FROM orchestration.operator_action WHERE verb = 'drop-views'")
    dropped = f"the views of the application's tables were dropped by `sequora migrate --drop-views` at {at:{SECONDS}}"
    to_do = "run `sequora migrate` when the application's migration is done"
    found = doctor()
    assert found["map"].level is Level.FAIL
    assert found["map"].said.startswith(dropped)
    assert found["map"].to_do == to_do
    assert "Traceback" not in str(found)
    status = sequora("status")
    assert status.returncode == 0
    assert status.stdout.startswith(f"NOBODY IS TEXTED  {dropped}")
    assert "nothing waits" in status.stdout
    assert json.loads(sequora("status", "--json").stdout)["views_dropped"].startswith(dropped)
    timeline = sequora("timeline", task)
    assert timeline.returncode == 2
    assert timeline.stderr.startswith(dropped)
    assert timeline.stderr.endswith(f"; {to_do}\n")
    care.rows('ALTER TABLE "EscalationTask" ALTER severity TYPE varchar(20)')
    assert sequora("migrate", "--drop-views").returncode == 0  # there is nothing to drop any more
    assert doctor()["map"].said.startswith(dropped)
    assert sequora("migrate").returncode == 0
    assert [subject.id for claim in ledger.claims.claim(NEW_TASKS) for subject in claim.subjects] == [task]
    assert [row["verb"] for row in care.rows("SELECT verb FROM orchestration.operator_action ORDER BY id")] == [
        "drop-views",
        "make-views",
    ]


def test_views_that_are_gone_by_no_command_of_ours_are_to_be_made_anew(
    care: Care, sequora: Sequora, doctor: Doctor
) -> None:
    """Also where they were dropped by command once before."""
    for statement in (drop_views, migrate):
        statement(care.engine)
    care.rows("DROP VIEW orchestration.care_task, orchestration.care_person, orchestration.care_episode")
    care.rows("DROP VIEW orchestration.care_patient, orchestration.care_shift")
    assert doctor()["map"].to_do == "run `sequora migrate`"
    done = sequora("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is missing or too old: run `sequora migrate`" in done.stderr


def test_another_map_than_the_one_in_force_is_told(
    care: Care, doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the next `sequora migrate` texts go by the one of before."""
    file = tmp_path / "mine.toml"
    file.write_text(a_source({"task.priority": "'NORMAL'"}), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    found = doctor()["map"]
    assert found.level is Level.FAIL
    assert found.said == f"the map brief is in force, and not {file} of SEQUORA_APPLICATION_MAP"
    assert migrate(care.engine).has_new_views
    assert doctor()["map"].said.startswith(f"{file} is in force, since ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "the file cannot be read: No such file or directory"),
        ("[task", "it is no TOML: "),
        ("", "the map lacks task"),
        (a_source({"task.severity": "task.how_bad"}), "column task.how_bad does not exist"),
    ],
)
def test_a_map_that_cannot_be_used_is_told_by_whoever_reads_it(
    care: Care,
    sequora: Sequora,
    doctor: Doctor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
    said: str,
) -> None:
    """And the map of before stays in force."""
    file = tmp_path / "mine.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    before, map_before = care.rows(VIEWS), recorded(care)
    done = sequora("migrate")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"the map {file} cannot be used:\n  - ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (care.rows(VIEWS), recorded(care)) == (before, map_before)
    failed = [one for one in doctor().values() if one.level is Level.FAIL and said in one.said]
    assert failed


@pytest.mark.usefixtures("care")
def test_a_name_that_no_table_can_have_is_told_by_doctor(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the map's fault, and none of the database's."""
    file = tmp_path / "mine.toml"
    file.write_text(a_source({"task.table": "public.my-table"}), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    found = doctor()["tables"]
    assert found.level is Level.FAIL
    assert found.said.startswith(f"the map {file} names no table: public.my-table: ")


def test_where_no_map_fits_nothing_is_made(empty: Care, sequora: Sequora, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even our schema: somebody may have given another database's URL."""
    monkeypatch.setenv("SUPABASE_DB_URL", empty.engine.url.render_as_string(hide_password=False))
    done = sequora("migrate")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'there is no table public."EscalationTask"; is SUPABASE_DB_URL the application\'s database?' in done.stderr
    assert "`sequora map` proposes one for this database" in done.stderr
    assert empty.one("SELECT to_regnamespace('orchestration')") is None


def test_a_map_that_fits_no_more_leaves_the_views_at_work(
    care: Care, sequora: Sequora, doctor: Doctor, ledger: Ledger
) -> None:
    """A column that was renamed is read on under its old name, until somebody has written a map."""
    care.rows('ALTER TABLE "EscalationTask" RENAME severity TO how_bad')
    before = care.rows(VIEWS)
    done = sequora("migrate")
    assert done.returncode == 1
    assert 'task.severity = "task.severity": column task.severity does not exist' in done.stderr
    assert care.rows(VIEWS) == before
    assert doctor()["columns"].level is Level.FAIL
    nurse = care.a_nurse()
    task = str(
        care.one(
            """INSERT INTO "EscalationTask" (assigned_to_user_id, how_bad) VALUES (:nurse, 'LOW') RETURNING id""",
            nurse=nurse,
        )
    )
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert [(subject.id, subject.severity) for subject in claim.subjects] == [(task, "LOW")]


def test_without_the_setting_a_map_that_comes_along_is_taken_again(
    care: Care, put_in_force: Callable[..., Migrated], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it fits."""
    put_in_force({"task.priority": "'NORMAL'"})
    monkeypatch.delenv("SEQUORA_APPLICATION_MAP")
    migrated = migrate(care.engine)
    assert (migrated.map.name, migrated.has_new_views) == ("brief", True)


def test_the_least_role_may_migrate_where_there_is_nothing_to_do(
    care: Care, care_url: str, sequora: Sequora, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its search path; where there is something, it is told who may."""
    make_role(care.engine)
    url = as_role(care_url)
    care.rows("ALTER ROLE sequora SET search_path TO pg_catalog")
    try:
        monkeypatch.setenv("SUPABASE_DB_URL", url)
        assert (sequora("migrate").returncode, sequora("migrate").stderr) == (0, "")
        drop_views(care.engine)
        done = sequora("migrate")
        assert done.returncode == 1
        assert "run `sequora migrate` as the role that owns it" in done.stderr
        assert migrate(care.engine).has_new_views
        assert (sequora("migrate").returncode, sequora("migrate").stderr) == (0, "")
    finally:
        care.rows("ALTER ROLE sequora RESET search_path")
        engine_for(url).dispose()


def test_of_two_who_migrate_at_once_one_makes_the_views(care: Care) -> None:
    """The other one waits, and finds them made."""
    for _ in range(3):
        drop_views(care.engine)
        with ThreadPoolExecutor(3) as pool:
            made = [one.has_new_views for one in pool.map(lambda _: migrate(care.engine), range(3))]
        assert sorted(made) == [False, False, True]


def test_a_view_of_somebody_elses_that_reads_ours_is_told(care: Care, sequora: Sequora) -> None:
    """It stands in the way, and is not dropped with them."""
    care.rows("CREATE VIEW public.report AS SELECT severity, count(*) FROM orchestration.care_task GROUP BY 1")
    care.rows('ALTER TABLE "EscalationTask" ADD another text')
    for arguments in (["migrate"], ["migrate", "--drop-views"]):
        done = sequora(*arguments)
        assert done.returncode == 1
        assert "view report depends on view orchestration.care_task" in done.stderr
        assert "Traceback" not in done.stderr
    assert care.rows("SELECT * FROM public.report") == []


@pytest.mark.parametrize("view", ["care_person", "care_shift"])
def test_of_the_views_all_are_dropped_or_none(care: Care, sequora: Sequora, view: str) -> None:
    """Also where the one that is in use comes last."""
    care.rows(f"CREATE VIEW public.report AS SELECT * FROM orchestration.{view}")
    before = care.rows(VIEWS)
    done = sequora("migrate", "--drop-views")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"view report depends on view orchestration.{view}" in done.stderr
    assert care.rows(VIEWS) == before


def test_views_that_somebody_reads_are_left_alone_soon(
    care: Care, sequora: Sequora, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks would wait behind the drop for as long as that query lasts."""
    monkeypatch.setattr(locks, "PAUSES", ())
    before = care.rows(VIEWS)
    with care.engine.execution_options(isolation_level="READ COMMITTED").begin() as reader:
        reader.exec_driver_sql("SELECT FROM orchestration.care_shift")
        done = sequora("migrate", "--drop-views")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("no view is dropped: the tables or views are in use by the session ")
    assert care.rows(VIEWS) == before


def test_who_may_not_drop_the_views_is_told_who_may(
    care: Care, care_url: str, sequora: Sequora, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least role owns none of them."""
    make_role(care.engine)
    url = as_role(care_url)
    monkeypatch.setenv("SUPABASE_DB_URL", url)
    before = care.rows(VIEWS)
    done = sequora("migrate", "--drop-views")
    engine_for(url).dispose()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "no view is dropped: run `sequora migrate --drop-views` as the role that owns the schema orchestration "
        "(must be owner of view care_task)\n"
    )
    assert care.rows(VIEWS) == before


def test_after_a_rollback_of_the_code_the_newer_versions_views_are_left_as_they_are(
    care: Care, sequora: Sequora, doctor: Doctor, ledger: Ledger
) -> None:
    """This code could not make them as they were, and works with them."""
    care.rows("UPDATE orchestration.migration SET version_num = '9999'")
    care.rows("UPDATE orchestration.application_map SET digest = 'of other code'")
    before, map_before = care.rows(VIEWS), recorded(care)
    found = doctor()
    assert found["map"].level is Level.WARN
    assert "made by a newer version than this code, which works all the same" in found["map"].said
    assert "sequora migrate" not in str(found["map"].to_do)
    assert [
        name for name, one in found.items() if one.level is Level.FAIL and one.to_do == "run `sequora migrate`"
    ] == []
    for arguments in (["migrate"], ["migrate", "--drop-views"]):
        done = sequora(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(
            "the schema orchestration is newer than this code, which does not know its revision 9999: nothing is"
        )
        assert done.stderr.count("\n") == 1
    assert (care.rows(VIEWS), recorded(care)) == (before, map_before)
    task = care.a_task(care.a_nurse())
    assert [subject.id for claim in ledger.claims.claim(NEW_TASKS) for subject in claim.subjects] == [task]


def test_after_a_rollback_views_that_are_gone_are_the_newer_versions_to_make(care: Care, doctor: Doctor) -> None:
    """That is a failure all the same."""
    care.rows("UPDATE orchestration.migration SET version_num = '9999'")
    care.rows("DROP VIEW orchestration.care_shift")
    found = doctor()["map"]
    assert found.level is Level.FAIL
    assert found.to_do == "install the newer version again, and run its `sequora migrate`"


def test_to_drop_the_views_and_to_make_indexes_is_refused(care: Care, sequora: Sequora) -> None:
    """One of the two would be left out in silence."""
    before = care.rows(VIEWS)
    done = sequora("migrate", "--drop-views", "--app-indexes")
    assert done.returncode == 2
    assert "--drop-views does nothing else: give --app-indexes with the `migrate` that follows it" in done.stderr
    assert care.rows(VIEWS) == before


def test_where_columns_are_gone_rights_are_not_looked_at(care: Care, doctor: Doctor) -> None:
    """What is lacking of a column that is not there is no right."""
    care.rows('ALTER TABLE "EscalationTask" RENAME severity TO how_bad')
    found = doctor()
    assert found["columns"].level is Level.FAIL
    assert (found["rights"].level, found["rights"].said) == (Level.SKIPPED, "not looked at: needs columns")
