"""Times of the application's: one without a zone is UTC, whatever the database takes it for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from phones import Phones
from runs import Runs
from sqlalchemy import make_url

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.check_in import NEW_EPISODES
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.app_indexes import make_app_indexes
from sequora_orchestration.migrations.apply import Migrated
from sequora_orchestration.sensors.certainty import texts_without_receipt

from .conftest import Tables

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)

NAIVE = NOW.replace(tzinfo=None)

TASK_TIMES = ("sla_due_at", "picked_up_at", "resolved_at", "created_at", "updated_at")


@pytest.fixture(params=["Asia/Kolkata", "America/New_York"])
def zone(request: pytest.FixtureRequest, care: Care, care_url: str) -> str:
    """The zone of the database: five and a half hours before UTC, or as many behind it."""
    zone = str(request.param)
    care.rows(f"ALTER DATABASE \"{make_url(care_url).database}\" SET timezone TO '{zone}'")
    care.engine.dispose()
    assert care.one("SHOW timezone") == zone
    return zone


@pytest.fixture
def without_zones(zone: str, care: Care) -> None:  # noqa: ARG001
    """No time of the application's has a zone."""
    of_tasks = ", ".join(f"ALTER {column} TYPE timestamp USING NULL" for column in TASK_TIMES)
    care.alter(
        f'ALTER TABLE "EscalationTask" {of_tasks}',
        'ALTER TABLE "Episode" ALTER discharge_at TYPE timestamp USING NULL, ALTER created_at TYPE timestamp',
        'ALTER TABLE "NotificationLog" ALTER sent_at TYPE timestamp USING NULL',
    )
    care.it_is(NOW)


def claimed(ledger: Ledger, queue: Queue) -> list[str]:
    return [subject.id for claim in ledger.claims.claim(queue) for subject in claim.subjects]


@pytest.mark.usefixtures("without_zones")
def test_a_time_without_a_zone_is_read_as_utc(care: Care, care_database: CareDatabase) -> None:
    """By the views, and by whoever reads them."""
    task = care.a_task(care.a_nurse(), **dict.fromkeys(TASK_TIMES, NAIVE))
    (row,) = care.rows(f"SELECT {', '.join(TASK_TIMES)} FROM orchestration.care_task")
    assert set(row.values()) == {NOW}
    assert care_database.tasks([task])[task].sla_due_at == NOW
    episode = care.an_episode(care.a_patient(), created_at=NAIVE, discharge_at=NAIVE - HOUR)
    read = care_database.episodes([episode])[episode]
    assert (read.created_at, read.discharge_at) == (NOW, NOW - HOUR)


@pytest.mark.usefixtures("without_zones")
def test_what_is_owed_hangs_on_utc(care: Care, ledger: Ledger) -> None:
    """A task of a second before the going live is left alone, and an SLA is missed when it is missed."""
    care.rows("UPDATE orchestration.go_live SET go_live_at = :at, workflows_live_at = :at", at=NOW - HOUR)
    nurse = care.a_nurse()
    care.a_task(nurse, created_at=NAIVE - HOUR - SECOND, updated_at=NAIVE, sla_due_at=NAIVE - SECOND)
    new = care.a_task(nurse, created_at=NAIVE - HOUR, sla_due_at=NAIVE + SECOND)
    missed = care.a_task(nurse, created_at=NAIVE - SECOND, sla_due_at=NAIVE - SECOND)
    assert set(claimed(ledger, NEW_TASKS)) == {new, missed}
    assert claimed(ledger, SLA_BREACHES) == [missed]
    care.it_is(NOW + 2 * SECOND)
    care.rows("UPDATE orchestration.go_live SET go_live_at = :at, workflows_live_at = :at", at=NOW - HOUR)
    assert claimed(ledger, SLA_BREACHES) == [new]


@pytest.mark.usefixtures("without_zones")
def test_of_recent_tasks_those_are_recent_that_are_so_in_utc(care: Care, ledger: Ledger) -> None:
    """A sensor asks for those of the last hour between two questions for all."""
    nurse = care.a_nurse()
    care.a_task(nurse, created_at=NAIVE - HOUR - SECOND)
    recent = care.a_task(nurse, created_at=NAIVE - HOUR + SECOND)
    assert [subject.id for claim in ledger.claims.claim_recent(NEW_TASKS) for subject in claim.subjects] == [recent]


@pytest.mark.usefixtures("without_zones")
def test_an_episode_is_new_in_utc(care: Care, ledger: Ledger) -> None:
    """Its check-in is counted from there."""
    care.rows("UPDATE orchestration.go_live SET workflows_live_at = :at", at=NOW - HOUR)
    care.an_episode(care.a_patient(), created_at=NAIVE - HOUR - SECOND)
    new = care.an_episode(care.a_patient(), created_at=NAIVE - HOUR)
    assert claimed(ledger, NEW_EPISODES) == [new]


@pytest.mark.usefixtures("without_zones")
def test_a_log_without_zones_is_written_in_utc(care: Care, runs: Runs, phones: Phones) -> None:
    """As it is read."""
    task = care.a_task(care.a_nurse(), created_at=NAIVE)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    assert [row["sent_at"] for row in care.logged(task)] == [NAIVE]


def test_a_receipt_and_a_default_in_a_log_without_zones_are_utc(
    zone: str,  # noqa: ARG001
    care: Care,
    put_in_force: Callable[..., Migrated],
    runs: Runs,
    phones: Phones,
) -> None:
    """So a CHECK that compares them with what we write holds."""
    care.alter(
        'ALTER TABLE "NotificationLog" ALTER sent_at TYPE timestamp, ADD delivered_at timestamp,'
        " ADD created_at timestamp NOT NULL DEFAULT now(),"
        " ADD CHECK (created_at - sent_at < interval '3 hours'), ADD CHECK (delivered_at >= sent_at)"
    )
    migrated = put_in_force(
        {"log.key": "id", "log.row.id": "message.id", "log.delivered.delivered_at": "message.settled_at"}
    )
    assert migrated.map.problems == []
    task = care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    phones.company.seconds_per_status = 0
    care.rows("UPDATE orchestration.notification SET receipt_at = now()")
    runs.sensor(texts_without_receipt)
    (row,) = care.logged(task)
    (in_ledger,) = care.ledger(task)
    assert row["sent_at"] == in_ledger["sent_at"].astimezone(UTC).replace(tzinfo=None)
    assert row["sent_at"] <= row["delivered_at"] < row["sent_at"] + HOUR
    assert row["created_at"] - row["sent_at"] < HOUR


@pytest.mark.usefixtures("zone")
def test_a_day_begins_at_midnight_in_utc(care: Care, ledger: Ledger) -> None:
    """An application may keep no more than the date; the helpful indexes serve it, too."""
    care.alter(
        'ALTER TABLE "EscalationTask" ALTER created_at TYPE date USING NULL, ALTER sla_due_at TYPE date USING NULL',
        'ALTER TABLE "Episode" ALTER created_at TYPE date USING NULL',
    )
    make_app_indexes(care.engine)
    care.it_is(NOW)
    midnight = NOW.replace(hour=0)
    care.rows("UPDATE orchestration.go_live SET go_live_at = :at, workflows_live_at = :at", at=midnight)
    nurse = care.a_nurse()
    care.a_task(nurse, created_at=NOW.date() - timedelta(days=1), sla_due_at=NOW.date() + timedelta(days=1))
    today = care.a_task(nurse, created_at=NOW.date(), sla_due_at=NOW.date())
    assert claimed(ledger, NEW_TASKS) == [today]
    assert claimed(ledger, SLA_BREACHES) == [today]
    assert care.one("SELECT min(created_at) FROM orchestration.care_task") == midnight - timedelta(days=1)


@pytest.mark.parametrize("type_name", ["date", "timestamp", "timestamptz"])
def test_a_time_that_nobody_can_have_meant_stops_no_other(care: Care, ledger: Ledger, type_name: str) -> None:
    """The largest that the type holds, the smallest, and those without end."""
    care.alter(
        *(
            f'ALTER TABLE "EscalationTask" ALTER {one} DROP DEFAULT, ALTER {one} TYPE {type_name} USING NULL'
            for one in TASK_TIMES
        )
    )
    nurse = care.a_nurse()
    largest = "5874897-12-31" if type_name == "date" else "294276-12-31"
    for odd in (largest, "4713-01-01 BC", "infinity", "-infinity"):
        care.a_task(nurse, **dict.fromkeys(TASK_TIMES, odd))
    care.it_is(NOW)
    task = care.a_task(nurse, created_at=NOW, sla_due_at=NOW)
    assert task in claimed(ledger, NEW_TASKS)
    care.it_is(NOW + timedelta(days=1))
    assert claimed(ledger, SLA_BREACHES) == [task]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize(
    ("sql", "columns", "values"),
    [
        ("task.due::timestamptz", "due timestamp", "'2026-03-02 15:00'"),
        ("task.due::timestamptz", "due text", "'2026-03-02 15:00'"),
        ("task.day + task.at", "day date, ADD at time", "'2026-03-02', '15:00'"),
        ("to_timestamp(task.due, 'DD.MM.YYYY HH24:MI')", "due text", "'02.03.2026 15:00'"),
        ("make_timestamptz(2026, 3, task.due, 15, 0, 0)", "due integer", "2"),
        ("date_trunc('day', task.due) + interval '15 hours'", "due timestamptz", "'2026-03-02 20:00+00'"),
    ],
)
def test_an_expression_means_the_same_in_every_zone(
    tables: Tables, zone: str, sql: str, columns: str, values: str
) -> None:
    """Whoever asks, and wherever: it is worked out in UTC."""
    tables.alter(f'ALTER TABLE "EscalationTask" ADD {columns}')
    names = columns.replace("ADD ", "").split(", ")
    tables.make({"task.sla_due_at": sql})
    tables.rows(f'INSERT INTO "EscalationTask" ({", ".join(one.split()[0] for one in names)}) VALUES ({values})')
    tables.rows(f"SET LOCAL timezone TO '{zone}'")
    assert tables.one("SELECT sla_due_at FROM orchestration.care_task") == datetime(2026, 3, 2, 15, tzinfo=UTC)


def test_a_time_kept_as_text_means_the_same_with_every_date_style(tables: Tables) -> None:
    """The month comes first where it could be either."""
    tables.alter('ALTER TABLE "EscalationTask" ALTER sla_due_at TYPE text USING NULL')
    tables.make({"task.sla_due_at": "orchestration.time_of(task.sla_due_at)"})
    tables.rows("""INSERT INTO "EscalationTask" (sla_due_at) VALUES ('03/02/2026 15:00')""")
    tables.rows("SET LOCAL datestyle TO 'German, DMY'")
    assert tables.one("SELECT sla_due_at = timestamptz '2026-03-02 15:00:00+00' FROM orchestration.care_task")
