"""What counts as well: bounds, and sentences where they are passed, for the checks in the UI and the heartbeat.

What is measured to tell, and how, is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

UNANSWERED_AFTER = timedelta(seconds=60)
"""An open task without a text, or a reason for none, is a hole: the slowest way to either takes half of that."""

INSIDE = timedelta(seconds=10)
"""What a nurse should wait at most: the share of texts that kept to it is a figure."""

LONGEST_DOUBT = timedelta(minutes=10)
"""A text in doubt is settled or held within a few minutes, while the phone company's list can be read."""

OLDEST_DUE = timedelta(minutes=5)
"""A claim that nobody takes up is made again after 30 s, 1, 2 and 4 minutes: by then somebody should look."""

OLDEST_TICK = timedelta(seconds=60)
"""A sensor ticks every 5 to 20 s, and a tick watches for 13 s at most."""

OLDEST_SCAN = timedelta(minutes=15)
"""The scan for SLAs that are near is made every 5 minutes: three in a row are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSigns:
    """What tells whether the system is at work. Ages are in seconds."""

    oldest_due: float | None
    """Of the message that has been due for longest; None if none waits, or only by an operator's order."""

    last_scan: float | None
    """Of the last scan for SLAs that are near; None if there was none yet."""

    ticks: Mapping[str, float | None]
    """Of each sensor's last tick that did not fail; None if there was none yet."""


def complaints(signs: VitalSigns) -> list[str]:
    """Return a sentence for each sign that is out of its bounds."""
    found = []
    if signs.oldest_due is not None and signs.oldest_due > OLDEST_DUE.total_seconds():
        found.append(f"a message has been due for {signs.oldest_due:.0f} s")
    if signs.last_scan is None:
        found.append("no scan for SLAs that are near was made yet")
    elif signs.last_scan > OLDEST_SCAN.total_seconds():
        found.append(f"the last scan for SLAs that are near was {signs.last_scan:.0f} s ago")
    if silent := silent_sensors(signs.ticks):
        found.append(f"no good tick within {OLDEST_TICK.total_seconds():.0f} s of {', '.join(silent)}")
    return found


def silent_sensors(ticks: Mapping[str, float | None]) -> list[str]:
    """Return the sensors whose last good tick is too old, or that have none."""
    return sorted(name for name, age in ticks.items() if age is None or age > OLDEST_TICK.total_seconds())
