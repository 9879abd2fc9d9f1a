"""What every sensor does: it claims from its queue, and requests a run for each claim."""

from dagster import (
    ConfigurableResource,
    DefaultSensorStatus,
    InitResourceContext,
    JobDefinition,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from sequora_orchestration.jobs.steps import run_tags
from sequora_orchestration.resources.ledger import Claim, Claims, Ledger, open_ledger
from sequora_orchestration.resources.queues import Queue
from sequora_orchestration.sensors.watch import Pace, length_of_watch

# How much of a core of the database a queue's question may cost; and the one about what is recent, for nurses wait.
SHARE, SHARE_OF_RECENT = 1 / 20, 1 / 10


class LedgerResource(ConfigurableResource[Ledger]):
    """The ledger in the schema `orchestration` on SUPABASE_DB_URL."""

    def create_resource(self, context: InitResourceContext) -> Ledger:  # noqa: ARG002
        """Read the settings; raises SettingError."""
        return open_ledger()


def run_request(queue: Queue, claim: Claim) -> RunRequest:
    """Return the run that works on what the claim has."""
    ids = list(dict.fromkeys(subject.id for subject in claim.subjects))
    return RunRequest(run_key=claim.id, run_config={queue.ids: ids}, tags=run_tags(claim.subjects))


class Lanes:
    """What the sensors of one queue have in common that watch for seconds within their ticks."""

    def __init__(self) -> None:
        """Nothing has been asked yet."""
        self._everything = Pace(share=SHARE)
        self._recent = Pace(share=SHARE_OF_RECENT)
        self._more_waits = False

    def watch(self, ledger: Ledger, queue: Queue, *, seconds: float) -> Claims | None:
        """Ask for everything, if it is time for that, and then for what is recent as long as nothing is found.

        While there is more than can go out, only for everything: what is older may be more severe.
        """

        def ask(*, recent: bool) -> Claims:
            claims = ledger.claim(queue, recent=recent)
            if not recent:
                self._more_waits = claims.more_waits
            return claims

        found = self._everything.watch(lambda: ask(recent=False), seconds=0)
        if found:
            return found
        watched = self._recent.watch(lambda: ask(recent=not self._more_waits), seconds=seconds)
        return found if watched is None else watched


def claiming_sensor(
    name: str, *, queue: Queue, job: JobDefinition, description: str, lanes: Lanes | None = None
) -> SensorDefinition:
    """Return a sensor that launches `job` for what it claims from `queue`.

    It asks once a tick, or less often if that is dear. One of several lanes then watches for what is recent.
    """
    pace = Pace(share=SHARE)

    @sensor(
        name=name,
        job=job,
        minimum_interval_seconds=1,  # the daemon's loop, every 5 s, is what sets the pace
        default_status=DefaultSensorStatus.RUNNING,
        description=description,
    )
    def claiming(context: SensorEvaluationContext, ledger: ResourceParam[Ledger]) -> SensorResult:
        if lanes:
            claims = lanes.watch(ledger, queue, seconds=length_of_watch(context))
        else:
            claims = pace.watch(lambda: ledger.claim(queue), seconds=0)
        if claims is None:
            return SensorResult(skip_reason=SkipReason(f"Not asked for {queue.name}: it is not time for that yet."))
        if not claims:
            return SensorResult(skip_reason=SkipReason(f"No {queue.name}."))
        return SensorResult(run_requests=[run_request(queue, claim) for claim in claims])

    return claiming
