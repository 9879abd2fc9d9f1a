"""Engines and named statements."""

import logging
import os
import re
import select
import traceback
from contextlib import ExitStack
from pathlib import Path

import psycopg2
import pytest
from care import Care
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, TimeoutError  # noqa: A004

from sequora_orchestration.database import (
    CONNECTIONS_PER_PROCESS,
    NamedStatements,
    engine_for,
    execute,
    id_array,
    refuses_a_row,
)

# Postgres keeps no NUL in a `text`; everything else may be an id.
IDS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40) | st.text(
    alphabet="{}\",\\ 'NULl%:;-$", max_size=20
)


def test_statements_are_read_by_their_names(tmp_path: Path) -> None:
    """What stands under `-- name:` belongs to it up to the next one; what stands above the first to none."""
    path = tmp_path / "some.sql"
    path.write_text(
        "-- The file's head.\n\n-- name: first\n-- Reads.\nSELECT 1;\n\n-- name: second_of_them\nSELECT :value;\n",
        encoding="utf-8",
    )
    statements = NamedStatements(path)
    assert list(statements.all) == ["first", "second_of_them"]
    assert statements["first"].text.strip() == "-- Reads.\nSELECT 1;"
    assert statements["second_of_them"].text.strip() == "SELECT :value;"


def test_a_name_in_the_middle_of_a_line_begins_no_statement(tmp_path: Path) -> None:
    """A comment may speak of another statement."""
    path = tmp_path / "some.sql"
    path.write_text("-- name: only\n-- unlike -- name: another\nSELECT 1 -- name: third\n", encoding="utf-8")
    assert list(NamedStatements(path).all) == ["only"]


def test_a_statement_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A misspelt name is noticed at its first use."""
    path = tmp_path / "some.sql"
    path.write_text("-- name: first\nSELECT 1;\n", encoding="utf-8")
    with pytest.raises(KeyError, match="frist"):
        NamedStatements(path)["frist"]


def test_a_file_is_read_at_the_first_look_up(tmp_path: Path) -> None:
    """Importing a module that has statements opens nothing."""
    path = tmp_path / "later.sql"
    statements = NamedStatements(path)
    path.write_text("-- name: first\nSELECT 1;\n", encoding="utf-8")
    assert statements["first"].text.strip() == "SELECT 1;"


@given(st.lists(IDS, max_size=8))
@example([])
@example(["NULL", "null", "", " ", '"', "\\", "{}", "a,b", "'; DROP TABLE x; --", ":a", "%s"])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_ids_reach_postgres_as_they_are(care: Care, ids: list[str]) -> None:
    """Quotes, braces, commas, the word NULL: nothing in an id is taken for anything else."""
    assert care.one("SELECT CAST(:a AS text[])", a=id_array(ids)) == ids


def test_ids_take_the_type_of_the_column_they_are_compared_with(care: Care) -> None:
    """So an index on it serves, whether it is `uuid` or `text`."""
    one = "0f8fad5b-d9cb-469f-a165-70867728950e"
    for type_name in ("uuid", "text"):
        assert care.one(f"SELECT CAST(:id AS {type_name}) = ANY (:ids)", id=one, ids=id_array([one]))


def test_a_process_has_one_engine_for_a_url(care_url: str) -> None:
    """Connections are kept, and their number is bounded."""
    assert engine_for(care_url) is engine_for(care_url)
    assert engine_for(care_url) is not engine_for(f"{care_url}&application_name=another")


def test_a_fork_gets_an_engine_of_its_own(care_url: str) -> None:
    """Two processes that wrote to one connection would read each other's answers."""
    ours = engine_for(care_url)
    child = os.fork()
    if child == 0:
        os._exit(1 if engine_for(care_url) is ours else 0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_nothing_is_connected_before_the_first_use() -> None:
    """An engine for a database that is not there is made all the same."""
    assert engine_for("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")


def test_a_process_holds_no_more_connections_than_it_may(care_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small plans allow few; one more waits for its turn."""
    engine = engine_for(care_url)
    monkeypatch.setattr(engine.pool, "_timeout", 0)
    with ExitStack() as held:
        for _ in range(CONNECTIONS_PER_PROCESS):
            held.enter_context(engine.connect())
        with pytest.raises(TimeoutError):
            engine.connect()


def test_every_statement_commits_by_itself(care: Care, care_url: str) -> None:
    """Another connection sees at once what a statement did."""
    other = create_engine(care_url)
    with care.engine.connect() as ours, other.connect() as theirs:
        ours.execute(text("""INSERT INTO "User" (first_name) VALUES ('Nora')"""))
        seen = theirs.scalar(text("""SELECT count(*) FROM "User" """))
    other.dispose()
    assert seen == 1


def test_an_error_does_not_show_the_parameters(care: Care) -> None:
    """They are names and numbers, and errors are logged."""
    with pytest.raises(DBAPIError) as error:
        care.rows("SELECT 1 / 0, CAST(:phone AS text)", phone="+12025550123")
    assert "division by zero" in str(error.value)
    assert "2025550123" not in str(error.value) + repr(error.value)


def test_a_connection_that_the_server_has_ended_is_replaced(care: Care, care_url: str) -> None:
    """A restart of the database costs nothing to the statement that comes next."""
    care.one("SELECT 1")
    _end_the_connection(care_url)
    assert care.one("SELECT 1") == 1


def test_a_connection_is_not_asked_whether_it_lives(care: Care) -> None:
    """Asking would double the round trips: between two statements of ours there is no transaction on it."""
    before, after = (
        care.one("SELECT virtualtransaction FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'virtualxid'")
        for _ in range(2)
    )
    backend, number = before.split("/")
    assert after == f"{backend}/{int(number) + 1}"


def test_a_connection_on_which_the_server_has_said_something_goes_on(care: Care, care_url: str) -> None:
    """What it says unasked need not be its end."""
    backend = care.one("SELECT pg_backend_pid()")
    other = create_engine(care_url, isolation_level="AUTOCOMMIT")
    with care.engine.connect() as ours, other.connect() as theirs:
        ours.execute(text("LISTEN news"))
        theirs.execute(text("NOTIFY news"))
        connection = ours.connection.driver_connection
        assert connection
        assert select.select([connection.fileno()], [], [], 10)[0]
    other.dispose()
    assert care.one("SELECT pg_backend_pid()") == backend


def _end_the_connection(care_url: str) -> None:
    """End the one connection to a database, as its restart does."""
    other = create_engine(care_url, isolation_level="AUTOCOMMIT")
    with other.connect() as connection:
        ended = connection.scalars(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        ).all()
    other.dispose()
    assert ended == [True]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DO $$ BEGIN RAISE EXCEPTION 'Nora Reyes, +12025550101'; END $$", "SQLSTATE P0001"),
        ("SELECT CAST('Nora +12025550101' AS uuid)", "SQLSTATE 22P02"),
        (
            "INSERT INTO orchestration.opt_out VALUES ('Nora +12025550101'), ('Nora +12025550101')",
            "SQLSTATE 23505 opt_out opt_out_pkey",
        ),
        ('SELECT nothing FROM "User"', 'column "nothing" does not exist (SQLSTATE 42703)'),
    ],
)
def test_an_error_of_the_database_repeats_no_value(care: Care, statement: str, said: str) -> None:
    """Neither its own sentence, nor the details, nor what a trigger of the application's says."""
    with pytest.raises(DBAPIError) as raised:
        execute(care.engine, text(statement.replace(":", "\\:")), {})
    shown = "".join(traceback.format_exception(raised.value))
    assert said in shown
    assert not {"Nora", "12025550101"} & set(re.findall(r"\w+", shown.replace(statement, "")))


def test_a_server_that_cannot_be_reached_is_still_named() -> None:
    """There is no value of a row in that sentence."""
    engine = create_engine("postgresql+psycopg2://nobody@127.0.0.1:9/nothing")
    with pytest.raises(DBAPIError, match=r"127\.0\.0\.1"):
        execute(engine, text("SELECT 1"), {})


@pytest.mark.parametrize(
    ("statement", "refuses"),
    [
        ("DO $$ BEGIN RAISE EXCEPTION 'no such nurse'; END $$", True),
        ("DO $$ BEGIN RAISE lock_not_available; END $$", True),
        ("DO $$ BEGIN RAISE disk_full; END $$", False),
        ("SELECT pg_terminate_backend(pg_backend_pid())", False),
    ],
)
def test_a_refused_row_is_told_from_a_database_in_trouble(care: Care, statement: str, *, refuses: bool) -> None:
    """What is in trouble is asked again; a row that is refused is done without."""
    with pytest.raises(DBAPIError) as raised:
        execute(care.engine, text(statement), {})
    assert refuses_a_row(raised.value) is refuses


def test_an_error_without_a_code_is_no_refusal() -> None:
    """That is all that libpq leaves when a server ends in the middle of an answer."""
    assert not refuses_a_row(DBAPIError("", None, psycopg2.DatabaseError("lost synchronization with server")))


def test_rows_that_are_read_are_never_logged(care: Care, caplog: pytest.LogCaptureFixture) -> None:
    """Not even when everything is."""
    caplog.set_level(logging.DEBUG, "sqlalchemy")
    nurse = care.a_nurse(first_name="Marked-Name")
    engine = create_engine(care.engine.url, hide_parameters=True)
    execute(engine, text('SELECT * FROM "User" WHERE id = :id'), {"id": nurse})
    engine.dispose()
    assert "Marked-Name" not in caplog.text
    assert '"User"' in caplog.text
