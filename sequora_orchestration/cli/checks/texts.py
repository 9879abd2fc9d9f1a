"""The wording of texts: whether the file of SEQUORA_TEXTS can be used, and in which languages patients are texted."""

from collections.abc import Collection

from sequora_orchestration.cli.checks.finding import Finding, fail, ok, warn
from sequora_orchestration.delivery.wording_in_force import WrongTextsError, open_wording
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.messages.kinds import PHRASES
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.settings.texts import TextsSettings


def texts() -> Finding:
    """Read the file, and report each mistake on a line of its own. Raises SettingError."""
    try:
        wording = open_wording()
    except WrongTextsError as error:
        meanwhile = "no process starts with it, and those that run keep the words that they read when they started"
        head = f"{error.file} has {counted(len(error.mistakes), 'mistake')}; {meanwhile}:"
        return fail(
            "\n".join([head, *(one.sentence for one in error.mistakes)]),
            to_do="docs/texts.md has an example, and all that may be written",
        )
    file = TextsSettings.load().sequora_texts
    own = sum(map(len, wording.given.values()))
    languages = f"patients are texted in {', '.join(languages_to_patients(wording))}"
    if file and not own:
        return warn(
            f"{file} has no text; {languages}",
            to_do="write your texts into it (docs/texts.md), or leave SEQUORA_TEXTS out",
        )
    of_file = f"{counted(own, 'text')} of {file}" if file else "what comes along"
    return ok(f"{of_file}; {languages}")


def languages_to_patients(wording: Wording) -> Collection[str]:
    """Return the languages in which some text to patients is on."""
    phrases = [phrase for some in PHRASES.values() for phrase in some if phrase.is_to_patients]
    return dict.fromkeys(language for phrase in phrases for language in wording.in_each_language(phrase))
