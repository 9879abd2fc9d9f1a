"""`sequora doctor`: checks of everything that the system needs, a line each. It changes nothing.

Here: running the checks, each area in a thread, and showing their findings. An area that hangs holds up no other, and
the report for no longer than PATIENCE. Not here: the checks themselves (`checks`).
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from threading import Thread

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.cli.checks import (
    broker,
    care_database,
    dagster_instance,
    environment,
    phone_company,
    postgres,
)
from sequora_orchestration.cli.checks.finding import Check, Finding, Level, fail, skipped
from sequora_orchestration.database import SchemaMissingError
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.terminal.page import Block, Page, Row, Tone, Toned
from sequora_orchestration.terminal.screen import shown

# Seconds for all checks together; it is rarely reached, for the checks' own time-outs are shorter.
PATIENCE = 15.0

AREAS = (
    environment.checks,
    care_database.checks,
    dagster_instance.checks,
    broker.checks,
    phone_company.checks,
)


def doctor(*, as_json: bool) -> tuple[str, bool]:
    """Return the output of `sequora doctor`, and whether no check has failed."""
    findings = diagnose([checks() for checks in AREAS])
    is_well = all(finding.level is not Level.FAIL for finding in findings.values())
    if as_json:
        lines = [
            {"check": name, "level": finding.level.lower(), "said": finding.said, "to_do": finding.to_do}
            for name, finding in findings.items()
        ]
        return json.dumps({"is_well": is_well, "checks": lines}, indent=2, ensure_ascii=False), is_well
    return shown(_page(findings)), is_well


def diagnose(areas: Sequence[Sequence[Check]], *, patience: float = PATIENCE) -> dict[str, Finding]:
    """Return the finding of each check, in the order of the areas, after at most `patience` seconds."""
    found: list[dict[str, Finding]] = [{} for _ in areas]
    # A thread that hangs in a system call must not keep the process from ending.
    threads = [Thread(target=_run_area, args=pair, daemon=True) for pair in zip(areas, found, strict=True)]
    deadline = time.monotonic() + patience
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {
        check.name: finding
        for area, findings in zip(areas, found, strict=True)
        for check, finding in zip(area, _all_findings(area, dict(findings), patience), strict=True)
    }


def _run_area(area: Sequence[Check], findings: dict[str, Finding]) -> None:
    for check in area:
        unmet = next((name for name in check.needs if not findings[name].lets_others_go_on), None)
        findings[check.name] = skipped(f"not looked at: needs {unmet}") if unmet else _run_check(check)


def _all_findings(area: Sequence[Check], findings: Mapping[str, Finding], patience: float) -> Iterator[Finding]:
    """Yield a finding for every check of an area, also for a check that did not end in time."""
    still_looking = False
    for check in area:
        if check.name in findings:
            yield findings[check.name]
        elif still_looking:
            yield skipped("not looked at: there was no time left")
        else:
            still_looking = True
            yield fail(
                f"no answer within {patience:g} s",
                to_do="see whether what it asks is well (it may be overloaded, or hang), and try again",
            )


def _run_check(check: Check) -> Finding:
    try:
        return check.find()
    except SettingError as error:
        return _finding_of_settings(error)
    except SchemaMissingError as error:
        return fail(str(error), to_do="run `sequora migrate`")
    except DBAPIError as error:
        return postgres.trouble(error)
    except Exception as error:  # noqa: BLE001  # a check that breaks is a line, and stops no other
        return fail(
            f"the check itself broke ({type(error).__name__})", to_do="tell the maintainers; the other lines stand"
        )


def _finding_of_settings(error: SettingError) -> Finding:
    """Split the sentences of an error, each "what is wrong: what to do.", into the parts of a finding."""
    halves = [line.rstrip(".").partition(": ") for line in str(error).splitlines()]
    return fail(" and ".join(wrong for wrong, _, _ in halves), to_do="; ".join(to_do for _, _, to_do in halves))


def _page(findings: Mapping[str, Finding]) -> Page:
    rows = [row for name, finding in findings.items() for row in _rows(name, finding)]
    counts = Counter(finding.level for finding in findings.values())
    counted = ", ".join(f"{counts[level]} {word}" for level, word in _WORDS.items() if counts[level])
    worst = next(level for level in (Level.FAIL, Level.WARN, Level.OK, Level.SKIPPED) if counts[level])
    return [Block(shape=f"{{:<4}}  {{:<{max(map(len, findings))}}}  {{}}", rows=[*rows, Toned(counted, _TONES[worst])])]


def _rows(name: str, finding: Finding) -> Iterator[Row]:
    """Yield the row of a finding, and one for each further line that it says."""
    between = "\n" if "\n" in finding.said else "; "
    first, *others = (f"{finding.said}{between}{finding.to_do}" if finding.to_do else finding.said).split("\n")
    yield Toned(finding.level, _TONES[finding.level]), name, first
    yield from (("", "", line) for line in others)


_WORDS = {Level.OK: "ok", Level.WARN: "to be improved", Level.FAIL: "failed", Level.SKIPPED: "not looked at"}
_TONES = {Level.OK: Tone.WELL, Level.WARN: Tone.CARE, Level.FAIL: Tone.BAD, Level.SKIPPED: Tone.QUIET}
