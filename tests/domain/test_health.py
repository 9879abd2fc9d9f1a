"""What counts as well, and what is said where it is not."""

from datetime import timedelta
from typing import Any

import pytest

from sequora_orchestration.domain.health import (
    GOING_OUT,
    OLDEST_DUE,
    OLDEST_SCAN,
    OLDEST_TICK,
    STANDSTILL_AFTER,
    Pace,
    Standstill,
    Surroundings,
    VitalSigns,
    complaints,
    is_at_a_standstill,
    longest_doubt,
    standstill,
)

SECOND = timedelta(seconds=1)
AT_ONCE = Pace(has_rate=False, last_sent=1.0, next_slot=None)
WELL: dict[str, Any] = {
    "oldest_due": None,
    "pace": AT_ONCE,
    "last_scan": 1.0,
    "ticks": {"a_sensor": 1.0},
    "standstill": None,
}
LATE = {**WELL, "oldest_due": (OLDEST_DUE + SECOND).total_seconds()}
A_MINUTE = GOING_OUT.total_seconds()


@pytest.mark.parametrize(
    "sign",
    [
        {"oldest_due": OLDEST_DUE.total_seconds()},
        {"last_scan": OLDEST_SCAN.total_seconds()},
        {"ticks": {"a_sensor": OLDEST_TICK.total_seconds()}},
        {"ticks": {}},
    ],
)
def test_nothing_is_said_of_what_is_within_its_bounds(sign: dict[str, Any]) -> None:
    """The bound itself is still well."""
    assert complaints(VitalSigns(**{**WELL, **sign})) == []


@pytest.mark.parametrize(
    ("sign", "sentence"),
    [
        ({"oldest_due": (OLDEST_DUE + SECOND).total_seconds()}, "a message has been due for 301 s"),
        ({"last_scan": (OLDEST_SCAN + SECOND).total_seconds()}, "the last scan for SLAs that are near was 901 s ago"),
        ({"last_scan": None}, "no scan for SLAs that are near was made yet"),
        ({"ticks": {"a_sensor": 1.0, "b_sensor": 61.0}}, "no good tick within 60 s of b_sensor"),
        ({"ticks": {"b_sensor": 61.0, "a_sensor": None}}, "no good tick within 60 s of a_sensor, b_sensor"),
    ],
)
def test_what_is_out_of_bounds_is_named(sign: dict[str, Any], sentence: str) -> None:
    """With how far it is out."""
    assert complaints(VitalSigns(**{**WELL, **sign})) == [sentence]


def test_everything_that_is_out_of_bounds_is_named() -> None:
    """Not only the first."""
    assert len(complaints(VitalSigns(**{**LATE, "last_scan": 1e6, "ticks": {"a_sensor": 1e6}}))) == 3


@pytest.mark.parametrize(("last_sent", "next_slot"), [(0.0, None), (A_MINUTE, -1.0), (A_MINUTE + 1, 0.1), (None, 3.0)])
def test_whoever_waits_for_the_senders_rate_is_no_complaint(last_sent: float | None, next_slot: float | None) -> None:
    """While texts are going out, or one waits for its turn; all else is complained of as ever."""
    pace = Pace(has_rate=True, last_sent=last_sent, next_slot=next_slot)
    assert complaints(VitalSigns(**{**LATE, "pace": pace})) == []
    assert len(complaints(VitalSigns(**{**LATE, "pace": pace, "last_scan": None}))) == 1


@pytest.mark.parametrize(
    "pace",
    [
        AT_ONCE,
        Pace(has_rate=False, last_sent=0.0, next_slot=1.0),
        Pace(has_rate=True, last_sent=A_MINUTE + 1, next_slot=-1.0),
        Pace(has_rate=True, last_sent=None, next_slot=None),
    ],
)
def test_a_rate_excuses_nothing_where_it_is_not_set_or_nothing_goes_out(pace: Pace) -> None:
    """A slot that was left over from when one was set, or workers that are gone."""
    assert complaints(VitalSigns(**{**LATE, "pace": pace})) == ["a message has been due for 301 s"]


def test_a_longer_window_is_a_longer_doubt() -> None:
    """By default ten minutes."""
    assert longest_doubt(timedelta(minutes=1)) == timedelta(minutes=10)
    assert longest_doubt(timedelta(hours=1)) == timedelta(minutes=69)


STANDS_STILL = STANDSTILL_AFTER.total_seconds() + 1
WELL_AROUND: dict[str, Any] = {"all_stopped": False, "code_server": None, "daemon": 1.0, "last_tick": STANDS_STILL}


@pytest.mark.parametrize(
    ("ticks", "stands_still"),
    [
        ({}, True),
        ({"a": None, "b": STANDS_STILL}, True),
        ({"a": None, "b": STANDSTILL_AFTER.total_seconds()}, False),
        ({"a": 1e6, "b": 0.0}, False),
    ],
)
def test_a_standstill_is_that_no_sensor_at_all_ticks(ticks: dict[str, float | None], stands_still: bool) -> None:  # noqa: FBT001
    """One that ticks, whichever it is, shows that the others could."""
    assert is_at_a_standstill(ticks) is stands_still


@pytest.mark.parametrize(
    ("around", "why", "is_running"),
    [
        ({"all_stopped": True}, "somebody has stopped all sensors", True),
        ({"code_server": "no code server answers at code:1"}, "no code server answers at code:1", True),
        ({"daemon": None}, "the daemon is not there", False),
        ({"daemon": 61.0}, "the daemon is not there (it last was 61 s ago)", False),
        ({"last_tick": 3.0}, "every tick fails", True),
        ({}, "code server and daemon are there, but the daemon starts no tick", True),
        (
            {"code_server": "no code server answers at code:1", "daemon": None},
            "no code server answers at code:1 and the daemon is not there",
            False,
        ),
    ],
)
def test_it_is_said_what_keeps_sensors_from_ticking_at_all_and_what_to_do(
    around: dict[str, Any],
    why: str,
    is_running: bool,  # noqa: FBT001
) -> None:
    """Each thing that does."""
    found = standstill(Surroundings(**{**WELL_AROUND, **around}))
    assert (found.why, found.is_running) == (why, is_running)
    assert found.to_do


def test_a_standstill_is_one_complaint_and_not_one_of_each_sensor() -> None:
    """With what to do."""
    found = Standstill(why="it is night", to_do="wait", is_running=True)
    signs = VitalSigns(**{**WELL, "ticks": {"a_sensor": 1e6}, "standstill": found})
    assert complaints(signs) == ["no sensor ticks: it is night; wait"]
