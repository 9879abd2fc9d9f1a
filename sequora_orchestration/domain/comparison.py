"""Compares the phone company's list of a day with what the ledger says of that day.

Pure: the list comes page by page, each with what the ledger knows of its texts, and is counted. A text is kept in
memory only if something is amiss with it; of all others only their ids and fingerprints. No body and no number is kept.
Not here: reading either side (`delivery/reconcile.py`), and what may be found (`reconciliation`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.phone_number import masked
from sequora_orchestration.domain.receipts import receipt
from sequora_orchestration.domain.reconciliation import (
    ALARM,
    SETTLED,
    UNKNOWN,
    Differing,
    KnownText,
    Likeness,
    Maker,
    Orphan,
    SentText,
    Tally,
)


class Comparison:
    """Compares the pages of a day's list, one after another, with what the ledger knows of them."""

    def __init__(self, *, app_url: str, alarm_number: str | None) -> None:
        """`app_url` is what the links of our texts begin with; `alarm_number`, in E.164, is an engineer's."""
        self._link = f"{app_url.rstrip('/')}/tasks"
        self._alarm_number = alarm_number
        self._seen = set[str]()
        self._ours: dict[str, str] = {}
        """The messages whose texts were seen, by their fingerprints."""

        self._unknown: list[tuple[Orphan, Maker | None]] = []
        self._differing: list[Differing] = []
        self.tallies: dict[str, Tally] = {}
        self.answers = 0

    def add(
        self,
        texts: Sequence[SentText],
        *,
        known: Mapping[str, KnownText],
        fingerprints: Mapping[str, str],
        makers: Mapping[str, Maker],
    ) -> None:
        """Count a page. A text that was on a page before counts once.

        `known` has what the ledger knows, by the phone company's ids; `fingerprints` are those of the texts, by the
        same ids; `makers` are the messages that may have made texts which the ledger does not know, by the same ids.
        """
        for text in texts:
            if text.provider_id in self._seen:
                continue
            self._seen.add(text.provider_id)
            message, maker = known.get(text.provider_id), makers.get(text.provider_id)
            if message:
                self._tally(message.kind, text)
                if print_ := fingerprints.get(text.provider_id):
                    self._ours[print_] = message.message_id
                self._compare_fates(text, message)
            elif not text.is_by_request:
                self.answers += 1
            elif text.to == self._alarm_number and not self._is_like_ours(text) and maker is None:
                self._tally(ALARM, text)
            else:
                self._tally(maker.kind if maker and not maker.is_sent else UNKNOWN, text)
                self._unknown.append((self._orphan(text, fingerprints.get(text.provider_id, "")), maker))

    def orphans(self) -> list[Orphan]:
        """Return the orphans of all pages so far, the worst first, and of the same likeness the newest."""
        order, own = list(Likeness), self._own_of_unsent()
        return sorted(
            (self._judged(one, maker) for one, maker in self._unknown if one.provider_id not in own),
            key=lambda one: (order.index(one.likeness), -one.at.timestamp(), one.provider_id),
        )

    def differing(self) -> list[Differing]:
        """Return the texts of all pages so far whose fate the two sides tell differently."""
        return [*self._differing, *(one for one in self._own_of_unsent().values() if one)]

    def not_seen(self, sent: Iterable[KnownText]) -> list[KnownText]:
        """Return those of the ledger's texts that no page has shown."""
        return [one for one in sent if one.provider_id not in self._seen]

    def _tally(self, kind: str, text: SentText) -> None:
        self.tallies.setdefault(kind, Tally()).add(text)

    def _is_like_ours(self, text: SentText) -> bool:
        return text.body is not None and self._link in text.body

    def _compare_fates(self, text: SentText, message: KnownText) -> None:
        theirs = receipt(text.provider_id, text.status, text.code)
        if theirs and message.state in SETTLED and theirs.state is not message.state and not message.awaits_receipt:
            self._differing.append(
                Differing(
                    provider_id=text.provider_id,
                    message_id=message.message_id,
                    kind=message.kind,
                    ours=message.state,
                    theirs=theirs.state,
                )
            )

    def _orphan(self, text: SentText, fingerprint: str) -> Orphan:
        return Orphan(
            provider_id=text.provider_id,
            recipient=masked(text.to) or "hidden",
            at=text.at,
            status=text.status,
            likeness=Likeness.OURS if self._is_like_ours(text) else Likeness.OTHER,
            fingerprint=fingerprint,
        )

    def _judged(self, one: Orphan, maker: Maker | None) -> Orphan:
        """Return an orphan as it looks now that all of our texts are known: it may be the second of one."""
        doubles = maker.message_id if maker else self._ours.get(one.fingerprint)
        return replace(one, likeness=Likeness.DOUBLED, message_id=doubles) if doubles else one

    def _own_of_unsent(self) -> dict[str, Differing | None]:
        """Return the texts that are no orphans, by their ids, for they are a message's that the ledger has as not sent.

        Of several one alone is the message's own: the oldest that did not fail. None stands for one that failed: then
        both sides agree.
        """
        own, has_one = dict[str, Differing | None](), set[str]()
        for one, maker in sorted(self._unknown, key=lambda pair: (pair[0].has_failed, pair[0].at)):
            is_second = maker is None or maker.is_sent or maker.message_id in has_one or one.fingerprint in self._ours
            if maker is None or is_second:
                continue
            has_one.add(maker.message_id)
            theirs = receipt(one.provider_id, one.status, None)
            own[one.provider_id] = (
                None
                if one.has_failed
                else Differing(
                    provider_id=one.provider_id,
                    message_id=maker.message_id,
                    kind=maker.kind,
                    ours=maker.state,
                    theirs=theirs.state if theirs else State.SENT,
                )
            )
        return own
