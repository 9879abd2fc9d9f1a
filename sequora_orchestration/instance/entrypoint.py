"""What a container begins with: `python -m sequora_orchestration.instance.entrypoint web`, or `… sequora doctor`.

Here: furnishing DAGSTER_HOME, so that a container may bring an empty one, and handing over to a line of the Procfile or
to a command of `sequora`. Not here: the processes' commands, which stand in the Procfile alone.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from honcho.environ import parse_procfile

from sequora_orchestration.instance.home import UnusableDirectoryError, furnish

PROCFILE = Path(__file__).with_name("Procfile")


class UnknownProcessError(Exception):
    """The arguments name neither a process of the Procfile nor a command of `sequora`; the message says what does."""


def command_for(arguments: Sequence[str]) -> list[str]:
    """Return the command that the arguments of a container ask for. Raises UnknownProcessError."""
    if arguments and arguments[0] == "sequora":
        return list(arguments)
    processes = parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes
    if len(arguments) == 1 and arguments[0] in processes:
        return ["/bin/sh", "-c", processes[arguments[0]]]
    raise UnknownProcessError(
        f"{' '.join(arguments)!r} is no process: give one of {', '.join(processes)}, or `sequora` with a command"
    )


def main() -> NoReturn:
    """Furnish DAGSTER_HOME with what is missing there, and become the command."""
    try:
        command = command_for(sys.argv[1:])
        if home := os.environ.get("DAGSTER_HOME"):
            furnish(Path(home))
    except (UnknownProcessError, UnusableDirectoryError) as error:
        sys.exit(str(error))
    os.execvp(command[0], command)  # noqa: S606  # the container's own command, and signals are to reach it


if __name__ == "__main__":
    main()
