"""The digest: one text to a nurse in place of many about new tasks. It counts them, and names none."""

from collections import Counter
from collections.abc import Sequence

from sequora_orchestration.domain.canonical_text import own_mark
from sequora_orchestration.domain.care import EscalationTask
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.spell import counted
from sequora_orchestration.messages.about_tasks import WORTH_TO_STAFF, unreachable_nurse
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled
from sequora_orchestration.messages.phrase import Phrase, Placeholder, for_all
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.values import LONGEST_WORD, value
from sequora_orchestration.messages.wording import Wording

# The most severe first; a word that the map does not know counts as HIGH, and is said after it.
SEVERITIES = ("CRITICAL", "HIGH", None, "MODERATE", "LOW")


DIGEST = Phrase(
    said="a nurse has several new tasks, told of in one text",
    built_in=for_all("📋 {count} for you: {severities}\nView: {link}"),
    placeholders={
        "count": Placeholder(
            meaning="how many tasks, in English: `12 new tasks`", example="12 new tasks", longest="9999 new tasks"
        ),
        "severities": Placeholder(
            meaning="how many of each severity: `1 CRITICAL, 4 HIGH`",
            example="1 CRITICAL, 4 HIGH, 5 MODERATE, 2 LOW",
            longest=", ".join(f"999 {severity}" for severity in ("CRITICAL", "HIGH", "MODERATE", "LOW", "UNSPECIFIED")),
        ),
        "link": Placeholder(
            meaning="the list of tasks in the application, with a mark of this text's own",
            example=f"{{app_url}}/tasks{own_mark('0f8fad5b')}",
            longest=f"{{app_url}}/tasks{own_mark('0f8fad5b')}",
        ),
    },
    required=frozenset({"count", "link"}),
)


def digest_text(tasks: Sequence[EscalationTask], wording: Wording, id_: str) -> str:
    """Return the text that tells a nurse of several new tasks, counted by severity.

    Two digests may count alike: the link has a part of the digest's id, so that neither is taken for the other where a
    text in doubt is looked for. As a rule that makes two SMS segments.
    """
    counts = Counter(value(task.severity, LONGEST_WORD) for task in tasks)
    said = ", ".join(f"{counts[severity]} {severity}" for severity in sorted(counts, key=_place))
    return wording.say(
        DIGEST,
        count=counted(len(tasks), "new task"),
        severities=said,
        link=f"{wording.app_url}/tasks{own_mark(id_)}",
    )


def _place(severity: str) -> tuple[int, str]:
    return SEVERITIES.index(severity if severity in SEVERITIES else None), severity


def _unwanted(facts: Facts) -> Suppression | None:
    if not facts.named:
        return cancelled(Cause.NOTHING_LEFT, "none of its tasks is open and hers any more, or waits for it")
    return None


TASK_DIGEST = MessageKind(
    name="task-digest",
    audience=Audience.ASSIGNEE,
    unwanted=_unwanted,
    unreachable=unreachable_nurse,
    text=lambda facts, wording: digest_text(facts.named, wording, facts.message.id),
    phrases=(DIGEST,),
    worth=lambda _: WORTH_TO_STAFF,
    names_tasks=True,
)

DUE_DIGESTS = Queue(name="due digests", kind=TASK_DIGEST, scheduled=True, nothing_owed="it does not wait any more")
