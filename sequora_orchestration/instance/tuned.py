"""Dagster's own processes, tuned beyond its settings: `python -m sequora_orchestration.instance.tuned COMMAND …`.

COMMAND is `dagster-daemon` or `dagster`, with its arguments. Private parts of Dagster's processes are used here only; a
test fails when a release moves them. The commands also work without this module, but slower.
"""

import signal
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, NoReturn

from dagster import DagsterExecutionInterruptedError

# Seconds. The daemon asks the code server every second whether it is there, or is a new one, and then reads its code
# location. If that fails (the code server was just starting, or just ending), Dagster tries again after 10 s.
SECOND_TRY = 1


# Seconds between two turns of the daemon to its sensors. A sensor that has found something watches again from the next
# turn on, so a task that comes right after another waits for this long. Each turn reads the states of all sensors: one
# statement.
TURN = 0.1

# Seconds for which the code server serves on after it was told to end; no sensor watches any more. The daemon needs it
# to hand in the runs of the last ticks: mostly it is told to end at the same moment.
SERVES_ON = 2


def turn_often() -> None:
    """If this process is a daemon, let it turn to its sensors every TURN seconds instead of every 5.

    The storage calls this, so it holds also for a plain `dagster-daemon` on our `dagster.yaml`.
    """
    sensor_daemon = sys.modules.get("dagster._daemon.sensor")
    if sensor_daemon:
        sensor_daemon.MIN_INTERVAL_LOOP_TIME = TURN  # type: ignore[attr-defined]


def tune_daemon() -> None:
    """Let the daemon find the code server soon, also if the server starts later, and end only after its ticks."""
    from dagster._daemon.controller import (  # noqa: PLC0415  # the code server needs none of these
        DagsterDaemonController,
    )
    from dagster._daemon.daemon import SensorDaemon  # noqa: PLC0415
    from dagster._grpc import server_watcher  # noqa: PLC0415

    server_watcher.ERROR_RECOVERY_INTERVAL = SECOND_TRY
    end_as_before = DagsterDaemonController.__exit__

    def end(controller: DagsterDaemonController, *why: Any) -> None:
        # Dagster next forgets the code server's address, and closes the threads that hand in runs: a tick that has
        # found something could not hand it in. So the ticks under way are waited for here.
        end_as_before(controller, *why)
        for daemon in controller.daemons:
            if isinstance(daemon, SensorDaemon) and daemon._threadpool_executor:  # noqa: SLF001
                daemon._threadpool_executor.shutdown()  # noqa: SLF001

    DagsterDaemonController.__exit__ = end  # type: ignore[method-assign]


def tune_code_server() -> None:
    """Start no code server with texts that cannot be sent; when it is told to end, end it SERVES_ON later.

    Watching sensors then return at once.

    Dagster would end it after the ticks under way, which may watch for 13 s: at each restart of the code server, nobody
    would be texted meanwhile.
    """
    from sequora_orchestration.instance.wrong_texts import end_if_texts_are_wrong  # noqa: PLC0415  # not for the daemon
    from sequora_orchestration.sensors.watch import ENDING  # noqa: PLC0415

    end_if_texts_are_wrong()

    def end(*_: object) -> NoReturn:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt  # Dagster then waits for the ticks under way

    def begin_to_end(*_: object) -> None:
        if ENDING.is_set():
            end()
        ENDING.set()
        signal.setitimer(signal.ITIMER_REAL, SERVES_ON)

    signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGINT, begin_to_end)  # Dagster gives SIGTERM the handler of SIGINT


TUNED: Mapping[str, Callable[[], None]] = {"dagster-daemon": tune_daemon, "dagster": tune_code_server}


def main() -> None:
    """Run the command in the arguments."""
    del sys.argv[0]
    TUNED[sys.argv[0]]()
    (script,) = entry_points(group="console_scripts", name=sys.argv[0])
    try:
        script.load()()
    except (KeyboardInterrupt, DagsterExecutionInterruptedError):
        # The process was told to end while it was still loading; Dagster does not expect that.
        sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
