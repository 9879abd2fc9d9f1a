"""Replays: which of the messages that ended are sent again, by the same rules as ever; and that they are.

A replay only puts messages into the queue: sensors and runs send them, and ask all rules once more. Not here: what the
operator reads of it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.facts import about_if_sent_again, judged
from sequora_orchestration.domain.halts import HaltsInForce, Pause, Provider
from sequora_orchestration.domain.replay import Tally
from sequora_orchestration.ledger.replays import Ended, Replayed, Wanted
from sequora_orchestration.ledger.rows import Operator
from sequora_orchestration.messages.kind import Audience, Facts, Postponement, Withheld
from sequora_orchestration.messages.kinds import KINDS

# So many messages are judged, and sent again, at a time: few enough for little memory and a short statement.
CHUNK = 500

# So many of the messages are named to the operator.
FIRST = 10

# A message that somebody else sent again, or that ended otherwise, between the question and the order.
TAKEN_MEANWHILE = "somebody else has just sent it again, or changed it"


@dataclass(slots=True, kw_only=True)
class Replay:
    """What a replay has found, and done."""

    tally: Tally = field(default_factory=Tally)
    halts: HaltsInForce = field(default_factory=HaltsInForce)
    """What keeps messages back when it is asked for."""

    halted: Counter[Pause | Provider] = field(default_factory=Counter)
    """How many of those that are sent again wait for the end of a pause, or for the phone company. Whatever else they
    may wait for is not counted."""

    first: list[Replayed | Ended] = field(default_factory=list)
    """The first messages that would be sent again, or the first new ones by which it was done; most urgent first."""


def replay(
    delivery: Delivery,
    wanted: Wanted,
    operator: Operator | None,
    *,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Replay:
    """Find the messages that are asked for, leave out what is not wanted, and send the rest again if that is ordered.

    Each chunk is one statement: if the process dies in between, the same order once more does the rest. `progress` is
    told how many of how many messages are done. Database errors are raised.
    """
    ended, done = delivery.ledger.replays.ended(wanted), Replay(halts=delivery.ledger.halts.in_force())
    for start in range(0, len(ended), CHUNK):
        _replay_chunk(delivery, ended[start : start + CHUNK], wanted, operator, done)
        progress(min(start + CHUNK, len(ended)), len(ended))
    return done


def _replay_chunk(
    delivery: Delivery, chunk: Sequence[Ended], wanted: Wanted, operator: Operator | None, done: Replay
) -> None:
    withheld = _withheld(delivery, [one.id for one in chunk if one.hindrance is None])
    ids = [one.id for one in chunk if one.hindrance is None and not _is_left_out(withheld.get(one.id))]
    taken_meanwhile = frozenset[str]()
    first: Sequence[Replayed | Ended] = [one for one in chunk if one.id in set(ids)]
    if operator and ids:
        first = replayed = delivery.ledger.replays.replay(ids, wanted, operator, is_first=not done.first)
        taken_meanwhile = frozenset(ids) - {one.replayed_id for one in replayed}
    done.first += islice(first, FIRST - len(done.first))
    for one in chunk:
        why = withheld.get(one.id)
        left_out = one.hindrance.in_words if one.hindrance else why.reason if why and _is_left_out(why) else None
        left_out = TAKEN_MEANWHILE if one.id in taken_meanwhile else left_out
        halt = done.halts.of(one.kind, one.channel) if left_out is None else None
        if halt:
            done.halted[halt] += 1
        done.tally.add(
            one.kind,
            one.state,
            one.reason,
            left_out=left_out,
            waits=why.reason if why and halt is None else None,
        )
        if one.resent_at and left_out is None:
            done.tally.note_resent(one.resent_at)


def _is_left_out(why: Withheld | None) -> bool:
    """Whether a message is not wanted, or reaches nobody; one that only waits is sent again."""
    return why is not None and not isinstance(why, Postponement)


def _withheld(delivery: Delivery, ids: Sequence[str]) -> dict[str, Withheld]:
    """Return why these messages would not be sent, or not yet, by their ids."""
    if not ids:
        return {}
    facts = about_if_sent_again(delivery, delivery.ledger.replays.as_new(ids))
    return {one.message.id: why for one in facts if (why := judged(_withhold, one))}


def _withhold(facts: Facts) -> Withheld | None:
    kind = KINDS[facts.message.kind]
    if withheld := kind.unwanted(facts):
        return withheld
    is_to_whoever_is_on_call = kind.audience is Audience.ON_CALL and facts.message.recipient_id is None
    return None if is_to_whoever_is_on_call else kind.unreachable(facts)
