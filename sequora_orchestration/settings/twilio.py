"""The sender: the Twilio account, its credentials, and the number or messaging service that texts come from.

Not here: the forms of SIDs and senders (`senders`).
"""

from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from sequora_orchestration.settings.addresses import HttpOrigin
from sequora_orchestration.settings.environment import Environment
from sequora_orchestration.settings.senders import AccountSid, ApiKeySid, MessagingServiceSid, TextSender


class TwilioSettings(Environment):
    """The sender."""

    twilio_account_sid: AccountSid = Field(
        title="the Twilio account, `AC…`", description="give the account's SID from the Twilio console, AC…."
    )
    # The key stands before the token, because whether the token must be set depends on it.
    twilio_api_key: ApiKeySid | None = Field(
        title="an API key of the account, `SK…`, which may send, list and read messages; or else the auth token",
        default=None,
        description="give the SID of an API key of the account, SK…, and its secret as TWILIO_API_SECRET; or leave "
        "both out, and give TWILIO_AUTH_TOKEN.",
    )
    twilio_api_secret: str | None = Field(
        title="the secret of that key",
        default=None,
        validate_default=True,
        description="give the secret of the API key TWILIO_API_KEY, which was shown when it was made; or leave both "
        "out, and give TWILIO_AUTH_TOKEN.",
        repr=False,
    )
    twilio_auth_token: str | None = Field(
        title="the account's auth token, where no API key is set; of both, the key is used",
        default=None,
        validate_default=True,
        description="give the account's auth token from the Twilio console, or an API key of the account instead, as "
        "TWILIO_API_KEY and TWILIO_API_SECRET.",
        repr=False,
    )
    twilio_from_number: TextSender | None = Field(
        title="the sender's number in E.164, `+12025550100`, a short code or a name; or else:",
        default=None,
        description="give the sender's number with its country's code, e.g. +12025550100, a short code, or a name of "
        "up to 11 letters and digits.",
    )
    twilio_messaging_service_sid: MessagingServiceSid | None = Field(
        title="the messaging service that texts come from, `MG…`", default=None, description="give the SID, MG…."
    )
    twilio_api_base_url: HttpOrigin = Field(
        title="where the Twilio API is",
        default="https://api.twilio.com",
        description="leave it out to use the real Twilio.",
    )
    sequora_texts_at_a_time: int = Field(
        title="how many texts a worker process sends at a time, 1 to 100",
        default=25,
        ge=1,
        le=100,
        description="give how many requests to Twilio a worker process may have open, 1 to 100.",
    )

    @field_validator("twilio_api_secret")
    @classmethod
    def _of_a_key(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "twilio_api_key" in info.data and (info.data["twilio_api_key"] is None) != (value is None):
            raise ValueError("is not set, but TWILIO_API_KEY is" if value is None else "is set without TWILIO_API_KEY")
        return value

    @field_validator("twilio_auth_token")
    @classmethod
    def _token_or_key(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("twilio_api_key", "of another form") is None:
            raise ValueError("is not set")
        return value

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password of each request: an API key with its secret, or the account with its token."""
        if self.twilio_api_key and self.twilio_api_secret:
            return self.twilio_api_key, self.twilio_api_secret
        return self.twilio_account_sid, self.twilio_auth_token or ""

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if not (self.twilio_from_number or self.twilio_messaging_service_sid):
            raise ValueError(
                "neither TWILIO_FROM_NUMBER nor TWILIO_MESSAGING_SERVICE_SID is set: give the number "
                "or the messaging service that texts come from."
            )
        return self
