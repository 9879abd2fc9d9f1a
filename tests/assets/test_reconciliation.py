"""A day of the phone company's list against the ledger, by the job that compares them each night."""

from datetime import UTC, date, datetime, timedelta

import pytest
from care import NOW, NURSE_PHONE, Care
from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    ExecuteInProcessResult,
    TableMetadataValue,
    build_schedule_context,
)
from doubts import doubtful_task
from orphans import SENDER, STRANGER, an_orphan, it_is_at, with_clock_of
from phones import Phones
from runs import Runs, failure

from sequora_orchestration.channels import sms as channel_sms
from sequora_orchestration.definitions import defs
from sequora_orchestration.delivery import reconcile
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import (
    Garbage,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.messages.kind import Suppression, cancelled, failed
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.schedules.reconciliation import reconciliation_every_night
from sequora_orchestration.sensors.certainty import texts_without_receipt

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
SERVICE = "MG00000000000000000000000000000001"


class Night:
    """The night after NOW, in which the job looks at the day of NOW."""

    today = NOW.date()

    def __init__(self, care: Care, runs: Runs, phones: Phones) -> None:
        """Begin with nothing sent."""
        self.care, self.runs, self.phones = care, runs, phones

    def a_text(self, phone: str = NURSE_PHONE, *, arrives: bool = True) -> tuple[str, str]:
        """Text a nurse about a new task; return the text's SID, and its message's id."""
        self.phones.company.seconds_per_status = 0 if arrives else 1_000_000
        now = self.care.one("SELECT orchestration.clock()")
        task = self.care.a_task(self.care.a_nurse(phone), created_at=now, updated_at=now)
        self.runs.tick(NEW_TASKS)
        sid = self.phones(phone).received_text().sid
        if arrives:
            self.care.it_is(now + 15 * SECOND)
            self.runs.sensor(texts_without_receipt)
            assert self.care.states(task) == ["DELIVERED"]
            self.care.it_is(now)
        (row,) = self.care.rows("SELECT id FROM orchestration.notification WHERE provider_sid = :sid", sid=sid)
        return sid, str(row["id"])

    def comes(self) -> None:
        """Let it be the night."""
        self.care.it_is(datetime.combine(self.today + DAY, datetime.min.time(), UTC) + timedelta(hours=5, minutes=44))

    def run(self, day: date | None = None) -> ExecuteInProcessResult:
        """Launch the job in the night, as the schedule does or for a day."""
        self.comes()
        return self.runs.launch("reconcile_texts", **({"day": day.isoformat()} if day else {}))

    def reconciled(self, day: date | None = None) -> "Night":
        """Launch the job, which succeeds."""
        result = self.run(day)
        assert result.success, failure(result)
        return self

    @property
    def metadata(self) -> dict[str, object]:
        """What was found last."""
        event = self.runs.instance.get_latest_materialization_event(AssetKey("reconciliation"))
        assert event
        assert event.asset_materialization
        return {name: value.value for name, value in event.asset_materialization.metadata.items()}

    def table(self, name: str) -> list[dict[str, object]]:
        """Return the rows of a table that was found."""
        event = self.runs.instance.get_latest_materialization_event(AssetKey("reconciliation"))
        assert event
        assert event.asset_materialization
        table = event.asset_materialization.metadata[name]
        assert isinstance(table, TableMetadataValue)
        return [dict(record.data) for record in table.records]

    @property
    def check(self) -> AssetCheckEvaluation:
        """The check's last result."""
        (key,) = [
            key for key in defs.get_repository_def().asset_graph.asset_check_keys if key.name == "texts_are_reconciled"
        ]
        record = self.runs.instance.get_latest_asset_check_evaluation_record(key)
        assert record
        assert record.event
        assert record.event.dagster_event
        return record.event.dagster_event.asset_check_evaluation_data

    @property
    def said(self) -> str:
        """What the check says."""
        return self.check.description or ""


@pytest.fixture
def night(care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch) -> Night:
    """The night after a day on which nothing was sent yet."""
    with_clock_of(care, phones, monkeypatch)
    return Night(care, runs, phones)


def test_where_both_sides_agree_the_check_is_green(night: Night) -> None:
    """With the day, its texts by kind, and what they cost; a text just sent has no price yet."""
    night.a_text()
    night.reconciled()
    assert night.check.passed, night.said
    assert night.said == f"{night.today}: the phone company and the ledger agree"
    found = night.metadata
    assert (found["day"], found["texts"], found["segments"]) == (night.today.isoformat(), 1, 3)
    assert (found["without a price"], "price, USD" in found) == (1, False)
    assert night.table("by kind") == [
        {"kind": "task-created", "texts": 1, "segments": 3, "price": "", "without a price": 1}
    ]


def test_an_orphan_is_reported_once_by_its_sid(night: Night, care: Care) -> None:
    """The second run of the same day shows it, and says that it was reported; neither its number nor its words stay."""
    sid = an_orphan(night.phones, body="Good morning, dear")
    night.reconciled()
    assert not night.check.passed
    assert night.check.severity is AssetCheckSeverity.WARN
    assert f"1 text went out from our sender that this system has not sent: {sid}." in night.said
    assert (night.metadata["unknown, other"], night.metadata["unknown, not reported before"]) == (1, 1)
    night.reconciled(night.today)
    assert night.check.passed
    assert "Reported before, and not again: 1 unknown text" in night.said
    assert (night.metadata["unknown, other"], night.metadata["unknown, not reported before"]) == (1, 0)
    (shown,) = night.table("unknown texts")
    assert (shown["SID"], bool(shown["reported before"])) == (sid, True)
    later = an_orphan(night.phones)
    night.reconciled()
    assert later in night.said
    assert sid not in night.said
    (kept,) = care.rows("SELECT * FROM orchestration.orphan WHERE sid = :sid", sid=sid)
    assert "Good morning" not in str(kept)
    assert STRANGER not in str(kept)


def test_a_text_that_somebody_had_twice_is_said_first_and_is_an_error(night: Night) -> None:
    """Another one with our words to our recipient, which the ledger does not know."""
    _, message = night.a_text()
    (text,) = night.phones(NURSE_PHONE).texts
    other = an_orphan(night.phones)
    doubled = an_orphan(night.phones, to=NURSE_PHONE, body=text)
    night.reconciled()
    assert night.check.severity is AssetCheckSeverity.ERROR
    assert night.said.startswith(
        f"{night.today}: 1 text went out twice: the phone company has {doubled} (as message {message})"
    )
    assert other in night.said
    assert [(row["SID"], row["like"]) for row in night.table("unknown texts")] == [
        (doubled, "doubled"),
        (other, "other"),
    ]


def test_a_text_of_an_attempt_that_was_given_up_is_a_doubled_one(night: Night, care: Care) -> None:
    """It shows up after nobody looks for it any more."""
    _, message = night.a_text()
    recognised = channel_sms.open_sms().recognise(night.runs.ledger.opt_outs.salt, STRANGER, "One word")
    care.rows(
        "INSERT INTO orchestration.lost_attempt (notification_id, began_at, fingerprints)"
        " VALUES (CAST(:id AS uuid), orchestration.clock(), :prints)",
        id=message,
        prints=list(recognised),
    )
    sid = an_orphan(night.phones, body="One word")
    night.reconciled()
    assert f"{sid} (as message {message})" in night.said


@pytest.mark.parametrize(
    ("verdict", "is_cancelled", "state"),
    [
        (failed(Cause.ATTEMPTS_USED_UP, "not found"), False, "FAILED"),
        (cancelled(Cause.CANCELLED_BY_OPERATOR, "not found"), False, "CANCELLED"),
        (Suppression(State.HELD, "not readable", Cause.LIST_UNREADABLE), False, "HELD"),
        (Suppression(State.HELD, "not readable", Cause.LIST_UNREADABLE), True, "CANCELLED"),
    ],
)
def test_a_text_of_a_message_that_was_given_up_for_good_is_that_messages(
    night: Night, care: Care, verdict: Suppression, state: str, *, is_cancelled: bool
) -> None:
    """The phone company's list showed it too late: the ledger has lost no rows, and nobody had it twice."""
    task = doubtful_task(care, night.runs, night.phones, ResetAfterAccepting(), created_at=NOW, updated_at=NOW)
    text = night.phones(NURSE_PHONE).received_text()
    doubts = night.runs.ledger.doubts
    (doubtful,) = doubts.in_doubt()
    assert doubts.settle_doubt(doubtful, verdict)
    if is_cancelled:
        night.runs.ledger.orders.cancel(task, None, Operator(who="maya", why="it is in Twilio's console"))
    assert care.states(task) == [state]
    night.reconciled()
    assert night.check.severity is AssetCheckSeverity.WARN
    assert (
        "the phone company has 1 text that the ledger does not have as sent: "
        f"{text.sid} (message {doubtful.id}: {state} here, SENT there). "
    ) in night.said
    assert "lost rows" not in night.said
    assert night.metadata["another fate"] == 1
    assert "unknown texts" not in night.metadata
    assert [row["kind"] for row in night.table("by kind")] == ["task-created"]


def test_a_text_with_a_link_to_a_task_is_of_another_system_or_of_lost_rows(night: Night) -> None:
    """The ledger was restored from a backup, or a test system texts from the same number."""
    sid = an_orphan(night.phones, body="🚨 New HIGH task: FEVER\nView: https://app.example.com/tasks/1")
    night.reconciled()
    assert night.check.severity is AssetCheckSeverity.ERROR
    assert f"1 text went out with a link to a task and no row in the ledger: {sid}." in night.said


def test_others_texts_in_thousands_are_counted_and_ten_are_named(night: Night) -> None:
    """The application's own conversation from the same number; a webhook's answers are certainly not ours."""
    for _ in range(12):
        an_orphan(night.phones)
    an_orphan(night.phones, in_reply=True)
    night.reconciled()
    assert night.said.count("SM") == 10
    assert "and 2 more" in night.said
    assert len(night.table("unknown texts")) == 10
    assert (night.metadata["unknown, other"], night.metadata["webhooks' answers"]) == (12, 1)


def test_only_what_went_out_from_our_sender_counts(night: Night) -> None:
    """Not what comes in, nor what another number of the account sends."""
    night.phones.company.receive(phone=STRANGER, body="Hello", to=SENDER)
    an_orphan(night.phones, from_="+15005550010")
    night.reconciled()
    assert night.check.passed, night.said
    assert night.metadata["texts"] == 0


def test_a_messaging_services_texts_are_told_by_the_service(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of its numbers they come from; those of another service are not ours."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", SERVICE)
    night.a_text()
    of_service = an_orphan(night.phones, messaging_service_sid=SERVICE)
    an_orphan(night.phones, messaging_service_sid="MG00000000000000000000000000000002")
    an_orphan(night.phones)
    night.reconciled()
    assert night.metadata["texts"] == 2
    assert [row["SID"] for row in night.table("unknown texts")] == [of_service]


def test_an_engineers_alarm_is_no_orphan(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger has no row of it."""
    monkeypatch.setenv("SEQUORA_ALARM_NUMBER", "(202) 555-0199")
    an_orphan(night.phones)
    night.reconciled()
    assert night.check.passed, night.said
    assert [row["kind"] for row in night.table("by kind")] == ["alarm"]


def test_a_text_that_the_phone_company_does_not_have_is_an_error(night: Night, care: Care) -> None:
    """By its SID, and the message's id."""
    _, message = night.a_text()
    gone = "SM" + "9" * 32
    care.rows("UPDATE orchestration.notification SET provider_sid = :gone", gone=gone)
    night.reconciled()
    assert night.check.severity is AssetCheckSeverity.ERROR
    assert f"does not have 1 text that the ledger says were sent: {gone} (message {message})" in night.said
    assert night.metadata["missing"] == 1


@pytest.mark.parametrize("most", [50, 1])
def test_texts_that_were_sent_after_midnight_are_not_missing(
    night: Night, care: Care, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """They are in the next day's list: a few are asked for by their SIDs, and for many that list is read."""
    monkeypatch.setattr(reconcile, "MOST_ASKED_FOR", most)
    it_is_at(datetime.combine(night.today, datetime.min.time(), UTC) + 9 * HOUR, night.phones, monkeypatch)
    care.it_is(NOW - DAY)
    for place in range(3):
        night.a_text(f"+1202555{400 + place:04}", arrives=False)
    night.reconciled(night.today - DAY)
    assert night.check.passed, night.said
    assert night.metadata["missing"] == 0


def test_texts_that_no_list_shows_are_not_missing_if_others_of_them_are_there(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twilio's clock was days off: the few that are asked for speak for the rest."""
    monkeypatch.setattr(reconcile, "MOST_ASKED_FOR", 1)
    it_is_at(NOW - 3 * DAY, night.phones, monkeypatch)
    night.a_text(arrives=False)
    night.a_text("+12025550102", arrives=False)
    night.reconciled()
    assert night.check.severity is AssetCheckSeverity.WARN
    assert night.metadata["missing"] == 0
    assert "1 more text of ours stand in no list of that day" in night.said


def test_another_fate_at_the_phone_company_is_worth_a_look(night: Night, care: Care) -> None:
    """Its receipt came when nobody asked for it any more."""
    night.phones.company.undeliverable[NURSE_PHONE] = 30005
    sid, _ = night.a_text(arrives=False)
    night.phones.company.seconds_per_status = 0
    care.rows("UPDATE orchestration.notification SET receipt_at = NULL")
    night.reconciled()
    assert night.check.severity is AssetCheckSeverity.WARN
    assert f"another fate of 1 text: {sid} (SENT here, UNDELIVERED there)" in night.said


def test_what_the_applications_log_lacks_is_counted(night: Night, care: Care) -> None:
    """As far as the ledger knows: the log itself may not be read."""
    night.a_text()
    care.rows("UPDATE orchestration.notification SET log_owes = 'row', logged_at = NULL")
    night.reconciled()
    assert not night.check.passed
    assert "the application's log lacks 1 row and 0 receipts" in night.said


def test_prices_are_summed_by_kind_and_currency(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as they are known: Twilio gives them later, as negative amounts."""
    night.a_text()
    for before in (SECOND, SECOND, timedelta()):
        an_orphan(night.phones, created=NOW - before)
    it_is_at(NOW + 61 * SECOND, night.phones, monkeypatch)
    night.phones.company.seconds_per_status = 1  # so what was sent at NOW was priced two seconds later
    night.reconciled()
    assert night.metadata["price, USD"] == pytest.approx(2 * 0.0079)
    assert night.metadata["without a price"] == 2
    (known, unknown) = night.table("by kind")
    assert (known["price"], known["without a price"]) == ("", 1)
    assert (unknown["kind"], unknown["price"], unknown["without a price"]) == ("unknown", "0.01580 USD", 1)
    it_is_at(NOW + 62 * SECOND, night.phones, monkeypatch)
    night.reconciled()
    assert night.metadata["price, USD"] == pytest.approx(6 * 0.0079)


def test_a_long_list_is_read_page_by_page(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no text is counted twice, though pages shift when one comes in between."""
    monkeypatch.setattr(channel_sms, "PAGE_SIZE", 2)
    for place in range(200, 205):
        night.a_text(f"+1202555{place:04}", arrives=False)
    orphans = [an_orphan(night.phones)]
    listed = night.phones.company.listed
    night.phones.company.pages_shift = True

    def with_another(*args: object, **kwargs: object) -> object:
        orphans.append(an_orphan(night.phones))
        return listed(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(night.phones.company, "listed", with_another)
    night.reconciled()
    # Each of six pages begins with the last text of the page before: of the new texts only the first page shows one.
    assert len(orphans) == 1 + 6
    assert (night.metadata["texts"], night.metadata["missing"]) == (7, 0)
    assert [row["SID"] for row in night.table("unknown texts")] == sorted(orphans[:2])


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [(401, 20003, "HTTP 401"), (429, 20429, "HTTP 429"), (500, 20500, "HTTP 500")],
)
def test_a_list_that_is_refused_fails_the_run_and_reports_nothing(
    night: Night, status: int, code: int, said: str
) -> None:
    """A sentence says why; it is tried again only where that may help."""
    night.a_text()
    night.phones.company.list_answers.always(Refuse(status, code, f"not to {NURSE_PHONE}"))
    result = night.run()
    assert not result.success
    assert "the phone company's list could not be read" in str(failure(result))
    assert said in str(failure(result))
    assert NURSE_PHONE not in str(failure(result))
    assert night.runs.instance.get_latest_materialization_event(AssetKey("reconciliation")) is None


@pytest.mark.parametrize("trouble", [ResetBeforeAccepting(), Garbage(), Refuse(429, 20429, "slow down")])
def test_a_list_that_breaks_off_in_the_middle_is_read_again_from_its_beginning(
    night: Night, monkeypatch: pytest.MonkeyPatch, trouble: Garbage | Refuse | ResetBeforeAccepting
) -> None:
    """Half a list would make the other half missing."""
    monkeypatch.setattr(channel_sms, "PAGE_SIZE", 1)
    for place in range(3):
        night.a_text(f"+1202555{300 + place:04}")
    listed, pages = night.phones.company.listed, list[int]()

    def broken_once(*args: object, **kwargs: object) -> object:
        pages.append(1)
        if len(pages) == 1:  # the second page
            night.phones.company.list_answers.queue((trouble,), None)
        return listed(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(night.phones.company, "listed", broken_once)
    night.reconciled()
    assert len(pages) >= 4
    assert night.check.passed, night.said
    assert night.metadata["texts"] == 3


def test_a_list_that_is_too_long_reports_nothing(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody must look at it elsewhere; it is not read again, for it would be as long."""
    monkeypatch.setattr(channel_sms, "MOST_OF_A_DAY", 2)
    for _ in range(3):
        an_orphan(night.phones)
    result = night.run()
    assert not result.success
    assert "more than 1 texts: too long to be read" in str(failure(result))
    assert "STEP_UP_FOR_RETRY" not in {event.event_type_value for event in result.all_events}


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (0, "is not over in UTC"),
        (3, "is not over in UTC"),
        (-401, "messages are kept for 400 days (SEQUORA_KEEP_MESSAGES)"),
        (-20000, "this system has been live since"),
    ],
)
def test_a_day_that_cannot_be_compared_is_refused_with_a_sentence(night: Night, day: int, said: str) -> None:
    """Which says why; it is not tried again."""
    night.comes()
    tomorrow = night.today + DAY
    result = night.runs.launch("reconcile_texts", day=(tomorrow + day * DAY).isoformat())
    assert not result.success
    assert said in str(failure(result))


def test_the_first_night_has_nothing_to_compare_yet(night: Night, care: Care) -> None:
    """The system went live after midnight. The next night compares the rest of that day."""
    an_orphan(night.phones)
    night.comes()
    live = datetime.combine(night.today + DAY, datetime.min.time(), UTC) + HOUR
    care.rows("UPDATE orchestration.go_live SET go_live_at = :live", live=live)
    assert night.runs.launch("reconcile_texts", day=night.today.isoformat()).success
    assert night.check.passed
    assert night.said == (
        f"there is nothing to compare {night.today} with: this system has been live since {live:%Y-%m-%d %H:%M} UTC"
    )
    assert night.metadata == {"day": night.today.isoformat()}
    assert care.one("SELECT count(*) FROM orchestration.reconciliation") == 0
    assert not night.runs.launch("reconcile_texts", day=(night.today - DAY).isoformat()).success


def test_a_day_that_is_no_day_is_refused_with_what_to_write(night: Night) -> None:
    """It may be typed by hand."""
    result = night.runs.launch("reconcile_texts", day="31.1.2026")
    assert not result.success
    assert "'31.1.2026' is no day: give YYYY-MM-DD" in str(failure(result))


def test_a_run_that_dies_before_it_has_reported_reports_again(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice rather than never."""
    sid = an_orphan(night.phones)
    with monkeypatch.context() as dying:
        dying.setattr(reconcile.Reconciler, "note", lambda *_: 1 / 0)
        assert not night.run().success
    night.reconciled()
    assert sid in night.said


def test_what_is_found_is_recorded_whole_or_not_at_all(night: Night, care: Care) -> None:
    """Else a step that is tried again would find its texts reported, and turn the check green at once."""
    sid = an_orphan(night.phones)
    care.rows("ALTER TABLE orchestration.reconciliation ADD CONSTRAINT refused CHECK (texts < 0)")
    assert not night.run().success
    assert care.one("SELECT count(*) FROM orchestration.orphan") == 0
    assert sid in night.said
    care.rows("ALTER TABLE orchestration.reconciliation DROP CONSTRAINT refused")
    night.reconciled()
    assert sid in night.said


def test_the_schedule_reconciles_yesterday(night: Night) -> None:
    """By UTC; also if its run comes to its turn a day late, or is executed again then."""
    sid = an_orphan(night.phones)
    night.comes()
    at = night.care.one("SELECT orchestration.clock()")
    with build_schedule_context(instance=night.runs.instance, scheduled_execution_time=at) as context:
        (request,) = reconciliation_every_night.evaluate_tick(context).run_requests or ()
    night.care.it_is(at + DAY)
    result = night.runs.launch(reconciliation_every_night.job_name, **request.run_config)
    assert result.success, failure(result)
    assert night.metadata["day"] == night.today.isoformat()
    assert sid in night.said


def test_days_and_times_are_those_of_utc_wherever_the_database_thinks_it_is(night: Night, care: Care) -> None:
    """East of UTC what was reported would be forgotten while its day can still be compared."""
    gone = "SM" + "9" * 32
    night.a_text()
    care.rows("UPDATE orchestration.notification SET provider_sid = :gone", gone=gone)
    an_orphan(night.phones)
    name = care.one("SELECT current_database()")
    care.rows(f"""ALTER DATABASE "{name}" SET timezone = 'Pacific/Auckland'""")
    care.engine.dispose()
    night.reconciled().reconciled()
    shown = {row["SID"]: row["reported before"] for row in night.table("unknown texts")}
    assert set(shown.values()) == {f"{night.today + DAY} 05:44"}
    (missing,) = reconcile.open_reconciler().reconcile(night.today).missing
    assert missing.sent_at
    assert (missing.sent_at, missing.sent_at.utcoffset()) == (NOW, timedelta())
    care.it_is(datetime.combine(night.today, datetime.min.time(), UTC) + 400 * DAY - timedelta(hours=12))
    for _ in night.runs.ledger.retention.delete_what_is_over(400 * DAY):
        pass
    assert care.one("SELECT count(*) FROM orchestration.orphan") == len(shown)
    assert care.one("SELECT count(*) FROM orchestration.reconciliation") == 1


def test_what_was_reported_is_deleted_with_the_days_messages(night: Night, care: Care) -> None:
    """Later such a day is not compared any more."""
    an_orphan(night.phones)
    night.reconciled()
    care.it_is(NOW + 402 * DAY)
    for _ in night.runs.ledger.retention.delete_what_is_over(400 * DAY):
        pass
    assert care.one("SELECT count(*) FROM orchestration.orphan") == 0
    assert care.one("SELECT count(*) FROM orchestration.reconciliation") == 0
