"""What is done about texts that may have been sent, and about those that were. Dagster is not known here.

Reading the phone company's list changes nothing, and each message is settled by one guarded statement: so two of these
at a time, or one killed in between, do no harm. What was not settled is looked at again.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.domain.doubt import (
    CLOCKS_DIFFER_BY,
    TRIAL_PREFIX,
    Doubtful,
    Listed,
    found,
    is_to,
    may_be_hidden,
    unreadable_verdict,
    verdict,
)
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import CHECK_IN, KINDS, Suppression
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.domain.receipts import WORTH_A_SECOND_TRY, Receipt
from sequora_orchestration.jobs.delivery import ATTEMPTS, Delivery
from sequora_orchestration.resources.database import refuses_a_row
from sequora_orchestration.resources.ledger import Outcome, SentText
from sequora_orchestration.resources.sms_sender import LookUpError

LOG = logging.getLogger(__name__)

# What Twilio shows of a number or a body that an account has redacted.
REDACTED = re.compile(r"(\+\d*X{4}|\W*redacted\W*|)", re.IGNORECASE)

# After so many lists that could not be read no other is asked for by this run: each may take its whole time-out.
MOST_UNREADABLE = 2

ADOPTED = Suppression(State.SENT, "found at the phone company")
STILL_IN_DOUBT = Suppression(State.IN_DOUBT, "not found yet: looked for again")
UNREADABLE = Suppression(State.IN_DOUBT, "the list could not be read: looked for again")
SETTLED_MEANWHILE = Suppression(State.IN_DOUBT, "settled meanwhile, or the text found is another message's")


def look_up(delivery: Delivery, doubtful: Sequence[Doubtful]) -> list[tuple[Doubtful, Suppression]]:
    """Look for texts in doubt at the phone company, and settle those that can be; return what became of each.

    A list that cannot be read keeps only those in doubt that it is about. Raises the database's errors.
    """
    by_number: dict[str | None, list[Doubtful]] = defaultdict(list)
    numbers = _numbers(delivery, doubtful)
    for one in doubtful:
        number = numbers.get(one.id)
        # If it went to another number than the recipient's of today, all texts have to be searched.
        texted = number if number and is_to(delivery.ledger.fingerprint(number, ""), one.fingerprints) else None
        by_number[texted].append(one)
    outcomes: list[tuple[Doubtful, Suppression]] = []
    unreadable = 0
    for to, some in by_number.items():
        try:
            listed = _listed(delivery, some, to) if unreadable < MOST_UNREADABLE else None
        except LookUpError as error:
            LOG.warning("%s; %d texts stay in doubt", error, len(some))
            listed = None
        if listed is None:
            unreadable += 1
            outcomes += [(one, _settled(delivery, one, unreadable_verdict(one), UNREADABLE)) for one in some]
            delivery.ledger.look_later(some)
            continue
        sids = found(some, listed)
        not_found = [one for one in some if one.id not in sids]
        outcomes += [
            (one, ADOPTED if delivery.ledger.adopt(one, sids[one.id]) else SETTLED_MEANWHILE)
            for one in some
            if one.id in sids
        ]
        for one in not_found:
            judged = verdict(KINDS[one.kind], one, most_attempts=ATTEMPTS, is_hidden=may_be_hidden(one, listed))
            outcomes.append((one, _settled(delivery, one, judged, STILL_IN_DOUBT)))
        delivery.ledger.note_looks(not_found)
    return outcomes


def _settled(delivery: Delivery, doubtful: Doubtful, judged: Suppression | None, otherwise: Suppression) -> Suppression:
    if judged is None:
        return otherwise
    return judged if delivery.ledger.settle_doubt(doubtful, judged) else SETTLED_MEANWHILE


def _numbers(delivery: Delivery, doubtful: Sequence[Doubtful]) -> Mapping[str, str]:
    """Return the recipients' numbers, by message id."""
    patients = delivery.care.patients({one.recipient_id or "" for one in doubtful if one.kind == CHECK_IN.name})
    users = delivery.care.users({one.recipient_id or "" for one in doubtful if one.kind != CHECK_IN.name})
    typed = {id_: one.primary_phone for id_, one in patients.items()}
    typed |= {id_: one.primary_phone for id_, one in users.items()}
    return {one.id: number for one in doubtful if (number := usable(typed.get(one.recipient_id or "")))}


def _listed(delivery: Delivery, doubtful: Sequence[Doubtful], to: str | None) -> list[Listed]:
    """Return the texts at the phone company that may be these messages': those that are no other's."""
    if not any(one.fingerprints for one in doubtful):
        return []
    since = min(one.since for one in doubtful) - CLOCKS_DIFFER_BY
    texts = delivery.sender.texts_since(since, to=to)
    known = delivery.ledger.known_sids(text.sid for text in texts)
    return [
        Listed(
            sid=text.sid,
            fingerprint=None
            if REDACTED.fullmatch(text.to) or REDACTED.fullmatch(text.body)
            else delivery.ledger.fingerprint(text.to, text.body.removeprefix(TRIAL_PREFIX)),
            created_at=text.created_at,
        )
        for text in texts
        if text.sid not in known
    ]


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
    answer = delivery.sender.receipts(by_sid, since=texts[0].sent_at, until=texts[-1].sent_at)
    receipts = [(by_sid[receipt.sid], receipt) for receipt in answer.known]
    delivery.ledger.settle_delivered([text for text, receipt in receipts if receipt.state is State.DELIVERED])
    for text, receipt in receipts:
        if receipt.state is State.UNDELIVERED:
            again_after = KINDS[text.kind].second_try_after if receipt.code in WORTH_A_SECOND_TRY else None
            delivery.ledger.settle_undelivered(text, receipt, again_after=again_after)
    given_up = delivery.ledger.note_unknown([by_sid[sid] for sid in answer.unknown])
    unknown = [(text, text.id in given_up) for text in texts if text.sid in answer.unknown]
    return Followed(receipts=receipts, unknown=unknown)


def log_owed_after(delivery: Delivery, ids: Sequence[str]) -> list[Outcome]:
    """Tell the application's log what became of these texts, all at once; return of which it still lacks something.

    One row that it refuses, or somebody has locked, would keep all others from it: those are left to be told singly.
    """
    owed = delivery.ledger.log_owed_of(ids)
    receipts = [one.id for one in owed if one.log_owes == "receipt"]
    try:
        if not receipts or not delivery.ledger.bring_log_up_to_date(receipts):
            return owed
    except DBAPIError as error:
        if not refuses_a_row(error):
            raise
        return owed
    return [one for one in owed if one.log_owes != "receipt"]
