"""The tests are run as they are meant to be."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from servers import programs_of_postgres


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
