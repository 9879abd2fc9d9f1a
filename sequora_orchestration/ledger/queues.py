"""What there is to claim: for each sensor a queue, of messages of one kind at one stage of their life.

The questions stand in `queues.sql`; what is done with their answers, in `ledger.sql`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sequora_orchestration.database import NamedStatements

QUESTIONS = NamedStatements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Messages that one sensor claims, or somebody asks for by name."""

    name: str
    kind: str
    question: str
    """Who is owed such a message and has no row yet."""

    named: str
    """The same of ids that somebody gives, whatever their state."""

    ids: Literal["task_ids", "episode_ids"] = "task_ids"
    """What the runs are given ids of."""

    nothing_owed: str = "no message is owed"
    """What to say of a given id for which there is nothing to claim."""

    in_turn: bool = False
    """Whether less severe messages wait until more severe ones are on their way. In a queue that is asked only now and
    then they would wait for as long as there is anything more severe each time."""

    scheduled: bool | None = None
    """Whether only rows that have a due time belong here, or only those that have none yet; None for both."""


NEW_TASKS = Queue(name="new tasks", kind="task-created", question="new_tasks", named="named_tasks", in_turn=True)
NEW_EPISODES = Queue(
    name="new episodes",
    kind="check-in",
    question="new_episodes",
    named="named_episodes",
    ids="episode_ids",
    scheduled=False,
)
DUE_CHECK_INS = Queue(
    name="due check-ins",
    kind="check-in",
    question="nothing",
    named="named_episodes",
    ids="episode_ids",
    scheduled=True,
)
TASKS_NEAR_SLA = Queue(
    name="tasks near SLA",
    kind="sla-warning",
    question="tasks_near_sla",
    named="named_tasks",
    nothing_owed="its SLA is not near yet",
)
SLA_BREACHES = Queue(name="SLA breaches", kind="sla-breach", question="sla_breaches", named="named_tasks")
UNANSWERED_BREACHES = Queue(
    name="unanswered breaches",
    kind="sla-escalation",
    question="unanswered_breaches",
    named="named_breaches",
    nothing_owed="no breach of its SLA has been alerted; the job handle_sla_breach does that",
)
UNREACHED_NURSES = Queue(
    name="unreached nurses",
    kind="nurse-unreached",
    question="unreached_nurses",
    named="named_unreached",
    nothing_owed="no message to its nurse has failed",
)

QUEUES = {
    queue.name: queue
    for queue in (
        NEW_TASKS,
        NEW_EPISODES,
        DUE_CHECK_INS,
        TASKS_NEAR_SLA,
        SLA_BREACHES,
        UNANSWERED_BREACHES,
        UNREACHED_NURSES,
    )
}
