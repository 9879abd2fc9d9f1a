"""When a patient is texted: by day, wherever the patient is, and in time for a first contact to count."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sequora_orchestration.domain.daytime import US_ZONES, known_zone
from sequora_orchestration.messages.check_in import CheckInTime, check_in_time, end_of_window

NEW_YORK = "America/New_York"
HONOLULU = "Pacific/Honolulu"
A_DAY = timedelta(hours=24)
A_SECOND = timedelta(seconds=1)
NO_DELAY = timedelta(0)

ZONES = sorted(name for name in available_timezones() if known_zone(name))

# What a column of text may hold that is no zone: nothing, a region, a path, an abbreviation of one's own, any length.
NO_ZONES = [
    None,
    "",
    " \t",
    "America",
    "America/Nowhere",
    "America/New_York\0",
    "America/New_York/",
    "\0",
    "../etc/passwd",
    "/etc/passwd",
    "./UTC",
    "America/../UTC",
    "UTC+5",
    "UTC",
    "Etc/UTC",
    "GMT",
    "Zulu",
    "Factory",
    "Bogotá",
    "\ud800",
    "A" * 10_000,
    "A/" * 5_000,
]

# Of states and territories from one end of the US to the other, the northern ones with summer time, the others without.
IN_THE_US = [
    *("America/Puerto_Rico", "America/St_Thomas", "America/New_York", "America/Detroit", "America/Chicago"),
    *("America/Indiana/Indianapolis", "America/Denver", "America/Boise", "America/Phoenix", "America/Los_Angeles"),
    *("America/Anchorage", "America/Nome", "America/Adak", HONOLULU, "Pacific/Pago_Pago", "Pacific/Guam"),
    "Pacific/Saipan",
]


def sunday(year: int, month: int, number: int) -> datetime:
    """Return the month's first, second ... Sunday, or counted from its end: -1 is the last."""
    first = date(year, month, 1)
    sundays = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).weekday() == 6]
    return datetime.combine([day for day in sundays if day.month == month][number], time(), tzinfo=UTC)


# When clocks change, in the US and in Europe, to the day.
CHANGES = [
    sunday(year, month, number) for year in range(2007, 2100) for month, number in ((3, 1), (11, 0), (3, -1), (10, -1))
]


def moments(year: int) -> st.SearchStrategy[datetime]:
    """Draw moments from the year on, every other one within three days of a change of clocks."""
    return st.one_of(
        st.datetimes(datetime(year, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
        st.builds(
            lambda change, after: change + after,
            st.sampled_from(CHANGES),
            st.timedeltas(timedelta(days=-3), timedelta(days=3)),
        ),
    )


# The tz database vouches for what clocks showed since 1970; of the US it knows more.
MOMENTS = moments(1970)
US_MOMENTS = moments(1950)
DELAYS = st.timedeltas(NO_DELAY, timedelta(days=5))


def local(zone: str, *when: int, fold: int = 0) -> datetime:
    """Return the moment at which clocks in the zone show this: year, month, day, and what of the time is not 0."""
    year, month, day, hour, minute, second, microsecond = (*when, 0, 0, 0, 0)[:7]
    shown = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=ZoneInfo(zone), fold=fold)
    return shown.astimezone(UTC)


def is_day(moment: datetime, *zones: str) -> bool:
    """Tell whether clocks in all of the zones show nine o'clock or later, and not yet eight in the evening."""
    return all(9 <= moment.astimezone(ZoneInfo(zone)).hour < 20 for zone in zones)


def check_in(
    created_at: datetime, zone: str | None, delay: timedelta = A_DAY, discharged_at: datetime | None = None
) -> CheckInTime:
    return check_in_time(created_at=created_at, discharged_at=discharged_at, timezone=zone, delay=delay)


def assert_first_daytime(due_at: datetime, earliest: datetime, *zones: str) -> None:
    """Look at what lies between, every quarter of an hour, and at the last moment of it."""
    assert is_day(due_at, *zones)
    assert earliest <= due_at < earliest + A_DAY
    moment = earliest
    while moment < due_at:
        assert not is_day(moment, *zones)
        moment += timedelta(minutes=15)
    if due_at > earliest:
        assert not is_day(due_at - timedelta(microseconds=1), *zones)
        assert not is_day(max(earliest, due_at - A_SECOND), *zones)


# --- where the zone is known ------------------------------------------------------------------------------------------


@given(MOMENTS, DELAYS, st.sampled_from(ZONES))
@example(datetime(2011, 12, 29, 12, tzinfo=UTC), A_DAY, "Pacific/Apia")  # where a day was left out
@example(datetime(1994, 12, 31, 8, tzinfo=UTC), NO_DELAY, "Pacific/Kiritimati")
@example(datetime(1993, 8, 20, 8, tzinfo=UTC), A_DAY, "Pacific/Kwajalein")
def test_a_check_in_is_due_by_day_where_the_patient_is(created_at: datetime, delay: timedelta, zone: str) -> None:
    """Whatever the zone, its summer time, and the hour at which the episode was created."""
    assert is_day(check_in(created_at, zone, delay).due_at, zone)


@given(MOMENTS, DELAYS, st.sampled_from(ZONES))
def test_a_check_in_is_never_due_before_its_delay_is_over(created_at: datetime, delay: timedelta, zone: str) -> None:
    """The night is left for the morning after it, not for the evening before."""
    assert check_in(created_at, zone, delay).due_at >= created_at + delay


@given(MOMENTS, DELAYS, st.sampled_from(ZONES))
def test_a_check_in_that_falls_into_the_day_stays_where_it_is(
    created_at: datetime, delay: timedelta, zone: str
) -> None:
    """To the microsecond; and only what falls into the night is moved."""
    due_at = check_in(created_at, zone, delay).due_at
    assert (due_at == created_at + delay) == is_day(created_at + delay, zone)


@given(MOMENTS, DELAYS, st.sampled_from(ZONES))
def test_a_check_in_is_due_as_early_as_is_permitted(created_at: datetime, delay: timedelta, zone: str) -> None:
    """Between the end of the delay and the due time it is night, and that is less than a day."""
    assert_first_daytime(check_in(created_at, zone, delay).due_at, created_at + delay, zone)


@given(US_MOMENTS, DELAYS, st.sampled_from(US_ZONES))
def test_in_the_us_it_is_due_at_nine_of_the_same_day_or_of_the_next(
    created_at: datetime, delay: timedelta, zone: str
) -> None:
    """A night is at most the thirteen hours from eight to nine, and one more when clocks are put back."""
    due_at = check_in(created_at, zone, delay).due_at
    assert_first_daytime(due_at, created_at + delay, zone)
    assert due_at - (created_at + delay) <= timedelta(hours=14)
    if due_at > created_at + delay:
        assert due_at.astimezone(ZoneInfo(zone)).time() == time(9)


@given(MOMENTS, st.sampled_from(ZONES), st.integers(-14, 14))
def test_it_is_the_moment_that_counts_and_not_how_it_is_written(created_at: datetime, zone: str, offset: int) -> None:
    """The database writes times with the offset of its own session."""
    elsewhere = created_at.astimezone(timezone(timedelta(hours=offset)))
    assert check_in(elsewhere, zone) == check_in(created_at, zone)


SHOWN_AND_DUE = [
    ((8, 59, 59), (0, 9, 0, 0)),
    ((9, 0, 0), (0, 9, 0, 0)),
    ((9, 0, 1), (0, 9, 0, 1)),
    ((19, 59, 59), (0, 19, 59, 59)),
    ((20, 0, 0), (1, 9, 0, 0)),
    ((20, 0, 1), (1, 9, 0, 0)),
    ((23, 59, 59), (1, 9, 0, 0)),
    ((0, 0, 0), (0, 9, 0, 0)),
]


@pytest.mark.parametrize("zone", [NEW_YORK, HONOLULU])
@pytest.mark.parametrize("day", [(2026, 3, 7), (2026, 3, 8), (2026, 6, 15), (2026, 10, 31), (2026, 11, 1)])
@pytest.mark.parametrize(("shown", "due"), SHOWN_AND_DUE)
def test_the_day_is_from_nine_to_just_before_eight_by_the_patients_clock(
    zone: str, day: tuple[int, int, int], shown: tuple[int, int, int], due: tuple[int, int, int, int]
) -> None:
    """To the second, on the days of 2026 when clocks change and on those before them."""
    days_later, *clock = due
    later = date(*day) + timedelta(days=days_later)
    expected = local(zone, later.year, later.month, later.day, *clock)
    assert check_in(local(zone, *day, *shown), zone, NO_DELAY).due_at == expected


@pytest.mark.parametrize(
    ("zone", "evening", "hours"),
    [
        (NEW_YORK, (2026, 3, 7), 12),
        (NEW_YORK, (2026, 6, 15), 13),
        (NEW_YORK, (2026, 10, 31), 14),
        (HONOLULU, (2026, 3, 7), 13),
        (HONOLULU, (2026, 10, 31), 13),
    ],
)
def test_a_night_in_which_clocks_change_is_an_hour_shorter_or_longer(
    zone: str, evening: tuple[int, int, int], hours: int
) -> None:
    """And where they do not change, it is not."""
    night = local(zone, *evening, 20)
    assert check_in(night - A_DAY, zone).due_at - night == timedelta(hours=hours)


@pytest.mark.parametrize("fold", [0, 1])
def test_an_hour_that_comes_twice_is_night_both_times(fold: int) -> None:
    """Half past one on the night when clocks are put back."""
    twice = local(NEW_YORK, 2026, 11, 1, 1, 30, fold=fold)
    assert check_in(twice, NEW_YORK, NO_DELAY).due_at == datetime(2026, 11, 1, 14, tzinfo=UTC)


def test_a_last_microsecond_of_the_day_is_day() -> None:
    """What counts is the clock's hour."""
    last = local(NEW_YORK, 2026, 6, 15, 19, 59, 59, 999_999)
    assert check_in(last, NEW_YORK, NO_DELAY).due_at == last
    assert check_in(last + timedelta(microseconds=1), NEW_YORK, NO_DELAY).due_at == local(NEW_YORK, 2026, 6, 16, 9)


@pytest.mark.parametrize("typed", [NEW_YORK, f" {NEW_YORK}", f"{NEW_YORK}\n"])
def test_a_zone_is_known_by_its_name(typed: str) -> None:
    """Blanks around it are a slip of the hand."""
    assert check_in(local(NEW_YORK, 2026, 6, 15, 12), typed).zone == NEW_YORK


# --- where the zone is not known --------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", NO_ZONES)
def test_what_is_no_zone_is_not_known(zone: str | None) -> None:
    """Whatever the column holds, it raises nothing and opens no other file."""
    assert known_zone(zone) is None
    assert check_in(local(NEW_YORK, 2026, 6, 15, 12), zone).zone is None


@given(US_MOMENTS, DELAYS, st.sampled_from(NO_ZONES))
def test_where_the_zone_is_not_known_it_is_due_when_it_is_day_in_all_of_the_us(
    created_at: datetime, delay: timedelta, zone: str | None
) -> None:
    """At once, from Puerto Rico to Guam, and as early as that is so."""
    assert_first_daytime(check_in(created_at, zone, delay).due_at, created_at + delay, *US_ZONES)


@given(MOMENTS, DELAYS)
def test_where_the_zone_is_not_known_nobody_in_the_us_is_texted_at_night(
    created_at: datetime, delay: timedelta
) -> None:
    """In no state and in no territory where people live."""
    assert is_day(check_in(created_at, None, delay).due_at, *IN_THE_US)


@given(US_MOMENTS, st.timedeltas(NO_DELAY, timedelta(minutes=59, seconds=59)))
def test_there_is_an_hour_every_day_that_is_day_in_all_of_the_us(created_at: datetime, after: timedelta) -> None:
    """From 23:00 to 24:00 UTC, summer and winter."""
    moment = created_at.replace(hour=23, minute=0, second=0, microsecond=0) + after
    assert check_in(moment, None, NO_DELAY).due_at == moment


@given(US_MOMENTS, st.text() | st.sampled_from(ZONES))
def test_any_text_is_a_zone_or_is_not_known(created_at: datetime, typed: str) -> None:
    """Either way it is day there, and nobody is left without a check-in."""
    when = check_in(created_at, typed)
    assert is_day(when.due_at, *([when.zone] if when.zone else US_ZONES))


# --- Medicare's window ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("discharged", "last_day"),
    [
        pytest.param((2026, 3, 2), (2026, 3, 4), id="Monday"),
        pytest.param((2026, 3, 4), (2026, 3, 6), id="Wednesday"),
        pytest.param((2026, 3, 5), (2026, 3, 9), id="Thursday, and clocks change on Sunday"),
        pytest.param((2026, 3, 6), (2026, 3, 10), id="Friday"),
        pytest.param((2026, 3, 7), (2026, 3, 10), id="Saturday"),
        pytest.param((2026, 3, 8), (2026, 3, 10), id="Sunday"),
        pytest.param((2026, 11, 25), (2026, 11, 30), id="the day before Thanksgiving"),
        pytest.param((2026, 11, 26), (2026, 11, 30), id="Thanksgiving"),
        pytest.param((2026, 12, 22), (2026, 12, 24), id="Christmas Eve is a business day"),
        pytest.param((2026, 12, 24), (2026, 12, 29), id="the day before Christmas"),
        pytest.param((2026, 12, 25), (2026, 12, 29), id="Christmas"),
        pytest.param((2026, 7, 2), (2026, 7, 7), id="4 July, a Saturday, observed on Friday"),
        pytest.param((2027, 7, 2), (2027, 7, 7), id="4 July, a Sunday, observed on Monday"),
        pytest.param((2026, 6, 18), (2026, 6, 23), id="the day before Juneteenth"),
        pytest.param((2026, 12, 31), (2027, 1, 5), id="New Year's Eve"),
        pytest.param((2027, 12, 30), (2028, 1, 4), id="New Year of 2028, observed in 2027"),
        pytest.param((2026, 4, 2), (2026, 4, 6), id="Good Friday is no federal holiday"),
    ],
)
@pytest.mark.parametrize("clock", [(0, 0), (10, 0), (23, 30), (23, 59, 59, 999_999)])
@pytest.mark.parametrize("zone", [NEW_YORK, HONOLULU, "Pacific/Guam"])
def test_the_window_ends_with_the_second_business_day_after_the_discharge(
    zone: str, clock: tuple[int, ...], discharged: tuple[int, int, int], last_day: tuple[int, int, int]
) -> None:
    """By the zone's calendar: at half past eleven in the evening it is still that day, whatever UTC's is."""
    after = date(*last_day) + timedelta(days=1)
    ends = end_of_window(local(zone, *discharged, *clock), ZoneInfo(zone))
    assert ends == local(zone, after.year, after.month, after.day)


def test_the_same_discharge_is_of_another_day_where_the_patient_is_elsewhere() -> None:
    """Half past eleven of a Monday in New York is Tuesday in Guam, and Monday in Honolulu."""
    discharged_at = local(NEW_YORK, 2026, 3, 2, 23, 30)
    assert end_of_window(discharged_at, ZoneInfo(NEW_YORK)) == local(NEW_YORK, 2026, 3, 5)
    assert end_of_window(discharged_at, ZoneInfo(HONOLULU)) == local(HONOLULU, 2026, 3, 5)
    assert end_of_window(discharged_at, ZoneInfo("Pacific/Guam")) == local("Pacific/Guam", 2026, 3, 6)


@pytest.mark.parametrize(("zone", "counted_in"), [(HONOLULU, HONOLULU), (NEW_YORK, NEW_YORK), (None, NEW_YORK)])
def test_the_window_is_counted_where_the_patient_is_or_else_where_most_are(zone: str | None, counted_in: str) -> None:
    """On the east coast."""
    when = check_in(datetime(2026, 3, 2, 15, tzinfo=UTC), zone)
    assert when.window_ends == local(counted_in, 2026, 3, 5)


def test_the_window_begins_with_the_discharge_or_else_with_the_episodes_creation() -> None:
    """A discharge that nobody has entered is taken for the moment in which the episode appeared."""
    created_at, discharged_at = local(NEW_YORK, 2026, 3, 4, 10), local(NEW_YORK, 2026, 3, 2, 10)
    assert check_in(created_at, NEW_YORK).window_ends == local(NEW_YORK, 2026, 3, 7)
    assert check_in(created_at, NEW_YORK, discharged_at=discharged_at).window_ends == local(NEW_YORK, 2026, 3, 5)


@given(US_MOMENTS, st.sampled_from([*US_ZONES, None]))
def test_who_is_entered_at_the_discharge_is_checked_in_on_in_time(created_at: datetime, zone: str | None) -> None:
    """With the delay of a day, at whatever hour, whether or not the zone is known."""
    when = check_in(created_at, zone, discharged_at=created_at)
    assert when.is_in_window
    assert "Medicare" not in when.reason


@pytest.mark.parametrize("zone", [NEW_YORK, HONOLULU, None])
@pytest.mark.parametrize("days_late", [3, 7, 30])
def test_who_is_entered_late_is_checked_in_on_all_the_same_and_the_reason_says_so(
    zone: str | None, days_late: int
) -> None:
    """A late check-in is better than none, and a person can see that it does not count."""
    discharged_at = local(NEW_YORK, 2026, 3, 2, 10)
    when = check_in(discharged_at + timedelta(days=days_late), zone, discharged_at=discharged_at)
    assert not when.is_in_window
    assert when.due_at >= discharged_at + timedelta(days=days_late) + A_DAY
    assert "after Medicare's two business days" in when.reason


@given(US_MOMENTS, st.timedeltas(NO_DELAY, timedelta(days=14)), st.sampled_from([*US_ZONES, None]))
def test_the_reason_speaks_of_the_window_exactly_when_it_is_missed(
    discharged_at: datetime, late: timedelta, zone: str | None
) -> None:
    """Sentence and fact cannot part."""
    when = check_in(discharged_at + late, zone, discharged_at=discharged_at)
    assert when.is_in_window == (when.due_at < when.window_ends)
    assert when.is_in_window == ("Medicare" not in when.reason)


def test_the_window_is_over_at_the_moment_at_which_it_ends() -> None:
    """Midnight belongs to the next day."""
    ends = local(NEW_YORK, 2026, 3, 5)
    at_its_end = CheckInTime(due_at=ends, reason="", zone=NEW_YORK, window_ends=ends)
    just_before = CheckInTime(due_at=ends - timedelta(microseconds=1), reason="", zone=NEW_YORK, window_ends=ends)
    assert not at_its_end.is_in_window
    assert just_before.is_in_window


# --- why then ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created", "zone", "reason"),
    [
        ((12, 0), NEW_YORK, "24 h after the episode's creation"),
        ((21, 0), NEW_YORK, "24 h after the episode's creation, moved out of the night to 9:00 where the patient is"),
        (
            (12, 0),
            "America",
            "24 h after the episode's creation, moved to an hour that is day in every US zone: "
            "the patient's is not known",
        ),
        ((19, 30), None, "24 h after the episode's creation"),
    ],
)
def test_the_reason_says_how_long_after_and_what_it_was_moved_for(
    created: tuple[int, int], zone: str | None, reason: str
) -> None:
    """A person who wonders about the hour finds the answer next to it."""
    assert check_in(local(NEW_YORK, 2026, 6, 15, *created), zone).reason == reason


@pytest.mark.parametrize(
    ("delay", "words"),
    [
        (timedelta(seconds=5), "5 s after"),
        (timedelta(minutes=1), "60 s after"),
        (timedelta(hours=1), "1 h after"),
        (timedelta(hours=1, minutes=30), "1.5 h after"),
        (timedelta(days=2), "48 h after"),
    ],
)
def test_the_reason_says_the_delay_as_it_was_set(delay: timedelta, words: str) -> None:
    """Short ones are set by those who try it out."""
    assert check_in(local(NEW_YORK, 2026, 6, 15, 12), NEW_YORK, delay).reason.startswith(words)


@given(
    US_MOMENTS,
    st.timedeltas(NO_DELAY, timedelta(days=14)),
    st.sampled_from([*US_ZONES, "12 Main Street", "Ms. Reyes", "+12025550151"]),
)
def test_the_reason_says_nothing_of_the_patient(discharged_at: datetime, late: timedelta, zone: str) -> None:
    """It is kept in the ledger, which may be shown: neither where the patient is nor when the discharge was."""
    reason = check_in(discharged_at + late, zone, discharged_at=discharged_at).reason
    assert zone not in reason
    without_hours = reason.replace("24 h", "").replace("9:00", "")
    assert not any(character.isdigit() for character in without_hours)
