"""The check-in: when it is wanted, when it may go out, and when it waits for the morning."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from facts import (
    A_DAY,
    A_MOMENT,
    A_SECOND,
    NOW,
    PATIENT,
    USER,
    WORDING,
    check_in,
)
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import User
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.check_in import CHECK_IN
from sequora_orchestration.messages.kind import Postponement, Suppression


def test_a_patient_is_checked_in_on_by_day() -> None:
    """At ten in the morning where she is, with an episode, a phone and no STOP."""
    assert CHECK_IN.unwanted(check_in()) is None
    assert CHECK_IN.unreachable(check_in()) is None
    assert CHECK_IN.text(check_in(), WORDING).startswith("Hi Maria, ")


@pytest.mark.parametrize("due_at", [None, NOW])
def test_without_an_episode_there_is_no_check_in(due_at: datetime | None) -> None:
    """Neither is it scheduled nor sent."""
    assert CHECK_IN.unwanted(check_in(episode=None, due_at=due_at)) == Suppression(
        State.CANCELLED, "the episode does not exist (any more)", Cause.EPISODE_GONE
    )


@pytest.mark.parametrize("recipient", [None, USER])
def test_without_a_patient_there_is_no_check_in(recipient: User | None) -> None:
    """And a member of staff is never taken for one. Until it is due there may be one yet."""
    assert CHECK_IN.unreachable(check_in(recipient, due_at=None)) is None
    assert CHECK_IN.unreachable(check_in(recipient, due_at=NOW)) == Suppression(
        State.CANCELLED, "the episode's patient does not exist (any more)", Cause.RECIPIENT_GONE
    )
    with pytest.raises(TypeError, match="needs the patient"):
        CHECK_IN.text(check_in(recipient), WORDING)


@pytest.mark.parametrize("late", [-A_DAY, timedelta(0), timedelta(hours=23), A_DAY - A_SECOND, A_DAY])
def test_a_check_in_is_wanted_for_a_day_after_it_was_due(late: timedelta) -> None:
    """And before, by whoever asks for it by name."""
    assert CHECK_IN.unwanted(check_in(due_at=NOW - late)) is None


@pytest.mark.parametrize("late", [A_DAY + A_MOMENT, A_DAY + A_SECOND, timedelta(days=30)])
def test_a_check_in_that_is_more_than_a_day_late_is_stale(late: timedelta) -> None:
    """A patient who is asked days later how today is would wonder what the question is about."""
    assert CHECK_IN.unwanted(check_in(due_at=NOW - late)) == Suppression(
        State.CANCELLED, "stale: it could not be sent for more than a day after it was due", Cause.STALE
    )


def test_a_check_in_that_has_no_time_yet_is_not_stale() -> None:
    """It is about to be given one."""
    assert CHECK_IN.unwanted(check_in(due_at=None, now=NOW + timedelta(days=30))) is None


@pytest.mark.parametrize("phone", [None, "", "555-CALL-ME", "+12025550151"])
@pytest.mark.parametrize("opted_out", [True, False])
@pytest.mark.parametrize("hour", [3, 15])
def test_a_check_in_is_scheduled_whatever_the_phone_and_the_hour(
    phone: str | None,
    opted_out: bool,  # noqa: FBT001
    hour: int,
) -> None:
    """Whether she can be texted is asked when it is sent: a number may be mended by then."""
    known = check_in(
        replace(PATIENT, primary_phone=phone), due_at=None, now=NOW.replace(hour=hour), opted_out=opted_out
    )
    assert CHECK_IN.unreachable(known) is None


@pytest.mark.parametrize(
    ("phone", "cause", "reason"),
    [
        (None, Cause.UNUSABLE_PHONE, "no phone number on file; correct the patient's phone"),
        (" ", Cause.UNUSABLE_PHONE, "no phone number on file; correct the patient's phone"),
        (
            "555-CALL-ME",
            Cause.UNUSABLE_PHONE,
            "the phone number on file has letters in it; correct the patient's phone",
        ),
        (
            "555-0123",
            Cause.UNUSABLE_PHONE,
            "the phone number on file is too short, too long or has no area code; correct the patient's phone",
        ),
    ],
)
@pytest.mark.parametrize("hour", [3, 15])
def test_a_patient_without_a_usable_phone_fails_the_check_in(
    phone: str | None, cause: Cause, reason: str, hour: int
) -> None:
    """By day or by night: a person can see it and mend it."""
    known = check_in(replace(PATIENT, primary_phone=phone), now=NOW.replace(hour=hour))
    assert CHECK_IN.unreachable(known) == Suppression(State.FAILED, reason, cause)


@pytest.mark.parametrize("hour", [3, 15])
def test_a_patient_who_has_opted_out_is_not_checked_in_on(hour: int) -> None:
    """That is her wish and no failure; by day or by night."""
    assert CHECK_IN.unreachable(check_in(now=NOW.replace(hour=hour), opted_out=True)) == Suppression(
        State.CANCELLED, "opted out: the patient's number has replied STOP", Cause.OPTED_OUT
    )


# In New York, of which this is winter, it is day from 14:00 to 01:00 UTC.
MORNING = datetime(2026, 3, 3, 14, tzinfo=UTC)


EVENING = datetime(2026, 3, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("now", [MORNING, MORNING + A_MOMENT, MORNING + A_SECOND, EVENING - A_SECOND])
def test_a_patient_is_texted_from_nine_to_just_before_eight(now: datetime) -> None:
    """By her own clock."""
    assert CHECK_IN.unreachable(check_in(due_at=now, now=now)) is None


@pytest.mark.parametrize("now", [EVENING, EVENING + A_SECOND, MORNING - timedelta(hours=5), MORNING - A_SECOND])
def test_a_check_in_that_would_go_out_at_night_waits_for_the_morning(now: datetime) -> None:
    """A worker that comes back at three is no reason to wake her."""
    postponement = CHECK_IN.unreachable(check_in(due_at=EVENING - timedelta(hours=1), now=now))
    assert postponement == Postponement(MORNING, "it is night where the patient is: moved to the morning", Cause.NIGHT)
    assert postponement.state is State.SCHEDULED


@pytest.mark.parametrize(
    ("zone", "until"),
    [
        ("America/New_York", None),
        ("Pacific/Honolulu", datetime(2026, 3, 2, 19, tzinfo=UTC)),
        ("Pacific/Guam", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        (None, datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("America", datetime(2026, 3, 2, 23, tzinfo=UTC)),
        ("\0", datetime(2026, 3, 2, 23, tzinfo=UTC)),
    ],
)
def test_it_is_night_where_the_patient_is_now(zone: str | None, until: datetime | None) -> None:
    """Her zone is read anew when the text is sent; where it is not known, it is day when it is day everywhere."""
    withheld = CHECK_IN.unreachable(check_in(replace(PATIENT, timezone=zone)))
    assert withheld == (
        until and Postponement(until, "it is night where the patient is: moved to the morning", Cause.NIGHT)
    )


@pytest.mark.parametrize("late", [A_DAY - A_SECOND, A_DAY])
def test_at_night_a_check_in_is_kept_that_is_a_day_late_by_the_morning(late: timedelta) -> None:
    """To the very moment."""
    withheld = CHECK_IN.unreachable(check_in(due_at=MORNING - late, now=MORNING - timedelta(hours=9)))
    assert isinstance(withheld, Postponement)
    assert withheld.until == MORNING


@pytest.mark.parametrize("late", [A_DAY + A_MOMENT, A_DAY + A_SECOND, timedelta(days=2)])
def test_at_night_a_check_in_is_dropped_that_is_more_than_a_day_late_by_the_morning(late: timedelta) -> None:
    """There is no use in letting it wait."""
    known = check_in(due_at=MORNING - late, now=MORNING - timedelta(hours=9))
    assert CHECK_IN.unreachable(known) == Suppression(
        State.CANCELLED, "stale: by the patient's next morning it would be more than a day late", Cause.STALE
    )


def test_a_check_in_that_was_put_off_once_is_not_put_off_for_ever() -> None:
    """Its first due time counts, not the morning to which it was moved."""
    known = check_in(due_at=MORNING, now=MORNING + timedelta(hours=12))
    put_off = replace(known, message=replace(known.message, owed_since=EVENING - A_SECOND))
    assert CHECK_IN.unreachable(put_off) == Suppression(
        State.CANCELLED, "stale: by the patient's next morning it would be more than a day late", Cause.STALE
    )


@given(st.text(alphabet="0123456789+-() x", max_size=30), st.sampled_from([3, 15]))
def test_the_reason_why_a_patient_is_not_texted_holds_nothing_of_her(phone: str, hour: int) -> None:
    """It is kept in the ledger, which may be shown."""
    withheld = CHECK_IN.unreachable(check_in(replace(PATIENT, primary_phone=phone), now=NOW.replace(hour=hour)))
    assert withheld is None or not any(character.isdigit() for character in withheld.reason)
    assert withheld is None or "Maria" not in withheld.reason
