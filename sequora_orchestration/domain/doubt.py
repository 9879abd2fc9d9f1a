"""Texts of which nobody knows whether the phone company has them: finding them in its list, and what to do if not.

A text is recognised by a fingerprint of number and body, taken before each call: texts are not stored, and one that is
written again later may read otherwise ("overdue by 43 min").
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import MessageKind, Suppression
from sequora_orchestration.domain.notification import in_words

# A text in the list may seem older than the call that made it: the list goes by another clock, and either may be hours
# off. What an equal text of another day would be mistaken for, it is not: each text is one message's alone.
CLOCKS_DIFFER_BY = timedelta(days=1)

# What Twilio puts before every text of a trial account.
TRIAL_PREFIX = "Sent from your Twilio trial account - "

# A text that the list does not show counts only if it may be of the same minutes.
HIDDEN_WITHIN = timedelta(minutes=10)

# One look is no proof: the list may lag behind.
LOOKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A message in doubt."""

    id: str
    kind: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    attempts: int
    attempted_at: datetime
    """When the last one began."""

    fingerprints: frozenset[str]
    """Of each attempt that may have gone out."""

    since: datetime
    """When the first attempt that is in doubt began."""

    looks: int
    """How often it has been looked for in a list that was read whole, before this time."""

    is_window_over: bool
    """Whether a text that was accepted must have shown up by now."""

    is_hopeless: bool = False
    """Whether it has been in doubt for so long that a person must look."""

    is_cancelled: bool = False
    """Whether an operator does not want it to be sent again."""

    is_providers: bool = False
    """Whether the phone company took no texts at all when it was tried."""

    @property
    def subject(self) -> str:
        """What the message is about, for a person who reads a log."""
        return in_words(self.task_id, self.episode_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A text that the phone company has, as its list shows it."""

    sid: str
    fingerprint: str | None
    """None if the list does not show number or body: an account may have them redacted."""

    created_at: datetime | None


def fingerprint(salt: bytes, number: str, body: str) -> str:
    """Return what a text is recognised by: digests of the E.164 number and of the body, 128 bits each."""
    digests = (hmac.digest(salt, part.encode(), "sha256").hex()[:32] for part in (number, body))
    return ":".join(digests)


def is_to(number_fingerprint: str, fingerprints: Iterable[str]) -> bool:
    """Tell whether all of the texts went to the number that another fingerprint is of."""
    number = number_fingerprint.partition(":")[0]
    return all(one.partition(":")[0] == number for one in fingerprints)


def found(doubtful: Sequence[Doubtful], listed: Iterable[Listed]) -> dict[str, str]:
    """Return the SIDs of the messages that are in the list, by message id; each text is one message's alone."""
    sids: dict[str, str] = {}
    by_age = sorted(listed, key=lambda text: (text.created_at is not None, text.created_at))
    for text in by_age:
        for one in doubtful:
            if one.id in sids or text.fingerprint not in one.fingerprints or _is_too_old(text, one):
                continue
            sids[one.id] = text.sid
            break
    return sids


def may_be_hidden(doubtful: Doubtful, listed: Iterable[Listed]) -> bool:
    """Tell whether a message may be among the texts that the list does not show."""
    return any(text.fingerprint is None and not _is_too_old(text, doubtful, HIDDEN_WITHIN) for text in listed)


def _is_too_old(text: Listed, doubtful: Doubtful, by: timedelta = CLOCKS_DIFFER_BY) -> bool:
    return text.created_at is not None and text.created_at < doubtful.since - by


def verdict(
    kind: MessageKind, doubtful: Doubtful, *, most_attempts: int, is_hidden: bool = False
) -> Suppression | None:
    """Return what becomes of a message that is not in the list, or None while it may still show up there."""
    if not doubtful.fingerprints:
        return _held(doubtful, "what was sent was not recorded")
    if not doubtful.is_window_over or doubtful.looks + 1 < LOOKS:
        return None
    if is_hidden:
        return _held(doubtful, "the phone company's list does not show what its texts say")
    return _verdict_on_lost(kind, doubtful, most_attempts)


def _verdict_on_lost(kind: MessageKind, doubtful: Doubtful, most_attempts: int) -> Suppression:
    if doubtful.is_cancelled:
        return Suppression(State.CANCELLED, "cancelled by an operator; not found at the phone company")
    if kind.if_not_found is State.HELD:
        return _held(doubtful, "not found at the phone company")
    if doubtful.attempts >= most_attempts and not doubtful.is_providers:
        return Suppression(State.FAILED, f"not found at the phone company after {doubtful.attempts} attempts")
    return Suppression(State.QUEUED, "not found at the phone company: sent again")


def unreadable_verdict(doubtful: Doubtful) -> Suppression | None:
    """Return what becomes of a message while the list cannot be read, or None while it is worth another look."""
    if not doubtful.is_hopeless:
        return None
    return _held(doubtful, "the phone company's list could not be read for an hour")


def _held(doubtful: Doubtful, why: str) -> Suppression:
    if doubtful.is_cancelled:
        return Suppression(State.CANCELLED, f"cancelled by an operator; it may have been sent: {why}")
    return Suppression(State.HELD, f"in doubt: {why}; look for it, then release or cancel it")
