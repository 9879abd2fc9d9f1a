"""Dagster's web UI, as far as this project fills it."""

import json
import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from browser.shown_system import ShownSystem

pytestmark = [pytest.mark.story, pytest.mark.timeout(240), pytest.mark.xdist_group("shared system")]

STEPS = ["fetch_task", "fetch_nurse", "send_sms", "log_notification"]
JOB = "/locations/sequora_orchestration.definitions/jobs/notify_nurse_task"


def test_a_runs_page_shows_its_four_steps_and_its_tags(system: ShownSystem, page: Page) -> None:
    """Who looks for a task finds its run by the tag, and there each step, what became of the text, and the tags."""
    task = system.care.a_task(system.care.a_nurse("+12025550171"), severity="CRITICAL")
    page.goto(f"{system.web}/runs?q[]=tag:sequora/task_id={task}")
    page.locator("a[href^='/runs/']").filter(has_text=re.compile("^[0-9a-f]{8}$")).click()
    expect(page.get_by_text("RUN_SUCCESS")).to_be_visible()
    expect(page.get_by_text("Succeeded (4)")).to_be_visible()
    # Of equal length: a step of milliseconds is too short for its name.
    page.get_by_role("button", name="gantt_waterfall").click()
    expect(page.locator(".chart-element.box")).to_have_text(STEPS)
    expect(page.get_by_text(task, exact=True).first).to_be_visible()
    page.get_by_role("button", name="View tags and config").click()
    tags = page.get_by_role("dialog")
    for tag in (f"sequora/task_id: {task}", "sequora/severity: CRITICAL"):
        expect(tags.get_by_text(tag)).to_be_visible()


def test_a_job_launched_from_the_launchpad_texts_the_nurse(system: ShownSystem, page: Page) -> None:
    """`task_ids` is all that there is to be typed; the text of an old task, which no sensor takes up, arrives."""
    nurse = system.care.a_nurse("+12025550172", first_name="Lena", last_name="Pad")
    task = system.care.a_task(nurse, created_at="2020-01-01Z")
    page.goto(f"{system.web}{JOB}/playground")
    page.locator(".CodeMirror-code").first.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(json.dumps({"task_ids": [task]}))
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url(lambda url: urlsplit(url).path.startswith("/runs/"))
    expect(page.get_by_text("RUN_SUCCESS")).to_be_visible()
    page.goto(system.inbox)
    page.get_by_role("button", name="Lena Pad").click()
    expect(page.get_by_role("link", name=task)).to_be_visible()
