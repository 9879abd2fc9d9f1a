"""The figures in the asset catalog, as an engineer finds them."""

import pytest
from playwright.sync_api import Page, expect

from browser.shown_system import ShownSystem

pytestmark = [pytest.mark.story, pytest.mark.timeout(240), pytest.mark.xdist_group("shared system")]


def test_the_asset_catalog_plots_the_backlog(system: ShownSystem, page: Page) -> None:
    """Once it is measured, each of its figures has a plot."""
    system.measure()
    page.goto(f"{system.web}/assets/backlog")
    figures = page.get_by_role("table")
    expect(figures.get_by_text("oldest due, s", exact=True)).to_be_visible()
    page.get_by_role("button", name="Plots").click()
    # Each figure has a plot of its own, on a canvas.
    expect(page.get_by_text("oldest due, s", exact=True)).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    expect(page.locator("canvas")).to_have_count(5)
