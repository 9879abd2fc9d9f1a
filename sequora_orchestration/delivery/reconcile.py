"""Compares a day of the phone company's list with what the ledger says of that day.

It only reads; `Reconciler.note` records afterwards what has been reported. The rules stand in
`domain/comparison.py`. Calls are not compared: they are few, and each receipt is asked for by its id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sequora_orchestration.channels.channel import Channel, DayReader
from sequora_orchestration.channels.doors import open_channels
from sequora_orchestration.domain.comparison import Comparison
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.domain.reconciliation import (
    KnownText,
    Maker,
    Reconciliation,
    fit_day,
    span_of,
)
from sequora_orchestration.ledger.ledger import Ledger, open_ledger
from sequora_orchestration.settings.alarms import AlarmSettings
from sequora_orchestration.settings.application import AppSettings
from sequora_orchestration.settings.database import RetentionSettings

# Of the texts that the list does not show so many are asked for by their ids, some tenths of a second each.
MOST_ASKED_FOR = 50

# A text that was accepted before midnight and sent after it is in the next day's list. No text waits longer for its
# turn (https://www.twilio.com/docs/messaging/api/message-resource#message-properties, ValidityPeriod).
SENT_WITHIN = timedelta(hours=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """What a day is reconciled with. Each method may be called again at any time."""

    ledger: Ledger
    channel: Channel
    app_url: str
    """What the links of our texts begin with."""

    alarm_number: str | None
    """An engineer's number, in E.164: the ledger has no rows of alarms."""

    kept: timedelta
    """How long the ledger keeps messages."""

    def reconcile(self, day: date | None = None) -> Reconciliation:
        """Return what is found of a day, by UTC; without a day, of yesterday. It changes nothing.

        Raises UnfitDayError for a day that cannot be compared; LookUpError if the list cannot be read, or not to its
        end (then nothing is known: half a list would make the other half missing); and the database's errors.
        """
        now = self.ledger.opt_outs.moment().now
        day = fit_day(day, now=now, live_since=self.ledger.reconciliations.live_since(), kept=self.kept)
        channel = self.channel
        if not isinstance(channel, DayReader):
            raise TypeError(f"the list of {channel.name} cannot be read day by day")
        comparison = self._compared(channel, day)
        missing, unasked = self._missing(channel, comparison, day)
        orphans = comparison.orphans()
        reported = self.ledger.reconciliations.reported([one.provider_id for one in orphans])
        owes_rows, owes_receipts = self.ledger.reconciliations.log_owes(day, channel=channel.name)
        return Reconciliation(
            day=day,
            tallies=comparison.tallies,
            answers=comparison.answers,
            orphans=[replace(one, reported_at=reported.get(one.provider_id)) for one in orphans],
            missing=missing,
            unasked=unasked,
            differing=comparison.differing(),
            log_owes_rows=owes_rows,
            log_owes_receipts=owes_receipts,
        )

    def note(self, found: Reconciliation) -> None:
        """Record what was found, when it has been reported: its orphans are not reported as new again."""
        self.ledger.reconciliations.note(found)

    def _compared(self, channel: DayReader, day: date) -> Comparison:
        """Read the list page by page, and compare each with the ledger."""
        comparison, salt = Comparison(app_url=self.app_url, alarm_number=self.alarm_number), self.ledger.opt_outs.salt
        since, until = span_of(day)
        for page in channel.sent_between(since, until):
            prints = {
                one.provider_id: channel.recognise(salt, one.to, one.body) for one in page if one.body is not None
            }
            known = self.ledger.reconciliations.known_texts(one.provider_id for one in page)
            unknown = {id_: some for id_, some in prints.items() if id_ not in known}
            comparison.add(
                page,
                known=known,
                fingerprints={id_: as_sent for id_, (as_sent, *_) in prints.items()},
                makers=self._makers(channel, day, unknown),
            )
        return comparison

    def _makers(self, channel: DayReader, day: date, unknown: Mapping[str, Sequence[str]]) -> dict[str, Maker]:
        """Return the messages of which attempts may have made these texts, by the texts' ids."""
        if not unknown:
            return {}
        every = {one for some in unknown.values() for one in some}
        made_by = self.ledger.reconciliations.makers(every, day, channel=channel.name)
        return {id_: made_by[one] for id_, some in unknown.items() for one in some if one in made_by}

    def _missing(self, channel: DayReader, comparison: Comparison, day: date) -> tuple[list[KnownText], int]:
        """Return the day's texts that the phone company does not have, and how many more it was not asked for."""
        not_seen = [
            one
            for some in self.ledger.reconciliations.sent_on(day, channel=channel.name)
            for one in comparison.not_seen(some)
        ]
        if len(not_seen) > MOST_ASKED_FOR:  # a rush towards midnight, most probably: a sender's rate is limited
            _, ended = span_of(day)
            later = {text.provider_id for page in channel.sent_between(ended, ended + SENT_WITHIN) for text in page}
            not_seen = [one for one in not_seen if one.provider_id not in later]
        asked = not_seen[:MOST_ASKED_FOR]
        unknown = channel.unknown([one.provider_id for one in asked])
        missing = [one for one in asked if one.provider_id in unknown]
        rest = not_seen[MOST_ASKED_FOR:]
        # If it has none of those that it was asked for, there is no reason to think that it has the others.
        return (missing + rest, 0) if len(missing) == len(asked) else (missing, len(rest))


def open_reconciler() -> Reconciler:
    """Return what days are reconciled with, from the settings. Raises SettingError."""
    return Reconciler(
        ledger=open_ledger(),
        channel=open_channels()[SMS],
        app_url=AppSettings.load().sequora_app_url,
        alarm_number=usable(AlarmSettings.load().sequora_alarm_number),
        kept=RetentionSettings.load().sequora_keep_messages,
    )
