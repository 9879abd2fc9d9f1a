"""Looks in the phone company's list for messages of which nobody knows whether they went out, and settles them.

Reading that list changes nothing, and each message is settled by one guarded statement: so two processes at a time, or
one killed in between, do no harm. A message that was not settled is looked for again. How a text is recognised stands
in `domain/doubt.py`.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sequora_orchestration.channels.channel import Channel, ListedMessage, LookUpError
from sequora_orchestration.delivery.delivery import ATTEMPTS, Delivery
from sequora_orchestration.delivery.follow_up import noted_whether_readable
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.doubt import (
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
from sequora_orchestration.domain.notification import noun_of
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.messages.in_doubt import unreadable_verdict, verdict
from sequora_orchestration.messages.kind import Suppression
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient

LOG = logging.getLogger(__name__)

# After so many lists of a channel that could not be read a run asks for no other: each may take its whole time-out.
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
    """The phone company's list, as far as it is about some attempts."""

    texts: Sequence[Listed]
    """The texts that no message has adopted yet."""

    recorded: Sequence[Recorded]
    """The texts of messages, where it is known by when they had been accepted."""


def look_up(
    delivery: Delivery, doubtful: Sequence[Doubtful], lost: Sequence[LostAttempt] = ()
) -> list[tuple[Sought, Suppression]]:
    """Look for messages in doubt at the phone company, settle those that can be, and return the outcome of each.

    Lost attempts are looked for, too, and returned if they were found all the same. If a list cannot be read, only its
    own messages stay in doubt. Raises the database's errors.
    """
    outcomes: list[tuple[Sought, Suppression]] = []
    unreadable = Counter[str]()
    for (name, to), some in _by_list(delivery, [*doubtful, *lost]).items():
        channel, in_doubt = delivery.channels[name], [one for one in some if isinstance(one, Doubtful)]
        try:
            listed = _listed(delivery, channel, some, to) if unreadable[name] < MOST_UNREADABLE else None
        except LookUpError as error:
            LOG.warning("%s; %d %ss stay in doubt", error, len(in_doubt), noun_of(name))
            listed = None
        if listed is None:
            unreadable[name] += 1
            outcomes += [(one, _settled(delivery, one, unreadable_verdict(one), UNREADABLE)) for one in in_doubt]
            delivery.ledger.doubts.look_later(in_doubt)
            continue
        outcomes += _looked_up(delivery, channel, some, listed)
    return outcomes


def _by_list(delivery: Delivery, sought: Sequence[Sought]) -> Mapping[tuple[str, str | None], list[Sought]]:
    """Group the attempts by the list to read: a channel's texts to one number, or (None) to all numbers."""
    numbers, salt = _numbers(delivery, sought), delivery.ledger.opt_outs.salt
    by_list: dict[tuple[str, str | None], list[Sought]] = defaultdict(list)
    for one in sought:
        number = numbers.get(one.id)
        # If the text went to another number than the recipient's of today, all texts have to be searched.
        is_hers = number and is_to(delivery.channels[one.channel].recognise(salt, number, "")[0], one.fingerprints)
        by_list[one.channel, number if is_hers else None].append(one)
    return by_list


def _looked_up(
    delivery: Delivery, channel: Channel, sought: Sequence[Sought], listed: ListRead
) -> list[tuple[Sought, Suppression]]:
    """Settle the attempts that were looked for in one list."""
    provider_ids = _found(delivery, channel, sought, listed)
    by_provider_id = {text.provider_id: text for text in listed.texts}
    shown = {id_: by_provider_id[provider_id] for id_, provider_id in provider_ids.items()}
    # Messages in doubt come first: while one is in doubt, a text like its own is not taken for a lost attempt's.
    outcomes: list[tuple[Sought, Suppression]] = []
    in_doubt = [one for one in sought if isinstance(one, Doubtful)]
    for one in in_doubt:
        if text := shown.get(one.id):
            is_ours = delivery.ledger.doubts.adopt(one, text.provider_id, _recognised_by(one, text))
            outcomes.append((one, ADOPTED if is_ours else SETTLED_MEANWHILE))
        else:
            is_hidden = may_be_hidden(one, listed.texts)
            judged = verdict(KINDS[one.kind], one, most_attempts=ATTEMPTS, is_hidden=is_hidden)
            outcomes.append((one, _settled(delivery, one, judged, STILL_IN_DOUBT)))
    delivery.ledger.doubts.note_looks([one for one in in_doubt if one.id not in shown])
    lost = [one for one in sought if isinstance(one, LostAttempt)]
    outcomes += [
        (attempt, what)
        for attempt in lost
        if attempt.id in shown and (what := _noted(delivery, attempt, shown[attempt.id]))
    ]
    delivery.ledger.lost_attempts.note_lost_looks([one for one in lost if one.id not in shown])
    return outcomes


def _found(delivery: Delivery, channel: Channel, sought: Sequence[Sought], listed: ListRead) -> dict[str, str]:
    """Return the phone company's ids of the texts that were found, by the id of the attempt."""
    provider_ids = found(sought, listed.texts, clocks_differ_by=channel.clocks_differ_by)
    missing = [one for one in sought if one.id not in provider_ids]
    taken = set(provider_ids.values())
    left = [text for text in listed.texts if text.provider_id not in taken]
    if not any(text.canonical_fingerprint in one.fingerprints for text in left for one in missing):
        return provider_ids
    # Read after the list: a message whose call begins only now has no text in it.
    others = delivery.ledger.doubts.rivals((one.message_id for one in sought), channel.name)
    return provider_ids | found_changed(missing, left, others=others, recorded=listed.recorded)


def _recognised_by(one: Sought, text: Listed) -> list[str]:
    """Return the attempt's fingerprints by which a text was found."""
    if text.fingerprint in one.fingerprints:
        return [text.fingerprint]
    return [text.canonical_fingerprint] if text.canonical_fingerprint else []


def _noted(delivery: Delivery, lost: LostAttempt, text: Listed) -> Suppression | None:
    """Record that the text of a lost attempt went out; return the outcome, or None while it is not certain."""
    marks = _recognised_by(lost, text)
    if delivery.ledger.lost_attempts.adopt_given_up(lost, text.provider_id, marks):
        return ADOPTED_LATE
    if delivery.ledger.lost_attempts.note_found_late(lost, text.provider_id, marks, texted_at=text.created_at):
        return FOUND_LATE
    return None


def _settled(delivery: Delivery, doubtful: Doubtful, judged: Suppression | None, otherwise: Suppression) -> Suppression:
    if judged is None:
        return otherwise
    return judged if delivery.ledger.doubts.settle_doubt(doubtful, judged) else SETTLED_MEANWHILE


def _numbers(delivery: Delivery, sought: Sequence[Sought]) -> Mapping[str, str]:
    """Return the recipients' numbers, by the id of the attempt."""
    patients = delivery.care.patients({one.recipient_id or "" for one in sought if is_to_a_patient(one.kind)})
    users = delivery.care.users({one.recipient_id or "" for one in sought if not is_to_a_patient(one.kind)})
    typed = {id_: one.primary_phone for id_, one in patients.items()}
    typed |= {id_: one.primary_phone for id_, one in users.items()}
    return {one.id: number for one in sought if (number := usable(typed.get(one.recipient_id or "")))}


def _listed(delivery: Delivery, channel: Channel, sought: Sequence[Sought], to: str | None) -> ListRead:
    """Read the phone company's list for these attempts: the texts to one number, or to all."""
    if not any(one.fingerprints for one in sought):
        return ListRead(texts=(), recorded=())
    since = min(one.since for one in sought) - channel.clocks_differ_by
    with noted_whether_readable(delivery.ledger, channel):
        texts = channel.listed(since, to=to)
    known = delivery.ledger.doubts.known_provider_ids(text.provider_id for text in texts)
    salt = delivery.ledger.opt_outs.salt
    return ListRead(
        texts=[_as_listed(channel, text, salt) for text in texts if text.provider_id not in known],
        recorded=[
            Recorded(created_at=text.created_at, sent_at=sent_at)
            for text in texts
            if text.created_at and (sent_at := known.get(text.provider_id))
        ],
    )


def _as_listed(channel: Channel, text: ListedMessage, salt: bytes) -> Listed:
    if text.content is None:
        return Listed(provider_id=text.provider_id, fingerprint=None, created_at=text.created_at)
    as_sent, *changed = channel.recognise(salt, text.to, text.content)
    return Listed(
        provider_id=text.provider_id,
        fingerprint=as_sent,
        canonical_fingerprint=changed[0] if changed else None,
        created_at=text.created_at,
    )
