"""An answer that the application's table would refuse is found by the doctor, and not by the first nurse."""

from collections.abc import Callable
from pathlib import Path

import pytest
from care import Care
from least_rights import as_role, make_role
from maps import Changes
from sqlalchemy import text

from sequora_orchestration.application.answer_trial import Tried, try_answers
from sequora_orchestration.cli.checks.finding import Level, fail, ok
from sequora_orchestration.migrations.apply import Migrated

from .conftest import Doctor, Tables

CHECKED = 'ALTER TABLE "EscalationTask" ADD CONSTRAINT checked CHECK'

OF_ANY = "(a task that is OPEN or IN_PROGRESS)"

WRITES_BACK = "the tasks that are accepted or resolved by text are written into the application"


@pytest.fixture
def tried(care: Care) -> Callable[..., Tried]:
    """Alter the application's tables, and try the answers of a map that comes along, with these changes."""

    def tried(*altered: str, changes: Changes | None = None) -> Tried:
        for statement in altered:
            care.rows(statement)
        with care.engine.execution_options(isolation_level="READ COMMITTED").connect() as connection:
            fitted = Tables(connection, Path()).fit(changes)
            assert fitted.problems == []
            return try_answers(connection, fitted)

    return tried


REFUSED = [
    (f"{CHECKED} (status IN ('OPEN', 'TAKEN', 'RESOLVED'))", "accepting.status: the CHECK checked refuses it", "OPEN"),
    (
        f"{CHECKED} (status IN ('OPEN', 'IN_PROGRESS', 'DONE'))",
        "resolving.status: the CHECK checked refuses it",
        OF_ANY,
    ),
    (
        f"{CHECKED} (status IN ('open', 'in_progress', 'resolved'))",
        "resolving.status: the CHECK checked refuses it",
        OF_ANY,
    ),
    (
        f"{CHECKED} (status <> 'RESOLVED' OR picked_up_at IS NOT NULL)",
        "resolving.status: the CHECK checked refuses it",
        "(a task that is OPEN)",
    ),
    (
        f"{CHECKED} (status <> 'RESOLVED' OR priority IS NOT NULL)",
        "resolving.status: the CHECK checked refuses it",
        OF_ANY,
    ),
    (
        f"{CHECKED} (picked_up_at <= created_at + interval '10 minutes')",
        "accepting.picked_up_at: the CHECK checked refuses it",
        "OPEN",
    ),
    (f"{CHECKED} (status IN ('todo', 'done'))", "resolving.status: the CHECK checked refuses it", ""),
    (
        f"{CHECKED} (status IN ('todo', 'done')), ALTER status SET DEFAULT 'todo'",
        "resolving.status: the CHECK checked refuses it",
        "",
    ),
    (
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE state USING NULL',
        "resolving.status: the CHECK state_check refuses it",
        OF_ANY,
    ),
]


@pytest.mark.parametrize(("altered", "said", "of"), REFUSED, ids=[altered for altered, *_ in REFUSED])
def test_what_the_table_would_refuse_is_found(
    care: Care, tried: Callable[..., Tried], altered: str, said: str, of: str
) -> None:
    """With the map's key, and the status of the task; the application's table is not touched."""
    care.rows("CREATE DOMAIN state AS text CHECK (VALUE IN ('OPEN', 'IN_PROGRESS', 'DONE'))")
    before = care.a_task(care.a_nurse(), priority="HIGH")
    check, comma, rest = altered.partition(", ALTER status SET")
    care.alter(f"{check} NOT VALID{comma}{rest}" if CHECKED in altered else altered)
    version = care.one(f"SELECT xmin::text FROM \"EscalationTask\" WHERE id = '{before}'")
    (problem,) = tried().problems
    assert problem.startswith(said)
    assert of in problem
    assert care.one(f"SELECT xmin::text FROM \"EscalationTask\" WHERE id = '{before}'") == version
    assert care.one("SELECT count(*) FROM pg_class WHERE relname = 'sequora_task_trial'") == 0


def test_a_word_that_an_enum_lacks_is_found(care: Care, tried: Callable[..., Tried]) -> None:
    """The word stands in the map, so it is told."""
    care.alter(
        "CREATE TYPE task_state AS ENUM ('Open', 'in-progress', 'DONE')",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE task_state USING NULL',
    )
    assert tried().problems == [
        f'resolving.status: invalid input value for enum task_state: "RESOLVED" {OF_ANY}',
    ]
    assert tried(changes={"task.statuses.closed": ["DONE"], "resolving.status": "'DONE'"}).problems == []


def test_a_word_that_an_enum_lacks_stops_no_text(
    care: Care, put_in_force: Callable[..., Migrated], doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The map comes into force, and the doctor says which word it is."""
    care.alter(
        "CREATE TYPE task_state AS ENUM ('OPEN', 'IN_PROGRESS', 'RESOLVED')",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE task_state USING NULL',
    )
    put_in_force({"accepting.status": "CASE WHEN task.status = 'NEU' THEN 'IN_PROGRESS' ELSE task.status END"})
    monkeypatch.setenv("SEQUORA_WRITE_BACK", "on")
    assert doctor()["write-back"].said == (
        "the application would not take what staff answer: "
        'accepting.status: invalid input value for enum task_state: "NEU" (a task that is OPEN)'
    )


TAKEN = [
    'ALTER TABLE "EscalationTask" ADD title text NOT NULL',
    'ALTER TABLE "EscalationTask" ADD nr bigserial, ADD kind bigint GENERATED ALWAYS AS IDENTITY',
    'ALTER TABLE "EscalationTask" ALTER updated_at SET NOT NULL, ALTER updated_at DROP DEFAULT',
    "ALTER TABLE \"EscalationTask\" ADD at date GENERATED ALWAYS AS ((picked_up_at AT TIME ZONE 'UTC')::date) STORED",
    'ALTER TABLE "EscalationTask" ADD FOREIGN KEY (assigned_to_user_id) REFERENCES "User" (id)',
    f"{CHECKED} (status IN ('OPEN', 'IN_PROGRESS', 'RESOLVED'))",
    f"{CHECKED} ((status = 'RESOLVED') = (resolved_at IS NOT NULL))",
    f"{CHECKED} ((status = 'OPEN') = (picked_up_at IS NULL) OR status = 'RESOLVED')",
    f"{CHECKED} (picked_up_at >= created_at AND resolved_at >= picked_up_at)",
    f"{CHECKED} (assigned_to_user_id IS NOT NULL OR status = 'OPEN')",
]


@pytest.mark.parametrize("altered", TAKEN)
def test_a_table_that_takes_answers_is_not_complained_about(
    care: Care, tried: Callable[..., Tried], altered: str
) -> None:
    """And nothing of it is used up."""
    assert tried(altered) == Tried(problems=[], untried=[], left_out=[])
    for row in care.rows(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'S' AND relnamespace = 2200"
    ):
        assert care.one(f"SELECT is_called FROM {row['name']}") is False


def test_a_check_that_no_task_of_the_trial_meets_is_left_out_and_told(tried: Callable[..., Tried]) -> None:
    """It is about columns that nobody here knows."""
    altered = [
        'ALTER TABLE "EscalationTask" ADD title text',
        f"{CHECKED} (title IS NOT NULL)",
        "ALTER TABLE \"EscalationTask\" ADD CONSTRAINT known CHECK (status IN ('OPEN', 'IN_PROGRESS', 'DONE'))",
    ]
    found = tried(*altered)
    assert (found.untried, found.left_out) == ([], ["checked"])
    assert found.problems == [f"resolving.status: the CHECK known refuses it {OF_ANY}"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"resolving.status": "'IN_PROGRESS'"},
            "resolving: the task is still open afterwards: write a status that [task.statuses] has under closed "
            f"{OF_ANY}",
        ),
        (
            {"accepting": {"updated_at": "answer.at"}},
            "accepting: the task does not count as taken afterwards: write a status that [task.statuses] has under "
            "taken, or the column of task.picked_up_at (a task that is OPEN)",
        ),
        (
            {"accepting.status": "'RESOLVED'"},
            "accepting: the task is closed afterwards: write a status that [task.statuses] has under taken "
            "(a task that is OPEN)",
        ),
        (
            {"resolving.created_at": "nullif(answer.at, answer.at)"},
            f"resolving.created_at: created_at is NOT NULL, and there is nothing for it {OF_ANY}",
        ),
        (
            {"resolving.resolved_at": "answer.at + (1 / (length(task.status) - length(task.status))) * interval '1 s'"},
            f"resolving.resolved_at: the value is refused, DivisionByZero, SQLSTATE 22012 {OF_ANY}",
        ),
    ],
)
def test_an_answer_that_would_not_do_is_found(tried: Callable[..., Tried], changes: Changes, said: str) -> None:
    """A nurse would be told that it is done, and the system would go on as if it were not."""
    assert tried('ALTER TABLE "EscalationTask" ALTER created_at SET NOT NULL', changes=changes).problems == [said]


def test_a_table_in_which_no_task_can_be_open_is_told(tried: Callable[..., Tried]) -> None:
    """Nothing can be tried then."""
    altered = f"{CHECKED} (status IS NOT DISTINCT FROM 'todo')"
    found = tried(altered)
    assert found.problems == []
    assert found.untried == [
        f"{part}: no task can have a status that is open by the map" for part in ("accepting", "resolving")
    ]


def test_no_value_of_a_row_is_told(care: Care, tried: Callable[..., Tried]) -> None:
    """Also where an expression reads the application's rows."""
    care.a_nurse("+12025550101")
    (problem,) = tried(
        changes={"resolving.resolved_at": """(SELECT primary_phone FROM public."User" LIMIT 1)::timestamptz"""}
    ).problems
    assert "+12025550101" not in problem
    assert problem.startswith("resolving.resolved_at: the value is refused, ")


@pytest.mark.parametrize("type_name", ["bigint", "smallint", "text", "varchar(8)", "char(40)"])
def test_tasks_of_the_trial_have_ids_as_the_application_has_them(
    care: Care, tried: Callable[..., Tried], type_name: str
) -> None:
    """They are nobody's."""
    columns = ("id", "assigned_to_user_id")
    care.alter(
        'ALTER TABLE "EscalationTask" ALTER id DROP DEFAULT, '
        + ", ".join(f"ALTER {column} TYPE {type_name} USING NULL" for column in columns),
        f'ALTER TABLE "User" ALTER id DROP DEFAULT, ALTER id TYPE {type_name} USING NULL',
        f'ALTER TABLE "NotificationLog" ALTER task_id TYPE {type_name} USING NULL,'
        f" ALTER nurse_id TYPE {type_name} USING NULL",
    )
    assert tried() == Tried(problems=[], untried=[], left_out=[])


# --- the doctor -------------------------------------------------------------------------------------------------------


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of a system that writes answers back."""
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    monkeypatch.setenv("SEQUORA_WRITE_BACK", "on")


def test_off_is_what_it_is_by_default(doctor: Doctor) -> None:
    """Nothing is tried then."""
    assert doctor()["write-back"] == ok("off: what staff answer is not written into the application's tasks")


@pytest.mark.usefixtures("on")
@pytest.mark.parametrize("has_the_least_rights", [False, True])
def test_all_is_well_with_the_maps_that_come_along(
    care: Care, care_url: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, *, has_the_least_rights: bool
) -> None:
    """Also for the role of the running system, whose the application's table is not."""
    if has_the_least_rights:
        make_role(care.engine, writes_back=True)
        monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    assert doctor()["write-back"] == ok(WRITES_BACK)


@pytest.mark.usefixtures("on", "sequora_care")
def test_all_is_well_on_the_applications_own_tables(
    sequora_care_url: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an enum, and a trigger."""
    monkeypatch.setenv("SUPABASE_DB_URL", sequora_care_url)
    assert doctor()["write-back"] == ok(WRITES_BACK)


@pytest.mark.usefixtures("on")
def test_a_status_that_a_check_refuses_is_told_by_the_doctor(care: Care, doctor: Doctor) -> None:
    """Before a nurse has answered."""
    care.alter(f"{CHECKED} (status IN ('OPEN', 'IN_PROGRESS', 'CLOSED'))")
    assert doctor()["write-back"] == fail(
        f"the application would not take what staff answer: resolving.status: the CHECK checked refuses it {OF_ANY}",
        to_do="correct the map, and run `sequora migrate`",
    )


@pytest.mark.usefixtures("on")
def test_a_map_that_does_not_say_what_to_write_is_told(doctor: Doctor, put_in_force: Callable[..., Migrated]) -> None:
    """Of both commands a failure, of one a warning."""
    put_in_force({"accepting": None, "resolving": None})
    found = doctor()["write-back"]
    assert found.level is Level.FAIL
    assert "has no [accepting] and no [resolving], which say what is written" in found.said
    put_in_force({"resolving": None})
    found = doctor()["write-back"]
    assert found.level is Level.WARN
    assert found.said.endswith("has no [resolving]: the application does not learn what was resolved")
    assert found.to_do == "write [resolving] into the map and run `sequora migrate`"


@pytest.mark.usefixtures("on")
def test_answers_that_nobody_reads_are_a_warning(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """One setting without the other does nothing."""
    monkeypatch.setenv("SEQUORA_REPLIES", "off")
    assert doctor()["write-back"].level is Level.WARN


@pytest.mark.usefixtures("on")
def test_a_role_that_may_make_no_temporary_table_is_told_that_nothing_was_tried(
    care: Care, care_url: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes all the same."""
    make_role(care.engine, writes_back=True)
    with care.engine.connect() as connection:
        connection.execute(text(f"REVOKE TEMPORARY ON DATABASE {care.engine.url.database} FROM PUBLIC"))
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    found = doctor()["write-back"]
    assert found.level is Level.WARN
    assert found.said.endswith("could not be tried: this role may make no temporary table like that of the tasks")


@pytest.mark.usefixtures("on")
def test_a_check_that_took_no_part_is_named(care: Care, doctor: Doctor) -> None:
    """All else is well."""
    care.alter('ALTER TABLE "EscalationTask" ADD title text', f"{CHECKED} (title IS NOT NULL)")
    assert doctor()["write-back"] == ok(f"{WRITES_BACK}, as far as can be tried without the CHECK checked")


@pytest.mark.usefixtures("on")
def test_rights_that_are_lacking_are_named(
    care: Care, care_url: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a policy that is, where rows have one."""
    make_role(care.engine)
    monkeypatch.setenv("SUPABASE_DB_URL", as_role(care_url))
    found = doctor()
    assert found["rights"].said == 'the role of SUPABASE_DB_URL lacks UPDATE on "EscalationTask"'
    assert found["write-back"].level is Level.SKIPPED
    care.rows('ALTER TABLE "EscalationTask" ENABLE ROW LEVEL SECURITY')
    assert doctor()["row security"].level is Level.FAIL
    make_role(care.engine, writes_back=True)
    found = doctor()
    assert [found[one].level for one in ("rights", "row security", "write-back")] == [Level.OK] * 3
