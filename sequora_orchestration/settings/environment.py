"""The common part of all settings: they are read from the environment, and an error names the variable.

Here: reading them, blanks around values, and `SettingError`. Nothing is read at import. Not here: any setting.
"""

import unicodedata
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingError(Exception):
    """A setting is missing or wrong; the message is for the person who set it."""


def without_blanks(value: str) -> str:
    """Return a value without the white space at its ends, and without invisible characters there: a BOM, say."""
    seen = [place for place, character in enumerate(value) if not _is_blank(character)]
    return value[seen[0] : seen[-1] + 1] if seen else ""


def _is_blank(character: str) -> bool:
    # `isspace` knows a non-breaking space; signs without width are format characters (Cf).
    return character.isspace() or unicodedata.category(character) == "Cf"


class Environment(BaseSettings):
    """Settings read from the environment; a field's title names the setting, and its description a proper value."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Strip the blanks that a file of settings, or a copied text, has around a value; an empty value is not set."""
        trimmed = {name: without_blanks(one) if isinstance(one, str) else one for name, one in values.items()}
        return {name: one for name, one in trimmed.items() if one != ""}

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises SettingError."""
        try:
            return cls()
        except ValidationError as error:
            sentences = [cls._sentence(details["loc"], details["type"], details["msg"]) for details in error.errors()]
            raise SettingError("\n".join(sentences)) from None

    @classmethod
    def _sentence(cls, location: tuple[int | str, ...], kind: str, message: str) -> str:
        if not location:  # a rule about several settings names them itself
            return message.removeprefix("Value error, ")
        name = str(location[0])
        known = {"missing": "is not set", "literal_error": "is none of the words that it may be"}
        problem = known.get(kind) or message.removeprefix("Value error, ")
        return f"{name.upper()} {problem}: {cls.model_fields[name].description}"
