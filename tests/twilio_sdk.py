"""The official SDK's client for a phone company of ours; and whose numbers and what clock that one goes by."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped, unused-ignore]
from twilio.rest import Client  # type: ignore[import-untyped, unused-ignore]

from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN

NURSE, PATIENT, OURS = "+12025550101", "+12025550177", "+15005550006"
NOON = datetime(2025, 3, 9, 12, tzinfo=UTC)


class Clock:
    """Noon, until told otherwise."""

    now = NOON

    def __call__(self) -> float:
        """Say what time it is, in seconds since the epoch."""
        return self.now.timestamp()

    def forward(self, seconds: float) -> None:
        """Move on."""
        self.now += timedelta(seconds=seconds)


class RedirectedHttpClient(TwilioHttpClient):  # type: ignore[misc, unused-ignore]
    """The SDK's own HTTP client with scheme and host swapped."""

    def __init__(self, base_url: str) -> None:
        """`base_url` is where the phone company is."""
        super().__init__(timeout=10)
        self.base_url = urlsplit(base_url)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send what was meant for the real API there."""
        swapped = urlsplit(url)._replace(scheme=self.base_url.scheme, netloc=self.base_url.netloc)
        return super().request(method, swapped.geturl(), *args, **kwargs)


def connected(url: str, auth_token: str = TEST_AUTH_TOKEN) -> Any:
    """Make the official SDK's client for a phone company somewhere else."""
    return Client(TEST_ACCOUNT_SID, auth_token, http_client=RedirectedHttpClient(url))
