"""The walk in `docs/add-a-workflow.md` leads to a workflow that works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What the walk adds is tested by its own test; the others go through all statements and all jobs. That those statements
# which are no other than here can be prepared is not tried again, nor are plans where there are no statistics.
TESTS = (
    "-k",
    "(picked or not can_be_prepared) and not knows_nothing",
    "tests/jobs/test_remind_nurse.py",
    "tests/ledger/test_plans.py",
    "tests/ledger/test_statements.py",
    "tests/test_definitions.py",
)


@pytest.mark.story
def test_whoever_follows_the_walk_has_a_workflow_that_works(tmp_path: Path) -> None:
    """Its patches apply to the code as it is, and the tests of the result pass."""
    for directory in ("sequora_orchestration", "tests", "bench"):
        shutil.copytree(ROOT / directory, tmp_path / directory)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    walk = (ROOT / "docs" / "add-a-workflow.md").read_text(encoding="utf-8")
    patches = re.findall(r"^```diff\n(.*?)^```$", walk, flags=re.MULTILINE | re.DOTALL)
    assert patches
    for patch in patches:
        subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=tmp_path, check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONPATH"))}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS],
        env=environment,
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stdout[-3000:]
