"""`sequora heartbeat`: a dead man's switch, which somebody else watches.

While all is well it asks for a URL of the operator's choice every half minute; when that stops, whoever serves the URL
raises the alarm. So it is noticed as well that this host is gone, or its network: nothing on the host could say so, and
a page for others to ask (`/healthz`) would need somebody outside to ask it, through whatever guards this network.

Nothing is asked for while anything is amiss, and nothing is ever said of failure: not every service has a way to.

The processes of the Procfile live and die together, so this one never ends by itself: a setting of its own that is
wrong must not stop the workers.
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

from sequora_orchestration.database import (
    SchemaMissingError,
    ViewsDroppedError,
    engine_for,
    views_dropped_at,
)
from sequora_orchestration.domain.health import VitalSigns, complaints
from sequora_orchestration.settings.alarms import HeartbeatSettings
from sequora_orchestration.settings.database import DatabaseSettings
from sequora_orchestration.settings.environment import SettingError

LOG = logging.getLogger(__name__)

# Seconds between two beats, and for which an answer is waited for.
PERIOD = 30
PATIENCE = 5


def heartbeat() -> NoReturn:
    """Beat until the process is ended, or say why not, and wait for that."""
    # There is nothing to put in order at the end: a signal ends the process at once, whatever it waits for.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        url = _url()
    except SettingError as error:
        LOG.error("no heartbeat is sent: %s", error)  # noqa: TRY400  # a sentence for whoever set it, not a traceback
        _wait()
    if url is None:
        LOG.info("SEQUORA_HEARTBEAT_URL is not set: no heartbeat is sent")
        _wait()
    heart = Heart(url, _signs)
    while True:
        heart.beat()
        time.sleep(PERIOD)


def _url() -> str | None:
    """Return what is to be asked for. Raises SettingError."""
    url = HeartbeatSettings.load().sequora_heartbeat_url
    if url and not os.environ.get("DAGSTER_HOME"):
        raise SettingError("DAGSTER_HOME is not set: give the directory with Dagster's configuration.")
    return url


def _wait() -> NoReturn:
    while True:
        signal.pause()


def _signs() -> VitalSigns:
    from sequora_orchestration.definitions import SENSORS

    return vital_signs([sensor.name for sensor in SENSORS])


def vital_signs(sensors: Collection[str]) -> VitalSigns:
    """Return what tells whether the system is at work; the error of whichever database cannot be read."""
    from dagster import DagsterInstance

    from sequora_orchestration.assets.ticks import good_tick_ages, last_scan_age
    from sequora_orchestration.cli.standstill import standstill_of
    from sequora_orchestration.ledger.measurements import open_measurements

    engine = engine_for(DatabaseSettings.load().supabase_db_url)
    with engine.connect() as connection:
        if dropped_at := views_dropped_at(connection):  # sensors tick all the same
            raise ViewsDroppedError(dropped_at)
    backlog = open_measurements().backlog()
    with DagsterInstance.get() as instance:
        ticks = good_tick_ages(instance, sensors)
        return VitalSigns(
            oldest_due=backlog.oldest_due,
            pace=backlog.pace,
            last_scan=last_scan_age(instance),
            ticks=ticks,
            standstill=standstill_of(instance, ticks),
        )


@dataclass(kw_only=False)
class Heart:
    """Beats while all is well, and says when that changes, or the reason why not."""

    url: str = field(repr=False)
    """Whoever knows it can beat in our place, so it is not logged."""

    signs: Callable[[], VitalSigns]
    _last: str = field(default="", init=False)
    """What was said last, without its numbers."""

    def beat(self) -> None:
        """Look at the signs, and ask for the URL if all is well. Whatever fails, it raises nothing."""
        try:
            amiss = complaints(self.signs())
        except SchemaMissingError as error:
            amiss = [str(error)]
        except Exception as error:  # noqa: BLE001  # whatever cannot be read, that is no sign of life
            amiss = [f"the signs of life cannot be read ({type(error).__name__})"]
        if amiss:
            self._turned(logging.WARNING, f"no heartbeat: {'; '.join(amiss)}")
        elif trouble := self._sent():
            self._turned(logging.WARNING, f"the heartbeat does not arrive: {trouble}")
        else:
            self._turned(logging.INFO, "all is well: the heartbeat is sent")

    def _sent(self) -> str | None:
        """Ask for the URL; return what was wrong with that, if anything, without the URL."""
        try:
            answer = requests.get(self.url, timeout=PATIENCE)
        except Exception as error:  # noqa: BLE001  # an address may be odd in ways that only others know
            return type(error).__name__
        return None if answer.ok else f"SEQUORA_HEARTBEAT_URL answers {answer.status_code}"

    def _turned(self, level: int, sentence: str) -> None:
        """Say what is the case now, unless it was said before: also another reason is news, a later age is not."""
        now = re.sub(r"\d+", "", sentence)
        if now != self._last:
            LOG.log(level, sentence)
        self._last = now
