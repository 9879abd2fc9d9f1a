"""How long it is day where somebody is."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sequora_orchestration.domain.daytime import daytime_left


@pytest.mark.parametrize(
    ("hour", "zone", "left"),
    [
        (15, "America/New_York", timedelta(hours=10)),
        (0, "America/New_York", timedelta(hours=1)),
        (1, "America/New_York", timedelta(0)),
        (13, "America/New_York", timedelta(0)),
        (23, None, timedelta(hours=1)),
        (22, None, timedelta(0)),
    ],
)
def test_how_long_it_is_still_day(hour: int, zone: str | None, left: timedelta) -> None:
    """In the zone, or in every US zone; at night not at all."""
    moment = datetime(2026, 3, 3, hour, tzinfo=UTC)
    assert daytime_left(moment, ZoneInfo(zone) if zone else None) == left
