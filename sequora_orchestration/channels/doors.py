"""Which channels there are."""

from collections.abc import Mapping

from sequora_orchestration.channels.channel import Channel
from sequora_orchestration.channels.sms import open_sms


def open_channels() -> Mapping[str, Channel]:
    """Return every channel by its name, as the environment says. Raises SettingError."""
    return {channel.name: channel for channel in (open_sms(),)}
