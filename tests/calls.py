"""Calls to nurses whom no text reaches: the setting, and how one comes to be."""

import pytest
from care import Care

from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.settings.delivery import DeliverySettings

# A text that Twilio accepts, and that the carrier cannot deliver for good: a landline.
LANDLINE = 30006


def call_for(care: Care, severity: str) -> None:
    """Let nurses be called from a severity on; the sensors have said so to the ledger."""
    Ledger(care.engine, delivery=DeliverySettings(sequora_call_for=severity)).owed.note_terms()


@pytest.fixture
def calling(care: Care, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nurses are called of tasks that are HIGH or CRITICAL."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "HIGH")
    call_for(care, "HIGH")
