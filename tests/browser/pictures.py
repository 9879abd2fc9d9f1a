"""The README's pictures, of the running system: `make pictures` makes them anew.

The tasks and people are invented. What is worth a picture is said here; that it works is what the tests say.
"""

import re
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from running_system import ROOT

from browser.chromium import chromium, executable
from browser.shown_system import ShownSystem, embedded_system
from sequora_orchestration.definitions import defs

DIRECTORY = ROOT / "docs"
STEPS = ["fetch_task", "fetch_nurse", "send_sms", "log_notification"]
SENSORS, SCHEDULES = list(defs.sensors or []), list(defs.schedules or [])
# In bytes; whoever reads the README loads them all.
LARGEST = 150_000
PATIENCE = 30_000

NURSES = [f"a0000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3)]
EPISODE = "c0000000-0000-4000-8000-000000000001"
TASKS = [
    (NURSES[1], "MODERATE", "NORMAL", ["MISSED_MEDICATION"]),
    (NURSES[2], "HIGH", "HIGH", ["WEIGHT_GAIN", "SWELLING"]),
    (NURSES[0], "CRITICAL", "URGENT", ["CHEST_PAIN", "SHORTNESS_OF_BREATH"]),
]


def main() -> None:
    """Make all of them, and say how large each is."""
    if executable() is None:
        raise SystemExit("no Chromium is installed, which takes the pictures: apt-get install chromium")
    expect.set_options(timeout=PATIENCE)
    with tempfile.TemporaryDirectory() as directory, embedded_system(Path(directory)) as system, chromium() as browser:
        take_all(system, browser)


def take_all(system: ShownSystem, browser: Browser) -> None:
    """Take the phone inbox first: the run that the others show is that of its last text."""
    inbox = browser.new_page(viewport={"width": 1080, "height": 520})
    inbox.set_default_timeout(PATIENCE)
    inbox.goto(system.inbox)
    for nurse, severity, priority, reasons in TASKS:
        task = system.care.a_task(nurse, severity=severity, priority=priority, reason_codes=reasons, episode_id=EPISODE)
        expect(inbox.get_by_role("link", name=task)).to_be_visible()
    inbox.get_by_label("Answer as").fill("On my way")
    inbox.keyboard.press("Enter")
    expect(inbox.get_by_text("answered from this phone")).to_be_visible()
    expect(inbox.get_by_text("Delivered")).to_be_visible()
    take(inbox, "inbox")

    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(f"{system.web}/runs?q[]=tag:sequora/task_id={task}")
    page.locator("a[href^='/runs/']").first.click()
    expect(page.get_by_text("RUN_SUCCESS")).to_be_visible()
    page.get_by_role("button", name="Hide navigation").click()
    # Of equal length, so that each step's name can be read.
    page.get_by_role("button", name="gantt_waterfall").click()
    steps = page.locator(".chart-element.box[style*='green']")
    expect(steps).to_have_text(STEPS)
    # Tried, a click waits until what is clicked at moves no more.
    for step in steps.all():
        step.click(trial=True)
    page.mouse.move(0, 0)
    take(page, "run")

    page = browser.new_page(viewport={"width": 1300, "height": 1330}, device_scale_factor=0.8)
    page.set_default_timeout(PATIENCE)
    for count in (1, 2, 1, 3, 2, 4):
        for _ in range(count):
            task = system.care.a_task(NURSES[0], severity="HIGH", episode_id=EPISODE)
            expect(inbox.get_by_role("link", name=task)).to_be_visible()
        system.measure()
    page.goto(f"{system.web}/assets/text_latency")
    page.get_by_role("button", name="Plots").click()
    expect(page.locator("canvas").first).to_be_visible()
    take(page, "plots")

    # As high as the list is long: a head, and a row each.
    listed = len(SENSORS) + len(SCHEDULES)
    page = browser.new_page(viewport={"width": 1000, "height": 170 + 62 * listed}, device_scale_factor=0.8)
    page.goto(f"{system.web}/automation")
    expect(page.get_by_text(re.compile("^(Standard|Run status) sensor$"))).to_have_count(len(SENSORS))
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(listed)
    expect(page.get_by_text(re.compile(r"^\d+ seconds? ago$")).first).to_be_visible()
    take(page, "sensors")


def take(page: Page, name: str) -> None:
    """Take one picture. Raises SystemExit if it is too large for the README."""
    picture = DIRECTORY / f"{name}.png"
    content = page.screenshot(animations="disabled", caret="hide")
    if len(content) > LARGEST:
        raise SystemExit(f"{picture.name} would be larger than {LARGEST / 1000:.0f} kB: show less of the page")
    picture.write_bytes(content)
    print(f"{picture.relative_to(ROOT)}: {len(content) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
