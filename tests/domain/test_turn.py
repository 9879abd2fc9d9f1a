"""Which waiting messages may go now, and how they are packed into runs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.turn import (
    DEADLY,
    Admission,
    Allowance,
    Candidate,
    Limits,
    allowance,
    pack,
    whose_turn,
)

LIMITS = Limits(few=5, batch=50, most=500, enough=200)

FREE = Allowance(rows=LIMITS.most)


DEATHS = st.sampled_from([0, 0, 0, 1, 2, 4])


def waiting(deaths: st.SearchStrategy[int] = DEATHS) -> st.SearchStrategy[list[Candidate]]:
    """Messages that wait, as the ledger gives them: the most urgent first."""
    one = st.builds(
        Candidate,
        id=st.uuids().map(str),
        urgency=st.integers(0, 3),
        recipient_id=st.sampled_from(["a", "b", "c", None]),
        runs=deaths,
        failures=st.sampled_from([0, 0, 0, 1, 3, 12]),
        refusals=st.integers(0, 4),
    )
    return st.lists(one, max_size=130).map(lambda them: sorted(them, key=lambda each: each.urgency))


ADMISSIONS = st.builds(
    Admission,
    is_paused=st.booleans(),
    is_open=st.booleans(),
    must_wait=st.booleans(),
    on_trial=st.booleans(),
    refused_recipient_id=st.sampled_from([None, "a"]),
    rows=st.integers(0, 600),
    unstarted=st.integers(0, 600),
    most_urgent=st.sampled_from([None, 0, 1, 2, 3]),
)


@given(waiting())
def test_each_message_is_in_one_pack_and_their_order_is_kept(them: list[Candidate]) -> None:
    """Of those that have failed as often: the packs follow one another as the messages do."""
    packs = pack(them, LIMITS)
    assert sorted(one.id for each in packs for one in each) == sorted(one.id for one in them)
    assert all(packs)
    place = {one.id: number for number, one in enumerate(them)}
    for each in packs:
        places = [place[one.id] for one in each]
        assert places == sorted(places)
    firsts = [place[each[0].id] for each in packs]
    assert firsts == sorted(firsts), "the most urgent run is asked for first"


@given(waiting())
def test_what_runs_have_died_of_is_alone_and_what_they_failed_with_among_fewer(them: list[Candidate]) -> None:
    """Should it be the reason, its neighbours go on."""
    for each in pack(them, LIMITS):
        if any(one.runs >= DEADLY for one in each):
            assert len(each) == 1
        failures = max(one.failures for one in each)
        assert len(each) <= max(LIMITS.batch >> min(failures, 10), 1)
        assert len({one.failures for one in each}) == 1


@given(waiting(st.just(0)))
def test_few_have_a_run_of_their_own_each_and_many_fill_batches(them: list[Candidate]) -> None:
    """As few runs as can be, where nothing is wrong with any message."""
    well = [replace(one, failures=0) for one in them]
    packs = pack(well, LIMITS)
    if len(well) <= LIMITS.few:
        assert [len(each) for each in packs] == [1] * len(well)
    else:
        full, rest = divmod(len(well), LIMITS.batch)
        assert [len(each) for each in packs] == [LIMITS.batch] * full + ([rest] if rest else [])


@given(waiting(), ADMISSIONS, st.booleans())
def test_those_whose_turn_it_is_are_the_most_urgent_in_their_order(
    them: list[Candidate],
    admission: Admission,
    in_turn: bool,  # noqa: FBT001
) -> None:
    """Nobody is overtaken by who is less urgent, neither here nor on the way."""
    chosen = whose_turn(them, FREE, admission, LIMITS, in_turn=in_turn)
    assert chosen == [one for one in them if one in chosen]
    left = [one.urgency for one in them if one not in chosen]
    assert all(one.urgency <= min(left) for one in chosen if left)
    if in_turn and admission.rows + len(them) > LIMITS.few and admission.most_urgent is not None:
        assert all(one.urgency <= admission.most_urgent for one in chosen)
    if not in_turn:
        assert chosen == them[: LIMITS.most]


@given(waiting(), ADMISSIONS)
def test_a_trial_is_one_that_was_refused_the_least_and_goes_to_somebody_else(
    them: list[Candidate], admission: Admission
) -> None:
    """Where only one person's texts were refused, hers would tell nothing of the others'."""
    allowed = allowance(replace(admission, is_paused=False, is_open=True, on_trial=False, rows=0), LIMITS)
    if not allowed.rows:
        assert admission.must_wait
        assert admission.refused_recipient_id is None
        return
    assert (allowed.rows, allowed.is_trial) == (1, True)
    chosen = whose_turn(them, allowed, admission, LIMITS, in_turn=True)
    others = [one for one in them if allowed.not_to is None or one.recipient_id != allowed.not_to]
    assert len(chosen) == min(1, len(others))
    assert all(one.refusals == min(other.refusals for other in others) for one in chosen)


@given(ADMISSIONS)
def test_nothing_is_sent_while_it_is_paused_or_the_phone_company_is_to_be_left_alone(admission: Admission) -> None:
    """What is only prepared goes on, as long as there is room."""
    sent, prepared = allowance(admission, LIMITS), allowance(admission, LIMITS, is_sent=False)
    if admission.is_paused or (admission.is_open and (admission.on_trial or admission.rows)):
        assert (sent.rows, sent.is_halted) == (0, True)
    assert not prepared.is_halted
    assert prepared.rows == (LIMITS.most if admission.unstarted < LIMITS.enough else 0)
    if not sent.is_halted and not sent.is_trial:
        assert sent.rows == prepared.rows


@pytest.mark.parametrize(("rows", "expected"), [(0, 10), (9, 10), (10, 0)])
def test_at_the_senders_rate_no_more_is_on_its_way_than_it_sends_in_some_seconds(rows: int, expected: int) -> None:
    """The rest waits in order."""
    limits = replace(LIMITS, most=10, most_at_once=10)
    assert allowance(Admission(rows=rows), limits).rows == expected
