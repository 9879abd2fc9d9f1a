"""How a text in doubt is found in the phone company's list. In doubt means: nobody knows whether it went out.

A text is recognised by fingerprints of number and body, taken before each call: bodies are not stored, and a body that
is written again later may read otherwise ("overdue by 43 min"). One fingerprint is of the body as it was sent. If the
list has no text with it, the canonical fingerprint counts (`canonical_text`); but only if the text can be no other
message's. The rules for a text that is not found stand in `messages/in_doubt.py`.
"""

import hmac
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sequora_orchestration.domain.canonical_text import canonical
from sequora_orchestration.domain.notification import in_words

# A text in the list may seem older than the call that made it: the list goes by another clock, and either clock may be
# hours off. An equal text of another day does no harm: it has been adopted by its own message.
CLOCKS_DIFFER_BY = timedelta(days=1)

# The most seconds for which a text is looked for after the phone company itself answered with an error: it most
# probably was not accepted. (Nothing promises that; but a 5xx with a code in its body comes from the service that keeps
# texts.)
WINDOW_AFTER_ERROR_ANSWER = 10

# This stands between the two digests of a canonical fingerprint.
_CANONICAL = "canonical"

# A text whose number or body the list does not show counts only if it is of about the same time.
HIDDEN_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A message in doubt."""

    id: str
    kind: str
    channel: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    attempts: int
    attempted_at: datetime
    """When the last attempt began."""

    fingerprints: frozenset[str]
    """The fingerprints of each attempt that may have gone out."""

    since: datetime
    """When the first attempt that is in doubt began."""

    looks: int
    """How often the message was looked for before, in lists that were read whole."""

    is_window_over: bool
    """Whether a text that was accepted must have shown up by now."""

    is_hopeless: bool = False
    """Whether the message has been in doubt for so long that a person must look."""

    is_cancelled: bool = False
    """Whether an operator has cancelled the message."""

    is_providers: bool = False
    """Whether the phone company took no texts at all during the attempt."""

    given_up: int = 0
    """How many attempts before this one were in doubt, too, and not found."""

    @property
    def message_id(self) -> str:
        """The message's own id."""
        return self.id

    @property
    def subject(self) -> str:
        """The message's task or episode, in words for a person who reads a log."""
        return in_words(self.task_id, self.episode_id, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAttempt:
    """An attempt that was given up because the list did not show its text, so that its message was to be sent again."""

    id: str
    """The attempt's own id."""

    message_id: str
    kind: str
    channel: str
    task_id: str | None
    episode_id: str | None
    recipient_id: str | None
    fingerprints: frozenset[str]
    since: datetime
    """When the attempt began."""

    @property
    def subject(self) -> str:
        """The task or episode of the attempt's message, in words for a person who reads a log."""
        return in_words(self.task_id, self.episode_id, self.message_id)


Sought = Doubtful | LostAttempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A text that the phone company has, as its list shows it."""

    provider_id: str
    fingerprint: str | None
    """None if the list does not show the number or the body: an account may have them redacted."""

    created_at: datetime | None
    canonical_fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A text in the list that a message has adopted. It dates other texts, for it has the time of both clocks."""

    created_at: datetime
    """When it was made, by the list's clock."""

    sent_at: datetime
    """When it had been accepted, by our clock."""


def fingerprint(salt: bytes, number: str, body: str) -> str:
    """Return the fingerprint of a text: digests of the E.164 number and of the body, 128 bits each."""
    return f"{_digest(salt, number)}:{_digest(salt, body)}"


def canonical_fingerprint(salt: bytes, number: str, body: str) -> str:
    """Return the canonical fingerprint of a text: the same whether the phone company has changed the body or not."""
    return f"{_digest(salt, number)}:{_CANONICAL}:{_digest(salt, canonical(body))}"


def _digest(salt: bytes, part: str) -> str:
    return hmac.digest(salt, part.encode(), "sha256").hex()[:32]


def is_canonical(one: str) -> bool:
    """Return whether a fingerprint is a canonical one."""
    return f":{_CANONICAL}:" in one


def is_to(number_fingerprint: str, fingerprints: Iterable[str]) -> bool:
    """Return whether all of these fingerprints' texts went to the number of `number_fingerprint`."""
    number = number_fingerprint.partition(":")[0]
    return all(one.partition(":")[0] == number for one in fingerprints)


def found(
    sought: Sequence[Sought], listed: Iterable[Listed], *, clocks_differ_by: timedelta = CLOCKS_DIFFER_BY
) -> dict[str, str]:
    """Return the phone company's ids of texts that the list shows as they were sent, by the id of the sought attempt.

    Each text belongs to one message: if it may be of several, to the first of `sought`. A text may seem older than its
    attempt by `clocks_differ_by`.
    """
    return _paired(
        sought,
        listed,
        lambda one, text: text.fingerprint in one.fingerprints and not _is_too_old(text, one, clocks_differ_by),
    )


def _paired(
    sought: Sequence[Sought], listed: Iterable[Listed], may_be: Callable[[Sought, Listed], bool]
) -> dict[str, str]:
    """Give each text, the oldest first, to the first sought attempt that may have sent it and has no text yet."""
    provider_ids: dict[str, str] = {}
    for text in sorted(listed, key=lambda text: (text.created_at is not None, text.created_at)):
        for one in sought:
            if one.id not in provider_ids and may_be(one, text):
                provider_ids[one.id] = text.provider_id
                break
    return provider_ids


def found_changed(
    sought: Sequence[Sought],
    listed: Iterable[Listed],
    *,
    others: Iterable[Collection[str]],
    recorded: Iterable[Recorded],
) -> dict[str, str]:
    """Return the phone company's ids of texts that the list shows changed, by the id of the sought attempt.

    A text counts only if it can be no other message's: no other sought message may have sent such a text, nor any of
    the `others` (the fingerprints of each), and there are no more such texts than sought attempts of this message.
    """
    known, rivals = list(recorded), [*others, *_without_mark(sought)]
    texts_like: dict[str, list[Listed]] = defaultdict(list)
    for text in listed:
        if text.canonical_fingerprint and not any(text.fingerprint in one for one in rivals):
            texts_like[text.canonical_fingerprint].append(text)

    def may_be(one: Sought, text: Listed) -> bool:
        return not (_is_too_old(text, one) or _is_before(text, one, known))

    provider_ids: dict[str, str] = {}
    for mark, texts in texts_like.items():
        attempts = [one for one in sought if mark in one.fingerprints and one.id not in provider_ids]
        possible = [text for text in texts if any(may_be(one, text) for one in attempts)]
        if (
            len({one.message_id for one in attempts}) == 1
            and len(possible) <= len(attempts)
            and not any(_may_be_like(mark, one) for one in rivals)
        ):
            provider_ids |= _paired(attempts, possible, may_be)
    return provider_ids


def _without_mark(sought: Iterable[Sought]) -> list[Collection[str]]:
    return [one.fingerprints for one in sought if not any(map(is_canonical, one.fingerprints))]


def _may_be_like(mark: str, fingerprints: Collection[str]) -> bool:
    """Return whether a message with these fingerprints may have sent a text with the canonical fingerprint `mark`.

    A message that an older version of this code has sent has no canonical fingerprint: only its number is known.
    """
    if any(map(is_canonical, fingerprints)):
        return mark in fingerprints
    return bool(fingerprints) and is_to(mark, fingerprints)


def _is_before(text: Listed, one: Sought, recorded: Iterable[Recorded]) -> bool:
    """Return whether a text is older than another that had been accepted before the attempt began."""
    return text.created_at is not None and any(
        text.created_at < known.created_at and known.sent_at < one.since for known in recorded
    )


def may_be_hidden(doubtful: Doubtful, listed: Iterable[Listed]) -> bool:
    """Return whether a message may be among the texts whose number or body the list does not show."""
    return any(text.fingerprint is None and not _is_too_old(text, doubtful, HIDDEN_WITHIN) for text in listed)


def _is_too_old(text: Listed, one: Sought, by: timedelta = CLOCKS_DIFFER_BY) -> bool:
    return text.created_at is not None and text.created_at < one.since - by
