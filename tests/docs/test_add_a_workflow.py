"""The walks in `docs/add-a-workflow.md` lead to workflows that work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "add-a-workflow.md"

# What the walks add is tested by their own tests; the others say that nothing is missing in a table of contents.
TESTS = (
    "tests/jobs/test_remind_nurse.py",
    "tests/jobs/test_send_follow_up.py",
    "tests/messages/test_kinds.py",
    "tests/test_definitions.py",
)

# Where a workflow may change what is there; all else that it needs is a file of its own.
TABLES_OF_CONTENTS = {
    "sequora_orchestration/definitions.py",
    "sequora_orchestration/messages/kinds.py",
    "sequora_orchestration/migrations/views.sql",
    "tests/runs.py",
}


def patches() -> list[str]:
    """Return the patches of the page, in its order."""
    found = re.findall(r"^```diff\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert found
    return found


def test_a_workflow_changes_nothing_but_tables_of_contents() -> None:
    """Beside them it adds a kind, a job, a sensor and a test."""
    heads = [re.match(r"--- (.+)\n\+\+\+ b/(.+)\n", patch) for patch in patches()]
    files = [(head[1] != "/dev/null", Path(head[2])) for head in heads if head]
    assert {str(path) for is_there, path in files if is_there} == TABLES_OF_CONTENTS
    added = [path.parent.name for is_there, path in files if not is_there]
    assert added == ["messages", "jobs", "sensors", "jobs"] * 2


@pytest.mark.story
def test_whoever_follows_the_walks_has_two_workflows_that_work(tmp_path: Path) -> None:
    """The patches apply to the code as it is, and the tests of the result pass."""
    for directory in ("sequora_orchestration", "tests", "bench"):
        shutil.copytree(ROOT / directory, tmp_path / directory)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for patch in patches():
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
