"""The list of channels."""

from collections.abc import Mapping

from sequora_orchestration.channels.channel import Channel
from sequora_orchestration.channels.sms import open_sms


def open_channels() -> Mapping[str, Channel]:
    """Return every channel by its name, set up from the environment. Raises SettingError."""
    return {channel.name: channel for channel in (open_sms(),)}
