"""What is done about texts that may have been sent, and about those that were. Dagster is not known here.

Reading the phone company's list changes nothing, and each message is settled by one guarded statement: so two of these
at a time, or one killed in between, do no harm. What was not settled is looked at again.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.channels.sms_sender import ListedText, LookUpError, UnreadableError
from sequora_orchestration.database import refuses_a_row
from sequora_orchestration.delivery.sending import ATTEMPTS, Delivery
from sequora_orchestration.domain.canonical_text import TRIAL_PREFIX
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.doubt import (
    CLOCKS_DIFFER_BY,
    Doubtful,
    Listed,
    LostAttempt,
    Recorded,
    Sought,
    found,
    found_changed,
    is_to,
    may_be_hidden,
)
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.domain.receipts import WORTH_A_SECOND_TRY, Receipt
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Outcome, SentText
from sequora_orchestration.messages.in_doubt import unreadable_verdict, verdict
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient

LOG = logging.getLogger(__name__)

# What Twilio shows of a number or a body that an account has redacted.
REDACTED = re.compile(r"(\+\d*X{4}|\W*redacted\W*|)", re.IGNORECASE)

# After so many lists that could not be read no other is asked for by this run: each may take its whole time-out.
MOST_UNREADABLE = 2

ADOPTED = Suppression(State.SENT, "found at the phone company", Cause.FOUND)
ADOPTED_LATE = Suppression(
    State.SENT, "given up, then found at the phone company before it was sent again", Cause.FOUND
)
FOUND_LATE = Suppression(
    State.SENT, "a text that was given up was found at the phone company: it went out all the same", Cause.FOUND
)
STILL_IN_DOUBT = Suppression(State.IN_DOUBT, "not found yet: looked for again", Cause.NOT_FOUND)
UNREADABLE = Suppression(State.IN_DOUBT, "the list could not be read: looked for again", Cause.LIST_UNREADABLE)
SETTLED_MEANWHILE = Suppression(
    State.IN_DOUBT, "settled meanwhile, or the text found is another message's", Cause.SETTLED_MEANWHILE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRead:
    """What the phone company's list has for some attempts."""

    texts: Sequence[Listed]
    """Those that are no message's yet."""

    recorded: Sequence[Recorded]
    """Those that are, as far as it is known by when they had been accepted."""


def look_up(
    delivery: Delivery, doubtful: Sequence[Doubtful], lost: Sequence[LostAttempt] = ()
) -> list[tuple[Sought, Suppression]]:
    """Look for texts in doubt at the phone company, and settle those that can be; return what became of each.

    So are attempts that were given up: of them those are returned that were found all the same. A list that cannot be
    read keeps only those in doubt that it is about. Raises the database's errors.
    """
    by_number: dict[str | None, list[Sought]] = defaultdict(list)
    sought: list[Sought] = [*doubtful, *lost]
    numbers = _numbers(delivery, sought)
    for one in sought:
        number = numbers.get(one.id)
        # If it went to another number than the recipient's of today, all texts have to be searched.
        texted = (
            number if number and is_to(delivery.ledger.opt_outs.fingerprint(number, ""), one.fingerprints) else None
        )
        by_number[texted].append(one)
    outcomes: list[tuple[Sought, Suppression]] = []
    unreadable = 0
    for to, some in by_number.items():
        in_doubt = [one for one in some if isinstance(one, Doubtful)]
        try:
            listed = _listed(delivery, some, to) if unreadable < MOST_UNREADABLE else None
        except LookUpError as error:
            LOG.warning("%s; %d texts stay in doubt", error, len(in_doubt))
            listed = None
        if listed is None:
            unreadable += 1
            outcomes += [(one, _settled(delivery, one, unreadable_verdict(one), UNREADABLE)) for one in in_doubt]
            delivery.ledger.doubts.look_later(in_doubt)
            continue
        outcomes += _looked_up(delivery, some, listed)
    return outcomes


def _looked_up(delivery: Delivery, sought: Sequence[Sought], listed: ListRead) -> list[tuple[Sought, Suppression]]:
    """Settle what was looked for in one list."""
    sids = _found(delivery, sought, listed)
    by_sid = {text.sid: text for text in listed.texts}
    # What is in doubt comes first: while a message is, a text like its own is not taken for one that was given up.
    outcomes: list[tuple[Sought, Suppression]] = []
    in_doubt = [one for one in sought if isinstance(one, Doubtful)]
    for one in in_doubt:
        if one.id in sids:
            is_ours = delivery.ledger.doubts.adopt(one, sids[one.id], _recognised_by(one, by_sid[sids[one.id]]))
            outcomes.append((one, ADOPTED if is_ours else SETTLED_MEANWHILE))
        else:
            is_hidden = may_be_hidden(one, listed.texts)
            judged = verdict(KINDS[one.kind], one, most_attempts=ATTEMPTS, is_hidden=is_hidden)
            outcomes.append((one, _settled(delivery, one, judged, STILL_IN_DOUBT)))
    delivery.ledger.doubts.note_looks([one for one in in_doubt if one.id not in sids])
    lost = [one for one in sought if isinstance(one, LostAttempt)]
    outcomes += [
        (attempt, what)
        for attempt in lost
        if attempt.id in sids and (what := _noted(delivery, attempt, by_sid[sids[attempt.id]]))
    ]
    delivery.ledger.lost_attempts.note_lost_looks([one for one in lost if one.id not in sids])
    return outcomes


def _found(delivery: Delivery, sought: Sequence[Sought], listed: ListRead) -> dict[str, str]:
    """Return the SIDs of the texts that were found, by id of what is sought."""
    sids = found(sought, listed.texts)
    missing = [one for one in sought if one.id not in sids]
    taken = set(sids.values())
    left = [text for text in listed.texts if text.sid not in taken]
    if not any(text.canonical_fingerprint in one.fingerprints for text in left for one in missing):
        return sids
    # Read after the list: who begins only now has no text in it.
    others = delivery.ledger.doubts.rivals(one.message_id for one in sought)
    return sids | found_changed(missing, left, others=others, recorded=listed.recorded)


def _recognised_by(one: Sought, text: Listed) -> list[str]:
    """Return by which of its fingerprints a text was found."""
    if text.fingerprint in one.fingerprints:
        return [text.fingerprint]
    return [text.canonical_fingerprint] if text.canonical_fingerprint else []


def _noted(delivery: Delivery, lost: LostAttempt, text: Listed) -> Suppression | None:
    """Record that a text went out which was given up; return what that means, None while it is not sure."""
    marks = _recognised_by(lost, text)
    if delivery.ledger.lost_attempts.adopt_given_up(lost, text.sid, marks):
        return ADOPTED_LATE
    if delivery.ledger.lost_attempts.note_found_late(lost, text.sid, marks, texted_at=text.created_at):
        return FOUND_LATE
    return None


def _settled(delivery: Delivery, doubtful: Doubtful, judged: Suppression | None, otherwise: Suppression) -> Suppression:
    if judged is None:
        return otherwise
    return judged if delivery.ledger.doubts.settle_doubt(doubtful, judged) else SETTLED_MEANWHILE


def _numbers(delivery: Delivery, sought: Sequence[Sought]) -> Mapping[str, str]:
    """Return the recipients' numbers, by id of what is sought."""
    patients = delivery.care.patients({one.recipient_id or "" for one in sought if is_to_a_patient(one.kind)})
    users = delivery.care.users({one.recipient_id or "" for one in sought if not is_to_a_patient(one.kind)})
    typed = {id_: one.primary_phone for id_, one in patients.items()}
    typed |= {id_: one.primary_phone for id_, one in users.items()}
    return {one.id: number for one in sought if (number := usable(typed.get(one.recipient_id or "")))}


def _listed(delivery: Delivery, sought: Sequence[Sought], to: str | None) -> ListRead:
    """Return what the phone company's list has for these attempts: of one number, or of all."""
    if not any(one.fingerprints for one in sought):
        return ListRead(texts=(), recorded=())
    since = min(one.since for one in sought) - CLOCKS_DIFFER_BY
    with _noted_whether_readable(delivery):
        texts = delivery.sender.texts_since(since, to=to)
    known = delivery.ledger.doubts.known_sids(text.sid for text in texts)
    return ListRead(
        texts=[_as_listed(delivery.ledger, text) for text in texts if text.sid not in known],
        recorded=[
            Recorded(created_at=text.created_at, sent_at=sent_at)
            for text in texts
            if text.created_at and (sent_at := known.get(text.sid))
        ],
    )


def _as_listed(ledger: Ledger, text: ListedText) -> Listed:
    if REDACTED.fullmatch(text.to) or REDACTED.fullmatch(text.body):
        return Listed(sid=text.sid, fingerprint=None, created_at=text.created_at)
    return Listed(
        sid=text.sid,
        fingerprint=ledger.opt_outs.fingerprint(text.to, text.body.removeprefix(TRIAL_PREFIX)),
        canonical_fingerprint=ledger.opt_outs.canonical_fingerprint(text.to, text.body),
        created_at=text.created_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What came of asking for receipts."""

    receipts: list[tuple[SentText, Receipt]]
    unknown: list[tuple[SentText, bool]]
    """The texts that the phone company does not know, and whether nobody asks for them again soon."""


def follow(delivery: Delivery, texts: Sequence[SentText]) -> Followed:
    """Ask what became of these texts, oldest first, and record it; return what is known by now.

    Raises LookUpError, and the database's errors.
    """
    if not texts:
        return Followed(receipts=[], unknown=[])
    by_sid = {text.sid: text for text in texts}
    with _noted_whether_readable(delivery):
        answer = delivery.sender.receipts(by_sid, since=texts[0].sent_at, until=texts[-1].sent_at)
    receipts = [(by_sid[receipt.sid], receipt) for receipt in answer.known]
    delivery.ledger.receipts.settle_delivered([text for text, receipt in receipts if receipt.state is State.DELIVERED])
    for text, receipt in receipts:
        if receipt.state is State.UNDELIVERED:
            again_after = KINDS[text.kind].second_try_after if receipt.code in WORTH_A_SECOND_TRY else None
            delivery.ledger.receipts.settle_undelivered(text, receipt, again_after=again_after)
    given_up = delivery.ledger.receipts.note_unknown([by_sid[sid] for sid in answer.unknown])
    unknown = [(text, text.id in given_up) for text in texts if text.sid in answer.unknown]
    return Followed(receipts=receipts, unknown=unknown)


@contextmanager
def _noted_whether_readable(delivery: Delivery) -> Iterator[None]:
    """Record whether the phone company lets us read what it has: else nobody sees that only sending goes well."""
    try:
        yield
    except UnreadableError as error:
        delivery.ledger.halts.note_unreadable(error.reason, http_status=error.http_status, code=error.code)
        raise
    delivery.ledger.halts.note_readable()


def log_owed_after(delivery: Delivery, ids: Sequence[str]) -> list[Outcome]:
    """Tell the application's log what became of these texts, all at once; return of which it still lacks something.

    One row that it refuses, or somebody has locked, would keep all others from it: those are left to be told singly.
    """
    owed = delivery.ledger.application_log.log_owed_of(ids)
    receipts = [one.id for one in owed if one.log_owes == "receipt"]
    try:
        if not receipts or not delivery.ledger.application_log.bring_log_up_to_date(receipts):
            return owed
    except DBAPIError as error:
        if not refuses_a_row(error):
            raise
        return owed
    return [one for one in owed if one.log_owes != "receipt"]
