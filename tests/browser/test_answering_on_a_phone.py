"""How a person answers on the phone inbox: commands with one press, and calls.

The page alone, before a local Twilio of its own: no system has to run for it.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.server import TwilioServer

pytestmark = [pytest.mark.story, pytest.mark.timeout(120), pytest.mark.xdist_group("shared system")]

NURSE, OTHER_NURSE, OURS = "+12025550101", "+12025550102", "+15005550006"
NAME = "+1 (202) 555-0101"
WIDE, PHONE_WIDTH, HEIGHT = 1400, 360, 740
# In pixels, so that a finger hits it (https://www.w3.org/TR/WCAG22/#target-size-enhanced).
LEAST_HEIGHT = 44
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def twilio() -> Iterator[TwilioServer]:
    """A phone company with a page of its own."""
    with TwilioServer() as server:
        yield server


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that raises no error, and of which the content security policy forbids nothing."""
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))  # noqa: PLW0108  # Playwright marks what it calls
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    page.unroute_all(behavior="ignoreErrors")
    assert errors == []


def with_commands(number: int) -> str:
    """Return a text about a task that has this number on the nurse's phone."""
    return f"🚨 New HIGH task: FEVER\nReply {number}A accept, {number}R resolved, {number}E hand over"


def texted(twilio: TwilioServer, body: str, phone: str = NURSE) -> None:
    """Let a phone be texted."""
    assert isinstance(twilio.company.create(to=phone, body=body, from_=OURS), Message)


def commands(page: Page) -> Locator:
    """Return the buttons for the commands."""
    return page.get_by_role("group", name="Answer with one press").get_by_role("button")


def answers(page: Page) -> list[str]:
    """Return what this phone has answered, as the open conversation shows it."""
    return (
        page.get_by_role("listitem").filter(has_text="answered from this phone").locator(".bubble").all_text_contents()
    )


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_press_answers_the_newest_text_that_has_commands(twilio: TwilioServer, page: Page) -> None:
    """Its number is on the buttons; a text without commands leaves them; the answer shows, and the focus stays."""
    texted(twilio, with_commands(1))
    page.goto(twilio.url)
    expect(commands(page)).to_have_text(["1A accept", "1R resolved", "1E hand over"])
    texted(twilio, with_commands(12))
    expect(commands(page)).to_have_text(["12A accept", "12R resolved", "12E hand over"])
    texted(twilio, "📋 7 new tasks for you: 1 HIGH, 6 LOW")
    expect(page.get_by_role("list", name=NAME).get_by_role("listitem")).to_have_count(3)
    commands(page).first.click()
    expect(page.locator("[aria-live]", has_text="Answered 12A")).to_be_attached()
    expect(page.get_by_role("listitem").filter(has_text="answered from this phone")).to_have_count(1)
    commands(page).last.click()
    expect(page.get_by_role("listitem").filter(has_text="answered from this phone")).to_have_count(2)
    assert answers(page) == ["12A", "12E"]
    expect(commands(page).last).to_be_focused()
    assert [one.body for one in twilio.company.listed() if one.inbound] == ["12E", "12A"]


@pytest.mark.parametrize(
    "body",
    [
        "Reply 1A accept, 1R resolved, 1E hand over\nbefore you go on",
        "Reply 1A accept, 2R resolved, 1E hand over",
        "Please answer 1A accept, 1E hand over",
        "Hello",
    ],
)
def test_without_such_a_last_line_there_are_no_buttons(twilio: TwilioServer, page: Page, body: str) -> None:
    """Nor for what the phone itself has written."""
    texted(twilio, body)
    twilio.company.receive(phone=NURSE, body=with_commands(1))
    page.goto(twilio.url)
    expect(page.get_by_role("list", name=NAME).get_by_role("listitem")).to_have_count(2)
    expect(commands(page)).to_have_count(0)


def test_a_clinics_own_words_around_the_commands_leave_the_buttons(twilio: TwilioServer, page: Page) -> None:
    """A file of texts may word that line anew."""
    texted(twilio, "Tarea HIGH\nResponda 7A (acepto), 7R (resuelta) o 7E (que la tome otra persona)")
    page.goto(twilio.url)
    expect(commands(page)).to_have_text(["7A accept", "7R resolved", "7E hand over"])


def test_the_buttons_are_those_of_the_conversation_that_is_shown(twilio: TwilioServer, page: Page) -> None:
    """And the answer comes from its phone."""
    texted(twilio, with_commands(2), OTHER_NURSE)
    texted(twilio, with_commands(1))
    page.goto(twilio.url)
    page.get_by_role("navigation").get_by_role("button", name="0102").click()
    expect(commands(page).first).to_have_text("2A accept")
    commands(page).first.click()
    assert twilio.company.wait_for(lambda: twilio.company.count == 3, 10)
    assert [(one.from_, one.body) for one in twilio.company.listed() if one.inbound] == [(OTHER_NURSE, "2A")]


def test_what_the_phone_itself_has_written_is_not_new_to_it(twilio: TwilioServer, page: Page) -> None:
    """Of the conversation in the background the badge counts the texts that have come, and two figures fit in it."""
    page.set_viewport_size({"width": PHONE_WIDTH, "height": HEIGHT})
    for _ in range(12):
        texted(twilio, with_commands(1))
    twilio.company.receive(phone=NURSE, body="1A")
    page.goto(twilio.url)
    badge = page.get_by_role("img", name="12 texts not looked at")
    expect(badge).to_have_text("12")
    assert badge.evaluate("badge => badge.scrollWidth <= badge.clientWidth")


@pytest.mark.parametrize("width", [WIDE, PHONE_WIDTH], ids=["wide", "phone"])
def test_commands_can_be_sent_by_keyboard(twilio: TwilioServer, page: Page, width: int) -> None:
    """They stand between the texts and the field; after a press one may go on to the next."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    texted(twilio, with_commands(3))
    page.goto(twilio.url)
    page.get_by_role("navigation").get_by_role("button", name=NAME).focus()
    press = page.keyboard.press
    press("Enter")
    if width == PHONE_WIDTH:
        expect(page.get_by_role("button", name="Back to the conversations")).to_be_focused()
        press("Tab")
        expect(page.get_by_role("list", name=NAME)).to_be_focused()
        press("Tab")
    else:
        expect(page.get_by_label("Answer as")).to_be_focused()
        for _ in range(3):
            press("Shift+Tab")
    expect(commands(page).first).to_be_focused()
    assert commands(page).first.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    press("Tab")
    press("Enter")
    expect(page.get_by_role("listitem").filter(has_text="answered from this phone")).to_have_count(1)
    assert answers(page) == ["3R"]
    expect(commands(page).nth(1)).to_be_focused()
    press("Tab")
    press("Tab")
    expect(page.get_by_label("Answer as")).to_be_focused()


def test_a_command_that_is_not_taken_says_why(twilio: TwilioServer, page: Page) -> None:
    """And can be sent again."""
    texted(twilio, with_commands(1))
    page.route("**/answers", lambda route: route.fulfill(status=500, json={"message": "Out of order"}))
    page.goto(twilio.url)
    commands(page).first.click()
    expect(page.get_by_role("status").filter(has_text="Not sent: Out of order")).to_be_visible()
    page.unroute("**/answers")
    commands(page).first.click()
    expect(page.get_by_role("listitem").filter(has_text="answered from this phone")).to_have_count(1)
    expect(page.get_by_role("status").filter(has_text="Not sent")).to_have_count(0)


def test_two_presses_at_once_send_a_command_once(twilio: TwilioServer, page: Page) -> None:
    """While the first is on its way, the second does nothing."""
    texted(twilio, with_commands(1))
    page.goto(twilio.url)
    commands(page).first.evaluate("button => { button.click(); button.click(); }")
    expect(page.get_by_role("listitem").filter(has_text="answered from this phone")).to_have_count(1)
    commands(page).nth(1).click()
    expect(page.get_by_role("listitem").filter(has_text="answered from this phone")).to_have_count(2)
    assert answers(page) == ["1A", "1R"]


# ── Calls ───────────────────────────────────────────────────────────────────────────────────────────────


class Calls:
    """The data of the page with calls in it, and what is answered to them; a test moves the calls on."""

    def __init__(self, page: Page) -> None:
        """Stand in for the server from now on."""
        self.calls: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.actions: list[tuple[str, object]] = []
        self.refusal: str | None = None
        page.route("**/inbox.json", self._data)
        page.route("**/calls/*", self._action)

    def call(self, status: str, *, minutes_ago: float = 0, **also: Any) -> dict[str, Any]:
        """Add a call, and return it."""
        call = {
            "sid": f"CA{len(self.calls)}",
            "status": status,
            "final": status not in {"queued", "ringing", "in-progress"},
            "created": (NOW - timedelta(minutes=minutes_ago)).isoformat(),
            "said": ["You have an urgent task.", "Please look at your texts."],
        }
        self.calls.append(call | also)
        return self.calls[-1]

    def text(self, body: str, *, minutes_ago: float = 0) -> None:
        """Add a text."""
        self.messages.append(
            {
                "sid": f"SM{len(self.messages)}",
                "inbound": False,
                "from": OURS,
                "body": body,
                "created": (NOW - timedelta(minutes=minutes_ago)).isoformat(),
                "segments": 1,
                "status": "delivered",
                "error_code": None,
                "final": True,
            }
        )

    def _data(self, route: Route) -> None:
        conversation = {
            "number": NURSE,
            "person": {"name": "Nora Reyes", "role": "nurse"},
            "opted_out": False,
            "messages": self.messages,
            "calls": self.calls,
        }
        route.fulfill(json={"conversations": [conversation], "total": len(self.messages)})

    def _action(self, route: Route) -> None:
        if self.refusal:
            route.fulfill(status=404, json={"message": self.refusal})
            return
        action = json.loads(route.request.post_data or "")["action"]
        self.actions.append((route.request.url.rpartition("/")[2], action))
        self.calls[-1] |= (
            {"status": "in-progress"} if action == "answer" else {"status": "busy", "final": True, "said": []}
        )
        route.fulfill(json={})


@pytest.fixture
def calls(page: Page) -> Calls:
    """Calls on the page."""
    return Calls(page)


def under_way(page: Page) -> Locator:
    """Return the calls on top of the conversation."""
    return page.get_by_role("list", name="Calls under way").get_by_role("listitem")


def happened(page: Page) -> Locator:
    """Return texts and past calls."""
    return page.get_by_role("list", name="Nora Reyes").get_by_role("listitem")


@pytest.mark.parametrize("width", [WIDE, PHONE_WIDTH], ids=["wide", "phone"])
def test_a_ringing_call_is_answered_by_keyboard_and_read(
    twilio: TwilioServer, page: Page, calls: Calls, width: int
) -> None:
    """It is announced and stands on top; what is said shows once it is answered, and stays with the past calls."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    calls.text("🚨 New CRITICAL task: FEVER")
    call = calls.call("ringing")
    page.goto(twilio.url)
    expect(page.get_by_role("alert")).to_have_text("Incoming call to Nora Reyes")
    row = page.get_by_role("navigation").get_by_role("button", name="Nora Reyes")
    expect(row).to_contain_text("Incoming call")
    row.focus()
    press = page.keyboard.press
    press("Enter")
    expect(under_way(page)).to_contain_text("Incoming call")
    expect(page.get_by_text("You have an urgent task.")).to_have_count(0)
    answer = page.get_by_role("button", name="Answer", exact=True)
    if width == PHONE_WIDTH:
        expect(page.get_by_role("button", name="Back to the conversations")).to_be_focused()
        press("Tab")
    else:
        expect(page.get_by_label("Answer as")).to_be_focused()
        press("Shift+Tab")
        press("Shift+Tab")  # past the texts
        expect(page.get_by_role("button", name="Decline")).to_be_focused()
        press("Shift+Tab")
    expect(answer).to_be_focused()
    assert answer.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    press("Enter")
    expect(under_way(page)).to_contain_text("On the call")
    expect(under_way(page)).to_contain_text("You have an urgent task.\nPlease look at your texts.")
    expect(under_way(page)).to_be_focused()
    expect(page.get_by_role("button", name="Decline")).to_have_count(0)
    assert calls.actions == [(call["sid"], "answer")]
    call |= {"status": "completed", "final": True}
    expect(happened(page).nth(1)).to_contain_text("Call answered")
    expect(happened(page).nth(1)).to_contain_text("Please look at your texts.")
    expect(under_way(page)).to_have_count(0)
    expect(page.get_by_role("list", name="Nora Reyes")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_ringing_call_is_declined(twilio: TwilioServer, page: Page, calls: Calls) -> None:
    """A conversation may have this call alone."""
    call = calls.call("ringing")
    page.goto(twilio.url)
    page.get_by_role("button", name="Decline").click()
    expect(happened(page)).to_contain_text("Call declined")
    expect(under_way(page)).to_have_count(0)
    assert calls.actions == [(call["sid"], "decline")]


def test_a_call_that_does_not_ring_yet_has_no_buttons(twilio: TwilioServer, page: Page, calls: Calls) -> None:
    """They come as soon as it rings, without a word from anybody."""
    call = calls.call("queued")
    page.goto(twilio.url)
    expect(under_way(page)).to_contain_text("about to come")
    expect(page.get_by_role("alert")).to_be_empty()
    expect(under_way(page).get_by_role("button")).to_have_count(0)
    call["status"] = "ringing"
    expect(under_way(page).get_by_role("button")).to_have_text(["Answer", "Decline"])


def test_past_calls_stand_among_the_texts(twilio: TwilioServer, page: Page, calls: Calls) -> None:
    """In the order of time, each with how it ended; nothing that nobody heard is shown."""
    calls.text("first", minutes_ago=50)
    calls.text("last")
    for minutes_ago, status in ((40, "no-answer"), (30, "failed"), (20, "canceled"), (10, "some-new-status")):
        calls.call(status, minutes_ago=minutes_ago)
    page.goto(twilio.url)
    expect(happened(page)).to_have_count(6)
    for place, words in enumerate(["first", "not answered", "failed", "given up", "some-new-status", "last"]):
        expect(happened(page).nth(place)).to_contain_text(words)
    expect(page.get_by_text("You have an urgent task.")).to_have_count(0)


def test_a_call_that_is_over_already_says_so(twilio: TwilioServer, page: Page, calls: Calls) -> None:
    """Whoever presses too late reads why nothing happens."""
    calls.call("ringing")
    calls.refusal = "The call is over"
    page.goto(twilio.url)
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="The call is over")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_narrow_phone_everything_fits(twilio: TwilioServer, page: Page, calls: Calls, scheme: Any) -> None:
    """At 360 px a ringing call, commands and the field stand within the screen, and can be hit."""
    page.set_viewport_size({"width": PHONE_WIDTH, "height": HEIGHT})
    page.emulate_media(color_scheme=scheme)
    calls.text(with_commands(1))
    calls.call("ringing")
    page.goto(twilio.url)
    page.get_by_role("button", name="Nora Reyes").click()
    buttons = [*under_way(page).get_by_role("button").all(), *commands(page).all()]
    assert len(buttons) == 5
    for button in [*buttons, page.get_by_role("button", name="Send")]:
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box
        assert box["height"] >= LEAST_HEIGHT
    tops = {round(box["y"]) for button in commands(page).all() if (box := button.bounding_box())}
    assert len(tops) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
