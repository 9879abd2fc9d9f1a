"""Whether stdout is a terminal, and a page in the form that suits it."""

import os
import re
import shutil
import sys
from typing import TextIO

from sequora_orchestration.terminal.page import Page, plain

COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def is_terminal(out: TextIO | None = None) -> bool:
    """Return whether the output goes to a screen that understands more than lines."""
    return (out or sys.stdout).isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


def shown(page: Page) -> str:
    """Return a page laid out if stdout is a terminal, and as plain text otherwise."""
    if not sys.stdout.isatty():
        return plain(page)
    from sequora_orchestration.terminal.drawing import drawn  # noqa: PLC0415  # imports rich, which takes its time

    # click would write UTF-8 to a terminal that has only ASCII.
    encoding = sys.stdout.encoding
    return (drawn(page, columns()) if is_terminal() else plain(page)).encode(encoding, "replace").decode(encoding)


def columns() -> int:
    """Return how many columns a page may fill: all but the last, for terminals differ in what they do after it."""
    return max(1, shutil.get_terminal_size().columns - 1)


def cut(line: str, width: int) -> str:
    """Return the part of a line for which `width` columns have room, and all signs in it that set or end a colour."""
    kept = []
    for part in COLOUR.split(line):
        is_colour = COLOUR.fullmatch(part) is not None
        kept.append(part if is_colour else part[:width])
        width -= 0 if is_colour else len(kept[-1])
    return "".join(kept)
