"""What the judge of a storm makes of commands that are written into the application's tasks."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from care import Care
from storms import NURSE, a_row, a_task, a_text

from bench.storm.books import Answer, Inbound, Inbox
from bench.storm.evidence import Evidence
from bench.storm.hospital import COMMITTED_WITHIN, Facts, Hospital, Standing, Task, Version
from bench.storm.phone import Written
from bench.storm.plan import Assign, Deeds, NewTask, Person, Resolve
from bench.storm.switches import Switches
from bench.storm.verdict import Verdict, judge

TOLD = a_text(number=1)
RESOLVES = Written(
    sid="SM2", phone=NURSE.phone, at=5.0, created=5.0, meaning="COMMANDS", commands=[("RESOLVE", 1)], is_english=False
)
READ = Inbound(sid="SM2", digest="d", understood="COMMANDS", is_helped=False, received_at=5.0, read_at=10.0)
RESOLVED = Answer(
    sid="SM2", verb="RESOLVE", number=1, task_id="task", person_id="nurse", notification_id="row", outcome="DONE"
)
BY_TEXT = Standing(task_id="task", picked_up=None, resolved=10.0)
ON = Switches(writes_back=True)


def judged(
    task: Task,
    *,
    written: Sequence[Written] = (RESOLVES,),
    answer: Answer = RESOLVED,
    switches: Switches = ON,
    more: Sequence[Task] = (),
) -> Verdict:
    """Judge a storm in which the nurse has resolved her task by text, but for what is told otherwise."""
    verb = {"RESOLVE": "resolve", "ACCEPT": "accept"}[answer.verb]
    ordered = f"ask to {verb}" if answer.outcome == "LINK" else verb
    is_order = answer.outcome in {"DONE", "LINK", "NOT_WRITTEN"}
    orders: dict[tuple[str | None, str], int] = {("row", ordered): 1} if is_order else {}
    inbox = Inbox(inbound=[READ], answers=[answer], orders=orders)
    reply = a_row(id="reply", business_key="reply:SM2", kind="reply", sid="SM3", reply_to="SM2")
    requests = [TOLD, a_text("SM3", at=11.0, kind="reply", task_id=None)]
    tasks = {one.id: one for one in (task, *more)}
    return judge(
        Evidence(Facts(tasks=tasks), [NURSE], requests, [a_row(), reply], written, inbox=inbox, switches=switches)
    )


def offences(verdict: Verdict) -> list[str]:
    """Return what is wrong about commands."""
    return [one.what for one in (*verdict.unheeded, *verdict.acted_twice, *verdict.unanswered)]


def test_a_task_is_resolved_from_when_its_row_says_so() -> None:
    """And as long as before it may be open; whoever has it later has a task that is closed."""
    task = a_task(versions=[*a_task().versions, Version(earliest=20.0, latest=20.0, nurse="other", is_open=True)])
    found = task.in_its_row(BY_TEXT)
    assert (found.is_resolved_by_text, found.resolved) == (True, 10.0 + COMMITTED_WITHIN)
    assert [one.is_open for one in found.possible(5.0, 9.9)] == [True]
    assert [one.is_open for one in found.possible(9.9, 10.1)] == [True, False]
    assert [(one.is_open, one.nurse) for one in found.possible(25.0, 30.0)] == [(False, "other")]
    ours = a_task(resolved=9.0)
    assert ours.in_its_row(BY_TEXT) == ours


def test_the_application_says_what_was_changed_by_text(care: Care) -> None:
    """Its own deeds are no texts, and what was resolved before is not resolved again."""
    url = care.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    nurse, episode = (str(care.one("SELECT gen_random_uuid()")) for _ in range(2))
    hospital = Hospital(url, [Person(id=nurse, role="NURSE", phone=NURSE.phone)], "UTC")
    by_text, by_application, accepted = (str(care.one("SELECT gen_random_uuid()")) for _ in range(3))
    new = [
        NewTask(id=id_, episode_id=episode, severity="HIGH", priority="HIGH", reasons=["FEVER"], nurse=nurse, sla=None)
        for id_ in (by_text, by_application, accepted)
    ]
    hospital.act([Deeds(at=0, deeds=new), Deeds(at=0, deeds=[Resolve(task=by_application)])], began=0)
    assert care.one("SELECT orchestration.resolve_task(:task, :nurse)", task=by_text, nurse=nurse) is True
    assert care.one("SELECT orchestration.accept_task(:task, :nurse)", task=accepted, nurse=nurse) is True
    resolved = hospital.facts().tasks[by_text].resolved
    hospital.act([Deeds(at=0, deeds=[Assign(task=accepted, nurse=nurse), Resolve(task=by_text)])], began=0)
    tasks = hospital.facts().tasks
    assert tasks[by_text].is_resolved_by_text
    assert tasks[by_text].resolved == resolved
    assert not tasks[by_application].is_resolved_by_text
    assert tasks[by_application].resolved is not None
    assert tasks[accepted].resolved is None
    assert [one.picked_up is not None for one in tasks.values()] == [False, False, True]


def test_a_task_that_is_resolved_by_text_is_good_and_wants_no_more_texts() -> None:
    """The order is done, not answered with the link; no supervisor is to be told of the SLA that it misses."""
    found = judged(replace(a_task().in_its_row(BY_TEXT), misses_its_sla=True))
    assert found.is_good, found
    lost = judged(a_task(misses_its_sla=True)).lost
    assert [one.kind for one in lost] == ["sla-breach", "sla-escalation"]


def test_an_answer_that_does_not_fit_the_setting_is_wrong() -> None:
    """With it on, DONE; with it off, the link."""
    task, link = a_task(), replace(RESOLVED, outcome="LINK")
    assert offences(judged(task, answer=link)) == ["RESOLVE 1: LINK, which was wrong"]
    assert offences(judged(task, answer=link, switches=Switches())) == []
    assert offences(judged(task, switches=Switches())) == ["RESOLVE 1: DONE, which was wrong"]


def test_what_was_done_by_the_answer_alone_is_found() -> None:
    """Her answer says that it is resolved, or that it is accepted, and the application's row does not."""
    assert offences(judged(a_task())) == ["RESOLVE 1: DONE, and the application does not know"]
    accepts, accepted = replace(RESOLVES, commands=[("ACCEPT", 1)]), replace(RESOLVED, verb="ACCEPT")
    assert offences(judged(a_task(), written=[accepts], answer=accepted)) == [
        "ACCEPT 1: DONE, and the application does not know"
    ]
    assert offences(judged(a_task(picked_up=11.0), written=[accepts], answer=accepted)) == []


@pytest.mark.parametrize(("resolved", "is_right"), [(None, False), (9.9, True), (20.0, False)])
def test_a_change_is_refused_only_if_the_task_was_changed_meanwhile(resolved: float | None, is_right: bool) -> None:  # noqa: FBT001
    """Between the decision and the record."""
    found = offences(judged(a_task(resolved=resolved), answer=replace(RESOLVED, outcome="NOT_WRITTEN")))
    assert found == ([] if is_right else ["RESOLVE 1: NOT_WRITTEN, which was wrong"])


def test_a_task_that_is_changed_though_nobody_has_said_so_is_found() -> None:
    """By no command, by one about another task, by one that came later, or with the setting off."""
    task = a_task().in_its_row(BY_TEXT)
    other = replace(task, id="other")
    assert offences(judged(task, more=[other])) == ["resolved by nobody"]
    assert offences(judged(task, more=[a_task("other", picked_up=11.0)])) == ["accepted by nobody"]
    assert "resolved by nobody" in offences(judged(task, written=[replace(RESOLVES, at=12.0)]))
    assert "resolved by nobody" in offences(judged(task, switches=Switches()))
