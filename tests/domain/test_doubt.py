"""Finding texts in doubt in the phone company's list."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.doubt import (
    Doubtful,
    Listed,
    LostAttempt,
    Recorded,
    canonical_fingerprint,
    fingerprint,
    found,
    found_changed,
    is_to,
)
from sequora_orchestration.domain.notification import SMS

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


def doubtful(id_: str = "a", *fingerprints: str, **columns: object) -> Doubtful:
    return Doubtful(
        **{
            "id": id_,
            "kind": "task-created",
            "channel": SMS,
            "task_id": "task",
            "episode_id": None,
            "recipient_id": "nurse",
            "attempts": 1,
            "fingerprints": frozenset(fingerprints or ["x"]),
            "attempted_at": NOW,
            "since": NOW,
            "looks": 1,
            "is_window_over": True,
            **columns,
        }  # type: ignore[arg-type]
    )


def listed(sid: str, mark: str | None, created_at: datetime | None = NOW) -> Listed:
    return Listed(provider_id=sid, fingerprint=mark, created_at=created_at)


def test_a_text_is_found_by_its_fingerprint() -> None:
    """Whichever attempt it was of."""
    assert found([doubtful("a", "x", "y")], [listed("SM1", "z"), listed("SM2", "y")]) == {"a": "SM2"}


def test_a_text_of_another_day_is_not_it() -> None:
    """An equal one may be from long ago; by an hour, clocks may differ."""
    old = listed("SM1", "x", NOW - timedelta(days=1, seconds=1))
    assert found([doubtful("a", "x")], [old]) == {}
    assert found([doubtful("a", "x")], [listed("SM1", "x", NOW - timedelta(hours=1))]) == {"a": "SM1"}
    assert found([doubtful("a", "x")], [listed("SM1", "x", None)]) == {"a": "SM1"}


def test_of_what_the_list_shows_little_an_older_one_is_sooner_somebody_elses() -> None:
    """As of calls: the list does not show what was said."""
    by = timedelta(minutes=10)
    old = listed("CA1", "x", NOW - by - timedelta(seconds=1))
    assert found([doubtful("a", "x")], [old], clocks_differ_by=by) == {}
    assert found([doubtful("a", "x")], [listed("CA1", "x", NOW - by)], clocks_differ_by=by) == {"a": "CA1"}


@given(st.integers(0, 4), st.integers(0, 4))
def test_of_equal_texts_each_is_one_messages_alone(messages: int, texts: int) -> None:
    """As many messages find one as there are texts."""
    sids = found(
        [doubtful(str(number), "x") for number in range(messages)],
        [listed(f"SM{number}", "x", NOW + timedelta(seconds=number)) for number in range(texts)],
    )
    assert len(sids) == min(messages, texts)
    assert len(set(sids.values())) == len(sids)


@given(st.text(), st.text(), st.text(), st.text())
def test_texts_that_differ_have_other_fingerprints(number: str, body: str, other_number: str, other_body: str) -> None:
    """In number or body; and none of either can be read in it."""
    same = (number, body) == (other_number, other_body)
    assert (fingerprint(b"salt", number, body) == fingerprint(b"salt", other_number, other_body)) == same
    assert fingerprint(b"salt", number, body) != fingerprint(b"pepper", number, body)
    assert len(fingerprint(b"salt", number, body)) == 65


def test_the_number_of_a_fingerprint_is_known_by_another_of_it() -> None:
    """That of today's number, whatever the text."""
    sent = [fingerprint(b"salt", "+1", "one"), fingerprint(b"salt", "+1", "two")]
    assert is_to(fingerprint(b"salt", "+1", ""), sent)
    assert not is_to(fingerprint(b"salt", "+2", ""), sent)
    assert not is_to(fingerprint(b"salt", "+1", ""), [*sent, fingerprint(b"salt", "+2", "three")])
    assert is_to(fingerprint(b"salt", "+1", ""), [*sent, canonical_fingerprint(b"salt", "+1", "one")])
    assert not is_to(fingerprint(b"salt", "+1", ""), [canonical_fingerprint(b"salt", "+2", "one")])


def of(body: str, number: str = "+1") -> tuple[str, str]:
    """Return both fingerprints of a text."""
    return fingerprint(b"salt", number, body), canonical_fingerprint(b"salt", number, body)


def shown(sid: str, body: str, created_at: datetime | None = NOW, number: str = "+1") -> Listed:
    """Return a text as the list shows it."""
    whole, like_it = of(body, number)
    return Listed(provider_id=sid, fingerprint=whole, canonical_fingerprint=like_it, created_at=created_at)


def lost(id_: str, message_id: str, *fingerprints: str, since: datetime = NOW) -> LostAttempt:
    """Return an attempt that was given up."""
    return LostAttempt(
        id=id_,
        message_id=message_id,
        kind="task-created",
        channel=SMS,
        task_id="task",
        episode_id=None,
        recipient_id="nurse",
        fingerprints=frozenset(fingerprints),
        since=since,
    )


SENT, SHOWN = "the nurse\u2019s task \u2013 https://app.example.com/tasks/1", "the nurse's task - https://twil.io/1"
OTHER = "the nurse\u2019s task \u2013 https://app.example.com/tasks/2"  # it reads like SENT but for its link


def changed(
    *sought: Doubtful | LostAttempt,
    listed: list[Listed],
    others: list[tuple[str, ...]] = [],  # noqa: B006  # read only
    recorded: list[Recorded] = [],  # noqa: B006
) -> dict[str, str]:
    return found_changed(sought, listed, others=others, recorded=recorded)


def test_a_text_that_the_list_shows_changed_is_found_where_nothing_else_can_be_meant() -> None:
    """By what does not change."""
    one = doubtful("a", *of(SENT))
    assert found([one], [shown("SM1", SHOWN)]) == {}
    assert changed(one, listed=[shown("SM1", SHOWN)]) == {"a": "SM1"}
    assert changed(one, listed=[shown("SM1", SHOWN, number="+2"), shown("SM2", "another text")]) == {}


def test_a_text_that_may_be_of_another_message_is_nobodys() -> None:
    """Of one in doubt as well, of one that is on its way, or of one whose worker does not say how it reads."""
    one, listed = doubtful("a", *of(SENT)), [shown("SM1", SHOWN)]
    assert changed(one, doubtful("b", *of(OTHER)), listed=listed) == {}
    assert changed(one, listed=listed, others=[of(OTHER)]) == {}
    assert changed(one, listed=listed, others=[of(OTHER)[:1]]) == {}
    assert changed(one, doubtful("b", of(OTHER)[0]), listed=listed) == {}
    assert changed(one, listed=listed, others=[of(OTHER, "+2"), of(OTHER, "+2")[:1], of("another text")]) == {
        "a": "SM1"
    }


def test_of_two_texts_that_it_may_be_a_message_gets_neither() -> None:
    """Unless both are its own."""
    one, listed = doubtful("a", *of(SENT)), [shown("SM1", SHOWN), shown("SM2", SHOWN, NOW + timedelta(seconds=1))]
    assert changed(one, listed=listed) == {}
    assert changed(one, lost("first", "another", *of(SENT)), listed=listed) == {}
    assert changed(one, lost("first", "a", *of(SENT)), listed=listed) == {"a": "SM1", "first": "SM2"}


def test_a_text_that_another_has_sent_as_it_is_shown_is_that_ones() -> None:
    """It is no sign of anything else."""
    assert changed(doubtful("a", *of(SENT)), listed=[shown("SM1", OTHER)], others=[of(OTHER)]) == {}


@pytest.mark.parametrize("off", [timedelta(0), timedelta(hours=1), timedelta(hours=-5), timedelta(days=30)])
def test_a_text_of_before_the_attempt_is_not_it_whatever_clock_the_list_goes_by(off: timedelta) -> None:
    """Another had been accepted after it, and before the attempt began."""
    one = doubtful("a", *of(SENT), since=NOW)
    before, between, after = (NOW + off + timedelta(seconds=seconds) for seconds in (-90, -60, 1))
    known = [Recorded(created_at=between, sent_at=NOW - timedelta(seconds=59))]
    assert changed(one, listed=[shown("SM1", SHOWN, before)], recorded=known) == {}
    assert changed(one, listed=[shown("SM1", SHOWN, before), shown("SM2", SHOWN, after)], recorded=known) == {
        "a": "SM2"
    }
    later = [Recorded(created_at=after, sent_at=NOW + timedelta(seconds=2))]
    assert changed(one, listed=[shown("SM1", SHOWN, before)], recorded=later) == {"a": "SM1"}


def test_a_changed_text_of_another_day_is_not_it() -> None:
    """However unique it is."""
    assert changed(doubtful("a", *of(SENT)), listed=[shown("SM1", SHOWN, NOW - timedelta(days=1, seconds=1))]) == {}


BODIES = [f"text {number} \u2013" for number in range(3)]


@given(
    st.lists(st.sampled_from(BODIES), max_size=4),
    st.lists(st.sampled_from(BODIES), max_size=4),
    st.lists(st.sampled_from(BODIES), max_size=2),
)
def test_a_changed_text_is_given_to_a_message_only_if_no_other_can_have_sent_it(
    messages: list[str], texts: list[str], rivals: list[str]
) -> None:
    """Of each reading: one message, one text, no rival."""
    sids = changed(
        *(doubtful(str(number), *of(body)) for number, body in enumerate(messages)),
        listed=[shown(f"SM{number}", body.replace("\u2013", "-")) for number, body in enumerate(texts)],
        others=[of(body) for body in rivals],
    )
    assert sids == {
        str(messages.index(body)): f"SM{texts.index(body)}"
        for body in BODIES
        if messages.count(body) == texts.count(body) == 1 and body not in rivals
    }
