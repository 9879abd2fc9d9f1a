"""`sequora demo`: what a new user sees first."""

import os
import subprocess
from pathlib import Path

import pytest
from running_system import BIN

pytestmark = [pytest.mark.story, pytest.mark.timeout(240)]


def test_the_demo_shows_the_text_the_steps_and_where_to_look(tmp_path: Path) -> None:
    """On an embedded system, whatever a person's own settings are: nobody real is texted."""
    own = {"SUPABASE_DB_URL": "postgresql://me:secret@127.0.0.1:1/mine", "TWILIO_ACCOUNT_SID": "AC1"}
    done = subprocess.run(
        [BIN / "sequora", "demo", "--dir", str(tmp_path / "demo")],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    assert ["🚨", "New", "CRITICAL", "task:", "CHEST_PAIN,", "SHORTNESS_OF_BREATH"] in said
    steps = [words for words in said if words[1:2] == ["SUCCESS"]]
    assert [words[0] for words in steps] == ["fetch_task", "fetch_nurse", "send_sms", "log_notification"]
    assert all(words[3] == "ms" for words in steps)
    assert any("/runs/" in word for words in said for word in words)
