"""How often Dagster's daemon turns to the sensors."""

import sys

# Seconds between two turns. A sensor that has found something watches again only from the next turn on, so this is what
# a task waits that comes right after another; and each turn reads the states of all sensors, which costs some
# milliseconds of processor time.
TURN = 0.2


def turn_often() -> None:
    """Let the daemon of this process, if it is one, turn to the sensors every TURN seconds.

    Dagster's own 5 s are a constant; there is no setting. Where it has its own value everything works, but what comes
    within 5 s of another task waits until they are over.
    """
    sensor_daemon = sys.modules.get("dagster._daemon.sensor")
    if sensor_daemon:
        sensor_daemon.MIN_INTERVAL_LOOP_TIME = TURN  # type: ignore[attr-defined]
