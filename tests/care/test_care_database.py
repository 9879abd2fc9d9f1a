"""The application's tables as we read them, in the schemas that a deployment may have."""

from uuid import UUID, uuid4

import pytest
from care import EPISODE, NURSE_PHONE, Care
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from sequora_orchestration.care.care_database import CareDatabase, open_care_database
from sequora_orchestration.database import engine_for
from sequora_orchestration.domain.care import EscalationTask, User
from sequora_orchestration.settings.environment import SettingError


@pytest.fixture
def jsonb_reason_codes(care: Care) -> None:
    """The reason codes are `jsonb`."""
    care.alter('ALTER TABLE "EscalationTask" ALTER reason_codes TYPE jsonb USING to_jsonb(reason_codes)')


@pytest.fixture
def enums(care: Care) -> None:
    """Severity, priority and status are enums, as Prisma makes them."""
    care.alter(
        """CREATE TYPE "Severity" AS ENUM ('LOW', 'MODERATE', 'HIGH', 'CRITICAL')""",
        """CREATE TYPE "Priority" AS ENUM ('LOW', 'NORMAL', 'HIGH', 'URGENT')""",
        """CREATE TYPE "Status" AS ENUM ('OPEN', 'IN_PROGRESS', 'RESOLVED', 'CANCELLED')""",
        """CREATE TYPE "Role" AS ENUM ('NURSE', 'SUPERVISOR', 'ADMIN', 'PATIENT')""",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT',
        'ALTER TABLE "EscalationTask" ALTER severity TYPE "Severity" USING severity::"Severity",'
        ' ALTER priority TYPE "Priority" USING priority::"Priority",'
        ' ALTER status TYPE "Status" USING status::"Status"',
        'ALTER TABLE "User" ALTER role TYPE "Role" USING role::"Role"',
    )


@pytest.fixture
def text_ids(care: Care) -> None:
    """Ids are `text`, whatever the application puts there."""
    care.alter(
        'ALTER TABLE "User" ALTER id DROP DEFAULT, ALTER id TYPE text',
        'ALTER TABLE "EscalationTask" ALTER id DROP DEFAULT, ALTER id TYPE text, ALTER episode_id TYPE text,'
        " ALTER assigned_to_user_id TYPE text",
    )


def codes(care: Care, care_database: CareDatabase, literal: str) -> tuple[str, ...]:
    """Insert a task whose reason codes are this SQL, and return them as they are read."""
    task = str(care.one(f'INSERT INTO "EscalationTask" (reason_codes) VALUES ({literal}) RETURNING id'))
    return care_database.tasks([task])[task].reason_codes


def test_a_task_is_read_with_every_column_its_rules_use(care: Care, care_database: CareDatabase) -> None:
    """Ids come as text, reason codes in their order."""
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    assert care_database.tasks([task]) == {
        task: EscalationTask(
            id=task,
            episode_id=EPISODE,
            severity="HIGH",
            priority="URGENT",
            reason_codes=("CHEST_PAIN", "DYSPNEA"),
            status="OPEN",
            sla_due_at=None,
            assigned_to_user_id=nurse,
            updated_at=care.one('SELECT updated_at FROM "EscalationTask"'),
        )
    }


def test_a_user_is_read_with_the_phone_as_it_was_typed(care: Care, care_database: CareDatabase) -> None:
    """What it is worth is the rules' to say."""
    usual, odd = care.a_nurse(), care.a_nurse(" 555-CALL-ME", role="SUPERVISOR", active=False)
    assert care_database.users([usual, odd]) == {
        usual: User(id=usual, primary_phone=NURSE_PHONE, role="NURSE", active=True),
        odd: User(id=odd, primary_phone=" 555-CALL-ME", role="SUPERVISOR", active=False),
    }


def test_a_row_of_nothing_but_nulls_is_read(care: Care, care_database: CareDatabase) -> None:
    """Anything may be missing in a row that lives."""
    task = care.insert("EscalationTask", id=str(uuid4()), status=None)
    user = care.insert("User", id=str(uuid4()), active=None)
    assert care_database.tasks([task])[task] == EscalationTask(
        id=task,
        episode_id=None,
        severity=None,
        priority=None,
        reason_codes=(),
        status=None,
        sla_due_at=None,
        assigned_to_user_id=None,
        updated_at=care.one('SELECT updated_at FROM "EscalationTask"'),
    )
    assert care_database.users([user])[user] == User(id=user, primary_phone=None, role=None, active=None)


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("ARRAY['CHEST_PAIN', 'DYSPNEA']", ("CHEST_PAIN", "DYSPNEA")),
        ("ARRAY['a, b', '\"', '{}']", ("a, b", '"', "{}")),
        ("ARRAY['FEVER', NULL, '']", ("FEVER",)),
        ("ARRAY[]::text[]", ()),
        ("NULL", ()),
    ],
)
def test_reason_codes_are_read_from_an_array(
    care: Care, care_database: CareDatabase, literal: str, expected: tuple[str, ...]
) -> None:
    """What is empty among them is no code."""
    assert codes(care, care_database, literal) == expected


@pytest.mark.usefixtures("jsonb_reason_codes")
@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("""'["CHEST_PAIN", "DYSPNEA"]'""", ("CHEST_PAIN", "DYSPNEA")),
        ("""'["FEVER", null, ""]'""", ("FEVER",)),
        ("""'[]'""", ()),
        ("NULL", ()),
        ("""'null'""", ()),
        ("""'""'""", ()),
        ("""'"FEVER"'""", ("FEVER",)),
        ("""'[7, {"code": "FEVER"}]'""", ("7", '{"code": "FEVER"}')),
        ("""'{"code": "FEVER"}'""", ('{"code": "FEVER"}',)),
        ("""'0'""", ("0",)),
    ],
)
def test_reason_codes_are_read_from_json(
    care: Care, care_database: CareDatabase, literal: str, expected: tuple[str, ...]
) -> None:
    """What is no list is one code; what is no text is shown as it stands in the row."""
    assert codes(care, care_database, literal) == expected


@pytest.mark.parametrize(
    ("type_name", "literal", "expected"),
    [
        ("text", "'FEVER'", ("FEVER",)),
        ("json", """'["FEVER", "PAIN"]'""", ("FEVER", "PAIN")),
        ("varchar(20)[]", "ARRAY['FEVER', 'PAIN']", ("FEVER", "PAIN")),
    ],
)
def test_reason_codes_are_read_whatever_the_type_of_their_column(
    care: Care, care_database: CareDatabase, type_name: str, literal: str, expected: tuple[str, ...]
) -> None:
    """The table is not ours, and may be another than the one we know."""
    care.alter(f'ALTER TABLE "EscalationTask" ALTER reason_codes TYPE {type_name} USING NULL')
    assert codes(care, care_database, literal) == expected


def test_reason_codes_may_be_an_array_of_an_enum(care: Care, care_database: CareDatabase) -> None:
    """The driver alone would return it as one string in braces."""
    care.alter(
        """CREATE TYPE "Reason" AS ENUM ('FEVER', 'PAIN')""",
        'ALTER TABLE "EscalationTask" ALTER reason_codes TYPE "Reason"[] USING NULL',
    )
    assert codes(care, care_database, "'{FEVER,PAIN}'") == ("FEVER", "PAIN")


@pytest.mark.usefixtures("enums")
def test_enums_are_read_as_text(care: Care, care_database: CareDatabase) -> None:
    """The rules compare words."""
    nurse = care.a_nurse()
    task, closed = care.a_task(nurse), care.a_task(nurse, status="RESOLVED", severity=None)
    tasks = care_database.tasks([task, closed])
    assert (tasks[task].severity, tasks[task].priority, tasks[task].status) == ("HIGH", "URGENT", "OPEN")
    assert (tasks[closed].severity, tasks[closed].is_closed) == (None, True)
    assert care_database.users([nurse])[nurse].role == "NURSE"


@pytest.mark.usefixtures("text_ids")
@pytest.mark.parametrize("odd", ["cmb1x0q2k0000", "task/1", 'a"b', "a,b", "{}", "NULL", "", " ", "\\", "'", "ä🚨"])
def test_text_ids_are_found_whatever_they_are(care: Care, care_database: CareDatabase, odd: str) -> None:
    """Among others, and alone."""
    other = care.a_nurse()
    assert care.a_nurse(id=odd) == odd
    care.a_task(odd, id=odd, episode_id="an-episode")
    assert list(care_database.users([odd])) == [odd]
    assert set(care_database.users([other, odd, "nobody"])) == {other, odd}
    task = care_database.tasks([odd])[odd]
    assert (task.id, task.episode_id, task.assigned_to_user_id) == (odd, "an-episode", odd)


@pytest.mark.usefixtures("text_ids", "enums", "jsonb_reason_codes")
def test_a_schema_that_differs_in_everything_is_read_all_the_same(care: Care, care_database: CareDatabase) -> None:
    """Text ids, enums and JSON together."""
    care.rows(
        """INSERT INTO "EscalationTask" (id, episode_id, severity, priority, reason_codes, status, assigned_to_user_id)
           VALUES ('t1', 'e1', 'CRITICAL', 'LOW', '["FEVER"]', 'IN_PROGRESS', 'u1')"""
    )
    assert care_database.tasks(["t1"]) == {
        "t1": EscalationTask(
            id="t1",
            episode_id="e1",
            severity="CRITICAL",
            priority="LOW",
            reason_codes=("FEVER",),
            status="IN_PROGRESS",
            is_taken=True,
            assigned_to_user_id="u1",
            updated_at=care.one('SELECT updated_at FROM "EscalationTask"'),
        )
    }


def test_ids_that_name_nothing_are_absent(care: Care, care_database: CareDatabase) -> None:
    """The others are returned; no ids return no rows."""
    nurse = care.a_nurse()
    task, nothing = care.a_task(nurse), str(uuid4())
    assert list(care_database.tasks([nothing, task])) == [task]
    assert list(care_database.users([nothing, nurse])) == [nurse]
    assert care_database.tasks([nothing]) == {}
    assert care_database.tasks([]) == {}
    assert care_database.users([]) == {}


@pytest.mark.parametrize("type_", ["uuid", "bigint", "smallint", "text"])
@pytest.mark.parametrize(
    "odd", ["99999999999999999999", "1" * 5_000, "no id", "", "a\x00b", "\udcff", "{}", '"', "NULL", "\u202e7"]
)
def test_an_id_that_the_column_cannot_hold_names_nothing(
    care: Care, care_database: CareDatabase, type_: str, odd: str
) -> None:
    """Whatever a person typed; the others are found."""
    care.alter(
        f'ALTER TABLE "Patient" ALTER id DROP DEFAULT, ALTER id TYPE {type_} USING NULL',
        """INSERT INTO "Patient" (id) VALUES ('7')"""
        if type_ != "uuid"
        else """INSERT INTO "Patient" (id) VALUES ('00000000-0000-0000-0000-000000000007')""",
    )
    (there,) = care_database.patients(["7", "00000000-0000-0000-0000-000000000007"])
    assert list(care_database.patients([odd, there])) == [there]
    assert care_database.patients([odd]) == {}


def test_an_id_asked_for_twice_is_one_row(care: Care, care_database: CareDatabase) -> None:
    """Many messages may go to one nurse."""
    nurse = care.a_nurse()
    assert list(care_database.users(iter([nurse, nurse]))) == [nurse]


@given(st.lists(st.uuids(), max_size=20))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_uuids_may_be_asked_for(care_database: CareDatabase, ids: list[UUID]) -> None:
    """Whatever they are, it is a question and not an error."""
    assert care_database.tasks(map(str, ids)) == {}


def test_a_json_column_may_hold_what_jsonb_could_not(care: Care, care_database: CareDatabase) -> None:
    """A row with an escaped NUL in it is read like any other, and stops no neighbour."""
    care.alter('ALTER TABLE "EscalationTask" ALTER reason_codes TYPE json USING to_json(reason_codes)')
    task = care.a_task(care.a_nurse(), reason_codes='["PAIN\\u0000"]')
    assert care_database.tasks([task])[task].reason_codes == ("PAIN\x00",)


def test_an_id_that_its_column_cannot_hold_names_nothing_and_stops_no_other(
    care: Care, care_database: CareDatabase
) -> None:
    """An assignee may be kept as text where users have uuids."""
    nurse = care.a_nurse()
    assert set(care_database.users(["no uuid", nurse, "{"])) == {nurse}
    assert care_database.users(["no uuid"]) == {}


def test_a_database_that_is_away_is_an_error_and_not_nothing_found() -> None:
    """Nobody's messages are cancelled because a server is being restarted."""
    away = CareDatabase(engine_for("postgresql+psycopg2://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(OperationalError):
        away.tasks([str(uuid4())])
    with pytest.raises(OperationalError):
        away.users([str(uuid4())])


def test_the_care_database_is_the_one_in_the_environment(
    care: Care, care_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one there is an error, and no other database instead."""
    nurse = care.a_nurse()
    monkeypatch.setenv("SUPABASE_DB_URL", care_url)
    assert list(open_care_database().users([nurse])) == [nurse]
    monkeypatch.delenv("SUPABASE_DB_URL")
    with pytest.raises(SettingError, match="SUPABASE_DB_URL is not set"):
        open_care_database()
