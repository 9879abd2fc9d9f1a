"""Who is told when a nurse does not act: supervisors, else admins, else nobody."""

from collections.abc import Iterable
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import User
from sequora_orchestration.domain.on_call import is_passed_over, nobody_pause, whom_to_tell


def a_user(id_: str, role: str | None) -> User:
    return User(id=id_, primary_phone="+12025550121", role=role, active=True)


def told(people: Iterable[User]) -> list[str]:
    """Return who is told of people who have a number each."""
    return whom_to_tell({user: f"+1202555{number:04}" for number, user in enumerate(people)})


def test_every_supervisor_is_told_and_no_admin() -> None:
    """In the order of their ids, so that two runs choose alike."""
    people = [
        a_user("c", "SUPERVISOR"),
        a_user("a", "ADMIN"),
        a_user("b", "SUPERVISOR"),
        a_user("d", "NURSE"),
    ]
    assert told(people) == ["b", "c"]


def test_admins_are_told_where_there_is_no_supervisor() -> None:
    """All of them, in the order of their ids."""
    assert told([a_user("c", "ADMIN"), a_user("b", "NURSE"), a_user("a", "ADMIN")]) == ["a", "c"]


@pytest.mark.parametrize("roles", [[], ["NURSE"], ["PATIENT", None, "", "supervisor", "WHATEVER"]])
def test_nobody_else_is_told(roles: list[str | None]) -> None:
    """A role counts as it is spelt; who comes after nobody is not for this rule to say."""
    assert told([a_user(str(number), role) for number, role in enumerate(roles)]) == []


def test_people_may_be_given_one_by_one() -> None:
    """Who chooses among them need not keep them."""
    assert told(a_user(id_, role) for id_, role in (("b", "ADMIN"), ("a", "SUPERVISOR"))) == ["a"]


@given(
    st.lists(
        st.builds(a_user, st.uuids().map(str), st.sampled_from(["SUPERVISOR", "ADMIN", "NURSE", "PATIENT", None])),
        unique_by=lambda user: user.id,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_people_does_not_matter(people: list[User], random: Random) -> None:
    """Of one role they all are, and nobody of that role is left out."""
    chosen = told(people)
    assert told(random.sample(people, len(people))) == chosen == sorted(chosen)
    roles = {user.role for user in people if user.id in chosen}
    assert len(roles) <= 1
    assert roles <= {"SUPERVISOR", "ADMIN"}
    assert {user.id for user in people if user.role in roles} == set(chosen)


def test_those_who_share_a_phone_are_told_once() -> None:
    """It is handed on from shift to shift."""
    numbers = {a_user(id_, "SUPERVISOR"): number for id_, number in (("c", "+1"), ("b", "+2"), ("a", "+1"))}
    assert whom_to_tell(numbers) == ["a", "b"]


@pytest.mark.parametrize(
    ("code", "ago", "passed_over"),
    [
        (None, timedelta(0), True),
        (None, timedelta(minutes=5) - timedelta(microseconds=1), True),
        (None, timedelta(minutes=5), False),
        (20429, timedelta(minutes=5), False),
        (21614, timedelta(minutes=5), True),
        (21614, timedelta(hours=1) - timedelta(microseconds=1), True),
        (21614, timedelta(hours=1), False),
        (99999, timedelta(minutes=5), False),
    ],
)
def test_who_was_just_not_reached_is_passed_over_for_a_while(
    code: int | None, ago: timedelta, *, passed_over: bool
) -> None:
    """Longer after a refusal for good."""
    assert is_passed_over(code, ago) is passed_over


@pytest.mark.parametrize(("tried_for", "pause"), [(0, 60), (59, 60), (61, 61), (299, 299), (301, 300), (99_999, 300)])
def test_while_there_is_nobody_the_pauses_grow(tried_for: int, pause: int) -> None:
    """From one minute to five."""
    assert nobody_pause(timedelta(seconds=tried_for)) == timedelta(seconds=pause)
