"""How an engineer is told: by a webhook, or by a text."""

from dataclasses import dataclass, field
from datetime import timedelta

import requests

from sequora_orchestration.domain.answers import Accepted
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.resources.sms_sender import open_sms_sender
from sequora_orchestration.settings import AlarmSettings, SettingError

# Seconds. Whoever raises an alarm has other things to do.
PATIENCE = 5

# For so long a text about trouble is worth arriving.
WORTH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Tells an engineer, in whatever way there is."""

    url: str | None = field(repr=False)
    """Takes a POST of `{"text": …}`, as Slack, Mattermost and Teams do. Whoever knows it can raise alarms."""

    number: str | None = field(repr=False)

    @property
    def is_set(self) -> bool:
        """Whether there is a way."""
        return bool(self.url or self.number)

    def raise_(self, text: str) -> "Raised":
        """Tell it in every way there is. Whatever fails, it raises nothing."""
        ways = [way for way, is_set in ((self._post, self.url), (self._text, self.number)) if is_set]
        troubles = [trouble for way in ways if (trouble := way(text))]
        return Raised(is_told=len(troubles) < len(ways), troubles=troubles)

    def _post(self, text: str) -> str | None:
        try:
            answer = requests.post(self.url or "", json={"text": text}, timeout=PATIENCE)
        except requests.RequestException as error:
            return f"SEQUORA_ALARM_URL cannot be reached ({type(error).__name__})"
        return None if answer.ok else f"SEQUORA_ALARM_URL answers {answer.status_code}"

    def _text(self, text: str) -> str | None:
        try:
            answer = open_sms_sender().send(e164(self.number), text, WORTH)
        except (SettingError, UnusablePhoneError) as error:
            return f"SEQUORA_ALARM_NUMBER cannot be texted: {error}"
        return None if isinstance(answer, Accepted) else f"SEQUORA_ALARM_NUMBER is not texted: {answer.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """Whether an engineer was told, in at least one way."""

    is_told: bool
    troubles: list[str]
    """Why not, of each way that did not work; no number, no URL."""


def open_alarm() -> Alarm:
    """Return the ways that are set. Raises SettingError."""
    settings = AlarmSettings.load()
    return Alarm(settings.sequora_alarm_url, settings.sequora_alarm_number)
