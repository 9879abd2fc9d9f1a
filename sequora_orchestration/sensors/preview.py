"""Previews of ticks: the web UI and `dagster sensor preview` evaluate a sensor, and launch nothing.

A message that a preview claimed would wait for a run that never comes. So a preview asks as a tick does, and its claims
are undone.
"""

from collections.abc import Iterable

from dagster import SensorEvaluationContext, SensorResult, SkipReason

from sequora_orchestration.ledger.rows import Claims

# At most so many ids are shown.
MOST_SHOWN = 10


def is_preview(context: SensorEvaluationContext) -> bool:
    """Whether no daemon has asked for this tick.

    A daemon says since when the sensor has been running, and when its last tick was. If the sensor's cursor was set
    before it ever ran, the daemon knows neither at the first tick, and both at the second.
    """
    return context.last_sensor_start_time is None and context.last_tick_completion_time is None


def previewed_claims(what: str, claims: Claims) -> SensorResult:
    """Return the preview of claims that were made and undone."""
    ids = [subject.id for claim in claims for subject in claim.subjects]
    return previewed(what, ids, runs=len(claims), is_halted=claims.is_halted)


def previewed(what: str, ids: Iterable[str], *, runs: int, is_halted: bool = False) -> SensorResult:
    """Return the preview: the ids for which a tick would request runs now."""
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
