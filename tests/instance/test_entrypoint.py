"""What a container begins with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from honcho.environ import parse_procfile
from procfile import PROCFILE

from sequora_orchestration.instance.entrypoint import UnknownProcessError, command_for
from sequora_orchestration.instance.home import FILES, TEMPLATES


def start(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Start a container's first command, with this DAGSTER_HOME."""
    command = [sys.executable, "-m", "sequora_orchestration.instance.entrypoint", *arguments]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def test_a_processs_name_is_its_line_of_the_procfile() -> None:
    """Every one of them."""
    processes = parse_procfile(PROCFILE.read_text(encoding="utf-8")).processes
    assert processes
    for name, line in processes.items():
        assert command_for([name]) == ["/bin/sh", "-c", line]


def test_a_command_of_sequora_is_executed_as_it_is() -> None:
    """With all of its arguments."""
    assert command_for(["sequora", "status", "--json"]) == ["sequora", "status", "--json"]


@pytest.mark.parametrize("arguments", [[], ["dashboard"], ["web", "--help"], ["sh"]])
def test_anything_else_is_refused_with_what_there_is(arguments: list[str]) -> None:
    """Another program can be given as the container's entrypoint."""
    with pytest.raises(UnknownProcessError, match="give one of web, daemon, code, worker, heartbeat, or `sequora`"):
        command_for(arguments)


def test_an_empty_directory_is_furnished_before_the_command_begins(tmp_path: Path) -> None:
    """So each container may bring a DAGSTER_HOME that is gone with it."""
    done = start("sequora", "--help", home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: sequora ")
    for name in FILES:
        assert (tmp_path / "home" / name).read_bytes() == (TEMPLATES / name).read_bytes()


def test_a_file_of_the_operators_own_stays(tmp_path: Path) -> None:
    """It may be mounted."""
    (tmp_path / "dagster.yaml").write_text("mine: true\n", encoding="utf-8")
    assert start("sequora", "--help", home=tmp_path).returncode == 0
    assert (tmp_path / "dagster.yaml").read_text(encoding="utf-8") == "mine: true\n"


def test_a_directory_that_takes_no_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    """And nothing is started."""
    (tmp_path / "file").touch()
    done = start("sequora", "--help", home=tmp_path / "file" / "home")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("nothing can be put into ")
    assert "Traceback" not in done.stderr
