"""The figures that the UI plots, and the checks on them, of histories that really running jobs have made."""

from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from canaries import OWN_PHONE, canaries  # noqa: F401  # a fixture
from care import NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from dagster import AssetCheckEvaluation, AssetKey, DagsterInstance
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._utils.schedules import schedule_execution_time_iterator
from kombu.transport.redis import PRIORITY_STEPS
from phones import Phones
from runs import Runs, failure
from ticks import a_tick

from sequora_orchestration.definitions import SENSORS, defs
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.halts import ALL_KINDS
from sequora_orchestration.domain.health import GOING_OUT, OLDEST_TICK, UNANSWERED_AFTER, longest_doubt
from sequora_orchestration.domain.notification import SMS, VOICE
from sequora_orchestration.jobs.sla_warning import SLA_SCAN
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetBeforeAccepting
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import drop_views
from sequora_orchestration.schedules.figures import figures_every_five_minutes
from sequora_orchestration.schedules.sla_warnings import every_five_minutes
from sequora_orchestration.sensors.certainty import texts_without_receipt
from sequora_orchestration.settings.delivery import DeliverySettings

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("stopped_clock")


class Catalog:
    """The catalog after a measurement."""

    def __init__(self, instance: DagsterInstance) -> None:
        """Look at what the instance knows."""
        self.instance = instance

    def figures(self, asset: str) -> dict[str, Any]:
        """Return what was measured last."""
        event = self.instance.get_latest_materialization_event(AssetKey(asset))
        assert event
        assert event.asset_materialization
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def check(self, name: str) -> AssetCheckEvaluation:
        """Return the last result of a check."""
        (key,) = [key for key in defs.get_repository_def().asset_graph.asset_check_keys if key.name == name]
        record = self.instance.get_latest_asset_check_evaluation_record(key)
        assert record
        assert record.event
        assert record.event.dagster_event
        return record.event.dagster_event.asset_check_evaluation_data


@pytest.fixture
def runs(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs on an instance that keeps ticks, too."""
    ticks = SqliteScheduleStorage.from_local(str(tmp_path))
    ticks.register_instance(runs.instance)
    # An instance whose runs are in memory, where they cost a fifth, has no public place for it.
    monkeypatch.setattr(runs.instance, "_schedule_storage", ticks)
    return runs


@pytest.fixture
def catalog(runs: Runs) -> Catalog:
    """The catalog of this test's own instance."""
    return Catalog(runs.instance)


def measure(runs: Runs) -> None:
    result = runs.launch("measure_figures")
    assert result.success, failure(result)


def text(care: Care, runs: Runs, phones: Phones, *, after: timedelta, arrives: bool = False, **task: Any) -> str:
    """Return a task of now whose nurse is texted after a while, and has the text 15 s later."""
    phones.company.seconds_per_status = 0 if arrives else 1_000_000
    phone = f"+1202555{1000 + len(care.ledger()):04}"
    began = care.one("SELECT orchestration.clock()")
    id_ = care.a_task(care.a_nurse(phone), created_at=began, updated_at=began, **task)
    care.it_is(began + after)
    runs.tick(NEW_TASKS)
    phones(phone).received_text()
    if arrives:
        care.it_is(began + after + 15 * SECOND)
        runs.sensor(texts_without_receipt)
        assert care.states(id_) == ["DELIVERED"]
    return id_


def test_latencies_are_those_of_the_last_hour(care: Care, runs: Runs, phones: Phones, catalog: Catalog) -> None:
    """From a task's creation until Twilio has its text, and until it is known to have arrived."""
    text(care, runs, phones, after=40 * SECOND)
    care.it_is(NOW + HOUR)
    for seconds in (1, 2, 21):
        text(care, runs, phones, after=seconds * SECOND, arrives=True)
    measure(runs)
    assert catalog.figures("text_latency") == {
        "texts": 3,
        "to text p50, s": 2.0,
        "to text p95, s": pytest.approx(19.1),
        "to delivered p50, s": 17.0,
        "to delivered p95, s": pytest.approx(34.1),
        "inside 10 s, %": pytest.approx(66.667),
    }


def test_a_task_that_still_waits_lowers_the_share_that_was_quick(
    care: Care, runs: Runs, phones: Phones, catalog: Catalog
) -> None:
    """Else nothing would look better than to text nobody. One that has waited for a moment only does not."""
    text(care, runs, phones, after=SECOND)
    late = care.a_task(care.a_nurse("+12025550102"), created_at=NOW, updated_at=NOW)
    runs.ledger.claims.claim(NEW_TASKS)
    care.it_is(NOW + 10 * SECOND)
    measure(runs)
    assert catalog.figures("text_latency")["inside 10 s, %"] == 100.0
    care.it_is(NOW + 11 * SECOND)
    measure(runs)
    assert care.states(late) == ["QUEUED"]
    assert catalog.figures("text_latency")["inside 10 s, %"] == 50.0


def test_where_nothing_was_sent_there_is_no_latency(runs: Runs, catalog: Catalog) -> None:
    """No point in the plot, rather than a good one."""
    measure(runs)
    assert catalog.figures("text_latency") == {"texts": 0}


def test_deliveries_are_counted_by_what_became_of_them(
    care: Care, runs: Runs, phones: Phones, catalog: Catalog
) -> None:
    """Undelivered ones also by the phone company's code; in doubt, held and failed ones too."""
    text(care, runs, phones, after=SECOND, arrives=True)
    for code in (30003, 30006, 30006):
        phone = f"+1202555{2000 + len(care.ledger()):04}"
        phones.company.undeliverable[phone] = code
        care.a_task(care.a_nurse(phone), created_at=NOW, severity="LOW")
        runs.tick(NEW_TASKS)
        phones(phone).received_text()
    care.it_is(NOW + 60 * SECOND)
    runs.sensor(texts_without_receipt)
    care.a_task(care.a_nurse("555-CALL-ME"))
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    care.it_is(NOW + 90 * SECOND)
    measure(runs)
    assert catalog.figures("deliveries") == {
        "sent": 4,
        "delivered": 1,
        "undelivered": 3,
        "undelivered, code 30003": 1,
        "undelivered, code 30006": 2,
        "failed": 1,
        "in doubt": 1,
        "longest in doubt, s": 30.0,
        "held": 0,
        "doubled": 0,
    }


def test_the_backlog_is_what_is_due_and_not_sent(care: Care, runs: Runs, catalog: Catalog) -> None:
    """A claim that nobody has taken up; what an operator keeps back is apart."""
    care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    runs.ledger.claims.claim(NEW_TASKS)
    care.it_is(NOW + 25 * SECOND)
    measure(runs)
    assert {name: catalog.figures("backlog")[name] for name in ("due", "oldest due, s", "paused")} == {
        "due": 1,
        "oldest due, s": 25.0,
        "paused": 0,
    }
    runs.ledger.halts.pause(ALL_KINDS, Operator(who="somebody", why="a test"))
    measure(runs)
    assert {name: catalog.figures("backlog")[name] for name in ("due", "oldest due, s", "paused")} == {
        "due": 0,
        "oldest due, s": 0.0,
        "paused": 1,
    }


@pytest.mark.parametrize("claimed", [False, True])
def test_a_task_without_a_text_or_a_reason_turns_red(
    care: Care, runs: Runs, phones: Phones, catalog: Catalog, *, claimed: bool
) -> None:
    """Whether nobody has noticed it or nobody sends it; and green once it is texted."""
    task = care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    if claimed:
        runs.ledger.claims.claim(NEW_TASKS)
    care.it_is(NOW + UNANSWERED_AFTER - SECOND)
    measure(runs)
    assert catalog.check("every_new_task_is_answered").passed
    care.it_is(NOW + UNANSWERED_AFTER)
    measure(runs)
    red = catalog.check("every_new_task_is_answered")
    assert not red.passed
    assert task in (red.description or "")
    care.let_leases_expire()
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    measure(runs)
    assert catalog.check("every_new_task_is_answered").passed


@pytest.mark.parametrize("rate", ["", "1"])
def test_a_task_may_wait_for_the_senders_rate_while_texts_go_out(
    care: Care, runs: Runs, phones: Phones, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, rate: str
) -> None:
    """That is as set; but not where no rate is, nor when no text has gone out for a minute."""
    monkeypatch.setenv("SEQUORA_SENDER_RATE", rate)
    care.a_task(care.a_nurse("+12025550102"), created_at=NOW, updated_at=NOW)
    text(care, runs, phones, after=UNANSWERED_AFTER)
    phones("+12025550102").received_text()
    care.a_task(care.a_nurse("+12025550103"), created_at=NOW, updated_at=NOW)
    measure(runs)
    assert catalog.check("every_new_task_is_answered").passed is (rate == "1")
    assert catalog.figures("backlog")["unanswered tasks"] == 1
    care.it_is(NOW + UNANSWERED_AFTER + GOING_OUT + SECOND)
    measure(runs)
    assert not catalog.check("every_new_task_is_answered").passed


def test_a_reason_on_record_is_an_answer(care: Care, runs: Runs, catalog: Catalog) -> None:
    """A nurse without a phone, and an operator's pause."""
    care.a_task(care.a_nurse(None), created_at=NOW, updated_at=NOW)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + UNANSWERED_AFTER)
    measure(runs)
    assert catalog.check("every_new_task_is_answered").passed
    care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    runs.ledger.halts.pause(NEW_TASKS.kind.name, Operator(who="somebody", why="a test"))
    measure(runs)
    assert catalog.check("every_new_task_is_answered").passed


@pytest.mark.parametrize("window", ["1m", "2h"])
def test_a_long_doubt_turns_red(
    care: Care, runs: Runs, phones: Phones, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, window: str
) -> None:
    """After ten minutes in which it was not settled, or more where its window is longer."""
    monkeypatch.setenv("SEQUORA_DOUBT_WINDOW", window)
    longest = longest_doubt(DeliverySettings.load().sequora_doubt_window)
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + longest)
    measure(runs)
    assert catalog.check("nothing_in_doubt_for_long").passed
    care.it_is(NOW + longest + SECOND)
    measure(runs)
    red = catalog.check("nothing_in_doubt_for_long")
    assert not red.passed
    assert "settle_doubtful_texts" in (red.description or "")


def test_an_open_breaker_turns_red_with_its_reason(care: Care, runs: Runs, phones: Phones, catalog: Catalog) -> None:
    """And green when it has closed."""
    measure(runs)
    assert catalog.check("twilio_takes_texts").passed
    phones.company.always(Refuse(401, 20003))
    care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    runs.tick(NEW_TASKS)
    measure(runs)
    red = catalog.check("twilio_takes_texts")
    assert not red.passed
    assert "TWILIO_… settings" in (red.description or "")
    phones.company.always(None)
    care.let_the_trial_come()
    care.let_leases_expire()
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    measure(runs)
    assert catalog.check("twilio_takes_texts").passed


@pytest.mark.usefixtures("row_for_calls")
def test_an_open_breaker_of_calls_turns_red_as_well(runs: Runs, catalog: Catalog) -> None:
    """And says that it is calls that wait."""
    runs.ledger.halts.note_trouble(VOICE, Refused(Refusal.CONFIGURATION, "it may not call", 21210), at_once=True)
    measure(runs)
    red = catalog.check("twilio_takes_texts")
    assert not red.passed
    assert "it may not call (code 21210). Calls wait" in (red.description or "")


def test_calls_are_not_counted_among_the_texts(care: Care, runs: Runs, phones: Phones, catalog: Catalog) -> None:
    """One that nobody answers is no text that did not arrive."""
    care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.rows("UPDATE orchestration.notification SET state = 'UNDELIVERED', channel = :channel", channel=VOICE)
    measure(runs)
    figures = catalog.figures("deliveries")
    assert (figures["sent"], figures["undelivered"]) == (0, 0)


def test_a_phone_company_that_lets_nothing_be_read_turns_red_with_its_answer(
    care: Care, runs: Runs, catalog: Catalog
) -> None:
    """Though it takes texts; and green when it can be read."""
    care.it_is(NOW)
    measure(runs)
    assert catalog.check("twilio_can_be_read").passed
    runs.ledger.halts.note_unreadable(SMS, "the API key may not do this", http_status=401, code=70051)
    measure(runs)
    red = catalog.check("twilio_can_be_read")
    assert not red.passed
    assert f"since {NOW:%Y-%m-%d %H:%M:%S} " in (red.description or "")
    assert "the API key may not do this (HTTP 401, code 70051)" in (red.description or "")
    assert catalog.check("twilio_takes_texts").passed
    runs.ledger.halts.note_readable(SMS)
    measure(runs)
    assert catalog.check("twilio_can_be_read").passed


@pytest.mark.parametrize(
    "person",
    [{"phone": None}, {"phone": "555-CALL-ME"}, {"active": False}, {"role": "NURSE"}],
    ids=["no phone", "no usable phone", "inactive", "a nurse"],
)
def test_nobody_to_escalate_to_turns_red(care: Care, runs: Runs, catalog: Catalog, person: dict[str, Any]) -> None:
    """Until there is a supervisor who can be texted."""
    care.a_supervisor(**person)
    measure(runs)
    assert not catalog.check("somebody_to_escalate_to").passed
    assert catalog.figures("on_call") == {"supervisors": 0, "admins": 0}
    care.a_supervisor(SUPERVISOR_PHONE)
    measure(runs)
    assert catalog.check("somebody_to_escalate_to").passed
    assert catalog.figures("on_call") == {"supervisors": 1, "admins": 0}


def test_a_silent_sensor_turns_red_and_is_named(runs: Runs, catalog: Catalog) -> None:
    """One that has never ticked, one that was stopped, and one whose ticks fail; a good tick makes it green."""
    names = [sensor.name for sensor in SENSORS]
    for name in names[3:]:
        a_tick(runs.instance, name, seconds_ago=1)
    a_tick(runs.instance, names[0], seconds_ago=OLDEST_TICK.total_seconds() + 60)
    a_tick(runs.instance, names[1], seconds_ago=1, status=TickStatus.FAILURE)
    measure(runs)
    red = catalog.check("every_sensor_ticks")
    assert not red.passed
    assert all(name in (red.description or "") for name in names[:3])
    assert not any(name in (red.description or "") for name in names[5:])
    for name in names[:3]:
        a_tick(runs.instance, name, seconds_ago=0)
    measure(runs)
    assert catalog.check("every_sensor_ticks").passed


def test_red_checks_fail_no_run(runs: Runs, catalog: Catalog) -> None:
    """They are for people to look at, and hold nothing up."""
    measure(runs)
    assert not catalog.check("somebody_to_escalate_to").passed
    assert not catalog.check("every_sensor_ticks").passed


def test_each_scan_of_all_tasks_is_on_record(care: Care, runs: Runs, catalog: Catalog, phones: Phones) -> None:
    """A scan of some that a person asks for is none."""
    task = care.a_task(care.a_nurse(), sla_due_at=NOW + 5 * 60 * SECOND, created_at=NOW - HOUR)
    assert runs.launch("check_sla_warnings", task_ids=[task]).success
    assert runs.instance.get_latest_materialization_event(SLA_SCAN) is None
    phones(NURSE_PHONE).received_text()
    assert runs.launch("check_sla_warnings").success
    assert catalog.figures("sla_scan") == {"tasks to warn of": 0}


def test_measuring_is_what_the_broker_hands_out_last() -> None:
    """No text waits for a figure. In Redis the highest number is the last; runs without the tag have 0."""
    assert defs.resolve_job_def("measure_figures").tags["dagster-celery/run_priority"] == str(max(PRIORITY_STEPS))


def test_measuring_and_scanning_are_never_due_in_the_same_minute() -> None:
    """Both are every five minutes; two worker processes would be busy at once, and a text would wait."""
    minutes = {
        schedule.name: {
            at.minute for at in islice(schedule_execution_time_iterator(0, schedule.cron_schedule, "UTC"), 12)
        }
        for schedule in (every_five_minutes, figures_every_five_minutes)
    }
    assert [len(of_one) for of_one in minutes.values()] == [12, 12]
    assert set.intersection(*minutes.values()) == set()


def test_the_catalog_explains_itself() -> None:
    """Each asset has a group and a description and shows when it is old, each check says what holds."""
    repository = defs.get_repository_def()
    for key in repository.asset_graph.get_all_asset_keys():
        node = repository.asset_graph.get(key)
        assert node.description, key
        assert node.group_name != "default", key
        assert node.kinds, key
        assert node.freshness_policy, key
    for check in repository.asset_graph.asset_check_keys:
        assert repository.asset_graph.get_check_spec(check).description, check


def test_while_the_views_are_dropped_by_command_what_can_be_is_measured(
    care: Care, runs: Runs, catalog: Catalog
) -> None:
    """And the run fails with a sentence, as every other does then."""
    drop_views(care.engine)
    result = runs.launch("measure_figures")
    assert not result.success
    assert catalog.figures("text_latency") == {"texts": 0}
    (step,) = [one for one in result.all_events if one.is_step_failure]
    failed = step.step_failure_data.user_failure_data
    assert failed
    assert failed.description
    assert "were dropped by `sequora migrate --drop-views` at " in failed.description


@pytest.mark.usefixtures("canaries")
def test_a_canary_that_has_not_arrived_turns_its_check_red_and_is_named(
    care: Care, runs: Runs, phones: Phones, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do. It is green within ten minutes, and where none is sent."""
    phones.company.without_receipts.add(OWN_PHONE)
    runs.tick(CANARIES)
    phones(OWN_PHONE).received_text()
    measure(runs)
    assert catalog.check("canary_arrives").passed
    care.it_is(NOW + 601 * SECOND)
    measure(runs)
    check = catalog.check("canary_arrives")
    assert not check.passed
    assert (check.description or "").startswith("the canary of 2026-03-02 15:00 UTC has not arrived: it is SENT")
    assert catalog.figures("deliveries")["sent"] == 0
    monkeypatch.delenv("SEQUORA_CANARY_NUMBER")
    measure(runs)
    assert catalog.check("canary_arrives").passed
