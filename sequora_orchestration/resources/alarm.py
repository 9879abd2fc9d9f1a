"""How an engineer is told: by a webhook, or by a text."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta

import requests

from sequora_orchestration.domain.answers import Accepted
from sequora_orchestration.domain.phone_number import e164
from sequora_orchestration.resources.sms_sender import open_sms_sender
from sequora_orchestration.settings import AlarmSettings

LOG = logging.getLogger(__name__)

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

    def raise_(self, text: str) -> bool:
        """Tell it in every way there is; return whether any has worked. Whatever fails, it raises nothing."""
        posted = bool(self.url) and self._post(text)
        texted = bool(self.number) and self._text(text)
        return posted or texted

    def _post(self, text: str) -> bool:
        try:
            answer = requests.post(self.url or "", json={"text": text}, timeout=PATIENCE)
        except requests.RequestException as error:
            LOG.warning("the alarm does not arrive: %s", type(error).__name__)
            return False
        if not answer.ok:
            LOG.warning("the alarm does not arrive: SEQUORA_ALARM_URL answers %s", answer.status_code)
        return answer.ok

    def _text(self, text: str) -> bool:
        try:
            answer = open_sms_sender().send(e164(self.number), text, WORTH)
        except Exception as error:  # noqa: BLE001  # settings or number: the other way may work
            LOG.warning("the alarm is not texted: %s", type(error).__name__)
            return False
        if not isinstance(answer, Accepted):
            LOG.warning("the alarm is not texted: %s", answer.reason)
        return isinstance(answer, Accepted)


def open_alarm() -> Alarm:
    """Return the ways that are set. Raises SettingError."""
    settings = AlarmSettings.load()
    return Alarm(settings.sequora_alarm_url, settings.sequora_alarm_number)
