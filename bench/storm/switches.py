"""The settings that a storm was told to switch on, as far as the judge has to know them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Answers are on in a storm unless they are switched off; everything else is as by default.
BY_DEFAULT = {"SEQUORA_REPLIES": "on"}

OFF = "off"

# The most urgent first, as SEQUORA_CALL_FOR counts them.
SEVERITIES = ("CRITICAL", "HIGH", "MODERATE", "LOW")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What is switched on."""

    replies: bool = True
    writes_back: bool = False
    """Whether what staff answer is written into the application's tasks."""

    calls_for: frozenset[str] = frozenset()
    """The severities of tasks for which nurses are called."""

    given: Mapping[str, str] = field(default_factory=dict)
    """All settings that this storm was given, by name."""


def switches_of(environment: Mapping[str, str], given: Mapping[str, str]) -> Switches:
    """Return what the system's environment switches on; `given` are the settings that are this storm's own."""
    replies = environment.get("SEQUORA_REPLIES", OFF) != OFF
    least = environment.get("SEQUORA_CALL_FOR", OFF)
    return Switches(
        replies=replies,
        writes_back=replies and environment.get("SEQUORA_WRITE_BACK", OFF) != OFF,
        calls_for=frozenset(SEVERITIES[: SEVERITIES.index(least) + 1]) if least in SEVERITIES else frozenset(),
        given=given,
    )
