"""The ledger at a glance, for an operator. Figures over time, for plots and the heartbeat, are in `measurements.py`."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.halts import Pause, Provider
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.halts import Halts
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Message, message

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# So many messages that a person should look at are counted. More are as good as any number, and counting costs time.
MOST_COUNTED = 500

# So many replays are shown; a person orders one or two in a day.
MOST_REPLAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtCounts:
    """How the doubts of the last seven days ended, in numbers of texts."""

    adopted: int
    """Found at the phone company."""

    sent_again: int
    held: int
    doubled: int
    """Found after their message had been sent again: two texts went out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """An order to send many messages again."""

    at: datetime
    who: str
    why: str
    messages: int
    """How many it has sent again, as far as they are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The ledger at a glance. Latencies are in seconds, from when a message was owed until it was accepted."""

    counts: dict[str, dict[State, int]]
    """How many messages are in each state, by kind."""

    sent_last_hour: int
    latency_p50: float | None
    latency_p95: float | None
    oldest_due: Message | None
    set_aside: list[Message]
    """In doubt, held, failed, not delivered, or sent but not in the application's log; the newest of them."""

    more_set_aside: int
    """How many more there are; up to MOST_COUNTED in all are counted."""

    doubts: DoubtCounts
    answers: dict[str, int]
    """How many commands staff have sent by text in the last day, by verb; as NONE those that could not be done."""

    providers: dict[str, Provider]
    """How it stands with the phone company, by channel."""

    pauses: list[Pause]
    replays: list[Replay]
    """The replays of the last day, newest first."""


class Overview(Room):
    """Counts the ledger's messages."""

    statements = SQL

    def figures(self, *, most: int = 10) -> Figures:
        """Return the ledger at a glance, with up to `most` messages that a person should look at."""
        counts: dict[str, dict[State, int]] = defaultdict(dict)
        for row in self._rows("counts"):
            counts[row["kind"]][State(row["state"])] = row["count"]
        (last_hour,) = self._rows("last_hour")
        (doubts,) = self._rows("doubts")
        set_aside = self._rows("set_aside", most=most, most_counted=MOST_COUNTED)
        halts = Halts(self._store)
        return Figures(
            counts=dict(counts),
            sent_last_hour=last_hour["sent"],
            latency_p50=last_hour["p50"],
            latency_p95=last_hour["p95"],
            oldest_due=next((message(row) for row in self._rows("oldest_due")), None),
            set_aside=[message({name: value for name, value in row.items() if name != "counted"}) for row in set_aside],
            more_set_aside=set_aside[0]["counted"] - len(set_aside) if set_aside else 0,
            doubts=DoubtCounts(**doubts),
            answers={row["verb"]: row["count"] for row in self._rows("answers")},
            providers=halts.providers(),
            pauses=halts.pauses(),
            replays=[Replay(**row) for row in self._rows("replays", most=MOST_REPLAYS)],
        )
