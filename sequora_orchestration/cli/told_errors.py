"""The errors that are shown as a sentence to the person who runs a command; any other is a mistake of ours.

Here: the sentence. Not here: the errors' own messages, and the exit code of a command (`commands`).
"""

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
