"""What there is to claim: for each sensor a queue, of messages of one kind at one stage of their life.

The questions are functions of the database (`migrations/views.sql`).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Messages that one sensor claims, or somebody asks for by name."""

    name: str
    kind: str
    question: str | None
    """The function that says who is owed such a message and has no row yet; None where all have rows."""

    named: str
    """The function that says the same of ids that somebody gives, whatever their state."""

    ids: Literal["task_ids", "episode_ids"] = "task_ids"
    """What the runs are given ids of."""

    nothing_owed: str = "no message is owed"
    """What to say of a given id for which there is nothing to claim."""

    in_turn: bool = False
    """Whether less severe messages wait until more severe ones are on their way. In a queue that is asked only now and
    then they would wait for as long as there is anything more severe each time."""

    scheduled: bool | None = None
    """Whether only rows that have a due time belong here, or only those that have none yet; None for both."""

    @property
    def is_sent(self) -> bool:
        """Whether the messages are sent, and not only prepared."""
        return self.scheduled is not False


NEW_TASKS = Queue(
    name="new tasks", kind="task-created", question="owed_task_created", named="named_task_created", in_turn=True
)
NEW_EPISODES = Queue(
    name="new episodes",
    kind="check-in",
    question="owed_check_in",
    named="named_check_in",
    ids="episode_ids",
    scheduled=False,
)
DUE_CHECK_INS = Queue(
    name="due check-ins",
    kind="check-in",
    question=None,
    named="named_check_in_now",
    ids="episode_ids",
    scheduled=True,
)
TASKS_NEAR_SLA = Queue(
    name="tasks near SLA",
    kind="sla-warning",
    question="owed_sla_warning",
    named="named_sla_warning",
    nothing_owed="its SLA is not near yet",
)
SLA_BREACHES = Queue(name="SLA breaches", kind="sla-breach", question="owed_sla_breach", named="named_sla_breach")
UNANSWERED_BREACHES = Queue(
    name="unanswered breaches",
    kind="sla-escalation",
    question="owed_sla_escalation",
    named="named_sla_escalation",
    nothing_owed="no breach of its SLA has been alerted; the job handle_sla_breach does that",
)
UNREACHED_NURSES = Queue(
    name="unreached nurses",
    kind="nurse-unreached",
    question="owed_nurse_unreached",
    named="named_nurse_unreached",
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
