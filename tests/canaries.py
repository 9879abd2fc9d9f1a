"""Canaries: the setting, and what the sensors have said of it to the ledger."""

import pytest
from care import Care

from sequora_orchestration.ledger.ledger import Ledger

OWN_PHONE = "+12025550199"


def switch_canaries(care: Care, *, on: bool = True) -> None:
    """Let the sensors say whether test texts are sent."""
    Ledger(care.engine, has_canary=on).owed.note_terms()


@pytest.fixture
def canaries(care: Care, stopped_clock: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """A test text is owed each hour, from three o'clock in the afternoon on."""
    monkeypatch.setenv("SEQUORA_CANARY_NUMBER", OWN_PHONE)
    switch_canaries(care)
