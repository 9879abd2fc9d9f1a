"""`sequora heartbeat`: a dead man's switch, which somebody else watches.

While all is well it asks for a URL of the operator's choice every half minute; when that stops, the service behind the
URL raises the alarm. So the loss of this host or its network is noticed as well: nothing on the host could report it,
and a page like `/healthz` would need somebody outside to ask for it, through the guards of this network.

The URL is not asked for while anything is amiss. Failure is never reported as such: not every service can take that.

The same process serves figures to Prometheus if SEQUORA_METRICS_PORT is set (`cli/metrics`): it is the one process that
only watches.

The processes of the Procfile live and die together, so this one never ends by itself: a setting of its own that is
wrong must not stop the workers. It then leaves no sign of life (`sign_of_life`) either.
"""

import logging
import os
import re
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NoReturn

import requests

from sequora_orchestration.channels.alarm import Raised, open_alarm
from sequora_orchestration.cli.sign_of_life import PERIOD, SignOfLife
from sequora_orchestration.database import (
    SchemaMissingError,
    ViewsDroppedError,
    engine_for,
    views_dropped_at,
)
from sequora_orchestration.domain.canary import alarm_text, overdue
from sequora_orchestration.domain.health import VitalSigns, complaints
from sequora_orchestration.settings.alarms import CanarySettings, HeartbeatSettings
from sequora_orchestration.settings.database import DatabaseSettings
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.processes import MetricsSettings

LOG = logging.getLogger(__name__)

# Seconds to wait for an answer.
PATIENCE = 5

# An engineer is told of a canary when so many looks in a row, two minutes, have found it amiss: after a long stop the
# first look finds that none was made, and the sensor makes one half a minute later.
LOOKS_UNTIL_ALARM = 4


def heartbeat() -> NoReturn:
    """Serve metrics and beat until the process is ended; what a wrong setting keeps it from it logs, and leaves out."""
    # There is nothing to clean up: a signal ends the process at once, even while it waits.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    _serve_metrics()
    sign = SignOfLife()
    try:
        url = _url()
    except SettingError as error:
        LOG.error("no heartbeat is sent: %s", error)  # noqa: TRY400  # a sentence for the person who set it, not a traceback
        while True:
            signal.pause()
    if url is None:
        LOG.info("SEQUORA_HEARTBEAT_URL is not set: no heartbeat is sent")
    began = time.monotonic()
    heart = Heart(url, lambda: _signs(on_for=time.monotonic() - began), alarm=_raise_alarm) if url else None
    while True:
        if heart:
            heart.beat()
        sign.leave()
        time.sleep(PERIOD)


def _serve_metrics() -> None:
    """Serve metrics if a port is set."""
    try:
        port = MetricsSettings.load().sequora_metrics_port
        if port is None:
            return
        from sequora_orchestration.cli.metrics.serving import serve

        serve(port)
    except SettingError as error:
        LOG.error("no metrics are served: %s", error)  # noqa: TRY400  # as above
    except OSError as error:
        LOG.error("no metrics are served: port %d cannot be listened on (%s)", port, error.strerror)  # noqa: TRY400
    else:
        LOG.info("metrics are served at port %d, /metrics", port)


def _url() -> str | None:
    """Return the URL to ask for. Raises SettingError."""
    url = HeartbeatSettings.load().sequora_heartbeat_url
    if url and not os.environ.get("DAGSTER_HOME"):
        raise SettingError("DAGSTER_HOME is not set: give the directory with Dagster's configuration.")
    return url


def _signs(*, on_for: float) -> VitalSigns:
    from sequora_orchestration.definitions import SENSORS

    return vital_signs([sensor.name for sensor in SENSORS], on_for=on_for)


def _raise_alarm(text: str) -> Raised:
    """Tell the engineer, if any way is set. Raises SettingError."""
    alarm = open_alarm()
    return alarm.raise_(text) if alarm.is_set else Raised(is_told=True, troubles=[])


def vital_signs(sensors: Collection[str], *, on_for: float = 0.0) -> VitalSigns:
    """Return the signs that the system is at work; `on_for` is how many seconds this process has looked at them.

    Raises the error of a database that cannot be read.
    """
    from dagster import DagsterInstance

    from sequora_orchestration.assets.ticks import good_tick_ages, last_scan_age
    from sequora_orchestration.cli.standstill import standstill_of
    from sequora_orchestration.ledger.measurements import open_measurements

    engine = engine_for(DatabaseSettings.load().supabase_db_url)
    with engine.connect() as connection:
        if dropped_at := views_dropped_at(connection):  # sensors tick even without the views
            raise ViewsDroppedError(dropped_at)
    measurements = open_measurements()
    backlog = measurements.backlog()
    amiss = overdue(measurements.canaries(), on_for=on_for) if CanarySettings.load().is_on else None
    with DagsterInstance.get() as instance:
        ticks = good_tick_ages(instance, sensors)
        return VitalSigns(
            oldest_due=backlog.oldest_due,
            pace=backlog.pace,
            last_scan=last_scan_age(instance),
            ticks=ticks,
            standstill=standstill_of(instance, ticks),
            canary=amiss.sentence if amiss else None,
        )


@dataclass(kw_only=False)
class Heart:
    """Beats while all is well, and logs when that changes, or when the reason why it is not changes.

    The service behind the URL cannot say why it hears nothing. That a canary has not arrived says that nurses' texts
    may not either: of that an engineer is told, once, until one has arrived; but not of what is over in two minutes.
    """

    url: str = field(repr=False)
    """It is not logged, for anybody who knows it can beat in our place."""

    signs: Callable[[], VitalSigns]
    alarm: Callable[[str], Raised] = field(default=lambda _: Raised(is_told=True, troubles=[]), kw_only=True)
    """Tells an engineer."""

    _looks: int = field(default=0, init=False)
    """How many looks in a row have found the canary amiss."""

    _is_told: bool = field(default=False, init=False)
    """Whether the engineer knows of the canary."""

    _last: str = field(default="", init=False)
    """The last sentence that was logged, without its numbers."""

    def beat(self) -> None:
        """Look at the signs, and ask for the URL if all is well. It never raises."""
        try:
            signs = self.signs()
            amiss = complaints(signs)
            self._tell_of_canary(signs.canary)
        except SchemaMissingError as error:
            amiss = [str(error)]
        except Exception as error:  # noqa: BLE001  # signs that cannot be read are no signs of life
            amiss = [f"the signs of life cannot be read ({type(error).__name__})"]
        if amiss:
            self._log_change(logging.WARNING, f"no heartbeat: {'; '.join(amiss)}")
        elif trouble := self._ask_url():
            self._log_change(logging.WARNING, f"the heartbeat does not arrive: {trouble}")
        else:
            self._log_change(logging.INFO, "all is well: the heartbeat is sent")

    def _tell_of_canary(self, complaint: str | None) -> None:
        if complaint is None:
            self._looks, self._is_told = 0, False
            return
        self._looks += 1
        if self._is_told or self._looks < LOOKS_UNTIL_ALARM:
            return
        try:
            raised = self.alarm(alarm_text(complaint))
        except SettingError as error:
            raised = Raised(is_told=False, troubles=[str(error)])
        self._is_told = raised.is_told
        for trouble in raised.troubles:
            LOG.warning("the alarm about the canary: %s", trouble)

    def _ask_url(self) -> str | None:
        """Ask for the URL; return the trouble with that, if there was any, without the URL."""
        try:
            answer = requests.get(self.url, timeout=PATIENCE)
        except Exception as error:  # noqa: BLE001  # an address may be odd in ways that only others know
            return type(error).__name__
        return None if answer.ok else f"SEQUORA_HEARTBEAT_URL answers {answer.status_code}"

    def _log_change(self, level: int, sentence: str) -> None:
        """Log the present state, unless it was logged last: another reason is news, a higher age is not."""
        now = re.sub(r"\d+", "", sentence)
        if now != self._last:
            LOG.log(level, sentence)
        self._last = now
