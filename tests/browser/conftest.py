"""What the tests in a browser share: one running system, one browser, and a page for each of them."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from care import Care
from playwright.sync_api import Browser, Page, expect
from running_system import RunningSystem
from shared_system import delete_all, start_if_ended

from browser.chromium import chromium, executable
from browser.shown_system import ShownSystem
from sequora_orchestration.database import engine_for
from sequora_orchestration.local.twilio.server import TwilioServer

# How long anything on a page may take to show, in ms: the tests run beside others.
PATIENCE = 20_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The browser. Without one the tests are left out, but not where all of them must run.

    Its end comes with that of this package: while it runs no event loop can be run by others in this process.
    """
    if executable() is None:
        sentence = "no Chromium is installed, in which the pages are looked at: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    expect.set_options(timeout=PATIENCE)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def system(
    browser: Browser,  # noqa: ARG001  # without one there is nothing to start it for
    shared_system: RunningSystem,
    shared_databases: tuple[str, str],
    shared_twilio: TwilioServer,
) -> Iterator[ShownSystem]:
    """The shared system."""
    start_if_ended(shared_system)
    yield ShownSystem(shared_system.web, shared_twilio.url, Care(engine_for(shared_databases[0])), shared_system)
    delete_all(shared_databases[0], shared_system)


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:  # noqa: ARG001  # where its picture goes
    """A page of this test's own, with no cookies."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    yield page
    page.context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of the page on which a test has failed, and say where."""
    report = yield
    funcargs: dict[str, object] = getattr(item, "funcargs", {})
    page, directory = funcargs.get("page"), funcargs.get("tmp_path")
    if report.when == "call" and report.failed and isinstance(page, Page) and isinstance(directory, Path):
        picture = directory / "page.png"
        page.screenshot(path=picture)
        report.longrepr = f"{report.longreprtext}\nThe page looked like {picture}"
    return report
