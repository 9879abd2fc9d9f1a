"""The heartbeat, the canary and the alarms: who outside is told that all is well, or that a run has failed.

Not here: deciding whether all is well (`cli/heartbeat.py`), and when an alarm is raised.
"""

from pydantic import Field

from sequora_orchestration.settings.addresses import AnyHttpUrl
from sequora_orchestration.settings.environment import Environment


class HeartbeatSettings(Environment):
    """Who is told that all is well."""

    sequora_heartbeat_url: AnyHttpUrl | None = Field(
        title="asked for every half minute while all is well; by default nobody is told",
        default=None,
        repr=False,
        description="give a URL that is to be asked for while all is well, as https://healthchecks.io and others hand "
        "out, or leave it out.",
    )


class AlarmSettings(Environment):
    """How an engineer is told of runs that fail."""

    sequora_alarm_url: AnyHttpUrl | None = Field(
        title='a webhook that takes `{"text": "…"}`: told of runs that fail',
        default=None,
        repr=False,
        description='give the URL of a webhook that takes {"text": "…"}, as Slack, Mattermost and Teams hand out, or '
        "leave it out.",
    )
    sequora_alarm_number: str | None = Field(
        title="an engineer's number, in E.164: texted about runs that fail",
        default=None,
        repr=False,
        description="give an engineer's phone number, e.g. +12025550100, or leave it out.",
    )


class CanarySettings(Environment):
    """Where the test text of each hour goes.

    Whether the number can be a phone's is asked when a test text is sent, and by `sequora doctor`: every sensor and
    every run reads this setting, and a mistake in it may stop no nurse's text.
    """

    sequora_canary_number: str | None = Field(
        title="a number of your own, in E.164: each hour a test text goes there by the way of a nurse's text, and the "
        "heartbeat is silent if it has not arrived within ten minutes (docs/canary.md); by default none is sent",
        default=None,
        repr=False,
        description="give a phone number of your own that takes texts, e.g. +12025550100, or leave it out.",
    )

    @property
    def is_on(self) -> bool:
        """Whether canaries are sent."""
        return self.sequora_canary_number is not None
