"""What happened to a case, in order, and what comes next."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from care import NOW
from cases import (
    AROUND,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    TAKES_NONE,
    a_case,
    a_change,
    a_check_in,
    a_message,
    an_episode_case,
    later,
    owed,
    owed_check_in,
    owed_report,
)

from sequora_orchestration.cases.timeline import timeline
from sequora_orchestration.domain.case import Assignment, Case, Change, Order, Story
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.halts import Pause
from sequora_orchestration.domain.history import history
from sequora_orchestration.domain.ledger_state import MOVES, State
from sequora_orchestration.domain.timeline_entry import Entry

S = State
CLAIMED = a_change(NOW + SECOND, None, S.QUEUED)
BEGUN = a_change(NOW + 2 * SECOND, S.QUEUED, S.SENDING, attempt=1, run_id="run-1-and-more")


NO_TAKER = Assignment(
    task_id="task-1",
    person_id=None,
    assigned_at=None,
    reason=None,
    nobody_since=NOW + SECOND,
    nobody_because="there is no active nurse",
    next_try_at=NOW + MINUTE,
    run_id="run-2-and-more",
    has_no_taker=True,
)
GIVEN = replace(
    NO_TAKER,
    has_no_taker=False,
    person_id="nurse-1",
    assigned_at=NOW + MINUTE,
    reason="on shift, 2 open tasks, the only one who can take it",
)


def told(entry: Entry) -> str:
    return entry.in_words(lambda moment: f"{moment:%H:%M:%S}")


def happened(*changes: Change, state: State = S.SENT, **fields: Any) -> list[str]:
    """Return what is told of a message that was owed at NOW."""
    return [told(one) for one in history([a_message(state, changes=changes, **fields)])]


def comes(case: Case) -> list[tuple[datetime | None, str]]:
    return [(one.at, told(one)) for one in timeline(case).next]


def test_an_attempt_is_one_entry_with_its_answer_its_length_and_its_run() -> None:
    """Waited, executed, attempt, SID, run."""
    sent = a_change(NOW + 2.5 * SECOND, S.SENDING, S.SENT, attempt=1, run_id="run-1-and-more")
    arrived = a_change(NOW + 20 * SECOND, S.SENT, S.DELIVERED, attempt=1)
    assert happened(CLAIMED, BEGUN, sent, arrived, state=S.DELIVERED, provider_id="SM1") == [
        "noticed and claimed; waited 1.00 s",
        "attempt 1: the phone company has it; waited 1.00 s; took 0.50 s; SID SM1; run run-1-an",
        "receipt: it has arrived; waited 18 s",
    ]


def test_attempts_have_their_numbers_and_say_why_they_failed() -> None:
    """What certainly did not go out is tried again."""
    refused = a_change(NOW + 3 * SECOND, S.SENDING, S.QUEUED, attempt=1, reason="too many requests")
    second = a_change(NOW + 4 * SECOND, S.QUEUED, S.SENDING, attempt=2)
    unclear = a_change(NOW + 9 * SECOND, S.SENDING, S.IN_DOUBT, attempt=2, reason="a time-out")
    found = a_change(
        NOW + 14 * SECOND, S.IN_DOUBT, S.SENT, attempt=2, reason="in doubt, then found at the phone company"
    )
    assert happened(CLAIMED, BEGUN, refused, second, unclear, found, provider_id="SM2")[1:] == [
        "attempt 1: not taken, to be tried again: too many requests; waited 1.00 s; took 1.00 s; run run-1-an",
        "attempt 2: nobody knows whether it went out: a time-out; waited 1.00 s; took 5.00 s",
        "looked up: in doubt, then found at the phone company; waited 5.00 s; SID SM2",
    ]


def test_an_attempt_without_an_answer_says_so() -> None:
    """It may be under way, or its process dead."""
    assert "attempt 1: no answer is recorded yet" in happened(CLAIMED, BEGUN, state=S.SENDING)[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            a_change(NOW + SECOND, S.QUEUED, S.CANCELLED, reason="the task is RESOLVED"),
            "not sent: the task is RESOLVED",
        ),
        (a_change(NOW + SECOND, S.QUEUED, S.FAILED, reason="no phone"), "cannot be sent: no phone"),
        (a_change(NOW + SECOND, S.QUEUED, S.SCHEDULED, reason="it is night"), "waits: it is night; until 15:01:00"),
        (
            a_change(NOW + SECOND, S.QUEUED, S.QUEUED, claim_id=None, reason="waits: paused"),
            "given back: waits: paused",
        ),
        (
            a_change(
                NOW + SECOND,
                S.QUEUED,
                S.QUEUED,
                claim_id="claim-2",
                reason="claimed again: died",
                cause=Cause.CLAIMED_AGAIN,
            ),
            "claimed again",
        ),
        (a_change(NOW + SECOND, S.IN_DOUBT, S.HELD, reason="not found"), "held for a person: not found"),
        (a_change(NOW + SECOND, S.IN_DOUBT, S.SENT), "the answer comes after all"),
        (a_change(NOW + SECOND, S.HELD, S.QUEUED, reason="released by an operator"), "released by an operator"),
    ],
)
def test_a_change_that_no_attempt_ended_with_has_its_words(change: Change, words: str) -> None:
    """Suppressions and waits say why, and until when."""
    assert words in happened(CLAIMED, change, due_at=NOW + MINUTE)[1]


@pytest.mark.parametrize("move", sorted(MOVES))
def test_every_move_of_the_ledger_is_told(move: tuple[State, State]) -> None:
    """With its reason, if there is one."""
    before = a_change(NOW, None, move[0])
    change = a_change(NOW + SECOND, *move, reason="the reason")
    (_, *entries) = happened(before, change) if move[0] is not S.SENDING else happened(CLAIMED, BEGUN, change)
    assert len(entries) == 1
    if move[1] not in {S.SENDING, S.DELIVERED} and move != (S.SENDING, S.SENT):
        assert "the reason" in entries[0] or "claimed" in entries[0]


def test_the_run_that_has_it_in_hand_stands_with_what_comes_next() -> None:
    """What it does with it becomes history."""
    message = a_message(S.QUEUED, changes=[CLAIMED], run_id="run-1")
    assert comes(a_case(message)) == [
        (
            NOW + 30 * SECOND,
            "its run has it in hand; if its run has not said anything by then, it is claimed again; run run-1",
        )
    ]


def test_what_a_run_did_stays_when_the_message_is_claimed_again() -> None:
    """All that happened before a moment is told in the same words ever after."""
    put_off = a_change(NOW + 2 * SECOND, S.QUEUED, S.SCHEDULED, reason="nobody is assigned", run_id="run-1")
    due = a_change(NOW + MINUTE, S.SCHEDULED, S.QUEUED, claim_id="claim-2", reason="due")
    died = a_change(
        NOW + 2 * MINUTE, S.QUEUED, S.QUEUED, claim_id="claim-2", reason="its run did not finish", run_id="run-2"
    )
    again = a_change(
        NOW + 2 * MINUTE,
        S.QUEUED,
        S.QUEUED,
        claim_id="claim-3",
        reason="claimed again: it died",
        cause=Cause.CLAIMED_AGAIN,
    )
    given_back = a_change(NOW + 3 * MINUTE, S.QUEUED, S.QUEUED, claim_id=None, reason="waits: paused", run_id="run-3")
    changes = [CLAIMED, put_off, due, died, again, given_back]
    before, after = (happened(*changes[:n], state=S.SCHEDULED, due_at=NOW + MINUTE) for n in (2, len(changes)))
    assert after[: len(before)] == before
    assert after[1:] == [
        "waits: nobody is assigned; until 15:01:00; run run-1",
        "its time has come: claimed; waited 58 s",
        "its run did not finish; waited 1 min; run run-2",
        "claimed again: it died; waited 0 ms",
        "given back: waits: paused; waited 1 min; run run-3",
    ]


def test_orders_of_people_stand_among_what_happened() -> None:
    """With who and why; pauses too, if the message was under way."""
    order = Order(at=NOW + SECOND, who="maya", verb="cancel", kind=None, why="told by phone")
    pause = Order(at=NOW + 2 * SECOND, who="ben", verb="pause", kind="all", why="an exercise")
    other = replace(pause, kind="check-in")
    message = a_message(S.QUEUED, changes=[a_change(NOW, None, S.QUEUED)], orders=[order])
    outage = replace(TAKES_NONE, opened_at=NOW + 3 * SECOND)
    around = replace(later(MINUTE), orders=[pause, other], providers={"SMS": outage})
    entries = timeline(a_case(message, around=around)).entries
    assert [one.what for one in entries] == [
        "the task appears",
        "noticed and claimed",
        "maya cancelled it (told by phone)",
        "ben paused all messages (an exercise)",
        "the phone company takes no texts from now on: the account is suspended",
    ]


@pytest.mark.parametrize("over", [a_message(S.DELIVERED), a_message(S.SENT, receipt_at=None), a_message(S.HELD)])
def test_what_a_pause_came_too_late_for_does_not_show_it(over: Story) -> None:
    """The message was over by then, given up, or a person's."""
    pause = Order(at=NOW + HOUR, who="ben", verb="pause", kind="all", why="an exercise")
    message = replace(over, changes=[a_change(NOW, None, S.QUEUED)])
    entries = timeline(a_case(message, around=replace(later(DAY), orders=[pause]))).entries
    assert not [one for one in entries if "paused" in one.what]


def test_to_whom_a_task_was_given_is_told_with_the_reason_and_the_run() -> None:
    """And that there was nobody before, if so."""
    entries = timeline(replace(a_case(), assignment=GIVEN)).entries
    assert [told(one) for one in entries] == [
        "the task appears",
        "the task could not be given to a nurse; at the last try: there is no active nurse",
        "assigned to nurse nurse-1: on shift, 2 open tasks, the only one who can take it; run run-2-an",
    ]


def test_that_it_is_tried_again_to_give_a_task_to_somebody_is_told() -> None:
    """While it is nobody's."""
    case = replace(a_case(assigned_to_user_id=None), assignment=NO_TAKER)
    assert (NOW + MINUTE, "it is tried again to give the task to a nurse") in comes(case)
    assert "it is tried again" not in str(comes(replace(a_case(), assignment=NO_TAKER)))


@pytest.mark.parametrize(
    ("case", "at", "words"),
    [
        (a_case(a_message(S.SCHEDULED, due_at=NOW + HOUR)), NOW + HOUR, "falls due"),
        (a_case(a_message(S.SCHEDULED, due_at=NOW)), NOW, "the next tick"),
        (a_case(a_message(S.QUEUED, changes=[CLAIMED])), NOW + 30 * SECOND, "claimed again"),
        (a_case(a_message(S.IN_DOUBT)), NOW + 5 * SECOND, "looked up"),
        (a_case(a_message(S.SENT)), NOW + 15 * SECOND, "asked whether it has arrived"),
        (a_case(a_message(S.SENDING, lease_until=NOW + MINUTE)), NOW + MINUTE, "counts as in doubt"),
        (
            a_case(
                a_message(S.DELIVERED),
                owed=(owed("sla-warning", NOW + HOUR), owed("sla-breach", NOW + 2 * HOUR)),
                sla_due_at=NOW + 2 * HOUR,
            ),
            NOW + HOUR,
            "warned",
        ),
        (
            a_case(
                a_message(S.DELIVERED, kind="sla-breach", sla_due_at=NOW),
                owed=(owed("sla-escalation", NOW + 30 * MINUTE, audience="ON_CALL"),),
                sla_due_at=NOW,
            ),
            NOW + 30 * MINUTE,
            "the supervisors are told, if the task is still open",
        ),
        (
            a_case(
                a_message(S.FAILED, recipient_id=None),
                owed=(owed_report(NOW + 10 * MINUTE),),
                assigned_to_user_id=None,
            ),
            NOW + 10 * MINUTE,
            "the supervisors are told, if the task is nobody's",
        ),
        (an_episode_case(a_check_in(at=NOW + DAY)), NOW + DAY, "falls due"),
        (an_episode_case(owed=(owed_check_in(),)), NOW + DAY, "the check-in may go out"),
    ],
)
def test_what_comes_next_has_its_time(case: Case, at: datetime, words: str) -> None:
    """The next due row, the next look-up, the escalation."""
    (first, *_) = comes(case)
    assert first[0] == at
    assert words in first[1]


@pytest.mark.parametrize(
    ("recipient", "task", "words"),
    [
        (None, {}, "it falls due, and is called off: the task is nurse nurse-1's, who has a message of her own"),
        ("nurse-0", {}, "it falls due, and is called off: the task is nurse nurse-1's, who has a message of her own"),
        (
            "nurse-0",
            {"assigned_to_user_id": None},
            "it falls due, and is called off: the task has been taken from its nurse",
        ),
        (
            None,
            {"assigned_to_user_id": None},
            "it falls due, and no nurse can be told, if the task is nobody's by then",
        ),
        (
            "nurse-1",
            {"status": "RESOLVED"},
            "it falls due, and is called off: the task is RESOLVED: nobody is texted about it any more",
        ),
        ("nurse-1", {}, "it falls due, and goes out if it is still wanted"),
    ],
)
def test_what_waits_says_what_becomes_of_it_as_things_are_now(
    recipient: str | None, task: dict[str, Any], words: str
) -> None:
    """A message that will be called off must not look like a second text."""
    waits = a_message(S.SCHEDULED, id="message-2", recipient_id=recipient, due_at=NOW + HOUR)
    assert (NOW + HOUR, words) in comes(a_case(a_message(S.DELIVERED), waits, **task))


def test_what_is_not_noticed_yet_comes_without_a_time() -> None:
    """A sensor looks all the time."""
    assert comes(a_case(owed=(owed(),))) == [(None, "a sensor notices the task, within seconds as a rule")]


def test_what_waits_for_a_person_has_no_time() -> None:
    """While its kind is paused nothing goes out by itself."""
    pause = Pause(kind="task-created", paused_at=NOW, paused_by="maya", why="an exercise")
    assert comes(a_case(a_message(S.QUEUED), around=replace(AROUND, pauses=[pause]))) == [
        (None, "waits: task-created is paused by maya (an exercise)")
    ]


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (a_case(a_message(S.DELIVERED), status="RESOLVED", sla_due_at=NOW + HOUR), "the task is RESOLVED"),
        (replace(a_case(), task=None, times=None), "does not have the task"),
        (a_case(at=NOW - 200 * DAY, sla_due_at=NOW + HOUR), "older than this system"),
        (a_case(a_message(S.DELIVERED)), "the task has no SLA that is still to come"),
        (an_episode_case(a_check_in(S.DELIVERED)), "nothing is under way"),
    ],
)
def test_where_nothing_comes_the_reason_is_said(case: Case, why: str) -> None:
    """Nobody has to guess."""
    line = timeline(case)
    assert line.next == []
    assert why in (line.nothing_because or "")
