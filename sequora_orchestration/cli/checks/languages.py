"""The languages of patients: how many of them are texted in English for want of a text in their own language.

A code may be anything that somebody typed, even a name: only languages are shown, and any other value is counted.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from sqlalchemy import Engine

from sequora_orchestration.cli.checks.finding import Finding, ok, skipped, warn
from sequora_orchestration.cli.checks.texts import languages_to_patients
from sequora_orchestration.database import NamedStatements, execute, rows_by_id
from sequora_orchestration.delivery.wording_in_force import open_wording
from sequora_orchestration.domain.language import LAST_RESORT, language_and_region, languages_for
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.settings.environment import SettingError

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

DAYS = 30

# Patients may be millions; these are as many as tell of all.
MOST_EPISODES = 5000

_MOST_NAMED = 8


def languages(engine: Engine) -> Finding:
    """Look at the patients of recent episodes who may be texted."""
    try:
        on = languages_to_patients(open_wording())
    except SettingError:
        return skipped("not looked at: needs texts")
    recent = execute(engine, SQL["recent_patients"], {"days": DAYS, "most": MOST_EPISODES})[1]
    rows = rows_by_id(engine, SQL["language_codes"], [row["patient_id"] for row in recent])
    codes = [row["language_code"] or "" for row in rows]
    off = texted_in_english_instead(codes, on)
    patients = f"{counted(len(codes), 'patient')} of the last {DAYS} days"
    if not off:
        return ok(f"{patients}: each has a language that is on, or none")
    of_no_language = off.pop(None, 0)
    parts = [f"{of_no_language} with a code that names no language"] if of_no_language else []
    if off:
        named = ", ".join(f"{tag} {count}" for tag, count in off.most_common(_MOST_NAMED))
        more = f" and {len(off) - _MOST_NAMED} more" if len(off) > _MOST_NAMED else ""
        parts.append(f"{off.total()} whose language is off or has no texts ({named}{more})")
    return warn(
        f"{patients}, of whom some are texted in English instead of their language: {', and '.join(parts)}",
        to_do="correct the codes in the application, or let the map translate them; give the languages texts in the "
        "file of SEQUORA_TEXTS (docs/texts.md)",
    )


def texted_in_english_instead(codes: Iterable[str], on: Collection[str]) -> Counter[str | None]:
    """Count the codes for which no text is on, by language; under None those that name none. Empty codes are fine."""
    off: Counter[str | None] = Counter()
    for code in codes:
        if code.strip() and next(one for one in languages_for(code) if one in on) == LAST_RESORT:
            tag = language_and_region(code)
            if tag is None or tag.partition("-")[0] != LAST_RESORT:
                off[tag] += 1
    return off
