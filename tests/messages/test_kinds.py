"""All kinds of messages: what each says, and what holds for every one."""

from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from itertools import product
from pkgutil import iter_modules
from typing import TypeVar

import pytest
from facts import (
    BREACHED,
    EPISODE,
    NOW,
    NURSE,
    OTHER_NURSE,
    PATIENT,
    TASK,
    USER,
    WORDING,
    check_in,
    escalation,
    facts,
    report,
)

from sequora_orchestration import messages
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.notification import Reported
from sequora_orchestration.messages.check_in import CHECK_IN
from sequora_orchestration.messages.kind import Facts, MessageKind
from sequora_orchestration.messages.kinds import KINDS, QUEUES
from sequora_orchestration.messages.nurse_unreached import NURSE_UNREACHED
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_breach import SLA_BREACH
from sequora_orchestration.messages.sla_escalation import SLA_ESCALATION
from sequora_orchestration.messages.sla_warning import SLA_WARNING
from sequora_orchestration.messages.task_created import TASK_CREATED

T = TypeVar("T")


def of_all_modules(class_: type[T]) -> list[T]:
    """Return what of a class the modules beside the tables have made."""
    modules = [import_module(one.name) for one in iter_modules(messages.__path__, f"{messages.__name__}.")]
    return [one for module in modules for one in vars(module).values() if isinstance(one, class_)]


def test_every_kind_and_every_queue_is_in_the_tables() -> None:
    """By its name, which is what the ledger keeps of a kind, and a run of a queue."""
    for table, class_ in ((KINDS, MessageKind), (QUEUES, Queue)):
        made = {one.name: one for one in of_all_modules(class_)}  # type: ignore[attr-defined]
        assert made
        assert table == made


def test_every_kind_has_a_queue_and_every_stage_of_its_life_one_alone() -> None:
    """Of two for the same rows each would have those that the other one's sensor is to find."""
    for kind in KINDS.values():
        stages = [queue.scheduled for queue in QUEUES.values() if queue.kind is kind]
        # A digest is made by the run that finds that it is needed, and no question finds one.
        whole_life = ([True],) if kind.names_tasks else ([None], [False, True])
        assert sorted(stages, key=str) in whole_life, kind.name


@pytest.mark.parametrize(
    ("kind", "known", "beginning"),
    [
        (TASK_CREATED, facts(), "🚨 New HIGH task: CHEST_PAIN\n"),
        (SLA_WARNING, facts(), "SLA in 42 min, please act. "),
        (SLA_BREACH, facts(BREACHED), "SLA missed 31 min ago, please act now. "),
        (SLA_ESCALATION, escalation(), "ESCALATION: SLA missed 31 min ago, please take over. "),
        (NURSE_UNREACHED, report(), "Nurse not reached: landline. Please take over or reassign. "),
        (NURSE_UNREACHED, report(nurse=None), "Nobody is assigned, please assign a nurse. "),
    ],
)
def test_each_kind_says_what_has_happened_and_how_long_ago(kind: MessageKind, known: Facts, beginning: str) -> None:
    """At the moment at which it is sent, not at which it was made."""
    assert kind.text(known, WORDING).startswith(beginning)


@pytest.mark.parametrize("kind", [TASK_CREATED, SLA_WARNING, SLA_BREACH, SLA_ESCALATION, NURSE_UNREACHED])
def test_a_text_about_no_task_is_a_mistake_of_ours(kind: MessageKind) -> None:
    """It is asked only of what is wanted."""
    with pytest.raises(ValueError, match="needs the task"):
        kind.text(facts(task=None), WORDING)


def test_a_check_in_has_the_link_that_is_known_and_no_other_kind_has_one() -> None:
    """The text that a log may keep has none, and the facts do not show it."""
    known = check_in(due_at=NOW, now=NOW)
    linked = replace(known, link="https://care.example/Zqlink")
    assert "\nhttps://care.example/Zqlink\n" in CHECK_IN.text(linked, WORDING)
    assert CHECK_IN.text_to_keep(linked, WORDING) == CHECK_IN.text(known, WORDING)
    assert "Zqlink" not in repr(linked)
    assert [kind.name for kind in KINDS.values() if kind.carries_link] == ["check-in"]


def test_a_text_without_a_link_is_kept_as_it_is() -> None:
    """A nurse's, whose link leads to the application's own login."""
    assert TASK_CREATED.text_to_keep(facts(), WORDING) == TASK_CREATED.text(facts(), WORDING)


# --- why they are withheld --------------------------------------------------------------------------------------------

OF_ANY_TASK = {Cause.TASK_GONE, Cause.TASK_CLOSED}
OF_STAFF = {Cause.RECIPIENT_GONE, Cause.INACTIVE, Cause.NOT_STAFF, Cause.UNUSABLE_PHONE, Cause.OPTED_OUT}
OF_ASSIGNEE = {Cause.REASSIGNED, Cause.ASSIGNED_MEANWHILE, Cause.NOBODY_ASSIGNED} | OF_ANY_TASK | OF_STAFF

CAUSES = {
    "task-created": OF_ASSIGNEE | {Cause.TAKEN_BY_NURSE},
    "sla-warning": OF_ASSIGNEE | {Cause.NO_SLA, Cause.SLA_MOVED, Cause.SLA_PASSED},
    "sla-breach": OF_ASSIGNEE | {Cause.NO_SLA, Cause.SLA_MOVED, Cause.SLA_NOT_PASSED},
    "sla-escalation": OF_ANY_TASK | OF_STAFF | {Cause.NO_SLA, Cause.SLA_MOVED, Cause.NURSE_HAS_TIME},
    "nurse-unreached": OF_ANY_TASK | OF_STAFF | {Cause.REASSIGNED, Cause.NURSE_REACHED, Cause.PICKED_UP},
    "nurse-call": OF_ASSIGNEE | {Cause.PICKED_UP, Cause.NURSE_REACHED, Cause.STALE},
    "check-in": {
        *(Cause.EPISODE_GONE, Cause.RECIPIENT_GONE, Cause.UNUSABLE_PHONE, Cause.OPTED_OUT, Cause.NO_CONSENT),
        *(Cause.STALE, Cause.NIGHT),
    },
}

HOURS = [None, *(NOW + timedelta(hours=hours) for hours in (-48, -12, 0, 1))]
TASKS = [
    None,
    replace(TASK, is_closed=True),
    *(
        replace(TASK, sla_due_at=sla_due_at, assigned_to_user_id=nurse, is_taken=taken, picked_up_at=at, updated_at=at)
        for sla_due_at, nurse, taken, at in product(HOURS, [NURSE, None], [True, False], [None, NOW])
    ),
]
PEOPLE = [
    *(None, USER, replace(USER, active=False), replace(USER, role="PATIENT"), replace(USER, primary_phone=None)),
    *(PATIENT, replace(PATIENT, primary_phone=None), replace(PATIENT, may_be_texted=False)),
]
REPORTED = [
    None,
    *(
        Reported(recipient_id=NURSE, reason="landline", is_settled=settled, is_uncertain=not settled)
        for settled in (True, False)
    ),
]


@pytest.mark.parametrize("kind", [KINDS[name] for name in CAUSES], ids=CAUSES)
def test_whatever_withholds_a_message_has_a_cause(kind: MessageKind) -> None:
    """In every situation, and these causes are all that a kind has."""
    unwanted = [
        kind.unwanted(facts(task, recipient, sla_due_at=sla_due_at, due_at=due_at, reported=reported, episode=episode))
        for task, recipient, sla_due_at, due_at, reported, episode in product(
            TASKS, [NURSE, OTHER_NURSE, None], HOURS, HOURS, REPORTED, [EPISODE, None]
        )
    ]
    unreachable = [
        kind.unreachable(check_in(person, due_at=due_at, now=NOW.replace(hour=hour), opted_out=opted_out))
        for person, due_at, hour, opted_out in product(PEOPLE, HOURS, [3, 15], [True, False])
    ]
    assert {withheld.cause for withheld in (*unwanted, *unreachable) if withheld} == CAUSES[kind.name]
