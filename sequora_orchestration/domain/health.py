"""The bounds within which the system is well, and sentences for a bound that is passed: for checks and the heartbeat.

How the figures are measured is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

UNANSWERED_AFTER = timedelta(seconds=60)
"""An open task without a text, or a reason for none, is a hole: the slowest way to either takes half of this time."""

INSIDE = timedelta(seconds=10)
"""The longest that a nurse should wait: the share of texts inside this time is a figure."""

SETTLED_WITHIN = timedelta(minutes=9)
"""A text in doubt is settled or held within minutes after its window, if the phone company's list can be read."""

OLDEST_DUE = timedelta(minutes=5)
"""A claim that nobody takes up is made again after 30 s, 1, 2 and 4 minutes: by then somebody should look."""

OLDEST_TICK = timedelta(seconds=60)
"""A tick watches for 13 s at most, and the next one begins within 15 s at most."""

STANDSTILL_AFTER = timedelta(seconds=30)
"""If no sensor at all has a good tick for this time, none will come by itself: a tick ends within 15 s."""

DAEMON_GONE_AFTER = timedelta(seconds=45)
"""The daemon says every 30 s that it is there, or at its next turn."""

OLDEST_SCAN = timedelta(minutes=15)
"""The scan for SLAs that are near is made every 5 minutes: three in a row are missing."""

OLDEST_FIGURES = timedelta(minutes=15)
"""Figures are measured every 5 minutes: three in a row are missing."""

OLDEST_RECONCILED = timedelta(hours=60)
"""A day is compared in the sixth hour of the next one. Counted from its own beginning, the newest that was compared is
54 hours old at most; if a night is missed, somebody should look by noon in UTC."""

GOING_OUT = timedelta(seconds=60)
"""Texts are going out if one did within this time: a run sends its texts within seconds, and the next run begins."""


def longest_doubt(window: timedelta) -> timedelta:
    """Return how long a text may be in doubt: `window` is the time it has to show up in the phone company's list."""
    return window + SETTLED_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast texts go out."""

    has_rate: bool
    """Whether the sender's rate is set: then many texts wait for their turn, as intended."""

    last_sent: float | None
    """Seconds since the last text was sent; None if that was more than an hour ago."""

    next_slot: float | None
    """Seconds until the rate allows the next message; negative if it does now, None if no message ever waited."""

    @property
    def explains_waiting(self) -> bool:
        """Whether texts wait because of the rate: others are going out, or one waits for its turn just now."""
        is_sending = self.last_sent is not None and self.last_sent <= GOING_OUT.total_seconds()
        return self.has_rate and (is_sending or (self.next_slot is not None and self.next_slot > 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The things that sensors need in order to tick, as seen while none does. Ages are in seconds."""

    all_stopped: bool
    """Whether somebody has stopped every sensor."""

    code_server: str | None
    """The fault of the code server, in words; None if it answers at its address."""

    daemon: float | None
    """The age of the daemon's last sign of life; None if it never gave one."""

    last_tick: float | None
    """The age of the last tick of any sensor, also of a failed tick; None if there was none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standstill:
    """Why no sensor ticks, so that nobody is texted, and what to do about it."""

    why: str
    to_do: str

    is_running: bool
    """Whether the daemon is there: if not, the system may just not have been started."""

    @property
    def sentence(self) -> str:
        """The reason and the advice, for a person."""
        return f"no sensor ticks: {self.why}; {self.to_do}"


def is_at_a_standstill(ticks: Mapping[str, float | None]) -> bool:
    """Return whether no sensor at all ticks any more, or yet; `ticks` has the age of each sensor's last good tick."""
    newest = min((age for age in ticks.values() if age is not None), default=None)
    return newest is None or newest > STANDSTILL_AFTER.total_seconds()


def standstill(seen: Surroundings) -> Standstill:
    """Return why no sensor ticks: everything that keeps them from ticking."""
    is_running = seen.daemon is not None and seen.daemon <= DAEMON_GONE_AFTER.total_seconds()
    found = []
    if seen.all_stopped:
        found.append(("somebody has stopped all sensors", "start them (Automation in the web UI)"))
    if seen.code_server:
        found.append((seen.code_server, "start the process `code` of the Procfile, or see its log"))
    if not is_running:
        since = "" if seen.daemon is None else f" (it last was {seen.daemon:.0f} s ago)"
        found.append((f"the daemon is not there{since}", "start the process `daemon` of the Procfile, or see its log"))
    if not found:
        found.append(_with_all_there(seen.last_tick))
    return Standstill(
        why=" and ".join(why for why, _ in found),
        to_do="; ".join(to_do for _, to_do in found),
        is_running=is_running,
    )


def _with_all_there(last_tick: float | None) -> tuple[str, str]:
    if last_tick is not None and last_tick <= STANDSTILL_AFTER.total_seconds():
        return "every tick fails", "`sequora status` says with what, and `sequora doctor` what to do"
    return (
        "the daemon starts none: it is not there, or hangs",
        "if it has just started wait, else see the log of the process `daemon`, and restart it",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSigns:
    """The signs by which a person sees whether the system is at work. Ages are in seconds."""

    oldest_due: float | None
    """How long the oldest due message has been due; None if none waits, or only by an operator's order."""

    pace: Pace

    last_scan: float | None
    """The age of the last scan for SLAs that are near; None if there was none yet."""

    ticks: Mapping[str, float | None]
    """The age of each sensor's last tick that did not fail; None if there was none yet."""

    standstill: Standstill | None
    """Why no sensor ticks at all; None if a sensor does."""

    canary: str | None = None
    """What is amiss with the test text that should have arrived, and what to do; None if it has, or none is sent."""


def complaints(signs: VitalSigns) -> list[str]:
    """Return a sentence for each sign that is out of its bounds."""
    found = []
    is_late = signs.oldest_due is not None and signs.oldest_due > OLDEST_DUE.total_seconds()
    if is_late and not signs.pace.explains_waiting:
        found.append(f"a message has been due for {signs.oldest_due:.0f} s")
    if signs.last_scan is None:
        found.append("no scan for SLAs that are near was made yet")
    elif signs.last_scan > OLDEST_SCAN.total_seconds():
        found.append(f"the last scan for SLAs that are near was {signs.last_scan:.0f} s ago")
    if signs.standstill:
        found.append(signs.standstill.sentence)
    elif silent := silent_sensors(signs.ticks):
        found.append(f"no good tick within {OLDEST_TICK.total_seconds():.0f} s of {', '.join(silent)}")
    if signs.canary:
        found.append(signs.canary)
    return found


def silent_sensors(ticks: Mapping[str, float | None]) -> list[str]:
    """Return the names of sensors whose last good tick is too old, or that have none."""
    return sorted(name for name, age in ticks.items() if age is None or age > OLDEST_TICK.total_seconds())
