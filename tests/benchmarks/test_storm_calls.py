"""What the phone of a storm makes of calls, and the judge of whom was called, when, and how often."""

import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
import requests
from storms import NURSE, a_call, a_digest, a_row, a_task, a_text, begun_at

from bench.storm.books import Inbound, Inbox, Row
from bench.storm.calls import BETWEEN_CALLS, RECEIPT_WINDOW, SOON
from bench.storm.evidence import DOUBT_WINDOW, Evidence
from bench.storm.hospital import Facts, Task, Version
from bench.storm.phone import CALL, Request, StormPhone, Written, storm_phone
from bench.storm.plan import NURSES_TO_CALL, OFF_FOR_A_WHILE, NewTask, Person, Plan, draw
from bench.storm.switches import Switches, switches_of
from bench.storm.verdict import Verdict, judge
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN

ANOTHER = Person(id="another", role="NURSE", phone="+12015550102")

# Takes texts, and delivers none.
LANDLINE = replace(NURSE, undeliverable=30006)

ON = Switches(calls_for=frozenset({"CRITICAL", "HIGH"}))
CALLED = a_row("DELIVERED", id="call", business_key="nurse-call:task:nurse", kind=CALL, sid="CA1")


def judged(
    *calls: Request,
    nurse: Person = LANDLINE,
    tasks: Sequence[Task] = (),
    texts: Sequence[Request] = (a_text(),),
    rows: Sequence[Row] = (a_row("UNDELIVERED"), CALLED),
    switches: Switches = ON,
    at: float = 1000.0,
) -> Verdict:
    """Judge a storm with one task of a nurse whom no text reaches, but for what is told otherwise."""
    facts = Facts(tasks={one.id: one for one in tasks or (a_task(),)})
    return judge(Evidence(facts, [nurse, ANOTHER], [*texts, *calls], rows, switches=switches, at=at))


# ── The phone ───────────────────────────────────────────────────────────────────────────────────────────────


AUTHORIZATION = (TEST_ACCOUNT_SID, TEST_AUTH_TOKEN)


def call(phone: StormPhone, number: str) -> requests.Response:
    form = {"To": number, "From": "+15005550006", "Twiml": "<Response><Say>Hello</Say></Response>", "Timeout": "60"}
    return requests.post(f"{account(phone)}/Calls.json", data=form, auth=AUTHORIZATION, timeout=10)


def account(phone: StormPhone) -> str:
    return f"{phone.url}/2010-04-01/Accounts/{TEST_ACCOUNT_SID}"


def test_the_phone_takes_calls_and_people_answer_some_of_them() -> None:
    """It remembers each; they are listed, after a while of their own, and end in every way that there is."""
    with storm_phone(os.environ) as phone:
        phone.draw_from(3)
        sids = [call(phone, f"+120155501{number:02}").json()["sid"] for number in range(40)]
        assert [(one.kind, one.sid, one.answer) for one in phone.requests()] == [
            (CALL, sid, "accepted") for sid in sids
        ]
        assert len({one.lag for one in phone.requests()}) == len(sids)
        wanted = {"completed", "busy", "failed", "no-answer"}
        deadline = time.monotonic() + 30
        statuses = Counter[str]()
        while set(statuses) != wanted and time.monotonic() < deadline:
            listed = requests.get(f"{account(phone)}/Calls.json", auth=AUTHORIZATION, timeout=10).json()
            statuses = Counter(one["status"] for one in listed["calls"])
        assert set(statuses) == wanted
        fetched = requests.get(f"{account(phone)}/Calls/{sids[0]}.json", auth=AUTHORIZATION, timeout=10)
        assert fetched.json()["status"] in wanted


@pytest.mark.parametrize(
    ("kind", "status", "is_made"),
    [("500 after accepting", 500, True), ("429", 429, False), ("unknown code", 400, False), ("401", 401, None)],
)
def test_a_fault_of_the_phone_company_hits_calls_as_it_does_texts(kind: str, status: int, is_made: bool | None) -> None:  # noqa: FBT001
    """Also one after which the call was made all the same; a request without the right token is not even counted."""
    with storm_phone(os.environ) as phone:
        phone.obey(kind)
        assert call(phone, NURSE.phone).status_code == status
        found = [(one.answer, one.sid is not None) for one in phone.requests()]
        assert found == ([] if is_made is None else [(kind, is_made)])
        phone.obey(None)
        assert call(phone, NURSE.phone).status_code == 201


# ── The judge ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_nurse_who_is_called_once_because_no_text_reached_her_is_good() -> None:
    """And no call is a text about something else."""
    found = judged(a_call())
    assert found.is_good, found
    assert found.explained == {}


def test_a_call_that_is_wanted_until_the_end_and_was_not_made_is_lost() -> None:
    """For a severity that is called for, while the task is open and not taken; a call from before the text is none."""
    assert [one.what for one in judged().lost] == ["not called"]
    assert [one.what for one in judged(a_call(at=1.5)).lost] == ["not called"]
    for tasks in ([a_task(severity="LOW")], [a_task(resolved=30.0)], [a_task(picked_up=30.0)]):
        assert judged(tasks=tasks).lost == []
    assert judged(switches=Switches()).lost == []
    assert judged(nurse=NURSE).lost == []
    assert judged(nurse=replace(LANDLINE, may_be_called=False)).lost == []
    excuse = a_row("FAILED", id="call", kind=CALL, sid=None, reason="the number may not be called")
    assert judged(rows=[a_row("UNDELIVERED"), excuse]).explained == {"nurse-call: FAILED or HELD": 1}


def test_minutes_pass_between_two_calls() -> None:
    """So the next one may still be to come."""
    soon = 1.5 + BETWEEN_CALLS + SOON
    assert judged(a_call(at=1.5), at=soon - 1).lost == []
    assert [one.what for one in judged(a_call(at=1.5), at=soon + 1).lost] == ["not called"]


def test_a_phone_that_is_off_is_texted_once_more_before_it_is_called() -> None:
    """But not about a critical task."""
    off = replace(NURSE, undeliverable=OFF_FOR_A_WHILE)
    assert judged(nurse=off).lost == []
    assert [one.what for one in judged(nurse=off, tasks=[a_task(severity="CRITICAL")]).lost] == ["not called"]
    twice = [a_text(), a_text("SM2", at=300.0)]
    assert "not called" in [one.what for one in judged(nurse=off, texts=twice).lost]


def test_a_nurse_who_is_called_twice_within_minutes_is_called_too_often() -> None:
    """Unless the list is to blame, which showed the first one too late; later, a call is a message of its own."""
    second = replace(CALLED, id="second", business_key="nurse-call:other:nurse", sid="CA2")
    rows = [a_row("UNDELIVERED"), CALLED, second]
    assert [one.what for one in judged(a_call(), a_call("CA2", at=120.0), rows=rows).doubled] == [
        "two calls within 100 s"
    ]
    late = judged(a_call(lag=DOUBT_WINDOW + 1), a_call("CA2", at=35.0))
    assert (late.doubled, late.doubled_by_lag) == ([], 1)
    apart = [a_call(), a_call("CA2", at=20.0 + BETWEEN_CALLS)]
    assert judged(*apart, rows=rows).doubled == []
    assert [one.what for one in judged(*apart).doubled] == ["2 calls for 1 messages"]


def test_a_call_to_somebody_whom_it_does_not_concern_is_astray() -> None:
    """Whom all texts have reached, whose tasks are not severe, who is not called at all, or whom nobody knows."""
    unreached, barred = "to a nurse whom all texts have reached", "to somebody who may not be called"
    cases = [
        (judged(a_call(), nurse=NURSE, rows=[a_row("DELIVERED"), CALLED]), unreached),
        (judged(a_call(), tasks=[a_task(severity="LOW")]), unreached),
        (judged(a_call(at=1.5)), unreached),
        (judged(a_call(), switches=Switches()), unreached),
        (judged(a_call(), nurse=replace(LANDLINE, may_be_called=False)), barred),
        (judged(a_call(), nurse=replace(LANDLINE, role="SUPERVISOR")), barred),
        (judged(a_call(), a_call("CA2", to="+12015550199")), barred),
    ]
    for verdict, what in cases:
        assert what in [one.what for one in verdict.stray]


def test_a_text_that_has_no_receipt_for_minutes_or_failed_has_not_reached_her() -> None:
    """Also if it was a digest."""
    without_receipt = a_call(at=2.0 + RECEIPT_WINDOW)
    assert judged(without_receipt, nurse=NURSE, rows=[a_row(), CALLED]).stray == []
    assert judged(a_call(), nurse=NURSE, rows=[a_row("HELD", sid=None, reason="a reason"), CALLED]).stray == []
    rows = [
        a_row(sid=None, named_by="d" * 8 + "-1"),
        a_row(id="d" * 8 + "-1", kind="task-digest", task_id=None, sid="SM9"),
    ]
    digest = a_digest(counted={"HIGH": 1}, at=10.0)
    assert judged(a_call(), texts=[digest], rows=[*rows, CALLED]).stray == []


@pytest.mark.parametrize(
    ("task", "is_too_late"),
    [
        (a_task(resolved=18.0), True),
        (a_task(resolved=19.5), False),
        (a_task(picked_up=18.0), True),
        (a_task(picked_up=30.0), False),
        (
            a_task(
                nurses=[(1.0, NURSE.id), (18.0, "another")],
                versions=[*a_task().versions, Version(earliest=18.0, latest=18.0, nurse="another", is_open=True)],
            ),
            True,
        ),
    ],
)
def test_a_call_that_begins_when_no_task_of_hers_is_open_is_too_late(task: Task, is_too_late: bool) -> None:  # noqa: FBT001
    """It began when the ledger says so: at second 20."""
    row = replace(CALLED, history=[begun_at(20.0)])
    found = judged(a_call(at=25.0), tasks=[task], rows=[a_row("UNDELIVERED"), row])
    assert [one.what for one in found.too_late] == ["begun when none of her tasks was open any more"] * is_too_late


def test_who_has_said_stop_is_not_called_either() -> None:
    """As she is not texted."""
    stop = Written(sid="SM8", phone=NURSE.phone, at=5.0, created=5.0, meaning="STOP", commands=[], is_english=False)
    read = Inbound(sid="SM8", digest="d", understood="STOP", is_helped=False, received_at=5.0, read_at=6.0)
    inbox = Inbox(inbound=[read], opted_out=frozenset("d"))
    evidence = Evidence(
        Facts(tasks={"task": a_task()}),
        [LANDLINE],
        [a_text(), a_call()],
        [a_row("UNDELIVERED"), CALLED],
        [stop],
        inbox=inbox,
        switches=ON,
    )
    assert [one.kind for one in judge(evidence).texted_after_stop] == [CALL]


def test_a_call_that_nobody_has_recorded_or_that_failed_for_what_was_about_all_is_found() -> None:
    """As a text is."""
    assert [one.kind for one in judged(a_call("CA9")).unrecorded] == [CALL]
    failed = a_row("FAILED", id="call", kind=CALL, sid=None, reason="a reason")
    refused = replace(a_call(), sid=None, answer="429")
    assert [one.kind for one in judged(refused, rows=[a_row("UNDELIVERED"), failed]).burnt] == [CALL]


def test_a_storm_with_calls_has_many_nurses_to_call_and_is_the_same_otherwise() -> None:
    """The same people besides, and the same faults at the same moments."""
    without, with_calls = draw(3, 60), draw(3, 60, calls=True)
    assert len(with_calls.people) == len(without.people) + NURSES_TO_CALL
    assert with_calls.people[: len(without.people)] == without.people
    assert with_calls.faults == without.faults
    bad = {one.id for one in with_calls.people if one.undeliverable}

    def share(plan: Plan) -> float:
        tasks = [one for deeds in plan.deeds for one in deeds.deeds if isinstance(one, NewTask)]
        return sum(one.nurse in bad for one in tasks) / len(tasks)

    assert share(with_calls) > 2 * share(without)


def test_the_settings_say_which_severities_are_called_for() -> None:
    """From one on; none by default. Nothing is written back unless answers are read."""
    assert switches_of({}, {}) == Switches(replies=False)
    found = switches_of({"SEQUORA_CALL_FOR": "HIGH", "SEQUORA_WRITE_BACK": "on"}, {"SEQUORA_CALL_FOR": "HIGH"})
    assert (found.calls_for, found.writes_back) == (frozenset({"CRITICAL", "HIGH"}), False)
    assert switches_of({"SEQUORA_REPLIES": "on", "SEQUORA_WRITE_BACK": "on"}, {}).writes_back
