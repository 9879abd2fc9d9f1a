"""The canary: each hour a test text to a number of our own, on the way of a nurse's text."""

import json
import re
from datetime import datetime, timedelta

import pytest
from canaries import OWN_PHONE, canaries, switch_canaries  # noqa: F401  # a fixture
from care import NOW, NURSE_PHONE, Care
from click.testing import CliRunner
from doubts import looked_for
from phones import Phones
from replays import REGION_OFF, asked, found_and_again
from runs import Runs, metadata

from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.domain.canary import overdue
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.domain.halts import ALL_KINDS
from sequora_orchestration.ledger.ledger import Ledger, open_ledger
from sequora_orchestration.ledger.measurements import Measurements
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetAfterAccepting, ResetBeforeAccepting
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import texts_without_receipt

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
SOMEBODY = Operator(who="somebody", why="a test")

pytestmark = pytest.mark.usefixtures("canaries", "quick_receipts")


@pytest.fixture
def quick_receipts(phones: Phones) -> None:
    """Twilio's own clock goes on as ever: a text that arrives has its receipt at once."""
    phones.company.seconds_per_status = 0


def said(care: Care) -> str | None:
    """Return what the heartbeat would say of the canary, long after its own start."""
    amiss = overdue(Measurements(care.engine).canaries(), on_for=3600)
    return amiss.sentence if amiss else None


def sent(care: Care, runs: Runs, phones: Phones, at: datetime = NOW) -> str:
    """Let the canary of that time be sent; return its text."""
    care.it_is(at)
    (result,) = runs.tick(CANARIES)
    assert result.success
    return phones(OWN_PHONE).received_text(containing="Sequora test text").body


def receipts_asked_for(care: Care, runs: Runs, *, since: datetime, until: timedelta) -> None:
    """Let time pass, and receipts be asked for, as the sensor does."""
    for seconds in range(15, int(until.total_seconds()) + 1, 15):
        care.it_is(since + seconds * SECOND)
        runs.sensor(texts_without_receipt)


def test_each_hour_has_one_whoever_looks_and_however_often(care: Care, runs: Runs, phones: Phones) -> None:
    """Owed from the full hour on; two daemons make one row."""
    first = sent(care, runs, phones)
    assert first == "Sequora test text of 2026-03-02 15:00 UTC. No need to do anything."
    assert segments(first) == 1
    other = Ledger(care.engine, has_canary=True)
    for at in (NOW + SECOND, NOW + 59 * MINUTE):
        care.it_is(at)
        assert runs.tick(CANARIES) == []
        assert not other.claims.claim(CANARIES)
    assert sent(care, runs, phones, NOW + HOUR) != first
    assert [row["business_key"] for row in care.ledger()] == ["canary:2026-03-02T15", "canary:2026-03-02T16"]


def test_its_number_is_in_no_table_log_tag_or_metadata(care: Care, runs: Runs, phones: Phones) -> None:
    """It comes from the setting alone; and there is no row in the application's log, which is about tasks."""
    care.it_is(NOW)
    (result,) = runs.tick(CANARIES)
    phones(OWN_PHONE).received_text()
    assert care.one('SELECT count(*) FROM "NotificationLog"') == 0
    (row,) = care.ledger()
    assert (row["audience"], row["recipient_id"], row["task_id"], row["log_owes"]) == ("OPERATOR", None, None, None)
    dump = str(
        care.rows("SELECT n::text, e::text FROM orchestration.notification n, orchestration.notification_event e")
    )
    seen = dump + str([event.message for event in result.all_events]) + str(metadata(result, "log_notification"))
    assert OWN_PHONE[-7:] not in seen
    assert runs.tags(result) == {"sequora/notification_id": str(row["id"])}


def test_after_hours_of_standstill_only_the_newest_is_owed(care: Care, runs: Runs, phones: Phones) -> None:
    """And one that waited for longer than its hour is stale."""
    runs.ledger.claims.claim(CANARIES)  # its run never begins
    care.it_is(NOW + 5 * HOUR + 25 * MINUTE)
    for result in runs.tick(CANARIES):
        assert result.success
    assert phones(OWN_PHONE).received_text().body.startswith("Sequora test text of 2026-03-02 20:00 UTC")
    assert [(row["state"], row["cause"]) for row in care.ledger()] == [("CANCELLED", "STALE"), ("SENT", None)]


def test_a_canary_that_arrives_is_no_news(care: Care, runs: Runs, phones: Phones) -> None:
    """That it has arrived is known by its receipt."""
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=MINUTE)
    assert care.states() == ["DELIVERED"]
    care.it_is(NOW + HOUR + 9 * MINUTE)
    assert said(care) is None
    assert Measurements(care.engine).canaries().newest_first[0].delivered_at


def test_with_its_receipt_withheld_it_is_named_after_ten_minutes(care: Care, runs: Runs, phones: Phones) -> None:
    """Since when, in which state, and what to do; until the next one arrives. No run has failed."""
    phones.company.without_receipts.add(OWN_PHONE)
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=10 * MINUTE)
    assert said(care) is None
    care.it_is(NOW + 10 * MINUTE + SECOND)
    id_ = care.ledger()[0]["id"]
    assert said(care) == (
        "the canary of 2026-03-02 15:00 UTC has not arrived: it is SENT, without a receipt; none has arrived in the "
        "last day; see whether its phone is on; nurses' texts go the same way: "
        f"see `sequora timeline {id_}` and `sequora doctor`"
    )
    phones.company.without_receipts.clear()
    sent(care, runs, phones, NOW + HOUR)
    assert said(care)
    receipts_asked_for(care, runs, since=NOW + HOUR, until=MINUTE)
    assert said(care) is None


def test_one_that_arrives_in_the_tenth_minute_is_known_in_time(care: Care, runs: Runs, phones: Phones) -> None:
    """Receipts of canaries are asked for each minute."""
    phones.company.without_receipts.add(OWN_PHONE)
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=8 * MINUTE)
    phones.company.without_receipts.clear()
    receipts_asked_for(care, runs, since=NOW + 8 * MINUTE, until=90 * SECOND)
    assert care.states() == ["DELIVERED"]


@pytest.mark.parametrize(
    ("code", "state", "sentence"),
    [(30003, "UNDELIVERED", "the phone could not be reached"), (30005, "UNDELIVERED", "the number is not in use")],
)
def test_one_that_is_not_delivered_is_named_and_not_tried_once_more(
    care: Care, runs: Runs, phones: Phones, code: int, state: str, sentence: str
) -> None:
    """The next hour has its own."""
    phones.company.undeliverable[OWN_PHONE] = code
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=MINUTE)
    assert care.states() == [state]
    care.it_is(NOW + 11 * MINUTE)
    assert sentence in (said(care) or "")
    assert care.one("SELECT count(*) FROM orchestration.owed") == 0


def test_a_number_that_has_replied_stop_is_said(care: Care, runs: Runs, phones: Phones) -> None:
    """With what to do."""
    runs.ledger.opt_outs.remember_opt_out(OWN_PHONE, None)
    assert [result.success for result in runs.tick(CANARIES)] == [True]
    phones(OWN_PHONE).received_no_text()
    care.it_is(NOW + 11 * MINUTE)
    assert "it is FAILED (its number has replied STOP; text START from it)" in (said(care) or "")


@pytest.mark.parametrize("number", ["nobody's", "+1202555"])
def test_a_number_that_can_be_no_phones_stops_no_nurses_text_and_is_named(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    """Every sensor and every run reads the setting. What was set is not repeated."""
    monkeypatch.setenv("SEQUORA_CANARY_NUMBER", number)
    assert open_ledger().is_anybody_called is False
    care.a_task(nurse=care.a_nurse())
    assert [result.success for result in runs.tick(NEW_TASKS)] == [True]
    phones(NURSE_PHONE).received_text()
    assert [result.success for result in runs.tick(CANARIES)] == [True]
    care.it_is(NOW + 11 * MINUTE)
    assert "; correct SEQUORA_CANARY_NUMBER)" in (said(care) or "")
    assert number not in (said(care) or "")


def test_one_that_is_refused_is_named_and_not_made_anew_within_its_hour(care: Care, runs: Runs, phones: Phones) -> None:
    """Twilio does not text it."""
    phones.company.script(Refuse(400, 21211), to=OWN_PHONE)
    runs.tick(CANARIES)
    assert care.states() == ["FAILED"]
    care.it_is(NOW + 11 * MINUTE)
    assert runs.tick(CANARIES) == []
    assert "has not arrived: it is FAILED (" in (said(care) or "")


def test_one_in_doubt_is_looked_for_and_one_that_is_not_there_is_sent_again(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """A doubled one harms nobody, and a lost one would be a false alarm."""
    phones.company.script(ResetAfterAccepting(), to=OWN_PHONE)
    runs.tick(CANARIES)
    looked_for(care, runs, since=NOW)
    assert care.states() == ["SENT"]
    phones(OWN_PHONE).received_text()
    care.it_is(NOW + HOUR)
    phones.company.script(ResetBeforeAccepting(), to=OWN_PHONE)
    runs.tick(CANARIES)
    looked_for(care, runs, since=NOW + HOUR)
    runs.tick(CANARIES)
    assert care.states() == ["SENT", "SENT"]
    phones(OWN_PHONE).received_text()


def test_while_an_operator_keeps_texts_back_nothing_is_said_and_none_is_made(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """As with everything that is due; and the pauses' end brings the newest alone."""
    runs.ledger.halts.pause(ALL_KINDS, SOMEBODY)
    care.it_is(NOW + 3 * HOUR + 20 * MINUTE)
    assert runs.tick(CANARIES) == []
    assert (said(care), care.states()) == (None, [])
    runs.ledger.halts.resume(ALL_KINDS, SOMEBODY)
    runs.tick(CANARIES)
    phones(OWN_PHONE).received_text()
    assert said(care) is None
    assert care.states() == ["SENT"]


def test_one_that_an_operator_has_cancelled_is_no_alarm(care: Care, runs: Runs, phones: Phones) -> None:
    """It tells nothing of the way; the one before does."""
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=MINUTE)
    care.it_is(NOW + HOUR)
    runs.ledger.claims.claim(CANARIES)
    (waiting,) = [row["id"] for row in care.ledger() if row["state"] == "QUEUED"]
    runs.ledger.orders.cancel(str(waiting), None, SOMEBODY)
    care.it_is(NOW + HOUR + 20 * MINUTE)
    assert care.states() == ["DELIVERED", "CANCELLED"]
    assert said(care) is None


@pytest.mark.parametrize("kind", [ALL_KINDS, "canary"])
def test_a_pause_that_has_just_ended_is_no_false_alarm(care: Care, runs: Runs, kind: str) -> None:
    """Neither for the canary that waited, nor for the hours that have none: the ten minutes begin anew."""
    runs.ledger.claims.claim(CANARIES)
    runs.ledger.halts.pause(kind, SOMEBODY)
    care.it_is(NOW + 40 * MINUTE)
    runs.ledger.halts.resume(kind, SOMEBODY)
    assert said(care) is None
    care.it_is(NOW + 50 * MINUTE + SECOND)
    assert "the canary of 2026-03-02 15:00 UTC has not arrived: it is QUEUED" in (said(care) or "")
    runs.ledger.halts.pause(kind, SOMEBODY)
    care.it_is(NOW + 30 * HOUR + 20 * MINUTE)
    runs.ledger.halts.resume(kind, SOMEBODY)
    assert said(care) is None
    care.it_is(NOW + 30 * HOUR + 30 * MINUTE + SECOND)
    assert (said(care) or "").startswith("no canary was made, though one has been owed since 2026-03-03 21:20 UTC")


def test_a_dead_sensor_is_noticed_ten_minutes_after_the_hour(care: Care, runs: Runs, phones: Phones) -> None:
    """Though nothing is under way."""
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=MINUTE)
    care.it_is(NOW + HOUR + 10 * MINUTE)
    assert said(care) is None
    care.it_is(NOW + HOUR + 10 * MINUTE + SECOND)
    assert (said(care) or "").startswith(
        "no canary was made, though one has been owed since 2026-03-02 16:00 UTC; see whether the sensor `canaries`"
    )


def test_there_is_no_false_alarm_after_it_is_switched_on_or_the_system_has_stood_still(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Switched on in the middle of an hour it is owed since then; after a long stop since there is a row of it."""
    switch_canaries(care, on=False)
    assert runs.tick(CANARIES) == []
    care.it_is(NOW + 30 * MINUTE)
    switch_canaries(care)
    assert said(care) is None
    phones.company.without_receipts.add(OWN_PHONE)
    assert " 15:30 UTC" in sent(care, runs, phones, NOW + 30 * MINUTE)
    care.it_is(NOW + 40 * MINUTE)
    assert said(care) is None
    care.it_is(NOW + 41 * MINUTE)
    assert said(care)
    # It stands still with a canary that has no receipt, and is started again.
    sent(care, runs, phones, NOW + 5 * HOUR + 25 * MINUTE)
    assert said(care) is None
    care.it_is(NOW + 5 * HOUR + 36 * MINUTE)
    assert "the canary of 2026-03-02 20:00 UTC has not arrived" in (said(care) or "")


def test_one_that_waits_when_canaries_are_switched_off_ends(
    care: Care, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And there is no further one."""
    (claim,) = runs.ledger.claims.claim(CANARIES)
    monkeypatch.delenv("SEQUORA_CANARY_NUMBER")
    switch_canaries(care, on=False)
    assert runs.run(CANARIES, claim).success
    assert [(row["state"], row["cause"]) for row in care.ledger()] == [("CANCELLED", "CANARY_OFF")]
    care.it_is(NOW + HOUR)
    assert runs.tick(CANARIES) == []
    assert care.one("SELECT count(*) FROM orchestration.owed") == 0


def test_it_is_deleted_when_its_time_is_over(care: Care, runs: Runs, phones: Phones) -> None:
    """As messages about tasks are."""
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=MINUTE)
    care.it_is(NOW + 401 * timedelta(days=1))
    assert runs.launch("delete_what_is_over").success
    assert care.ledger() == []


@pytest.mark.usefixtures("environment")
def test_its_timeline_and_the_status_tell_of_it(care: Care, runs: Runs, phones: Phones) -> None:
    """Whose way it went, and whether somebody must act."""
    phones.company.without_receipts.add(OWN_PHONE)
    assert shown("status", "Canary") == "none has arrived in the last day"
    sent(care, runs, phones)
    id_ = str(care.ledger()[0]["id"])
    assert shown("status", "Canary") == "none has arrived in the last day; that of 2026-03-02 15:00 UTC is SENT"
    told = CliRunner().invoke(sequora, ["timeline", id_])
    assert told.exit_code == 0, told.output
    assert told.output.startswith("OK    the operator was texted at 2026-03-02")
    assert f"Message {id_}: canary, about no task and no episode" in told.output
    assert "the phone company is asked whether it has arrived" in told.output
    care.it_is(NOW + 11 * MINUTE)
    told = CliRunner().invoke(sequora, ["timeline", id_])
    assert told.exit_code == 1
    assert told.output.startswith("ACT   the operator was texted at 2026-03-02")
    assert shown("status", "Canary").startswith("the canary of 2026-03-02 15:00 UTC has not arrived: it is SENT")
    as_json = json.loads(CliRunner().invoke(sequora, ["timeline", id_, "--json"]).output)
    assert (as_json["subject"], as_json["facts"], as_json["tasks"]) == ("message", None, [])
    phones.company.without_receipts.clear()
    sent(care, runs, phones, NOW + HOUR)
    receipts_asked_for(care, runs, since=NOW + HOUR, until=MINUTE)
    assert shown("status", "Canary").startswith("that of 2026-03-02 16:00 UTC is known to have arrived since 16:00:")
    assert OWN_PHONE[-7:] not in told.output


@pytest.mark.usefixtures("environment")
def test_somebody_must_act_at_once_about_one_that_failed(
    care: Care, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing left to wait for."""
    monkeypatch.setenv("SEQUORA_CANARY_NUMBER", "nobody's")
    runs.tick(CANARIES)
    (row,) = care.ledger()
    assert row["state"] == "FAILED"
    told = CliRunner().invoke(sequora, ["timeline", str(row["id"])])
    assert told.exit_code == 1
    assert told.output.startswith("ACT   the operator was NOT reached: the phone number on file has letters in it")


def shown(command: str, label: str) -> str:
    """Return the line of a page with that label."""
    done = CliRunner().invoke(sequora, [command])
    (line,) = re.findall(rf"^{label} +(.*)$", done.output, flags=re.MULTILINE)
    return str(line)


def test_it_is_no_text_to_anybody_in_the_figures(care: Care, runs: Runs, phones: Phones) -> None:
    """Neither where it is sent nor where it does not arrive; nor is it a sign that the texts that wait go out."""
    phones.company.undeliverable[OWN_PHONE] = 30005
    sent(care, runs, phones)
    receipts_asked_for(care, runs, since=NOW, until=MINUTE)
    measurements = Measurements(care.engine)
    deliveries = measurements.deliveries()
    assert (deliveries.sent, deliveries.delivered, deliveries.failed, deliveries.undelivered) == (0, 0, 0, {})
    assert measurements.text_latency().texts == 0
    assert measurements.backlog().pace.last_sent is None
    assert runs.ledger.overview.figures().sent_last_hour == 0
    assert runs.ledger.overview.figures().set_aside == []


def test_it_counts_for_the_senders_rate(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a segment."""
    monkeypatch.setenv("SEQUORA_SENDER_RATE", "2")
    sent(care, runs, phones)
    slot = care.one("SELECT extract(epoch FROM next_slot - orchestration.clock()) FROM orchestration.provider")
    assert float(slot) == 0.5


def test_it_is_sent_again_by_command_and_by_hand(care: Care, runs: Runs, phones: Phones) -> None:
    """To try the way at any time."""
    sent(care, runs, phones)
    id_ = str(care.ledger()[0]["id"])
    care.it_is(NOW + 20 * MINUTE)
    runs.ledger.orders.resend(id_, None, SOMEBODY)
    (again,) = [str(row["id"]) for row in care.ledger() if row["state"] == "QUEUED"]
    assert runs.launch("send_canary", notification_ids=[again]).success
    first = phones(OWN_PHONE).received_text().body
    assert " 15:20 UTC" in first
    care.it_is(NOW + 20 * MINUTE + 7 * SECOND)
    runs.ledger.orders.resend(id_, None, SOMEBODY)
    (once_more,) = [str(row["id"]) for row in care.ledger() if row["state"] == "QUEUED"]
    assert runs.launch("send_canary", notification_ids=[once_more]).success
    # One in doubt is recognised by its text.
    assert " 15:20:07 UTC" in phones(OWN_PHONE).received_text().body
    assert not runs.launch("send_canary", notification_ids=["no-id"]).success


def test_one_that_failed_is_sent_again_by_a_replay_within_its_hour(care: Care, runs: Runs, phones: Phones) -> None:
    """Its number is the settings'; after its hour it is left out."""
    phones.company.script(REGION_OFF)
    runs.tick(CANARIES)
    care.it_is(NOW + HOUR)
    assert found_and_again(asked("2h", kinds=["canary"])) == (1, 0)
    care.it_is(NOW + 10 * MINUTE)
    assert found_and_again(asked(kinds=["canary"], done=True)) == (1, 1)
    runs.tick(CANARIES)
    phones(OWN_PHONE).received_text(containing="Sequora test text")
    first, again = (str(row["id"]) for row in care.ledger())
    for id_ in (first, again):
        told = CliRunner().invoke(sequora, ["timeline", id_])
        assert told.exit_code == 0, told.output
        text = " ".join(told.output.split())
        assert f"NOT reached: {care.ledger()[0]['reason']}; sent again by maya at 2026-03-02 15:10:00" in text
        assert f"as message {again} OK the operator was texted" in text
        assert "canary 2" in text
