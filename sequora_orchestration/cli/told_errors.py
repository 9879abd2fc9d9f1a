"""The errors that are shown as a sentence to the person who runs a command; any other is a mistake of ours.

Here: the sentence, and the end of a command that may have no answer. Not here: the errors' own messages, and the exit
codes of all other commands (`commands`).
"""

import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

import click

# These errors are recognised by name, without an import: their modules are heavy, and some need the extra `local`.
_TOLD_BY_NAME = {
    "SystemBusyError",
    "UnusableDirectoryError",
    "DemoFailedError",
    "OrderRefusedError",
    "UnknownIdError",
    "UnknownTextsError",
    "MapError",
    "FileIsThereError",
    "NotWritableError",
    "ViewsInUseError",
    "MigrationRefusedError",
    "IndexRefusedError",
    "UnfitDayError",
    "NotLiveYetError",
    "LookUpError",
    "TooLongError",
    "UnreadableError",
}


def sentence_for(error: Exception) -> str | None:
    """Return the sentence for the person; None if the error is a mistake of ours, and needs a traceback."""
    from sqlalchemy.exc import OperationalError

    from sequora_orchestration.database import SchemaMissingError
    from sequora_orchestration.settings.environment import SettingError

    if isinstance(error, ModuleNotFoundError):
        return (
            f"{error.name} is not installed: pip install 'sequora-orchestration[local]' brings what this command needs"
        )
    if isinstance(error, OperationalError):
        return f"the database cannot be reached or refuses: {str(error.orig).strip()}"
    if isinstance(error, (SettingError, SchemaMissingError)) or type(error).__name__ in _TOLD_BY_NAME:
        return str(error)
    return None


def answer(show: Callable[[], tuple[str, bool]]) -> NoReturn:
    """Write what is shown, and end with 0 if all is well, with 1 if not, and with 2 if there is no answer."""
    try:
        shown, is_well = show()
    except Exception as error:  # noqa: BLE001  # Python would end with 1, which means that all is not well
        click.echo(sentence_for(error) or "".join(traceback.format_exception(error)), err=True)
        sys.exit(2)
    click.echo(shown)
    sys.exit(0 if is_well else 1)
