"""What a reconciled day asks a person to do, in sentences: the worst first. Ids, no numbers.

What is found stands in `reconciliation`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.reconciliation import Differing, Likeness, Orphan, Reconciliation
from sequora_orchestration.domain.spell import counted

NAMED = 10
"""How many texts a sentence or a table names of each sort; all of them are in `sequora reconcile --json`."""

# A message in one of these states is not sent again by itself.
_NOT_SENT = {State.FAILED, State.CANCELLED, State.HELD}

_SECOND_SENDER = (
    "Find the second sender: another system on the same database or number, or somebody who sent it by hand"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something that a person should look at."""

    is_serious: bool
    """Whether somebody was texted who should not have been, or was not who should; else it may wait."""

    sentence: str


def complaints(found: Reconciliation) -> list[Complaint]:
    """Return what a person should look at, the worst first. An orphan that was reported before is none."""
    return [*_of_orphans(found.new), *_of_the_rest(found)]


def _of_orphans(new: Sequence[Orphan]) -> Iterable[Complaint]:
    doubled = [one for one in new if one.likeness is Likeness.DOUBLED]
    ours = [one for one in new if one.likeness is Likeness.OURS]
    others = [one for one in new if one.likeness is Likeness.OTHER]
    if twice := [one for one in doubled if not one.has_failed]:
        yield Complaint(
            is_serious=True,
            sentence=f"{counted(len(twice), 'text')} went out twice: the phone company has {_as_messages(twice)}, word "
            f"for word a text of ours, and the ledger does not know it. {_SECOND_SENDER}",
        )
    if ours:
        yield Complaint(
            is_serious=True,
            sentence=f"{_went_out(ours)} with a link to a task and no row in the ledger: {_ids(ours)}. Another "
            "system sends from this number (a test system?), or the ledger was restored from a backup and has lost "
            "rows: then nurses may be texted again",
        )
    if failed := [one for one in doubled if one.has_failed]:
        yield Complaint(
            is_serious=False,
            sentence=f"{counted(len(failed), 'text')} did not arrive, or would have gone out twice: the phone company "
            f"has {_as_messages(failed)}, word for word a text of ours, and the ledger does not know it. "
            f"{_SECOND_SENDER}",
        )
    if others:
        yield Complaint(
            is_serious=False,
            sentence=f"{_went_out(others)} from our sender that this system has not sent: {_ids(others)}. If the "
            "application texts from the same sender that is expected: give each a sender of its own, and whatever is "
            "left is worth a look. If it does not, somebody else has the account's key",
        )


def _of_the_rest(found: Reconciliation) -> Iterable[Complaint]:
    if found.missing:
        named = ", ".join(f"{one.provider_id} (message {one.message_id})" for one in found.missing[:NAMED])
        yield Complaint(
            is_serious=True,
            sentence=f"the phone company does not have {counted(len(found.missing), 'text')} that the ledger says were "
            f"sent: {named}{_more(found.missing)}. Deleted there, or sent by another account: "
            "`sequora timeline` with a message's id says who was meant to get it",
        )
    if found.unasked:
        yield Complaint(
            is_serious=False,
            sentence=f"{counted(found.unasked, 'more text')} of ours stand in no list of that day, and were not asked "
            "for by their SIDs; others that were asked for are there",
        )
    unsent = [one for one in found.differing if one.is_unsent_here]
    if under_way := [one for one in unsent if one.ours not in _NOT_SENT]:
        yield Complaint(
            is_serious=True,
            sentence=f"the phone company has {counted(len(under_way), 'text')} of messages that are under way here: "
            f"{_with_fates(under_way)}. What is IN_DOUBT is being looked for; any other goes out once more, unless you "
            "stop it: `sequora cancel` with the message's id",
        )
    if over := [one for one in unsent if one.ours in _NOT_SENT]:
        yield Complaint(
            is_serious=False,
            sentence=f"the phone company has {counted(len(over), 'text')} that the ledger does not have as sent: "
            f"{_with_fates(over)}. Nobody knew whether it had gone out, and it was not found in time: do not send "
            "it again. `sequora timeline` with a message's id says who was told instead",
        )
    if settled := [one for one in found.differing if not one.is_unsent_here]:
        named = ", ".join(f"{one.provider_id} ({_fates(one)})" for one in settled[:NAMED])
        yield Complaint(
            is_serious=False,
            sentence=f"the phone company tells another fate of {counted(len(settled), 'text')}: "
            f"{named}{_more(settled)}. Its receipt came late, or was given up: nobody acts on it any more",
        )
    if owed := found.log_owes_rows + found.log_owes_receipts:
        yield Complaint(
            is_serious=False,
            sentence=f"the application's log lacks {counted(found.log_owes_rows, 'row')} and "
            f"{counted(found.log_owes_receipts, 'receipt')}, of {counted(owed, 'text')} that went out: `sequora "
            "doctor` says why it refuses them",
        )


def _went_out(orphans: Sequence[Orphan]) -> str:
    count, failed = len(orphans), sum(one.has_failed for one in orphans)
    if failed:
        return f"the phone company has {counted(count, 'text')} ({failed} did not arrive)"
    return f"{counted(count, 'text')} went out"


def _fates(one: Differing) -> str:
    return f"{one.ours} here, {one.theirs} there"


def _with_fates(some: Sequence[Differing]) -> str:
    named = ", ".join(f"{one.provider_id} (message {one.message_id}: {_fates(one)})" for one in some[:NAMED])
    return f"{named}{_more(some)}"


def _as_messages(orphans: Sequence[Orphan]) -> str:
    named = ", ".join(f"{one.provider_id} (as message {one.message_id})" for one in orphans[:NAMED])
    return f"{named}{_more(orphans)}"


def _ids(orphans: Sequence[Orphan]) -> str:
    return ", ".join(one.provider_id for one in orphans[:NAMED]) + _more(orphans)


def _more(found: Sequence[object]) -> str:
    return f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
