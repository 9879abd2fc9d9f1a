"""No process that says texts starts with a file of texts that cannot be used. Not here: what may stand in the file."""

import sys

from sequora_orchestration.delivery.wording_in_force import open_wording
from sequora_orchestration.settings.environment import SettingError


def end_if_texts_are_wrong() -> None:
    """End this process with a line for each mistake: it could say nothing, or the wrong thing."""
    try:
        open_wording()
    except SettingError as error:
        sys.exit(str(error))
