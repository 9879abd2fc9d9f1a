"""The file with a clinic's own words. Not here: reading it (`delivery/wording_in_force.py`)."""

from pydantic import Field

from sequora_orchestration.settings.environment import Environment
from sequora_orchestration.settings.paths import LiteralPath


class TextsSettings(Environment):
    """The wording of texts."""

    sequora_texts: LiteralPath | None = Field(
        title="a TOML file with your own wording of texts, by kind and language (docs/texts.md), read at the start of "
        "each process. By default texts say what comes along",
        default=None,
        description="give the path of a file of texts, or leave it out; `sequora texts` shows them all.",
    )
