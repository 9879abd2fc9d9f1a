"""The login of `deploy/nginx` before a running web UI, by password and by OAuth; in a browser it is seen elsewhere."""

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from browser.shown_system import MEASURE
from oauth2_proxy import SESSION, OAuth2Proxy, running_oauth2_proxy
from process_settings import COMMANDS
from procfile import Processes
from reverse_proxy import (
    NAME,
    PASSWORD,
    WITH_LOGIN,
    Login,
    ReverseProxy,
    command,
    copy_with,
    require_nginx,
    reverse_proxy,
    running_nginx,
    set_up,
)
from running_system import ROOT, RunningSystem, eventually
from shared_system import start_if_ended
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from sequora_orchestration.local.ports import free_port

pytestmark = [pytest.mark.story, pytest.mark.timeout(240), pytest.mark.xdist_group("shared system")]

PAGE = ROOT / "docs" / "login.md"
VERSION = {"query": "{ version }"}
RUN_LOGS = """subscription ($run: ID!) { pipelineRunLogs(runId: $run) {
  ... on PipelineRunLogsSubscriptionSuccess { messages { __typename } }
} }"""
WITH_SESSION = {"Cookie": SESSION}

# Seconds.
PATIENCE = 30


@pytest.fixture(scope="module")
def web(shared_system: RunningSystem) -> RunningSystem:
    """The web UI, of the shared system."""
    require_nginx()
    start_if_ended(shared_system)
    return shared_system


@pytest.fixture(scope="module")
def by_password(web: RunningSystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReverseProxy]:
    """The login by password before it."""
    with reverse_proxy(tmp_path_factory.mktemp("by-password"), web.web, "password") as proxy:
        yield proxy


@pytest.fixture(scope="module")
def oauth2_proxy() -> Iterator[OAuth2Proxy]:
    """The stand-in for oauth2-proxy."""
    with running_oauth2_proxy() as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def by_oauth(
    web: RunningSystem, oauth2_proxy: OAuth2Proxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReverseProxy]:
    """The login by OAuth before it."""
    directory = tmp_path_factory.mktemp("by-oauth")
    with reverse_proxy(directory, web.web, "oauth", oauth2_proxy_url=oauth2_proxy.url) as proxy:
        yield proxy


def ask(
    proxy: ReverseProxy, path: str = "/", *, method: str = "GET", headers: Mapping[str, str] | None = None, **more: Any
) -> requests.Response:
    """Ask for a path, and follow no redirect."""
    return requests.request(
        method,
        f"{proxy.url}{path}",
        headers=headers,
        verify=str(proxy.certificate),
        allow_redirects=False,
        timeout=PATIENCE,
        **more,
    )


def graphql(proxy: ReverseProxy, headers: Mapping[str, str]) -> requests.Response:
    """Ask for the version, as the UI asks for everything."""
    return ask(proxy, "/graphql", method="POST", headers=headers, json=VERSION)


def subscribed(proxy: ReverseProxy, headers: Mapping[str, str], run: str) -> list[str]:
    """Return the events of a run as they come by websocket, up to its success. Raises InvalidStatus if refused."""
    url = f"{proxy.url.replace('https', 'wss')}/graphql"
    with connect(
        url, ssl=proxy.tls(), additional_headers=headers, subprotocols=[Subprotocol("graphql-ws")], proxy=None
    ) as websocket:
        websocket.send(json.dumps({"type": "connection_init"}))
        payload = {"query": RUN_LOGS, "variables": {"run": run}}
        websocket.send(json.dumps({"type": "start", "id": "1", "payload": payload}))
        events: list[str] = []
        while "RunSuccessEvent" not in events:
            message = json.loads(websocket.recv(timeout=PATIENCE))
            if message["type"] == "data":
                events += [event["__typename"] for event in message["payload"]["data"]["pipelineRunLogs"]["messages"]]
        return events


def status_of_websocket(proxy: ReverseProxy, headers: Mapping[str, str]) -> int:
    """Return the answer to whoever wants a websocket and is refused."""
    with pytest.raises(InvalidStatus) as refused:
        subscribed(proxy, headers, "of-nobody")
    return refused.value.response.status_code


def launch(proxy: ReverseProxy, **login: Any) -> dict[str, Any]:
    """Launch a job as the UI does, and return what became of that."""
    query = MEASURE.replace("{ ... on", "{ __typename ... on", 1)
    answer: dict[str, Any] = ask(proxy, "/graphql", method="POST", json={"query": query}, **login).json()
    return dict(answer["data"]["launchRun"])


# ── Both ways ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("login", ["password", "oauth"])
def test_nginx_finds_nothing_to_complain_of(tmp_path: Path, login: Login) -> None:
    """`nginx -t`, without a warning."""
    require_nginx()
    set_up(tmp_path, f"http://127.0.0.1:{free_port()}", login)
    result = subprocess.run(command(tmp_path, "-q", "-t"), check=False, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


# ── By password ────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_has_not_logged_in_gets_nothing(by_password: ReverseProxy) -> None:
    """No page, no answer of GraphQL, no file and no event; and each of them a second later."""
    asked = [
        ("GET", "/"),
        ("GET", "/runs/00000000-0000-4000-8000-000000000000"),
        ("POST", "/graphql"),
        ("GET", "/graphql?query={version}"),
        ("GET", "/favicon.png"),
        ("GET", "/server_info"),
        ("GET", "/download_debug/00000000-0000-4000-8000-000000000000"),
        ("POST", "/report_asset_materialization/backlog"),
    ]
    with ThreadPoolExecutor(len(asked) + 1) as at_once:
        websocket = at_once.submit(status_of_websocket, by_password, {})
        answers = list(at_once.map(lambda each: ask(by_password, each[1], method=each[0], json=VERSION), asked))
    assert websocket.result() == 401
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Basic realm="Sequora"'}
    assert not any("dagster" in answer.text.lower() for answer in answers)
    assert all(answer.elapsed >= timedelta(seconds=1) for answer in answers)


@pytest.mark.parametrize(
    ("name", "password"), [(NAME, PASSWORD[:-1]), (NAME, ""), ("nobody", PASSWORD)], ids=["wrong", "none", "nobody"]
)
def test_a_wrong_password_is_refused(by_password: ReverseProxy, name: str, password: str) -> None:
    """And so is a name that nobody has."""
    assert ask(by_password, auth=(name, password)).status_code == 401


def test_with_the_password_the_page_and_its_questions_are_answered(by_password: ReverseProxy) -> None:
    """By Dagster's web server."""
    page = ask(by_password, auth=(NAME, PASSWORD))
    assert page.status_code == 200
    assert ">Dagster</title>" in page.text
    assert graphql(by_password, WITH_LOGIN).json()["data"]["version"]


def test_events_of_a_run_come_by_websocket(by_password: ReverseProxy) -> None:
    """Of a run that was launched behind the login, to whoever has logged in."""
    run = launch(by_password, headers=WITH_LOGIN)["run"]["runId"]
    assert "RunStartEvent" in subscribed(by_password, WITH_LOGIN, run)


def test_every_answer_says_how_a_browser_is_to_treat_it(by_password: ReverseProxy) -> None:
    """Each header once, whoever answers; and Dagster's own stay."""
    page, file, refused = (
        ask(by_password, headers=WITH_LOGIN),
        ask(by_password, "/favicon.png", headers=WITH_LOGIN),
        ask(by_password),
    )
    assert [answer.status_code for answer in (page, file, refused)] == [200, 200, 401]
    for answer in (page, file, refused):
        assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Server"] == "nginx"
    assert "script-src" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


def test_without_tls_one_is_sent_to_where_it_is(by_password: ReverseProxy) -> None:
    """Under our own name, whatever name was asked for."""
    answer = requests.get(
        f"{by_password.plain_url}/runs?q=1&r=2",
        headers={"Host": "elsewhere.example"},
        allow_redirects=False,
        timeout=PATIENCE,
    )
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://127.0.0.1/runs?q=1&r=2")


def handshake(proxy: ReverseProxy, version: ssl.TLSVersion, ciphers: str) -> str | None:
    """Speak one version of TLS with it; return the version that was agreed on. Raises ssl.SSLError if none was."""
    context = proxy.tls()
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as stream,
    ):
        return stream.version()


@pytest.mark.parametrize(
    ("version", "ciphers", "refusal"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", "TLSV1_ALERT_PROTOCOL_VERSION"),
        (ssl.TLSVersion.TLSv1_2, "AES256-GCM-SHA384:AES128-SHA", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA", "SSLV3_ALERT_HANDSHAKE_FAILURE"),
    ],
    ids=["1.1", "1.2 without forward secrecy", "1.2 with CBC"],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_not_spoken(by_password: ReverseProxy, version: ssl.TLSVersion, ciphers: str, refusal: str) -> None:
    """Each of them is spoken by Debian's nginx as it comes."""
    with pytest.raises(ssl.SSLError) as refused:
        handshake(by_password, version, ciphers)
    assert refused.value.reason == refusal


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_of_today_is_spoken(by_password: ReverseProxy, version: ssl.TLSVersion) -> None:
    """Of two versions."""
    assert handshake(by_password, version, "ECDHE+AESGCM") == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[version.name]


# What a browser says of a link on another site's page, and of an object or a frame in it.
A_LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {**A_LINK, "Sec-Fetch-Dest": "document"}, 200),
        ("GET", "/", {**A_LINK, "Sec-Fetch-Dest": "object"}, 403),
        ("GET", "/", {**A_LINK, "Sec-Fetch-Dest": "iframe"}, 403),
        ("GET", "/graphql?query={version}", {**A_LINK, "Sec-Fetch-Dest": "document"}, 403),
        ("GET", "/graphql?query={version}", {**A_LINK, "Sec-Fetch-Dest": "object"}, 403),
        ("GET", "/graphql?query={version}", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ("GET", "/graphql?query={version}", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", "/graphql?query={version}", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("POST", "/graphql?query={version}", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("POST", "/graphql?query={version}", {"Origin": "https://elsewhere.example"}, 403),
        ("POST", "/graphql?query={version}", {"Origin": "null"}, 403),
        ("POST", "/graphql?query={version}", {"Origin": "http://SELF"}, 403),
        ("POST", "/graphql?query={version}", {"Origin": "https://SELF.elsewhere.example"}, 403),
        ("POST", "/graphql?query={version}", {"Origin": "https://SELF"}, 200),
    ],
)
def test_a_page_of_another_site_can_lead_here_and_do_nothing_else(
    by_password: ReverseProxy, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """A browser would send the login along with an image or a form of any page."""
    headers = {name: value.replace("SELF", f"127.0.0.1:{by_password.port}") for name, value in headers.items()}
    assert ask(by_password, path, method=method, headers={**WITH_LOGIN, **headers}).status_code == status


def test_a_page_of_another_site_gets_no_websocket(by_password: ReverseProxy) -> None:
    """Browsers let any page open one to anywhere."""
    assert status_of_websocket(by_password, {**WITH_LOGIN, "Origin": "https://elsewhere.example"}) == 403


def test_the_web_ui_is_told_neither_password_nor_session(tmp_path: Path) -> None:
    """It needs them as little as its logs do."""
    require_nginx()
    with running_oauth2_proxy() as behind, reverse_proxy(tmp_path, behind.url, "password") as proxy:
        ask(proxy, "/page", headers={**WITH_LOGIN, **WITH_SESSION})
        ((path, headers),) = [(asked.path, asked.headers) for asked in behind.asked]
    assert path == "/page"
    assert headers["Host"] == f"127.0.0.1:{proxy.port}"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers.keys().isdisjoint({"Authorization", "Cookie"})


def test_no_request_reaches_anything_but_the_web_ui(by_password: ReverseProxy) -> None:
    """A port of this host, as those of code server and broker are, named in every place where a request can name it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        port = other.getsockname()[1]
        named = [
            f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}",
            f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}",
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}",
            f"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: 127.0.0.1:{port}",
            f"GET / HTTP/1.1\r\nHost: x\r\nX-Original-URL: http://127.0.0.1:{port}/",
            f"GET / HTTP/1.1\r\nHost: x\r\nX-Accel-Redirect: http://127.0.0.1:{port}/",
            f"GET //127.0.0.1:{port}/ HTTP/1.1\r\nHost: x",
            f"GET /@127.0.0.1:{port}/ HTTP/1.1\r\nHost: x",
            f"GET /:{port}/ HTTP/1.1\r\nHost: x",
            f"GET /../:{port}/ HTTP/1.1\r\nHost: x",
            f"GET /%0d%0aHost:%20127.0.0.1:{port} HTTP/1.1\r\nHost: x",
        ]
        answers = [raw(by_password, request) for request in named]
        assert all(answer.startswith("HTTP/1.1 ") for answer in answers)
        with pytest.raises(BlockingIOError):
            other.accept()


def raw(proxy: ReverseProxy, head: str) -> str:
    """Send the first lines of a request as they are, with the login, and return the whole answer."""
    login = f"Authorization: {WITH_LOGIN['Authorization']}"
    with (
        socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as connection,
        proxy.tls().wrap_socket(connection, server_hostname="127.0.0.1") as stream,
    ):
        stream.sendall(f"{head}\r\n{login}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: stream.recv(65536), b"")).decode(errors="replace")


def test_viewers_look_at_everything_and_change_nothing(web: RunningSystem, tmp_path: Path) -> None:
    """As the page on the login says: a second web server, and a map of who may do more than look."""
    (snippet,) = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    port = free_port()
    (running,) = web.processes("dagster-webserver")
    line = f"DAGSTER_WEBSERVER_READ_ONLY=1; export DAGSTER_WEBSERVER_READ_ONLY; {COMMANDS['web']}"
    viewers = Processes(tmp_path, {**running.environ(), "SEQUORA_WEB_PORT": str(port)}, {"web": line})
    directory = tmp_path / "nginx"
    proxy = set_up(directory, web.web, "password")
    site = directory / "conf.d" / "sequora.conf"
    copy_with({"proxy_pass http://sequora_web;": "proxy_pass http://$sequora_web_of;"}, site, site)
    (directory / "conf.d" / "sequora-viewers.conf").write_text(snippet.replace("3001", str(port)), encoding="utf-8")
    passwords = directory / "sequora" / "passwords"
    passwords.write_text("".join(passwords.read_text().replace(NAME, name) for name in (NAME, "eve")))
    try:
        viewers.start("web")
        with running_nginx(directory, proxy):
            eventually(lambda: ask(proxy, auth=("eve", PASSWORD)).ok, within=60, what="the viewers' web server")
            outcomes = {name: launch(proxy, auth=(name, PASSWORD)) for name in (NAME, "eve")}
            assert (
                ask(proxy, "/report_asset_materialization/backlog", method="POST", auth=("eve", PASSWORD)).status_code
                == 401
            )
    finally:
        viewers.kill_all()
    assert outcomes["eve"] == {"__typename": "UnauthorizedError"}
    assert outcomes[NAME]["run"]["runId"]


# ── By OAuth ───────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_has_no_session_is_sent_to_log_in_and_comes_back(
    by_oauth: ReverseProxy, oauth2_proxy: OAuth2Proxy
) -> None:
    """To the very page, with all of its query; and then the session holds."""
    wanted = "/runs?q%5B%5D=tag:sequora/task_id=1&view=all"
    trusting: dict[str, Any] = {"verify": str(by_oauth.certificate), "timeout": PATIENCE}
    with requests.Session() as browser:
        page = browser.get(f"{by_oauth.url}{wanted}", **trusting)
        assert [urlsplit(step.url).path for step in page.history] == ["/runs", "/authorize", "/oauth2/callback"]
        assert page.status_code == 200
        assert ">Dagster</title>" in page.text
        assert page.url == f"{by_oauth.url}{wanted}"
        assert browser.post(f"{by_oauth.url}/graphql", json=VERSION, **trusting).json()["data"]["version"]
    (start,) = [asked for asked in oauth2_proxy.asked if asked.path.startswith("/oauth2/start")]
    assert start.path == "/oauth2/start"
    assert start.headers["X-Auth-Request-Redirect"] == wanted


def test_with_a_session_events_come_by_websocket(by_oauth: ReverseProxy) -> None:
    """As with the password."""
    run = launch(by_oauth, headers=WITH_SESSION)["run"]["runId"]
    assert "RunStartEvent" in subscribed(by_oauth, WITH_SESSION, run)


def test_a_page_whose_session_is_over_is_told_so(by_oauth: ReverseProxy) -> None:
    """What it asks for in the background cannot be sent to another site."""
    for headers in ({}, {"Cookie": "_oauth2_proxy=another"}):
        answer = graphql(by_oauth, headers)
        assert (answer.status_code, answer.headers.get("Location")) == (401, None)
        assert status_of_websocket(by_oauth, headers) == 401


@pytest.mark.parametrize("path", ["/favicon.png", "/server_info", "/graphql?query={version}", "/logs/of/a/run.out"])
def test_without_a_session_nothing_else_is_answered_either(by_oauth: ReverseProxy, path: str) -> None:
    """Whatever it is, the answer is to log in."""
    answer = ask(by_oauth, path)
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (302, "/authorize")


def test_whether_there_is_a_session_is_asked_without_what_was_asked_for(
    by_oauth: ReverseProxy, oauth2_proxy: OAuth2Proxy
) -> None:
    """A request's body is the web UI's alone; and nobody outside can ask."""
    oauth2_proxy.asked.clear()
    graphql(by_oauth, WITH_SESSION)
    ((path, headers),) = [(asked.path, asked.headers) for asked in oauth2_proxy.asked]
    assert path == "/oauth2/auth"
    assert headers["X-Forwarded-Uri"] == "/graphql"
    assert "Content-Length" not in headers
    assert ask(by_oauth, "/oauth2/auth", headers=WITH_SESSION).status_code == 404


def test_a_page_of_another_site_does_nothing_by_a_session_either(by_oauth: ReverseProxy) -> None:
    """Coming back from the provider is leading here."""
    foreign = {**WITH_SESSION, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert ask(by_oauth, "/graphql?query={version}", headers=foreign).status_code == 403
    back = {**A_LINK, "Sec-Fetch-Dest": "document"}
    answer = ask(by_oauth, "/oauth2/callback?code=a-code&state=/assets", headers=back)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/assets")


def test_nobody_gets_in_while_oauth2_proxy_is_away(web: RunningSystem, tmp_path: Path) -> None:
    """A session that nobody can look at is none."""
    nobody = f"http://127.0.0.1:{free_port()}"
    with reverse_proxy(tmp_path, web.web, "oauth", oauth2_proxy_url=nobody) as proxy:
        for answer in (ask(proxy, headers=WITH_SESSION), graphql(proxy, WITH_SESSION)):
            assert answer.status_code == 500
            assert "dagster" not in answer.text.lower()
