"""Whether a canary is overdue, and what is said of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from care import NOW

from sequora_orchestration.domain.canary import Canaries, Canary, alarm_text, in_a_line, overdue
from sequora_orchestration.domain.ledger_state import State

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def of(
    hours_ago: int,
    state: State,
    *,
    minutes_old: float | None = None,
    is_made_late: bool = False,
    is_called_off: bool = False,
) -> Canary:
    """Return the canary of an hour, counted from NOW; made at the full hour, unless its age is given."""
    return Canary(
        id=f"canary-{hours_ago}",
        hour=NOW - hours_ago * HOUR,
        state=state,
        reason=None,
        age=(hours_ago * 60 + 5 if minutes_old is None else minutes_old) * 60,
        is_made_late=is_made_late,
        is_called_off=is_called_off,
    )


def at_five_past(*newest_first: Canary, is_paused: bool = False) -> Canaries:
    """Return what is seen five minutes after the full hour, with canaries on for long."""
    return Canaries(now=NOW + 5 * MINUTE, owed_since=NOW - 100 * HOUR, is_paused=is_paused, newest_first=newest_first)


@pytest.mark.parametrize(
    ("seen", "is_amiss"),
    [
        (at_five_past(of(0, State.DELIVERED)), False),
        (at_five_past(of(0, State.SENT), of(1, State.DELIVERED)), False),
        (at_five_past(of(0, State.QUEUED), of(1, State.SENT)), True),
        (at_five_past(of(0, State.DELIVERED), of(1, State.SENT)), False),
        (at_five_past(of(0, State.SENT, is_made_late=True), of(1, State.SENT)), False),
        (at_five_past(of(0, State.SENT, minutes_old=10)), False),
        (at_five_past(of(0, State.SENT, minutes_old=10.1)), True),
        (at_five_past(of(1, State.DELIVERED)), False),
        (at_five_past(of(1, State.CANCELLED, is_called_off=True), of(2, State.DELIVERED)), False),
        (at_five_past(of(1, State.CANCELLED, is_called_off=True), of(2, State.SENT)), True),
        (at_five_past(of(2, State.DELIVERED)), True),
        (at_five_past(), True),
        (at_five_past(of(1, State.FAILED), is_paused=True), False),
        *((at_five_past(of(1, state)), True) for state in State if state is not State.DELIVERED),
    ],
)
def test_the_newest_that_should_have_arrived_decides(seen: Canaries, *, is_amiss: bool) -> None:
    """One that is under way leaves that to the one before, unless the system stood still between them."""
    assert (overdue(seen) is not None) is is_amiss
    assert in_a_line(seen).is_overdue is is_amiss


def test_after_a_day_without_any_no_old_date_is_named() -> None:
    """Older ones are not looked at: the date since when canaries are on says nothing of the last one."""
    seen = at_five_past()
    amiss = overdue(seen)
    assert amiss
    assert amiss.amiss == "no canary was made, though one has been owed for more than a day"
    amiss = overdue(replace(seen, owed_since=NOW - HOUR))
    assert amiss
    assert amiss.amiss == "no canary was made, though one has been owed since 2026-03-02 14:00 UTC"


def test_an_alarm_is_of_two_segments_at_most() -> None:
    """Whatever the reason says."""
    assert len(alarm_text("x" * 1000)) == 300
