"""The systemd units in `deploy/systemd`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy" / "systemd"


def text_of(directory: Path) -> dict[str, str]:
    """Return what each file of a directory says."""
    return {path.name: path.read_text(encoding="utf-8") for path in directory.iterdir() if path.is_file()}


def test_the_units_are_what_the_procfile_says(tmp_path: Path) -> None:
    """`make units` makes them anew after a change of the Procfile or the templates."""
    command = ["make", "--silent", "-C", str(ROOT), "units", f"UNITS={tmp_path}", f"BIN={Path(sys.executable).parent}"]
    subprocess.run([*command, "READY="], check=True, capture_output=True)
    assert text_of(UNITS) == text_of(tmp_path)


def test_systemd_finds_nothing_to_complain_of() -> None:
    """Each unit, and what it refers to."""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        assert not os.environ.get("CI"), "systemd-analyze is missing"
        pytest.skip("systemd-analyze is not installed")
    units = sorted(str(path) for path in UNITS.iterdir() if path.is_file())
    result = subprocess.run([analyze, "verify", *units], check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_a_variable_of_the_procfile_is_left_to_the_shell() -> None:
    """Systemd would put its own idea of `${NAME:-default}` in its place."""
    (command,) = [line for line in text_of(UNITS)["sequora-web-1.service"].splitlines() if line.startswith("ExecStart")]
    assert "$${SEQUORA_WEB_PORT:-3000}" in command
    assert "$" not in command.replace("$$", "")
