"""What stories share: a system that all run on who can, with nothing of another story's on it."""

from collections.abc import Iterator

import pytest
from running_system import RunningSystem
from shared_system import delete_all, start_if_ended

from sequora_orchestration.local.twilio.server import TwilioServer


@pytest.fixture(scope="package")
def twilio(shared_twilio: TwilioServer) -> TwilioServer:
    """The Twilio of the shared system."""
    return shared_twilio


@pytest.fixture(scope="package")
def databases(shared_databases: tuple[str, str]) -> tuple[str, str]:
    """The care database of the shared system, and Dagster's."""
    return shared_databases


@pytest.fixture
def system(shared_system: RunningSystem, databases: tuple[str, str]) -> Iterator[RunningSystem]:
    """The shared system, with nothing to do but what the story brings."""
    start_if_ended(shared_system)
    yield shared_system
    delete_all(databases[0], shared_system)
