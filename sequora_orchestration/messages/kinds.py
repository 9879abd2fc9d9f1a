"""The tables of all kinds of messages, of all queues, and of all words."""

from collections.abc import Mapping, Sequence

from sequora_orchestration.messages.canary import CANARIES, CANARY
from sequora_orchestration.messages.check_in import CHECK_IN, DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.handed_over import HANDED_OVER, HANDED_OVER_TASKS
from sequora_orchestration.messages.kind import Audience
from sequora_orchestration.messages.nurse_call import NURSE_CALL, NURSES_TO_CALL
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED, UNREACHED_NURSES
from sequora_orchestration.messages.phrase import Phrase
from sequora_orchestration.messages.reply import REPLIES, REPLY
from sequora_orchestration.messages.sla_breach import SLA_BREACH, SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION, UNANSWERED_BREACHES
from sequora_orchestration.messages.sla_warning import SLA_WARNING, TASKS_NEAR_SLA
from sequora_orchestration.messages.task_created import NEW_TASKS, TASK_CREATED
from sequora_orchestration.messages.task_digest import DUE_DIGESTS, TASK_DIGEST
from sequora_orchestration.messages.task_phrases import TO_NURSE, TO_SUPERVISOR

KINDS = {
    kind.name: kind
    for kind in (
        TASK_CREATED,
        SLA_WARNING,
        SLA_BREACH,
        SLA_ESCALATION,
        NURSE_UNREACHED,
        HANDED_OVER,
        NURSE_CALL,
        TASK_DIGEST,
        CHECK_IN,
        REPLY,
        CANARY,
    )
}

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
        HANDED_OVER_TASKS,
        REPLIES,
        NURSES_TO_CALL,
        DUE_DIGESTS,
        CANARIES,
    )
}

PHRASES: Mapping[str, Sequence[Phrase]] = {
    **{kind.name: kind.phrases for kind in KINDS.values() if kind.phrases},
    "commands": (TO_NURSE, TO_SUPERVISOR),  # under the texts of several kinds
}
"""All words that may be said, by the name that a file of texts has for them: their kind's."""


def is_to_a_patient(kind: str) -> bool:
    """Tell whether messages of that kind go to patients, and not to members of staff.

    Of a kind that only a newer version knows nobody asks but to show it: that may be wrong until the upgrade is over.
    """
    return kind in KINDS and KINDS[kind].audience is Audience.PATIENT


def is_to_the_operator(kind: str) -> bool:
    """Tell whether messages of that kind go to whoever runs this system: nobody reads them, and nobody is told less."""
    return kind in KINDS and KINDS[kind].audience is Audience.OPERATOR
