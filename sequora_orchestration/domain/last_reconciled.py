"""How it stands with the nightly comparison with the phone company's list, in a line.

What is found of a day stands in `reconciliation`, and what a person should do about it in `reconciliation_words`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sequora_orchestration.domain.health import OLDEST_RECONCILED
from sequora_orchestration.domain.spell import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class LastReconciled:
    """What was found of the newest day (UTC) that was reconciled."""

    day: date
    at: datetime
    age: float
    """Seconds since that day began."""

    texts: int
    doubled: int
    like_ours: int
    of_others: int
    missing: int
    differing: int
    log_owes: int

    @property
    def is_old(self) -> bool:
        """Whether a later day should have been compared by now."""
        return self.age > OLDEST_RECONCILED.total_seconds()

    @property
    def is_serious(self) -> bool:
        """Whether somebody was texted who should not have been, or was not who should."""
        return self.doubled + self.like_ours + self.missing > 0


def in_a_line(last: LastReconciled | None) -> str:
    """Return how it stands: which day was compared last, what was found, and whether one is missing since."""
    if last is None:
        return "no day was compared yet: `reconcile_texts` compares one each night"
    found = {
        "doubled": last.doubled,
        "unknown and like ours": last.like_ours,
        "missing": last.missing,
        "other unknown": last.of_others,
        "of another fate": last.differing,
        "that the log lacks": last.log_owes,
    }
    amiss = ", ".join(f"{count} {what}" for what, count in found.items() if count)
    said = [f"{counted(last.texts, 'text')} of {last.day} (UTC): {amiss or 'the phone company and the ledger agree'}"]
    if amiss:
        said.append(f"`sequora reconcile --day {last.day}`")
    if last.is_old:
        said.append("no day since: see the schedule `reconciliation_every_night` and the runs of `reconcile_texts`")
    return "; ".join(said)
