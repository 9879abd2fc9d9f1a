"""Telling an engineer, by a webhook or by a text."""

import time
from dataclasses import dataclass, field
from datetime import timedelta

import requests

from sequora_orchestration.channels.sms import open_sms
from sequora_orchestration.domain.answers import Accepted, Unclear
from sequora_orchestration.domain.gsm_7 import in_gsm_7
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.settings.alarms import AlarmSettings
from sequora_orchestration.settings.environment import SettingError

# Seconds to connect, and again to wait for an answer. Also the time that a tick's alarms may have taken when another
# is begun: an alarm takes 43 s at most (10 by the webhook, 33 by text). Dagster gives a tick a minute; a longer tick
# is lost, with everything that it has noticed.
PATIENCE = 5

# A text about trouble is worth arriving for this long.
WORTH = timedelta(hours=1)

MOST_SEGMENTS = 2


@dataclass(slots=True)
class Alarm:
    """Tells an engineer, in every way that is set. One is made for each tick."""

    url: str | None = field(repr=False)
    """It takes a POST of `{"text": …}`, as Slack, Mattermost and Teams do. Anybody who knows it can raise alarms."""

    number: str | None = field(repr=False)
    _is_given_up: bool = field(default=False, init=False)
    _spent: float = field(default=0.0, init=False)
    """Seconds that this tick's alarms have taken."""

    @property
    def is_set(self) -> bool:
        """Whether any way is set."""
        return bool(self.url or self.number)

    def raise_(self, text: str) -> "Raised":
        """Tell the engineer in every way that is set. It never raises.

        After an alarm that did not arrive, or when the alarms together have taken too long, no more are sent.
        """
        if self._is_given_up:
            return Raised(is_told=False, troubles=[])
        began = time.monotonic()
        outcomes = [way(text) for way, is_set in ((self._post, self.url), (self._send_text, self.number)) if is_set]
        self._spent += time.monotonic() - began
        raised = Raised(
            is_told=any(one.may_be_told for one in outcomes), troubles=[one.trouble for one in outcomes if one.trouble]
        )
        self._is_given_up = not raised.is_told or self._spent >= PATIENCE
        return raised

    def _post(self, text: str) -> "_Outcome":
        try:
            answer = requests.post(self.url or "", json={"text": text}, timeout=PATIENCE)
        except requests.ReadTimeout:
            return _Outcome(may_be_told=True, trouble="SEQUORA_ALARM_URL has the alarm, and does not answer in time")
        except Exception as error:  # noqa: BLE001  # an address may be odd in ways that only others know
            return _Outcome(trouble=f"SEQUORA_ALARM_URL cannot be reached ({type(error).__name__})")
        return _TOLD if answer.ok else _Outcome(trouble=f"SEQUORA_ALARM_URL answers {answer.status_code}")

    def _send_text(self, text: str) -> "_Outcome":
        try:
            body = in_gsm_7(text, most_segments=MOST_SEGMENTS)  # a backtick alone would make five segments of two
            answer = open_sms().submit(e164(self.number), body, WORTH)
        except (SettingError, UnusablePhoneError) as error:
            return _Outcome(trouble=f"SEQUORA_ALARM_NUMBER cannot be texted: {error}")
        if isinstance(answer, Accepted):
            return _TOLD
        trouble = f"SEQUORA_ALARM_NUMBER: {answer.reason}"
        return _Outcome(may_be_told=isinstance(answer, Unclear), trouble=trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """The outcome of one way. An alarm that may have arrived counts as told: it is not sent over and over."""

    may_be_told: bool = False
    trouble: str | None = None


_TOLD = _Outcome(may_be_told=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """Whether an engineer was told, in at least one way."""

    is_told: bool
    """True also if no answer came in time: the alarm may have arrived."""

    troubles: list[str]
    """A sentence for each way that failed, without number or URL."""


def open_alarm() -> Alarm:
    """Return an alarm with the ways that are set. Raises SettingError."""
    settings = AlarmSettings.load()
    return Alarm(settings.sequora_alarm_url, settings.sequora_alarm_number)
