"""What the judge of a storm makes of digests, which stand for texts about many tasks and name none."""

from collections.abc import Sequence

import pytest
from storms import NURSE, a_digest, a_row, a_task, a_text, begun_at

from bench.storm.books import Answer, Inbound, Inbox, Row
from bench.storm.evidence import DOUBT_WINDOW, Evidence
from bench.storm.hospital import Facts, Task, Version
from bench.storm.phone import DIGEST, Request, Written, counted_in, kind_of, task_of
from bench.storm.verdict import Verdict, judge
from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.messages.task_digest import digest_text
from sequora_orchestration.messages.wording import Wording

ID = "dddddddd-0000-0000-0000-000000000000"
TASKS = (a_task("one"), a_task("two", severity="LOW"))
TEXT = a_digest(counted={"HIGH": 1, "LOW": 1})


def rows_of(*tasks: str, state: str = "SENT", sent: str = "SM9", digest: str = ID) -> list[Row]:
    """Return the rows of a digest and of the tasks that it stands for."""
    named = [
        a_row(state, id=task, business_key=f"task-created:{task}:nurse", task_id=task, sid=None, named_by=digest)
        for task in tasks
    ]
    digests = a_row(
        state, id=digest, business_key=digest, kind=DIGEST, task_id=None, sid=sent, history=[begun_at(20.0)]
    )
    return [digests, *named]


def judged(
    *requests: Request, rows: Sequence[Row] | None = None, tasks: Sequence[Task] = TASKS, **inbox: object
) -> Verdict:
    """Judge a storm with two tasks of a nurse."""
    facts = Facts(tasks={one.id: one for one in tasks})
    written = [COMMAND] if inbox else []
    return judge(
        Evidence(
            facts,
            [NURSE],
            requests or [TEXT],
            rows_of("one", "two") if rows is None else rows,
            written,
            inbox=Inbox(**inbox),  # type: ignore[arg-type]
        )
    )


def test_a_digest_is_known_by_its_words() -> None:
    """With its mark, and what it counts."""
    tasks = [
        EscalationTask(
            id=str(number),
            episode_id="e",
            severity=severity,
            priority="HIGH",
            reason_codes=("FEVER",),
            status="OPEN",
            sla_due_at=None,
            assigned_to_user_id="nurse",
        )
        for number, severity in enumerate(["HIGH", "LOW", "HIGH"])
    ]
    body = digest_text(tasks, Wording(app_url="https://app"), ID)
    assert (kind_of(body), task_of(body)) == (DIGEST, None)
    assert counted_in(body) == ("d" * 8, {"HIGH": 2, "LOW": 1})


def test_tasks_of_which_a_digest_has_told_are_told() -> None:
    """And no patient was texted."""
    found = judged()
    assert found.is_good, found


def test_a_task_is_lost_if_no_digest_that_was_accepted_stands_for_it() -> None:
    """Whatever the ledger says."""
    nobody = [a_text(None, task_id=None, kind=DIGEST, mark="d" * 8)]
    assert [one.subject for one in judged(*nobody).lost] == ["one", "two"]
    assert "two" in [one.subject for one in judged(rows=rows_of("one")).lost]
    left_out = [*rows_of("one"), a_row("CANCELLED", id="two", task_id="two", sid=None, named_by=ID)]
    assert "two" in [one.subject for one in judged(rows=left_out).lost]


def test_a_task_that_its_nurse_has_taken_while_it_waited_is_not_lost() -> None:
    """Another text has told her of it; but whoever has it after her is to be told."""
    left_out = [*rows_of("one"), a_row("CANCELLED", id="two", task_id="two", sid=None, named_by=ID)]
    one, digest = TASKS[0], a_digest(counted={"HIGH": 1})
    taken = a_task("two", severity="LOW", picked_up=15.0)
    found = judged(digest, rows=left_out, tasks=[one, taken])
    assert found.lost == []
    assert sum(found.explained.values()) == 1
    given_away = a_task(
        "two",
        severity="LOW",
        picked_up=15.0,
        nurses=[(0.5, "another"), (20.0, NURSE.id)],
        versions=[
            Version(earliest=0.5, latest=0.5, nurse="another", is_open=True),
            Version(earliest=20.0, latest=20.0, nurse=NURSE.id, is_open=True),
        ],
    )
    assert [one.subject for one in judged(digest, rows=left_out, tasks=[one, given_away]).lost] == ["two"]


@pytest.mark.parametrize("counted", [{"HIGH": 1}, {"HIGH": 2}, {"HIGH": 1, "LOW": 2}])
def test_a_digest_that_counts_otherwise_than_the_ledger_is_found(counted: dict[str, int]) -> None:
    """Its reader was not told of a task of which the ledger says that she was."""
    assert [one.kind for one in judged(a_digest(counted=counted)).lost] == [DIGEST]


def test_a_digest_that_comes_twice_is_doubled_unless_the_list_is_to_blame() -> None:
    """Two digests have two marks."""
    again = a_digest("SM10", counted={"HIGH": 1, "LOW": 1}, at=40.0)
    assert [one.what for one in judged(TEXT, again).doubled] == ["2 texts for 1 digests"]
    late = a_text("SM10", task_id=None, kind=DIGEST, mark="d" * 8, counted=TEXT.counted, lag=DOUBT_WINDOW + 1)
    found = judged(TEXT, late)
    assert (found.doubled, found.doubled_by_lag) == ([], 1)
    another = a_digest("SM10", counted={"LOW": 1}, mark="e" * 8)
    rows = [*rows_of("one"), *rows_of("two", sent="SM10", digest=ID.replace("d", "e"))]
    assert judged(a_digest(counted={"HIGH": 1}), another, rows=rows).is_good


def test_a_task_that_is_told_in_a_digest_and_alone_is_doubled() -> None:
    """Or in two digests; not if it was to be told twice."""
    alone = a_text(task_id="one")
    assert [one.what for one in judged(TEXT, alone).doubled] == ["2 texts for 1 messages"]
    another_turn = a_row(id="again", business_key="task-created:one:nurse#2", task_id="one")
    assert judged(TEXT, alone, rows=[*rows_of("one", "two"), another_turn]).is_good
    both = [*rows_of("one", "two"), *rows_of("one", sent="SM10", digest=ID.replace("d", "e"))]
    both.remove(next(row for row in both if row.id == "one"))
    both.append(a_row(id="one", task_id="one", business_key="task-created:one:nurse", sid=None, named_by=ID))
    second = a_digest("SM10", counted={"HIGH": 1}, mark="e" * 8)
    assert [one.what for one in judged(TEXT, second, rows=both).doubled] == ["2 texts for 1 messages"]


@pytest.mark.parametrize(("moment", "is_too_late"), [(18.0, True), (19.5, False), (30.0, False)])
def test_a_digest_that_stands_for_a_task_that_was_closed_or_anothers_is_too_late(
    moment: float,
    is_too_late: bool,  # noqa: FBT001
) -> None:
    """When it began: at second 20."""
    closed = a_task("two", severity="LOW", resolved=moment)
    assert [one.kind for one in judged(tasks=[TASKS[0], closed]).too_late] == [DIGEST] * is_too_late
    gone = a_task("two", severity="LOW", nurses=[(1.0, NURSE.id), (moment, "another")], resolved=50.0)
    assert [one.kind for one in judged(tasks=[TASKS[0], gone]).too_late] == [DIGEST] * is_too_late


def test_a_digest_of_nothing_or_of_anothers_tasks_is_astray() -> None:
    """As is one that nobody recorded."""
    assert [one.kind for one in judged(a_digest(counted={}), rows=rows_of(), tasks=[]).stray] == [DIGEST]
    others = a_task("two", severity="LOW", nurses=[(1.0, "another")], resolved=50.0)
    assert [one.kind for one in judged(tasks=[TASKS[0], others]).stray] == [DIGEST]
    assert [one.kind for one in judged(a_digest("SM8", counted={"HIGH": 1}, mark="e" * 8)).unrecorded] == [DIGEST]


def test_a_digest_that_failed_for_an_answer_about_all_texts_is_given_up() -> None:
    """With all its tasks."""
    refused = a_text(None, task_id=None, kind=DIGEST, mark="d" * 8, answer="429")
    found = judged(refused, rows=rows_of("one", "two", state="FAILED"))
    assert [one.kind for one in found.burnt] == [DIGEST, "task-created", "task-created"]


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────

COMMAND = Written(
    sid="SM2",
    phone=NURSE.phone,
    at=30.0,
    created=30.0,
    meaning="COMMANDS",
    commands=[("ACCEPT", None)],
    is_english=False,
)
READ = Inbound(sid="SM2", digest="d", understood="COMMANDS", is_helped=False, received_at=30.0, read_at=32.0)


def outcome_of_a_letter(outcome: str, task: str | None, *texts: Request, tasks: Sequence[Task] = TASKS) -> list[str]:
    """Judge the outcome of a letter without a number."""
    answer = Answer(
        sid="SM2",
        verb="ACCEPT",
        number=1 if task else None,
        task_id=task,
        person_id="nurse",
        notification_id=f"alone {task}" if task else None,
        outcome=outcome,
    )
    orders = {(f"alone {task}", "accept"): 1} if task else {}
    rows = [
        *rows_of("one", "two"),
        *(a_row(id=f"alone {one.task_id}", task_id=one.task_id, sid=one.sid) for one in texts),
    ]
    found = judged(TEXT, *texts, rows=rows, tasks=tasks, inbound=[READ], answers=[answer], orders=orders)
    return [one.what for one in found.unheeded]


def test_a_letter_alone_is_a_question_as_long_as_a_task_of_a_digest_is_open() -> None:
    """Even if it is the only one; not if such a task has had a text of its own since, or is closed."""
    told = a_text(task_id="three", number=1)
    some = [*TASKS, a_task("three")]
    assert outcome_of_a_letter("WHICH", None, told, tasks=some) == []
    assert outcome_of_a_letter("DONE", "three", told, tasks=some) == ["ACCEPT None: DONE, which was wrong"]
    closed = [a_task("one", resolved=25.0), a_task("two", severity="LOW", resolved=25.0), a_task("three")]
    assert outcome_of_a_letter("DONE", "three", told, tasks=closed) == []
    assert outcome_of_a_letter("WHICH", None, told, tasks=closed) == ["ACCEPT None: WHICH, which was wrong"]
    left = [a_task("one"), a_task("two", severity="LOW", resolved=25.0), a_task("three", resolved=25.0)]
    assert outcome_of_a_letter("WHICH", None, told, tasks=left) == []
    alone = a_text("SM4", task_id="one", number=2, at=25.0)
    one = [a_task("one"), a_task("two", severity="LOW", resolved=25.0)]
    assert outcome_of_a_letter("DONE", "one", alone, tasks=one) == []
    assert outcome_of_a_letter("NONE_OPEN", None, told, tasks=left) == ["ACCEPT None: NONE_OPEN, which was wrong"]
