"""Checks, and their findings: how bad it is, what it is, and what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    """The system works, but less well than it could, or not yet."""

    FAIL = "FAIL"
    """It does not work, or not for everybody."""

    SKIPPED = "skip"
    """Not looked at, for a check that it needs has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The finding of a check; `to_do` is the next step for a person."""

    level: Level
    said: str
    to_do: str | None = None

    @property
    def lets_others_go_on(self) -> bool:
        """Whether checks that need this one make sense."""
        return self.level in {Level.OK, Level.WARN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the report. `needs` names checks before it in its area; `find` may raise anything."""

    name: str
    find: Callable[[], Finding]
    needs: tuple[str, ...] = ()


def ok(said: str) -> Finding:
    """All is well."""
    return Finding(level=Level.OK, said=said)


def warn(said: str, *, to_do: str) -> Finding:
    """Something could be better."""
    return Finding(level=Level.WARN, said=said, to_do=to_do)


def fail(said: str, *, to_do: str) -> Finding:
    """Something does not work."""
    return Finding(level=Level.FAIL, said=said, to_do=to_do)


def skipped(said: str) -> Finding:
    """Not looked at."""
    return Finding(level=Level.SKIPPED, said=said)
