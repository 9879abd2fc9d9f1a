"""Chooses the waiting messages that may go now, and packs them into runs. Leasing them is the ledger's business."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The obstacles to a kind of message at one moment, and its messages that are on their way."""

    is_paused: bool = False
    """Whether an operator has paused the kind, or all."""

    is_open: bool = False
    """Whether the breaker is open: the phone company takes no texts."""

    must_wait: bool = False
    """Whether the phone company is to be left alone for now."""

    on_trial: bool = False
    """Whether a text is just being tried, to see whether the phone company takes it."""

    refused_recipient_id: str | None = None
    """The recipient whose texts alone were refused, if the breaker is open because of them."""

    rows: int = 0
    """How many messages of the kind are under a claim and not sent yet."""

    unstarted: int = 0
    """How many of these no run has taken up."""

    most_urgent: int | None = None
    """The urgency of the most urgent of these, leaving out those whose run has been silent for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many messages are claimed at a time."""

    few: int
    """Up to so many messages become a run each."""

    batch: int
    """If there are more, each run gets up to so many."""

    most: int
    """At most so many are claimed in one turn."""

    enough: int
    """While so many wait for a run to take them up, no more are claimed."""

    most_at_once: int | None = None
    """At most so many are on their way at the sender's rate; None for any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many messages may be claimed now."""

    rows: int
    is_trial: bool = False
    """Whether the one message is a trial, to see whether the phone company takes texts again; `rows` is 1 then."""

    not_to: str | None = None
    """The recipient whose text is no good trial: only this recipient's were refused."""

    is_halted: bool = False
    """Whether nothing of the kind may go out until a person changes that, or time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A message that waits and is nobody's."""

    id: str
    urgency: int
    recipient_id: str | None = None
    runs: int = 0
    """How many runs in a row have died before they were through with it."""

    failures: int = 0
    """How many runs have failed while they had it, without dying."""

    refusals: int = 0
    """How often it was put back because the phone company did not take it."""


def allowance(admission: Admission, limits: Limits, *, is_sent: bool = True) -> Allowance:
    """Return how many messages may be claimed; a queue whose messages are only prepared (not `is_sent`) never halts."""
    if is_sent:
        if admission.is_paused:
            return Allowance(rows=0, is_halted=True)
        alone_is_refused = admission.refused_recipient_id if admission.is_open else None
        if admission.must_wait and alone_is_refused is None:
            return Allowance(rows=0, is_halted=True)
        if admission.is_open:
            if admission.on_trial or admission.rows:
                return Allowance(rows=0, is_halted=True)
            return Allowance(rows=1, is_trial=True, not_to=alone_is_refused if admission.must_wait else None)
    has_room = admission.unstarted < limits.enough and (
        limits.most_at_once is None or admission.rows < limits.most_at_once
    )
    return Allowance(rows=limits.most if has_room else 0)


def whose_turn(
    waiting: Sequence[Candidate], allowed: Allowance, admission: Admission, limits: Limits, *, in_turn: bool
) -> list[Candidate]:
    """Return the messages that are claimed now, in the order of `waiting`, which has the most urgent first.

    A trial is the message that was refused the fewest times. With `in_turn`, if more than a few wait, the most urgent
    go alone; and no message goes that is less urgent than those on their way.
    """
    if allowed.is_trial:
        return sorted((one for one in waiting if _is_for(one, allowed)), key=lambda one: one.refusals)[: allowed.rows]
    if in_turn and waiting and admission.rows + len(waiting) > limits.few:
        first = min(one.urgency for one in waiting)
        if admission.most_urgent is not None and admission.most_urgent < first:
            return []
        waiting = [one for one in waiting if one.urgency == first]
    return list(waiting[: allowed.rows])


def _is_for(candidate: Candidate, allowed: Allowance) -> bool:
    return allowed.not_to is None or candidate.recipient_id != allowed.not_to


def pack(messages: Sequence[Candidate], limits: Limits) -> list[list[Candidate]]:
    """Return the messages in packs, one pack for each run: each message is in one pack, in their order.

    A few messages get a run each. A message that two runs in a row have died of is alone: if it is the reason, its
    neighbours go on. A message that runs have failed with shares its pack with half as many others each time.
    """
    packs: list[list[Candidate]] = []
    filling: dict[int, list[Candidate]] = defaultdict(list)
    for one in messages:
        if len(messages) <= limits.few or one.runs >= DEADLY:
            packs.append([one])
            continue
        pack_of_its_kind = filling.get(one.failures)
        if pack_of_its_kind is None or len(pack_of_its_kind) >= _size(one.failures, limits):
            pack_of_its_kind = filling[one.failures] = []
            packs.append(pack_of_its_kind)
        pack_of_its_kind.append(one)
    return packs


# After so many runs in a row have died with a message, it is alone in the next: two hardly ever die by chance.
DEADLY = 2


def _size(failures: int, limits: Limits) -> int:
    return max(limits.batch >> min(failures, 10), 1)
