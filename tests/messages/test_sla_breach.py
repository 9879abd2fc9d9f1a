"""The alert of a missed SLA: from when on it is wanted."""

from dataclasses import replace
from datetime import timedelta

import pytest
from facts import (
    A_MOMENT,
    A_SECOND,
    NOW,
    TASK,
    facts,
)
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_warning import SLA_WARNING


@pytest.mark.parametrize("ago", [timedelta(0), A_MOMENT, A_SECOND, timedelta(days=30)])
def test_a_nurse_is_alerted_from_the_sla_on(ago: timedelta) -> None:
    """At its very moment, and however late."""
    sla_due_at = NOW - ago
    assert SLA_BREACH.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) is None


@pytest.mark.parametrize("left", [A_MOMENT, A_SECOND, timedelta(days=1)])
def test_a_nurse_is_not_alerted_before_the_sla(left: timedelta) -> None:
    """Not by a moment, and not by somebody who asks for it by name."""
    sla_due_at = NOW + left
    assert SLA_BREACH.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) == Suppression(
        State.CANCELLED, "the SLA time has not passed", Cause.SLA_NOT_PASSED
    )


@given(st.timedeltas(timedelta(days=-30), timedelta(days=30)))
def test_a_nurse_is_either_warned_or_alerted_of_an_sla(until: timedelta) -> None:
    """Of one SLA at one moment never both, and never neither."""
    of_it = facts(replace(TASK, sla_due_at=NOW + until), sla_due_at=NOW + until)
    assert (SLA_WARNING.unwanted(of_it) is None) != (SLA_BREACH.unwanted(of_it) is None)
