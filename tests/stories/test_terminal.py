"""`sequora dev` where the terminal has ASCII alone, on a host in New York, and where a part of it cannot start."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from care import NURSE_PHONE, Care
from own_servers import settings
from phones import Phones
from running_system import BIN, ROOT, RunningSystem
from shared_system import ASCII, NEW_YORK

from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.twilio.server import TwilioServer

pytestmark = [pytest.mark.story, pytest.mark.timeout(240), pytest.mark.xdist_group("shared system")]


@pytest.fixture
def care_url(databases: tuple[str, str]) -> str:
    """The care database of the story."""
    return databases[0]


@pytest.fixture
def own_settings(databases: tuple[str, str], twilio: TwilioServer) -> dict[str, str]:
    """The databases and the phone company of this story; the broker is the one that comes along."""
    return settings(*databases, twilio)


def said_by(system: RunningSystem, *arguments: str, environment: dict[str, str]) -> str:
    """Return what a command prints in another terminal. Fails if it did not come to its end."""
    done = subprocess.run(
        [BIN / "sequora", *arguments],
        env={**os.environ, **read_environment(system.directory / "dev"), **environment},
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(errors="replace")


def test_a_text_goes_out_and_is_shown_where_the_terminal_has_ascii_and_it_is_new_york(
    system: RunningSystem, own_settings: dict[str, str], care: Care, phones: Phones
) -> None:
    """The text has its siren all the same; commands show what the terminal has, and times with their zone."""
    phones.patience = 20
    before = len(system.output())
    care.a_supervisor()
    task = care.a_task(care.a_nurse())
    text = phones(NURSE_PHONE).received_text(containing=[task])
    assert text.body.startswith("🚨 New HIGH task")
    for terminal in (ASCII, {"PYTHONIOENCODING": "cp1252:strict"}):
        timeline = said_by(system, "timeline", task, environment={**own_settings, **terminal, **NEW_YORK})
        assert NURSE_PHONE[-4:] in timeline
        assert re.search(r"\bE[SD]T\b", timeline)
    for command in ("status", "doctor"):
        assert said_by(system, command, environment={**own_settings, "PYTHONIOENCODING": "ascii"})
    said = system.output()[before:]
    assert "Traceback" not in said
    assert said.isascii()


def test_a_part_that_cannot_start_is_named_with_its_own_last_words(
    own_settings: dict[str, str], tmp_path: Path
) -> None:
    """Also of one that is quiet as long as it runs; and they are the last that is shown."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "valkey").write_text("where the broker wants a directory of its own", encoding="utf-8")
    with RunningSystem.sequora_dev(tmp_path, {**own_settings, **ASCII}).running() as system:
        system.wait_until_ended()
        _, _, last = system.output().partition("broker ended with exit code 1, and with it the system.")
    assert system.process.returncode == 1
    asked, *said = last.strip().splitlines()
    assert asked == "The last that it said:"
    assert any("File exists" in line for line in said)
    assert all(line.startswith("  ") for line in said)
