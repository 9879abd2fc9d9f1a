"""The people who write to us in a storm, in a thread of their own."""

import threading
import time
from collections.abc import Sequence

from bench.storm.phone import StormPhone
from bench.storm.talk import Writing


class Writers:
    """Lets phones write as planned."""

    def __init__(self, phone: StormPhone) -> None:
        """Nothing is written yet."""
        self._phone = phone
        self._ended = threading.Event()

    def act(self, plan: Sequence[Writing], began: float) -> None:
        """Let each be written at its moment after `began` (of the monotonic clock)."""
        for writing in plan:
            if self._ended.wait(max(0.0, began + writing.at - time.monotonic())):
                return
            self._phone.write(writing)

    def end(self) -> None:
        """Write nothing more."""
        self._ended.set()
