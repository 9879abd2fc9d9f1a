"""What stdout is, and what it is given of a page."""

import os
import re
import shutil
import sys
from typing import TextIO

from sequora_orchestration.terminal.page import Page, plain

COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def is_terminal(out: TextIO | None = None) -> bool:
    """Return whether somebody looks at what is written, on a screen that understands more than lines."""
    return (out or sys.stdout).isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


def shown(page: Page) -> str:
    """Return a page as the reader of stdout can best use it."""
    if not sys.stdout.isatty():
        return plain(page)
    from sequora_orchestration.terminal.drawing import drawn  # noqa: PLC0415  # imports rich: only where it is used

    # click would write UTF-8 where the terminal has ASCII alone.
    encoding = sys.stdout.encoding
    return (drawn(page, columns()) if is_terminal() else plain(page)).encode(encoding, "replace").decode(encoding)


def columns() -> int:
    """Return how many columns a page may fill: not the last, after which terminals differ in what they do."""
    return max(1, shutil.get_terminal_size().columns - 1)


def cut(line: str, width: int) -> str:
    """Return as much of a line as so many columns have room for, and whatever sets or ends a colour in it."""
    kept = []
    for part in COLOUR.split(line):
        is_colour = COLOUR.fullmatch(part) is not None
        kept.append(part if is_colour else part[:width])
        width -= 0 if is_colour else len(kept[-1])
    return "".join(kept)
