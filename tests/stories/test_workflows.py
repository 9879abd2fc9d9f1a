"""Every workflow but the main one, walked through the running system with short delays, and with killed processes."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest
from care import EPISODE, NURSE_PHONE, PATIENT_PHONE, SUPERVISOR_PHONE, Care
from phones import Phones
from running_system import RunningSystem, eventually, traces_in

from sequora_orchestration.local.demo_workflows import zone_where_it_is_noon

pytestmark = [pytest.mark.story, pytest.mark.timeout(400), pytest.mark.xdist_group("shared system")]

RUNS = """query Runs($key: String!, $value: String!) {
  runsOrError(filter: {tags: [{key: $key, value: $value}]}) {
    ... on Runs { results { pipelineName status stepStats { stepKey status } } }
  }
}"""

STEPS = {
    "notify_nurse_task": ["fetch_task", "fetch_nurse", "send_sms", "log_notification"],
    "schedule_check_in": ["fetch_episode", "fetch_patient", "schedule_check_in_text"],
    "send_check_in": ["fetch_check_in", "fetch_patient", "send_sms", "log_notification"],
    "handle_sla_breach": ["alert_nurse", "wait"],
    "escalate_sla_breach": ["check_resolved", "escalate_to_supervisor"],
    "report_unreached_nurse": ["check_unreached", "escalate_to_supervisor"],
}


@pytest.fixture
def care_url(databases: tuple[str, str]) -> str:
    """The care database of the story."""
    return databases[0]


def runs_about(system: RunningSystem, key: str, value: str) -> dict[str, list[tuple[str, str]]]:
    """Return the steps and their states of the successful runs with that tag, by job."""
    runs = system.graphql(RUNS, key=key, value=value)["runsOrError"]["results"]
    return {
        run["pipelineName"]: [(step["stepKey"], step["status"]) for step in run["stepStats"]]
        for run in runs
        if run["status"] == "SUCCESS"
    }


def succeeded(system: RunningSystem, key: str, value: str, *jobs: str) -> bool:
    """Tell whether exactly these jobs have run about it, with all of their steps."""
    return runs_about(system, key, value) == {job: [(step, "SUCCESS") for step in STEPS[job]] for job in jobs}


def test_each_workflow_does_what_must_follow(system: RunningSystem, care: Care, phones: Phones) -> None:
    """Check-in, missed SLA with its escalation, one resolved in time, one whose nurse is not reached, and a warning."""
    phones.patience = 20
    care.a_supervisor()
    nurse = care.a_nurse()
    episode = care.an_episode(care.a_patient(timezone=zone_where_it_is_noon(datetime.now(UTC)), language_code="ES"))
    breached = care.a_task(nurse, sla_due_at=datetime.now(UTC))
    resolved = care.a_task(nurse, sla_due_at=datetime.now(UTC))
    nobodys = care.a_task(None)

    for task in (breached, resolved):
        phones(NURSE_PHONE).received_text(containing=["New HIGH task", task])
        phones(NURSE_PHONE).received_text(containing=["SLA missed", task])
    care.change_task(resolved, status="RESOLVED")
    phones(SUPERVISOR_PHONE).received_text(containing=["Nobody is assigned", nobodys])
    phones(PATIENT_PHONE).received_text(containing=["Hola Ellen"])
    phones(SUPERVISOR_PHONE).received_text(containing=["ESCALATION", breached])
    eventually(
        lambda: "CANCELLED" in [row["state"] for row in care.ledger(resolved)],
        within=15,
        what="the escalation of the resolved task cancelled",
    )

    eventually(
        lambda: succeeded(system, "sequora/episode_id", episode, "schedule_check_in", "send_check_in"),
        within=10,
        what="the check-in's runs in the UI",
    )
    for task in (breached, resolved):
        jobs = ("notify_nurse_task", "handle_sla_breach", "escalate_sla_breach")
        eventually(
            lambda task=task, jobs=jobs: succeeded(system, "sequora/task_id", task, *jobs),  # type: ignore[misc]
            within=10,
            what="all runs about the task, found by its tag",
        )
    eventually(
        lambda: succeeded(system, "sequora/task_id", nobodys, "notify_nurse_task", "report_unreached_nurse"),
        within=10,
        what="the report's run in the UI",
    )

    near = care.a_task(nurse, sla_due_at=datetime.now(UTC).replace(year=datetime.now(UTC).year + 1))
    phones(NURSE_PHONE).received_text(containing=["New HIGH task", near])
    # As if it had been there for an hour.
    care.rows(
        "UPDATE orchestration.go_live SET go_live_at = go_live_at - interval '1 hour', workflows_live_at = go_live_at"
    )
    care.rows(
        """UPDATE "EscalationTask"
           SET created_at = now() - interval '1 hour', sla_due_at = now() + interval '42 minutes'
           WHERE id = :id""",
        id=near,
    )
    system.launch("check_sla_warnings", "{}")
    phones(NURSE_PHONE).received_text(containing=["SLA in 42 min", near])
    step = f"warn[{near.replace('-', '_')}]"
    eventually(
        lambda: (
            runs_about(system, "sequora/task_id", near).get("check_sla_warnings")
            == [("find_tasks_near_sla", "SUCCESS"), (step, "SUCCESS")]
        ),
        within=10,
        what="the warning's step in the UI",
    )
    assert len(care.rows("SELECT * FROM orchestration.notification WHERE state IN ('SENT', 'DELIVERED')")) == len(
        phones.company.accepted()
    )


def test_what_is_killed_under_way_is_done_once(system: RunningSystem, care: Care, phones: Phones) -> None:
    """Alerts, escalations, check-ins and reports in hundreds, and everything killed in the middle."""
    care.a_supervisor()
    nurse = care.a_nurse()
    tasks(care, nurse, 80)
    care.rows(
        """WITH patient AS (
               INSERT INTO "Patient" (first_name, primary_phone, timezone)
               SELECT 'Ellen', '+1202556' || (1000 + number), :zone
               FROM generate_series(1, 80) AS number RETURNING id
           )
           INSERT INTO "Episode" (patient_id) SELECT id FROM patient""",
        zone=zone_where_it_is_noon(datetime.now(UTC)),
    )
    assert phones.company.wait_for(reached(phones, 130), 40)
    system.kill_everything()
    system.start()
    system.wait_until_ready()
    care.let_leases_expire()  # nobody is left who could hold one

    # Of 80 tasks 64 have a nurse: she is told of it and of its missed SLA. All are escalated; of the others the
    # supervisor is told as well that nobody is assigned. And there are 80 check-ins.
    expected = {"New HIGH": 64, "SLA missed": 64, "ESCALATION": 80, "Nobody is assigned": 16, "Hi Ellen": 80}
    settled = "SELECT count(*) FROM orchestration.notification WHERE state IN ('SENT', 'DELIVERED', 'HELD')"
    eventually(lambda: care.one(settled) == sum(expected.values()), within=150, what="everything sent or held")
    told = told_of(phones, expected)
    assert set(told.values()) == {1}
    sent = Counter(start for _, start, _ in told)
    # A check-in whose process was killed right before its call is held for a person.
    held = care.one("SELECT count(*) FROM orchestration.notification WHERE state = 'HELD' AND kind = 'check-in'")
    assert sent == expected | {"Hi Ellen": expected["Hi Ellen"] - held}
    # Eight threads in each of two workers.
    assert held <= 2 * 8


def test_told_to_end_under_way_it_does_so_soon_and_shows_no_trace(
    system: RunningSystem, care: Care, phones: Phones
) -> None:
    """Nothing that it has started stays, no run is broken off, and nobody is texted twice."""
    tasks(care, care.a_nurse(), 80)
    assert phones.company.wait_for(reached(phones, 30), 40)
    before = len(system.output())
    system.stop(within=15)
    assert system.processes() == []
    assert traces_in(system.output()[before:]) == []
    assert set(told_of(phones, ["New HIGH", "SLA missed"]).values()) == {1}


def tasks(care: Care, nurse: str, count: int) -> None:
    """Insert many tasks whose SLA is missed; each fifth is nobody's."""
    care.rows(
        """INSERT INTO "EscalationTask" (severity, assigned_to_user_id, sla_due_at, episode_id)
           SELECT 'HIGH', CASE WHEN number % 5 > 0 THEN CAST(:nurse AS uuid) END, now(), :episode
           FROM generate_series(1, :count) AS number""",
        nurse=nurse,
        episode=EPISODE,
        count=count,
    )


def told_of(phones: Phones, beginnings: Iterable[str]) -> Counter[tuple[str, str, str]]:
    """Count the accepted texts by number, beginning and task, and claim them all."""
    texts = phones.company.accepted()
    for text in texts:
        phones.expect(text)
    return Counter((text.to, beginning(text.body, beginnings), text.body.rsplit("/", 1)[-1]) for text in texts)


def reached(phones: Phones, count: int) -> Callable[[], bool]:
    return lambda: len(phones.company.accepted()) >= count


def beginning(body: str, beginnings: Iterable[str]) -> str:
    """Return with which of these a text begins."""
    (found,) = [one for one in beginnings if body.removeprefix("🚨 ").startswith(one)]
    return found
