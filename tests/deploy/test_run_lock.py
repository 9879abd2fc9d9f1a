"""`requirements-run.lock`: what is in the container image."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "requirements-run.lock").read_text(encoding="utf-8").splitlines()
PINNED = [Requirement(line) for line in LINES]


def asked_for() -> list[Requirement]:
    """Return what pyproject.toml asks for to run, and what the image needs beside it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [
        Requirement(one) for one in (*project["project"]["dependencies"], *project["dependency-groups"]["container"])
    ]


def applies(requirement: Requirement, extras: set[str]) -> bool:
    """Whether a requirement counts on this machine, for a distribution with these extras."""
    return not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def everything_needed(wanted: list[Requirement]) -> Iterator[tuple[str, str]]:
    """Yield the name and the installed version of each distribution that these need, directly or not."""
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        if (name, frozenset(one.extras)) not in seen:
            seen.add((name, frozenset(one.extras)))
            assert one.specifier.contains(version(name), prereleases=True), f"{one}, and {version(name)} is installed"
            yield name, version(name)
            needed = [Requirement(other) for other in requires(name) or []]
            wanted += [other for other in needed if applies(other, one.extras)]


def test_it_is_what_pyproject_asks_for_and_nothing_else() -> None:
    """With all that this needs in turn, in the versions that are tested; `make lock` makes it anew."""
    pinned = {(canonicalize_name(one.name), str(one.specifier)[2:]) for one in PINNED if applies(one, set())}
    assert pinned == set(everything_needed([one for one in asked_for() if applies(one, set())]))


def test_it_pins_what_requirements_lock_pins() -> None:
    """What runs in production is what was tested."""
    tested = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert {line.split(" ;")[0] for line in LINES} <= {line.split(" ;")[0] for line in tested}


def test_it_names_no_index() -> None:
    """Each place has its own."""
    assert [line for line in LINES if not re.fullmatch(r"[\w.-]+==[\w.]+( ; .+)?", line)] == []
