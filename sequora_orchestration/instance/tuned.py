"""Dagster's own processes, with what it has no setting for: `python -m sequora_orchestration.instance.tuned COMMAND …`.

COMMAND is `dagster-daemon` or `dagster`, as one would type it. What is private of Dagster's processes stands here; a
test fails when a release moves it. The commands work without this, only slower.
"""

import signal
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, NoReturn

from dagster import DagsterExecutionInterruptedError

# Seconds. The daemon asks the code server every second whether it is there, or is another one than before, and then
# reads what it serves. If that fails (it was just starting, or just ending), Dagster tries again after 10 s.
SECOND_TRY = 1


# Seconds between two turns of the daemon to its sensors. One that has found something watches again from the next turn
# on, so this is what a task waits that comes right after another. Each turn reads the states of all sensors: one
# statement.
TURN = 0.1

# Seconds for which the code server serves on when it is told to end, while no sensor asks anything any more. The daemon
# needs it to hand in the runs of what the last ticks have found; mostly it is told to end at the same moment.
SERVES_ON = 2


def turn_often() -> None:
    """Let the daemon of this process, if it is one, turn to its sensors every TURN seconds instead of every 5.

    The storage sees to it: so it holds as well where somebody runs `dagster-daemon` itself on our `dagster.yaml`.
    """
    sensor_daemon = sys.modules.get("dagster._daemon.sensor")
    if sensor_daemon:
        sensor_daemon.MIN_INTERVAL_LOOP_TIME = TURN  # type: ignore[attr-defined]


def tune_daemon() -> None:
    """Let it find the code server soon, whichever of the two starts last, and end when its ticks have ended."""
    from dagster._daemon.controller import (  # noqa: PLC0415  # the code server needs none of these
        DagsterDaemonController,
    )
    from dagster._daemon.daemon import SensorDaemon  # noqa: PLC0415
    from dagster._grpc import server_watcher  # noqa: PLC0415

    server_watcher.ERROR_RECOVERY_INTERVAL = SECOND_TRY
    end_as_before = DagsterDaemonController.__exit__

    def end(controller: DagsterDaemonController, *why: Any) -> None:
        # What comes next in Dagster forgets where the code is, and closes the threads that hand in runs: a tick that
        # has found something could not hand it in. So the ticks under way are waited for here.
        end_as_before(controller, *why)
        for daemon in controller.daemons:
            if isinstance(daemon, SensorDaemon) and daemon._threadpool_executor:  # noqa: SLF001
                daemon._threadpool_executor.shutdown()  # noqa: SLF001

    DagsterDaemonController.__exit__ = end  # type: ignore[method-assign]


def tune_code_server() -> None:
    """Let sensors that watch return at once when it is told to end, and let it end SERVES_ON later.

    Dagster would end it when the ticks under way have ended, which may watch for 13 s: nobody would be texted
    meanwhile, each time that the code server is restarted.
    """
    from sequora_orchestration.sensors.watch import ENDING  # noqa: PLC0415  # the daemon needs none of this

    def end(*_: object) -> NoReturn:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt  # upon which Dagster waits for the ticks under way

    def begin_to_end(*_: object) -> None:
        if ENDING.is_set():
            end()
        ENDING.set()
        signal.setitimer(signal.ITIMER_REAL, SERVES_ON)

    signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGINT, begin_to_end)  # Dagster gives SIGTERM the handler of SIGINT


TUNED: Mapping[str, Callable[[], None]] = {"dagster-daemon": tune_daemon, "dagster": tune_code_server}


def main() -> None:
    """Run the command that the arguments are."""
    del sys.argv[0]
    TUNED[sys.argv[0]]()
    (script,) = entry_points(group="console_scripts", name=sys.argv[0])
    try:
        script.load()()
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        # Told to end while it is still loading, where Dagster does not expect it.
        sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
