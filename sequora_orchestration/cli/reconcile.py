"""`sequora reconcile`: what the phone company's list of a day has against the ledger, for a person or a program.

It reads alone: a text that it shows is still reported by the nightly run. Ids and masked phones only.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from sequora_orchestration.delivery.reconcile import open_reconciler
from sequora_orchestration.domain.reconciliation import Likeness, Orphan, Reconciliation, count_by_likeness, day_of
from sequora_orchestration.domain.reconciliation_words import NAMED, complaints
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.terminal.page import Block, Page, Row, Tone, Toned
from sequora_orchestration.terminal.screen import shown

COLUMNS = 120

_OF_LIKENESS = {
    Likeness.DOUBLED: ("Doubled: word for word a text of ours, and the ledger does not know it", Tone.BAD),
    Likeness.OURS: ("Like ours: with a link to a task, and the ledger does not know it", Tone.BAD),
    Likeness.OTHER: ("Other texts from our sender that this system has not sent", Tone.CARE),
}


def show(day: str | None, *, as_json: bool) -> tuple[str, bool]:
    """Return what is found of a day (YYYY-MM-DD, UTC; by default yesterday), and whether nothing new is to be seen to.

    Raises UnfitDayError, LookUpError, SettingError, SchemaMissingError and the database's errors.
    """
    found = open_reconciler().reconcile(None if day is None else day_of(day))
    return (_as_json(found) if as_json else shown(as_page(found))), not complaints(found)


def as_page(found: Reconciliation) -> Page:
    """Return a reconciliation as a page."""
    return [
        Block(shape="{}", rows=[Toned(f"Texts of {found.day} (a day of UTC)", Tone.HEADING)]),
        _to_look_at(found),
        *_orphans(found),
        *_missing(found),
        *_differing(found),
        _by_kind(found),
    ]


def _to_look_at(found: Reconciliation) -> Block:
    rows: list[str | Toned | Row] = [
        (Toned("!!" if one.is_serious else "!", Tone.BAD if one.is_serious else Tone.CARE), one.sentence)
        for one in complaints(found)
    ]
    before = len(found.orphans) - len(found.new)
    if before:
        rows.append(
            (Toned("-", Tone.QUIET), f"reported before, and below all the same: {counted(before, 'unknown text')}")
        )
    if not rows:
        rows.append((Toned("ok", Tone.WELL), "the phone company and the ledger agree"))
    if found.answers:
        said = f"{counted(found.answers, 'more text')} went out as webhooks' answers: never ours, and not counted"
        rows.append((Toned("-", Tone.QUIET), said))
    return Block(shape="{:<2} {}", rows=rows, wraps=COLUMNS)


def _orphans(found: Reconciliation) -> Iterator[Block]:
    for likeness, count in count_by_likeness(found.orphans).items():
        some = [one for one in found.orphans if one.likeness is likeness][:NAMED]
        if some:
            heading, tone = _OF_LIKENESS[likeness]
            rows: list[str | Toned | Row] = ["", Toned(f"{heading}{_of(some, count)}", tone), *map(_orphan, some)]
            yield Block(shape="  {:<34}  {:<9}  {:<19}  {:<11}  {}", rows=rows)


def _orphan(one: Orphan) -> Row:
    notes = [f"as message {one.message_id}" if one.message_id else "", "reported already" if one.reported_at else ""]
    return one.provider_id, one.recipient, _time(one.at), one.status, ", ".join(filter(None, notes))


def _missing(found: Reconciliation) -> Iterator[Block]:
    some = found.missing[:NAMED]
    if some:
        heading = f"Sent, says the ledger, and the phone company does not have them{_of(some, len(found.missing))}"
        yield Block(
            shape="  {:<34}  {:<36}  {:<16}  {}",
            rows=[
                "",
                Toned(heading, Tone.BAD),
                *((one.provider_id, one.message_id, one.kind, _time(one.sent_at)) for one in some),
            ],
        )


def _differing(found: Reconciliation) -> Iterator[Block]:
    some = found.differing[:NAMED]
    if some:
        heading = f"Another fate at the phone company{_of(some, len(found.differing))}"
        yield Block(
            shape="  {:<34}  {:<36}  {:<16}  {}",
            rows=[
                "",
                Toned(heading, Tone.CARE),
                *((one.provider_id, one.message_id, one.kind, f"{one.ours} here, {one.theirs} there") for one in some),
            ],
        )


def _by_kind(found: Reconciliation) -> Block:
    rows: list[str | Toned | Row] = ["", Toned("By kind", Tone.HEADING)]
    if found.tallies:
        rows.append(("", "texts", "segments", "without a price", "price"))
    for kind, tally in sorted(found.tallies.items()):
        price = ", ".join(f"{amount} {currency}" for currency, amount in sorted(tally.prices.items()))
        rows.append((kind, str(tally.texts), str(tally.segments), str(tally.unpriced), price or "none"))
    if not found.tallies:
        rows.append("  no text went out from our sender")
    elif any(tally.unpriced for tally in found.tallies.values()):
        rows.append(
            "  What has no price is in no sum. The phone company sets it after a text was sent, mostly within a day; a "
        )
        rows.append("  text that failed may never have one.")
    return Block(shape="  {:<16} {:>8} {:>9} {:>16}   {}", rows=rows)


def _of(some: Sequence[object], count: int) -> str:
    return f": the first {len(some)} of {count}" if count > len(some) else f": {count}"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def _as_json(found: Reconciliation) -> str:
    everything = {
        **asdict(found),
        "texts": found.texts,
        "to_look_at": [asdict(one) for one in complaints(found)],
        "orphans": [_without_fingerprint(one) for one in found.orphans],
    }
    return json.dumps(everything, indent=2, ensure_ascii=False, default=_plain)


def _without_fingerprint(one: Orphan) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "fingerprint"}


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else str(value.isoformat())
