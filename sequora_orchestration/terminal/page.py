"""A page, and its plain text for scripts and logs. Not here: its layout for a terminal (`drawing`)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sequora_orchestration.domain.ledger_state import State


class Tone(StrEnum):
    """The meaning of words; the value is rich's name for their look."""

    WELL = "green"
    CARE = "yellow"
    """Something could be better, or waits for a person."""

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
"""The tones of the states that are good or bad news by themselves."""


@dataclass(frozen=True, slots=True)
class Toned:
    """Words with a tone; None is the plain tone."""

    text: str
    tone: Tone | None = None


Cell = str | Toned | tuple[str | Toned, ...]
"""The content of a column. Among several parts, a toned part is not broken between two lines."""

Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of one shape, and lines between them."""

    shape: str
    """The plain text of a row, as `str.format` has it, e.g. "  {:<28} {:>6}   {}"."""

    rows: Sequence[str | Toned | Row]
    """A tuple is a row of cells; anything else is a line by itself."""

    wraps: int | None = None
    """The column after which a row's last cell goes on below itself in plain text; None if it is not wrapped."""

    section: str = ""
    """On a terminal, blocks of the same shape and section stand in the same columns."""


Page = Sequence[Block]

# Stands for a space at which no line may end. Unicode leaves this sign to private use, so no text has it.
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
    """Return a text in lines, the first of them behind `head`; a masked phone is not broken."""
    whole = masks_unbroken(" ".join(text.split()))
    lines = textwrap.wrap(whole, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
    return [line.replace(UNBROKEN_SPACE, " ") for line in lines]


def words_of(cell: Cell) -> str:
    """Return the words of a cell."""
    if isinstance(cell, tuple):
        return "".join(map(words_of, cell))
    return cell.text if isinstance(cell, Toned) else cell


def masks_unbroken(text: str) -> str:
    """Return a text whose masked phones cannot be broken between two lines."""
    return text.replace("•••• ", f"••••{UNBROKEN_SPACE}")
