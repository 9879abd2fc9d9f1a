"""`sequora migrate --app-indexes`: on tables of every kind, finished when it was interrupted, and made but once."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from care import Care
from command_line import sequora_here
from least_rights import as_role, make_role
from maps import Changes, a_source
from running_system import BIN, eventually
from sqlalchemy import Connection, create_engine

from sequora_orchestration.cli.checks import care_database
from sequora_orchestration.cli.checks.finding import Finding, Level
from sequora_orchestration.cli.doctor import diagnose
from sequora_orchestration.database import engine_for
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations import app_indexes, index_builds
from sequora_orchestration.migrations.app_indexes import IndexRefusedError, index_states, make_app_indexes
from sequora_orchestration.migrations.apply import migrate

OF_TASKS = 'index sequora_open_task on public."EscalationTask"'

# What the server says, or that it has said nothing.
BROKEN = f"{OF_TASKS} cannot be made: [a-z ]+; run `sequora migrate --app-indexes` again"

NAMES = ["sequora_open_task", "sequora_recent_episode"]

Doctor = Callable[[], dict[str, Finding]]


@pytest.fixture
def doctor(care_url: str, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """What `sequora doctor` finds on the care database."""
    monkeypatch.setenv("SUPABASE_DB_URL", care_url)
    return lambda: diagnose([care_database.checks()])


def made(care: Care) -> list[str]:
    """Make the indexes that are missing, and return their names."""
    return [one.index.name for one in make_app_indexes(care.engine) if not one.is_there and not one.why_not]


def are_there(care: Care) -> list[str]:
    with care.engine.connect() as connection:
        return [state.index.name for state in index_states(connection) if state.is_there]


def whole(care: Care) -> Sequence[str]:
    """Return the tables that have an index of ours which is valid, partitions and all."""
    rows = care.rows(
        "SELECT i.indrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indisvalid AND obj_description(c.oid, 'pg_class') LIKE '(%' ORDER BY 1"
    )
    return [row["name"] for row in rows]


def migrate_by(care: Care, directory: Path, monkeypatch: pytest.MonkeyPatch, changes: Changes) -> None:
    file = directory / "map.toml"
    file.write_text(a_source(changes), encoding="utf-8")
    monkeypatch.setenv("SEQUORA_APPLICATION_MAP", str(file))
    migrate(care.engine)


def a_command(url: str) -> CompletedProcess[str]:
    """Run `sequora migrate --app-indexes`."""
    return sequora_here("migrate", "--app-indexes", environment={**os.environ, "SUPABASE_DB_URL": url})


@pytest.fixture
def partitioned(care: Care) -> Care:
    """An application whose tasks are kept by the month, with two of last year in a table of parts of its own."""
    care.alter(
        'ALTER TABLE "EscalationTask" RENAME TO whole',
        'CREATE TABLE "EscalationTask" (LIKE whole INCLUDING DEFAULTS) PARTITION BY RANGE (created_at)',
        "CREATE SCHEMA parts",
        """CREATE TABLE parts."of 2025" PARTITION OF "EscalationTask" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')
           PARTITION BY HASH (id)""",
        *(
            f"""CREATE TABLE parts."of 2025, {n}" PARTITION OF parts."of 2025"
                FOR VALUES WITH (MODULUS 2, REMAINDER {n})"""
            for n in range(2)
        ),
        """CREATE TABLE task_later PARTITION OF "EscalationTask" DEFAULT""",
        """CREATE TABLE task_2026_02 PARTITION OF "EscalationTask" FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')""",
        "DROP TABLE whole",
    )
    return care


PARTS = [
    '"EscalationTask"',
    'parts."of 2025"',
    'parts."of 2025, 0"',
    'parts."of 2025, 1"',
    "task_2026_02",
    "task_later",
]


@pytest.mark.parametrize("has_rows", [False, True])
def test_each_part_of_a_partitioned_table_gets_its_index(partitioned: Care, *, has_rows: bool) -> None:
    """The whole is valid then, a second run does nothing, and a part that comes later has its index at once."""
    if has_rows:
        for month in ("2025-03-01", "2025-04-01", "2026-02-01", "2026-03-01"):
            partitioned.a_task(None, created_at=month)
    assert made(partitioned) == NAMES
    assert are_there(partitioned) == NAMES
    assert set(PARTS) <= set(whole(partitioned))
    before = partitioned.rows("SELECT indexrelid FROM pg_index ORDER BY 1")
    assert made(partitioned) == []
    assert partitioned.rows("SELECT indexrelid FROM pg_index ORDER BY 1") == before
    partitioned.rows("""CREATE TABLE task_2024 PARTITION OF "EscalationTask" FOR VALUES FROM ('2024-01-01')
                        TO ('2025-01-01')""")
    assert are_there(partitioned) == NAMES
    assert partitioned.one("SELECT count(*) FROM pg_index WHERE indrelid = 'task_2024'::regclass AND indisvalid") == 1


def test_a_partitioned_table_without_parts_gets_its_index(care: Care) -> None:
    """And with it every part that comes."""
    care.alter(
        'ALTER TABLE "EscalationTask" RENAME TO whole',
        'CREATE TABLE "EscalationTask" (LIKE whole INCLUDING DEFAULTS) PARTITION BY RANGE (created_at)',
    )
    assert made(care) == NAMES
    assert are_there(care) == NAMES


@pytest.mark.parametrize("after", range(1, 5))
def test_what_an_interrupted_run_has_begun_is_finished(
    partitioned: Care, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Wherever it was; also where a part has come between since then."""
    comments = 0
    comment = app_indexes._comment

    def interrupted(connection: Connection, name: str, table: str, definition: str) -> None:
        nonlocal comments
        comments += 1
        if comments == after:
            raise KeyboardInterrupt
        comment(connection, name, table, definition)

    with monkeypatch.context() as patched:
        patched.setattr(app_indexes, "_comment", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_app_indexes(partitioned.engine)
    assert are_there(partitioned) == []
    partitioned.rows(
        """CREATE TABLE task_2026_01 PARTITION OF "EscalationTask" FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')"""
    )
    assert made(partitioned) == NAMES
    assert are_there(partitioned) == NAMES
    assert set(PARTS) <= set(whole(partitioned))
    indexes = "SELECT count(*) FROM pg_class WHERE starts_with(relname, 'sequora_open_task')"
    assert partitioned.one(indexes) == len(PARTS) + 1
    assert made(partitioned) == []


def test_the_questions_use_the_index_of_a_partitioned_table(partitioned: Care, ledger: Ledger) -> None:
    """They are the same as ever."""
    make_app_indexes(partitioned.engine)
    task = partitioned.a_task(partitioned.a_nurse())
    assert [subject.id for claim in ledger.claims.claim(NEW_TASKS) for subject in claim.subjects] == [task]
    with partitioned.engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = connection.exec_driver_sql(
            "EXPLAIN SELECT FROM orchestration.care_task WHERE NOT is_closed AND created_at > now()"
        ).scalars()
        assert not [line for line in plan if "Seq Scan" in line]
        connection.exec_driver_sql("RESET enable_seqscan")


def test_the_index_is_made_anew_for_other_words(care: Care, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is on what was open by the words of before serves no question of today's."""
    assert made(care) == NAMES
    of_before = care.one("SELECT 'sequora_open_task'::regclass::oid")
    migrate_by(care, tmp_path, monkeypatch, {"task.statuses.closed": ["RESOLVED", "it's done: 100%"]})
    assert are_there(care) == ["sequora_recent_episode"]
    assert made(care) == ["sequora_open_task"]
    assert care.one("SELECT 'sequora_open_task'::regclass::oid") != of_before
    assert made(care) == []


@pytest.mark.parametrize("tables", ["care", "partitioned"])
def test_an_index_serves_until_the_new_one_is_whole(
    request: pytest.FixtureRequest, tables: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the run is interrupted; the next one leaves nothing of it."""
    care: Care = request.getfixturevalue(tables)
    make_app_indexes(care.engine)
    count = "SELECT count(*) FROM pg_class WHERE starts_with(relname, 'sequora_')"
    before = care.one(count)
    migrate_by(care, tmp_path, monkeypatch, {"task.statuses.closed": ["RESOLVED"]})
    of_before = care.one("SELECT 'sequora_open_task'::regclass::oid")

    def interrupted(_connection: Connection, name: str, *_: str) -> None:
        raise KeyboardInterrupt(name)

    with monkeypatch.context() as patched:
        patched.setattr(app_indexes, "_comment", interrupted)
        with pytest.raises(KeyboardInterrupt, match="sequora_open_task_new"):
            make_app_indexes(care.engine)
    assert care.one("SELECT indexrelid FROM pg_index WHERE indisvalid AND indexrelid = :it", it=of_before)
    assert care.one("SELECT 'sequora_open_task'::regclass::oid") == of_before
    assert made(care) == ["sequora_open_task"]
    assert are_there(care) == NAMES
    assert care.one("SELECT 'sequora_open_task'::regclass::oid") != of_before
    assert care.one(count) == before
    assert care.rows("SELECT relname FROM pg_class WHERE relname LIKE 'sequora%\\_new%'") == []


@pytest.mark.parametrize("tables", ["care", "partitioned"])
@pytest.mark.parametrize("step", ["_drop", "_rename"])
def test_a_new_index_that_is_whole_takes_its_place_in_the_next_run(
    request: pytest.FixtureRequest, tables: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not made twice, wherever the run ended."""
    care: Care = request.getfixturevalue(tables)
    make_app_indexes(care.engine)
    migrate_by(care, tmp_path, monkeypatch, {"task.statuses.closed": ["RESOLVED"]})
    as_ever = getattr(app_indexes, step)

    def interrupted(connection: Connection, name: str, *rest: Any) -> None:
        if step == "_rename" or name == "sequora_open_task":
            raise KeyboardInterrupt
        as_ever(connection, name, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(app_indexes, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_app_indexes(care.engine)
    new = care.one("SELECT 'sequora_open_task_new'::regclass::oid")
    assert made(care) == ["sequora_open_task"]
    assert are_there(care) == NAMES
    assert care.one("SELECT 'sequora_open_task'::regclass::oid") == new


@pytest.mark.parametrize("tables", ["care", "partitioned"])
def test_what_is_left_of_an_index_that_nobody_wants_any_more_is_dropped(
    request: pytest.FixtureRequest, tables: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The map is again that of before; what an interrupted run has begun would only make writing slower."""
    care: Care = request.getfixturevalue(tables)
    make_app_indexes(care.engine)
    before = care.rows("SELECT indexrelid FROM pg_index ORDER BY 1")
    with monkeypatch.context() as patched:
        migrate_by(care, tmp_path, patched, {"task.statuses.closed": ["RESOLVED"]})
        patched.setattr(app_indexes, "_comment", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_app_indexes(care.engine)
    assert care.rows("SELECT indexrelid FROM pg_index ORDER BY 1") != before
    migrate(care.engine)
    assert made(care) == []
    assert care.rows("SELECT indexrelid FROM pg_index ORDER BY 1") == before


@pytest.mark.parametrize("tables", ["care", "partitioned"])
@pytest.mark.parametrize("comment", ["NULL", "'(created_at) WHERE in other words'"])
def test_an_index_that_is_the_same_is_not_made_anew(request: pytest.FixtureRequest, tables: str, comment: str) -> None:
    """An older version left no comment, or wrote the same in other words."""
    care: Care = request.getfixturevalue(tables)
    make_app_indexes(care.engine)
    for name in NAMES:
        care.rows(f"COMMENT ON INDEX {name} IS {comment}")
    before = care.rows("SELECT indexrelid FROM pg_index ORDER BY 1")
    assert made(care) == []
    assert care.rows("SELECT indexrelid FROM pg_index ORDER BY 1") == before
    assert are_there(care) == NAMES


def test_an_index_without_a_comment_that_is_another_is_made_anew(care: Care) -> None:
    """It has the name alone."""
    care.rows('CREATE INDEX sequora_open_task ON "EscalationTask" (created_at)')
    assert made(care) == NAMES
    assert are_there(care) == NAMES


def test_no_time_is_too_long_for_an_index(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the role's limit, which holds again afterwards."""
    build, limits = app_indexes._build, list[object]()

    def noted(connection: Connection, *rest: Any) -> None:
        limits.append(connection.exec_driver_sql("SHOW statement_timeout").scalar())
        build(connection, *rest)

    monkeypatch.setattr(app_indexes, "_build", noted)
    care.rows(f"ALTER DATABASE {care.engine.url.database} SET statement_timeout = '2min'")
    care.engine.dispose()
    assert made(care) == NAMES
    assert limits == ["0", "0"]
    assert care.one("SHOW statement_timeout") == "2min"


def test_a_connection_that_breaks_while_an_index_is_made_is_a_sentence(
    care: Care, care_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing left to tidy up on it."""

    def broken(connection: Connection, *_: str) -> None:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(app_indexes, "_build", broken)
    done = a_command(care_url)
    assert done.returncode == 1
    assert re.fullmatch(BROKEN, done.stderr.removesuffix("\n"))
    assert are_there(care) == []


def test_a_second_run_is_told_of_the_first(care: Care, care_url: str) -> None:
    """The two would drop each other's indexes."""
    with app_indexes._alone(care.engine):
        done = a_command(care_url)
    assert done.returncode == 1
    assert done.stderr == (
        "another `sequora migrate --app-indexes` is at work on this database: run it again when that has ended\n"
    )
    assert are_there(care) == []
    assert a_command(care_url).returncode == 0
    assert are_there(care) == NAMES


def test_who_may_not_read_the_map_is_told_who_may(care: Care) -> None:
    """The owner of the application's tables, for instance, has no right on our schema by itself."""
    role = f"stranger_{os.getpid()}"
    care.rows(f"CREATE ROLE {role} LOGIN")
    url = care.engine.url.set(username=role)
    stranger = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with pytest.raises(IndexRefusedError, match="as a role that may read the schema orchestration and owns"):
            make_app_indexes(stranger)
        done = a_command(url.render_as_string(hide_password=False))
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    finally:
        stranger.dispose()
        engine_for(url.render_as_string(hide_password=False)).dispose()
        care.rows(f"DROP ROLE {role}")


def test_the_index_of_a_partitioned_table_is_made_anew_for_other_words(
    partitioned: Care, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With those of all its parts."""
    make_app_indexes(partitioned.engine)
    migrate_by(partitioned, tmp_path, monkeypatch, {"task.statuses.closed": ["RESOLVED"]})
    assert made(partitioned) == ["sequora_open_task"]
    assert are_there(partitioned) == NAMES
    definitions = partitioned.rows(
        "SELECT pg_get_indexdef(oid) AS it FROM pg_class WHERE starts_with(relname, 'sequora_open_task')"
    )
    assert len(definitions) == len(PARTS)
    assert not [row["it"] for row in definitions if "CANCELLED" in row["it"]]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"task.status": "upper(task.status)"},
            f"{OF_TASKS}: cannot be made: the status or the creation is no column",
        ),
        (
            {"task.created_at": "coalesce(task.created_at, now())"},
            f"{OF_TASKS}: cannot be made: the status or the creation is no column",
        ),
        (
            {"episode.created_at": "coalesce(episode.created_at, now())"},
            'index sequora_recent_episode on public."Episode": cannot be made: the creation is no column',
        ),
    ],
)
def test_where_there_can_be_no_index_it_is_said(
    care: Care, care_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: Changes, said: str
) -> None:
    """That is no failure: everything works without."""
    migrate_by(care, tmp_path, monkeypatch, changes)
    done = a_command(care_url)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert said in lines
    assert len([line for line in lines if line.endswith(": made")]) == 1


def test_of_a_view_it_is_said_what_to_index(care: Care, care_url: str) -> None:
    """And the other index is made."""
    care.alter('ALTER TABLE "Episode" RENAME TO stays', 'CREATE VIEW "Episode" AS SELECT * FROM stays')
    done = a_command(care_url)
    assert done.returncode == 0
    assert (
        'index sequora_recent_episode on public."Episode": cannot be made: public."Episode" is no table, but a view: '
        "index the tables under it"
    ) in done.stdout
    assert f"{OF_TASKS}: made" in done.stdout


def test_of_a_table_with_parts_elsewhere_it_is_said_which(partitioned: Care) -> None:
    """They can have no index from here, and without theirs the whole would never be valid."""
    partitioned.rows("CREATE FOREIGN DATA WRAPPER elsewhere")
    partitioned.rows("CREATE SERVER archive FOREIGN DATA WRAPPER elsewhere")
    partitioned.rows(
        """CREATE FOREIGN TABLE task_2020 PARTITION OF "EscalationTask" FOR VALUES FROM ('2020-01-01')
           TO ('2021-01-01') SERVER archive"""
    )
    (tasks, _) = make_app_indexes(partitioned.engine)
    assert tasks.why_not == "parts of it are in another database: task_2020"


def test_a_name_that_is_taken_is_a_sentence(care: Care, care_url: str) -> None:
    """A table that the application has set aside took its index along."""
    make_app_indexes(care.engine)
    care.alter(
        'ALTER TABLE "EscalationTask" RENAME TO of_before',
        'CREATE TABLE "EscalationTask" (LIKE of_before INCLUDING DEFAULTS)',
    )
    done = a_command(care_url)
    assert done.returncode == 1
    assert done.stderr == f'{OF_TASKS} cannot be made: relation "sequora_open_task" already exists\n'


def test_who_may_not_make_an_index_is_told_who_may(care: Care, care_url: str) -> None:
    """The least role owns no table."""
    make_role(care.engine)
    done = a_command(as_role(care_url))
    assert done.returncode == 1
    assert done.stderr == (
        f"{OF_TASKS} cannot be made: must be owner of table EscalationTask; run `sequora migrate --app-indexes` as the "
        "owner\n"
    )


def test_an_index_of_the_same_name_on_another_table_is_not_touched(care: Care) -> None:
    """It is somebody else's."""
    care.rows("CREATE SCHEMA elsewhere")
    care.rows("CREATE TABLE elsewhere.tasks (id integer)")
    care.rows("CREATE INDEX sequora_open_task ON elsewhere.tasks (id)")
    assert made(care) == NAMES
    assert care.one("SELECT count(*) FROM pg_class WHERE relname = 'sequora_open_task'") == 2


@contextmanager
def an_old_transaction(care: Care) -> Iterator[int]:
    """Somebody's transaction that an index waits for; its server's process."""
    engine = create_engine(care.engine.url, isolation_level="REPEATABLE READ", connect_args={"application_name": "old"})
    try:
        with engine.begin() as connection:
            yield connection.exec_driver_sql(
                'SELECT pg_backend_pid() FROM "User" RIGHT JOIN now() ON true'
            ).scalar_one()
    finally:
        engine.dispose()


def an_index_waits(care: Care) -> int:
    """Wait until an index that is being made waits for somebody; return its server's process."""
    waits = """SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX CONC%'
               AND datname = current_database()"""
    eventually(lambda: care.rows(waits), within=20, what="an index waits")
    return int(care.rows(waits)[0]["pid"])


@contextmanager
def a_process_that_waits(care: Care, url: str) -> Iterator[subprocess.Popen[str]]:
    """A process of `sequora migrate --app-indexes` whose index waits for somebody."""
    process = subprocess.Popen(
        [BIN / "sequora", "migrate", "--app-indexes"],
        env={**os.environ, "SUPABASE_DB_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            an_index_waits(care)
            yield process
        finally:
            process.kill()


def test_what_the_server_makes_for_a_run_that_was_killed_is_left_alone_and_counts(
    care: Care, care_url: str, doctor: Doctor
) -> None:
    """It is neither dropped nor made a second time meanwhile; when it is whole it lacks nothing but its comment."""
    with an_old_transaction(care) as old:
        with a_process_that_waits(care, care_url) as process:
            process.kill()
        at_work = an_index_waits(care)
        done = a_command(care_url)
        assert done.returncode == 1
        assert done.stderr == (
            f"the server is still at an index that an interrupted run has begun (session {at_work}, which waits for "
            f"the transaction of session {old} (old)): run `sequora migrate --app-indexes` again when that has ended; "
            f"SELECT pg_cancel_backend({at_work}) ends it\n"
        )
        assert an_index_waits(care) == at_work
    eventually(lambda: are_there(care), within=20, what="the server has made it")
    made_by_the_server = care.one("SELECT 'sequora_open_task'::regclass::oid")
    assert "1 of 2 are not there (sequora_recent_episode)" in doctor()["helpful indexes"].said
    assert made(care) == ["sequora_recent_episode"]
    assert care.one("SELECT 'sequora_open_task'::regclass::oid") == made_by_the_server
    assert len(whole(care)) == len(NAMES)
    assert doctor()["helpful indexes"].level is Level.OK


def test_ctrl_c_stops_it_while_it_waits_and_nothing_is_left_at_work(care: Care, care_url: str) -> None:
    """It says for whom it waited."""
    with an_old_transaction(care) as old:
        with a_process_that_waits(care, care_url) as process:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        assert process.returncode == 1
        assert said.splitlines()[-1] == (
            f"{OF_TASKS} is not made: it was stopped while it waited for the transaction of session {old} (old) to "
            "end; run `sequora migrate --app-indexes` again"
        )
        with care.engine.connect() as connection:
            assert index_builds.at_work(connection) == []
    assert made(care) == NAMES


def test_whom_it_waits_for_is_told_after_a_while(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, as long as that is the same."""
    monkeypatch.setattr(index_builds, "A_WHILE", 0.05)
    said: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with an_old_transaction(care) as old:
            making = pool.submit(make_app_indexes, care.engine, said.append)
            eventually(lambda: said, within=20, what="it is told")
        making.result()
    assert said == [f"{OF_TASKS}: it waits for the transaction of session {old} (old), which is older; Ctrl-C stops it"]
    assert are_there(care) == NAMES


def test_an_index_whose_session_is_ended_is_a_sentence(care: Care) -> None:
    """And made by the next run."""
    with ThreadPoolExecutor(1) as pool, an_old_transaction(care):
        making = pool.submit(make_app_indexes, care.engine)
        care.rows("SELECT pg_terminate_backend(:pid)", pid=an_index_waits(care))
        with pytest.raises(IndexRefusedError) as refused:
            making.result()
    assert re.fullmatch(BROKEN, str(refused.value))
    assert made(care) == NAMES


def test_who_is_at_the_same_index_is_no_traceback(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres has no better name for it than an internal error."""

    def updated(connection: Connection, *_: object) -> None:
        connection.exec_driver_sql(
            "DO $$ BEGIN RAISE 'tuple concurrently updated' USING ERRCODE = 'internal_error'; END $$"
        )

    monkeypatch.setattr(app_indexes, "_build", updated)
    with pytest.raises(
        IndexRefusedError, match="tuple concurrently updated; run `sequora migrate --app-indexes` again"
    ):
        make_app_indexes(care.engine)
