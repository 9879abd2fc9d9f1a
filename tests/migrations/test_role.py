"""`role.sql`: the role of the running system can do its work, and nothing else."""

import pytest
from care import EPISODE, Care
from least_rights import ROLE, ROLE_SQL, as_role, make_role
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from sequora_orchestration.database import SchemaMissingError, engine_for
from sequora_orchestration.migrations import apply

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
READ = ("EscalationTask", "User", "Episode", "Patient")


@pytest.fixture
def system(care: Care, care_url: str) -> Care:
    """The same database as the running system sees it, under its role."""
    make_role(care.engine)
    return Care(engine_for(as_role(care_url)))


def test_of_the_applications_tables_the_role_reads_four_and_writes_into_one(system: Care) -> None:
    """To the right: what is granted to everybody counts too."""
    rows = system.rows(
        "SELECT relname, privilege FROM pg_class, unnest(CAST(:rights AS text[])) AS privilege"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND has_table_privilege(:role, pg_class.oid, privilege)",
        role=ROLE,
        rights=list(RIGHTS),
    )
    granted = {(row["relname"], row["privilege"]) for row in rows}
    assert granted == {*((table, "SELECT") for table in READ), ("NotificationLog", "INSERT")}


def test_the_role_is_no_more_than_a_login(system: Care) -> None:
    """It makes no database, no role and no schema, and is a member of nothing."""
    (role,) = system.rows("SELECT * FROM pg_roles WHERE rolname = current_user")
    assert role["rolcanlogin"]
    assert not any(role[f"rol{power}"] for power in ("super", "createdb", "createrole", "replication", "bypassrls"))
    assert not system.one("SELECT has_database_privilege(current_database(), 'CREATE')")
    assert not system.rows("SELECT FROM pg_auth_members WHERE member = current_user::regrole")


@pytest.mark.parametrize(
    "statement",
    [
        *(f'INSERT INTO "{table}" DEFAULT VALUES' for table in READ),
        *(f'UPDATE "{table}" SET id = id' for table in (*READ, "NotificationLog")),
        *(f'DELETE FROM "{table}"' for table in (*READ, "NotificationLog")),
        'SELECT FROM "EscalationTask" FOR UPDATE',
        'SELECT * FROM "NotificationLog"',
        'INSERT INTO "NotificationLog" DEFAULT VALUES RETURNING id',
        'TRUNCATE "NotificationLog"',
        'ALTER TABLE "EscalationTask" ADD column_of_ours text',
        'CREATE INDEX ON "EscalationTask" (created_at)',
        'DROP TABLE "User"',
        "CREATE TABLE public.of_ours ()",
        "CREATE FUNCTION public.of_ours() RETURNS integer LANGUAGE sql RETURN 1",
        "CREATE SCHEMA of_ours",
        "DROP SCHEMA orchestration CASCADE",
        "DROP TABLE orchestration.notification",
    ],
)
def test_what_the_role_may_not_do_is_refused(system: Care, statement: str) -> None:
    """Whatever a mistake of ours, or somebody with our password, asks for."""
    with pytest.raises(ProgrammingError) as refused:
        system.rows(statement)
    assert isinstance(refused.value.orig, InsufficientPrivilege)


def test_the_role_can_do_what_the_system_does(system: Care) -> None:
    """It reads the application's tables, logs a text, and has all of the tables of the ledger."""
    for table in READ:
        system.rows(f'SELECT * FROM "{table}"')
    system.rows(
        'INSERT INTO "NotificationLog" (task_id, nurse_id, method, status, sent_at)'
        " VALUES (:id, :id, 'SMS', 'SENT', now())",
        id=EPISODE,
    )
    system.rows(
        """INSERT INTO orchestration.notification
               (business_key, kind, urgency, owed_since, state, lease_until)
           VALUES ('task-created:1:2', 'task-created', 0, now(), 'QUEUED', now())"""
    )
    system.rows("UPDATE orchestration.notification SET state = 'CANCELLED', reason = 'a test'")
    assert system.one("SELECT count(*) FROM orchestration.notification_event") == 2
    missing = system.rows(
        "SELECT relname, privilege FROM pg_class, unnest(CAST(:rights AS text[])) AS privilege"
        " WHERE relnamespace = 'orchestration'::regnamespace AND relkind = 'r'"
        " AND NOT has_table_privilege(pg_class.oid, privilege)",
        rights=list(RIGHTS),
    )
    assert missing == []


def test_what_a_later_migration_makes_is_the_roles_to_use(care: Care, system: Care) -> None:
    """A table with a sequence, and a function that not everybody may call."""
    care.rows("CREATE TABLE orchestration.later (id serial PRIMARY KEY)")
    care.rows("ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    care.rows("CREATE FUNCTION orchestration.later() RETURNS integer LANGUAGE sql RETURN 1")
    system.rows("INSERT INTO orchestration.later DEFAULT VALUES")
    assert system.one("SELECT orchestration.later() FROM orchestration.later") == 1


def test_row_level_security_does_not_blind_the_role(care: Care, system: Care) -> None:
    """Supabase switches it on for every table: a role without a policy would see no row, and tell nobody."""
    for table in (*READ, "NotificationLog"):
        care.rows(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    task = care.a_task(care.a_nurse())
    care.an_episode(care.a_patient())
    assert [system.one(f'SELECT count(*) FROM "{table}"') for table in READ] == [1, 1, 1, 1]
    system.rows('INSERT INTO "NotificationLog" (task_id) VALUES (:task)', task=task)
    assert len(care.logged(task)) == 1


def test_making_the_role_again_changes_nothing(care: Care, system: Care) -> None:
    """An operator may run the file after each migration."""
    make_role(care.engine)
    system.rows('SELECT * FROM "EscalationTask"')


def test_where_nothing_is_to_migrate_the_role_is_enough(system: Care) -> None:
    """`sequora dev` and a careful operator migrate at every start."""
    assert apply.migrate(system.engine).revisions == []


def test_a_migration_that_the_role_may_not_make_is_a_sentence(care: Care, system: Care) -> None:
    """It says what to do, and nothing is half done."""
    care.rows("UPDATE orchestration.migration SET version_num = '0002'")
    with pytest.raises(SchemaMissingError, match="run `sequora migrate` as the role that owns it"):
        apply.migrate(system.engine)
    with care.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM orchestration.migration")) == "0002"


def test_a_schema_that_the_role_may_not_make_is_a_sentence(care: Care, system: Care) -> None:
    """The first migration is the owner's."""
    care.rows("DROP SCHEMA orchestration CASCADE")
    with pytest.raises(SchemaMissingError, match="run `sequora migrate` as the role that owns it"):
        apply.migrate(system.engine)


def test_a_good_run_says_nothing(care: Care) -> None:
    """Neither the first nor the next; and whoever runs it hears notices again afterwards."""
    care.rows('ALTER TABLE "EscalationTask" ENABLE ROW LEVEL SECURITY')
    with care.engine.connect() as connection:
        notices: list[str] = connection.connection.dbapi_connection.notices  # type: ignore[union-attr]  # psycopg2's
        notices.clear()
        for _ in range(2):
            connection.execute(text(ROLE_SQL.read_text(encoding="utf-8")))
        assert notices == []
        assert connection.scalar(text("SHOW client_min_messages")) == "notice"
