"""Who is given a task: never somebody who may not have it, the lightest load first, and always the same."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from care import NOW
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.assignment import (
    Choice,
    Nurse,
    UnassignedTask,
    nobody_because,
    share_out,
    weight,
)

HOUR = timedelta(hours=1)

SEVERITIES = ("CRITICAL", "HIGH", "MODERATE", "LOW", "SOMETHING", None)

TASK = UnassignedTask(id="task-1", severity="HIGH", created_at=NOW)
ANNA, BEA = Nurse(id="anna"), Nurse(id="bea")

times = st.none() | st.integers(0, 1_000).map(lambda minutes: NOW - timedelta(minutes=minutes))
tasks = st.lists(
    st.builds(
        UnassignedTask,
        id=st.integers(0, 1_000).map("task-{}".format),
        severity=st.sampled_from(SEVERITIES),
        created_at=times,
    ),
    unique_by=lambda task: task.id,
    max_size=20,
)
nurses = st.lists(
    st.builds(
        Nurse,
        id=st.integers(0, 1_000).map("nurse-{}".format),
        is_active=st.sampled_from([True, True, True, False]),
        can_be_texted=st.sampled_from([True, True, True, False]),
        is_on_shift=st.sampled_from([None, True, True, False]),
        most_tasks=st.none() | st.integers(-1, 8),
        open_tasks=st.dictionaries(st.sampled_from([*SEVERITIES[:5], ""]), st.integers(0, 5), max_size=4),
        given_at=times,
    ),
    unique_by=lambda nurse: nurse.id,
    max_size=6,
)


def load(nurse: Nurse) -> int:
    return sum(weight(severity) * count for severity, count in nurse.open_tasks.items())


def chosen(nurses: list[Nurse], task: UnassignedTask = TASK) -> str | None:
    """Return who is given a task."""
    (choice,) = share_out([task], nurses)
    return choice.nurse_id


def after(nurses: list[Nurse], choice: Choice, tasks: list[UnassignedTask]) -> list[Nurse]:
    """Return the nurses when a choice has been carried out."""
    (task,) = [one for one in tasks if one.id == choice.task_id]
    severity = task.severity or ""
    return [
        replace(one, open_tasks={**one.open_tasks, severity: one.open_tasks.get(severity, 0) + 1})
        if one.id == choice.nurse_id
        else one
        for one in nurses
    ]


@given(tasks, nurses)
def test_nobody_is_given_a_task_who_may_not_have_it(tasks: list[UnassignedTask], nurses: list[Nurse]) -> None:
    """Nor more than her limit; and it stays with nobody only if all are kept from it."""
    for choice in share_out(tasks, nurses):
        allowed = {
            one.id
            for one in nurses
            if one.is_active
            and one.can_be_texted
            and one.is_on_shift is not False
            and (one.most_tasks is None or sum(one.open_tasks.values()) < one.most_tasks)
        }
        assert (choice.nurse_id in allowed) if allowed else (choice.nurse_id is None)
        assert (nobody_because(nurses) is None) == bool(allowed)
        nurses = after(nurses, choice, tasks)


@given(tasks, nurses)
def test_each_is_given_to_the_lightest_load_counting_what_was_given_before(
    tasks: list[UnassignedTask], nurses: list[Nurse]
) -> None:
    """Also within one go."""
    for choice in share_out(tasks, nurses):
        if choice.nurse_id:
            free = [one for one in nurses if chosen([one]) is not None]
            (she,) = [one for one in free if one.id == choice.nurse_id]
            assert load(she) == min(map(load, free))
        nurses = after(nurses, choice, tasks)


@given(tasks, nurses, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_read_does_not_matter(
    tasks: list[UnassignedTask], nurses: list[Nurse], random: Random
) -> None:
    """Every task is there once, with a reason, the most severe first."""
    choices = share_out(tasks, nurses)
    assert share_out(random.sample(tasks, len(tasks)), random.sample(nurses, len(nurses))) == choices
    assert sorted(one.task_id for one in choices) == sorted(one.id for one in tasks)
    assert all(one.reason for one in choices)
    by_id = {one.id: one for one in tasks}
    weights = [weight(by_id[one.task_id].severity) for one in choices]
    assert weights == sorted(weights, reverse=True)


@given(st.integers(1, 5), st.integers(0, 30))
def test_tasks_of_a_kind_are_shared_out_evenly(nurses: int, tasks: int) -> None:
    """Nobody has more than one more than anybody else."""
    people = [Nurse(id=str(number)) for number in range(nurses)]
    choices = share_out([UnassignedTask(id=str(number), severity="LOW") for number in range(tasks)], people)
    counts = [sum(one.nurse_id == person.id for one in choices) for person in people]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("light", "heavy"),
    [
        ({}, {"LOW": 1}),
        ({"LOW": 3}, {"CRITICAL": 1}),
        ({"MODERATE": 1}, {"HIGH": 1}),
        ({"HIGH": 1}, {"CRITICAL": 1}),
        ({"MODERATE": 1}, {"a word that nobody knows": 1}),
        ({"a word that nobody knows": 1}, {"CRITICAL": 1}),
    ],
)
def test_severe_tasks_weigh_more(light: dict[str, int], heavy: dict[str, int]) -> None:
    """Of an unknown severity nobody can say that it is low."""
    assert chosen([replace(ANNA, open_tasks=heavy), replace(BEA, open_tasks=light)]) == "bea"


def test_of_equal_loads_she_is_next_who_was_given_one_longest_ago() -> None:
    """Who was never given one is first; and of those the one whose id comes first."""
    long_ago, just_now = replace(ANNA, given_at=NOW - HOUR), replace(BEA, given_at=NOW)
    assert chosen([just_now, long_ago]) == "anna"
    assert chosen([replace(BEA, given_at=None), long_ago]) == "bea"
    assert chosen([BEA, ANNA]) == "anna"


def test_of_tasks_of_a_severity_the_oldest_goes_first() -> None:
    """One that does not say how old it is comes last."""
    late, early = replace(TASK, id="a", created_at=NOW), replace(TASK, id="b", created_at=NOW - HOUR)
    unknown = replace(TASK, id="0", created_at=None)
    assert [one.task_id for one in share_out([unknown, late, early], [ANNA])] == ["b", "a", "0"]


@pytest.mark.parametrize(
    ("nurses", "reason"),
    [
        ([ANNA], "0 open tasks, the only one who can take it"),
        (
            [replace(ANNA, is_on_shift=True, open_tasks={"LOW": 1})],
            "on shift, 1 open task, the only one who can take it",
        ),
        (
            [replace(ANNA, open_tasks={"LOW": 2}), replace(BEA, open_tasks={"HIGH": 1})],
            "2 open tasks, the lightest load of 2 nurses who can take it",
        ),
        ([ANNA, BEA], "0 open tasks, of 2 nurses with the lightest load one who was never given a task"),
        (
            [replace(ANNA, given_at=NOW), replace(BEA, given_at=NOW)],
            "0 open tasks, of 2 nurses with the lightest load the one who was given a task longest ago",
        ),
    ],
)
def test_why_she_was_given_it_is_said(nurses: list[Nurse], reason: str) -> None:
    """By facts alone: no name, no number."""
    (choice,) = share_out([TASK], nurses)
    assert choice.reason == reason


@pytest.mark.parametrize(
    ("nurses", "because"),
    [
        ([], "there is no active nurse"),
        ([replace(ANNA, is_active=False)], "there is no active nurse"),
        ([replace(ANNA, can_be_texted=False)], "of 1 active nurse: 1 cannot be texted"),
        (
            [
                replace(ANNA, can_be_texted=False, is_on_shift=False),
                replace(BEA, is_on_shift=False),
                replace(BEA, id="cara", is_on_shift=True, most_tasks=1, open_tasks={"LOW": 1}),
                replace(BEA, id="dora", is_on_shift=True, most_tasks=0),
            ],
            "of 4 active nurses: 1 cannot be texted, 1 not on shift, 2 with as many open tasks as allowed",
        ),
    ],
)
def test_why_nobody_was_given_it_is_said(nurses: list[Nurse], because: str) -> None:
    """Each who is kept from it is counted once."""
    assert share_out([TASK], nurses) == [Choice(task_id="task-1", nurse_id=None, reason=because)]
    assert nobody_because(nurses) == because
