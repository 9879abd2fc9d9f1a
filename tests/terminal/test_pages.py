"""What commands print: the same words for programs and for whoever looks, and nothing lost at any width."""

import re
import subprocess
import sys

import pytest

from sequora_orchestration.terminal.drawing import drawn
from sequora_orchestration.terminal.page import Block, Page, Tone, Toned, plain
from sequora_orchestration.terminal.screen import cut, shown

SID = "SM38ca2d79b91880ad6a7f77164956b7f5"
PAGE: Page = [
    Block(
        shape="  {:<12} {:>6}   {}",
        rows=[
            Toned("A heading", Tone.HEADING),
            (Toned("FAILED", Tone.BAD), "12", f"it was told (•••• 0101) by [red]somebody[/red] at 9:00, SID {SID}"),
            ("sent", "3", (Toned("SENT 3", Tone.WELL), "   ", Toned("HELD 1"), "   ", Toned("FAILED 2", Tone.BAD))),
            ("nothing", "", ""),
        ],
    ),
    Block(shape="{:<16}  {}", rows=["", ("Label", ":smile: https://example.com/runs/1")]),
]

PLAIN = f"""A heading
  FAILED           12   it was told (•••• 0101) by [red]somebody[/red] at 9:00, SID {SID}
  sent              3   SENT 3   HELD 1   FAILED 2
  nothing

Label             :smile: https://example.com/runs/1"""

WIDTHS = [20, 30, 40, 60, 79, 80, 100, 200, 1000]


@pytest.fixture(autouse=True)
def _with_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the terminal is in which the tests run."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_plain_text_is_as_it_is_described() -> None:
    """Rows by their shape, without white space at their ends; lines as they are."""
    assert plain(PAGE) == PLAIN


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_lost_on_a_terminal_and_no_line_is_wider(width: int) -> None:
    """The same signs in the same order, brackets and all."""
    page = without_colour(drawn(PAGE, width))
    assert "".join(page.split()) == "".join(PLAIN.split())
    assert max(map(len, page.splitlines())) <= width


@pytest.mark.parametrize("width", [width for width in WIDTHS if width > len(SID) + 6])
def test_neither_an_id_nor_a_masked_phone_nor_a_count_is_broken(width: int) -> None:
    """They are read, and copied, as one."""
    page = drawn(PAGE, width)
    for whole in (SID, "(•••• 0101)", "SENT 3", "HELD 1", "FAILED 2", "https://example.com/runs/1"):
        assert whole in page


def test_columns_are_aligned_on_a_terminal() -> None:
    """To the longest of each, numbers at their ends, and the text goes on below itself."""
    assert without_colour(drawn(PAGE, 66)).splitlines()[:5] == [
        "A heading",
        "  FAILED   12  it was told (•••• 0101) by [red]somebody[/red] at",
        f"               9:00, SID {SID}",
        "  sent      3  SENT 3   HELD 1   FAILED 2",
        "  nothing",
    ]


def test_what_has_no_room_beside_the_others_stands_below() -> None:
    """In a narrow window."""
    assert without_colour(drawn(PAGE, 44)).splitlines()[:4] == [
        "A heading",
        "  FAILED   12",
        "      it was told (•••• 0101) by",
        "      [red]somebody[/red] at 9:00, SID",
    ]


def test_blocks_of_the_same_shape_stand_in_the_same_columns() -> None:
    """However many there are between them; another section of the page has columns of its own."""
    one, two = Block(shape="{:<1} {}", rows=[("a", "b")]), Block(shape="{:<1} {}", rows=[("longer", "b")])
    other = Block(shape="{:<1} {}", rows=[("c", "d")], section="another")
    assert drawn([one, other, two], 80).splitlines() == ["a       b", "c  d", "longer  b"]


def test_what_is_well_and_what_is_not_have_a_colour() -> None:
    """And everything else has none."""
    page = drawn(PAGE, 200)
    assert "\x1b[1;31mFAILED \x1b[0m" in page
    assert "\x1b[32mSENT 3\x1b[0m" in page
    assert "\x1b" not in page.splitlines()[-1]


def test_no_colour_is_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org: if it is set and not empty."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in drawn(PAGE, 80)
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b" in drawn(PAGE, 80)


def test_no_text_speaks_to_the_terminal() -> None:
    """Whoever can write a row could clear the screen, or have a link shown as another."""
    speaks = "a\x1b[2Jb\x07c\x9b1md\r\te\u202ef"
    page = drawn([Block(shape="{} {}", rows=[speaks, (speaks, Toned(speaks))])], 80)
    assert not set(page) & set("\x1b\x07\x9b\r\t\u202e")


def test_a_line_is_cut_by_what_is_seen_of_it() -> None:
    """What ends a colour is kept, though it stands behind the cut."""
    assert cut("\x1b[32mok\x1b[0m and more", 4) == "\x1b[32mok\x1b[0m a"
    assert cut("\x1b[31mfailed\x1b[0m", 3) == "\x1b[31mfai\x1b[0m"
    assert cut("plain", 3) == "pla"


def test_in_a_pipe_text_is_plain_and_nothing_is_imported_for_it() -> None:
    """Also where colour is asked for: who reads lines does not expect it."""
    program = (
        "import sys; from sequora_orchestration.terminal.page import *;"
        "from sequora_orchestration.terminal.screen import shown;"
        "print(shown([Block(shape='{:<4}  {}', rows=[(Toned('[b]', Tone.BAD), 'long ' * 40 + '.')])]));"
        "sys.exit('rich' in sys.modules)"
    )
    environment = {"FORCE_COLOR": "1", "COLUMNS": "40", "TERM": "xterm", "TTY_COMPATIBLE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"[b]   {'long ' * 40}.\n"


def test_what_has_no_terminal_is_shown_plain() -> None:
    """A test has none."""
    assert shown(PAGE) == PLAIN
