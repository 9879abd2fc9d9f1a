"""Carrying out an operator's orders. Each is recorded with who gave it, when and why. Ids and states only."""

import getpass
from collections.abc import Callable
from dataclasses import dataclass

from sequora_orchestration.cli.cases import pasted, shown
from sequora_orchestration.database import as_text
from sequora_orchestration.domain.halts import ALL_KINDS
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.ledger.ledger import open_ledger
from sequora_orchestration.ledger.orders import Orders
from sequora_orchestration.ledger.rows import Message, Operator
from sequora_orchestration.messages.kinds import KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """An order that an operator may give about a message."""

    order: Callable[[Orders, str, str | None, Operator], list[Message]]
    done: str
    only: str
    """The messages to which it applies, in words."""

    others: str = "left as it is:"
    """The heading above the other messages that the id names."""


# The ledger's name for the phone company, in the result of a resume that also tries it at once.
PHONE_COMPANY = "phone company"

# The reason, if none is given.
NOT_SAID = "not said"

IN_DOUBT = "being looked for at the phone company; not sent again if it is not there"
MAY_BE_TOLD = "its digest, {named_by}, may have told of it already; if it has not, it will not tell of it"

VERBS = {
    "cancel": Verb(
        order=Orders.cancel,
        done="cancelled; it is not made again, and nothing follows from it",
        only="only what has not been sent yet can be cancelled",
    ),
    "resend": Verb(
        order=Orders.resend,
        done="a new message, by which it is sent again, if it is still wanted",
        only="only what is over can be sent again",
        others="what was there before stays, as history:",
    ),
    "release": Verb(
        order=Orders.release,
        done="released; it will be sent if it is still wanted, and by day",
        only="only what is HELD can be released",
    ),
}


class OrderRefusedError(Exception):
    """An order that cannot be carried out; the message says why."""


def operator(who: str | None, why: str | None) -> Operator:
    """Return who gives the order, and why. Without a name it is the user who is logged in; "" counts as not given."""
    given = {"who": as_text(who or "").strip(), "why": as_text(why or "").strip()}
    return Operator(who=given["who"] or as_text(getpass.getuser()), why=given["why"] or NOT_SAID)


def pause(kind: str, by: Operator) -> str:
    """Stop messages of a kind, or all; return the answer for the operator. Raises OrderRefusedError."""
    if not open_ledger().halts.pause(_checked_kind(kind), by):
        return f"{_messages(kind)}: paused already"
    return f"{_messages(kind)}: paused; they wait in the ledger until `sequora resume{_argument(kind)}`"


def resume(kind: str, by: Operator) -> str:
    """Let messages of a kind, or all, go out again; return the answer for the operator. Raises OrderRefusedError."""
    ledger = open_ledger()
    ended = ledger.halts.resume(_checked_kind(kind), by)
    left = [one.kind for one in ledger.halts.pauses()]
    return "\n".join(
        [
            *(f"{_messages(one)}: go out again" for one in ended if one != PHONE_COMPANY),
            *(["the phone company is tried at once"] if PHONE_COMPANY in ended else []),
            *([] if ended else [f"{_messages(kind)}: not paused" + (" by a pause of their own" if left else "")]),
            *(f"{_messages(one)}: still paused" for one in left),
        ]
    )


def change(verb: str, id_: str, kind: str | None, by: Operator) -> str:
    """Cancel, resend or release the messages that an id names; return the answer for the operator.

    Raises OrderRefusedError.
    """
    if kind is not None:
        _checked_kind(kind)
    ledger, id_ = open_ledger(), pasted(id_)
    if not id_:
        raise OrderRefusedError("no id is given: give that of a message, a task or an episode")
    changed = VERBS[verb].order(ledger.orders, id_, kind, by)
    ids = {one.id for one in changed}
    others = [one for one in ledger.orders.of_subject(id_, kind) if one.id not in ids]
    there = [f"  {one.kind} {one.id} is {one.state}" for one in others]
    if verb == "resend" and len(changed) == len(others) == 1:
        ((again,), (before,)) = (changed, others)
        return (
            f"{before.kind} {before.id}, which is {before.state}: it is sent again, if it is still wanted, "
            f"by a new message, {again.id}"
        )
    if changed:
        done = [f"{one.kind} {one.id}: {_done(verb, one)}" for one in changed]
        return "\n".join([*done, *([VERBS[verb].others] if there else []), *there])
    if not there:
        raise OrderRefusedError(
            f"no message in the ledger is about {shown(id_)}: give the id of a message, a task or an episode"
        )
    raise OrderRefusedError("\n".join([f"nothing to {verb}: {VERBS[verb].only}", *there]))


def _done(verb: str, one: Message) -> str:
    if one.named_by:
        return MAY_BE_TOLD.format(named_by=one.named_by)
    return IN_DOUBT if one.state is State.IN_DOUBT else VERBS[verb].done


def _checked_kind(kind: str) -> str:
    if kind not in {ALL_KINDS, *KINDS}:
        raise OrderRefusedError(f"there are no messages of the kind {kind}; there are {', '.join(KINDS)}")
    return kind


def _messages(kind: str) -> str:
    return "all messages" if kind == ALL_KINDS else f"messages of the kind {kind}"


def _argument(kind: str) -> str:
    return "" if kind == ALL_KINDS else f" {kind}"
