"""The sensor that claims from a queue and requests a run for each claim. Its pace is kept in `watch.py`."""

from collections.abc import Callable

from dagster import (
    DefaultSensorStatus,
    JobDefinition,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from sequora_orchestration.database import ViewsDroppedError
from sequora_orchestration.jobs.steps import run_tags
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Claim, Claims
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.sensors.preview import is_preview, previewed_claims
from sequora_orchestration.sensors.watch import LONG_PAUSE, Pace, length_of_watch, slow_to_fail

# How much of a core of the database a queue's question may cost; more for the one about recent tasks: nurses wait.
SHARE, SHARE_OF_RECENT = 1 / 20, 1 / 10


# Seconds between two questions where this process's setting is `off`: a message may wait from before it was, or of a
# worker with another setting.
PAUSE_WHERE_OFF = 60.0

# No interval between ticks. With 1 a task that comes right after another would wait for up to a second; 0 means
# Dagster's default, 30.
NO_INTERVAL = -1


def run_request(queue: Queue, claim: Claim) -> RunRequest:
    """Return the request for a run that works on the claim."""
    return run_request_for(queue.ids, claim)


def run_request_for(ids: str, claim: Claim) -> RunRequest:
    """Return the request for a run that works on the claim; its job takes the subjects' ids under the name `ids`."""
    subjects = list(dict.fromkeys(subject.id for subject in claim.subjects))
    return RunRequest(run_key=claim.id, run_config={ids: subjects}, tags=run_tags(claim.subjects))


class Watch:
    """Claims from a queue, again and again within one tick, until something is found."""

    alone = 0.0
    """Seconds for which a tick may watch if Dagster runs sensors one by one, so that it holds up all others."""

    interval = 1
    """Whole seconds from the beginning of a tick to the beginning of the next, at least."""

    def __init__(self, queue: Queue, *, pause: float = LONG_PAUSE) -> None:
        """Nothing has been asked yet; `pause` has the seconds between two questions."""
        self._queue = queue
        self._everything = Pace(share=SHARE, pause=pause)

    def watch(self, ledger: Ledger, *, seconds: float) -> Claims | None:
        """Return the claims that were made, which may be none; or None if it was not time to ask."""
        return self._everything.watch(lambda: ledger.claims.claim(self._queue), seconds=seconds)


class WatchOfRecent(Watch):
    """Asks about recent tasks all the time, which costs next to nothing however many are open; about all at times."""

    alone = 2.0
    interval = NO_INTERVAL

    def __init__(self, queue: Queue) -> None:
        """Nothing has been asked yet."""
        super().__init__(queue)
        self._recent = Pace(share=SHARE_OF_RECENT)
        self._over = Pace(share=SHARE, pause=LONG_PAUSE)
        self._of_everything = Claims()

    def watch(self, ledger: Ledger, *, seconds: float) -> Claims | None:
        """Return the claims that were made, which may be none; or None if it was not time to ask."""
        return self._recent.watch(lambda: self._ask(ledger), seconds=seconds)

    def _ask(self, ledger: Ledger) -> Claims:
        """Ask about all tasks, if it is time for that, or else about recent ones.

        While there are more than can go out, only all are asked about: an older task may be more severe.
        """
        everything = self._everything.watch(lambda: self._ask_for_everything(ledger), seconds=0)
        if everything is not None:
            self._of_everything = Claims(more_waits=everything.more_waits, is_halted=everything.is_halted)
            return everything
        if self._of_everything.more_waits:
            return self._of_everything
        return ledger.claims.claim_recent(self._queue)

    def _ask_for_everything(self, ledger: Ledger) -> Claims:
        """Ask about all tasks; before that, note those that were closed, but in a burst not each time."""
        self._over.watch(lambda: Claims(seconds=ledger.tellings.note_what_is_over()), seconds=0)
        return ledger.claims.claim(self._queue)


def claiming_sensor(  # noqa: PLR0913
    name: str,
    *,
    queue: Queue,
    job: JobDefinition,
    description: str,
    watch: Watch | None = None,
    why_off: Callable[[], str | None] = lambda: None,
) -> SensorDefinition:
    """Return a sensor that launches `job` for each claim from `queue`.

    While `why_off` returns a sentence, a setting has switched the sensor off: it skips with that sentence. Now and then
    it looks all the same, for a message may wait since before it was: it is sent, or ends as its kind says.
    """
    watch = watch or Watch(queue)
    watch_where_off = Watch(queue, pause=PAUSE_WHERE_OFF)

    @sensor(
        name=name,
        job=job,
        minimum_interval_seconds=watch.interval,
        default_status=DefaultSensorStatus.RUNNING,
        description=description,
    )
    def claiming(context: SensorEvaluationContext, ledger: ResourceParam[Ledger]) -> SensorResult:
        try:
            with slow_to_fail():
                off = why_off()
            if is_preview(context):
                if off:
                    return SensorResult(skip_reason=SkipReason(off))
                return previewed_claims(queue.name, ledger.rehearsal().claims.claim(queue))
            with slow_to_fail():
                seconds = length_of_watch(context, alone=0.0 if off else watch.alone)
                claims = (watch_where_off if off else watch).watch(ledger, seconds=seconds)
        except ViewsDroppedError as error:  # somebody dropped them on purpose: a line, and no traceback
            return SensorResult(skip_reason=SkipReason(str(error)))
        if not claims:
            too_soon = f"Not asked for {queue.name}: it is not time for that yet."
            return SensorResult(skip_reason=SkipReason(off or (too_soon if claims is None else f"No {queue.name}.")))
        return SensorResult(run_requests=[run_request(queue, claim) for claim in claims])

    return claiming
