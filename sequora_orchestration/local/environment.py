"""The settings of a running `sequora dev`, in a file for other terminals: `source .sequora/environment`."""

import shlex
from collections.abc import Mapping
from pathlib import Path

NAME = "environment"


def write_environment(directory: Path, settings: Mapping[str, str]) -> None:
    """Write what the system runs with and the person has not set; only the owner may read it."""
    target = directory / NAME
    target.touch(mode=0o600)
    target.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()))


def read_environment(directory: Path) -> dict[str, str]:
    """Return the settings that were written."""
    words = shlex.split((directory / NAME).read_text(encoding="utf-8"))
    return dict(word.split("=", 1) for word in words if "=" in word)
