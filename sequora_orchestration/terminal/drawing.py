"""A page laid out for the width of a terminal, in colour, with rich.

It is drawn with signs of ASCII alone. No text is taken for markup, and no text can send the terminal orders.
"""

import os
import string
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sequora_orchestration.terminal.page import (
    UNBROKEN_SPACE,
    Block,
    Cell,
    Page,
    Row,
    Toned,
    masks_unbroken,
    words_of,
)

# Columns between two cells of a row, and the indent of a cell that has no room beside them and stands below.
GAP, BELOW = 2, 4

# The last cell of a row is put below the others if it would have fewer columns than this, or if a word (an id, an
# address) would have to be broken.
ROOM = 30


def drawn(page: Page, width: int) -> str:
    """Return a page as it is written to a terminal of so many columns; without colour if NO_COLOR is set."""
    console = Console(
        file=sys.stdout,
        width=width,
        force_terminal=True,
        # With NO_COLOR (https://no-color.org) there are no escape sequences at all.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The columns in which the cells stand, for all rows of blocks of the same shape."""

    indent: int
    widths: Sequence[int]
    """The widths of the columns that have room beside each other; a row's further cells stand below them."""

    right: Sequence[bool]
    """By column: whether its cells are aligned to the right."""

    @classmethod
    def of(cls, blocks: Sequence[Block], width: int) -> "_Layout":
        """Return the layout for a terminal of so many columns."""
        fields = [field for field in string.Formatter().parse(blocks[0].shape) if field[1] is not None]
        indent = len(fields[0][0]) - len(fields[0][0].lstrip())
        rows = [row for block in blocks for row in block.rows if isinstance(row, tuple)]
        cells = [[words_of(cell) for cell in column] for column in zip(*rows, strict=True)]
        longest = [max(map(cell_len, column)) for column in cells]
        least = longest[:]
        if cells:  # the last cell may go on below itself
            words = [word for text in cells[-1] for word in text.split()]
            least[-1] = max([min(longest[-1], ROOM), *map(cell_len, words)])
        widths: list[int] = []
        for wanted, needed in zip(longest, least, strict=True):
            room = width - indent - sum(widths) - GAP * len(widths)
            if widths and room < needed:
                break
            widths.append(max(1, min(wanted, room)))
        return cls(indent=indent, widths=widths, right=[">" in (field[2] or "") for field in fields])


def _draw(console: Console, layout: _Layout, row: str | Toned | Row) -> None:
    # A text longer than a line goes on in the next line; nothing is left out for want of room.
    if not isinstance(row, tuple):
        console.print(_text(row) if words_of(row) else "", overflow="fold")
        return
    for indent, renderable in _placed(layout, row):
        console.print(Padding(renderable, (0, 0, 0, min(indent, console.width // 2))), overflow="fold")


def _placed(layout: _Layout, row: Row) -> Iterator[tuple[int, RenderableType]]:
    """Yield the cells of a row that stand beside each other, and then those below, each with its indent."""
    beside = len(layout.widths)
    grid = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for width, is_right in zip(layout.widths, layout.right, strict=False):
        grid.add_column(width=width, justify="right" if is_right else "left", overflow="fold")
    grid.add_row(*map(_text, row[:beside]))
    yield layout.indent, grid
    if below := [_text(cell) for cell in row[beside:] if words_of(cell)]:
        yield layout.indent + BELOW, Text(" " * GAP).join(below)


def _text(cell: Cell) -> Text:
    if isinstance(cell, tuple):
        parts = [_text(part) for part in cell]
        for part, given in zip(parts, cell, strict=True):
            if isinstance(given, Toned):
                part.plain = part.plain.replace(" ", UNBROKEN_SPACE)
        return Text.assemble(*parts)
    words = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in words_of(cell))
    return Text(masks_unbroken(words), style=(cell.tone or "") if isinstance(cell, Toned) else "")
