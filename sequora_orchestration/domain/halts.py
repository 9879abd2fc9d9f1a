"""The two things that keep all texts back: an operator's pause, and a phone company that takes none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sequora_orchestration.domain.notification import SMS, noun_of

# Stands for every kind of message in a pause.
ALL_KINDS = "all"


def in_brackets(http_status: int | None, code: int | None) -> str:
    """Return the phone company's status and code to put behind a sentence, ` (HTTP 401, code 70051)`; or nothing."""
    said = [f"HTTP {http_status}"] if http_status else []
    said += [f"code {code}"] if code else []
    return f" ({', '.join(said)})" if said else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Whether the phone company takes the messages of a channel, and whether its list can be read."""

    is_open: bool
    """Whether the breaker is open: the phone company takes no messages of the channel."""

    opened_at: datetime | None
    """When the breaker last opened."""

    closed_at: datetime | None
    reason: str | None
    code: int | None
    resume_at: datetime | None
    """Nothing is sent before this time."""

    has_no_trials: bool | None = None
    """Whether a trial was due long ago, and none was made: no message has needed the channel since."""

    unreadable_since: datetime | None = None
    """Since when neither receipts nor texts in doubt can be asked for; None if they can, as far as is known."""

    unreadable_reason: str | None = None
    unreadable_status: int | None = None
    """The HTTP status of the answer; None if there was none."""

    unreadable_code: int | None = None
    channel: str = SMS

    @property
    def noun(self) -> str:
        """What it takes, or does not: texts, or calls."""
        return f"{noun_of(self.channel)}s"

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has ever been amiss with it, nor is now."""
        return self.opened_at is None and self.resume_at is None and self.unreadable_since is None

    @property
    def keeps_messages_back(self) -> bool:
        """Whether the breaker is open, as far as is known.

        Of texts that stands until one goes out again. Calls are rare: an open breaker that no call has tried for long
        is an old story.
        """
        return self.is_open and (self.channel == SMS or not self.has_no_trials)

    @property
    def why_open(self) -> str:
        """Why the phone company takes none, or last did not, in words."""
        return f"{self.reason}{in_brackets(None, self.code)}"

    @property
    def why_unreadable(self) -> str:
        """Why the phone company's list cannot be read, in words."""
        return f"{self.unreadable_reason}{in_brackets(self.unreadable_status, self.unreadable_code)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """An operator's order not to send messages of a kind, or any."""

    kind: str
    paused_at: datetime
    paused_by: str
    why: str

    def is_about(self, kind: str) -> bool:
        """Return whether messages of that kind wait for the pause to end."""
        return self.kind in {ALL_KINDS, kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltsInForce:
    """All pauses, and how it stands with the phone company, at one moment."""

    pauses: Sequence[Pause] = ()
    providers: Mapping[str, Provider] = field(default_factory=dict)
    """By channel."""

    def of(self, kind: str, channel: str) -> Pause | Provider | None:
        """Return what keeps messages of a kind back that go out by a channel; None if nothing does."""
        if pause := next((one for one in self.pauses if one.is_about(kind)), None):
            return pause
        provider = self.providers.get(channel)
        return provider if provider and provider.keeps_messages_back else None
