"""What SECURITY.md says of files, held against them."""

import re
from urllib.parse import urlsplit

import pytest
from running_system import ROOT

PROCFILES = ["Procfile", "sequora_orchestration/instance/Procfile"]
SERVERS = ("dagster-webserver", "dagster api grpc")
SECRETS = ("URL", "TOKEN", "PASSWORD", "SECRET", "KEY")


def lines_of(path: str) -> list[str]:
    return (ROOT / path).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("procfile", PROCFILES)
@pytest.mark.parametrize("server", SERVERS)
def test_what_listens_listens_on_loopback(procfile: str, server: str) -> None:
    """Neither of the two has a login; each can be told otherwise, for a container of its own."""
    (command,) = [line for line in lines_of(procfile) if server in line]
    (host,) = re.findall(r"(?:-h|--host)[ =](\S+)", command)
    setting = "SEQUORA_CODE_HOST" if server == "dagster api grpc" else "SEQUORA_WEB_HOST"
    assert host == f"${{{setting}:-127.0.0.1}}"


@pytest.mark.parametrize("procfile", PROCFILES)
def test_no_command_of_the_procfile_has_a_secret_in_it(procfile: str) -> None:
    """A command line is read by every user of the machine."""
    named = re.findall(r"\$\{?(\w+)", "\n".join(lines_of(procfile)))
    assert [name for name in named if any(word in name for word in SECRETS)] == []


@pytest.mark.parametrize("line", [line for line in lines_of(".env.example") if "=" in line and line.startswith("#S")])
def test_an_example_of_a_url_has_nobodys_password(line: str) -> None:
    """Its user and password are those words, or it has none."""
    url = urlsplit(line.split("=", 1)[1])
    assert (url.username, url.password) in {(None, None), ("user", "password")}


def test_the_example_of_the_settings_sets_nothing() -> None:
    """Each line is a comment: copied as it is, it changes nothing and holds no token."""
    lines = lines_of(".env.example")
    assert [line for line in lines if line and not line.startswith("#")] == []
    assert [line for line in lines if re.search(r"(TOKEN|PASSWORD|SECRET|KEY)=.", line)] == []
    assert [line for line in lines if re.search(r"(AC|MG|SK)[0-9a-f]{32}|eyJ[\w-]{20}", line)] == []


def test_the_configuration_names_its_secrets_and_holds_none() -> None:
    """The web UI shows it to everybody who opens it."""
    text = "\n".join(lines_of("sequora_orchestration/instance/dagster.yaml"))
    assert re.findall(r"(?:url|broker|backend): (.*)", text) == [
        "{env: DAGSTER_PG_URL}",
        "{env: SEQUORA_BROKER_URL}",
        "{env: SEQUORA_BROKER_URL}",
    ]
