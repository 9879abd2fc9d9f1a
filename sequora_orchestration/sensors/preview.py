"""Previews of ticks: the web UI and `dagster sensor preview` evaluate a sensor, and launch nothing.

What a preview claimed would wait for a run that never comes: so it asks as a tick does, and what it did is undone.
"""

from collections.abc import Iterable

from dagster import SensorEvaluationContext, SensorResult, SkipReason

from sequora_orchestration.ledger.rows import Claims

# So many ids are shown.
MOST_SHOWN = 10


def is_preview(context: SensorEvaluationContext) -> bool:
    """Whether no daemon has asked for this tick.

    A daemon says since when the sensor has been running, and when its last tick was. Of a sensor whose cursor was set
    before it ever ran it knows neither at the first tick, and both at the second one.
    """
    return context.last_sensor_start_time is None and context.last_tick_completion_time is None


def previewed_claims(what: str, claims: Claims) -> SensorResult:
    """Return what a preview shows of claims that were made and undone."""
    ids = [subject.id for claim in claims for subject in claim.subjects]
    return previewed(what, ids, runs=len(claims), is_halted=claims.is_halted)


def previewed(what: str, ids: Iterable[str], *, runs: int, is_halted: bool = False) -> SensorResult:
    """Return what a preview shows: for which ids a tick would request runs now."""
    shown = list(ids)
    if is_halted:
        found = f"A tick would request no runs for {what} now: none may go out, and `sequora status` says why."
    elif not shown:
        found = f"A tick would find no {what} now."
    else:
        more = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
        found = (
            f"A tick would now request {'a run' if runs == 1 else f'{runs} runs'} for {what}: "
            f"{', '.join(shown[:MOST_SHOWN])}{more}."
        )
    return SensorResult(skip_reason=SkipReason(f"This is a preview, which claims nothing. {found}"))
