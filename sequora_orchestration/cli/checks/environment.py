"""The settings that only have to make sense: nothing is connected to for them."""

from urllib.parse import urlsplit

from sequora_orchestration.cli.checks.finding import Check, Finding, ok, warn
from sequora_orchestration.cli.checks.texts import texts
from sequora_orchestration.settings.alarms import AlarmSettings, CanarySettings, HeartbeatSettings
from sequora_orchestration.settings.application import AppSettings, CheckInLinkSettings
from sequora_orchestration.settings.database import RetentionSettings
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.processes import LogSettings, MetricsSettings, WebSettings
from sequora_orchestration.settings.replies import ReplySettings
from sequora_orchestration.settings.workflows import WorkflowSettings

# The settings that no other check reads.
READ_HERE = (
    WorkflowSettings,
    DeliverySettings,
    ReplySettings,
    RetentionSettings,
    AppSettings,
    WebSettings,
    HeartbeatSettings,
    AlarmSettings,
    CanarySettings,
    MetricsSettings,
    LogSettings,
)


def checks() -> list[Check]:
    """Return the checks of this area."""
    return [
        Check(name="settings", find=settings),
        Check(name="check-in link", find=check_in_link),
        Check(name="texts", find=texts),
    ]


def settings() -> Finding:
    """Read all of them. Raises SettingError with a sentence for each that is wrong."""
    wrong = []
    for settings_class in READ_HERE:
        try:
            settings_class.load()
        except SettingError as error:
            wrong.append(str(error))
    if wrong:
        raise SettingError("\n".join(wrong))
    return ok(
        "the workflows' times, the sender's rate, what is kept, the log's format, the metrics' port, and the addresses "
        "of the application, the web UI, the heartbeat and the alarm make sense"
    )


def check_in_link() -> Finding:
    """Report the service that makes check-in links. It is not asked for one: each link is made for a patient."""
    settings = CheckInLinkSettings.load()
    has_token = settings.sequora_check_in_link_token is not None
    if url := settings.sequora_check_in_link_url:
        host = urlsplit(url).netloc
        return ok(f"asked for at {host}, with a token" if has_token else f"asked for at {host}, without a token")
    if has_token:
        return warn(
            "off, though SEQUORA_CHECK_IN_LINK_TOKEN is set",
            to_do="give SEQUORA_CHECK_IN_LINK_URL the address that it is for, or leave the token out",
        )
    return ok("off: check-in texts have none")
