"""The wording in force: what comes along, and the file of SEQUORA_TEXTS. It is read once a process.

Not here: what may stand in the file (`messages/texts_file.py`).
"""

from functools import cache
from pathlib import Path

from sequora_orchestration.messages.kinds import PHRASES
from sequora_orchestration.messages.texts_file import Mistake, TextsFileError, given_by
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.settings.application import AppSettings
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.texts import TextsSettings


class WrongTextsError(SettingError):
    """The file of SEQUORA_TEXTS cannot be used; the message has a line for each mistake."""

    def __init__(self, file: Path, error: TextsFileError) -> None:
        """Name the file with each of its mistakes."""
        self.file, self.mistakes = file, error.mistakes
        super().__init__("\n".join(f"SEQUORA_TEXTS, {file}, {one.sentence}" for one in error.mistakes))


def open_wording() -> Wording:
    """Return the wording of this process. Raises SettingError; then the file is read again by the next who asks."""
    return _wording(TextsSettings.load().sequora_texts, AppSettings.load().sequora_app_url)


@cache
def _wording(file: Path | None, app_url: str) -> Wording:
    if file is None:
        return Wording(app_url=app_url)
    try:
        return Wording(app_url=app_url, given=given_by(file.read_bytes(), PHRASES, app_url))
    except OSError as error:
        wrong = f"cannot be read ({error.strerror})"
        mistake = Mistake(0, wrong, "give the path of a file that is there, and that this process may read")
        raise WrongTextsError(file, TextsFileError([mistake])) from None
    except TextsFileError as error:
        raise WrongTextsError(file, error) from None
