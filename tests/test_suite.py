"""The tests are run as they are meant to be, and modules stay short enough to be read."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from servers import programs_of_postgres

ROOT = Path(__file__).parents[1]

LONGEST_MODULE = 350
"""Lines: what is read on a few screens."""

# Longer ones, and folders that have such, which are being taken apart.
STILL_TOO_LONG = (
    "sequora_orchestration/domain/message_kind.py",
    "sequora_orchestration/jobs/",
    "sequora_orchestration/resources/",
)


@pytest.mark.xdist_group("those that share something")
def test_those_that_share_something_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """Otherwise each process would start a system for the stories that share one."""
    if not hasattr(request.config, "workerinput"):
        pytest.skip("all tests run in one process")
    assert request.node.nodeid.endswith("@those that share something")


def test_a_directory_without_a_postgres_is_refused(tmp_path: Path) -> None:
    """With what to give instead; one with it is taken."""
    with pytest.raises(ArgumentTypeError, match=r"there is no initdb in .*: give the directory of a server's programs"):
        programs_of_postgres(str(tmp_path))
    (tmp_path / "initdb").touch()
    assert programs_of_postgres(str(tmp_path)) == str(tmp_path)


def test_no_module_is_longer_than_a_few_screens() -> None:
    """One that is has more than one thing to say: take it apart by what each part owns."""
    modules = [path for part in ("sequora_orchestration", "bench", "docs") for path in (ROOT / part).rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules}
    assert lines
    too_long = {name: count for name, count in lines.items() if count > LONGEST_MODULE}
    assert {name: count for name, count in too_long.items() if not name.startswith(STILL_TOO_LONG)} == {}
