"""The heartbeat: sent while all is well, and only then; what is said of it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from canaries import canaries, switch_canaries  # noqa: F401  # a fixture
from care import NOW, Care
from dagster import AssetMaterialization, DagsterInstance
from running_system import BIN, eventually
from ticks import a_tick
from webhook import Webhook, running_webhook

from sequora_orchestration.channels.alarm import Alarm, Raised
from sequora_orchestration.cli.heartbeat import LOOKS_UNTIL_ALARM, Heart, vital_signs
from sequora_orchestration.cli.sign_of_life import NAME, PERIOD, SignOfLife
from sequora_orchestration.domain.halts import ALL_KINDS
from sequora_orchestration.domain.health import OLDEST_DUE, Pace, VitalSigns
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.jobs.sla_warning import SLA_SCAN
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.migrations.apply import drop_views
from sequora_orchestration.settings.environment import SettingError

AT_ONCE = Pace(has_rate=False, last_sent=None, next_slot=None)
WELL = VitalSigns(oldest_due=None, pace=AT_ONCE, last_scan=1.0, ticks={}, standstill=None)
ILL = VitalSigns(oldest_due=301.0, pace=AT_ONCE, last_scan=1.0, ticks={}, standstill=None)


@pytest.fixture
def service() -> Iterator[Webhook]:
    """A service that waits for heartbeats."""
    with running_webhook() as webhook:
        yield webhook


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="sequora_orchestration")


def test_it_beats_while_all_is_well_and_says_so_once(service: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    """At the URL as it was given, with its query."""
    heart = Heart(service.url, lambda: WELL)
    for _ in range(3):
        heart.beat()
    assert service.asked == ["/a-secret?status=up"] * 3
    assert caplog.messages == ["all is well: the heartbeat is sent"]


def test_it_does_not_beat_while_anything_is_amiss_and_says_each_change(
    service: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    """With the reason, and another reason too; the same is not told twice, though it lasts longer."""
    later, another = replace(ILL, oldest_due=331.0), replace(WELL, last_scan=None)
    signs = iter([WELL, ILL, later, another, WELL])
    heart = Heart(service.url, lambda: next(signs))
    for _ in range(5):
        heart.beat()
    assert len(service.asked) == 2
    assert caplog.messages == [
        "all is well: the heartbeat is sent",
        "no heartbeat: a message has been due for 301 s",
        "no heartbeat: no scan for SLAs that are near was made yet",
        "all is well: the heartbeat is sent",
    ]


def test_it_survives_a_database_that_is_gone(service: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read is no sign of life; and it beats again when it can."""

    def gone() -> VitalSigns:
        raise ConnectionError("a secret")

    heart = Heart(service.url, gone)
    heart.beat()
    assert service.asked == []
    assert caplog.messages == ["no heartbeat: the signs of life cannot be read (ConnectionError)"]
    heart.signs = lambda: WELL
    heart.beat()
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [404, 500, None])
def test_a_service_that_does_not_take_it_stops_nothing(
    service: Webhook, caplog: pytest.LogCaptureFixture, status: int | None
) -> None:
    """It is said once, without the URL, which is a secret."""
    service.status = status or 200
    url = service.url if status else f"http://127.0.0.1:{free_port()}/a-secret"
    heart = Heart(url, lambda: WELL)
    for _ in range(2):
        heart.beat()
    (line,) = caplog.messages
    assert line.startswith("the heartbeat does not arrive: ")
    assert "a-secret" not in line


# One that nurses wait for.
SENSOR = "new_escalation_tasks"


@pytest.mark.usefixtures("environment", "stopped_clock")
def test_the_signs_are_those_of_the_ledger_and_of_dagsters_instance(
    care: Care, ledger: Ledger, dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long something has been due, but for what an operator keeps back; the last scan; the sensors' ticks."""
    furnish(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    monkeypatch.setenv("SEQUORA_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("SEQUORA_CODE_PORT", str(free_port()))
    signs = vital_signs([SENSOR])
    assert (signs.oldest_due, signs.pace, signs.last_scan, signs.ticks) == (None, AT_ONCE, None, {SENSOR: None})
    assert signs.standstill
    assert "the daemon is not there" in signs.standstill.why
    care.a_task(care.a_nurse(), created_at=NOW, updated_at=NOW)
    ledger.claims.claim(NEW_TASKS)
    care.it_is(NOW + OLDEST_DUE + timedelta(seconds=1))
    with DagsterInstance.get() as instance:
        a_tick(instance, SENSOR, seconds_ago=7)
        instance.report_runless_asset_event(AssetMaterialization(SLA_SCAN))
    signs = vital_signs([SENSOR])
    assert signs.oldest_due == OLDEST_DUE.total_seconds() + 1
    assert signs.last_scan is not None
    assert signs.last_scan < 60
    assert 7 <= (signs.ticks[SENSOR] or 0) < 60
    assert signs.standstill is None
    ledger.halts.pause(ALL_KINDS, Operator(who="somebody", why="a test"))
    assert vital_signs([SENSOR]).oldest_due is None


CANARY = "the canary of 2026-03-02 15:00 UTC has not arrived: it is SENT, without a receipt"


def test_a_canary_that_has_not_arrived_is_named_and_the_engineer_is_told_once(
    service: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    """By her webhook, until one has arrived; then anew of the next. The heartbeat's own service cannot say why."""
    with running_webhook() as engineer:
        overdue = [replace(WELL, canary=CANARY)] * (LOOKS_UNTIL_ALARM + 1)
        signs = iter([WELL, *overdue, WELL, *overdue])
        heart = Heart(service.url, lambda: next(signs), alarm=Alarm(engineer.url, None).raise_)
        for _ in range(2 * len(overdue) + 2):
            heart.beat()
        assert engineer.told == [{"text": f"Sequora: {CANARY}"}] * 2
    assert len(service.asked) == 2
    assert caplog.messages[1] == f"no heartbeat: {CANARY}"


def test_of_a_canary_that_is_late_for_less_than_two_minutes_no_engineer_is_told(service: Webhook) -> None:
    """As after a long stop: the first looks find that none was made. The heartbeat is silent all the same."""
    with running_webhook() as engineer:
        late = [replace(WELL, canary=CANARY)] * (LOOKS_UNTIL_ALARM - 1)
        signs = iter([*late, WELL, *late])
        heart = Heart(service.url, lambda: next(signs), alarm=Alarm(engineer.url, None).raise_)
        for _ in range(2 * len(late) + 1):
            heart.beat()
        assert engineer.told == []
    assert len(service.asked) == 1
    assert timedelta(seconds=LOOKS_UNTIL_ALARM * PERIOD) == timedelta(minutes=2)


def test_an_alarm_that_does_not_arrive_is_said_and_raised_again(
    service: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where a setting of its own is wrong; the log has the canary all the same."""
    told = iter([Raised(is_told=False, troubles=["SEQUORA_ALARM_URL answers 500"]), Raised(is_told=True, troubles=[])])

    def raise_(_text: str) -> Raised:
        return next(told)

    heart = Heart(service.url, lambda: replace(WELL, canary=CANARY), alarm=raise_)
    for _ in range(LOOKS_UNTIL_ALARM + 2):
        heart.beat()
    assert caplog.messages == [f"no heartbeat: {CANARY}", "the alarm about the canary: SEQUORA_ALARM_URL answers 500"]

    def senseless(_text: str) -> Raised:
        raise SettingError("SEQUORA_ALARM_URL must begin with http:// or https://: give another")

    caplog.clear()
    heart = Heart(service.url, lambda: replace(WELL, canary=CANARY), alarm=senseless)
    for _ in range(LOOKS_UNTIL_ALARM):
        heart.beat()
    assert caplog.messages[1].startswith("the alarm about the canary: SEQUORA_ALARM_URL must begin with")


@pytest.mark.usefixtures("environment", "canaries")
def test_the_canary_is_a_sign_only_where_it_is_on(
    care: Care, dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is on and the sensors' process does not have the setting, that is said after ten minutes."""
    furnish(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", dagster_url)
    monkeypatch.setenv("SEQUORA_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("SEQUORA_CODE_PORT", str(free_port()))
    care.it_is(NOW + timedelta(minutes=11))
    assert (vital_signs([SENSOR]).canary or "").startswith("no canary was made, though one has been owed since")
    switch_canaries(care, on=False)
    assert vital_signs([SENSOR], on_for=600).canary is None
    assert (vital_signs([SENSOR], on_for=601).canary or "").startswith("no canary is sent: the sensors' process has no")
    monkeypatch.delenv("SEQUORA_CANARY_NUMBER")
    assert vital_signs([SENSOR], on_for=601).canary is None


def heartbeat(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BIN / "sequora", "heartbeat"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_without_a_url_it_says_so_and_waits_quietly_for_its_end() -> None:
    """The processes of the Procfile live and die together."""
    process = heartbeat(SEQUORA_HEARTBEAT_URL="")
    assert process.stdout
    assert "SEQUORA_HEARTBEAT_URL is not set: no heartbeat is sent" in process.stdout.readline()
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM
    with process.stdout as output:
        assert output.read() == ""


def test_without_a_url_it_goes_round_all_the_same_and_leaves_its_sign(tmp_path: Path) -> None:
    """`sequora healthy heartbeat` looks for it."""
    process = heartbeat(SEQUORA_HEARTBEAT_URL="", DAGSTER_HOME=str(tmp_path))
    eventually((tmp_path / NAME).exists, within=20, what="a sign of life")
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM
    assert process.stdout
    process.stdout.close()


def test_a_sign_that_cannot_be_left_is_told_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its work is the heartbeat."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file"))
    sign = SignOfLife()
    for _ in range(2):
        sign.leave()
    assert caplog.messages == ["no sign of life can be left in DAGSTER_HOME (Not a directory)"]


def test_sigterm_ends_it_at_once_even_while_it_waits_for_an_answer(tmp_path: Path) -> None:
    """A service that takes the connection and says nothing does not hold it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        process = heartbeat(
            SEQUORA_HEARTBEAT_URL=f"http://127.0.0.1:{silent.server_port}/",
            SUPABASE_DB_URL=f"postgresql://me@127.0.0.1:{silent.server_port}/care",
            DAGSTER_HOME=str(tmp_path),
        )
        connection, _ = silent.socket.accept()
        with connection:
            process.terminate()
            assert process.wait(timeout=10) == -signal.SIGTERM
    assert process.stdout
    process.stdout.close()


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"SEQUORA_HEARTBEAT_URL": "hc-ping.com/1"}, "SEQUORA_HEARTBEAT_URL must begin with http:// or https://"),
        ({"SEQUORA_HEARTBEAT_URL": "ftp://hc-ping.com/1"}, "SEQUORA_HEARTBEAT_URL must begin with http:// or https://"),
        ({"SEQUORA_HEARTBEAT_URL": "https://"}, "SEQUORA_HEARTBEAT_URL must begin with http:// or https://"),
        ({"SEQUORA_HEARTBEAT_URL": "https://hc-ping.com/1", "DAGSTER_HOME": ""}, "DAGSTER_HOME is not set"),
    ],
)
def test_a_setting_that_is_wrong_is_said_and_stops_no_other_process(
    environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    """The processes of the Procfile live and die together: it waits for its end. What was set is not repeated.

    It leaves no sign of life, for it does nothing.
    """
    process = heartbeat(**{"DAGSTER_HOME": str(tmp_path), **environment})
    assert process.stdout
    said = process.stdout.readline()
    assert f" ERROR sequora_orchestration.cli.heartbeat: no heartbeat is sent: {sentence}" in said
    assert "hc-ping.com/1" not in said
    assert process.poll() is None
    assert not (tmp_path / NAME).exists()
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM
    with process.stdout as output:
        assert output.read() == ""


def test_a_log_format_that_is_none_does_not_end_it() -> None:
    """It is said, as text, and what it has to say follows."""
    process = heartbeat(SEQUORA_LOG_FORMAT="xml", SEQUORA_HEARTBEAT_URL="")
    assert process.stdout
    assert "the log is text: SEQUORA_LOG_FORMAT " in process.stdout.readline()
    assert "SEQUORA_HEARTBEAT_URL is not set: no heartbeat is sent" in process.stdout.readline()
    process.terminate()
    assert process.wait(timeout=10) == -signal.SIGTERM
    process.stdout.close()


def test_whatever_breaks_while_it_asks_is_said_by_its_class_and_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """An address that passes as one, and that no library can read."""
    heart = Heart("http://a-secret..example.com/", lambda: WELL)
    for _ in range(2):
        heart.beat()
    (line,) = caplog.messages
    assert line.startswith("the heartbeat does not arrive: ")
    assert "a-secret" not in line


@pytest.mark.usefixtures("environment")
def test_while_the_views_are_dropped_by_command_it_does_not_beat(
    care: Care, service: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    """Sensors tick all the same, and nobody is texted."""
    drop_views(care.engine)
    heart = Heart(service.url, lambda: vital_signs([]))
    heart.beat()
    assert service.asked == []
    (said,) = caplog.messages
    assert said.startswith(
        "no heartbeat: the views of the application's tables were dropped by `sequora migrate --drop"
    )
