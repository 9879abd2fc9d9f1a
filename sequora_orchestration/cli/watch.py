"""Showing a page again and again: in place on a terminal, one after the other in a pipe."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from sequora_orchestration.terminal.screen import columns, cut, is_terminal

# Seconds between two pages.
EVERY = 2.0

# Orders to a terminal (ECMA-48): go to the upper left, delete the rest of the line, or of the screen. Nothing is
# cleared before it is written anew, so nothing flickers.
HOME, REST_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def watch(
    page: Callable[[], str],
    out: TextIO = sys.stdout,
    wait: Callable[[float], None] = time.sleep,
    *,
    between: str = "\n",
) -> None:
    """Call `page` and show the result, every two seconds, until Ctrl-C or until nobody reads it any more.

    In a pipe `between` stands between two pages.
    """
    is_watched = is_terminal(out)
    try:
        if is_watched:
            out.write(HIDE_CURSOR + HOME + REST_OF_SCREEN)
        while True:
            out.write(_in_place(page()) if is_watched else f"{page()}\n{between}")
            out.flush()
            wait(EVERY)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Python would write the rest at its end, and fail again (https://docs.python.org/3/library/signal.html).
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    finally:
        if is_watched:
            out.write(SHOW_CURSOR + "\n")
            out.flush()


def _in_place(page: str) -> str:
    """Return the signs that draw a page over the page before, as far as there is room for it."""
    lines = shutil.get_terminal_size().lines
    shown = [cut(line, columns()) + REST_OF_LINE for line in page.splitlines()[: lines - 1]]
    return HOME + "\n".join(shown) + REST_OF_SCREEN
