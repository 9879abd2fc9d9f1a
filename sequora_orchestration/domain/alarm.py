"""Decides which failed runs wake an engineer, and words her alarm. No names, numbers or texts: ids and a link.

At three in the morning she wants to be woken once, and only if she is needed. A failed run loses nothing: another run
claims its messages again. So there is an alarm
- at once for a cause that fails every run: settings or schema are wrong, the phone company takes no texts, there is
  nobody to escalate to;
- for any other failure, if `AGAIN_AND_AGAIN` runs of a job fail in the same way;
- and only once an hour for one cause, even if it fails several jobs. That calls are not taken is another cause than
  that texts are not.
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
    """The class of the error, or Dagster's words for a run whose process is gone."""

    cause: str | None = None
    """The name of a cause that fails every run, as the failed step gave it; None for any other error."""

    sentence: str | None = None
    """The advice that comes with a cause. None for other errors: their sentences may quote anything."""

    @property
    def belongs_to(self) -> str:
        """A key that is the same for all failures of one event."""
        return self.cause or f"{self.job}: {self.error}"


def is_alarming(failed: FailedRun, *, failures: int, told: bool) -> bool:
    """Decide whether to raise the alarm: `failures` within the hour, this one included; `told` if one was raised."""
    return not told and failures >= (1 if failed.cause else AGAIN_AND_AGAIN)


def is_news(failed_at: datetime, *, now: datetime) -> bool:
    """Decide whether a failure is young enough to count and to be told; for an older one nobody is woken."""
    return failed_at > now - BELONGS_TOGETHER


def alarm_text(failed: FailedRun, *, failures: int, since: datetime, now: datetime, where: str) -> str:
    """Return the alarm's text: `since` is the time of the first of these failures, `where` a link or an id."""
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
