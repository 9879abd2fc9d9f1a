"""Who is told when a nurse does not act: supervisors, else admins, else nobody."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.care import User
from sequora_orchestration.domain.on_call import whom_to_tell


def a_user(id_: str, role: str | None) -> User:
    return User(id=id_, primary_phone="+12025550121", role=role, active=True)


def test_every_supervisor_is_told_and_no_admin() -> None:
    """In the order of their ids, so that two runs choose alike."""
    people = [
        a_user("c", "SUPERVISOR"),
        a_user("a", "ADMIN"),
        a_user("b", "SUPERVISOR"),
        a_user("d", "NURSE"),
    ]
    assert whom_to_tell(people) == ["b", "c"]


def test_admins_are_told_where_there_is_no_supervisor() -> None:
    """All of them, in the order of their ids."""
    assert whom_to_tell([a_user("c", "ADMIN"), a_user("b", "NURSE"), a_user("a", "ADMIN")]) == ["a", "c"]


@pytest.mark.parametrize("roles", [[], ["NURSE"], ["PATIENT", None, "", "supervisor", "WHATEVER"]])
def test_nobody_else_is_told(roles: list[str | None]) -> None:
    """A role counts as it is spelt; who comes after nobody is not for this rule to say."""
    assert whom_to_tell([a_user(str(number), role) for number, role in enumerate(roles)]) == []


def test_people_may_be_given_one_by_one() -> None:
    """Who chooses among them need not keep them."""
    assert whom_to_tell(a_user(id_, role) for id_, role in (("b", "ADMIN"), ("a", "SUPERVISOR"))) == ["a"]


@given(
    st.lists(
        st.builds(a_user, st.uuids().map(str), st.sampled_from(["SUPERVISOR", "ADMIN", "NURSE", "PATIENT", None])),
        unique_by=lambda user: user.id,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_people_does_not_matter(people: list[User], random: Random) -> None:
    """Of one role they all are, and nobody of that role is left out."""
    chosen = whom_to_tell(people)
    assert whom_to_tell(random.sample(people, len(people))) == chosen == sorted(chosen)
    roles = {user.role for user in people if user.id in chosen}
    assert len(roles) <= 1
    assert roles <= {"SUPERVISOR", "ADMIN"}
    assert {user.id for user in people if user.role in roles} == set(chosen)
