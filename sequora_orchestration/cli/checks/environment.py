"""The settings that only have to make sense: nothing has to be reached for them."""

from sequora_orchestration.cli.checks.finding import Check, Finding, ok
from sequora_orchestration.settings import (
    AlarmSettings,
    AppSettings,
    DeliverySettings,
    HeartbeatSettings,
    LogSettings,
    RetentionSettings,
    SettingError,
    WebSettings,
    WorkflowSettings,
)

# Those that no other check reads.
READ_HERE = (
    WorkflowSettings,
    DeliverySettings,
    RetentionSettings,
    AppSettings,
    WebSettings,
    HeartbeatSettings,
    AlarmSettings,
    LogSettings,
)


def checks() -> list[Check]:
    """Return the checks of this area."""
    return [Check(name="settings", find=settings)]


def settings() -> Finding:
    """Read them all, and raise SettingError with a sentence for each that is wrong."""
    wrong = []
    for settings_class in READ_HERE:
        try:
            settings_class.load()
        except SettingError as error:
            wrong.append(str(error))
    if wrong:
        raise SettingError("\n".join(wrong))
    return ok(
        "the workflows' times, the sender's rate, what is kept, the log's format, and the addresses of the "
        "application, the web UI, the heartbeat and the alarm make sense"
    )
