"""A page that is shown again and again."""

import io
from collections.abc import Callable, Iterator

import pytest

from sequora_orchestration.cli.watch import EVERY, HOME, SHOW_CURSOR, watch


class Terminal(io.StringIO):
    """Somebody looks at it."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def ctrl_c_after(pages: int) -> Callable[[float], None]:
    """Return a wait that takes no time, and ends with Ctrl-C."""
    waits: Iterator[int] = iter(range(1, pages + 1))

    def wait(seconds: float) -> None:
        assert seconds == EVERY
        if next(waits) == pages:
            raise KeyboardInterrupt

    return wait


def test_in_a_pipe_each_page_is_printed() -> None:
    """One after the other, without what only a terminal understands."""
    out = io.StringIO()
    watch(lambda: "a page", out, ctrl_c_after(3))
    assert out.getvalue() == "a page\n\n" * 3


def test_on_a_terminal_a_page_is_drawn_over_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of it as there is room for; nothing is cleared first, and the cursor comes back."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "11")
    monkeypatch.setenv("LINES", "4")
    out = Terminal()
    watch(lambda: "\n".join(["a line that is too long"] * 9), out, ctrl_c_after(2))
    drawn = out.getvalue().split(HOME)[2:]
    assert len(drawn) == 2
    assert drawn[0] == "\n".join(["a line tha\x1b[K"] * 3) + "\x1b[J"
    assert out.getvalue().endswith(f"{SHOW_CURSOR}\n")
