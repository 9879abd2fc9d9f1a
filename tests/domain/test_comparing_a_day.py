"""A day's list against what the ledger knows of it, as pure rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.reconciliation import (
    ALARM,
    UNKNOWN,
    Comparison,
    KnownText,
    Likeness,
    NotLiveYetError,
    Reconciliation,
    SentText,
    UnfitDayError,
    fit_day,
)
from sequora_orchestration.domain.reconciliation_words import NAMED, complaints

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
APP = "https://app.example.com"


def a_text(sid: str, body: str | None = "Hello", **fields: object) -> SentText:
    text = SentText(
        provider_id=sid,
        to="+12025550199",
        body=body,
        at=NOON,
        status="delivered",
        code=None,
        segments=1,
        price=Decimal("0.0079"),
        currency="USD",
        is_by_request=True,
    )
    return replace(text, **fields)  # type: ignore[arg-type]


def known(sid: str, state: State | None = State.DELIVERED, *, awaits_receipt: bool = False) -> dict[str, KnownText]:
    """Return what the ledger knows of a text."""
    text = KnownText(
        provider_id=sid,
        message_id=f"message of {sid}",
        kind="check-in",
        state=state,
        sent_at=NOON,
        awaits_receipt=awaits_receipt,
    )
    return {sid: text}


def a_comparison() -> Comparison:
    return Comparison(app_url=f"{APP}/", alarm_number="+12025550191")


def prints(*texts: SentText) -> dict[str, str]:
    """Return fingerprints as a channel makes them."""
    return {text.provider_id: f"{text.to}:{text.body}" for text in texts if text.body is not None}


def test_a_doubled_text_is_found_whichever_page_comes_first() -> None:
    """The list is newest first: the second of two comes before the first."""
    for pages in ([a_text("SM2"), a_text("SM1")], [a_text("SM1"), a_text("SM2")]):
        comparison = a_comparison()
        for text in pages:
            comparison.add([text], known=known("SM1"), fingerprints=prints(text), given_up={})
        (orphan,) = comparison.orphans()
        assert (orphan.provider_id, orphan.likeness) == ("SM2", Likeness.DOUBLED)
        assert orphan.message_id == "message of SM1"


def test_two_unknown_texts_with_the_same_words_are_no_doubled_one_of_ours() -> None:
    """Others may send the same twice."""
    texts, comparison = [a_text("SM1"), a_text("SM2")], a_comparison()
    comparison.add(texts, known={}, fingerprints=prints(*texts), given_up={})
    assert [one.likeness for one in comparison.orphans()] == [Likeness.OTHER, Likeness.OTHER]


def test_texts_that_are_hidden_are_never_taken_for_one_another() -> None:
    """They have no fingerprint."""
    texts, comparison = [a_text("SM1", None), a_text("SM2", None, to="+1202555XXXX")], a_comparison()
    comparison.add(texts, known=known("SM1"), fingerprints={}, given_up={})
    (orphan,) = comparison.orphans()
    assert (orphan.likeness, orphan.recipient) == (Likeness.OTHER, "hidden")


def test_the_worst_come_first_and_then_the_newest() -> None:
    """A doubled one, one with a link to a task, and the others."""
    texts = [
        a_text("SM-old", at=NOON - timedelta(hours=1)),
        a_text("SM-new"),
        a_text("SM-link", f"View: {APP}/tasks/1"),
        a_text("SM-doubled", "given up"),
        a_text("SM-elsewhere", "https://elsewhere.example.com/tasks/1", at=NOON - timedelta(hours=2)),
    ]
    comparison = a_comparison()
    comparison.add(texts, known={}, fingerprints=prints(*texts), given_up={"SM-doubled": "a message"})
    assert [one.provider_id for one in comparison.orphans()] == [
        "SM-doubled",
        "SM-link",
        "SM-new",
        "SM-old",
        "SM-elsewhere",
    ]


def test_a_text_on_two_pages_counts_once() -> None:
    """Pages may shift."""
    comparison = a_comparison()
    for _ in range(2):
        comparison.add([a_text("SM1"), a_text("SM2")], known=known("SM1"), fingerprints={}, given_up={})
    assert {kind: tally.texts for kind, tally in comparison.tallies.items()} == {"check-in": 1, UNKNOWN: 1}
    assert len(comparison.orphans()) == 1


def test_sums_keep_currencies_apart_and_leave_out_what_has_no_price() -> None:
    """To the cent and beyond: decimals."""
    comparison = a_comparison()
    texts = [
        a_text("SM1", price=Decimal("0.1")),
        a_text("SM2", price=Decimal("0.2"), segments=2),
        a_text("SM3", price=Decimal("0.3"), currency="EUR"),
        a_text("SM4", price=None),
    ]
    comparison.add(texts, known={}, fingerprints={}, given_up={})
    tally = comparison.tallies[UNKNOWN]
    assert (tally.texts, tally.segments, tally.unpriced) == (4, 5, 1)
    assert tally.prices == {"USD": Decimal("0.3"), "EUR": Decimal("0.3")}


def test_an_engineer_who_is_a_nurse_or_a_supervisor_too_may_have_a_text_twice() -> None:
    """A text with a link to a task, or of an attempt that was given up, is no alarm."""
    comparison = a_comparison()
    texts = [a_text("SM1", f"View: {APP}/tasks/1", to="+12025550191"), a_text("SM2", to="+12025550191")]
    comparison.add(texts, known={}, fingerprints=prints(*texts), given_up={"SM2": "a message"})
    assert [(one.provider_id, one.likeness) for one in comparison.orphans()] == [
        ("SM2", Likeness.DOUBLED),
        ("SM1", Likeness.OURS),
    ]


def test_alarms_and_webhooks_answers_are_no_orphans() -> None:
    """An alarm has no row; an answer by TwiML is never ours."""
    comparison = a_comparison()
    texts = [a_text("SM1", to="+12025550191"), a_text("SM2", is_by_request=False)]
    comparison.add(texts, known={}, fingerprints={}, given_up={})
    assert comparison.orphans() == []
    assert (list(comparison.tallies), comparison.answers) == ([ALARM], 1)


@pytest.mark.parametrize(
    ("ours", "awaits", "status", "differs"),
    [
        (State.DELIVERED, False, "undelivered", True),
        (State.UNDELIVERED, False, "delivered", True),
        (State.SENT, False, "delivered", True),
        (State.SENT, True, "delivered", False),
        (State.SENT, False, "sent", False),
        (State.DELIVERED, False, "sent", False),
        (State.DELIVERED, False, "delivered", False),
        (None, False, "undelivered", False),
        (State.QUEUED, False, "delivered", False),
    ],
)
def test_fates_differ_only_where_both_sides_know_one(
    ours: State | None, status: str, *, awaits: bool, differs: bool
) -> None:
    """A receipt that is still to be asked for is none yet; an attempt that was given up has no fate of its own."""
    comparison = a_comparison()
    texts = [a_text("SM1", status=status)]
    comparison.add(texts, known=known("SM1", ours, awaits_receipt=awaits), fingerprints={}, given_up={})
    assert bool(comparison.differing) == differs


def found(**fields: object) -> Reconciliation:
    nothing = Reconciliation(
        day=NOON.date(),
        tallies={},
        answers=0,
        orphans=[],
        missing=[],
        unasked=0,
        differing=[],
        log_owes_rows=0,
        log_owes_receipts=0,
    )
    return replace(nothing, **fields)  # type: ignore[arg-type]


def test_where_nothing_is_found_there_is_nothing_to_look_at() -> None:
    """A webhook's answers are nothing to look at, either."""
    assert complaints(found(answers=5)) == []


def test_what_is_missing_is_serious_and_ten_are_named() -> None:
    """With their messages' ids, by which a timeline says who was meant."""
    missing = [known(f"SM{place}")[f"SM{place}"] for place in range(NAMED + 2)]
    (complaint,) = complaints(found(missing=missing))
    assert complaint.is_serious
    assert "does not have 12 texts" in complaint.sentence
    assert "SM9 (message message of SM9) and 2 more" in complaint.sentence


@pytest.mark.parametrize("owed", [{"log_owes_rows": 2}, {"log_owes_receipts": 2}, {"unasked": 2}])
def test_what_may_wait_is_not_serious(owed: dict[str, int]) -> None:
    """It makes the check yellow."""
    (complaint,) = complaints(found(**owed))
    assert not complaint.is_serious


LIVE = NOON - 30 * DAY
EAST = timezone(timedelta(hours=13))


def fitted(day: date | None, now: datetime = NOON) -> date:
    return fit_day(day, now=now, live_since=LIVE, kept=400 * DAY)


def test_without_a_day_it_is_yesterday_by_utc() -> None:
    """Wherever the database's session is."""
    assert fitted(None) == date(2026, 3, 1)
    west = datetime.fromisoformat("2026-03-01T20:00:00-05:00")
    assert fitted(None, west) == date(2026, 3, 1)


def test_a_day_that_went_live_in_its_course_can_be_compared() -> None:
    """What the application sent before is unknown then."""
    assert fitted(LIVE.date()) == LIVE.date()
    with pytest.raises(UnfitDayError, match="has been live since 2026-01-31 12:00 UTC"):
        fitted((LIVE - DAY).date())


def test_the_day_before_the_system_went_live_is_no_mistake() -> None:
    """Every first night asks for it; an earlier one only a person can ask for."""
    for live_since in (LIVE, datetime.fromisoformat("2026-01-31T00:00:00Z"), LIVE.astimezone(EAST)):
        with pytest.raises(NotLiveYetError) as raised:
            fit_day(date(2026, 1, 30), now=NOON, live_since=live_since, kept=400 * DAY)
        assert raised.value.day == date(2026, 1, 30)
        with pytest.raises(UnfitDayError) as refused:
            fit_day(date(2026, 1, 29), now=NOON, live_since=live_since, kept=400 * DAY)
        assert not isinstance(refused.value, NotLiveYetError)


@pytest.mark.parametrize("ahead", [0, 1, 400])
def test_a_day_that_is_not_over_cannot(ahead: int) -> None:
    """Its last texts are still to come."""
    with pytest.raises(UnfitDayError, match="the last whole day is 2026-03-01"):
        fitted((NOON + ahead * DAY).date())


def test_a_day_whose_messages_may_have_been_deleted_cannot() -> None:
    """All its texts would be unknown."""
    kept = 30 * DAY
    with pytest.raises(UnfitDayError, match="messages are kept for 30 days"):
        fit_day(date(2026, 1, 31), now=NOON + 2 * DAY, live_since=NOON - 400 * DAY, kept=kept)
