"""Which failed runs wake an engineer, and what she is told. No names, numbers or texts: ids and a link.

What she wants at three in the morning is to be woken once, for what needs her. A run that fails loses nothing: its
messages are claimed again by another. So there is an alarm
- at once for what no other run will do better: settings or schema are wrong, the phone company takes no texts, there is
  nobody to escalate to;
- of everything else, if it fails `AGAIN_AND_AGAIN` runs of a job in the same way;
- and once an hour for what belongs together: the same cause, whichever jobs it fails.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BELONGS_TOGETHER = timedelta(hours=1)
AGAIN_AND_AGAIN = 3

# A text of two segments at most.
LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """Why a run has failed."""

    job: str
    error: str
    """The class of the error, or what Dagster says of a run whose process is gone."""

    cause: str | None = None
    """What no other run will do better, in the words of whoever raised it; None of anything else."""

    sentence: str | None = None
    """What the cause says: what to do. Of other errors it is not known what they quote."""

    @property
    def belongs_to(self) -> str:
        """What is the same for all failures that are one event."""
        return self.cause or f"{self.job}: {self.error}"


def is_alarming(failed: FailedRun, *, failures: int, told: bool) -> bool:
    """Tell whether to raise the alarm: the hour's `failures` of this, with this one; `told` if it was said."""
    return not told and failures >= (1 if failed.cause else AGAIN_AND_AGAIN)


def is_news(failed_at: datetime, *, now: datetime) -> bool:
    """Tell whether a failure is so young that it is counted, and told; of an older one nobody is woken."""
    return failed_at > now - BELONGS_TOGETHER


def alarm_text(failed: FailedRun, *, failures: int, since: datetime, now: datetime, where: str) -> str:
    """Return what an engineer is told: `since` is when the first of these failures came, `where` is where to look."""
    what = failed.sentence or failed.error
    runs = (
        f"a run of {failed.job} failed"
        if failures == 1
        else f"{failures} runs failed since {_in_utc(since, now)}, now of {failed.job}"
    )
    end = f"\n{where}"
    return f"Sequora: {runs} ({what}"[: LONGEST - len(end) - 1] + ")" + end


def _in_utc(moment: datetime, now: datetime) -> str:
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M} UTC"
