"""What an operator orders by command: each order is kept with who gave it, when and why. Ids and states only."""

import getpass
from collections.abc import Callable
from dataclasses import dataclass

from sequora_orchestration.domain.message_kind import KINDS
from sequora_orchestration.resources.ledger import ALL_KINDS, Changed, Ledger, Operator, open_ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """What an operator may order about a message."""

    order: Callable[[Ledger, str, str | None, Operator], list[Changed]]
    done: str
    only: str
    """To which messages it applies."""


VERBS = {
    "cancel": Verb(
        order=Ledger.cancel,
        done="cancelled; it is not made again",
        only="only what has not been sent yet can be cancelled, and a text in doubt is being looked up",
    ),
    "resend": Verb(
        order=Ledger.resend,
        done="sent again as a message of its own, if it is still wanted",
        only="only what is over can be sent again",
    ),
    "release": Verb(
        order=Ledger.release,
        done="released; it goes out if it is still wanted, and by day",
        only="only what is HELD can be released",
    ),
}


class OrderRefusedError(Exception):
    """An order that cannot be carried out; the message says why."""


def operator(who: str | None, why: str) -> Operator:
    """Return who gives the order; without a name, the user who is logged in."""
    return Operator(who=who or getpass.getuser(), why=why)


def pause(kind: str, by: Operator) -> str:
    """Let no message of a kind go out, or none at all; return what to tell the operator. Raises OrderRefusedError."""
    if not open_ledger().pause(_known(kind), by):
        return f"{_messages(kind)}: paused already"
    return f"{_messages(kind)}: paused; they wait in the ledger until `sequora resume{_argument(kind)}`"


def resume(kind: str, by: Operator) -> str:
    """Let messages of a kind go out again, or all; return what to tell the operator. Raises OrderRefusedError."""
    ledger = open_ledger()
    ended = ledger.resume(_known(kind), by)
    if not ended:
        return f"{_messages(kind)}: not paused"
    left = [one.kind for one in ledger.pauses()]
    return "\n".join(
        [
            *(f"{_messages(one)}: go out again" for one in ended),
            *(f"{_messages(one)}: still paused" for one in left),
        ]
    )


def change(verb: str, id_: str, kind: str | None, by: Operator) -> str:
    """Cancel, resend or release what an id names; return what to tell the operator. Raises OrderRefusedError."""
    if kind is not None:
        _known(kind)
    ledger = open_ledger()
    changed = VERBS[verb].order(ledger, id_, kind, by)
    if changed:
        return "\n".join(f"{one.kind} {one.id}: {VERBS[verb].done}" for one in changed)
    there = [f"  {one.kind} {one.id} is {one.state}" for one in ledger.of_subject(id_, kind)]
    if not there:
        raise OrderRefusedError(
            f"no message in the ledger is about {id_}: give the id of a message, a task or an episode"
        )
    raise OrderRefusedError("\n".join([f"nothing to {verb}: {VERBS[verb].only}", *there]))


def _known(kind: str) -> str:
    if kind not in {ALL_KINDS, *KINDS}:
        raise OrderRefusedError(f"there are no messages of the kind {kind}; there are {', '.join(KINDS)}")
    return kind


def _messages(kind: str) -> str:
    return "all messages" if kind == ALL_KINDS else f"messages of the kind {kind}"


def _argument(kind: str) -> str:
    return "" if kind == ALL_KINDS else f" {kind}"
