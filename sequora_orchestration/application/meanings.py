"""The meanings of an application's words, if only one is possible.

All other words are left to a person: a wrong meaning keeps somebody from being told. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sequora_orchestration.application import synonyms
from sequora_orchestration.application.application_map import plain
from sequora_orchestration.application.contract import ROLES, SEVERITIES, STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanings:
    """The words of a column under each of ours, and the words of doubtful meaning."""

    known: Mapping[str, Sequence[str]]
    unknown: Sequence[str]


def meanings(column: str, words: Sequence[str]) -> Meanings:
    """Return the meanings of the words of a status, a severity or a role."""
    match column:
        case "status":
            return _by_names(words, STATUSES, synonyms.STATUSES)
        case "role":
            return _by_names(words, ROLES, synonyms.ROLES)
        case _:
            return _severities(words)


def label(words: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the word for the first of these names that has a word; None if no name has."""
    spelt = {plain(word): word for word in reversed(words)}
    return next((spelt[name] for name in names if name in spelt), None)


def _by_names(words: Sequence[str], ours: Sequence[str], names: Mapping[str, Sequence[str]]) -> Meanings:
    known: dict[str, list[str]] = {one: [] for one in ours}
    unknown: list[str] = []
    for word in words:
        meaning = next((one for one in ours if plain(word) in names[one]), None)
        (known[meaning] if meaning else unknown).append(word)
    return Meanings(known=known, unknown=unknown)


def _severities(words: Sequence[str]) -> Meanings:
    levels = {word: int(level[1]) for word in words if (level := re.fullmatch(synonyms.LEVELS, plain(word)))}
    if levels and len(levels) == len(words) and not any(word.isdigit() for word in words):
        return _by_levels(levels)
    found = _by_names(words, SEVERITIES, synonyms.SEVERITIES)
    known = {one: list(its) for one, its in found.known.items()}
    unknown = list(found.unknown)
    for word in found.unknown:
        place = next((one for one in ("CRITICAL", "HIGH") if not found.known[one]), None)
        if plain(word) == synonyms.URGENT and place:
            known[place].append(word)
            unknown.remove(word)
    return Meanings(known=known, unknown=unknown)


def _by_levels(levels: Mapping[str, int]) -> Meanings:
    """Return the meanings of `P1`, `P2`, … (or `P0`, `P1`, …): the lowest number is the most severe."""
    known: dict[str, list[str]] = {one: [] for one in SEVERITIES}
    first = 0 if 0 in levels.values() else 1
    for word, level in sorted(levels.items(), key=lambda one: one[1]):
        known[SEVERITIES[min(level - first, len(SEVERITIES) - 1)]].append(word)
    return Meanings(known=known, unknown=[])
