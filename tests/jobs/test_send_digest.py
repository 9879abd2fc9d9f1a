"""The flood: a nurse who has had many texts about new tasks gets the next ones as one, and none is lost by that."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from care import NOW, NURSE_PHONE, SUPERVISOR_PHONE, Care
from click.testing import CliRunner
from floods import DIGEST_AFTER, MINUTE, WINDOW, alone, burst, digest, fates, gathered, sent
from phones import Phones
from runs import Runs, metadata

from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.delivery.delivery import open_delivery
from sequora_orchestration.delivery.prepare import gather
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.ledger.digests import Digests, Waiting
from sequora_orchestration.ledger.rows import Claim
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetAfterAccepting, ResetBeforeAccepting
from sequora_orchestration.messages.kind import MessageKind, failed
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.task_digest import DUE_DIGESTS
from sequora_orchestration.sensors.certainty import doubtful_texts, texts_without_receipt

SECOND = timedelta(seconds=1)

pytestmark = pytest.mark.usefixtures("stopped_clock", "flood")


@pytest.fixture
def flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five texts in a quarter of an hour are a flood."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)


def test_of_a_hundred_tasks_five_come_alone_and_the_others_in_one_text(care: Care, runs: Runs, phones: Phones) -> None:
    """When a quarter of an hour has passed since the first; each task has its own row, here and in the log."""
    tasks = burst(care, runs, 100)
    alone(phones)
    assert digest(care)["due_at"] == NOW + WINDOW
    care.it_is(NOW + WINDOW - SECOND)
    assert runs.tick(DUE_DIGESTS) == runs.tick(NEW_TASKS) == []
    care.it_is(NOW + WINDOW)
    assert runs.tick(NEW_TASKS) == []
    (run,) = runs.tick(DUE_DIGESTS)
    assert run.success
    assert runs.tags(run) == {"sequora/notification_id": str(digest(care)["id"])}
    text = phones(NURSE_PHONE).received_text(containing="📋 95 new tasks for you: 95 HIGH\n")
    assert text.body.endswith(f"\nView: https://app.example.com/tasks?digest={str(digest(care)['id'])[:8]}")
    told = [row for row in care.ledger(kind="task-created") if row["named_by"]]
    assert {(row["state"], row["named_by"], row["sent_at"], row["provider_sid"]) for row in told} == {
        ("SENT", digest(care)["id"], digest(care)["sent_at"], None)
    }
    assert len(told) == 95
    assert [len(care.logged(task)) for task in tasks] == [1] * 100
    assert care.one('SELECT count(*) FROM "NotificationLog"') == 100
    assert runs.tick(DUE_DIGESTS) == runs.tick(NEW_TASKS) == []


def test_two_runs_at_once_let_no_more_texts_go_alone_than_one(care: Care, runs: Runs, phones: Phones) -> None:
    """They take turns, nurse by nurse: together they let five go, and both have one digest."""
    nurse = care.a_nurse()
    for _ in range(100):
        care.a_task(nurse, created_at=NOW)
    claims = runs.ledger.claims.claim(NEW_TASKS)
    assert len(claims) == 2

    together = Barrier(2)

    def found(claim: Claim) -> int:
        """Take the step that finds a claim's nurses, at the same moment as the other run; return how many wait."""
        delivery = open_delivery(run_id=claim.id)
        ours = delivery.ledger.leases.take_up(claim.id, claim.id)
        together.wait(timeout=10)
        return len(gather(delivery, ours, alone=False))

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(found, claims)) == 95
    for claim in claims:
        assert runs.run(NEW_TASKS, claim).success
    alone(phones)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 95 new tasks for you: 95 HIGH\n")


def test_after_a_digest_there_is_one_text_a_window(care: Care, runs: Runs, phones: Phones) -> None:
    """And when it has been quiet for as long, a text comes alone again."""
    gathered(care, runs, phones, 3)
    (nurse,) = {row["recipient_id"] for row in care.ledger()}
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")
    burst(care, runs, 2, nurse)
    assert [row["due_at"] for row in care.ledger(kind="task-digest")] == [NOW + WINDOW, NOW + 2 * WINDOW]
    care.it_is(NOW + 2 * WINDOW)
    assert len(runs.tick(DUE_DIGESTS)) == 1
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    care.it_is(NOW + 3 * WINDOW)
    burst(care, runs, 1, nurse)
    alone(phones, 1)


def test_others_are_not_told_later_for_it(care: Care, runs: Runs, phones: Phones) -> None:
    """Each nurse has a count of her own."""
    gathered(care, runs, phones, 1)
    burst(care, runs, 5, care.a_nurse("+12025550102"))
    alone(phones, number="+12025550102")


def test_a_critical_task_comes_alone_and_at_once(care: Care, runs: Runs, phones: Phones) -> None:
    """Whatever she has had; it counts among the texts that she has had."""
    nurse = care.a_nurse()
    burst(care, runs, 7, nurse, severity="CRITICAL")
    alone(phones, 7)
    (task,) = burst(care, runs, 1, nurse, severity="LOW")
    assert fates(care, [task]) == [("SCHEDULED", "GATHERED")]


def test_the_least_urgent_wait(care: Care, runs: Runs, phones: Phones) -> None:
    """Of those that come at once."""
    nurse = care.a_nurse()
    for severity in ("LOW", "MODERATE", "HIGH", "LOW", "HIGH", "CRITICAL", "MODERATE"):
        care.a_task(nurse, severity=severity, created_at=NOW)
    while runs.tick(NEW_TASKS):
        pass
    alone(phones)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks for you: 2 LOW\n")


def test_what_is_closed_or_anothers_by_then_is_not_counted(care: Care, runs: Runs, phones: Phones) -> None:
    """Its row ends as it would have by itself; the other nurse has a text of her own."""
    closed, given_away, moderate, high = gathered(care, runs, phones, 4)
    care.change_task(closed, status="RESOLVED")
    care.change_task(given_away, assigned_to_user_id=care.a_nurse("+12025550102"))
    care.change_task(moderate, severity="MODERATE")
    runs.tick(NEW_TASKS)
    alone(phones, 1, "+12025550102")
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks for you: 1 HIGH, 1 MODERATE\n")
    assert fates(care, [closed, moderate, high]) == [
        ("CANCELLED", "TASK_CLOSED"),
        ("SENT", "TOLD_IN_DIGEST"),
        ("SENT", "TOLD_IN_DIGEST"),
    ]
    assert {row["cause"] for row in care.ledger(given_away)} == {"REASSIGNED", None}
    assert [len(care.logged(task)) for task in (closed, given_away, moderate, high)] == [0, 1, 1, 1]


def test_a_task_that_its_nurse_took_while_it_waited_is_not_new_to_her(care: Care, runs: Runs, phones: Phones) -> None:
    """Whenever that was; one that she had taken before she was given it anew is."""
    taken, taken_before, open_ = gathered(care, runs, phones, 3)
    care.change_task(taken, status="IN_PROGRESS", picked_up_at=datetime.now(UTC) + MINUTE)
    care.change_task(taken_before, status="IN_PROGRESS", picked_up_at=NOW - MINUTE)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks for you: 2 HIGH\n")
    assert fates(care, [taken, taken_before, open_]) == [
        ("CANCELLED", "TAKEN_BY_NURSE"),
        ("SENT", "TOLD_IN_DIGEST"),
        ("SENT", "TOLD_IN_DIGEST"),
    ]
    assert care.ledger(taken)[0]["ended_by"] == "the nurse"
    assert runs.tick(NEW_TASKS) == []


def test_what_was_dropped_as_failed_is_not_counted_by_a_later_look(care: Care, runs: Runs, phones: Phones) -> None:
    """A digest is read more than once before it goes."""
    dropped, _ = gathered(care, runs, phones, 2)
    care.rows(
        "UPDATE orchestration.notification SET state = 'FAILED', cause = 'OUR_MISTAKE' WHERE task_id = :id", id=dropped
    )
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task for you: 1 HIGH\n")
    assert fates(care, [dropped]) == [("FAILED", "OUR_MISTAKE")]


def test_a_digest_of_which_nothing_is_left_is_not_sent(care: Care, runs: Runs, phones: Phones) -> None:
    """And holds up nothing: the next task waits for a digest of its own."""
    for task in gathered(care, runs, phones, 2):
        care.change_task(task, status="RESOLVED")
    sent(care, runs)
    assert (digest(care)["state"], digest(care)["cause"]) == ("CANCELLED", "NOTHING_LEFT")
    assert phones.unexpected() == []


def test_a_task_that_becomes_critical_is_told_at_once_and_alone(care: Care, runs: Runs, phones: Phones) -> None:
    """The sensor for digests finds it, and does not wait until the digest is due."""
    raised, other = gathered(care, runs, phones, 2)
    care.change_task(raised, severity="CRITICAL")
    care.it_is(NOW + MINUTE)
    assert runs.ledger.digests.let_critical_go(DUE_DIGESTS.kind).is_any
    (run,) = runs.tick(NEW_TASKS)
    assert runs.tags(run)["sequora/severity"] == "CRITICAL"
    phones(NURSE_PHONE).received_text(containing=["🚨 New CRITICAL task", raised])
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task for you: 1 HIGH\n")
    assert fates(care, [raised, other]) == [("SENT", None), ("SENT", "TOLD_IN_DIGEST")]


def test_the_digest_itself_notices_what_has_become_critical(care: Care, runs: Runs, phones: Phones) -> None:
    """Should no sensor have been there."""
    raised, _ = gathered(care, runs, phones, 2)
    care.change_task(raised, severity="CRITICAL")
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task for you: 1 HIGH\n")
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text(containing=["🚨 New CRITICAL task", raised])


def test_what_has_become_critical_is_looked_for_when_the_digest_is_read_and_right_before_it_goes(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not each time that its tasks are read, as for the application's log: that changes nothing."""
    gathered(care, runs, phones, 2)
    states, look = list[str](), Digests.let_critical_go

    def noted(self: Digests, kind: MessageKind) -> Waiting:
        states.append(digest(care)["state"])
        return look(self, kind)

    monkeypatch.setattr(Digests, "let_critical_go", noted)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    assert states == ["QUEUED", "QUEUED"]


def test_a_missed_sla_does_not_wait(care: Care, runs: Runs, phones: Phones) -> None:
    """Its alert is a message of its own."""
    (task,) = gathered(care, runs, phones, 1, sla_due_at=NOW + MINUTE)
    care.it_is(NOW + MINUTE)
    runs.tick(SLA_BREACHES)
    phones(NURSE_PHONE).received_text(containing=["SLA missed", task])


# --- when it does not arrive ------------------------------------------------------------------------------------------


def supervisors_are_told(runs: Runs, phones: Phones, tasks: list[str]) -> None:
    """Expect a text about each of these tasks, and no other."""
    runs.tick(UNREACHED_NURSES)
    for task in tasks:
        phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached", task])
    assert phones.unexpected() == []


def test_a_digest_that_is_refused_has_told_of_none_of_its_tasks(care: Care, runs: Runs, phones: Phones) -> None:
    """Each is reported to a supervisor, as if its own text had been refused; what is closed is not."""
    care.a_supervisor()
    *tasks, closed = gathered(care, runs, phones, 4)
    care.change_task(closed, status="RESOLVED")
    phones.company.script(Refuse(400, 21614), to=NURSE_PHONE)
    sent(care, runs)
    assert fates(care, tasks) == [("FAILED", "REFUSED")] * 3
    supervisors_are_told(runs, phones, tasks)


def test_a_nurse_who_cannot_be_texted_any_more_is_told_to_the_supervisors(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """With the digest, before any call."""
    care.a_supervisor()
    tasks = gathered(care, runs, phones, 2)
    care.rows("""UPDATE "User" SET active = false WHERE role = 'NURSE' """)
    sent(care, runs)
    assert fates(care, tasks) == [("FAILED", "INACTIVE")] * 2
    supervisors_are_told(runs, phones, tasks)


def test_a_nurse_who_has_replied_stop_waits_for_no_digest(care: Care, runs: Runs, phones: Phones) -> None:
    """The supervisors are told at once of each of her tasks, as without digests."""
    care.a_supervisor()
    tasks = burst(care, runs, 5)
    alone(phones)
    (nurse,) = {row["recipient_id"] for row in care.ledger()}
    runs.ledger.opt_outs.remember_opt_out(NURSE_PHONE, nurse)
    tasks = burst(care, runs, 3, nurse)
    assert fates(care, tasks) == [("FAILED", "OPTED_OUT")] * 3
    assert care.ledger(kind="task-digest") == []
    supervisors_are_told(runs, phones, tasks)


def test_nor_does_one_without_a_usable_phone_or_inactive(care: Care, runs: Runs, phones: Phones) -> None:
    """Likewise."""
    care.a_supervisor()
    tasks = [*burst(care, runs, 7, care.a_nurse("555-CALL-ME")), *burst(care, runs, 7, care.a_nurse(active=False))]
    assert {state for state, _ in fates(care, tasks)} == {"FAILED"}
    assert care.ledger(kind="task-digest") == []
    runs.tick(UNREACHED_NURSES)
    for task in tasks:
        phones(SUPERVISOR_PHONE).received_text(containing=["Nurse not reached", task])


def test_a_digest_that_arrived_and_one_that_did_not(care: Care, runs: Runs, phones: Phones) -> None:
    """Its receipt is that of each of its tasks; a landline is not tried again."""
    care.a_supervisor()
    phones.company.seconds_per_status = 0
    tasks = gathered(care, runs, phones, 2)
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    care.it_is(NOW + WINDOW + 15 * SECOND)
    runs.sensor(texts_without_receipt)
    assert fates(care, tasks) == [("DELIVERED", "TOLD_IN_DIGEST")] * 2
    others = burst(care, runs, 2, care.ledger(tasks[0])[0]["recipient_id"])
    care.it_is(NOW + 2 * WINDOW)
    phones.company.undeliverable[NURSE_PHONE] = 30006
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    care.it_is(NOW + 2 * WINDOW + 15 * SECOND)
    runs.sensor(texts_without_receipt)
    assert fates(care, others) == [("UNDELIVERED", "UNDELIVERED")] * 2
    supervisors_are_told(runs, phones, others)


def test_a_digest_is_tried_once_more_for_the_tasks_that_are_still_open(care: Care, runs: Runs, phones: Phones) -> None:
    """If the phone was off; the supervisors are told of what that does not reach, either."""
    care.a_supervisor()
    phones.company.seconds_per_status = 0
    open_, closed = gathered(care, runs, phones, 2)
    phones.company.undeliverable[NURSE_PHONE] = 30003
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    later = NOW + WINDOW + MINUTE
    care.it_is(later)
    runs.sensor(texts_without_receipt)
    assert fates(care, [open_, closed]) == [("SCHEDULED", "SECOND_TRY")] * 2
    assert runs.tick(UNREACHED_NURSES) == []
    care.change_task(closed, status="RESOLVED")
    care.it_is(later + 5 * MINUTE)
    assert runs.tick(NEW_TASKS) == []
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 1 new task for you")
    care.it_is(later + 6 * MINUTE)
    runs.sensor(texts_without_receipt)
    assert care.states(open_) == ["UNDELIVERED", "UNDELIVERED"]
    assert care.states(closed) == ["UNDELIVERED", "CANCELLED"]
    assert len(care.logged(open_)) == 2
    supervisors_are_told(runs, phones, [open_])


def test_a_digest_in_doubt_that_is_found_has_told_of_its_tasks(care: Care, runs: Runs, phones: Phones) -> None:
    """The log has a row for each; and nobody is told twice."""
    tasks = gathered(care, runs, phones, 3)
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    sent(care, runs)
    assert digest(care)["state"] == "IN_DOUBT"
    assert fates(care, tasks) == [("SCHEDULED", "GATHERED")] * 3
    shown = " ".join(CliRunner().invoke(sequora, ["timeline", tasks[0]]).output.split())
    assert "MAY have been told at" in shown
    assert "the connection broke" in shown
    care.it_is(NOW + WINDOW + 10 * SECOND)
    runs.sensor(doubtful_texts)
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")
    assert fates(care, tasks) == [("SENT", "TOLD_IN_DIGEST")] * 3
    assert [len(care.logged(task)) for task in tasks] == [1] * 3


def test_the_text_of_an_earlier_digest_is_not_taken_for_that_of_a_later_one(
    care: Care, runs: Runs, phones: Phones
) -> None:
    """They count alike, and nobody has adopted the earlier text: else tasks would count as told of which nobody was."""
    gathered(care, runs, phones, 2)
    nurse = digest(care)["recipient_id"]
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    sent(care, runs)
    (doubtful,) = runs.ledger.doubts.in_doubt()
    assert runs.ledger.doubts.settle_doubt(doubtful, failed(Cause.ATTEMPTS_USED_UP, "given up"))
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks for you: 2 HIGH\n")
    later = NOW + 2 * WINDOW
    care.it_is(later)
    tasks = [task for task in burst(care, runs, 7, nurse) if care.states(task) == ["SCHEDULED"]]
    alone(phones)
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    care.it_is(later + WINDOW)
    runs.tick(DUE_DIGESTS)
    assert care.states(kind="task-digest")[-1] == "IN_DOUBT"
    for seconds in (10, 70):
        care.it_is(later + WINDOW + seconds * SECOND)
        runs.sensor(doubtful_texts)
    assert fates(care, tasks) == [("SCHEDULED", "GATHERED")] * 2
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks for you: 2 HIGH\n")
    assert fates(care, tasks) == [("SENT", "TOLD_IN_DIGEST")] * 2


def test_what_waited_for_a_digest_that_is_gone_is_told_alone(care: Care, runs: Runs, phones: Phones) -> None:
    """No row waits for ever for one that somebody has deleted."""
    gathered(care, runs, phones, 2)
    care.rows("DELETE FROM orchestration.notification WHERE kind = 'task-digest'")
    care.it_is(NOW + WINDOW)
    runs.tick(NEW_TASKS)
    alone(phones, 2)


def test_a_log_that_refuses_a_row_gets_the_others(care: Care, runs: Runs, phones: Phones) -> None:
    """All of a digest at once as a rule; where one is refused, one by one, and the run says so."""
    tasks = gathered(care, runs, phones, 3)
    care.rows(f"""ALTER TABLE "NotificationLog" ADD CONSTRAINT no_more CHECK (task_id <> '{tasks[1]}') NOT VALID""")
    care.it_is(NOW + WINDOW)
    (run,) = runs.tick(DUE_DIGESTS)
    assert not run.success
    phones(NURSE_PHONE).received_text(containing="📋 3 new tasks")
    assert [len(care.logged(task)) for task in tasks] == [1, 0, 1]


# --- the setting changes ----------------------------------------------------------------------------------------------


def test_texts_of_before_the_setting_was_on_are_texts_that_she_has_had(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood that has begun by then goes on as a digest."""
    with monkeypatch.context() as off:
        off.delenv("SEQUORA_DIGEST_AFTER")
        burst(care, runs, 5)
        alone(phones)
    (nurse,) = {row["recipient_id"] for row in care.ledger()}
    (task,) = burst(care, runs, 1, nurse)
    assert fates(care, [task]) == [("SCHEDULED", "GATHERED")]
    assert digest(care)["due_at"] == NOW + WINDOW


def test_a_shorter_window_also_holds_for_what_waits_already(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as another task joins it; nobody waits for longer than the window that is set."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", "5/1d")
    (first,) = gathered(care, runs, phones, 1)
    assert digest(care)["due_at"] == NOW + timedelta(days=1)
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", DIGEST_AFTER)
    later = NOW + timedelta(hours=1)
    care.it_is(later)
    (second,) = burst(care, runs, 1, digest(care)["recipient_id"])
    assert {row["due_at"] for row in [digest(care), *care.ledger(first), *care.ledger(second)]} == {later + WINDOW}
    care.it_is(later + WINDOW)
    runs.tick(DUE_DIGESTS)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")


# --- off --------------------------------------------------------------------------------------------------------------


def test_by_default_every_text_comes_alone_and_nothing_is_asked(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No statement of the digests' runs, and no row is marked."""
    monkeypatch.delenv("SEQUORA_DIGEST_AFTER")
    monkeypatch.setattr(Digests, "statements", {})
    burst(care, runs, 7)
    alone(phones, 7)
    assert {(row["alone_at"], row["named_by"]) for row in care.ledger()} == {(None, None)}


def test_a_digest_from_before_the_setting_was_off_is_sent(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next tasks come alone."""
    gathered(care, runs, phones, 2)
    monkeypatch.delenv("SEQUORA_DIGEST_AFTER")
    sent(care, runs)
    phones(NURSE_PHONE).received_text(containing="📋 2 new tasks")
    burst(care, runs, 1, digest(care)["recipient_id"])
    alone(phones, 1)


def test_the_step_that_finds_nurses_shows_what_waits(care: Care, runs: Runs, phones: Phones) -> None:
    """Until when, and that it is no mistake."""
    nurse = care.a_nurse()
    burst(care, runs, 5, nurse)
    alone(phones)
    care.a_task(nurse, created_at=NOW)
    (run,) = runs.tick(NEW_TASKS)
    shown = metadata(run, "fetch_nurse")
    assert (shown["go on"], shown["state"]) == (0, "SCHEDULED")
    assert shown["reason"] == (
        "gathered: after 5 texts about new tasks within 15 min, or a digest, the next ones come as one"
    )
