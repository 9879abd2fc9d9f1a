"""The list of channels."""

from collections.abc import Mapping

from sequora_orchestration.channels.channel import Channel
from sequora_orchestration.channels.sms import open_sms
from sequora_orchestration.channels.voice import open_voice


def open_channels() -> Mapping[str, Channel]:
    """Return every channel by its name, set up from the environment; nothing is connected yet. Raises SettingError."""
    channels: tuple[Channel, ...] = (open_sms(), open_voice())
    return {channel.name: channel for channel in channels}
