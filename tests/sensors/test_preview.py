"""A preview of a tick, as the web UI makes it: it shows what a tick would do, and does nothing."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from care import NURSE_PHONE, Care
from dagster import DagsterInstance, instance_for_test
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceRequestContext
from dagster_graphql.test.utils import execute_dagster_graphql
from phones import Phones
from runs import Runs

from sequora_orchestration.definitions import SENSORS
from sequora_orchestration.local.twilio.scripted_answers import ResetBeforeAccepting
from sequora_orchestration.messages.task_created import NEW_TASKS

# Dagster warns of a property of schedules that it reads itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*environment_vars:DeprecationWarning")

MODULE = "sequora_orchestration.definitions"

PREVIEW = """mutation Preview($selector: SensorSelector!) {
  sensorDryRun(selectorData: $selector, cursor: "") {
    __typename
    ... on DryRunInstigationTick { evaluationResult { runRequests { runKey } skipReason error { message } } }
  }
}"""

EVERYTHING = """SELECT (SELECT json_agg(n ORDER BY id) FROM orchestration.notification n) AS messages,
                       (SELECT json_agg(e ORDER BY id) FROM orchestration.notification_event e) AS events,
                       (SELECT json_agg(a ORDER BY task_id) FROM orchestration.assignment a) AS assignments"""


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    """An instance that another process could open, too, as the code server does."""
    with instance_for_test() as instance:
        yield instance


@pytest.fixture
def web(instance: DagsterInstance, environment: None) -> Iterator[WorkspaceRequestContext]:  # noqa: ARG001
    """What the web server has when it is asked."""
    origin = LoadableTargetOrigin(module_name=MODULE)
    with in_process_test_workspace(instance, origin) as workspace:
        yield workspace


def preview(web: WorkspaceRequestContext, sensor: str) -> str:
    """Return what the web UI shows of a sensor's preview, which has no runs to launch."""
    (location,) = web.code_location_names
    selector = {"repositoryName": "__repository__", "repositoryLocationName": location, "sensorName": sensor}
    answer: Any = execute_dagster_graphql(web, PREVIEW, {"selector": selector})
    result = answer.data["sensorDryRun"]["evaluationResult"]
    assert result["error"] is None
    assert not result["runRequests"]
    return str(result["skipReason"])


def everything(care: Care) -> str:
    """Return the whole ledger."""
    (row,) = care.rows(EVERYTHING)
    return json.dumps(dict(row))


def test_a_preview_shows_what_a_tick_would_claim_and_claims_nothing(
    care: Care, web: WorkspaceRequestContext, runs: Runs
) -> None:
    """The next tick has it all the same, at once: nothing waits for a run that nobody launches."""
    task = care.a_task(care.a_nurse())
    before = everything(care)
    said = preview(web, "new_escalation_tasks")
    assert said == f"This is a preview, which claims nothing. A tick would now request a run for new tasks: {task}."
    assert everything(care) == before
    ((claim),) = runs.ledger.claims.claim(NEW_TASKS)
    assert [subject.id for subject in claim.subjects] == [task]
    assert preview(web, "new_escalation_tasks").endswith("A tick would find no new tasks now.")


def test_a_preview_while_nothing_may_go_out_says_so(care: Care, web: WorkspaceRequestContext) -> None:
    """It is not taken for an answer to whether anybody waits."""
    care.a_task(care.a_nurse())
    care.rows("INSERT INTO orchestration.pause (kind, paused_by, why) VALUES ('all', 'me', 'a test')")
    assert "none may go out" in preview(web, "new_escalation_tasks")


def test_of_texts_that_are_due_a_preview_takes_none(
    care: Care, web: WorkspaceRequestContext, runs: Runs, phones: Phones
) -> None:
    """Of those in doubt and of those without a receipt: they are due as before."""
    phones.company.script(ResetBeforeAccepting(), to=NURSE_PHONE)
    doubtful, sent = care.a_task(care.a_nurse()), care.a_task(care.a_nurse("+12025550102"))
    runs.tick(NEW_TASKS)
    phones("+12025550102").received_text()
    care.rows("UPDATE orchestration.notification SET look_at = now(), receipt_at = now() WHERE state <> 'QUEUED'")
    before = everything(care)
    ((in_doubt,), (without_receipt,)) = (care.ledger(doubtful), care.ledger(sent))
    said = preview(web, "doubtful_texts")
    assert said.endswith(f"request a run for texts in doubt that are due to be looked up: {in_doubt['id']}.")
    said = preview(web, "texts_without_receipt")
    assert said.endswith(f"request a run for texts whose receipt is due to be asked for: {without_receipt['id']}.")
    assert everything(care) == before


def test_a_preview_leases_no_task_to_be_assigned(
    care: Care, web: WorkspaceRequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would be asked to give it to a nurse for as long as the lease lasts."""
    assert preview(web, "unassigned_tasks").startswith("SEQUORA_ASSIGN is off")
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    task = care.a_task(None)
    before = everything(care)
    assert preview(web, "unassigned_tasks").endswith(f"A tick would now request a run for unassigned tasks: {task}.")
    assert everything(care) == before


@pytest.mark.parametrize("sensor", [sensor.name for sensor in SENSORS])
def test_every_sensor_has_a_preview_that_is_there_at_once(
    care: Care, web: WorkspaceRequestContext, sensor: str
) -> None:
    """Where there is nothing, none watches for seconds, as a tick does, and none changes anything."""
    before = everything(care)
    assert preview(web, sensor)
    assert everything(care) == before
