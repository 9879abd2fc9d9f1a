"""Texts in doubt that the phone company's list shows otherwise than they were sent: found all the same."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from attempts import begin_with
from care import NOW, NURSE_PHONE, Care
from doubts import SECOND, doubtful_task, looked_for
from phones import Phones
from runs import Runs

from sequora_orchestration.domain.canonical_text import TRIAL_PREFIX
from sequora_orchestration.ledger.attempts import ATTEMPT_LEASE
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.scripted_answers import ResetAfterAccepting, ResetBeforeAccepting
from sequora_orchestration.messages.task_created import NEW_TASKS

APP = "https://app.example.com/tasks/"

# What Smart Encoding changes, and no text of ours has but by a mistake.
CURLY = "the nurse\u2019s task \u2013 \u201csoon\u201d\u2026"
PLAIN = 'the nurse\'s task - "soon"...'

pytestmark = pytest.mark.usefixtures("stopped_clock", "environment")

Shows = Callable[[Callable[[str], str]], None]


@pytest.fixture
def shows(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> Shows:
    """Let the list show each text changed."""
    listed = phones.company.listed

    def change(rewritten: Callable[[str], str]) -> None:
        monkeypatch.setattr(
            phones.company,
            "listed",
            lambda *args, **kwargs: [replace(one, body=rewritten(one.body)) for one in listed(*args, **kwargs)],
        )

    return change


def shortened(body: str) -> str:
    """Return a text with its link as Link Shortening leaves it."""
    before, _, task = body.partition(APP)
    return f"{before}https://twil.io/{task[:10]}" if task else body


def in_doubt(care: Care, runs: Runs, body: str, *, number: str = NURSE_PHONE) -> str:
    """Return a task about which some text is in doubt."""
    task = care.a_task(care.a_nurse(number))
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    (message,) = runs.ledger.leases.take_up(claim.id, "a-run")
    attempt = begin_with(runs.ledger, message, body, number=number)
    assert attempt.number
    runs.ledger.attempts.settle_unclear(message, attempt.number, "no answer", None)
    return task


def accepted(phones: Phones, body: str, *, number: str = NURSE_PHONE) -> str:
    """Let the phone company have a text, and expect it; return its SID."""
    text = phones.company.create(to=number, body=body, from_="+15005550006")
    assert isinstance(text, Message)
    phones.expect(text)
    return text.sid


@pytest.mark.parametrize(
    "rewritten",
    [
        shortened,
        lambda body: shortened(body).replace("https://", ""),
        lambda body: body.replace("\n", "\r\n"),
        lambda body: f"{body}  \n",
        lambda body: TRIAL_PREFIX + shortened(body),
    ],
)
def test_a_text_that_is_shown_changed_is_adopted(
    care: Care, runs: Runs, phones: Phones, shows: Shows, rewritten: Callable[[str], str]
) -> None:
    """At the first look, and nothing is sent."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    text = phones(NURSE_PHONE).received_text()
    shows(rewritten)
    assert looked_for(care, runs) == [2]
    (row,) = care.ledger(task)
    assert (row["state"], row["provider_sid"]) == ("SENT", text.sid)
    assert phones(NURSE_PHONE).attempts == 1


def test_a_text_that_smart_encoding_has_changed_is_adopted(care: Care, runs: Runs, phones: Phones) -> None:
    """With curly quotes, a dash and an ellipsis."""
    task = in_doubt(care, runs, CURLY)
    sid = accepted(phones, PLAIN)
    assert looked_for(care, runs) == [2]
    assert [row["provider_sid"] for row in care.ledger(task)] == [sid]


@pytest.mark.parametrize("hours", [-20, -1, 1, 30])
def test_whatever_clock_the_list_goes_by_a_changed_text_is_found(
    care: Care, runs: Runs, phones: Phones, shows: Shows, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """Also among those that the nurse was sent before."""
    monkeypatch.setattr(phones.company, "_clock", (NOW + timedelta(hours=hours)).timestamp)
    care.a_task(care.a_nurse(), reason_codes=["FEVER"])
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    care.it_is(NOW + SECOND)
    monkeypatch.setattr(phones.company, "_clock", (NOW + timedelta(hours=hours) + SECOND).timestamp)
    phones.company.script(ResetAfterAccepting(), to=NURSE_PHONE)
    task = care.a_task(care.rows('SELECT id::text FROM "User"')[0]["id"])
    runs.tick(NEW_TASKS)
    text = phones(NURSE_PHONE).received_text()
    shows(shortened)
    assert looked_for(care, runs, since=NOW + SECOND) == [2]
    assert [row["provider_sid"] for row in care.ledger(task)] == [text.sid]


def test_of_two_messages_that_read_alike_none_gets_a_text_that_is_shown_changed(
    care: Care, runs: Runs, phones: Phones, shows: Shows
) -> None:
    """But for their links: it cannot be said whose it is. Both are sent again, lest the nurse be told of one only."""
    nurse = care.a_nurse()
    tasks = [care.a_task(nurse) for _ in range(2)]
    phones.company.script(ResetAfterAccepting(), ResetBeforeAccepting(), to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    shows(shortened)
    looked_for(care, runs)
    runs.tick(NEW_TASKS)
    for task in tasks:
        phones(NURSE_PHONE).received_text(containing=[task])
    assert care.states() == ["SENT", "SENT"]


def test_a_text_that_reads_alike_and_is_another_messages_is_not_adopted(
    care: Care, runs: Runs, phones: Phones, shows: Shows
) -> None:
    """The nurse was told of another task of that patient just before."""
    nurse = care.a_nurse()
    care.a_task(nurse)
    runs.tick(NEW_TASKS)
    phones(NURSE_PHONE).received_text()
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    task = care.a_task(nurse)
    runs.tick(NEW_TASKS)
    shows(shortened)
    assert looked_for(care, runs)[-1] == 60
    assert care.states(task) == ["QUEUED"]


@pytest.mark.parametrize("body", ['the nurse\'s task \u2013 "soon"\u2026', None])
def test_while_a_text_that_reads_alike_is_on_its_way_none_is_taken_for_another(
    care: Care, runs: Runs, phones: Phones, body: str | None
) -> None:
    """Or one to the same number whose worker is older, and does not say how it reads."""
    task = in_doubt(care, runs, CURLY)
    care.a_task(care.rows('SELECT id::text FROM "User"')[0]["id"])
    (claim,) = runs.ledger.claims.claim(NEW_TASKS)
    (message,) = runs.ledger.leases.take_up(claim.id, "a-run")
    begin_with(runs.ledger, message, body or "overdue by 43 min")
    if body is None:
        care.rows("UPDATE orchestration.notification SET fingerprints = ARRAY[fingerprints[1]] WHERE state = 'SENDING'")
    sid = accepted(phones, PLAIN)
    looked_for(care, runs, within=40)
    assert care.states(task) == ["IN_DOUBT"]
    runs.ledger.attempts.settle_refused(message, 1, "landline", 21614)
    care.it_is(NOW + (ATTEMPT_LEASE - 20) * SECOND)
    runs.launch("settle_doubtful_texts")
    assert [row["provider_sid"] for row in care.ledger(task)] == [sid]


def test_what_an_older_worker_has_sent_is_found_as_it_was_sent_and_not_otherwise(
    care: Care, runs: Runs, phones: Phones, shows: Shows
) -> None:
    """It has not said what of its text does not change."""
    task = doubtful_task(care, runs, phones, ResetAfterAccepting())
    phones(NURSE_PHONE).received_text()
    care.rows("UPDATE orchestration.notification SET fingerprints = ARRAY[fingerprints[1]]")
    shows(shortened)
    looked_for(care, runs, within=10)
    assert care.states(task) == ["IN_DOUBT"]
    shows(lambda body: body)
    runs.launch("settle_doubtful_texts")
    assert care.states(task) == ["SENT"]


def test_among_a_thousand_texts_to_one_number_each_is_found(
    care: Care, runs: Runs, phones: Phones, shows: Shows
) -> None:
    """As it was sent and as it is shown."""
    nurse = care.a_nurse()
    for number in range(1000):
        accepted(phones, f"text {number}")
    tasks = [care.a_task(nurse, reason_codes=[f"CODE_{number}"]) for number in range(5)]
    phones.company.script(*[ResetAfterAccepting()] * 5, to=NURSE_PHONE)
    runs.tick(NEW_TASKS)
    shows(lambda body: shortened(body) if "CODE_3" in body else body)
    assert looked_for(care, runs) == [2]
    for task in tasks:
        text = phones(NURSE_PHONE).received_text(containing=[task])
        assert [row["provider_sid"] for row in care.ledger(task)] == [text.sid]
