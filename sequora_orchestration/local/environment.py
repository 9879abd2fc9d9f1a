"""The settings of a running `sequora dev`, in a file for other terminals: `source .sequora/environment`."""

import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

NAME = "environment"


def write_environment(directory: Path, settings: Mapping[str, str], *, given: Collection[str]) -> None:
    """Write the settings that the system chose by itself; only the file's owner may read it.

    A setting that was `given` from outside is named there without its value: that may be a secret that is in no file.
    """
    target = directory / NAME
    target.touch(mode=0o600)
    target.chmod(0o600)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    if given:
        lines.insert(
            0, f"# Given to `sequora dev` from outside, so not written here; set it as well: {', '.join(given)}\n"
        )
    target.write_text("".join(lines), encoding="utf-8")


def read_environment(directory: Path) -> dict[str, str]:
    """Return the settings that were written."""
    words = shlex.split((directory / NAME).read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)
