"""The things that the engine works with in one run: ledger, application's tables, channels. Its steps stand beside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sequora_orchestration.care.care_database import CareDatabase, open_care_database
from sequora_orchestration.care.check_in_link import LinkAsker, open_link_asker
from sequora_orchestration.channels.channel import Channel
from sequora_orchestration.channels.doors import open_channels
from sequora_orchestration.delivery.wording_in_force import open_wording
from sequora_orchestration.domain.care import Operator
from sequora_orchestration.ledger.ledger import Ledger, open_ledger
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.settings.alarms import CanarySettings
from sequora_orchestration.settings.replies import ReplySettings

# Seconds from each try that did not go out until the next.
WAITS = (1, 2, 4)

# The first try, and one after each of the waits.
ATTEMPTS = 1 + len(WAITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The ledger, the application's tables, and the channels by which messages leave."""

    ledger: Ledger
    care: CareDatabase
    channels: Mapping[str, Channel]
    """The channels, by name."""

    wording: Wording
    run_id: str
    reply_settings: ReplySettings = field(default_factory=ReplySettings)
    """Whether staff may answer texts with commands."""

    operator: Operator | None = field(default=None, repr=False)
    """To whom test texts go; None if none are sent. The number is in no table."""

    link_asker: Callable[[], LinkAsker | None] = lambda: None
    """Returns the asker for links, or None if texts carry no links. It is called only for kinds whose texts carry one:
    a mistake in the link's settings stops no other texts."""


def open_operator() -> Operator | None:
    """Return to whom test texts go, by the settings; None if none are sent. Raises SettingError."""
    number = CanarySettings.load().sequora_canary_number
    return Operator(primary_phone=number) if number else None


def open_delivery(run_id: str) -> Delivery:
    """Return the delivery of a run. Raises SettingError."""
    return Delivery(
        ledger=open_ledger(),
        care=open_care_database(),
        channels=open_channels(),
        wording=open_wording(),
        run_id=run_id,
        reply_settings=ReplySettings.load(),
        operator=open_operator(),
        link_asker=lambda: open_link_asker(WAITS),
    )
