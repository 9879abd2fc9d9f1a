"""Causes as the ledger keeps them."""

import pytest

from sequora_orchestration.domain.cause import Cause, known_cause


@pytest.mark.parametrize("cause", Cause)
def test_a_cause_is_read_as_it_was_recorded(cause: Cause) -> None:
    """By its name, which it keeps."""
    assert known_cause(cause.value) is cause
    assert cause.value == cause.name


@pytest.mark.parametrize("recorded", [None, "", "OF_A_NEWER_VERSION", "stale"])
def test_a_cause_that_is_not_known_is_none(recorded: str | None) -> None:
    """A newer version may have recorded one that this version does not know."""
    assert known_cause(recorded) is None
