"""A day's list against what the ledger knows of it, as pure rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from sequora_orchestration.domain.comparison import Comparison
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.reconciliation import (
    ALARM,
    UNKNOWN,
    Differing,
    KnownText,
    Likeness,
    Maker,
    NotLiveYetError,
    Orphan,
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


def made(sid: str, state: State = State.DELIVERED) -> dict[str, Maker]:
    """Return a message of which an attempt that nobody knew about may have made a text."""
    return {sid: Maker(message_id="a message", kind="check-in", state=state)}


def prints(*texts: SentText) -> dict[str, str]:
    """Return fingerprints as a channel makes them."""
    return {text.provider_id: f"{text.to}:{text.body}" for text in texts if text.body is not None}


def test_a_doubled_text_is_found_whichever_page_comes_first() -> None:
    """The list is newest first: the second of two comes before the first."""
    for pages in ([a_text("SM2"), a_text("SM1")], [a_text("SM1"), a_text("SM2")]):
        comparison = a_comparison()
        for text in pages:
            comparison.add([text], known=known("SM1"), fingerprints=prints(text), makers={})
        (orphan,) = comparison.orphans()
        assert (orphan.provider_id, orphan.likeness) == ("SM2", Likeness.DOUBLED)
        assert orphan.message_id == "message of SM1"


def test_two_unknown_texts_with_the_same_words_are_no_doubled_one_of_ours() -> None:
    """Others may send the same twice."""
    texts, comparison = [a_text("SM1"), a_text("SM2")], a_comparison()
    comparison.add(texts, known={}, fingerprints=prints(*texts), makers={})
    assert [one.likeness for one in comparison.orphans()] == [Likeness.OTHER, Likeness.OTHER]


def test_texts_that_are_hidden_are_never_taken_for_one_another() -> None:
    """They have no fingerprint."""
    texts, comparison = [a_text("SM1", None), a_text("SM2", None, to="+1202555XXXX")], a_comparison()
    comparison.add(texts, known=known("SM1"), fingerprints={}, makers={})
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
    comparison.add(texts, known={}, fingerprints=prints(*texts), makers=made("SM-doubled"))
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
        comparison.add([a_text("SM1"), a_text("SM2")], known=known("SM1"), fingerprints={}, makers={})
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
    comparison.add(texts, known={}, fingerprints={}, makers={})
    tally = comparison.tallies[UNKNOWN]
    assert (tally.texts, tally.segments, tally.unpriced) == (4, 5, 1)
    assert tally.prices == {"USD": Decimal("0.3"), "EUR": Decimal("0.3")}


def test_an_engineer_who_is_a_nurse_or_a_supervisor_too_may_have_a_text_twice() -> None:
    """A text with a link to a task, or of an attempt that was given up, is no alarm."""
    comparison = a_comparison()
    texts = [a_text("SM1", f"View: {APP}/tasks/1", to="+12025550191"), a_text("SM2", to="+12025550191")]
    comparison.add(texts, known={}, fingerprints=prints(*texts), makers=made("SM2"))
    assert [(one.provider_id, one.likeness) for one in comparison.orphans()] == [
        ("SM2", Likeness.DOUBLED),
        ("SM1", Likeness.OURS),
    ]


def test_alarms_and_webhooks_answers_are_no_orphans() -> None:
    """An alarm has no row; an answer by TwiML is never ours."""
    comparison = a_comparison()
    texts = [a_text("SM1", to="+12025550191"), a_text("SM2", is_by_request=False)]
    comparison.add(texts, known={}, fingerprints={}, makers={})
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
    comparison.add(texts, known=known("SM1", ours, awaits_receipt=awaits), fingerprints={}, makers={})
    assert bool(comparison.differing()) == differs


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED, State.HELD, State.IN_DOUBT])
def test_a_text_of_a_message_that_was_not_sent_is_the_messages_own(state: State) -> None:
    """It was in doubt, and not found in time. It counts with its kind, and is no orphan; the two sides differ."""
    comparison, text = a_comparison(), a_text("SM1", f"View: {APP}/tasks/1", to="+12025550191")
    comparison.add([text], known={}, fingerprints=prints(text), makers=made("SM1", state))
    assert comparison.orphans() == []
    assert list(comparison.tallies) == ["check-in"]
    (one,) = comparison.differing()
    assert (one.provider_id, one.message_id, one.ours, one.theirs) == ("SM1", "a message", state, State.DELIVERED)
    assert one.is_unsent_here


@pytest.mark.parametrize(("status", "theirs"), [("sent", [State.SENT]), ("failed", []), ("undelivered", [])])
def test_it_differs_only_if_the_text_went_out(status: str, theirs: list[State]) -> None:
    """One that failed at the phone company is in agreement with a message that failed."""
    comparison, text = a_comparison(), a_text("SM1", status=status)
    comparison.add([text], known={}, fingerprints=prints(text), makers=made("SM1", State.FAILED))
    assert comparison.orphans() == []
    assert [one.theirs for one in comparison.differing()] == theirs


def test_of_two_texts_of_a_message_that_was_not_sent_the_second_is_doubled() -> None:
    """The first is the one that went out first, on whichever page it is."""
    texts = [a_text("SM3", at=NOON + DAY), a_text("SM2"), a_text("SM1", at=NOON - DAY, status="failed")]
    for order in (texts, texts[::-1]):
        comparison = a_comparison()
        for text in order:
            comparison.add([text], known={}, fingerprints=prints(text), makers=made(text.provider_id, State.HELD))
        assert [one.provider_id for one in comparison.differing()] == ["SM2"]
        assert [(one.provider_id, one.likeness) for one in comparison.orphans()] == [
            ("SM3", Likeness.DOUBLED),
            ("SM1", Likeness.DOUBLED),
        ]


def test_a_text_of_a_message_that_was_sent_anew_is_doubled() -> None:
    """It was given up, and an operator had it sent again: the other message's text reads alike."""
    comparison, texts = a_comparison(), [a_text("SM1"), a_text("SM2")]
    comparison.add(texts, known=known("SM2"), fingerprints=prints(*texts), makers=made("SM1", State.FAILED))
    assert comparison.differing() == []
    (orphan,) = comparison.orphans()
    assert (orphan.provider_id, orphan.likeness) == ("SM1", Likeness.DOUBLED)


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


def an_orphan(sid: str, likeness: Likeness, status: str = "delivered") -> Orphan:
    return Orphan(
        provider_id=sid,
        recipient="•••• 0199",
        at=NOON,
        status=status,
        likeness=likeness,
        fingerprint="",
        message_id="a message" if likeness is Likeness.DOUBLED else None,
    )


@pytest.mark.parametrize("status", ["failed", "canceled", "undelivered"])
def test_a_text_that_did_not_arrive_did_not_go_out_twice(status: str) -> None:
    """Somebody tried all the same: it is worth a look. Those that went out come first."""
    twice, failed = an_orphan("SM1", Likeness.DOUBLED, "sent"), an_orphan("SM2", Likeness.DOUBLED, status)
    first, second = complaints(found(orphans=[twice, failed]))
    assert first.is_serious
    assert first.sentence.startswith("1 text went out twice: the phone company has SM1 (as message a message), ")
    assert not second.is_serious
    assert second.sentence.startswith("1 text did not arrive, or would have gone out twice: the phone company has SM2 ")
    assert [one.is_serious for one in complaints(found(orphans=[failed]))] == [False]


@pytest.mark.parametrize("likeness", [Likeness.OURS, Likeness.OTHER])
def test_texts_are_not_said_to_have_gone_out_if_some_did_not_arrive(likeness: Likeness) -> None:
    """They are counted."""
    (one,) = complaints(found(orphans=[an_orphan("SM1", likeness), an_orphan("SM2", likeness, "failed")]))
    assert one.sentence.startswith("the phone company has 2 texts (1 did not arrive) ")
    assert "went out" not in one.sentence


def test_a_message_that_the_ledger_does_not_have_as_sent_is_told_apart_from_a_late_receipt() -> None:
    """Nobody should send it again."""
    unsent = Differing(provider_id="SM1", message_id="M1", kind="check-in", ours=State.FAILED, theirs=State.DELIVERED)
    late = Differing(provider_id="SM2", message_id="M2", kind="check-in", ours=State.SENT, theirs=State.UNDELIVERED)
    first, second = complaints(found(differing=[late, unsent]))
    assert (
        "1 text that the ledger does not have as sent: SM1 (message M1: FAILED here, DELIVERED there)" in first.sentence
    )
    assert "another fate of 1 text: SM2 (SENT here, UNDELIVERED there)" in second.sentence


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.IN_DOUBT])
def test_a_message_that_is_still_under_way_is_told_with_how_to_stop_it(state: State) -> None:
    """Its recipient has one text already, and would get another."""
    one = Differing(provider_id="SM1", message_id="M1", kind="check-in", ours=state, theirs=State.DELIVERED)
    (told,) = complaints(found(differing=[one]))
    assert told.is_serious
    assert f"under way here: SM1 (message M1: {state} here, DELIVERED there)" in told.sentence
    assert "`sequora cancel`" in told.sentence
    assert "do not send it again" not in told.sentence


def test_no_sentence_has_two_blanks_in_a_row() -> None:
    """Each is put together from pieces."""
    unsent = Differing(provider_id="SM1", message_id="M1", kind="check-in", ours=State.FAILED, theirs=State.DELIVERED)
    told = complaints(
        found(
            orphans=[an_orphan("SM1", one, status) for one in Likeness for status in ("sent", "failed")],
            missing=[*known("SM2").values()],
            unasked=1,
            differing=[unsent, replace(unsent, ours=State.SENT), replace(unsent, ours=State.QUEUED)],
            log_owes_rows=1,
        )
    )
    assert len(told) == 10
    assert [one.sentence for one in told if "  " in one.sentence] == []


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


def test_neither_end_of_the_calendar_is_an_error_of_another_sort() -> None:
    """The last day has no next one."""
    with pytest.raises(UnfitDayError, match="the last whole day is 2026-03-01"):
        fitted(date.max)
    with pytest.raises(UnfitDayError, match="has been live since"):
        fitted(date.min)


def test_a_day_whose_messages_may_have_been_deleted_cannot() -> None:
    """All its texts would be unknown."""
    kept = 30 * DAY
    with pytest.raises(UnfitDayError, match="messages are kept for 30 days"):
        fit_day(date(2026, 1, 31), now=NOON + 2 * DAY, live_since=NOON - 400 * DAY, kept=kept)
