"""The ledger on a real Postgres: what is claimed, by whom, in which order, and the moves that are let happen."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from threading import Barrier
from typing import TypeVar
from uuid import uuid4

import pytest
from attempts import begin
from care import NOW, Care
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError, ProgrammingError

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.database import SchemaMissingError, engine_for
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import MOVES, State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.claims import BATCH, ENOUGH, FEW
from sequora_orchestration.ledger.leases import LEASE
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Claim, Operator
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.settings.addresses import postgres_url
from sequora_orchestration.settings.delivery import DeliverySettings

T = TypeVar("T")

REFUSED = Refused(Refusal.CONFIGURATION, "credentials", 20003)
BUSY = Refused(Refusal.TRANSIENT, "busy", 20429)


def task_ids(claims: list[Claim]) -> list[str]:
    return [subject.id for claim in claims for subject in claim.subjects]


def an_attempt(care: Care, ledger: Ledger) -> tuple[str, Notification, int]:
    """Return a task, its message, and the number of the attempt that is under way to send it."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    notification = taken_up(ledger, claim)
    return task, notification, begin(ledger, notification, "a-run") or 0


def taken_up(ledger: Ledger, claim: Claim) -> Notification:
    (notification,) = ledger.leases.take_up(claim.id, "a-run")
    return notification


def test_of_recent_tasks_alone_an_older_one_is_left_to_whoever_asks_for_all(care: Care, ledger: Ledger) -> None:
    """So it is, too, where nobody knows when a task was created."""
    care.rows("UPDATE orchestration.go_live SET go_live_at = '2000-01-01 00:00+00'")
    nurse = care.a_nurse()
    older = {care.a_task(nurse, created_at=moment) for moment in ("2026-01-01 00:00+00", None)}
    recent = care.a_task(nurse)
    assert task_ids(ledger.claims.claim_recent(NEW_TASKS)) == [recent]
    assert set(task_ids(ledger.claims.claim(NEW_TASKS))) == older


def test_of_many_recent_tasks_the_less_severe_go_as_soon_as_there_is_nothing_before_them(
    care: Care, ledger: Ledger
) -> None:
    """They are in the queue by then; and nobody has to ask for all tasks to find them there."""
    nurse = care.a_nurse()
    severe = [care.a_task(nurse, severity="CRITICAL") for _ in range(4)]
    others = [care.a_task(nurse, severity="LOW") for _ in range(4)]
    claims = ledger.claims.claim_recent(NEW_TASKS)
    assert set(task_ids(claims)) == set(severe)
    assert claims.more_waits
    assert ledger.claims.claim_recent(NEW_TASKS) == [], "the severe are on their way"
    care.rows(
        "UPDATE orchestration.notification SET state = 'SENT', provider_sid = id, sent_at = now()"
        " WHERE task_id = ANY (:ids)",
        ids=severe,
    )
    claims = ledger.claims.claim_recent(NEW_TASKS)
    assert set(task_ids(claims)) == set(others)
    assert not claims.more_waits


def test_a_claim_says_whether_more_is_owed_than_it_has(care: Care, ledger: Ledger) -> None:
    """Of many, less severe tasks wait while more severe ones are on their way; that is not the same as nothing."""
    nurse = care.a_nurse()
    care.a_task(nurse, severity="CRITICAL")
    assert not ledger.claims.claim(NEW_TASKS).more_waits
    assert not ledger.claims.claim(NEW_TASKS).more_waits
    for _ in range(FEW):
        care.a_task(nurse, severity="CRITICAL")
    care.a_task(nurse, severity="LOW")
    assert [
        (len(claims), claims.more_waits) for claims in (ledger.claims.claim(NEW_TASKS), ledger.claims.claim(NEW_TASKS))
    ] == [
        (FEW, True),
        (0, True),
    ]


def test_few_tasks_are_claimed_at_once_the_most_severe_first(care: Care, ledger: Ledger) -> None:
    """None of them waits for a tick of its own; what is on its way counts as well."""
    nurse = care.a_nurse()
    by_severity = {severity: care.a_task(nurse, severity=severity) for severity in ("LOW", "CRITICAL", "MODERATE")}
    assert task_ids(ledger.claims.claim(NEW_TASKS)) == [by_severity[each] for each in ("CRITICAL", "MODERATE", "LOW")]
    for _ in range(FEW - len(by_severity) + 1):
        care.a_task(nurse, severity="HIGH")
    assert ledger.claims.claim(NEW_TASKS) == []  # the critical one is not sent yet


def test_while_nothing_may_be_claimed_the_question_is_not_asked(care: Care, ledger: Ledger) -> None:
    """For as long as a kind is paused it would cost as much as ever, for nothing; so nobody knows what waits."""
    care.a_task(care.a_nurse())
    ledger.halts.pause(NEW_TASKS.kind.name, Operator(who="somebody", why="a reason"))
    claims = ledger.claims.claim(NEW_TASKS)
    assert not claims
    assert (claims.more_waits, claims.is_halted) == (True, True)


def test_a_claim_says_for_how_long_it_kept_the_database_busy(care: Care, ledger: Ledger) -> None:
    """Whether it found something or not; sensors go by it. The way there and back is more."""
    care.a_task(care.a_nurse())
    for found in (1, 0):
        asked = time.monotonic()
        claims = ledger.claims.claim(NEW_TASKS)
        assert len(claims) == found
        assert 0 < claims.seconds < time.monotonic() - asked


def test_a_new_task_is_claimed_once(care: Care, ledger: Ledger) -> None:
    """What has a ledger row is owed nothing any more."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert task_ids([claim]) == [task]
    assert ledger.claims.claim(NEW_TASKS) == []
    assert care.states(task) == ["QUEUED"]


@pytest.mark.parametrize("status", ["RESOLVED", "CANCELLED"])
def test_a_closed_task_is_owed_nothing(care: Care, ledger: Ledger, status: str) -> None:
    """Nobody needs to act on it."""
    care.a_task(care.a_nurse(), status=status)
    assert ledger.claims.claim(NEW_TASKS) == []


@pytest.mark.parametrize("status", ["OPEN", "IN_PROGRESS", None, "WHATEVER"])
def test_a_task_that_is_not_closed_is_owed_a_text(care: Care, ledger: Ledger, status: str | None) -> None:
    """An unknown or missing status counts as open: silence is worse."""
    task = care.a_task(care.a_nurse(), status=status)
    assert task_ids(ledger.claims.claim(NEW_TASKS)) == [task]


def test_tasks_from_before_going_live_are_left_alone(care: Care, ledger: Ledger) -> None:
    """A database that has lived for years holds old open rows."""
    care.a_task(care.a_nurse(), created_at=datetime.now(UTC) - timedelta(days=400), updated_at=datetime.now(UTC))
    assert ledger.claims.claim(NEW_TASKS) == []


def test_the_going_live_can_be_set_to_another_moment(care: Care, care_url: str) -> None:
    """SEQUORA_GO_LIVE_AT overrides what the migration recorded."""
    nurse = care.a_nurse()
    older, newer = (datetime.now(UTC) - timedelta(days=days) for days in (3, 1))
    care.a_task(nurse, created_at=older)
    wanted = care.a_task(nurse, created_at=newer)
    ledger = Ledger(engine_for(care_url), go_live_at=datetime.now(UTC) - timedelta(days=2))
    assert task_ids(ledger.claims.claim(NEW_TASKS)) == [wanted]


def test_a_row_committed_late_is_found(care: Care, ledger: Ledger, care_url: str) -> None:
    """The question is about state: no cursor has passed a row whose transaction took its time."""
    nurse = care.a_nurse()
    engine = create_engine(care_url)
    with engine.connect() as slow:
        late = str(uuid4())
        slow.exec_driver_sql(
            'INSERT INTO "EscalationTask" (id, assigned_to_user_id, created_at) VALUES (%s, %s, now())', (late, nurse)
        )
        between = care.a_task(nurse)
        assert task_ids(ledger.claims.claim(NEW_TASKS)) == [between]
        slow.commit()
    engine.dispose()
    assert task_ids(ledger.claims.claim(NEW_TASKS)) == [late]


def test_few_tasks_get_a_run_each(care: Care, ledger: Ledger) -> None:
    """While it is calm each task has a run of its own to look at."""
    nurse = care.a_nurse()
    for _ in range(FEW):
        care.a_task(nurse)
    assert [len(claim.subjects) for claim in ledger.claims.claim(NEW_TASKS)] == [1] * FEW


def test_many_tasks_share_runs(care: Care, ledger: Ledger) -> None:
    """In a burst a run takes up to a batch of them."""
    nurse = care.a_nurse()
    for _ in range(BATCH + 10):
        care.a_task(nurse)
    assert sorted(len(claim.subjects) for claim in ledger.claims.claim(NEW_TASKS)) == [10, BATCH]


def test_nothing_is_claimed_while_enough_waits_for_a_worker(care: Care, ledger: Ledger) -> None:
    """What waits in the database is still sorted; and however many workers there are, what they have does not count."""
    nurse = care.a_nurse()
    for _ in range(ENOUGH):
        care.a_task(nurse)
    claims = ledger.claims.claim(NEW_TASKS)
    late = [care.a_task(nurse) for _ in range(2)]
    assert ledger.claims.claim(NEW_TASKS) == []
    ledger.leases.take_up(claims[0].id, "a-run")
    assert sorted(task_ids(ledger.claims.claim(NEW_TASKS))) == sorted(late)


def test_at_a_senders_rate_no_more_is_on_its_way_than_it_allows_soon(care: Care) -> None:
    """However many workers there are: the rest waits in order, and no lease ends while its text waits for its slot."""
    ledger = Ledger(care.engine, delivery=DeliverySettings(sequora_sender_rate=3))
    nurse = care.a_nurse()
    for _ in range(20):
        care.a_task(nurse)
    claims = ledger.claims.claim(NEW_TASKS)
    assert [len(claim.subjects) for claim in claims] == [1] * 5
    for claim in claims:
        taken_up(ledger, claim)
    assert ledger.claims.claim(NEW_TASKS) == []


def test_the_most_severe_are_claimed_before_the_others(care: Care, ledger: Ledger) -> None:
    """A claim holds one severity; the next waits until the one before is under way."""
    nurse = care.a_nurse()
    for severity in ["LOW", "MODERATE", "CRITICAL", "HIGH", None, "CRITICAL"]:
        care.a_task(nurse, severity=severity)
    order: list[list[str | None]] = []
    for _ in range(4):
        claims = ledger.claims.claim(NEW_TASKS)
        order.append([task.severity for claim in claims for task in claim.subjects])
        assert ledger.claims.claim(NEW_TASKS) == []
        for claim in claims:
            for notification in ledger.leases.take_up(claim.id, "a-run"):
                assert begin(ledger, notification, "a-run") == 1
    assert order == [["CRITICAL", "CRITICAL"], ["HIGH", None], ["MODERATE"], ["LOW"]]


def test_less_severe_tasks_do_not_wait_for_a_silent_run(care: Care, ledger: Ledger) -> None:
    """A run that died holds up nobody but its own rows."""
    nurse = care.a_nurse()
    care.a_task(nurse, severity="CRITICAL")
    ledger.claims.claim(NEW_TASKS)
    low = care.a_task(nurse, severity="LOW")
    care.rows("UPDATE orchestration.notification SET claimed_at = claimed_at - interval '3 seconds'")
    assert task_ids(ledger.claims.claim(NEW_TASKS)) == [low]


def test_less_severe_tasks_wait_for_a_run_that_is_still_sending(care: Care, ledger: Ledger) -> None:
    """However slow the phone company is: each text that begins is a sign of life."""
    nurse = care.a_nurse()
    for _ in range(FEW + 1):
        care.a_task(nurse, severity="CRITICAL")
    (claim,) = ledger.claims.claim(NEW_TASKS)
    first, *_ = ledger.leases.take_up(claim.id, "a-run")
    care.a_task(nurse, severity="LOW")
    care.rows("UPDATE orchestration.notification SET claimed_at = claimed_at - interval '3 seconds'")
    assert begin(ledger, first, "a-run") == 1
    assert ledger.claims.claim(NEW_TASKS) == []


def test_a_lease_that_expired_is_claimed_again(care: Care, ledger: Ledger) -> None:
    """A run that never started or died does not lose its rows."""
    task = care.a_task(care.a_nurse())
    (first,) = ledger.claims.claim(NEW_TASKS)
    care.let_leases_expire()
    (second,) = ledger.claims.claim(NEW_TASKS)
    assert task_ids([second]) == [task]
    assert second.id != first.id
    assert ledger.leases.take_up(first.id, "the-first-run") == []
    assert len(ledger.leases.take_up(second.id, "the-second-run")) == 1


def test_a_run_whose_lease_was_taken_over_steps_aside(care: Care, ledger: Ledger) -> None:
    """It had read its rows before; the attempt finds that they are another claim's."""
    care.a_task(care.a_nurse())
    (first,) = ledger.claims.claim(NEW_TASKS)
    notification = taken_up(ledger, first)
    care.let_leases_expire()
    ledger.claims.claim(NEW_TASKS)
    assert begin(ledger, notification, "the-first-run") is None
    assert not ledger.withheld.suppress(
        notification, Suppression(State.CANCELLED, "whatever", Cause.TASK_CLOSED), "the-first-run"
    )


def test_claimers_at_once_never_share_a_row(care: Care, ledger: Ledger) -> None:
    """Eight of them at the same moment: each row goes to one."""
    nurse = care.a_nurse()
    expected = {care.a_task(nurse) for _ in range(40)}
    assert sorted(_at_once(lambda: task_ids(ledger.claims.claim(NEW_TASKS)))) == sorted(expected)


def test_claimers_of_abandoned_rows_at_once_never_share_a_row(care: Care, ledger: Ledger) -> None:
    """The same when the rows are there already and their leases have expired."""
    nurse = care.a_nurse()
    expected = {care.a_task(nurse) for _ in range(40)}
    ledger.claims.claim(NEW_TASKS)
    care.let_leases_expire()
    assert sorted(_at_once(lambda: task_ids(ledger.claims.claim(NEW_TASKS)))) == sorted(expected)


def test_sensors_and_people_at_once_never_share_a_row(care: Care, ledger: Ledger) -> None:
    """Runs launched by hand claim by name while the sensors claim what they find."""
    nurse = care.a_nurse()
    tasks = [care.a_task(nurse) for _ in range(20)]

    def by_name() -> list[str]:
        return [subject.id for subject in ledger.claims.claim_named(NEW_TASKS, tasks, str(uuid4()))]

    claimed = _at_once(lambda: task_ids(ledger.claims.claim(NEW_TASKS)), by_name)
    assert sorted(claimed) == sorted(tasks)


def test_two_attempts_at_once_begin_once(care: Care, ledger: Ledger) -> None:
    """Two workers that were given the same run do not both call."""
    care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    notification = taken_up(ledger, claim)
    attempts = _at_once(lambda: [begin(ledger, notification, "a-run")])
    assert [attempt for attempt in attempts if attempt] == [1]


def _at_once(*calls: Callable[[], list[T]]) -> list[T]:
    """Make eight calls at the same moment, three times, and return all that they returned."""
    barrier = Barrier(8, timeout=30)  # one that fails lets the others fail too, instead of wait

    def call(number: int) -> list[T]:
        found: list[T] = []
        for _ in range(3):
            barrier.wait()
            found.extend(calls[number % len(calls)]())
        return found

    with ThreadPoolExecutor(8) as pool:
        return [one for found in pool.map(call, range(8)) for one in found]


def test_a_reassigned_task_is_owed_to_the_new_nurse(care: Care, ledger: Ledger) -> None:
    """And the first again when it comes back to her, for the second was told last; each once."""
    first, second = care.a_nurse(), care.a_nurse()
    task = care.a_task(first)
    for nurse in (first, second, first):
        care.change_task(task, assigned_to_user_id=nurse)
        (claim,) = ledger.claims.claim(NEW_TASKS)
        notification = taken_up(ledger, claim)
        assert notification.recipient_id == nurse
        attempt = begin(ledger, notification, "a-run")
        ledger.attempts.settle_sent(notification, attempt or 0, "SM1", content=None)
        assert ledger.claims.claim(NEW_TASKS) == []


def test_a_nurse_who_gets_a_task_back_before_she_was_told_is_told(care: Care, ledger: Ledger) -> None:
    """The first message was cancelled, so it went nowhere and does not stand in the way."""
    first, second = care.a_nurse(), care.a_nurse()
    task = care.a_task(first)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    care.change_task(task, assigned_to_user_id=second)
    ledger.withheld.suppress(
        taken_up(ledger, claim), Suppression(State.CANCELLED, "reassigned", Cause.REASSIGNED), "a-run"
    )
    care.change_task(task, assigned_to_user_id=first)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    assert taken_up(ledger, claim).recipient_id == first


def test_a_failed_message_is_not_tried_again_by_itself(care: Care, ledger: Ledger) -> None:
    """But a person may ask for it by name, once a claim."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    ledger.withheld.suppress(
        taken_up(ledger, claim), Suppression(State.FAILED, "no phone", Cause.UNUSABLE_PHONE), "a-run"
    )
    assert ledger.claims.claim(NEW_TASKS) == []
    by_hand = str(uuid4())
    assert len(ledger.claims.claim_named(NEW_TASKS, [task], by_hand)) == 1
    (notification,) = ledger.leases.take_up(by_hand, by_hand)
    ledger.withheld.suppress(notification, Suppression(State.FAILED, "no phone", Cause.UNUSABLE_PHONE), by_hand)
    assert ledger.claims.claim_named(NEW_TASKS, [task], by_hand) == []
    assert care.states(task) == ["FAILED", "FAILED"]


@pytest.mark.parametrize("settled", ["SENT", "IN_DOUBT"])
def test_asking_by_name_leaves_alone_what_was_or_may_have_been_sent(care: Care, ledger: Ledger, settled: str) -> None:
    """Nobody is texted twice because somebody launched a job."""
    task, notification, attempt = an_attempt(care, ledger)
    if settled == "SENT":
        ledger.attempts.settle_sent(notification, attempt, "SM1", content=None)
    else:
        ledger.attempts.settle_unclear(notification, attempt, "nobody knows", None)
    assert ledger.claims.claim_named(NEW_TASKS, [task], str(uuid4())) == []
    elsewhere = ledger.claims.in_hand_elsewhere(NEW_TASKS, [task], str(uuid4()))
    assert {id_: (one.state, one.due_at) for id_, one in elsewhere.items()} == {task: (State(settled), None)}


def test_asking_by_name_waits_for_a_lease_to_expire(care: Care, ledger: Ledger) -> None:
    """A sensor's run has the row; afterwards a person's may have it."""
    task = care.a_task(care.a_nurse())
    ledger.claims.claim(NEW_TASKS)
    assert ledger.claims.claim_named(NEW_TASKS, [task], str(uuid4())) == []
    care.let_leases_expire()
    assert [one.task_id for one in ledger.claims.claim_named(NEW_TASKS, [task], str(uuid4()))] == [task]


def test_a_sent_text_is_logged_in_the_same_moment(care: Care, ledger: Ledger) -> None:
    """Ledger and application log say so together, with the same time."""
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    notification = taken_up(ledger, claim)
    attempt = begin(ledger, notification, "a-run") or 0
    for _ in range(2):
        ledger.attempts.settle_sent(notification, attempt, "SM1", content=None)
    (row,), (log,) = care.ledger(task), care.logged(task)
    assert row["state"] == "SENT"
    assert row["provider_sid"] == "SM1"
    assert (str(log["task_id"]), str(log["nurse_id"])) == (task, nurse)
    assert (log["method"], log["status"], log["sent_at"]) == ("SMS", "SENT", row["sent_at"])


def test_a_text_is_known_as_sent_even_if_the_applications_log_refuses_its_row(care: Care, ledger: Ledger) -> None:
    """And the log row is made up for, once, when the table takes it again."""
    task, notification, attempt = an_attempt(care, ledger)
    care.rows('ALTER TABLE "NotificationLog" ADD CONSTRAINT closed CHECK (false) NOT VALID')
    ledger.attempts.settle_sent(notification, attempt, "SM1", content=None)
    (outcome,) = ledger.leases.outcomes(notification.claim_id)
    assert (outcome.state, outcome.logged) == (State.SENT, False)
    care.rows('ALTER TABLE "NotificationLog" DROP CONSTRAINT closed')
    for _ in range(2):
        ledger.application_log.bring_log_up_to_date([outcome.id])
    assert len(care.logged(task)) == 1


def test_an_attempt_cannot_settle_a_later_one(care: Care, ledger: Ledger) -> None:
    """An answer that comes late counts for the attempt it belongs to."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    notification = taken_up(ledger, claim)
    first = begin(ledger, notification, "a-run") or 0
    ledger.attempts.try_again(notification, first, BUSY)
    second = begin(ledger, notification, "a-run") or 0
    ledger.attempts.settle_refused(notification, first, "late", None)
    assert care.states(task) == ["SENDING"]
    ledger.attempts.settle_refused(notification, second, "no", 21211)
    assert care.states(task) == ["FAILED"]


def test_a_late_word_of_one_claim_does_not_undo_what_another_has_sent(care: Care, ledger: Ledger) -> None:
    """An attempt that was put back does not count, so its number comes again, under another claim."""
    task = care.a_task(care.a_nurse())
    (first,) = ledger.claims.claim(NEW_TASKS)
    slow = taken_up(ledger, first)
    attempt = begin(ledger, slow, "a-run") or 0
    ledger.attempts.put_back(slow, attempt, Refused(Refusal.CONFIGURATION, "credentials", 20003), pause=0)
    (second,) = ledger.claims.claim(NEW_TASKS)
    notification = taken_up(ledger, second)
    assert begin(ledger, notification, "another-run") == attempt
    ledger.attempts.put_back(slow, attempt, Refused(Refusal.CONFIGURATION, "credentials", 20003), pause=0)
    ledger.attempts.try_again(slow, attempt, BUSY)
    ledger.attempts.settle_refused(slow, attempt, "no", 21211)
    ledger.attempts.settle_unclear(slow, attempt, "who knows", None)
    assert care.states(task) == ["SENDING"]
    ledger.attempts.settle_sent(notification, attempt, "SM1", content=None)
    assert care.states(task) == ["SENT"]


@pytest.mark.parametrize(
    ("settle", "state"),
    [
        (lambda ledger, *attempt: ledger.attempts.settle_sent(*attempt, "SM1", content=None), "SENT"),
        (lambda ledger, *attempt: ledger.attempts.try_again(*attempt, BUSY), "QUEUED"),
        (lambda ledger, *attempt: ledger.attempts.put_back(*attempt, REFUSED, pause=1), "QUEUED"),
        (lambda ledger, *attempt: ledger.attempts.settle_refused(*attempt, "no", 21211), "FAILED"),
    ],
)
def test_a_definite_answer_counts_however_late_it_is_recorded(
    care: Care, ledger: Ledger, settle: Callable[..., None], state: str
) -> None:
    """The database was away for so long that the attempt was taken for abandoned."""
    task, notification, attempt = an_attempt(care, ledger)
    care.let_leases_expire()
    ledger.doubts.set_aside_what_died()
    settle(ledger, notification, attempt)
    assert care.states(task) == [state]


def test_claims_that_no_run_takes_up_have_longer_and_longer_leases(care: Care, ledger: Ledger) -> None:
    """While no worker is there the broker does not fill with dead runs; a run that takes the row up begins anew."""
    task = care.a_task(care.a_nurse())

    def lease() -> int:
        (claim,) = ledger.claims.claim(NEW_TASKS)
        (row,) = care.ledger(task)
        seconds: float = (row["lease_until"] - row["claimed_at"]).total_seconds()
        if taking_up:
            taken_up(ledger, claim)
        care.let_leases_expire()
        return round(seconds)

    taking_up = False
    assert [lease() for _ in range(6)] == [LEASE, 2 * LEASE, 4 * LEASE, 8 * LEASE, 8 * LEASE, 8 * LEASE]
    taking_up = True
    lease()
    assert lease() == LEASE


def test_what_a_dead_process_was_sending_is_set_aside(care: Care, ledger: Ledger) -> None:
    """Nobody knows whether it went out; it is not claimed again, and a late answer still settles it."""
    task, notification, attempt = an_attempt(care, ledger)
    ledger.doubts.set_aside_what_died()
    assert care.states(task) == ["SENDING"]
    care.let_leases_expire()
    ledger.doubts.set_aside_what_died()
    assert care.states(task) == ["IN_DOUBT"]
    assert ledger.claims.claim(NEW_TASKS) == []
    ledger.attempts.settle_sent(notification, attempt, "SM1", content=None)
    assert care.states(task) == ["SENT"]


def test_what_is_put_back_has_lost_no_attempt_and_waits(care: Care, ledger: Ledger) -> None:
    """A fault of ours burns nothing; any claim may have the row after the pause."""
    task, notification, attempt = an_attempt(care, ledger)
    ledger.attempts.put_back(notification, attempt, Refused(Refusal.CONFIGURATION, "credentials", 20003), pause=30)
    (row,) = care.ledger(task)
    assert (row["state"], row["attempts"], row["claim_id"]) == ("QUEUED", 0, None)
    assert ledger.claims.claim(NEW_TASKS) == []
    care.let_leases_expire()
    assert task_ids(ledger.claims.claim(NEW_TASKS)) == [task]


def test_the_history_tells_every_change(care: Care, ledger: Ledger) -> None:
    """With the run and the reason of each."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    notification = taken_up(ledger, claim)
    for number in (1, 2):
        attempt = begin(ledger, notification, f"run-{number}") or 0
        ledger.attempts.try_again(notification, attempt, BUSY)
    ledger.leases.give_back([notification], "credentials")
    history = care.rows("SELECT to_state, attempt, run_id, reason FROM orchestration.notification_event ORDER BY id")
    assert [tuple(dict(row).values()) for row in history] == [
        ("QUEUED", 0, None, None),  # it is in the queue
        ("QUEUED", 0, None, None),  # and leased
        ("SENDING", 1, "run-1", None),
        ("QUEUED", 1, "run-1", "busy"),
        ("SENDING", 2, "run-2", None),
        ("QUEUED", 2, "run-2", "busy"),
        ("QUEUED", 2, "run-2", "credentials"),
    ]
    assert care.states(task) == ["QUEUED"]


def test_the_database_lets_happen_the_moves_of_the_domain_and_no_other(care: Care) -> None:
    """Whoever writes, and with whatever tool: every pair of states is tried."""
    for before, after in product(State, State):
        if before is after:
            continue
        row = _in_state(care, before)
        move = f"UPDATE orchestration.notification SET state = '{after}' WHERE id = '{row}'"
        if (before, after) in MOVES:
            care.rows(move)
        else:
            with pytest.raises(IntegrityError, match="may not move"):
                care.rows(move)


def _in_state(care: Care, state: State) -> str:
    """Insert a row that has every column it could need, and bring it into a state over allowed moves."""
    way = next(way for way in _ways() if way[-1] is state)
    row = care.one(
        "INSERT INTO orchestration.notification (business_key, kind, urgency, owed_since, due_at, state, lease_until,"
        " attempted_at, provider_sid, sent_at, reason) VALUES (gen_random_uuid(), 'a-kind', 0, now(), now(), :state,"
        " now(), now(), 'SM1', now(), 'because') RETURNING id",
        state=way[0],
    )
    for step in way[1:]:
        care.rows(f"UPDATE orchestration.notification SET state = '{step}' WHERE id = '{row}'")
    return str(row)


def _ways() -> list[list[State]]:
    """Return a way to each state, shortest first."""
    ways = [[State.SCHEDULED], [State.QUEUED]]
    for way in ways:
        ways.extend([*way, after] for before, after in MOVES if before is way[-1] and after not in way)
    return ways


@pytest.mark.parametrize("state", sorted(set(State) - {State.SCHEDULED, State.QUEUED}))
def test_a_message_does_not_begin_half_way(care: Care, state: State) -> None:
    """A row is inserted as scheduled or queued, never as sent."""
    with pytest.raises(IntegrityError, match="begins as"):
        care.rows(
            "INSERT INTO orchestration.notification (business_key, kind, urgency, owed_since, state, lease_until,"
            " attempted_at, provider_sid, sent_at, reason)"
            " VALUES ('a', 'a-kind', 0, now(), :state, now(), now(), 'SM1', now(), 'because')",
            state=state,
        )


def test_a_missing_column_of_the_application_is_not_taken_for_our_missing_schema(care: Care, ledger: Ledger) -> None:
    """The error names the column."""
    care.rows("ALTER VIEW orchestration.care_task RENAME assigned_to_user_id TO nurse_id")
    with pytest.raises(ProgrammingError, match="assigned_to_user_id"):
        ledger.claims.claim(NEW_TASKS)


def test_a_schema_that_is_too_old_is_said_in_a_sentence(care: Care, ledger: Ledger) -> None:
    """Also where all that is missing is a column of a table that has been there for long."""
    task = care.a_task(care.a_nurse())
    ledger.claims.claim(NEW_TASKS)
    care.rows("ALTER TABLE orchestration.notification DROP reply_to")
    care.rows("UPDATE orchestration.migration SET version_num = '0017'")
    with pytest.raises(SchemaMissingError, match="sequora migrate"):
        ledger.replies.answers([str(care.ledger(task)[0]["id"])])


def test_a_missing_schema_is_said_in_a_sentence(postgres: EmbeddedPostgres) -> None:
    """It names the command that mends it."""
    postgres.create_database("without_our_schema")
    url = postgres_url(postgres.url("without_our_schema"))
    make_care_tables(url, with_sample_people=False)
    with pytest.raises(SchemaMissingError, match="sequora migrate"):
        Ledger(engine_for(url)).claims.claim(NEW_TASKS)
    with pytest.raises(SchemaMissingError, match="sequora migrate"):
        CareDatabase(engine_for(url)).tasks([str(uuid4())])
    engine_for(url).dispose()


def test_a_lease_begins_anew_when_a_third_of_it_is_over_and_not_with_each_step(care: Care, ledger: Ledger) -> None:
    """Each renewal is a row version, and the steps of a run come within milliseconds."""
    care.it_is(NOW)
    task = care.a_task(care.a_nurse(), created_at=NOW)
    (claim,) = ledger.claims.claim(NEW_TASKS)
    leases = []
    for seconds in (0, 9, 11):
        care.it_is(NOW + timedelta(seconds=seconds))
        assert ledger.leases.take_up(claim.id, "a-run")
        (row,) = care.ledger(task)
        leases.append(row["lease_until"] - NOW)
    assert leases == [timedelta(seconds=LEASE), timedelta(seconds=LEASE), timedelta(seconds=LEASE + 11)]
