"""The heartbeat's own sign of life, for `sequora healthy heartbeat`: a file in DAGSTER_HOME, touched after each round.

Here: leaving it, and its age. Not here: the heartbeat (`heartbeat`), and what is made of the age (`healthy`). It is a
file and not a row, because a round that finds the databases gone is a round all the same. Nothing is in it: the time of
its last change is the sign.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

LOG = logging.getLogger(__name__)

NAME = "heartbeat"

PERIOD = 30
"""Seconds between two rounds."""

GONE_AFTER = 3 * PERIOD
"""Seconds. A round asks two databases and a service, each with a time-out of 5 to 10 s."""


class SignOfLife:
    """The sign that this process leaves. Trouble with it is logged once, and stops nothing."""

    def __init__(self) -> None:
        """Take away the sign of an earlier process."""
        self._is_trouble_told = False
        self._change(lambda file: file.unlink(missing_ok=True))

    def leave(self) -> None:
        """Leave the sign, if there is a DAGSTER_HOME."""
        self._change(Path.touch)

    def _change(self, how: Callable[[Path], None]) -> None:
        try:
            if file := _file():
                how(file)
        except OSError as error:
            if not self._is_trouble_told:
                LOG.warning("no sign of life can be left in DAGSTER_HOME (%s)", error.strerror)
            self._is_trouble_told = True


def age() -> float | None:
    """Return the age of the last sign in seconds; None if there is none."""
    file = _file()
    try:
        return time.time() - file.stat().st_mtime if file else None
    except OSError:
        return None


def _file() -> Path | None:
    home = os.environ.get("DAGSTER_HOME")
    return Path(home) / NAME if home else None
