"""The settings that only have to make sense: nothing has to be reached for them."""

from sequora_orchestration.cli.checks.finding import Check, Finding, ok
from sequora_orchestration.settings import AppSettings, DeliverySettings, RetentionSettings, WorkflowSettings


def checks() -> list[Check]:
    """Return the checks of this area."""
    return [Check(name="settings", find=settings)]


def settings() -> Finding:
    """Read those that no other check reads. Raises SettingError."""
    for settings_class in (WorkflowSettings, DeliverySettings, RetentionSettings, AppSettings):
        settings_class.load()
    return ok("the workflows' times, the sender's rate, what is kept and the application's address make sense")
