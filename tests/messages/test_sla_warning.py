"""The warning before an SLA: until when it is wanted."""

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

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.sla_warning import SLA_WARNING


@pytest.mark.parametrize("left", [A_MOMENT, A_SECOND, timedelta(hours=1), timedelta(days=30)])
def test_a_nurse_is_warned_until_the_sla(left: timedelta) -> None:
    """To the last moment before it; how early is the queue's business."""
    sla_due_at = NOW + left
    assert SLA_WARNING.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) is None


@pytest.mark.parametrize("ago", [timedelta(0), A_MOMENT, A_SECOND, timedelta(days=1)])
def test_a_nurse_is_not_warned_of_an_sla_that_has_passed(ago: timedelta) -> None:
    """From its very moment on she is alerted instead."""
    sla_due_at = NOW - ago
    assert SLA_WARNING.unwanted(facts(replace(TASK, sla_due_at=sla_due_at), sla_due_at=sla_due_at)) == Suppression(
        State.CANCELLED, "the SLA time has passed; the breach is alerted by a message of its own", Cause.SLA_PASSED
    )
