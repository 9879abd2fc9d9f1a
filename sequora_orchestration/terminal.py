"""What a command prints: pages of rows, as plain text for programs, and laid out in colour for whoever looks.

A page is described once. `plain` writes it for scripts and logs, and is the same wherever it is written. `drawn` lays
the same words out for the width of a terminal, with rich: it draws with nothing that ASCII does not have, takes no text
for markup, and lets none speak to the terminal.
"""

import os
import re
import shutil
import string
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from sequora_orchestration.domain.ledger_state import State

if TYPE_CHECKING:  # rich is imported when something is drawn: commands must start quickly
    from rich.console import Console, RenderableType
    from rich.text import Text


class Tone(StrEnum):
    """How words are meant; the value is how rich calls their look."""

    WELL = "green"
    CARE = "yellow"
    """It could be better, or waits for somebody."""

    BAD = "bold red"
    HEADING = "bold"
    QUIET = "dim"


OF_STATE = {
    State.DELIVERED: Tone.WELL,
    State.IN_DOUBT: Tone.CARE,
    State.HELD: Tone.CARE,
    State.UNDELIVERED: Tone.BAD,
    State.FAILED: Tone.BAD,
}
"""The tones of the states that say something by themselves."""


@dataclass(frozen=True, slots=True)
class Toned:
    """Words with a tone; None for the one that all others have."""

    text: str
    tone: Tone | None = None


Cell = str | Toned | tuple[str | Toned, ...]
"""What stands in a column. What is toned among several parts is not broken between two lines."""

Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of one shape, and lines between them."""

    shape: str
    """The plain text of a row, as `str.format` has it, e.g. "  {:<28} {:>6}   {}"."""

    rows: Sequence[str | Toned | Row]
    """A tuple is a row; anything else is a line by itself."""

    wraps: int | None = None
    """After how many columns the last cell of a row goes on below itself in plain text; None: it does not."""

    section: str = ""
    """On a terminal, blocks of the same shape and section stand in the same columns."""


Page = Sequence[Block]

# Two cells of a row on a terminal are so far apart, and what has no room beside them stands so far in on the next line.
GAP, BELOW = 2, 4

# The last cell of a row is put below the others where it would have fewer columns than this, or a word (an id, an
# address) would have to be broken.
ROOM = 30

# Nothing else has this sign: it is for private use, and whatever cannot be printed has been taken out of a text before.
UNBROKEN_SPACE = "\ue000"

COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


def is_terminal(out: TextIO | None = None) -> bool:
    """Return whether somebody looks at what is written, on a screen that understands more than lines."""
    return (out or sys.stdout).isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


def shown(page: Page) -> str:
    """Return a page as the reader of stdout can best use it."""
    if not sys.stdout.isatty():
        return plain(page)
    # click would write UTF-8 where the terminal has ASCII alone.
    encoding = sys.stdout.encoding
    return (drawn(page, columns()) if is_terminal() else plain(page)).encode(encoding, "replace").decode(encoding)


def columns() -> int:
    """Return how many columns a page may fill: not the last, after which terminals differ in what they do."""
    return max(1, shutil.get_terminal_size().columns - 1)


# --- for programs -----------------------------------------------------------------------------------------------------


def plain(page: Page) -> str:
    """Return a page as plain text."""
    return "\n".join(line for block in page for row in block.rows for line in _plain_lines(block, row))


def _plain_lines(block: Block, row: str | Toned | Row) -> Sequence[str]:
    if not isinstance(row, tuple):
        return [_words(row)]
    *heads, last = map(_words, row)
    if block.wraps:
        return wrapped(block.shape.format(*heads, ""), last, block.wraps)
    line = block.shape.format(*heads, last)
    return [line if last else line.rstrip()]


def wrapped(head: str, text: str, width: int) -> list[str]:
    """Return a text in lines, of which the first has something before it; a masked phone is not broken."""
    whole = _masks_unbroken(" ".join(text.split()))
    lines = textwrap.wrap(whole, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
    return [line.replace(UNBROKEN_SPACE, " ") for line in lines]


def _words(cell: Cell) -> str:
    if isinstance(cell, tuple):
        return "".join(map(_words, cell))
    return cell.text if isinstance(cell, Toned) else cell


def _masks_unbroken(text: str) -> str:
    return text.replace("•••• ", f"••••{UNBROKEN_SPACE}")


# --- for whoever looks ------------------------------------------------------------------------------------------------


def drawn(page: Page, width: int) -> str:
    """Return a page as a terminal of so many columns is told it; without colour where NO_COLOR is set."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(
        file=sys.stdout,
        width=width,
        force_terminal=True,
        # NO_COLOR asks for no colour (https://no-color.org); it gets no escape sequences at all.
        color_system=None if os.environ.get("NO_COLOR") else "standard",
        markup=False,
        emoji=False,
        highlight=False,
    )
    alike: dict[tuple[str, str], list[Block]] = {}
    for block in page:
        alike.setdefault((block.shape, block.section), []).append(block)
    layouts = {key: _Layout.of(blocks, width) for key, blocks in alike.items()}
    with console.capture() as capture:
        for block in page:
            for row in block.rows:
                _draw(console, layouts[block.shape, block.section], row)
    lines = capture.get().replace(UNBROKEN_SPACE, " ").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def cut(line: str, width: int) -> str:
    """Return as much of a line as so many columns have room for, and whatever sets or ends a colour in it."""
    kept = []
    for part in COLOUR.split(line):
        is_colour = COLOUR.fullmatch(part) is not None
        kept.append(part if is_colour else part[:width])
        width -= 0 if is_colour else len(kept[-1])
    return "".join(kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where the cells of all rows of blocks of the same shape stand."""

    indent: int
    widths: Sequence[int]
    """Of the columns that have room beside each other; what more a row has stands below them."""

    right: Sequence[bool]
    """Whether a column's end is what is aligned."""

    @classmethod
    def of(cls, blocks: Sequence[Block], width: int) -> "_Layout":
        """Return the layout for a terminal of so many columns."""
        from rich.cells import cell_len  # noqa: PLC0415

        fields = [field for field in string.Formatter().parse(blocks[0].shape) if field[1] is not None]
        indent = len(fields[0][0]) - len(fields[0][0].lstrip())
        rows = [row for block in blocks for row in block.rows if isinstance(row, tuple)]
        cells = [[_words(cell) for cell in column] for column in zip(*rows, strict=True)]
        longest = [max(map(cell_len, column)) for column in cells]
        least = longest[:-1]  # all of it; of the last, which may go on below itself, enough to be read
        for column in cells[-1:]:
            word = max((cell_len(word) for text in column for word in text.split()), default=0)
            least.append(max(word, min(longest[-1], ROOM)))
        widths: list[int] = []
        for wanted, needed in zip(longest, least, strict=True):
            room = width - indent - sum(widths) - GAP * len(widths)
            if widths and room < needed:
                break
            widths.append(max(1, min(wanted, room)))
        return cls(indent=indent, widths=widths, right=[">" in (field[2] or "") for field in fields])


def _draw(console: "Console", layout: _Layout, row: str | Toned | Row) -> None:
    # What is longer than a line goes on in the next one; nothing is left out for want of room.
    if not isinstance(row, tuple):
        console.print(_text(row) if _words(row) else "", overflow="fold")
        return
    for indent, renderable in _placed(layout, row):
        from rich.padding import Padding  # noqa: PLC0415

        console.print(Padding(renderable, (0, 0, 0, min(indent, console.width // 2))), overflow="fold")


def _placed(layout: _Layout, row: Row) -> Iterator[tuple[int, "RenderableType"]]:
    """Return what of a row stands beside each other, and what below; each with how far it is indented."""
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    beside = len(layout.widths)
    grid = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for width, is_right in zip(layout.widths, layout.right, strict=False):
        grid.add_column(width=width, justify="right" if is_right else "left", overflow="fold")
    grid.add_row(*map(_text, row[:beside]))
    yield layout.indent, grid
    if below := [_text(cell) for cell in row[beside:] if _words(cell)]:
        yield layout.indent + BELOW, Text(" " * GAP).join(below)


def _text(cell: Cell) -> "Text":
    from rich.text import Text  # noqa: PLC0415

    if isinstance(cell, tuple):
        parts = [_text(part) for part in cell]
        for part, given in zip(parts, cell, strict=True):
            if isinstance(given, Toned):
                part.plain = part.plain.replace(" ", UNBROKEN_SPACE)
        return Text.assemble(*parts)
    words = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in _words(cell))
    return Text(_masks_unbroken(words), style=(cell.tone or "") if isinstance(cell, Toned) else "")
