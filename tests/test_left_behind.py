"""However tests are started and however they end, what they have started gets its signals and does not stay."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
from running_system import eventually

# A program that says which signals it would not hear, and the test that starts it, as the story of a system does.
PROGRAM = """
import os, pathlib, signal, time
ignored = [one.name for one in signal.Signals if signal.getsignal(one) is signal.SIG_IGN]
pathlib.Path("told").write_text(f"{os.getpid()} {ignored}\\n")
time.sleep(600)
"""
STARTS = f"""
import subprocess, sys, time

def test_it():
    subprocess.Popen([sys.executable, "-c", {PROGRAM!r}], start_new_session=True)
    time.sleep(600)
"""


def test_what_killed_tests_have_started_got_its_signals_and_is_ended(tmp_path: Path) -> None:
    """Started as by `nohup make test &`, and killed, so that no fixture ends anything."""
    (tmp_path / "test_starts.py").write_text(STARTS, encoding="utf-8")
    tests = subprocess.Popen(
        [
            *("/bin/sh", "-c", "trap '' HUP INT; exec \"$@\"", "in the background"),
            *(sys.executable, "-m", "pytest", "-p", "left_behind", "-p", "no:cacheprovider", "--rootdir", "."),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.DEVNULL,
    )
    told = tmp_path / "told"
    try:
        eventually(lambda: told.exists() and told.read_text().endswith("\n"), within=30, what="a started program")
    finally:
        tests.kill()
        tests.wait()
    pid, ignored = told.read_text().split(maxsplit=1)
    eventually(lambda: not psutil.pid_exists(int(pid)), within=30, what="the end of what the tests have started")
    # Python itself ignores these two.
    assert ignored.strip() == "['SIGPIPE', 'SIGXFSZ']"
