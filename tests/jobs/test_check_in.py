"""The check-in on a patient: scheduled, waiting, sent by day and once, as Dagster runs it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import ANY
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from care import PATIENT_PHONE, Care
from dagster import DagsterInstance, JobDefinition, ReexecutionOptions, execute_job, reconstructable
from phones import Phones
from runs import Runs, failure, metadata

from sequora_orchestration.definitions import defs
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetAfterAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES

NEW_YORK = ZoneInfo("America/New_York")
HONOLULU = ZoneInfo("Pacific/Honolulu")
MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=NEW_YORK)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def scheduled(care: Care, runs: Runs, created_at: datetime = MONDAY_NOON, **of_the_patient: str) -> str:
    """Insert an episode, let its check-in be scheduled, and return its id."""
    care.it_is(created_at)
    episode = care.an_episode(care.a_patient(**of_the_patient), created_at=created_at, discharge_at=created_at)
    (result,) = runs.tick(NEW_EPISODES)
    assert result.success
    return episode


def due_at(care: Care) -> datetime:
    (row,) = care.ledger(kind="check-in")
    assert row["state"] == "SCHEDULED"
    due: datetime = row["due_at"]
    return due


def test_a_new_episode_is_checked_in_on_a_day_later_and_not_a_second_before(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Scheduled by one run, sent by another, and all that is known of it in the UI is ids and times."""
    care.it_is(MONDAY_NOON)
    episode = care.an_episode(care.a_patient(), created_at=MONDAY_NOON, discharge_at=MONDAY_NOON)
    (result,) = runs.tick(NEW_EPISODES)
    assert result.success
    assert runs.tags(result) == {"sequora/episode_id": episode}
    assert metadata(result, "schedule_check_in_text") == {
        "scheduled": 1,
        "episode": episode,
        "due": "2026-03-03T17:00:00+00:00",
        "why then": "24 h after the episode's creation",
        "patient's time zone": "known",
        "in time for a first contact": "yes",
        "timeline": ANY,
    }
    assert runs.tick(NEW_EPISODES) == []
    care.it_is(MONDAY_NOON + DAY - SECOND)
    assert runs.tick(DUE_CHECK_INS) == []
    care.it_is(MONDAY_NOON + DAY)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    assert runs.tags(result) == {"sequora/episode_id": episode}
    text = phones(PATIENT_PHONE).received_text()
    assert text.body.startswith("Hi Ellen, ")
    assert segments(text.body) <= 2
    (row,) = care.ledger(kind="check-in")
    assert (row["state"], row["provider_sid"]) == ("SENT", text.sid)
    everything = "".join(repr(runs.instance.all_logs(run.run_id)) for run in runs.instance.get_runs())
    for secret in ("Ellen", PATIENT_PHONE, PATIENT_PHONE[-7:]):
        assert secret not in everything
    assert care.rows('SELECT * FROM "NotificationLog"') == []
    assert runs.tick(NEW_EPISODES) == runs.tick(DUE_CHECK_INS) == []


def test_a_spanish_speaker_is_asked_in_spanish(care: Care, runs: Runs, phones: Phones) -> None:
    """In the cheaper alphabet, accents included."""
    scheduled(care, runs, first_name="María", language_code="ES")
    care.it_is(MONDAY_NOON + DAY)
    runs.tick(DUE_CHECK_INS)
    body = phones(PATIENT_PHONE).received_text().body
    assert body.startswith("Hola Maria, ")
    assert segments(body) <= 2


@pytest.mark.parametrize(
    ("zone", "created", "due"),
    [
        (HONOLULU, "2026-03-02 20:00:00", "2026-03-04 09:00:00"),
        (HONOLULU, "2026-03-02 19:59:59", "2026-03-03 19:59:59"),
        (HONOLULU, "2026-03-02 08:59:59", "2026-03-03 09:00:00"),
        (HONOLULU, "2026-03-02 09:00:00", "2026-03-03 09:00:00"),
        # 24 h after 19:30 on the eve of the short day it is 20:30; after 8:30 on the eve of the long one, 7:30.
        (NEW_YORK, "2026-03-07 19:30:00", "2026-03-09 09:00:00"),
        (NEW_YORK, "2026-03-07 18:59:59", "2026-03-08 19:59:59"),
        (NEW_YORK, "2026-10-31 08:30:00", "2026-11-01 09:00:00"),
        (NEW_YORK, "2026-10-31 10:00:00", "2026-11-01 09:00:00"),
    ],
)
def test_a_night_and_the_hour_of_the_changing_clocks_are_kept_out_of(
    care: Care, runs: Runs, phones: Phones, zone: ZoneInfo, created: str, due: str
) -> None:
    """By the patient's own clock, one second before and after; and the text goes out then."""
    scheduled(care, runs, datetime.fromisoformat(created).replace(tzinfo=zone), timezone=zone.key)
    assert due_at(care) == datetime.fromisoformat(due).replace(tzinfo=zone)
    when = due_at(care)
    care.it_is(when - SECOND)
    assert runs.tick(DUE_CHECK_INS) == []
    care.it_is(when)
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    phones(PATIENT_PHONE).received_text()


def test_an_unknown_zone_gets_an_hour_that_is_day_everywhere(care: Care, runs: Runs, phones: Phones) -> None:
    """From Guam to Puerto Rico."""
    scheduled(care, runs, timezone="Mars/Olympus_Mons")
    assert due_at(care) == datetime(2026, 3, 3, 23, tzinfo=UTC)
    care.it_is(due_at(care))
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()


def test_a_check_in_that_an_outage_has_kept_until_night_goes_out_in_the_morning(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """It waits again, visibly, with the reason."""
    scheduled(care, runs)
    care.it_is(datetime(2026, 3, 3, 23, tzinfo=NEW_YORK))
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    assert metadata(result, "fetch_patient")["reason"] == "it is night where the patient is: moved to the morning"
    phones(PATIENT_PHONE).received_no_text()
    assert due_at(care) == datetime(2026, 3, 4, 9, tzinfo=NEW_YORK)
    care.it_is(due_at(care))
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()


@pytest.mark.parametrize(("late", "state"), [(DAY, "SENT"), (DAY + SECOND, "CANCELLED")])
def test_a_check_in_that_is_more_than_a_day_late_is_stale(
    care: Care, runs: Runs, phones: Phones, late: timedelta, state: str
) -> None:
    """Suppressed, with the reason."""
    scheduled(care, runs)
    care.it_is(MONDAY_NOON + DAY + late)
    runs.tick(DUE_CHECK_INS)
    (row,) = care.ledger(kind="check-in")
    assert row["state"] == state
    if state == "SENT":
        phones(PATIENT_PHONE).received_text()
    else:
        assert row["reason"].startswith("stale")
    assert runs.tick(NEW_EPISODES) == []


def test_an_opt_out_is_remembered_for_the_number_and_nowhere_as_a_number(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Whoever else has that number is not texted either; another number is."""
    phones.company.script(Refuse(400, 21610), to=PATIENT_PHONE)
    scheduled(care, runs)
    care.it_is(MONDAY_NOON + DAY)
    runs.tick(DUE_CHECK_INS)
    assert care.states(kind="check-in") == ["FAILED"]
    (remembered,) = care.rows("SELECT * FROM orchestration.opt_out")
    assert PATIENT_PHONE[-7:] not in repr(remembered)

    later = MONDAY_NOON + 2 * DAY
    care.it_is(later)
    care.an_episode(care.a_patient("(202) 555-0151"), created_at=later)
    care.an_episode(care.a_patient("+12025550152"), created_at=later)
    runs.tick(NEW_EPISODES)
    care.it_is(later + DAY)
    runs.tick(DUE_CHECK_INS)
    phones("+12025550152").received_text()
    assert phones(PATIENT_PHONE).attempts == 1
    assert sorted(care.states(kind="check-in")) == ["CANCELLED", "FAILED", "SENT"]
    reasons = [row["reason"] for row in care.ledger(kind="check-in") if row["state"] == "CANCELLED"]
    assert reasons == ["opted out: the patient's number has replied STOP"]


def test_what_is_known_of_the_patient_is_read_again_when_it_is_sent(care: Care, runs: Runs, phones: Phones) -> None:
    """A new number is texted, not the one from the day before."""
    care.it_is(MONDAY_NOON)
    patient = care.a_patient()
    care.an_episode(patient, created_at=MONDAY_NOON)
    runs.tick(NEW_EPISODES)
    care.rows("""UPDATE "Patient" SET primary_phone = '+12025550159', first_name = 'Helen' """)
    care.it_is(MONDAY_NOON + DAY)
    runs.tick(DUE_CHECK_INS)
    assert phones("+12025550159").received_text(containing=["Hi Helen"])
    phones(PATIENT_PHONE).received_no_text()


@pytest.mark.parametrize(
    ("change", "state", "reason"),
    [
        ('DELETE FROM "Patient"', "CANCELLED", "the episode's patient does not exist (any more)"),
        ('DELETE FROM "Episode"', "CANCELLED", "the episode does not exist (any more)"),
        (
            """UPDATE "Patient" SET primary_phone = '555-CALL-ME'""",
            "FAILED",
            "the phone number on file has letters in it; correct the patient's phone",
        ),
        (
            """UPDATE "Patient" SET primary_phone = NULL""",
            "FAILED",
            "no phone number on file; correct the patient's phone",
        ),
    ],
)
def test_who_cannot_be_texted_ends_it_with_a_reason_and_stops_no_other(
    care: Care, runs: Runs, phones: Phones, change: str, state: str, reason: str
) -> None:
    """One bad row in a run of many fails alone."""
    scheduled(care, runs)
    care.rows(change)
    other = care.an_episode(care.a_patient("+12025550152"), created_at=MONDAY_NOON)
    runs.tick(NEW_EPISODES)
    care.it_is(MONDAY_NOON + DAY)
    assert all(result.success for result in runs.tick(DUE_CHECK_INS))
    phones("+12025550152").received_text()
    rows = {row["episode_id"]: (row["state"], row["reason"]) for row in care.ledger(kind="check-in")}
    assert rows.pop(other)[0] == "SENT"
    assert list(rows.values()) == [(state, reason)]


@pytest.mark.parametrize("patient", [None, "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_an_episode_without_a_patient_ends_with_a_reason(care: Care, runs: Runs, patient: str | None) -> None:
    """When it is due, for the patient may come later; and it is not looked at again."""
    care.it_is(MONDAY_NOON)
    care.an_episode(patient, created_at=MONDAY_NOON)
    (result,) = runs.tick(NEW_EPISODES)
    assert result.success
    care.it_is(due_at(care))
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    (row,) = care.ledger(kind="check-in")
    assert (row["state"], row["reason"]) == ("CANCELLED", "the episode's patient does not exist (any more)")
    assert runs.tick(NEW_EPISODES) == []


def test_a_patient_who_comes_after_the_episode_is_checked_in_on(care: Care, runs: Runs, phones: Phones) -> None:
    """The application writes the two one after the other."""
    care.it_is(MONDAY_NOON)
    episode = care.an_episode(None, created_at=MONDAY_NOON)
    runs.tick(NEW_EPISODES)
    patient = care.a_patient()
    care.rows('UPDATE "Episode" SET patient_id = :patient WHERE id = :id', patient=patient, id=episode)
    care.it_is(due_at(care))
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()
    assert [row["recipient_id"] for row in care.ledger(kind="check-in")] == [patient]


def test_an_episode_that_does_not_say_when_it_was_created_counts_from_the_discharge(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Imported rows often do not."""
    care.it_is(MONDAY_NOON)
    care.an_episode(care.a_patient(), created_at=None, discharge_at=MONDAY_NOON)
    care.an_episode(care.a_patient("+12025550152"), created_at=None, discharge_at=MONDAY_NOON - 30 * DAY)
    runs.tick(NEW_EPISODES)
    care.it_is(MONDAY_NOON + DAY)
    runs.tick(DUE_CHECK_INS)
    phones(PATIENT_PHONE).received_text()


@pytest.mark.parametrize("created_at", ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC", None])
def test_an_episode_of_an_impossible_time_stops_no_other(
    care: Care, runs: Runs, phones: Phones, created_at: str | None
) -> None:
    """It is left alone; its neighbour is checked in on."""
    care.it_is(MONDAY_NOON)
    odd = care.an_episode(care.a_patient("+12025550152"))
    care.rows('UPDATE "Episode" SET created_at = CAST(:at AS timestamptz), discharge_at = :at', at=created_at)
    care.an_episode(care.a_patient(), created_at=MONDAY_NOON)
    assert all(result.success for result in runs.tick(NEW_EPISODES))
    care.it_is(MONDAY_NOON + DAY)
    assert all(result.success for result in runs.tick(DUE_CHECK_INS))
    phones(PATIENT_PHONE).received_text()
    assert [row["state"] for row in care.ledger() if row["episode_id"] == odd] == []


def test_episodes_from_before_going_live_are_left_alone(care: Care, runs: Runs) -> None:
    """A database that has lived for years holds thousands of them."""
    care.it_is(MONDAY_NOON)
    care.rows("UPDATE orchestration.go_live SET workflows_live_at = orchestration.clock()")
    care.an_episode(care.a_patient(), created_at=MONDAY_NOON - SECOND)
    assert runs.tick(NEW_EPISODES) == []


def test_scheduling_again_by_hand_changes_nothing(care: Care, runs: Runs) -> None:
    """The due time stays as it was."""
    episode = scheduled(care, runs)
    before = due_at(care)
    care.it_is(MONDAY_NOON + timedelta(hours=3))
    assert runs.launch("schedule_check_in", episode_ids=[episode]).success
    assert due_at(care) == before


def test_a_check_in_asked_for_by_name_goes_out_now_and_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Whether it has been scheduled or not; nobody is texted twice."""
    waiting = scheduled(care, runs)
    old = care.an_episode(care.a_patient("+12025550152"), created_at=MONDAY_NOON - 30 * DAY)
    for _ in range(2):
        assert runs.launch("send_check_in", episode_ids=[waiting, old]).success
    for phone in (PATIENT_PHONE, "+12025550152"):
        phones(phone).received_text()
        assert phones(phone).attempts == 1
    care.it_is(MONDAY_NOON + DAY)
    assert runs.tick(DUE_CHECK_INS) == []


def test_a_check_in_asked_for_at_night_waits_for_the_morning(care: Care, runs: Runs, phones: Phones) -> None:
    """Asking does not wake a patient."""
    episode = scheduled(care, runs)
    care.it_is(datetime(2026, 3, 2, 23, tzinfo=NEW_YORK))
    assert runs.launch("send_check_in", episode_ids=[episode]).success
    phones(PATIENT_PHONE).received_no_text()
    assert due_at(care) == datetime(2026, 3, 3, 9, tzinfo=NEW_YORK)


@pytest.mark.parametrize("job", ["schedule_check_in", "send_check_in"])
def test_an_id_that_names_no_episode_fails_the_run_with_a_sentence(care: Care, runs: Runs, job: str) -> None:
    """It names the table and the id."""
    assert care
    nothing = str(uuid4())
    result = runs.launch(job, episode_ids=[nothing])
    assert not result.success
    assert f"no episode has the id {nothing}" in failure(result)


def test_a_check_in_in_doubt_is_not_sent_again(care: Care, runs: Runs, phones: Phones) -> None:
    """Nobody knows whether the patient has it."""
    scheduled(care, runs)
    phones.company.script(ResetAfterAccepting())
    care.it_is(MONDAY_NOON + DAY)
    runs.tick(DUE_CHECK_INS)
    care.let_leases_expire()
    assert runs.tick(DUE_CHECK_INS) == []
    assert care.states(kind="check-in") == ["IN_DOUBT"]
    phones(PATIENT_PHONE).received_text()
    assert phones(PATIENT_PHONE).attempts == 1


def test_only_the_last_step_executed_again_schedules(care: Care, runs: Runs, tmp_path: Path) -> None:
    """From the UI, under a claim of its own."""
    care.it_is(MONDAY_NOON)
    episode = care.an_episode(care.a_patient(), created_at=MONDAY_NOON)
    job = reconstructable(schedule_check_in_of_the_definitions)
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        config = {"episode_ids": [episode]}
        first = execute_job(job, instance=instance, run_config=config, tags={"dagster/run_key": str(uuid4())})
        assert care.ledger() == []
        again = execute_job(
            job,
            instance=instance,
            reexecution_options=ReexecutionOptions(first.run_id, step_selection=["schedule_check_in_text"]),
        )
        assert again.success
    assert due_at(care) == MONDAY_NOON + DAY
    assert runs.tick(NEW_EPISODES) == []


def schedule_check_in_of_the_definitions() -> JobDefinition:
    return defs.get_job_def("schedule_check_in")


def test_a_run_that_died_before_it_scheduled_is_made_up_for(care: Care, runs: Runs) -> None:
    """By the sensor for new episodes, not the one for due check-ins."""
    care.it_is(MONDAY_NOON)
    care.an_episode(care.a_patient(), created_at=MONDAY_NOON)
    runs.ledger.claims.claim(NEW_EPISODES)
    care.let_leases_expire()
    assert runs.tick(DUE_CHECK_INS) == []
    (result,) = runs.tick(NEW_EPISODES)
    assert result.success
    assert due_at(care) == MONDAY_NOON + DAY


def test_a_run_that_died_before_it_sent_is_made_up_for(care: Care, runs: Runs, phones: Phones) -> None:
    """By the sensor for due check-ins, not the one for new episodes."""
    scheduled(care, runs)
    care.it_is(MONDAY_NOON + DAY)
    runs.ledger.claims.claim(DUE_CHECK_INS)
    care.let_leases_expire()
    assert runs.tick(NEW_EPISODES) == []
    (result,) = runs.tick(DUE_CHECK_INS)
    assert result.success
    phones(PATIENT_PHONE).received_text()


def test_a_late_episode_is_checked_in_on_after_the_window_and_the_step_says_so(care: Care, runs: Runs) -> None:
    """Discharged on Monday, entered on Wednesday night: Thursday night is no time, and Medicare's days are over."""
    created_at = datetime(2026, 3, 4, 21, tzinfo=NEW_YORK)
    care.it_is(created_at)
    care.an_episode(care.a_patient(), created_at=created_at, discharge_at=MONDAY_NOON)
    (result,) = runs.tick(NEW_EPISODES)
    shown = metadata(result, "schedule_check_in_text")
    assert shown["due"] == datetime(2026, 3, 6, 9, tzinfo=NEW_YORK).astimezone(UTC).isoformat()
    assert "after Medicare's two business days" in str(shown["why then"])
