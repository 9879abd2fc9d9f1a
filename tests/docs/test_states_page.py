"""The page of the states of a message."""

import re
from pathlib import Path

from sequora_orchestration.domain.ledger_state import MOVES, State

PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def test_the_page_has_every_state_and_every_move() -> None:
    """A move that is not there would be looked for in vain."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    shown = {(State(state), State(target)) for state, targets in rows for target in re.findall(r"`(\w+)`", targets)}
    assert {State(state) for state, _ in rows} == set(State)
    assert shown == MOVES
