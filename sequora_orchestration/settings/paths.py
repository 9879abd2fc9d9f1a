"""Paths of files in settings: a value is the path itself, of which no shell has made anything.

Not here: the settings that are paths, and whether there are such files.
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

_QUOTED = re.compile(r"([\"']).*\1", re.DOTALL)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def _literal(value: object) -> object:
    """Refuse what only a shell, or a browser, makes a path of: a file of settings goes through neither."""
    if not isinstance(value, str):
        return value
    if value.startswith(("~", "$")):
        raise ValueError(f"begins with {value[0]}, which is not expanded here (write the whole path)")
    if _QUOTED.fullmatch(value):
        raise ValueError("has quotes round its value, which are taken for a part of it (write it without them)")
    if address := _ADDRESS.match(value):
        raise ValueError(f"begins with {address[0]}, as an address does (write the path alone)")
    return value


LiteralPath = Annotated[Path, BeforeValidator(_literal)]
