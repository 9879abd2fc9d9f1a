"""What the judge of a storm makes of texts beyond one a message, and of messages that were given up."""

from collections.abc import Sequence

import pytest
from storms import NURSE, a_row, a_task, a_text

from bench.storm.books import Row
from bench.storm.evidence import DOUBT_WINDOW, Evidence
from bench.storm.hospital import Facts
from bench.storm.kinds import KINDS
from bench.storm.phone import ABOUT_ALL_TEXTS, Request
from bench.storm.plan import draw
from bench.storm.verdict import Verdict, judge


def judged(requests: Sequence[Request], row: Row) -> Verdict:
    return judge(Evidence(Facts(tasks={"task": a_task()}), [NURSE], requests, [row]))


def test_a_second_text_is_the_lists_fault_only_if_it_showed_one_after_the_window() -> None:
    """Within it nothing may be doubled."""
    found = judged([a_text("SM1"), a_text("SM2", lag=DOUBT_WINDOW)], a_row())
    assert (len(found.doubled), found.doubled_by_lag, found.is_good) == (1, 0, False)
    found = judged([a_text("SM1"), a_text("SM2", lag=DOUBT_WINDOW + 1)], a_row())
    assert (len(found.doubled), found.doubled_by_lag, found.is_good) == (0, 1, True)
    found = judged([a_text("SM1"), a_text("SM2"), a_text("SM3", lag=DOUBT_WINDOW + 1)], a_row())
    assert (len(found.doubled), found.doubled_by_lag, found.is_good) == (1, 0, False)


def test_a_text_that_was_found_late_is_recorded() -> None:
    """The ledger has its SID."""
    texts = [a_text("SM1"), a_text("SM2", lag=DOUBT_WINDOW + 1)]
    assert len(judged(texts, a_row()).unrecorded) == 1
    assert judged(texts, a_row(found_late=["SM2"])).unrecorded == []


@pytest.mark.parametrize("answer", sorted(ABOUT_ALL_TEXTS))
def test_a_message_that_failed_for_an_answer_about_all_texts_is_not_good(answer: str) -> None:
    """Though its supervisor may have been told; of one that failed for itself nothing is said."""
    assert answer in KINDS
    row = a_row("FAILED", sid=None, reason="a reason")
    assert [one.subject for one in judged([a_text(None, answer=answer)], row).burnt] == ["task"]
    assert judged([a_text(None, answer=answer), a_text(None, answer="refused")], row).burnt == []


def test_a_storm_is_drawn_alike_from_the_same_seed() -> None:
    """Every kind of fault that there is among its faults, if it lasts for long enough."""
    assert draw(3, 60) == draw(3, 60)
    assert {fault.kind for fault in draw(1, 5_000).faults} == KINDS.keys()
