"""Was the nurse told, when, and if not why not; and must somebody act."""

from dataclasses import replace

import pytest
from care import NOW
from cases import (
    AROUND,
    DAY,
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
)

from sequora_orchestration.domain.case import Case, Order, Story, TaskCase
from sequora_orchestration.domain.halts import Pause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.domain.verdict import is_healthy, verdicts

PAUSED = replace(AROUND, pauses=[Pause(kind="all", paused_at=NOW, paused_by="maya", why="an exercise")])
IN_TWO_MINUTES = later(2 * MINUTE)
NOBODY = "nobody to escalate to: no active user with the role SUPERVISOR or ADMIN can be texted"


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
        (a_case(), ["nurse nurse-1 was NOT told yet", "a sensor notices it soon"]),
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
        (a_case(a_message(State.FAILED)), ["was NOT reached: no phone number on file", "a supervisor is told next"]),
        (
            a_case(a_message(State.FAILED), a_report(State.DELIVERED), around=IN_TWO_MINUTES),
            ["was NOT reached: no phone number on file", "supervisor supervisor-1 (•••• 0121) was told of it at"],
        ),
        (
            a_case(
                a_message(State.UNDELIVERED, reason="not delivered, the phone could not be reached"),
                a_message(State.SCHEDULED, NOW + SECOND, id="message-2", due_at=NOW + 5 * MINUTE),
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
            a_case(a_message(State.FAILED, recipient_id=None, reason="nobody"), assigned_to_user_id=None),
            ["nobody is assigned to the task", "the supervisors are told at 2026-03-02 15:10:00 UTC"],
        ),
        (
            a_case(
                a_message(),
                a_message(State.DELIVERED, kind="sla-breach", id="alert", sla_due_at=NOW),
                sla_due_at=NOW,
                around=IN_TWO_MINUTES,
            ),
            ["the SLA was missed at", "was alerted at", "the supervisors are told at 2026-03-02 15:30:00 UTC"],
        ),
        (an_episode_case(a_check_in(at=NOW + DAY)), ["patient-1 (•••• 0151) is to be texted at 2026-03-03 15:00:00"]),
        (an_episode_case(a_check_in(State.DELIVERED)), ["was texted at", "arrived"]),
        (an_episode_case(), ["no check-in is scheduled yet"]),
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
        (a_case(around=IN_TWO_MINUTES), ["was NOT told, and nothing says why: it is open for 2 min", "sequora status"]),
        (a_case(assigned_to_user_id=None, around=IN_TWO_MINUTES), ["nobody is assigned", "nothing says why"]),
        (replace(a_case(), times=None), ["it does not say since when it is open"]),
        (a_case(a_message(State.QUEUED), around=IN_TWO_MINUTES), ["QUEUED, due for 2 min", "texts do not get through"]),
        (a_case(around=PAUSED), ["all messages are paused by maya (an exercise)", "-> `sequora resume`"]),
        (
            a_case(a_message(State.QUEUED), around=PAUSED),
            ["was NOT told yet: all messages are paused", "-> `sequora resume`"],
        ),
        (
            a_case(around=replace(AROUND, provider=TAKES_NONE)),
            ["takes no texts (the account is suspended)", "sequora doctor"],
        ),
        (
            a_case(a_message(State.IN_DOUBT, reason="reset"), around=later(11 * MINUTE)),
            ["MAY have been told", "for 11 min", "Twilio console"],
        ),
        (a_case(a_message(State.FAILED), around=IN_TWO_MINUTES), ["no supervisor was told", "-> tell a supervisor"]),
        (
            a_case(a_message(logged_at=None), around=IN_TWO_MINUTES),
            ["was told at", '"NotificationLog" has no row of it'],
        ),
        (
            a_case(a_message(State.FAILED), a_report(State.FAILED, reason="landline"), around=IN_TWO_MINUTES),
            ["no supervisor was told: landline"],
        ),
        (
            a_case(
                a_message(State.FAILED),
                a_report(State.SCHEDULED, recipient_id=None, due_at=NOW + MINUTE, reason=NOBODY),
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
            a_case(a_message(State.SENT, urgency=0), around=later(7 * MINUTE)),
            ["was told at", "no receipt says that the text arrived, for 7 min", "no supervisor was told"],
        ),
        (
            a_case(
                a_message(State.FAILED, recipient_id=None, reason="nobody"),
                assigned_to_user_id=None,
                around=later(12 * MINUTE),
            ),
            ["nobody is assigned to the task, so no nurse was told", "no supervisor was told"],
        ),
        (
            a_case(a_message(), sla_due_at=NOW, around=IN_TWO_MINUTES),
            ["the SLA was missed", "nobody has been alerted yet"],
        ),
        (
            a_case(
                a_message(),
                a_message(kind="sla-breach", id="alert", sla_due_at=NOW),
                sla_due_at=NOW,
                around=later(HOUR),
            ),
            ["was alerted at", "no supervisor was told"],
        ),
        (an_episode_case(around=IN_TWO_MINUTES), ["no check-in is scheduled, and nothing says why"]),
        (an_episode_case(a_check_in(), around=IN_TWO_MINUTES), ["due for 2 min"]),
        (
            an_episode_case(a_check_in(State.HELD, reason="in doubt")),
            ["MAY have been texted", "sequora release message-1"],
        ),
        (an_episode_case(a_check_in(State.FAILED)), ["was NOT reached: no phone number on file", "sequora resend"]),
        (an_episode_case(a_check_in(State.CANCELLED, reason="stale: a day late")), ["stale", "-> call the patient"]),
        (
            an_episode_case(a_check_in(State.DELIVERED), tasks=(a_case(around=IN_TWO_MINUTES),)),
            ["task task-1: nurse nurse-1 was NOT told"],
        ),
    ],
)
def test_somebody_must_act_and_what_to_do_is_said(case: Case, parts: list[str]) -> None:
    """A sentence why, and what to do."""
    assert not is_healthy(verdicts(case)), said(case)
    for part in parts:
        assert part in said(case)


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
    case = a_case(a_message(State.DELIVERED, recipient_id="nurse-2"), around=IN_TWO_MINUTES)
    assert f"nurse {NURSE} was NOT told" in first(case)


def test_a_report_about_an_earlier_nurse_does_not_count() -> None:
    """The supervisor was told of another one."""
    other = a_message(State.FAILED, id="message-0", recipient_id="nurse-2")
    case = a_case(other, a_message(State.FAILED), a_report(because_of="message-0"), around=IN_TWO_MINUTES)
    assert "no supervisor was told" in first(case)


def test_an_sla_that_was_moved_is_not_judged_by_the_old_ones_messages() -> None:
    """Its alert was about another time."""
    alert: Story = a_message(kind="sla-breach", id="alert", sla_due_at=NOW - HOUR)
    case: TaskCase = a_case(a_message(), alert, sla_due_at=NOW, around=IN_TWO_MINUTES)
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
