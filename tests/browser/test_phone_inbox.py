"""The phone inbox, as somebody has it open beside the web UI, or on a phone."""

import pytest
from playwright.sync_api import Page, expect
from requests import post

from browser.shown_system import ShownSystem
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN

pytestmark = [pytest.mark.story, pytest.mark.timeout(240), pytest.mark.xdist_group("shared system")]

PHONE_WIDTH = 390
HEIGHT = 800


def texted(system: ShownSystem, phone: str, name: str) -> str:
    """Have a nurse of that first name be owed a text, and return the task's id."""
    return system.care.a_task(system.care.a_nurse(phone, first_name=name, last_name="Quill"))


def test_an_arriving_text_appears_without_a_reload(system: ShownSystem, page: Page) -> None:
    """With whose phone it is, its segments, and how far it is; a screen reader is told; and nobody else is asked."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(system.inbox)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.evaluate("window.loadedOnce = true")
    task = texted(system, "+12025550181", "Iris")
    row = page.get_by_role("navigation").get_by_role("button", name="Iris Quill")
    expect(row).to_contain_text("nurse")
    row.click()
    text = page.get_by_role("list", name="Iris Quill").get_by_role("listitem")
    expect(text).to_contain_text(task)
    expect(text).to_contain_text("3 segments")
    expect(text).to_contain_text("Delivered")
    expect(page.locator("[aria-live]", has_text="New text to Iris Quill")).to_be_attached()
    assert page.evaluate("window.loadedOnce")
    assert all(url.startswith((system.inbox, "data:")) for url in asked)


def test_on_a_phone_one_conversation_is_shown_at_a_time(system: ShownSystem, page: Page) -> None:
    """At 390 px the list gives way to the conversation and comes back, and nothing is wider than the screen."""
    page.set_viewport_size({"width": PHONE_WIDTH, "height": HEIGHT})
    texted(system, "+12025550182", "Rose")
    page.goto(system.inbox)
    row = page.get_by_role("button", name="Rose Quill")
    row.click()
    expect(page.get_by_role("heading", name="Rose Quill")).to_be_visible()
    expect(row).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    page.get_by_role("button", name="Back to the conversations").click()
    expect(page.get_by_role("heading", name="Rose Quill")).to_be_hidden()
    expect(row).to_be_focused()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH


@pytest.mark.parametrize(
    ("width", "phones"),
    [(1400, ("+12025550183", "+12025550184")), (PHONE_WIDTH, ("+12025550185", "+12025550186"))],
    ids=["wide", "phone"],
)
def test_everything_can_be_done_by_keyboard(
    system: ShownSystem, page: Page, width: int, phones: tuple[str, str]
) -> None:
    """Into the list, down to a conversation, an answer, STOP, and back to the list."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.goto(system.inbox)
    # One after the other: the newest conversation comes first.
    names = [f"Key{width}", f"Tab{width}"]
    rows = [page.get_by_role("navigation").get_by_role("button", name=f"{name} Quill") for name in names]
    for phone, name, row in zip(phones, names, rows, strict=True):
        texted(system, phone, name)
        expect(row).to_be_visible()
    older, newer = rows
    press = page.keyboard.press

    press("Tab")
    press("Home")
    expect(newer).to_be_focused()
    press("ArrowDown")
    expect(older).to_be_focused()
    press("Enter")
    expect(page.get_by_role("heading", name=f"{names[0]} Quill")).to_be_visible()
    answer = page.get_by_label(f"Answer as {names[0]} Quill")
    # Beside the list one goes on to write at once; on a phone, where keys would hide the text, one reads first.
    if width == PHONE_WIDTH:
        expect(page.get_by_role("button", name="Back to the conversations")).to_be_focused()
        press("Tab")
        expect(page.get_by_role("list", name=f"{names[0]} Quill")).to_be_focused()
        press("Tab")
        press("Tab")  # past the link in the text
    expect(answer).to_be_focused()
    page.keyboard.type("On my way")
    press("Enter")
    texts = page.get_by_role("list", name=f"{names[0]} Quill").get_by_role("listitem")
    expect(texts.nth(1)).to_contain_text("On my way")
    expect(answer).to_be_empty()
    page.keyboard.type("stop")
    press("Enter")
    expect(page.get_by_role("status").filter(has_text="21610")).to_be_visible()
    press("Escape")
    expect(older).to_be_focused()


def test_a_right_to_left_text_begins_at_the_right_and_its_link_reads_left_to_right(
    system: ShownSystem, page: Page
) -> None:
    """In the conversation, in the list, and in the answer that somebody types; a text in English stays at the left."""
    phone, link = "+12025550189", "https://care.example/c/0123456789"
    text = f"مرحبًا فاطمة، كيف تشعرون اليوم؟\n{link}\nأرسلوا STOP لإيقاف هذه الرسائل."
    system.care.a_patient(phone, first_name="فاطمة", last_name="Haddad", language_code="ar")
    answer = post(
        f"{system.inbox}/2010-04-01/Accounts/{TEST_ACCOUNT_SID}/Messages.json",
        data={"To": phone, "From": "+15005550006", "Body": text},
        auth=(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN),
        timeout=10,
    )
    assert answer.ok, answer.text
    texted(system, "+12025550190", "Left")
    page.goto(system.inbox)
    row = page.get_by_role("navigation").get_by_role("button", name="Haddad")
    direction = "node => getComputedStyle(node).direction"
    assert row.locator(".preview").evaluate(direction) == "rtl"
    row.click()
    bubble = page.locator("li .bubble", has_text="مرحبًا")
    expect(bubble).to_have_css("direction", "rtl")
    expect(bubble).to_have_css("text-align", "start")
    expect(bubble.get_by_role("link", name=link)).to_have_css("direction", "ltr")
    field = page.get_by_role("textbox")
    field.fill("شكرًا")
    expect(field).to_have_css("direction", "rtl")
    page.get_by_role("navigation").get_by_role("button", name="Left Quill").click()
    expect(page.locator("li .bubble", has_text="New HIGH task")).to_have_css("direction", "ltr")
