"""How long it takes until the system can be used, and the command line answers."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from bench.measure import Start
from bench.system import sequora_dev

HELPS = 7


def start(directory: Path, environment: Mapping[str, str]) -> Start:
    """Start the system twice on a directory that is not there yet, everything embedded. Raises StartError."""
    with sequora_dev(directory, environment) as first:
        pass
    with sequora_dev(directory, environment) as again:
        pass
    return Start(first=first, again=again, help=median(_seconds_of_help(environment) for _ in range(HELPS)))


def _seconds_of_help(environment: Mapping[str, str]) -> float:
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name("sequora")), "--help"]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began
