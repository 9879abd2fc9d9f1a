"""Dagster's web UI behind the login of `deploy/nginx`, as somebody who has logged in sees it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import standing_still
from playwright.sync_api import Browser, Page, WebSocket, expect
from reverse_proxy import NAME, PASSWORD, ReverseProxy, require_nginx, reverse_proxy
from running_system import eventually

from browser.conftest import PATIENCE
from browser.shown_system import ShownSystem

pytestmark = [pytest.mark.story, pytest.mark.timeout(240), pytest.mark.xdist_group("shared system")]

RUNS = """query ($task: String!) {
  runsOrError(filter: {tags: [{key: "sequora/task_id", value: $task}]}) { ... on Runs { results { runId } } }
}"""


@pytest.fixture
def proxy(system: ShownSystem, tmp_path: Path) -> Iterator[ReverseProxy]:
    """The login by password before the shared system's web UI."""
    require_nginx()
    with reverse_proxy(tmp_path / "nginx", system.web, "password") as proxy:
        yield proxy


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of somebody who knows the password."""
    page = browser.new_page(
        viewport={"width": 1400, "height": 900},
        http_credentials={"username": NAME, "password": PASSWORD},
        ignore_https_errors=True,
    )
    page.set_default_timeout(PATIENCE)
    yield page
    page.context.close()


def runs_of(system: ShownSystem, task: str) -> list[str]:
    """Return the ids of a task's runs."""
    return [run["runId"] for run in system.running.graphql(RUNS, task=task)["runsOrError"]["results"]]


def test_an_open_page_shows_a_run_as_it_goes_on(system: ShownSystem, proxy: ReverseProxy, page: Page) -> None:
    """Its events come by websocket through the login, while the page lies open; nothing that it asks for is refused."""
    received: list[str] = []
    refused: list[str] = []

    def listen(websocket: WebSocket) -> None:
        assert websocket.url.startswith(proxy.url.replace("https", "wss"))
        websocket.on("framereceived", lambda frame: received.append(str(frame)))

    page.on("websocket", listen)
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    with standing_still(*system.running.processes("celery")):
        task = system.care.a_task(system.care.a_nurse("+12025550173"))
        eventually(lambda: runs_of(system, task), within=20, what="a run of the task")
        (run,) = runs_of(system, task)
        page.goto(f"{proxy.url}/runs/{run}")
        expect(page.get_by_text("RUN_STARTING")).to_be_visible()
        expect(page.get_by_text("RUN_SUCCESS")).to_have_count(0)
        assert not any("RunSuccessEvent" in frame for frame in received)
    expect(page.get_by_text("RUN_SUCCESS")).to_be_visible()
    expect(page.get_by_text("Succeeded (4)")).to_be_visible()
    assert any("RunSuccessEvent" in frame for frame in received)
    assert refused == []
