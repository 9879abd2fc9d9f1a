"""What a deployment sets, for the local Twilio."""

import pytest
from doors import SENDER

from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer


@pytest.fixture(autouse=True)
def account(twilio: TwilioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what a deployment sets; no proxy stands between it and the phone company."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "TWILIO_MESSAGING_SERVICE_SID"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", TEST_ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TEST_AUTH_TOKEN)
    monkeypatch.setenv("TWILIO_FROM_NUMBER", SENDER)
    monkeypatch.setenv("TWILIO_API_BASE_URL", twilio.url)
