"""Many messages that failed alike are sent again by one order: once, and only what is wanted still."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from care import NOW, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from click.testing import CliRunner
from phones import Phones
from replays import MAYA, REGION_OFF, asked, found_and_again, page, ticked
from running_system import eventually
from runs import Runs
from sqlalchemy import text

from sequora_orchestration.cli import orders
from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.cli.orders import OrderRefusedError
from sequora_orchestration.delivery import replay as engine
from sequora_orchestration.ledger.measurements import Measurements
from sequora_orchestration.ledger.replays import Replays
from sequora_orchestration.local.twilio.scripted_answers import ResetBeforeAccepting
from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import doubtful_texts, texts_without_receipt

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

pytestmark = pytest.mark.usefixtures("stopped_clock")


def failed(care: Care, runs: Runs, phones: Phones, nurse: str | None = None, **columns: object) -> str:
    """Return a task whose text has failed, through no fault of its nurse's."""
    phones.company.always(REGION_OFF)
    task = care.a_task(nurse or care.a_nurse(), **{"created_at": NOW, **columns})
    ticked(runs, [NEW_TASKS])
    assert care.states(task, kind="task-created")[-1] == "FAILED"
    phones.company.always(None)
    care.it_is(NOW + 10 * MINUTE)
    return task


def test_without_yes_nothing_is_changed(care: Care, runs: Runs, phones: Phones) -> None:
    """It is told what ended, with the reason in general, and what would be sent."""
    task = failed(care, runs, phones)
    (row,) = care.ledger(task)
    shown = page()
    assert "1 message ended as FAILED from 2026-03-02 14:10:00 UTC to 2026-03-02 15:10:00 UTC" in shown
    assert "texts to the number's region are not enabled" in shown
    assert f"{row['id']}  task {task}" in shown
    assert "1 message would be sent again: the same with --yes does it; nothing was changed" in shown
    assert len(care.ledger()) == 1
    assert care.rows("SELECT FROM orchestration.operator_action") == []


def test_with_yes_it_is_sent_once_and_recorded(care: Care, runs: Runs, phones: Phones) -> None:
    """By a message of its own; the same order again finds the new message on its way, and then that it was sent."""
    task = failed(care, runs, phones)
    assert found_and_again(asked(done=True)) == (1, 1)
    again = asked(done=True)
    assert found_and_again(again) == (1, 0)
    assert again["left_out"] == {"a later message about the same is on its way": 1}
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    again = asked(done=True)
    assert found_and_again(again) == (1, 0)
    assert again["left_out"] == {"a later message about the same was sent": 1}
    first, new = care.ledger(task)
    assert (new["resent_of"], new["business_key"]) == (first["id"], f"{first['business_key']}:resent:0")
    recorded = care.rows(
        "SELECT who, verb, why, notification_id FROM orchestration.operator_action ORDER BY notification_id NULLS FIRST"
    )
    assert [tuple(row.values()) for row in recorded] == [
        ("maya", "replay", MAYA.why, None),
        ("maya", "replay", MAYA.why, new["id"]),
    ]


def test_two_orders_at_once_send_each_message_once(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have judged the same messages by then."""
    nurse = care.a_nurse()
    phones.company.always(REGION_OFF)
    for _ in range(40):
        care.a_task(nurse, created_at=NOW)
    ticked(runs, [NEW_TASKS])
    phones.company.always(None)
    together, replay = Barrier(2), Replays.replay

    def at_once(*arguments: object, **options: object) -> object:
        together.wait(timeout=20)
        return replay(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Replays, "replay", at_once)
    care.it_is(NOW + MINUTE)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda _: asked(done=True), range(2)))
    assert sum(one["again"] for one in told) == 40
    assert care.states().count("QUEUED") == 40
    orders_given = "SELECT count(*) FROM orchestration.operator_action WHERE notification_id IS NULL"
    assert care.one(orders_given) == sum(one["again"] > 0 for one in told), "who has sent nothing again is not told of"
    ticked(runs, [NEW_TASKS])
    for _ in range(40):
        phones(NURSE_PHONE).received_text()


def test_an_order_that_died_halfway_is_finished_by_the_same_order(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each chunk is one statement."""
    nurse = care.a_nurse()
    phones.company.always(REGION_OFF)
    for _ in range(6):
        care.a_task(nurse, created_at=NOW)
    ticked(runs, [NEW_TASKS])
    phones.company.always(None)
    care.it_is(NOW + MINUTE)
    monkeypatch.setattr(engine, "CHUNK", 2)
    replay, chunks = Replays.replay, iter((True, False))

    def dying(*arguments: object, **options: object) -> object:
        if next(chunks):
            return replay(*arguments, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Replays, "replay", dying)
        with pytest.raises(KeyboardInterrupt):
            asked(done=True)
    assert care.states().count("QUEUED") == 2
    assert found_and_again(asked(done=True)) == (6, 4)
    ticked(runs, [NEW_TASKS])
    for _ in range(6):
        phones(NURSE_PHONE).received_text()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "RESOLVED"}, "the task is RESOLVED: nobody needs to act"),
        ({"assigned_to_user_id": None}, "the task has been reassigned meanwhile"),
    ],
)
def test_what_is_no_longer_wanted_is_left_out(
    care: Care, runs: Runs, phones: Phones, change: dict[str, object], why: str
) -> None:
    """By the rules that are asked before each text."""
    task = failed(care, runs, phones)
    care.change_task(task, **change)
    told = asked(done=True)
    assert found_and_again(told) == (1, 0)
    assert told["left_out"] == {why: 1}
    assert len(care.ledger(task)) == 1


def test_whoever_cannot_be_reached_is_left_out(care: Care, runs: Runs, phones: Phones) -> None:
    """No phone, not active, or STOP."""
    nurses = [care.a_nurse(f"+1202555010{number}") for number in range(3)]
    for nurse in nurses:
        failed(care, runs, phones, nurse)
        care.it_is(NOW)
    care.rows('UPDATE "User" SET primary_phone = NULL WHERE id = :id', id=nurses[0])
    care.rows('UPDATE "User" SET active = false WHERE id = :id', id=nurses[1])
    runs.ledger.opt_outs.remember_opt_out("+12025550102", nurses[2])
    care.it_is(NOW + MINUTE)
    told = asked()
    assert found_and_again(told) == (3, 0)
    assert len(told["left_out"]) == 3


def test_a_message_that_becomes_unwanted_after_the_order_is_not_sent(care: Care, runs: Runs, phones: Phones) -> None:
    """The ordinary rules of sending are asked once more."""
    task = failed(care, runs, phones)
    asked(done=True)
    care.change_task(task, status="RESOLVED")
    ticked(runs, [NEW_TASKS])
    assert care.states(task) == ["FAILED", "CANCELLED"]
    phones(NURSE_PHONE).received_no_text()


def test_the_time_is_when_it_failed_and_not_when_it_was_made(care: Care, runs: Runs, phones: Phones) -> None:
    """A check-in was made a day before."""
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    care.it_is(NOW + 24 * HOUR)
    phones.company.script(REGION_OFF)
    ticked(runs, [DUE_CHECK_INS])
    care.it_is(NOW + 25 * HOUR)
    assert asked("30m")["found"] == 0
    assert asked("14:30", until="15:00")["found"] == 0
    assert asked("2h", until="1h")["found"] == 0, "the end is not included"
    assert found_and_again(asked("2h")) == (1, 1)


def test_a_check_in_goes_out_as_long_as_it_is_not_stale(care: Care, runs: Runs, phones: Phones) -> None:
    """It stays due since then, and goes by day."""
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    due = NOW + 24 * HOUR
    care.it_is(due)
    phones.company.script(REGION_OFF)
    ticked(runs, [DUE_CHECK_INS])
    night = due + 14 * HOUR  # midnight where the patient is
    care.it_is(night)
    told = asked("1d")
    assert found_and_again(told) == (1, 1)
    assert told["waiting"] == {"it is night where the patient is: moved to the morning": 1}
    care.it_is(due + 26 * HOUR)
    told = asked("2d", done=True)
    assert told["left_out"] == {"stale: it could not be sent for more than a day after it was due": 1}
    care.it_is(due + 5 * HOUR)
    assert found_and_again(asked("1d", done=True)) == (1, 1)
    new = care.ledger()[-1]
    assert (new["owed_since"], new["due_at"]) == (due, due)
    care.it_is(due + 5 * HOUR + MINUTE)
    assert Measurements(care.engine).backlog().oldest_due == MINUTE.total_seconds(), "it has waited since the order"
    waiting = runs.ledger.overview.figures().oldest_due
    assert waiting
    assert waiting.age == MINUTE.total_seconds()
    ticked(runs, [DUE_CHECK_INS])
    phones(PATIENT_PHONE).received_text()


def test_a_check_in_that_failed_before_it_had_its_time_gets_it(care: Care, runs: Runs, phones: Phones) -> None:
    """It is scheduled as ever, and not sent at once."""
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.ledger.claims.claim(NEW_EPISODES)
    care.rows(
        "UPDATE orchestration.notification SET state = 'FAILED', (reason, cause) = ('set aside', 'SET_ASIDE')"
        " WHERE kind = 'check-in'"
    )
    care.it_is(NOW + 2 * HOUR)
    assert found_and_again(asked("3h", done=True)) == (1, 1)
    runs.tick(NEW_EPISODES)
    assert care.states() == ["FAILED", "SCHEDULED"]
    assert care.ledger()[-1]["due_at"] == NOW + 24 * HOUR
    phones(PATIENT_PHONE).received_no_text()


def failed_for_a_supervisor_too(care: Care, runs: Runs, phones: Phones) -> str:
    """Return a task whose supervisor's text has failed as the nurse's had; a new one is owed to the supervisor now."""
    care.a_supervisor()
    task = failed(care, runs, phones)
    phones.company.script(REGION_OFF, to=SUPERVISOR_PHONE)
    runs.tick(UNREACHED_NURSES)
    assert care.states(task, kind="nurse-unreached") == ["FAILED"]
    care.it_is(NOW + 75 * MINUTE)
    return task


def test_supervisors_of_a_text_that_fails_are_told_by_the_sensors_and_not_twice(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """A message to whoever is on call is made anew by itself: the new one stands in for it. The nurse is told again."""
    failed_for_a_supervisor_too(care, runs, phones)
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing="Nurse not reached")
    told = asked("2h", done=True)
    assert found_and_again(told) == (2, 1)
    assert [group["kind"] for group in told["groups"] if group["again"]] == ["task-created"]
    ticked(runs, [NEW_TASKS, UNREACHED_NURSES])
    phones(NURSE_PHONE).received_text()


def test_one_supervisor_who_was_told_is_enough(care: Care, runs: Runs, phones: Phones) -> None:
    """As for the sensors: the other one's text is not sent again."""
    care.a_supervisor("+12025550122")
    care.a_supervisor()
    task = care.a_task(care.a_nurse(), created_at=NOW, sla_due_at=NOW)
    phones.company.script(REGION_OFF, to="+12025550122")
    ticked(runs, [SLA_BREACHES])
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 30 * MINUTE)
    ticked(runs, [UNANSWERED_BREACHES])
    phones(SUPERVISOR_PHONE).received_text(containing="ESCALATION")
    assert sorted(care.states(task, kind="sla-escalation")) == ["FAILED", "SENT"]
    care.it_is(NOW + 31 * MINUTE)
    told = asked()
    assert found_and_again(told) == (1, 0)
    assert told["left_out"] == {"another supervisor (or nurse) was told of the same, or is about to be": 1}


def test_both_supervisors_are_told_again_if_neither_was_told(care: Care, runs: Runs, phones: Phones) -> None:
    """And nobody has made their messages anew."""
    care.a_supervisor("+12025550122")
    care.a_supervisor()
    care.a_task(care.a_nurse(), created_at=NOW, sla_due_at=NOW)
    ticked(runs, [SLA_BREACHES])
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 30 * MINUTE)
    for number in ("+12025550122", SUPERVISOR_PHONE):
        phones.company.script(REGION_OFF, to=number)
    runs.tick(UNANSWERED_BREACHES)
    care.it_is(NOW + 31 * MINUTE)
    assert found_and_again(asked(done=True)) == (2, 2)
    ticked(runs, [UNANSWERED_BREACHES])
    for number in ("+12025550122", SUPERVISOR_PHONE):
        phones(number).received_text(containing="ESCALATION")


def test_a_warning_whose_sla_has_passed_is_left_out_and_the_alert_is_sent(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """Each kind by its own rules."""
    care.a_task(care.a_nurse(), created_at=NOW - HOUR, sla_due_at=NOW + 30 * MINUTE)
    phones.company.always(REGION_OFF)
    runs.launch("check_sla_warnings")
    care.it_is(NOW + 30 * MINUTE)
    ticked(runs, [SLA_BREACHES])
    phones.company.always(None)
    care.it_is(NOW + 40 * MINUTE)
    told = asked(done=True, kinds=["sla-warning", "sla-breach"])
    assert found_and_again(told) == (2, 1)
    assert told["left_out"] == {"the SLA time has passed; the breach is alerted by a message of its own": 1}
    ticked(runs, [SLA_BREACHES, TASKS_NEAR_SLA])
    phones(NURSE_PHONE).received_text(containing="SLA missed 10 min ago")


def test_an_undelivered_text_whose_second_try_is_to_come_is_left_out(care: Care, runs: Runs, phones: Phones) -> None:
    """Not so once that has failed too: then the second try is sent again, and not both."""
    phones.company.seconds_per_status = 0
    phones.company.undeliverable[NURSE_PHONE] = 30003
    task = care.a_task(care.a_nurse(), created_at=NOW)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 20 * timedelta(seconds=1))
    runs.sensor(texts_without_receipt)
    assert care.states(task) == ["UNDELIVERED", "SCHEDULED"]
    care.it_is(NOW + MINUTE)
    assert found_and_again(asked(states=["undelivered"])) == (1, 0)
    care.it_is(NOW + 6 * MINUTE)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + 7 * MINUTE)
    runs.sensor(texts_without_receipt)
    assert care.states(task) == ["UNDELIVERED", "UNDELIVERED"]
    care.it_is(NOW + 8 * MINUTE)
    phones.company.undeliverable.clear()
    told = asked(states=["UNDELIVERED"], done=True)
    assert found_and_again(told) == (2, 1)
    (why,) = told["left_out"]
    assert why.startswith("a later message about the same has ended too, and that one decides")
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    assert care.ledger(task)[-1]["resent_of"] == care.ledger(task)[0]["id"]


def test_what_went_out_is_sent_again_only_if_the_order_says_so(care: Care, runs: Runs, phones: Phones) -> None:
    """Of it counts when it was sent."""
    care.a_task(care.a_nurse(), created_at=NOW)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + MINUTE)
    with pytest.raises(OrderRefusedError, match="a message that is SENT went out: give --also-sent too"):
        asked(states=["SENT"])
    assert found_and_again(asked(states=["SENT", "DELIVERED"], also_sent=True, done=True)) == (1, 1)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()


def test_what_may_have_arrived_is_sent_again_only_if_the_order_says_so(care: Care, runs: Runs, phones: Phones) -> None:
    """A check-in was in doubt, and then cancelled by the rules; or a lost attempt's text was found late."""
    task = failed(care, runs, phones)
    (row,) = care.ledger(task)
    care.rows(
        "INSERT INTO orchestration.lost_attempt (notification_id, began_at, fingerprints, is_providers, found_sid,"
        " found_at) VALUES (:id, :at, '{}', false, 'SM1', :at)",
        id=row["id"],
        at=NOW,
    )
    told = asked()
    assert told["left_out"] == {"it may have arrived: --also-sent sends it again": 1}
    assert found_and_again(asked(also_sent=True)) == (1, 1)


def test_what_a_person_has_cancelled_is_left_out(care: Care, runs: Runs, phones: Phones) -> None:
    """What was cancelled by the rules, and is wanted again, is not."""
    phones.company.always(REGION_OFF)
    by_hand, by_rule = (care.a_task(care.a_nurse(), created_at=NOW) for _ in range(2))
    runs.ledger.claims.claim(NEW_TASKS)
    orders.change("cancel", by_hand, None, MAYA)
    care.change_task(by_rule, status="RESOLVED")
    care.let_leases_expire()
    ticked(runs, [NEW_TASKS])
    assert care.states() == ["CANCELLED", "CANCELLED"]
    care.change_task(by_rule, status="OPEN")
    care.it_is(NOW + MINUTE)
    told = asked(states=["CANCELLED"])
    assert found_and_again(told) == (2, 1)
    (why,) = told["left_out"]
    assert why.startswith("ended for good")


def test_a_message_of_a_later_turn_stands_in_for_an_earlier_one(care: Care, runs: Runs, phones: Phones) -> None:
    """The task went to another nurse, and came back to the first, who was told then."""
    first, second = care.a_nurse(), care.a_nurse("+12025550102")
    task = failed(care, runs, phones, first)
    care.change_task(task, assigned_to_user_id=second)
    ticked(runs, [NEW_TASKS])
    phones("+12025550102").received_text()
    care.it_is(NOW + 20 * MINUTE)
    care.change_task(task, assigned_to_user_id=first)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    assert found_and_again(asked()) == (1, 0)


def test_what_has_failed_again_after_it_was_sent_again_is_told_apart(care: Care, runs: Runs, phones: Phones) -> None:
    """While the cause lasts; with an end that has passed the same order finds nothing to do."""
    task = failed(care, runs, phones)
    care.a_task(care.a_nurse("+12025550102"), created_at=NOW + 10 * MINUTE)
    phones.company.always(REGION_OFF)
    assert asked(done=True)["resent"] == 0
    ticked(runs, [NEW_TASKS])
    care.it_is(NOW + 20 * MINUTE)
    assert care.states(task) == ["FAILED", "FAILED"]
    told = asked()
    assert found_and_again(told) == (3, 2)
    assert (told["resent"], told["last_resent_at"]) == (1, "2026-03-02T15:10:00+00:00")
    shown = " ".join(page().split())
    assert "1 of those that would be sent again had been sent again before, last at 2026-03-02 15:10:00 UTC" in shown
    assert found_and_again(asked(until="15:05", done=True)) == (1, 0)


def test_messages_are_named_as_the_first_ones_only_if_there_are_more(care: Care, runs: Runs, phones: Phones) -> None:
    """And as new ones, if they are."""
    nurse = care.a_nurse()
    phones.company.always(REGION_OFF)
    for _ in range(3):
        care.a_task(nurse, created_at=NOW)
    ticked(runs, [NEW_TASKS])
    care.it_is(NOW + MINUTE)
    assert "\nthe messages, most severe first\n" in page()
    shown = page(done=True)
    assert "\nthe new messages, most severe first\n" in shown
    assert all(str(row["id"]) in shown for row in care.ledger() if row["resent_of"])
    for _ in range(10):
        care.a_task(nurse, created_at=NOW + MINUTE)
    ticked(runs, [NEW_TASKS])
    care.it_is(NOW + 2 * MINUTE)
    assert "\nthe first 10 messages, most severe first\n" in page()
    assert "\nthe first 10 new messages, most severe first\n" in page(done=True)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"states": ["HELD"]}, "sequora release ID"),
        ({"states": ["IN_DOUBT"]}, "is being looked for at the phone company"),
        ({"states": ["QUEUED"]}, "is on its way"),
        ({"states": ["LOST"]}, "there is no state LOST; messages end as FAILED, UNDELIVERED"),
        ({"kinds": ["sms"]}, "no messages of the kind sms: there are task-created"),
        ({"kinds": ["taskcreated"]}, r"of the kind taskcreated: did you mean task-created\? There are task-created, "),
        ({"until": ""}, '--until "" is no time'),
        ({"since": "9999d"}, "--since 9999d is too long ago"),
        ({"since": "16:00"}, "--since 16:00 is still to come, at 2026-03-02 16:00:00 UTC"),
        ({"since": "1h", "until": "2h"}, "is not before the end"),
        ({"since": "yesterday"}, "--since yesterday is no time: give a time of today"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_an_order_that_cannot_be_meant_is_refused(typed: dict[str, object], why: str) -> None:
    """With what to give instead."""
    with pytest.raises(OrderRefusedError, match=why):
        asked(**{"since": "1h", **typed})  # type: ignore[arg-type]


def test_texts_in_doubt_are_no_part_of_it(care: Care, runs: Runs, phones: Phones) -> None:
    """Nor is one that is held."""
    care.an_episode(care.a_patient(), created_at=NOW)
    runs.tick(NEW_EPISODES)
    due = NOW + 24 * HOUR
    care.it_is(due)
    phones.company.script(ResetBeforeAccepting(), to=PATIENT_PHONE)
    runs.tick(DUE_CHECK_INS)
    for seconds in (5, 120):
        care.it_is(due + timedelta(seconds=seconds))
        runs.sensor(doubtful_texts)
    assert care.states() == ["HELD"]
    assert asked("1d", states=["FAILED", "UNDELIVERED", "CANCELLED"])["found"] == 0
    (row,) = care.ledger()
    orders.change("cancel", str(row["id"]), None, MAYA)
    care.it_is(due + 10 * MINUTE)
    assert found_and_again(asked("1d", states=["CANCELLED"], done=True)) == (1, 0)


def test_timeline_and_status_say_that_it_was_replayed_by_whom_and_why(care: Care, runs: Runs, phones: Phones) -> None:
    """As of a text that was resent."""
    task = failed(care, runs, phones)
    asked(done=True)
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()
    told = CliRunner().invoke(sequora, ["timeline", task]).output
    assert "maya replayed it (texting was off at Twilio)" in " ".join(told.split())
    shown = CliRunner().invoke(sequora, ["status"]).output
    assert re.search(
        "^Replay +maya at 2026-03-02 15:10:00 UTC, 1 message: texting was off at Twilio$", shown, re.MULTILINE
    )


def test_the_command_tells_as_text_and_as_json_and_what_is_wrong_in_a_sentence(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeatable options, and who is logged in."""
    failed(care, runs, phones)
    monkeypatch.setenv("LOGNAME", "ben")
    run = CliRunner().invoke
    options = ["--since", "1h", "--state", "failed", "--state", "UNDELIVERED", "--kind", "task-created"]
    assert "1 message would be sent again" in run(sequora, ["replay", *options]).output
    done = json.loads(run(sequora, ["replay", *options, "--json", "--yes"]).output)
    assert (done["states"], done["kinds"], done["is_done"]) == (["FAILED", "UNDELIVERED"], ["task-created"], True)
    assert "0 sent again" not in run(sequora, ["replay", *options]).output
    assert "nothing is sent again" in run(sequora, ["replay", *options]).output
    assert "nothing to send again" in run(sequora, ["replay", "--since", "1m"]).output
    assert isinstance(run(sequora, ["replay", "--since", "soon"]).exception, OrderRefusedError)
    assert {row["who"] for row in care.rows("SELECT who FROM orchestration.operator_action")} == {"ben"}
    ticked(runs, [NEW_TASKS])
    phones(NURSE_PHONE).received_text()


def test_a_task_that_is_still_nobodys_is_left_out_and_has_no_second_grace(
    care: Care, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its supervisors have been told."""
    monkeypatch.setenv("SEQUORA_UNASSIGNED_GRACE", "0s")
    care.a_task(None, severity="CRITICAL", created_at=NOW)
    ticked(runs, [NEW_TASKS])
    care.it_is(NOW + MINUTE)
    ticked(runs, [NEW_TASKS])
    assert care.states(kind="task-created") == ["FAILED"]
    monkeypatch.setenv("SEQUORA_UNASSIGNED_GRACE", "5m")
    care.it_is(NOW + 20 * MINUTE)
    told = asked()
    assert told["left_out"] == {"nobody is assigned to the task; assign a nurse": 1}


def test_what_was_sent_again_is_not_sent_once_more_by_a_launch_by_hand(care: Care, runs: Runs, phones: Phones) -> None:
    """Of a check-in and an alert, whose jobs ask by the key of the message that failed."""
    episode = care.an_episode(care.a_patient(), created_at=NOW - 24 * HOUR)
    runs.tick(NEW_EPISODES)
    task = care.a_task(care.a_nurse(), created_at=NOW - HOUR, sla_due_at=NOW)
    phones.company.always(REGION_OFF)
    ticked(runs, [SLA_BREACHES, DUE_CHECK_INS])
    phones.company.always(None)
    care.it_is(NOW + 5 * MINUTE)
    assert found_and_again(asked(kinds=["sla-breach", "check-in"], done=True)) == (2, 2)
    runs.launch("handle_sla_breach", task_ids=[task])
    phones(NURSE_PHONE).received_text()
    ticked(runs, [SLA_BREACHES, DUE_CHECK_INS])
    phones(PATIENT_PHONE).received_text()
    runs.launch("send_check_in", episode_ids=[episode])
    runs.launch("handle_sla_breach", task_ids=[task])
    assert care.states(kind="sla-breach") == care.states(kind="check-in") == ["FAILED", "SENT"]


def test_a_replay_waits_for_a_sensor_that_makes_the_same_anew(care: Care, runs: Runs, phones: Phones) -> None:
    """It sees the new message then, which has another key."""
    task = failed_for_a_supervisor_too(care, runs, phones)
    enqueue = """SELECT max(enqueued) FROM orchestration.enqueue(
        'owed_nurse_unreached', 'nurse-unreached', 'SMS',
        CAST(ROW('-infinity', '1 day', '1 hour', '30 min', '5 min', '10 min', NULL, NULL, NULL) AS orchestration.terms),
        100, NULL, NULL, NULL, 100, 3)"""
    with ThreadPoolExecutor(1) as pool:
        with care.engine.connect().execution_options(isolation_level="READ COMMITTED") as sensor:
            assert sensor.execute(text(enqueue)).scalar() == 1
            order = pool.submit(asked, "2h", kinds=["nurse-unreached"], done=True)
            eventually(
                lambda: order.done() or care.one("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0,
                within=20,
                what="the replay waits, or is over",
            )
            sensor.commit()
        told = order.result()
    assert care.states(task, kind="nurse-unreached") == ["FAILED", "QUEUED"]
    assert told["left_out"] == {engine.TAKEN_MEANWHILE: 1}
    runs.tick(UNREACHED_NURSES)
    phones(SUPERVISOR_PHONE).received_text(containing="Nurse not reached")
