"""The page of a replay, when there is more to tell than a person reads."""

import re
from datetime import UTC, timedelta

from care import NOW

from sequora_orchestration.cli.replay import MOST_GROUPS, as_page
from sequora_orchestration.delivery.replay import Replay
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.replays import Wanted
from sequora_orchestration.terminal.page import plain


def test_reasons_that_are_too_many_to_be_shown_are_summed_up() -> None:
    """So the numbers below a heading make up the one in it."""
    done = Replay()
    for place in range(MOST_GROUPS + 5):
        done.tally.add("check-in", State.FAILED, "no phone", left_out=f"reason {place}", waits=None)
    wanted = Wanted(since=NOW - timedelta(hours=1), until=NOW, states=[State.FAILED], kinds=["check-in"])
    shown = plain(as_page(wanted, done, is_done=False, zone=UTC))
    _, listed = shown.split(f"would be left out: {MOST_GROUPS + 5}\n")
    assert sum(int(count) for count in re.findall(r"^ +(\d+)  ", listed, re.MULTILINE)) == MOST_GROUPS + 5
    assert "for 6 other reasons; --json has all of them" in listed
