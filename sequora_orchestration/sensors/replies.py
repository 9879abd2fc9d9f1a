"""Notices what people text to us, and launches `follow_replies` for it. Also tasks that a nurse has handed over so.

The sensor looks at the phone company's list itself, for most of the time there is nothing new; the run reads it again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from dagster import (
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from sequora_orchestration.channels.channel import LookUpError
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.replies import note_others, unread
from sequora_orchestration.jobs.follow_replies import follow_replies
from sequora_orchestration.jobs.hand_over import hand_over
from sequora_orchestration.jobs.steps import run_tags
from sequora_orchestration.messages.handed_over import HANDED_OVER_TASKS
from sequora_orchestration.messages.reply import REPLIES
from sequora_orchestration.sensors.claiming import claiming_sensor
from sequora_orchestration.sensors.preview import is_preview, previewed
from sequora_orchestration.sensors.watch import ENDING, length_of_watch, slow_to_fail

# Seconds between two looks: while staff may answer a text of the last day, and otherwise. Whether they may is asked as
# often as that: the first text after a long time is answered within seconds, too.
PAUSE, LONG_PAUSE = 5.0, 60.0

# Seconds between two whole looks, which also find messages that show up late.
WHOLE_EVERY = 60.0


@dataclass(kw_only=True)
class Looks:
    """When the phone company's list is looked at next, by all ticks of this process."""

    next_at: float = 0.0
    """By the monotonic clock, in seconds; likewise here."""

    whole_at: float = 0.0
    read_at: float = -LONG_PAUSE
    """When the list was read last."""

    def look(self, delivery: Delivery) -> list[str]:
        """Return the ids of new messages that ask for something; record those that ask for nothing.

        Raises LookUpError, and the database's errors.
        """
        now = time.monotonic()
        is_whole = now >= self.whole_at
        self.next_at = now + PAUSE  # also where the look fails
        if now < self.read_at + LONG_PAUSE and not delivery.ledger.replies.staff_may_answer():
            return []
        found = unread(delivery, whole=is_whole)
        for some in found:
            note_others(delivery, some)
        if is_whole:
            self.whole_at = now + WHOLE_EVERY
        self.read_at = now
        return [request.inbound.sid for some in found for request in some.requests]

    def watch(self, delivery: Delivery, *, seconds: float) -> list[str]:
        """Look whenever it is time, until something is found or the time is over; likewise."""
        until = time.monotonic() + seconds
        while not ENDING.is_set():
            if time.monotonic() >= self.next_at and (sids := self.look(delivery)):
                return sids
            if self.next_at > until:
                ENDING.wait(max(until - time.monotonic(), 0))
                break
            ENDING.wait(max(self.next_at - time.monotonic(), 0))
        return []


LOOKS = Looks()


@sensor(
    job=follow_replies,
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
    description="Notices what people text to us (STOP, START, and commands of staff if SEQUORA_REPLIES is on) and "
    "launches `follow_replies`, which obeys it.",
)
def replies(context: SensorEvaluationContext, delivery: ResourceParam[Delivery]) -> SensorResult:
    """Look for new messages, and request a run for them; also for answers whose run has died."""
    if is_preview(context):
        sids = [request.inbound.sid for some in unread(delivery, whole=True) for request in some.requests]
        return previewed("messages that ask for something", sids, runs=1)
    with slow_to_fail():
        claims = delivery.ledger.claims.claim(REPLIES)
        if claims:
            requests = [RunRequest(run_key=one.id, run_config={}, tags=run_tags(one.subjects)) for one in claims]
            return SensorResult(run_requests=requests)
        try:
            sids = LOOKS.watch(delivery, seconds=length_of_watch(context))
        except LookUpError as error:
            return SensorResult(skip_reason=SkipReason(f"{error}; looked at again in {PAUSE:.0f} s."))
    if not sids:
        return SensorResult(skip_reason=SkipReason("Nobody has texted us anything that asks for something."))
    return SensorResult(run_requests=[RunRequest(run_key=str(uuid4()), run_config={"sids": _some(sids)})])


def _some(sids: Sequence[str]) -> list[str]:
    """Return as many ids as a run's configuration should have; the run reads all messages anyhow."""
    return list(sids[:50])


handed_over_tasks = claiming_sensor(
    "handed_over_tasks",
    queue=HANDED_OVER_TASKS,
    job=hand_over,
    description="Notices tasks that a nurse has handed over by text and launches `hand_over`, which tells a "
    "supervisor.",
)
