"""What the view `orchestration.owed` says at three in the morning."""

from datetime import timedelta

import pytest
from care import NOW, Care

from bench.scale.plans import DEAR
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.settings.workflows import WorkflowSettings

pytestmark = pytest.mark.usefixtures("stopped_clock")

OWED = """
    SELECT kind, audience, task_id, recipient_id FROM orchestration.owed
    WHERE kind IN ('task-created', 'sla-breach', 'check-in') ORDER BY urgency, owed_since, kind
"""


def test_it_says_who_is_owed_what_and_no_longer_what_has_a_row(care: Care, ledger: Ledger) -> None:
    """A new task's nurse, an episode's patient, who has missed an SLA."""
    nurse = care.a_nurse()
    task = care.a_task(nurse, severity="CRITICAL", created_at=NOW, sla_due_at=NOW)
    episode = care.an_episode(care.a_patient(), created_at=NOW)
    assert [tuple(row.values()) for row in map(dict, care.rows(OWED))] == [
        ("sla-breach", "ASSIGNEE", task, nurse),
        ("task-created", "ASSIGNEE", task, nurse),
        ("check-in", "PATIENT", None, care.one("SELECT recipient_id FROM orchestration.owed WHERE kind = 'check-in'")),
    ]
    assert care.one("SELECT episode_id FROM orchestration.owed WHERE kind = 'check-in'") == episode
    ledger.claims.claim(NEW_TASKS)
    assert care.rows("SELECT FROM orchestration.owed WHERE kind = 'task-created'") == []


def test_it_goes_by_the_settings_that_the_sensors_go_by(care: Care) -> None:
    """A process that asks has its settings recorded, once; by default they are the documented ones."""
    care.a_task(care.a_nurse(), created_at=NOW - timedelta(hours=10), sla_due_at=NOW + timedelta(hours=2))
    warnings = "SELECT task_id FROM orchestration.owed WHERE kind = 'sla-warning'"
    assert care.rows(warnings) == []
    asking = Ledger(care.engine, workflows=WorkflowSettings(sequora_sla_warning_window=timedelta(hours=3)))
    asking.owed.note_terms()
    assert len(care.rows(warnings)) == 1
    Ledger(care.engine).owed.note_terms()
    assert care.rows(warnings) == []


def test_it_foretells_what_will_be_owed_if_nothing_happens(care: Care, ledger: Ledger) -> None:
    """A warning within the window and when half of the time is over, and the breach; of what is closed nothing."""
    hour = timedelta(hours=1)
    task = care.a_task(care.a_nurse(), created_at=NOW, sla_due_at=NOW + 4 * hour)
    short = care.a_task(care.a_nurse("+12025550102"), created_at=NOW, sla_due_at=NOW + hour)
    without = care.a_task(care.a_nurse("+12025550103"), created_at=NOW, sla_due_at="infinity")
    ledger.claims.claim(NEW_TASKS)
    care.it_is(NOW + timedelta(minutes=1))
    comes = ledger.owed.to_come(task_ids=[task, short, without])
    assert [(one.task_id, one.kind, one.owed_since) for one in comes if one.task_id != without] == [
        (short, "sla-warning", NOW + hour / 2),
        (short, "sla-breach", NOW + hour),
        (task, "sla-warning", NOW + 3 * hour),
        (task, "sla-breach", NOW + 4 * hour),
    ]


def test_to_ask_who_is_owed_something_does_not_look_dear(care: Care) -> None:
    """A person asks in psql, where nothing keeps a server with LLVM from compiling what it takes for dear."""
    (plan,) = care.one("EXPLAIN (FORMAT JSON) SELECT * FROM orchestration.owed")
    assert plan["Plan"]["Total Cost"] < DEAR
