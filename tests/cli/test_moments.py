"""Times as people type them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sequora_orchestration.cli.moments import MomentError, in_zone, moment

NOW = datetime(2026, 3, 9, 15, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("90m", NOW - timedelta(minutes=90)),
        ("1d", NOW - timedelta(days=1)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("PT1H", NOW - timedelta(hours=1)),
        ("10:30", datetime(2026, 3, 9, 14, 30, tzinfo=UTC)),
        ("14:30Z", datetime(2026, 3, 9, 14, 30, tzinfo=UTC)),
        ("14:30+05:00", datetime(2026, 3, 9, 9, 30, tzinfo=UTC)),
        # Where it is an hour past midnight already.
        ("00:30+10:00", datetime(2026, 3, 9, 14, 30, tzinfo=UTC)),
        ("9:05:07", datetime(2026, 3, 9, 13, 5, 7, tzinfo=UTC)),
        ("2026-03-09T14:00Z", datetime(2026, 3, 9, 14, tzinfo=UTC)),
        ("2026-03-09 14:00+02:00", datetime(2026, 3, 9, 12, tzinfo=UTC)),
        # The day before, clocks were put forward.
        ("2026-03-07T14:00", datetime(2026, 3, 7, 19, tzinfo=UTC)),
        ("2026-03-08", datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_it_is_meant(typed: str, meant: datetime) -> None:
    """Without a zone it is the local one, as it was on that day."""
    assert moment(typed, "--since", now=NOW, zone=NEW_YORK) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "yesterday",
        "2 hours",
        "25:00",
        "12:75",
        "2026-13-01",
        "14:00+99:00",
        "-2h",
        "9999-12-31T23:59",
        "0001-01-01T00:00+14:00",
    ],
)
def test_what_is_no_time_is_refused_with_what_to_give(typed: str) -> None:
    """And with the option's name."""
    with pytest.raises(MomentError, match=r"--until .*: give a time of today \(14:00, 14:00Z\), an age \(2h"):
        moment(typed, "--until", now=NOW, zone=NEW_YORK)


@pytest.mark.parametrize("typed", ["366d", "9999d", "99999999999d", "P2000D"])
def test_an_age_of_more_than_a_year_is_too_long(typed: str) -> None:
    """It is a time all the same, and the sentence says what is wrong with it."""
    with pytest.raises(MomentError, match=f"^--since {typed} is too long ago: an age is 365 days at most; for an ear"):
        moment(typed, "--since", now=NOW, zone=NEW_YORK)


@pytest.mark.parametrize("typed", ["", "  "])
def test_a_time_that_is_empty_is_shown_in_quotes(typed: str) -> None:
    """Most probably a variable of a shell that is not set."""
    with pytest.raises(MomentError, match=r'^--since "" is no time: give'):
        moment(typed, "--since", now=NOW, zone=NEW_YORK)


def test_a_time_of_today_that_is_still_to_come_is_refused() -> None:
    """It is most probably yesterday's, and the person says so."""
    with pytest.raises(MomentError, match="is still to come, at 2026-03-09 14:00:00 EDT: for an earlier day give its"):
        moment("14:00", "--since", now=NOW, zone=NEW_YORK)


def test_without_a_zone_it_is_this_machines() -> None:
    """Whatever that is, the time is said with it."""
    at = moment("2026-03-07T14:00", "--since", now=NOW)
    assert at == datetime(2026, 3, 7, 14).astimezone()
    assert in_zone(at, UTC).endswith("UTC")
