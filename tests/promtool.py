"""Prometheus' own checks of what it is given, by its program `promtool`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def promtool(*arguments: str | Path, given: str = "") -> str:
    """Run promtool, and return what it says; it must be content. The test is skipped where there is none."""
    program = shutil.which("promtool")
    if not program:
        assert not os.environ.get("CI"), "promtool is missing"
        pytest.skip("promtool is not installed")
    done = subprocess.run([program, *arguments], input=given, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
