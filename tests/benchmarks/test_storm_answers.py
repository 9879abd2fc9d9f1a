"""What the judge of a storm makes of what people write: commands, STOP and START, and the answers to staff."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from storms import NURSE, a_row, a_task, a_text, begun_at

from bench.storm.books import Answer, Inbound, Inbox, Row
from bench.storm.evidence import Evidence
from bench.storm.hospital import Facts, Version
from bench.storm.phone import Request, Written, kind_of, number_of, task_of
from bench.storm.plan import draw
from bench.storm.talk import PLANTED, draw_writings
from bench.storm.traces import files_with
from bench.storm.verdict import Verdict, judge
from sequora_orchestration.domain.commands import understood

TOLD = a_text(number=1)
COMMAND = Written(
    sid="SM2", phone=NURSE.phone, at=5.0, created=5.0, meaning="COMMANDS", commands=[("ACCEPT", 1)], is_english=False
)
STOP = replace(COMMAND, sid="SM2", meaning="STOP", commands=[])
READ = Inbound(sid="SM2", digest="d", understood="COMMANDS", is_helped=False, received_at=5.0, read_at=10.0)
ACCEPTED = Answer(
    sid="SM2",
    verb="ACCEPT",
    number=1,
    task_id="task",
    person_id="nurse",
    notification_id="row",
    outcome="DONE",
)
ANSWERED = Request(kind="reply", task_id=None, to=NURSE.phone, at=11.0, answer="accepted", sid="SM3", lag=0.1)


A_REPLY = a_row(id="reply", business_key="reply:SM2", kind="reply", sid="SM3", reply_to="SM2")


def judged(
    *,
    written: Sequence[Written] = (COMMAND,),
    requests: Sequence[Request] = (TOLD, ANSWERED),
    rows: Sequence[Row] = (a_row(), A_REPLY),
    versions: Sequence[Version] = (Version(earliest=0.9, latest=1.0, nurse="nurse", is_open=True),),
    **inbox: object,
) -> Verdict:
    """Judge a storm with one task of one nurse, who has accepted it by text, but for what is told otherwise."""
    task = a_task(versions=list(versions))
    usual: dict[str, object] = {"inbound": [READ], "answers": [ACCEPTED], "orders": {("row", "accept"): 1}}
    records = Inbox(**{**usual, **inbox})  # type: ignore[arg-type]
    return judge(Evidence(Facts(tasks={"task": task}), [NURSE], requests, list(rows), written, records))


def offences(verdict: Verdict) -> list[str]:
    """Return what is wrong about texts of people."""
    found = (*verdict.unheeded, *verdict.acted_twice, *verdict.unanswered, *verdict.texted_after_stop)
    return [one.what for one in found]


def test_a_command_that_is_obeyed_and_answered_is_good() -> None:
    """Once each."""
    found = judged()
    assert offences(found) == []
    assert found.is_good


def test_what_was_not_read_or_was_lost_or_done_twice_is_found() -> None:
    """Whatever the ledger says of it otherwise."""
    assert "not read" in offences(judged(inbound=[]))
    assert "lost: ACCEPT" in offences(judged(answers=[], orders={}))
    assert offences(judged(answers=[ACCEPTED] * 2, orders={("row", "accept"): 2})) == ["2 answers for 1 commands"]
    assert offences(judged(orders={("row", "accept"): 2})) == ["2 orders to accept for 1 commands"]
    assert offences(judged(orders={})) == ["no order for 1 commands"]
    assert offences(judged(inbound=[replace(READ, understood="NOTHING")]))[0].startswith("taken for NOTHING")


@pytest.mark.parametrize(
    ("changed_at", "outcome", "is_right"),
    [
        (6.0, "DONE", False),
        (6.0, "CLOSED", True),
        (9.9, "DONE", True),
        (9.9, "CLOSED", True),
        (12.0, "CLOSED", False),
        (12.0, "REASSIGNED", False),
    ],
)
def test_an_outcome_is_judged_by_the_moment_when_it_was_read(changed_at: float, outcome: str, is_right: bool) -> None:  # noqa: FBT001
    """Just before a change, or just after it, both are right."""
    versions = [
        Version(earliest=0.9, latest=1.0, nurse="nurse", is_open=True),
        Version(earliest=changed_at, latest=changed_at, nurse="nurse", is_open=False),
    ]
    orders = {("row", "accept"): 1} if outcome == "DONE" else {}
    found = judged(versions=versions, answers=[replace(ACCEPTED, outcome=outcome)], orders=orders)
    assert (offences(found) == []) == is_right


@pytest.mark.parametrize(("texted_at", "is_right"), [(2.0, False), (9.5, True), (30.0, True)])
def test_a_number_that_was_made_up_may_be_a_tasks_later(texted_at: float, is_right: bool) -> None:  # noqa: FBT001
    """There was no such number unless the phone had been texted it clearly before its command was read."""
    unknown = replace(ACCEPTED, outcome="NO_SUCH_NUMBER", number=888, task_id=None, notification_id=None)
    requests = [TOLD, replace(TOLD, at=texted_at, sid="SM7", number=888), ANSWERED]
    rows = [a_row(), a_row(id="again", business_key="another", sid="SM7"), A_REPLY]
    made_up = [replace(COMMAND, commands=[("ACCEPT", 888)])]
    found = judged(written=made_up, requests=requests, rows=rows, answers=[unknown], orders={})
    assert (offences(found) == []) == is_right


def test_a_verb_alone_is_about_the_only_open_task() -> None:
    """And no answer may say that there are several, or none."""
    alone = [replace(COMMAND, commands=[("ACCEPT", None)])]
    assert offences(judged(written=alone)) == []
    for outcome in ("WHICH", "NONE_OPEN"):
        answer = replace(ACCEPTED, outcome=outcome, task_id=None, number=None, notification_id=None)
        assert offences(judged(written=alone, answers=[answer], orders={})) == [
            f"ACCEPT None: {outcome}, which was wrong"
        ]


def test_an_answer_goes_out_once_unless_its_reader_has_said_stop() -> None:
    """That is the only excuse."""
    failed = replace(A_REPLY, state="FAILED", cause="OPTED_OUT", sid=None)
    assert offences(judged(requests=[TOLD], rows=[a_row(), failed])) == ["the answer did not go out: FAILED, OPTED_OUT"]
    stop = replace(STOP, sid="SM9")
    stopped = [READ, replace(READ, sid="SM9", understood="STOP")]
    found = judged(
        written=[COMMAND, stop], requests=[TOLD], rows=[a_row(), failed], inbound=stopped, opted_out=frozenset("d")
    )
    assert offences(found) == []
    assert offences(judged(rows=[a_row()])) == ["0 answers"]
    twice = judged(requests=[TOLD, ANSWERED, replace(ANSWERED, sid="SM4")])
    assert [one.what for one in twice.doubled] == ["2 texts for 1 answers"]


@pytest.mark.parametrize(("moment", "is_too_late"), [(9.0, False), (10.5, False), (12.0, True)])
def test_who_has_said_stop_gets_no_text_after_that_was_read(moment: float, is_too_late: bool) -> None:  # noqa: FBT001
    """By our own record; what was under way is no offence, nor what begins after a START."""
    later = replace(TOLD, at=moment + 0.1, sid="SM5", number=None)
    rows = [a_row(), a_row(id="later", sid="SM5", history=[begun_at(moment)])]
    read = [replace(READ, understood="STOP")]
    found = judged(
        written=[STOP], requests=[TOLD, later], rows=rows, inbound=read, answers=[], orders={}, opted_out=frozenset("d")
    )
    assert offences(found) == ["begun after STOP was read"] * is_too_late
    start = replace(STOP, sid="SM6", meaning="START", created=6.0)
    read.append(replace(READ, sid="SM6", understood="START", received_at=6.0, read_at=11.0))
    found = judged(written=[STOP, start], requests=[TOLD, later], rows=rows, inbound=read, answers=[], orders={})
    assert offences(found) == []


def test_the_last_word_holds() -> None:
    """Of STOP and START, by the phone company's clock."""
    read = [replace(READ, understood="STOP")]
    found = judged(written=[STOP], requests=[TOLD], rows=[a_row()], inbound=read, answers=[], orders={})
    assert offences(found) == ["STOP does not hold"]


def test_what_is_planned_to_be_a_command_is_one_and_nothing_else_is() -> None:
    """In every spelling; the judge knows commands by the plan, and not by the system's own reading."""
    phones = [f"+120155501{number:02}" for number in range(20)]
    some = draw_writings(Random(1), 3000, nurses=phones, supervisors=phones[:2], patients=phones[:3])
    assert {one.meaning for one in some} == {"COMMANDS", "STOP", "START", "HELP", "HEART", "NOTHING"}
    for one in some:
        body = one.body.replace("#", "7", 1).replace("#", "8", 1)
        meaning = understood(body)
        if one.meaning == "COMMANDS":
            assert [each.verb for each in meaning.commands] == list(one.verbs), body
            assert [each.number is not None for each in meaning.commands] == [one.is_numbered] * len(one.verbs)
        elif one.meaning in {"STOP", "START", "HELP"}:
            assert str(meaning.word) == one.meaning, body
        else:
            assert meaning.word is None
            assert PLANTED in body or body in {"1a", "1A 2R", "e"}


def test_the_same_seed_draws_the_same_writings_and_without_replies_none() -> None:
    """Nor any fault of the list of them."""
    assert draw(3, 60).writings == draw(3, 60).writings
    calm = draw(3, 2000, replies=False)
    assert calm.writings == []
    assert not any("inbound" in fault.kind for fault in calm.faults)


def test_what_stands_in_a_file_is_found(tmp_path: Path) -> None:
    """In any case of its letters."""
    (tmp_path / "log").write_text(f"he said {PLANTED.upper()}", encoding="utf-8")
    (tmp_path / "other").write_text("nothing", encoding="utf-8")
    assert list(files_with(PLANTED, [tmp_path])) == [f"{tmp_path.name}/log"]


def test_a_text_is_known_by_its_words() -> None:
    """An answer to a person is about no one task; a text about a task has its number in the last line."""
    told = (
        "🚨 New HIGH task: FEVER\nPriority: HIGH\nEp ID: 1...\nView: https://a/tasks/T1\nReply 12A accept, 12R resolved"
    )
    assert (kind_of(told), task_of(told), number_of(told)) == ("task-created", "T1", 12)
    for answer in ("1A: accepted.", "R: please resolve it here: https://a/tasks/T1", "Sequora: to answer a text"):
        assert kind_of(answer) == "reply"
