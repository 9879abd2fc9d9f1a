"""Was the nurse told, when, and if not why not; and must somebody act."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from care import NOW
from cases import (
    AROUND,
    DAY,
    DELAYS,
    HOUR,
    MINUTE,
    NURSE,
    SECOND,
    TAKES_NONE,
    a_case,
    a_check_in,
    a_message,
    a_report,
    an_episode_case,
    later,
    owed,
    owed_check_in,
    owed_report,
)

from sequora_orchestration.cases.verdict import is_healthy, verdicts
from sequora_orchestration.domain.case import (
    Assignment,
    Case,
    Circumstances,
    Order,
    OwedMessage,
    Story,
    TaskCase,
    TaskTimes,
)
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.halts import Pause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.spell import spell

PAUSED = replace(AROUND, pauses=[Pause(kind="all", paused_at=NOW, paused_by="maya", why="an exercise")])
IN_TWO_MINUTES = later(2 * MINUTE)
GOING_OUT = replace(IN_TWO_MINUTES, kinds_going_out=frozenset({"task-created"}))
WARNED_OF = NOW + 20 * MINUTE
NO_TAKER = Assignment(
    task_id="task-1",
    person_id=None,
    assigned_at=None,
    reason=None,
    nobody_since=NOW,
    nobody_because="there is no active nurse",
    next_try_at=NOW + MINUTE,
    run_id="run-1",
    has_no_taker=True,
)
NOBODY = "nobody to escalate to: no active user with the role SUPERVISOR or ADMIN can be texted"


def a_missed_sla(since: datetime = NOW) -> OwedMessage:
    """Return that the nurse is owed an alert to an SLA that has passed."""
    return owed("sla-breach", since, sla_due_at=since)


def said(case: Case) -> str:
    """Return everything that is said of a case."""
    return " / ".join(part for one in verdicts(case) for part in (one.sentence, f"-> {one.to_do}") if part != "-> None")


def first(case: Case) -> str:
    return verdicts(case)[0].sentence


@pytest.mark.parametrize(
    ("case", "parts"),
    [
        (
            a_case(a_message(State.DELIVERED)),
            ["was told at 2026-03-02 15:00:00 UTC", "0 ms after the task appeared", "arrived"],
        ),
        (a_case(a_message(State.SENT)), ["was told at", "no receipt yet"]),
        (a_case(a_message(State.SENT, receipt_at=None)), ["was told at", "no receipt says that the text arrived"]),
        (a_case(owed=(owed(),)), ["nurse nurse-1 was NOT told yet", "a sensor notices it soon"]),
        (a_case(a_message(State.QUEUED)), ["was NOT told yet", "QUEUED"]),
        (a_case(a_message(State.SENDING)), ["was NOT told yet", "SENDING"]),
        (
            a_case(a_message(State.SCHEDULED, due_at=NOW + MINUTE, reason="tried once more")),
            ["is to be texted at 2026-03-02 15:01:00 UTC", "tried once more"],
        ),
        (
            a_case(a_message(State.IN_DOUBT, reason="the connection broke")),
            ["MAY have been told", "the connection broke"],
        ),
        (a_case(status="RESOLVED"), ["no nurse was told", "RESOLVED"]),
        (a_case(a_message(State.DELIVERED), status="RESOLVED"), ["was told at", "RESOLVED, nobody needs to act"]),
        (a_case(a_message(State.FAILED), status="CANCELLED"), ["was not told (no phone number on file)", "CANCELLED"]),
        (a_case(a_message(State.HELD, reason="in doubt"), status="RESOLVED"), ["MAY have been told (in doubt)"]),
        (replace(a_case(a_message()), task=None, times=None), ["was told", "does not have the task (any more)"]),
        (a_case(at=NOW - 200 * DAY), ["was NOT told", "before this system went live (2025-11-22"]),
        (
            a_case(a_message(State.FAILED), owed=(owed_report(),)),
            ["was NOT reached: no phone number on file", "a supervisor is told next"],
        ),
        (
            a_case(a_message(State.FAILED), a_report(State.DELIVERED), around=IN_TWO_MINUTES),
            ["was NOT reached: no phone number on file", "supervisor supervisor-1 (•••• 0121) was told of it at"],
        ),
        (
            a_case(
                a_message(State.UNDELIVERED, reason="not delivered, the phone could not be reached"),
                a_message(State.SCHEDULED, NOW + SECOND, id="message-2", due_at=NOW + 5 * MINUTE, again_of="message-1"),
            ),
            [
                "was NOT reached: not delivered, the phone could not be reached",
                "is to be texted at 2026-03-02 15:05:00",
            ],
        ),
        (
            a_case(
                a_message(
                    State.CANCELLED,
                    ended_by="maya",
                    orders=[Order(at=NOW, who="maya", verb="cancel", kind=None, why="by phone")],
                )
            ),
            ["was NOT told: maya cancelled it (by phone)"],
        ),
        (
            a_case(
                a_message(State.SCHEDULED, recipient_id=None, due_at=NOW + 10 * MINUTE, reason="nobody yet"),
                a_message(State.DELIVERED, id="message-of-one-who-had-it", created_at=NOW + SECOND),
                assigned_to_user_id=None,
            ),
            ["nobody is assigned", "the supervisors are told at"],
        ),
        (
            a_case(a_message(State.CANCELLED, ended_by="the nurse", reason="she has just taken the task herself")),
            ["was NOT told: she has just taken the task herself"],
        ),
        (
            a_case(
                a_message(State.FAILED, recipient_id=None, reason="nobody"),
                owed=(owed_report(NOW + 10 * MINUTE),),
                assigned_to_user_id=None,
            ),
            ["nobody is assigned to the task", "the supervisors are told at 2026-03-02 15:10:00 UTC"],
        ),
        (
            replace(
                a_case(
                    a_message(State.FAILED, recipient_id=None, reason="nobody"),
                    owed=(owed_report(),),
                    assigned_to_user_id=None,
                    around=later(30 * SECOND),
                ),
                assignment=NO_TAKER,
            ),
            ["nobody is assigned to the task", "there is no active nurse); a supervisor is told next"],
        ),
        (
            a_case(
                a_message(),
                a_message(State.DELIVERED, kind="sla-breach", id="alert", sla_due_at=NOW),
                owed=(owed("sla-escalation", NOW + 30 * MINUTE, audience="ON_CALL", sla_due_at=NOW),),
                sla_due_at=NOW,
                around=IN_TWO_MINUTES,
            ),
            ["the SLA was missed at", "was alerted at", "the supervisors are told at 2026-03-02 15:30:00 UTC"],
        ),
        (an_episode_case(a_check_in(at=NOW + DAY)), ["patient-1 (•••• 0151) is to be texted at 2026-03-03 15:00:00"]),
        (an_episode_case(a_check_in(State.DELIVERED)), ["was texted at", "arrived"]),
        (an_episode_case(owed=(owed_check_in(),)), ["no check-in is scheduled yet"]),
        (an_episode_case(a_check_in(State.CANCELLED, reason="opted out: …STOP")), ["was NOT texted: opted out"]),
        (an_episode_case(at=NOW - 200 * DAY), ["from before this system went live"]),
        (an_episode_case(at=NOW - 20 * DAY), ["older than a week"]),
        (replace(an_episode_case(), episode=None), ["does not have the episode"]),
    ],
)
def test_nobody_needs_to_act_and_the_reason_is_said(case: Case, parts: list[str]) -> None:
    """The first sentence says whether the nurse or the patient was told."""
    assert is_healthy(verdicts(case)), said(case)
    for part in parts:
        assert part in said(case)


@pytest.mark.parametrize(
    ("case", "parts"),
    [
        (
            a_case(owed=(owed(),), around=IN_TWO_MINUTES),
            ["was NOT told, and nothing says why: it is open for 2 min", "no message has been made", "sequora status"],
        ),
        (
            a_case(around=IN_TWO_MINUTES),
            ["was NOT told, and nothing says why: it is open for 2 min", "no message is owed", "-> tell the nurse"],
        ),
        (
            a_case(owed=(owed(recipient_id=None),), assigned_to_user_id=None, around=IN_TWO_MINUTES),
            ["nobody is assigned", "nothing says why"],
        ),
        (replace(a_case(owed=(owed(),)), times=None), ["it does not say since when it is open"]),
        (a_case(a_message(State.QUEUED), around=IN_TWO_MINUTES), ["QUEUED, due for 2 min", "texts do not get through"]),
        (
            a_case(owed=(owed(),), around=PAUSED),
            ["all messages are paused by maya (an exercise)", "-> `sequora resume`"],
        ),
        (
            a_case(a_message(State.QUEUED), around=PAUSED),
            ["was NOT told yet: all messages are paused", "-> `sequora resume`"],
        ),
        (
            a_case(owed=(owed(),), around=replace(AROUND, providers={"SMS": TAKES_NONE})),
            ["takes no texts (the account is suspended)", "sequora doctor"],
        ),
        (
            a_case(a_message(State.IN_DOUBT, reason="reset"), around=later(11 * MINUTE)),
            ["MAY have been told", "for 11 min", "Twilio console"],
        ),
        (
            a_case(a_message(State.FAILED), owed=(owed_report(),), around=IN_TWO_MINUTES),
            ["no supervisor was told", "-> tell a supervisor"],
        ),
        (
            a_case(a_message(logged_at=None, log_owes="row"), around=IN_TWO_MINUTES),
            ["was told at", "the application's log has no row of it"],
        ),
        (
            a_case(
                a_message(State.FAILED),
                a_report(State.FAILED, reason="landline"),
                owed=(owed_report(),),
                around=IN_TWO_MINUTES,
            ),
            ["no supervisor was told: landline"],
        ),
        (
            a_case(
                a_message(State.FAILED),
                a_report(
                    State.SCHEDULED, recipient_id=None, due_at=NOW + MINUTE, reason=NOBODY, cause=Cause.NOBODY_TO_TELL
                ),
            ),
            ["there is nobody to escalate to", "-> tell somebody yourself"],
        ),
        (
            a_case(a_message(State.FAILED), a_report(State.QUEUED), around=IN_TWO_MINUTES),
            ["supervisor-1 (•••• 0121) was NOT told yet", "texts do not get through"],
        ),
        (
            a_case(a_message(State.HELD, reason="in doubt: hidden"), a_report()),
            [
                "was NOT reached: in doubt: hidden",
                "is HELD",
                "`sequora release message-1` or `sequora cancel message-1`",
            ],
        ),
        (
            a_case(a_message(State.SENT, urgency=0), owed=(owed_report(NOW + 5 * MINUTE),), around=later(7 * MINUTE)),
            ["was told at", "no receipt says that the text arrived, for 7 min", "no supervisor was told"],
        ),
        (
            a_case(
                a_message(State.FAILED, recipient_id=None, reason="nobody"),
                owed=(owed_report(NOW + 10 * MINUTE),),
                assigned_to_user_id=None,
                around=later(12 * MINUTE),
            ),
            ["nobody is assigned to the task, so no nurse was told", "no supervisor was told"],
        ),
        (
            replace(
                a_case(
                    a_message(State.FAILED, recipient_id=None, reason="nobody"),
                    owed=(owed_report(),),
                    assigned_to_user_id=None,
                    around=IN_TWO_MINUTES,
                ),
                assignment=NO_TAKER,
            ),
            ["could not be given to one; there is no active nurse", "no supervisor was told"],
        ),
        (
            a_case(a_message(), owed=(a_missed_sla(),), sla_due_at=NOW, around=IN_TWO_MINUTES),
            ["the SLA was missed", "nobody has been alerted yet"],
        ),
        (
            a_case(
                a_message(),
                a_message(kind="sla-breach", id="alert", sla_due_at=NOW),
                owed=(owed("sla-escalation", NOW + 30 * MINUTE, audience="ON_CALL", sla_due_at=NOW),),
                sla_due_at=NOW,
                around=later(HOUR),
            ),
            ["was alerted at", "no supervisor was told"],
        ),
        (
            an_episode_case(owed=(owed_check_in(),), around=IN_TWO_MINUTES),
            ["no check-in is scheduled, and nothing says why"],
        ),
        (an_episode_case(a_check_in(), around=IN_TWO_MINUTES), ["due for 2 min"]),
        (
            an_episode_case(a_check_in(State.HELD, reason="in doubt")),
            ["MAY have been texted", "sequora release message-1"],
        ),
        (an_episode_case(a_check_in(State.FAILED)), ["was NOT reached: no phone number on file", "sequora resend"]),
        (
            an_episode_case(a_check_in(State.CANCELLED, reason="stale: a day late", cause=Cause.STALE)),
            ["stale", "-> call the patient"],
        ),
        (
            an_episode_case(a_check_in(State.DELIVERED), tasks=(a_case(owed=(owed(),), around=IN_TWO_MINUTES),)),
            ["task task-1: nurse nurse-1 was NOT told"],
        ),
    ],
)
def test_somebody_must_act_and_what_to_do_is_said(case: Case, parts: list[str]) -> None:
    """A sentence why, and what to do."""
    assert not is_healthy(verdicts(case)), said(case)
    for part in parts:
        assert part in said(case)


A_WARNING: dict[str, Any] = {"kind": "sla-warning", "id": "warning-1", "sla_due_at": NOW + DAY}


@pytest.mark.parametrize(
    ("messages", "around", "parts"),
    [
        (
            [
                a_message(State.FAILED, NOW + MINUTE, reason="the user is not active", **A_WARNING),
                a_report(
                    State.SCHEDULED,
                    NOW + MINUTE,
                    because_of="warning-1",
                    due_at=NOW + 3 * MINUTE,
                    reason=NOBODY,
                    cause=Cause.NOBODY_TO_TELL,
                ),
            ],
            later(2 * MINUTE),
            [
                "sla-warning: nurse nurse-1 (•••• 0101) was NOT reached: the user is not",
                "nobody to",
                "-> tell somebody",
            ],
        ),
        (
            [a_message(State.FAILED, NOW + MINUTE, **A_WARNING)],
            later(3 * MINUTE),
            ["sla-warning: nurse", "no supervisor was told", "-> tell a supervisor"],
        ),
        (
            [a_message(State.QUEUED, **A_WARNING)],
            later(40 * MINUTE),
            ["sla-warning: nurse", "QUEUED, due for 40 min", "texts do not get through"],
        ),
        (
            [a_message(State.IN_DOUBT, **A_WARNING)],
            later(11 * MINUTE),
            ["sla-warning: nurse", "MAY have been told", "for 11 min now", "Twilio console"],
        ),
        (
            [a_message(State.SENT, NOW + MINUTE, urgency=0, **A_WARNING)],
            later(8 * MINUTE),
            ["sla-warning: nurse", "no receipt says that the text arrived, for 7 min", "no supervisor was told"],
        ),
        (
            [a_message(State.HELD, NOW + MINUTE, reason="in doubt", **A_WARNING)],
            later(3 * MINUTE),
            [
                "the sla-warning to recipient nurse-1",
                "is HELD: in doubt; and no supervisor",
                "`sequora release warning-1`",
            ],
        ),
        (
            [
                a_message(State.FAILED, NOW + MINUTE, **A_WARNING),
                a_report(State.QUEUED, NOW + 2 * MINUTE, because_of="warning-1"),
            ],
            later(9 * MINUTE),
            ["sla-warning: nurse", "supervisor-1 (•••• 0121) was NOT told yet", "due for 7 min"],
        ),
        (
            [a_report(State.QUEUED, because_of=None)],
            later(9 * MINUTE),
            ["nurse-unreached: supervisor supervisor-1 (•••• 0121) was NOT told yet", "texts do not get through"],
        ),
    ],
)
def test_trouble_after_a_text_that_arrived_is_told_once(
    messages: list[Story], around: Circumstances, parts: list[str]
) -> None:
    """That the nurse was told of the task once says nothing of what is due since then."""
    case = a_case(a_message(State.DELIVERED), *messages, sla_due_at=NOW + DAY, around=around)
    found = verdicts(case)
    assert [one.is_healthy for one in found] == [True, False], said(case)
    for part in parts:
        assert part in said(case)


@pytest.mark.parametrize(
    "messages",
    [
        [a_message(State.FAILED, **A_WARNING), a_report(State.SENT, because_of="warning-1")],
        [a_message(State.FAILED, **A_WARNING), a_message(State.SENT, NOW + MINUTE, kind="sla-breach", id="alert")],
        [a_message(State.FAILED, recipient_id="nurse-2", **A_WARNING)],
        [a_message(State.SCHEDULED, due_at=NOW + DAY, **A_WARNING)],
        [a_message(State.CANCELLED, **A_WARNING)],
    ],
)
def test_what_is_in_hand_or_mended_is_no_trouble(messages: list[Story]) -> None:
    """A supervisor was told, a later text arrived, or it is another nurse's."""
    case = a_case(a_message(State.DELIVERED), *messages, sla_due_at=NOW + DAY, around=later(3 * MINUTE))
    assert [one.is_healthy for one in verdicts(case)] == [True], said(case)


@pytest.mark.parametrize("sentence", [NOBODY, "everybody is on holiday", None])
def test_that_nobody_can_be_told_is_known_by_the_cause_however_it_is_worded(sentence: str | None) -> None:
    """A sentence is for people, who may word it better; and by itself it makes nobody act."""
    report = a_report(State.SCHEDULED, recipient_id=None, due_at=NOW + MINUTE, reason=sentence)
    with_cause = replace(report, cause=Cause.NOBODY_TO_TELL)
    assert not is_healthy(verdicts(a_case(a_message(State.FAILED), with_cause)))
    assert is_healthy(verdicts(a_case(a_message(State.FAILED), report)))


@pytest.mark.parametrize("sentence", ["stale: a day late", "it is too late", None])
def test_that_a_check_in_is_stale_is_known_by_the_cause_however_it_is_worded(sentence: str | None) -> None:
    """The same."""
    check_in = a_check_in(State.CANCELLED, reason=sentence)
    assert not is_healthy(verdicts(an_episode_case(replace(check_in, cause=Cause.STALE))))
    assert is_healthy(verdicts(an_episode_case(replace(check_in, cause=Cause.EPISODE_GONE))))


def test_an_alert_that_reached_nobody_does_not_wait_for_the_escalation() -> None:
    """The supervisors were to be told at once that the nurse was not reached, and there is none."""
    alert = a_message(State.FAILED, NOW + MINUTE, kind="sla-breach", id="alert", sla_due_at=NOW)
    report = a_report(
        State.SCHEDULED, because_of="alert", due_at=NOW + 3 * MINUTE, reason=NOBODY, cause=Cause.NOBODY_TO_TELL
    )
    escalation = owed("sla-escalation", NOW + 31 * MINUTE, audience="ON_CALL", sla_due_at=NOW)
    messages = (a_message(State.DELIVERED), alert, report)
    case = a_case(*messages, owed=(escalation,), sla_due_at=NOW, around=later(2 * MINUTE))
    assert "the supervisors are told at" in said(case)
    assert "sla-breach: nurse nurse-1 (•••• 0101) was NOT reached" in said(case)
    assert "-> tell somebody yourself" in said(case)


def test_what_failed_of_a_closed_task_is_no_trouble() -> None:
    """Nobody needs to act any more."""
    failed = a_message(State.FAILED, **A_WARNING)
    assert is_healthy(verdicts(a_case(a_message(State.DELIVERED), failed, status="RESOLVED", around=later(HOUR))))


def near_its_sla(*messages: Story, minutes: int = 20, **fields: Any) -> TaskCase:
    """Return the case of a task that was noticed two hours ago, and has its SLA in so many minutes."""
    at = NOW - 2 * HOUR
    told = a_message(State.DELIVERED, at)
    sla_due_at = NOW + minutes * MINUTE
    warning = owed("sla-warning", sla_due_at - HOUR, sla_due_at=sla_due_at)
    return a_case(
        told, *messages, at=at, **{"owed": () if messages else (warning,), "sla_due_at": sla_due_at, **fields}
    )


def test_a_warning_is_missing_only_when_half_of_the_tasks_time_is_over() -> None:
    """Before that no scan makes one."""
    told = a_message(State.DELIVERED, NOW - 50 * MINUTE)
    for minutes, since, is_missing in ((40, NOW + MINUTE, False), (10, NOW - 20 * MINUTE, True)):
        warning = owed("sla-warning", since, sla_due_at=NOW + minutes * MINUTE)
        case = a_case(told, owed=(warning,), at=NOW - 50 * MINUTE, sla_due_at=NOW + minutes * MINUTE)
        assert ("has not been warned" in said(case)) is is_missing


def test_a_warning_that_no_scan_has_made_needs_somebody() -> None:
    """The schedule may be off."""
    case = near_its_sla()
    assert "nurse has not been warned, due for 40 min" in said(case)
    assert "-> see whether the SLA scan runs" in said(case)
    assert not is_healthy(verdicts(case))


def test_a_pause_of_warnings_is_said_to_be_the_reason() -> None:
    """Its end is what helps."""
    assert "not been warned, due for 40 min: all messages are paused by maya" in said(near_its_sla(around=PAUSED))


@pytest.mark.parametrize(
    "case",
    [
        near_its_sla(minutes=46),
        near_its_sla(minutes=70),
        near_its_sla(status="RESOLVED", owed=()),
        near_its_sla(a_message(State.DELIVERED, kind="sla-warning", sla_due_at=WARNED_OF)),
        near_its_sla(
            a_message(State.CANCELLED, kind="sla-warning", id="warning-1", sla_due_at=WARNED_OF, ended_by="maya")
        ),
        near_its_sla(owed=(owed("sla-warning", NOW - 10 * MINUTE, sla_due_at=WARNED_OF),)),
        near_its_sla(around=replace(AROUND, kinds_going_out=frozenset({"sla-warning"}), has_rate=True)),
        replace(near_its_sla(), times=TaskTimes(id="task-1", created_at=NOW - DAY, updated_at=NOW - MINUTE)),
    ],
)
def test_a_warning_is_missed_only_when_some_scan_should_have_made_it(case: TaskCase) -> None:
    """Not before three scans, nor where there is one, nor for a task that has just changed."""
    assert is_healthy(verdicts(case)), said(case)


@pytest.mark.parametrize(
    "case",
    [
        a_case(a_message(State.QUEUED), around=replace(GOING_OUT, kinds_going_out=frozenset({"check-in"}))),
        a_case(a_message(State.SCHEDULED, due_at=NOW), around=GOING_OUT),
        a_case(owed=(owed(),), around=GOING_OUT),
    ],
)
def test_what_waits_while_texts_go_out_waits_its_turn(case: TaskCase) -> None:
    """A sender that may send one segment a second takes minutes for a hundred tasks, and all is as set."""
    assert is_healthy(verdicts(case)), said(case)
    assert "waits its turn" in said(case)


@pytest.mark.parametrize(
    ("minutes", "has_rate", "healthy"), [(5, False, True), (6, False, False), (40, False, False), (40, True, True)]
)
@pytest.mark.parametrize("messages", [[], [a_message(State.QUEUED)], [a_message(State.SCHEDULED, due_at=NOW)]])
def test_only_the_senders_rate_excuses_a_long_wait(
    messages: list[Story], minutes: int, *, has_rate: bool, healthy: bool
) -> None:
    """At full speed a thousand texts are out in seconds: one that has waited for longer than minutes is stuck."""
    around = replace(later(minutes * MINUTE), kinds_going_out=frozenset({"task-created"}), has_rate=has_rate)
    case = a_case(*messages, owed=() if messages else (owed(),), around=around)
    assert is_healthy(verdicts(case)) == healthy, said(case)


@pytest.mark.parametrize("messages", [[], [a_message(State.SCHEDULED, due_at=NOW)], [a_message(State.SENDING)]])
def test_texts_of_other_kinds_do_not_excuse_what_nobody_has_claimed(messages: list[Story]) -> None:
    """The sensor of its own kind may have stopped; nor what has hung since it was claimed."""
    others = replace(IN_TWO_MINUTES, kinds_going_out=frozenset({"sla-warning"}))
    assert not is_healthy(verdicts(a_case(*messages, owed=() if messages else (owed(),), around=others)))


@pytest.mark.parametrize(("minutes", "healthy"), [(29, True), (31, False)])
def test_a_doubt_may_take_as_long_as_its_window_is_set_and_some_minutes(minutes: int, *, healthy: bool) -> None:
    """A list that lags by twenty minutes has been allowed for."""
    around = replace(later(minutes * MINUTE), delays=replace(DELAYS, doubt=21 * MINUTE))
    assert is_healthy(verdicts(a_case(a_message(State.IN_DOUBT), around=around))) == healthy


@pytest.mark.parametrize(("seconds", "healthy"), [(301, True), (361, False)])
def test_a_missing_receipt_leaves_the_sensor_its_time(seconds: int, *, healthy: bool) -> None:
    """It tells the supervisors once the receipt is late, not since the text was sent."""
    message, report = a_message(State.SENT, urgency=0), owed_report(NOW + 5 * MINUTE)
    case = a_case(message, owed=(report,), around=later(seconds * SECOND))
    assert is_healthy(verdicts(case)) == healthy, said(case)
    assert ("a supervisor is told next" in said(case)) == healthy


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", ["task-created", "sla-warning", "sla-breach"])
def test_every_state_of_a_nurses_message_has_a_sentence(state: State, kind: str) -> None:
    """However little the row says: nothing is taken for told that is not."""
    message = a_message(state, kind=kind, reason=None, sent_at=None, attempted_at=None, receipt_at=None, sla_due_at=NOW)
    for around in (AROUND, later(HOUR), PAUSED):
        sentence = first(a_case(message, sla_due_at=NOW, around=around))
        assert (f"nurse {NURSE} (•••• 0101) was told" in sentence) == (state in {State.SENT, State.DELIVERED})


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_check_in_has_a_sentence(state: State) -> None:
    """However little the row says."""
    check_in = a_check_in(state, reason=None, sent_at=None, attempted_at=None, due_at=None, recipient_id=None)
    for around in (AROUND, later(HOUR), PAUSED):
        assert ("was texted" in first(an_episode_case(check_in, around=around))) == (
            state in {State.SENT, State.DELIVERED}
        )


def test_a_message_to_an_earlier_nurse_does_not_count() -> None:
    """The task is somebody else's by now, who has not been told."""
    case = a_case(a_message(State.DELIVERED, recipient_id="nurse-2"), owed=(owed(),), around=IN_TWO_MINUTES)
    assert f"nurse {NURSE} was NOT told" in first(case)


def test_a_report_about_an_earlier_nurse_does_not_count() -> None:
    """The supervisor was told of another one."""
    other = a_message(State.FAILED, id="message-0", recipient_id="nurse-2")
    case = a_case(other, a_message(State.FAILED), a_report(because_of="message-0"), around=IN_TWO_MINUTES)
    assert "no supervisor was told" in first(case)


@pytest.mark.parametrize(
    "other",
    [
        a_message(kind="ward-full", id="other", audience="ON_CALL", recipient_id="supervisor-1"),
        a_report(id="other", kind="sla-escalation", sla_due_at=NOW),
    ],
)
def test_what_a_supervisor_was_told_for_another_reason_is_no_report_on_the_nurse(other: Story) -> None:
    """She is still owed to hear that the nurse was not reached."""
    case = a_case(a_message(State.FAILED), other, owed=(owed_report(),), around=IN_TWO_MINUTES)
    assert "was NOT reached: no phone number on file; and no supervisor was told" in first(case)


def test_what_has_changed_since_it_was_asked_what_is_owed_is_noticed_soon() -> None:
    """The answers are not of one moment."""
    assert is_healthy(verdicts(a_case(around=later(SECOND))))
    assert "a sensor notices it soon" in first(a_case(around=later(SECOND)))


def test_a_report_that_is_owed_is_told_of_once() -> None:
    """With what did not reach the nurse."""
    warning = a_message(State.FAILED, NOW + MINUTE, **A_WARNING)
    owes = (owed_report(NOW + MINUTE, because_of="warning-1"),)
    case = a_case(a_message(State.DELIVERED), warning, owed=owes, sla_due_at=NOW + DAY, around=later(3 * MINUTE))
    told, missing = verdicts(case)
    assert (told.is_healthy, missing.is_healthy) == (True, False)
    assert "sla-warning: nurse nurse-1 (•••• 0101) was NOT reached" in missing.sentence


def test_the_alert_is_missed_beside_the_first_text() -> None:
    """No message has been made of a task whose SLA has passed: both are said."""
    owes = (a_missed_sla(), owed())
    case = a_case(owed=owes, sla_due_at=NOW, around=IN_TWO_MINUTES)
    assert [one.is_healthy for one in verdicts(case)] == [False, False]
    assert "was NOT told, and nothing says why" in first(case)
    assert "nobody has been alerted yet" in said(case)


def test_an_sla_that_was_moved_is_not_judged_by_the_old_ones_messages() -> None:
    """Its alert was about another time."""
    alert: Story = a_message(kind="sla-breach", id="alert", sla_due_at=NOW - HOUR)
    owes = (a_missed_sla(),)
    case: TaskCase = a_case(a_message(), alert, owed=owes, sla_due_at=NOW, around=IN_TWO_MINUTES)
    assert "nobody has been alerted yet" in said(case)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0354, "35 ms"),
        (0.314, "0.31 s"),
        (12.2, "12 s"),
        (59.7, "1 min"),
        (303, "5 min 3 s"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (-5, "-5.00 s"),
    ],
)
def test_a_length_of_time_is_told_as_people_say_it(seconds: float, words: str) -> None:
    """Two units at most."""
    assert spell(seconds * SECOND) == words
