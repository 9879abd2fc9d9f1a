"""The whole system, as `sequora dev` runs it against a Postgres and a Twilio of one's own."""

from collections import Counter
from uuid import uuid4

import pytest
from care import EPISODE, NURSE_PHONE, Care
from phones import Phones
from running_system import RunningSystem, eventually
from sqlalchemy import create_engine

from sequora_orchestration.local.twilio.scripted_answers import Hang

pytestmark = [pytest.mark.story, pytest.mark.timeout(400), pytest.mark.xdist_group("shared system")]

RUN = """query Run($task: String!) {
  runsOrError(filter: {tags: [{key: "sequora/task_id", value: $task}]}) {
    ... on Runs { results {
      status tags { key value } stepStats { stepKey status }
      eventConnection(limit: 1000) { events { ... on ExecutionStepOutputEvent { stepKey metadataEntries { label } } } }
    } }
  }
}"""


@pytest.fixture
def care_url(databases: tuple[str, str]) -> str:
    """The care database of the story."""
    return databases[0]


def texts_per_task(phones: Phones) -> Counter[str]:
    """Count the accepted texts by the task that their link names, and claim them all."""
    counter: Counter[str] = Counter()
    for text in phones.company.accepted():
        phones.expect(text)
        counter[text.body.rsplit("/", 1)[1]] += 1
    return counter


def burst(care: Care, nurse: str, count: int) -> list[str]:
    """Insert many tasks of mixed severity at once."""
    rows = care.rows(
        """INSERT INTO "EscalationTask" (severity, assigned_to_user_id, episode_id)
           SELECT (ARRAY['LOW', 'CRITICAL', 'MODERATE', 'HIGH'])[1 + number % 4], :nurse, :episode
           FROM generate_series(1, :count) AS number RETURNING id::text""",
        nurse=nurse,
        episode=EPISODE,
        count=count,
    )
    return [row["id"] for row in rows]


def wait_for_texts(phones: Phones, count: int) -> None:
    """Wait until so many texts have been accepted."""
    assert phones.company.wait_for(lambda: len(phones.company.accepted()) >= count, 40), (
        f"not {count} texts within 40 s"
    )


def all_settled(care: Care, tasks: list[str]) -> bool:
    """Tell whether every task has been sent."""
    settled = care.one(
        "SELECT count(DISTINCT task_id) FROM orchestration.notification"
        " WHERE state IN ('SENT', 'DELIVERED') AND task_id = ANY (:tasks)",
        tasks=tasks,
    )
    return bool(settled == len(tasks))


def test_tasks_are_texted_once_whatever_their_row_and_their_time(
    system: RunningSystem, care: Care, care_url: str, phones: Phones
) -> None:
    """One task, then a late row, bad rows, a hundred at once and a reassignment."""
    nurse = care.a_nurse()
    task = care.a_task(nurse)
    assert phones(NURSE_PHONE).received_text(containing=["New HIGH task", task])

    def run_has_succeeded() -> bool:
        runs = system.graphql(RUN, task=task)["runsOrError"]["results"]
        return [run["status"] for run in runs] == ["SUCCESS"]

    eventually(run_has_succeeded, within=10, what="the run's success in the UI")
    (run,) = system.graphql(RUN, task=task)["runsOrError"]["results"]
    steps = ["fetch_task", "fetch_nurse", "send_sms", "log_notification"]
    assert [(step["stepKey"], step["status"]) for step in run["stepStats"]] == [(step, "SUCCESS") for step in steps]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert {"sequora/task_id": task, "sequora/episode_id": EPISODE, "sequora/severity": "HIGH"}.items() <= tags.items()
    outputs = [event for event in run["eventConnection"]["events"] if event]
    assert [event["stepKey"] for event in outputs] == steps
    assert all(event["metadataEntries"] for event in outputs)

    slow = create_engine(care_url)
    with slow.connect() as connection:
        late = str(uuid4())
        connection.exec_driver_sql(
            'INSERT INTO "EscalationTask" (id, assigned_to_user_id) VALUES (%s, %s)', (late, nurse)
        )
        between = care.a_task(nurse)
        phones(NURSE_PHONE).received_text(containing=[between])
        connection.commit()
    slow.dispose()
    phones(NURSE_PHONE).received_text(containing=[late])

    bad = [care.a_task(None), care.a_task(str(uuid4())), care.a_task(care.a_nurse("555-CALL-ME"))]
    eventually(
        lambda: [care.states(one, kind="task-created") for one in bad] == [["FAILED"]] * 3,
        within=10,
        what="a sentence for each bad row",
    )

    tasks = burst(care, nurse, 100)
    eventually(lambda: all_settled(care, tasks), within=20, what="a hundred texts")
    severities = [text.body.split()[2] for text in phones.company.accepted() if text.body.rsplit("/", 1)[1] in tasks]
    assert severities == ["CRITICAL"] * 25 + ["HIGH"] * 25 + ["MODERATE"] * 25 + ["LOW"] * 25

    care.change_task(task, assigned_to_user_id=care.a_nurse("+12025550102"))
    phones("+12025550102").received_text(containing=[task])

    counts = texts_per_task(phones)
    assert counts == Counter([task, task, late, between, *tasks])


def test_a_killed_worker_process_is_replaced_and_its_rows_are_sent(
    system: RunningSystem, care: Care, phones: Phones
) -> None:
    """A pool process alone is killed in the middle of a call: no restart is needed."""
    phones.company.script(Hang(3), to=NURSE_PHONE)
    task = care.a_task(care.a_nurse())
    eventually(lambda: care.states(task) == ["SENDING"], within=10, what="a call under way")
    neighbour = care.a_task(care.a_nurse("+12025550102"))
    phones("+12025550102").received_text(containing=[neighbour])
    parents = {process.pid for process in system.processes("celery")}
    for process in system.processes("celery"):
        if process.ppid() in parents:
            process.kill()
    another = care.a_task(care.a_nurse("+12025550103"))
    phones.patience = 20
    phones("+12025550103").received_text(containing=[another])
    care.let_leases_expire()
    eventually(lambda: care.ledger(task)[0]["adopted"], within=30, what="the text in doubt found and adopted")
    assert phones(NURSE_PHONE).attempts == 1
    assert texts_per_task(phones)[task] == 1
