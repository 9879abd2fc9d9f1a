"""What a page is, and its plain text, which scripts and logs have. How it is laid out for a terminal is not here."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sequora_orchestration.domain.ledger_state import State


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

# Stands for a space at which no line ends. Unicode leaves it to private use, so no text has it.
UNBROKEN_SPACE = "\ue000"


def plain(page: Page) -> str:
    """Return a page as plain text."""
    return "\n".join(line for block in page for row in block.rows for line in _plain_lines(block, row))


def _plain_lines(block: Block, row: str | Toned | Row) -> Sequence[str]:
    if not isinstance(row, tuple):
        return [words_of(row)]
    *heads, last = map(words_of, row)
    if block.wraps:
        return _wrapped(block.shape.format(*heads, ""), last, block.wraps)
    line = block.shape.format(*heads, last)
    return [line if last else line.rstrip()]


def _wrapped(head: str, text: str, width: int) -> list[str]:
    """Return a text in lines, of which the first has something before it; a masked phone is not broken."""
    whole = masks_unbroken(" ".join(text.split()))
    lines = textwrap.wrap(whole, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
    return [line.replace(UNBROKEN_SPACE, " ") for line in lines]


def words_of(cell: Cell) -> str:
    """Return what stands in a cell."""
    if isinstance(cell, tuple):
        return "".join(map(words_of, cell))
    return cell.text if isinstance(cell, Toned) else cell


def masks_unbroken(text: str) -> str:
    """Return a text in which no masked phone goes on in another line."""
    return text.replace("•••• ", f"••••{UNBROKEN_SPACE}")
