"""What a person sees of `sequora doctor`, `status`, `timeline`, `texts`: in terminals of any width and kind."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping

import pytest
from care import Care
from rich.cells import cell_len
from running_system import ROOT
from shared_system import ASCII

from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.task_created import NEW_TASKS

SEQUORA = (sys.executable, "-m", "sequora_orchestration.cli")

XTERM = {"TERM": "xterm-256color"}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(*arguments: str, environment: Mapping[str, str], columns: int = 80) -> str:
    """Return what the command writes to a terminal of so many columns, in its own ends of lines."""
    ours, terminal = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        command = [*SEQUORA, *arguments]
        process = subprocess.Popen(
            command, env=dict(environment), cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal
        )
        os.close(terminal)
        said = b""
        try:
            while part := screen.read(65536):
                said += part
        except OSError:  # EIO: nobody has the terminal open any more
            pass
        process.wait()
    return said.decode().replace("\r\n", "\n")


def in_a_pipe(*arguments: str, environment: Mapping[str, str]) -> str:
    """Return what a program reads."""
    command = [*SEQUORA, *arguments]
    return subprocess.run(
        command, env=dict(environment), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    ).stdout


def test_a_program_reads_what_no_terminal_changes() -> None:
    """The same to the byte, also where nothing but lines is understood."""
    read = in_a_pipe("doctor", environment={})
    assert "\x1b" not in read
    assert max(map(len, read.splitlines())) > 100, "nothing is wrapped"
    forced = {**XTERM, "FORCE_COLOR": "1", "COLUMNS": "40", "CLICOLOR_FORCE": "1"}
    assert in_a_pipe("doctor", environment=forced) == read
    for terminal in ({"TERM": "dumb"}, {}):
        assert on_a_terminal("doctor", environment=terminal) == read


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("no_colour", ["", "1"])
def test_doctor_is_laid_out_to_the_width(columns: int, no_colour: str) -> None:
    """All of its words, none beyond the edge; in colour unless it is not wanted."""
    said = on_a_terminal("doctor", environment={**XTERM, "NO_COLOR": no_colour}, columns=columns)
    lines = COLOUR.sub("", said).splitlines()
    assert " ".join(" ".join(lines).split()) == " ".join(in_a_pipe("doctor", environment={}).split())
    assert columns // 2 < max(map(len, lines)) < columns
    assert ("\x1b[1;31mFAIL\x1b[0m" in said, "\x1b[32mok" in said) == (not no_colour, not no_colour)
    assert ("\x1b" in said) == (not no_colour)


@pytest.mark.parametrize("columns", [80, 200])
def test_texts_are_laid_out_to_the_width(columns: int) -> None:
    """In letters of every script, which a terminal shows in one column or two; their facts above them."""
    said = on_a_terminal("texts", environment=XTERM, columns=columns)
    lines = COLOUR.sub("", said).splitlines()
    assert max(map(cell_len, lines)) < columns
    words = " ".join(" ".join(lines).split()).replace(" ", "")
    assert words == "".join(in_a_pipe("texts", environment={}).split())
    assert COLOUR.search(said)


@pytest.mark.parametrize("terminal", [XTERM, {"TERM": "dumb"}])
def test_texts_are_shown_where_there_is_nothing_but_ascii(terminal: dict[str, str]) -> None:
    """A question mark for each letter of another script."""
    said = on_a_terminal("texts", "--kind", "check-in", environment={**terminal, **ASCII})
    assert said.isascii()
    assert "Hi Maria, this is your care team at Sequora." in said
    assert "????? ?????" in said


@pytest.mark.parametrize("terminal", [XTERM, {"TERM": "dumb"}])
def test_a_terminal_of_ascii_alone_gets_nothing_that_it_lacks(terminal: dict[str, str]) -> None:
    """A question mark for what a sentence has, and nothing of ours besides."""
    said = on_a_terminal("doctor", environment={**terminal, **ASCII})
    assert said.isascii()
    read = in_a_pipe("doctor", environment={}).encode("ascii", "replace").decode()
    assert " ".join(COLOUR.sub("", said).split()) == " ".join(read.split())


def test_status_and_timeline_are_laid_out_to_the_width(care: Care, care_url: str, ledger: Ledger) -> None:
    """Ids stay whole, and texts with brackets what they are."""
    task = care.a_task(care.a_nurse())
    (claim,) = ledger.claims.claim(NEW_TASKS)
    (notification,) = ledger.leases.take_up(claim.id, "a-run")
    reason = "[bold]no phone number on file[/bold]; correct the assigned user's phone, where it is kept"
    ledger.withheld.suppress(notification, Suppression(State.FAILED, reason, Cause.UNUSABLE_PHONE), "a-run")
    for columns in (80, 200):
        for command in (["status"], ["timeline", task]):
            said = on_a_terminal(*command, environment={**XTERM, "SUPABASE_DB_URL": care_url}, columns=columns)
            lines = COLOUR.sub("", said).splitlines()
            assert max(map(len, lines)) < columns, said
            assert task in said
            assert reason in " ".join(" ".join(lines).split())
            assert COLOUR.search(said)
    asked = {"SUPABASE_DB_URL": care_url, **XTERM}
    assert on_a_terminal("status", "--json", environment=asked).startswith('{\n  "counts": {\n')
