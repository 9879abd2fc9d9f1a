"""Replays in tests: messages that fail together, the order, and what it tells."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from runs import Runs

from sequora_orchestration.cli import replay
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.local.twilio.scripted_answers import Refuse
from sequora_orchestration.messages.queue import Queue

MAYA = Operator(who="maya", why="texting was off at Twilio")

# Texts to the number's region are not enabled: a switch in Twilio's console, and each text fails for good.
REGION_OFF = Refuse(http_status=400, code=21408)


def asked(since: str = "1h", *, done: bool = False, by: Operator = MAYA, **asked: Any) -> dict[str, Any]:
    """Ask for a replay, and order it if it is to be `done`; return its JSON."""
    told = replay.run(replay.Asked(since=since, **asked), by if done else None, as_json=True, zone=UTC)
    return dict(json.loads(told))


def page(since: str = "1h", *, done: bool = False, **asked: Any) -> str:
    """Return the same as the page for a person."""
    return replay.run(replay.Asked(since=since, **asked), MAYA if done else None, zone=UTC)


def found_and_again(told: dict[str, Any]) -> tuple[int, int]:
    """Return how many messages a replay has found, and how many of them it sends again."""
    return told["found"], told["again"]


def ticked(runs: Runs, queues: Iterable[Queue]) -> Counter[str]:
    """Let the sensors of these queues tick until nothing is left to claim; return the runs by queue."""
    count = Counter[str]()
    for queue in queues:
        while ran := runs.tick(queue):
            assert all(run.success for run in ran)
            count[queue.name] += len(ran)
    return count
