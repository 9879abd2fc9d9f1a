"""The application's words: what they mean however they are spelt, and what is done about those that nobody knows."""

from collections.abc import Callable

import pytest
from care import ADMIN_PHONE, NURSE_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from runs import Runs

from sequora_orchestration.application.application_map import spellings
from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.cli.checks.finding import Level
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import Migrated

from .conftest import Doctor, Sequora, Tables

OPEN, TAKEN, CLOSED = (False, False), (False, True), (True, False)


def meaning(tables: Tables, status: str | None) -> tuple[bool, bool]:
    """Return whether a task with this status is closed, and whether somebody has it."""
    tables.rows('DELETE FROM "EscalationTask"')
    tables.rows('INSERT INTO "EscalationTask" (status) VALUES (:status)', status=status)
    (row,) = tables.rows("SELECT is_closed, is_taken FROM orchestration.care_task")
    return row["is_closed"], row["is_taken"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [("OPEN", OPEN), ("IN_PROGRESS", TAKEN), ("RESOLVED", CLOSED), ("CANCELLED", CLOSED), ("EXPIRED", CLOSED)],
)
def test_a_status_means_the_same_however_it_is_spelt(tables: Tables, word: str, expected: tuple[bool, bool]) -> None:
    """In capitals, in small letters, with blanks or hyphens."""
    assert {spelling: meaning(tables, spelling) for spelling in spellings(word)} == dict.fromkeys(
        spellings(word), expected
    )


@pytest.mark.parametrize("status", [None, "", " ", "PENDING", "re-opened", "RESOLVED?", "NOT RESOLVED", "100%", "':x"])
def test_a_status_that_the_map_does_not_know_is_open(tables: Tables, status: str | None) -> None:
    """Silence would be worse."""
    assert meaning(tables, status) == OPEN


def test_a_task_that_was_picked_up_is_taken_whatever_its_status(tables: Tables) -> None:
    """Some applications say no more than when."""
    tables.rows("""INSERT INTO "EscalationTask" (status, picked_up_at) VALUES ('whatever', now())""")
    assert tables.one("SELECT is_taken FROM orchestration.care_task")


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH", "MODERATE", "LOW"])
def test_a_severity_is_one_of_ours_however_it_is_spelt(tables: Tables, severity: str) -> None:
    """Its urgency hangs on it."""
    for spelling in spellings(severity):
        tables.rows('INSERT INTO "EscalationTask" (severity) VALUES (:spelling)', spelling=spelling)
    assert [row["severity"] for row in tables.rows("SELECT DISTINCT severity FROM orchestration.care_task")] == [
        severity
    ]


@pytest.mark.parametrize(
    ("a_nurses", "a_supervisors"), [("NURSE", "SUPERVISOR"), ("nurse", "supervisor"), ("Nurse", "Supervisor")]
)
def test_staff_are_found_by_their_role_however_it_is_spelt(
    care: Care, care_database: CareDatabase, a_nurses: str, a_supervisors: str
) -> None:
    """A supervisor is told, and a nurse is not taken for one."""
    nurse, supervisor = care.a_nurse(role=a_nurses), care.a_supervisor(role=a_supervisors)
    assert [one.id for one in care_database.users_of_roles(["NURSE"])] == [nurse]
    assert [one.id for one in care_database.users_of_roles(["SUPERVISOR"])] == [supervisor]


def test_a_word_of_another_language_is_told_from_ours(
    care: Care, put_in_force: Callable[..., Migrated], runs: Runs, phones: Phones
) -> None:
    """A text to a nurse says our word for the severity."""
    put_in_force(
        {
            "task.severities": {"CRITICAL": ["sehr dringend"], "HIGH": ["dringend"]},
            "task.statuses": {"open": ["offen"], "closed": ["erledigt"]},
        }
    )
    nurse = care.a_nurse()
    care.a_task(nurse, severity="dringend", status="Erledigt")
    care.a_task(nurse, severity="Sehr Dringend", status="offen")
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=["New CRITICAL task"])


def test_a_severity_that_the_map_does_not_know_is_texted_as_it_stands_and_counts_as_high(
    care: Care, ledger: Ledger, runs: Runs, phones: Phones
) -> None:
    """It comes after what is critical and before what is moderate."""
    nurse = care.a_nurse()
    of = {one: care.a_task(nurse, severity=one) for one in ("MODERATE", "SEVERE", "CRITICAL")}
    claims = ledger.claims.claim(NEW_TASKS)
    assert [subject.id for claim in claims for subject in claim.subjects] == [
        of["CRITICAL"],
        of["SEVERE"],
        of["MODERATE"],
    ]
    for claim in claims:
        runs.run(NEW_TASKS, claim)
    for severity in ("CRITICAL", "SEVERE", "MODERATE"):
        phones(NURSE_PHONE).received_text(containing=[f"New {severity} task"])


@pytest.mark.parametrize("severity", ["CRITICAL", "MODERATE", "LOW"])
def test_a_severity_of_ours_that_the_map_does_not_know_counts_as_high_too(tables: Tables, severity: str) -> None:
    """The map gives it no meaning, however it is spelt; what it is called is asked about."""
    tables.make({"task.severities": {"HIGH": ["whatever"]}})
    tables.rows('INSERT INTO "EscalationTask" (severity) VALUES (:severity)', severity=severity)
    (row,) = tables.rows("SELECT severity, unknown_severity FROM orchestration.care_task")
    assert (row["severity"], row["unknown_severity"]) == ("HIGH", severity)


def test_a_role_of_ours_that_the_map_does_not_know_is_none(
    care: Care, put_in_force: Callable[..., Migrated], care_database: CareDatabase
) -> None:
    """Whoever left the admins out does not want them to be told."""
    put_in_force({"person.roles": {"SUPERVISOR": ["charge nurse"]}})
    admin, cook = care.a_supervisor(role="ADMIN"), care.a_nurse(role="COOK")
    assert care_database.users_of_roles(["ADMIN", "SUPERVISOR", "NURSE"]) == []
    assert {one.role for one in care_database.users([admin, cook]).values()} == {None}


def test_words_that_the_map_does_not_know_are_asked_about(care: Care, sequora: Sequora, doctor: Doctor) -> None:
    """By `sequora migrate` and `sequora doctor`, with how many open tasks have them; neither ends badly for it."""
    nurse = care.a_nurse()
    care.a_supervisor()
    for severity, status in (("SEVERE", "PENDING"), ("SEVERE", "OPEN"), ("MINOR", "RESOLVED"), (None, None)):
        care.a_task(nurse, severity=severity, status=status)
    done = sequora("migrate")
    assert (done.returncode, done.stderr) == (0, "")
    asked = [line for line in done.stdout.splitlines() if "is not in the map" in line]
    assert [line.partition("; ")[0] for line in asked] == [
        "application: the severity 'SEVERE' is not in the map (2 open tasks have it) and counts as HIGH",
        "application: the status 'PENDING' is not in the map (1 open task has it) and counts as open",
    ]
    assert "say under [task.severities] of a map what it means" in asked[0]
    found = doctor()["words"]
    assert found.level is Level.WARN
    assert "'SEVERE' is not in the map (2 open tasks have it)" in found.said
    assert "'PENDING' is not in the map (1 open task has it)" in found.said


def test_words_of_an_enum_are_asked_about_before_a_task_has_them(care: Care, sequora: Sequora, doctor: Doctor) -> None:
    """The database says what will come."""
    care.alter(
        "CREATE TYPE task_status AS ENUM ('OPEN', 'RESOLVED', 'ON_HOLD', 'it''s')",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE task_status USING NULL',
    )
    said = sequora("migrate").stdout
    assert "the status 'ON_HOLD' is not in the map (0 open tasks have it) and counts as open" in said
    assert "it's" in said
    assert "'ON_HOLD'" in doctor()["words"].said


def test_roles_that_the_map_does_not_know_are_asked_about(
    care: Care, put_in_force: Callable[..., Migrated], sequora: Sequora, doctor: Doctor
) -> None:
    """Those of people who are active, unless the map says that they are none of ours."""
    put_in_force({"person.roles": {"NURSE": ["NURSE"], "SUPERVISOR": ["charge nurse"], "OTHER": ["Cook"]}})
    care.a_nurse()
    care.a_nurse(role="ADMIN")
    care.a_nurse(role="ADMIN", active=None)
    for role, active in (("COOK", True), ("PORTER", False), (None, True)):
        care.a_nurse(role=role, active=active)
    said = (
        "the role 'ADMIN' is not in the map (2 active people have it) and counts as none: who has it is given no task, "
        "and is not told what goes wrong"
    )
    assert [line for line in sequora("migrate").stdout.splitlines() if "is not in the map" in line] == [
        f"application: {said}; say under [person.roles] of a map what it means (`sequora map` writes one to start from)"
    ]
    found = doctor()["words"]
    assert (found.level, found.said) == (Level.WARN, said)
    assert f"Not in the map    {said}" in sequora("status").stdout


def test_where_all_words_are_known_nothing_is_asked(care: Care, sequora: Sequora, doctor: Doctor) -> None:
    """Nor about a task without any, or one that is closed."""
    nurse = care.a_nurse()
    care.a_task(nurse)
    care.a_task(nurse, severity=None, status=None)
    care.a_task(nurse, severity="whatever", status="expired")
    assert "is not in the map" not in sequora("migrate").stdout
    assert doctor()["words"].level is Level.OK


def test_a_supervisor_by_another_name_is_told(
    care: Care, put_in_force: Callable[..., Migrated], care_database: CareDatabase
) -> None:
    """An application without supervisors may name who else that is."""
    put_in_force({"person.roles": {"SUPERVISOR": ["charge nurse", "ADMIN"]}})
    one = care.a_supervisor(SUPERVISOR_PHONE, role="Charge-Nurse")
    other = care.a_supervisor(ADMIN_PHONE, role="admin")
    assert {user.id for user in care_database.users_of_roles(["SUPERVISOR"])} == {one, other}


@pytest.mark.parametrize("column_type", ["text", "enum"])
def test_a_typo_in_a_role_of_the_map_is_told(
    care: Care, put_in_force: Callable[..., Migrated], sequora: Sequora, doctor: Doctor, column_type: str
) -> None:
    """Else a missed SLA would be told to nobody, in silence."""
    if column_type == "enum":
        care.alter(
            "CREATE TYPE staff_role AS ENUM ('NURSE', 'CHARGE_NURSE')",
            'ALTER TABLE "User" ALTER role DROP DEFAULT, ALTER role TYPE staff_role USING NULL',
        )
    else:
        care.a_nurse(role="CHARGE_NURSE")
    put_in_force({"person.roles": {"NURSE": ["NURSE"], "SUPERVISOR": ["CHARGE_NURS"]}})
    said, found = sequora("migrate").stdout, doctor()["words"]
    people = "0 active people have" if column_type == "enum" else "1 active person has"
    for one in (said, found.said):
        assert f"the role 'CHARGE_NURSE' is not in the map ({people} it)" in one
    of_map = "the role 'CHARGE_NURS', which stands under SUPERVISOR in [person.roles] of the map, is none of the enum"
    assert (of_map in said, of_map in found.said) == ((True, True) if column_type == "enum" else (False, False))
    assert "is it 'CHARGE_NURS', which stands there under SUPERVISOR?" in str(found.to_do)
    assert "is it 'CHARGE_NURS', which stands there under SUPERVISOR?" in said


def test_a_word_for_closed_that_the_enum_does_not_have_is_told(
    care: Care, put_in_force: Callable[..., Migrated], sequora: Sequora, doctor: Doctor
) -> None:
    """Of a map of one's own; one that comes along has words for many databases."""
    care.alter(
        "CREATE TYPE task_status AS ENUM ('OPEN', 'RESOLVED', 'CANCELLED')",
        'ALTER TABLE "EscalationTask" ALTER status DROP DEFAULT, ALTER status TYPE task_status USING NULL',
    )
    assert "none of the enum" not in sequora("migrate").stdout
    put_in_force({"task.statuses": {"open": ["OPEN"], "closed": ["RESOLVED", "CANCELED", "CANCELLED", "GONE"]}})
    said, found = sequora("migrate").stdout, doctor()["words"]
    for word in ("CANCELED", "GONE"):
        of_map = f"the status '{word}', which stands under closed in [task.statuses] of the map, is none of the enum"
        assert of_map in said
        assert of_map in found.said
    assert "is it 'CANCELLED'? Correct it in the map, or leave it out" in said
    assert "RESOLVED" not in found.said
