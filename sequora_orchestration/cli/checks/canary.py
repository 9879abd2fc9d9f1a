"""The canary: whether its number is a good one, whether anybody is told, and what became of the last."""

from sqlalchemy import Engine

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.cli.checks.finding import Finding, fail, ok, warn
from sequora_orchestration.domain.canary import in_a_line, overdue
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164, masked, usable
from sequora_orchestration.ledger.measurements import Measurements
from sequora_orchestration.settings.alarms import CanarySettings, HeartbeatSettings
from sequora_orchestration.settings.processes import MetricsSettings
from sequora_orchestration.settings.twilio import TwilioSettings

# Patients are not looked through: they may be millions, and each number is as somebody has typed it.
ROLES_OF_STAFF = ("NURSE", "SUPERVISOR", "ADMIN")


def canary(engine: Engine) -> Finding:
    """Report on SEQUORA_CANARY_NUMBER, and on the last test text. Raises SettingError."""
    settings = CanarySettings.load()
    if not settings.is_on:
        return ok("off: no test text is sent (SEQUORA_CANARY_NUMBER)")
    try:
        number = e164(settings.sequora_canary_number)
    except UnusablePhoneError as error:
        return fail(
            f"SEQUORA_CANARY_NUMBER cannot be texted: {error}",
            to_do="give one phone number of your own that takes texts, in E.164",
        )
    if number == TwilioSettings.load().twilio_from_number:
        return fail(
            "SEQUORA_CANARY_NUMBER is the sender's own number, which Twilio does not text",
            to_do="give another number of your own, on a phone that is always on",
        )
    return _of_last(engine, number)


def _of_last(engine: Engine, number: str) -> Finding:
    seen = Measurements(engine).canaries()
    if amiss := overdue(seen):
        return fail(amiss.amiss, to_do=amiss.to_do)
    # The last one may have gone to another number: which it was is not kept.
    how = f"from now on to {masked(number)}; {in_a_line(seen).sentence}"
    staff = CareDatabase(engine).users_of_roles(ROLES_OF_STAFF)
    if any(usable(one.primary_phone) == number for one in staff):
        return warn(
            f"{masked(number)} is the phone of a member of the staff: her STOP ends both, and she gets a text an hour",
            to_do="give SEQUORA_CANARY_NUMBER a number that is nobody's",
        )
    if not _is_anybody_told():
        return warn(
            f"{how}; but nobody is told if one does not arrive",
            to_do="set SEQUORA_HEARTBEAT_URL, or SEQUORA_METRICS_PORT and the alert SequoraCanaryOverdue",
        )
    return ok(how)


def _is_anybody_told() -> bool:
    return bool(
        HeartbeatSettings.load().sequora_heartbeat_url or MetricsSettings.load().sequora_metrics_port is not None
    )
