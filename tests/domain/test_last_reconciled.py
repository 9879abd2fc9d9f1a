"""How it stands with the nightly comparison, in a line, as a pure rule."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from sequora_orchestration.domain.health import OLDEST_RECONCILED
from sequora_orchestration.domain.last_reconciled import LastReconciled, in_a_line

LAST = LastReconciled(
    day=date(2026, 3, 2),
    at=datetime(2026, 3, 3, 5, 44, tzinfo=UTC),
    age=OLDEST_RECONCILED.total_seconds(),
    texts=3,
    doubled=0,
    like_ours=0,
    of_others=0,
    missing=0,
    differing=0,
    log_owes=0,
)


def test_a_day_on_which_both_sides_agree_is_said_to_be_so() -> None:
    """And nothing more."""
    assert in_a_line(LAST) == "3 texts of 2026-03-02 (UTC): the phone company and the ledger agree"
    assert not LAST.is_serious
    assert not LAST.is_old


def test_what_was_found_is_counted_with_the_command_that_shows_it() -> None:
    """The worst first."""
    found = replace(LAST, texts=1, doubled=1, like_ours=2, of_others=3, missing=4, differing=5, log_owes=6)
    assert in_a_line(found) == (
        "1 text of 2026-03-02 (UTC): 1 doubled, 2 unknown and like ours, 4 missing, 3 other unknown, 5 of another "
        "fate, 6 that the log lacks; `sequora reconcile --day 2026-03-02`"
    )


@pytest.mark.parametrize("found", [replace(LAST, doubled=1), replace(LAST, like_ours=1), replace(LAST, missing=1)])
def test_who_was_texted_wrongly_or_not_at_all_is_serious(found: LastReconciled) -> None:
    """Others' texts are not, nor other fates."""
    assert found.is_serious
    assert not replace(LAST, of_others=1, differing=1, log_owes=1).is_serious


def test_a_night_that_was_missed_is_said_with_where_to_look() -> None:
    """From noon on, in UTC."""
    old = replace(LAST, age=OLDEST_RECONCILED.total_seconds() + 1)
    assert old.is_old
    assert in_a_line(old).endswith(
        "; no day since: see the schedule `reconciliation_every_night` and the runs of `reconcile_texts`"
    )


def test_before_the_first_night_there_is_nothing_to_say() -> None:
    """Not that both sides agree."""
    assert in_a_line(None) == "no day was compared yet: `reconcile_texts` compares one each night"
