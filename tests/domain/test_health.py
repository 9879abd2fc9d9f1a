"""What counts as well, and what is said where it is not."""

from datetime import timedelta
from typing import Any

import pytest

from sequora_orchestration.domain.health import OLDEST_DUE, OLDEST_SCAN, OLDEST_TICK, VitalSigns, complaints

SECOND = timedelta(seconds=1)
WELL: dict[str, Any] = {"oldest_due": None, "last_scan": 1.0, "ticks": {"a_sensor": 1.0}}


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
    assert len(complaints(VitalSigns(oldest_due=1e6, last_scan=1e6, ticks={"a_sensor": 1e6}))) == 3
