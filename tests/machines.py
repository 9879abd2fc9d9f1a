"""Trying out a machine of rules in any order."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def try_out(machine: Callable[[], RuleBasedStateMachine], pytestconfig: pytest.Config, *, examples: int) -> None:
    """Run a machine for so many examples of 30 steps; by night for 500."""
    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # it takes what makes a machine, too
        settings=settings(
            max_examples=500 if pytestconfig.getoption("--nightly") else examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
