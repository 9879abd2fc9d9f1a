"""An engineer is told of runs that fail: once for what belongs together, and not of what heals by itself."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from calls import call_for
from care import NURSE_PHONE, Care
from dagster import (
    DagsterRun,
    DagsterRunStatus,
    ExecuteInProcessResult,
    RunsFilter,
    build_run_status_sensor_context,
    build_sensor_context,
)
from dagster._core.utils import make_new_run_id
from phones import Phones
from runs import JOB_OF, Runs
from webhook import Webhook, running_webhook

from sequora_orchestration.channels import alarm as alarms
from sequora_orchestration.channels.alarm import Alarm
from sequora_orchestration.domain.alarm import BELONGS_TOGETHER
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.local.twilio.scripted_answers import Refuse, ResetBeforeAccepting
from sequora_orchestration.messages.check_in import NEW_EPISODES
from sequora_orchestration.messages.nurse_call import NURSES_TO_CALL
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.sensors.claiming import run_request
from sequora_orchestration.sensors.failed_runs import failed_runs

ENGINEER_PHONE = "+12025550191"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A channel where engineers read."""
    with running_webhook() as webhook:
        yield webhook


def launched_by_sensor(runs: Runs, queue: Queue) -> list[ExecuteInProcessResult]:
    """Run what a sensor would launch now."""
    requests = [run_request(queue, claim) for claim in runs.ledger.claims.claim(queue)]
    return [
        runs._run(
            JOB_OF[queue.name],
            dict(one.run_config),
            {**one.tags, "dagster/run_key": one.run_key or "", "dagster/sensor_name": "a_sensor"},
        )
        for one in requests
    ]


def noticed(runs: Runs, result: ExecuteInProcessResult, alarm: Alarm, run: DagsterRun | None = None) -> None:
    """Let the sensor see a run that has failed (this one's, or another that failed alike), as Dagster shows it."""
    run = run or runs.instance.get_run_by_id(result.run_id)
    assert run
    context = build_run_status_sensor_context(
        sensor_name="failed_runs",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=runs.instance,
        dagster_run=run,
    ).for_run_failure()
    assert failed_runs(context, alarm=alarm) is None


class Ticks:
    """The sensor as the daemon has it tick: it sees what has failed since its last tick, the first time nothing."""

    def __init__(self, runs: Runs) -> None:
        """Tick for the first time."""
        self._runs = runs
        self._cursor: str | None = None
        self(Alarm(None, None))

    def __call__(self, alarm: Alarm) -> int:
        """Tick, and return how many runs were seen."""
        with build_sensor_context(
            instance=self._runs.instance, cursor=self._cursor, resources={"alarm": alarm}
        ) as context:
            ticked = failed_runs.evaluate_tick(context)
        self._cursor = ticked.cursor
        return len(ticked.dagster_run_reactions or [])


@pytest.fixture
def silence() -> Iterator[str]:
    """The URL of a channel that takes what it is told, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/a-secret"


def failing_run(care: Care, runs: Runs) -> ExecuteInProcessResult:
    """Return a run that died of something unheard of."""
    task = care.a_task(care.a_nurse())
    care.rows("ALTER VIEW orchestration.care_person RENAME primary_phone TO phone")
    (result,) = launched_by_sensor(runs, NEW_TASKS)
    care.rows("ALTER VIEW orchestration.care_person RENAME phone TO primary_phone")
    care.change_task(task, status="RESOLVED")
    care.rows("DELETE FROM orchestration.notification")
    assert not result.success
    return result


def test_provider_trouble_is_told_once_whichever_jobs_it_fails(
    care: Care, runs: Runs, phones: Phones, webhook: Webhook
) -> None:
    """At once, with what to do and a link to the run; no number in it."""
    phones.company.always(Refuse(401, 20003))
    for _ in range(2):
        care.a_task(care.a_nurse())
        care.let_the_trial_come()
        care.let_leases_expire()
        for result in launched_by_sensor(runs, NEW_TASKS):
            noticed(runs, result, Alarm(webhook.url, None))
            last = result
    (told,) = webhook.told
    assert told["text"].startswith("Sequora: a run of notify_nurse_task failed (Twilio takes no texts from us: ")
    assert "TWILIO_… settings" in told["text"]
    assert "http://127.0.0.1:3000/runs/" in told["text"]
    assert NURSE_PHONE[-4:] not in told["text"]
    assert runs.tags(last)["sequora/failure"] == "SenderUnusableError of SMS"


def test_an_outage_of_calls_hides_no_outage_of_texts(
    care: Care, runs: Runs, phones: Phones, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told by itself: texts are what everybody waits for."""
    monkeypatch.setenv("SEQUORA_CALL_FOR", "HIGH")
    call_for(care, "HIGH")
    phones.company.script(Refuse(400, 21614), to=NURSE_PHONE)
    care.a_task(care.a_nurse())
    runs.tick(NEW_TASKS)
    phones.company.calls.always(Refuse(400, 21210))
    phones.company.always(Refuse(401, 20003))
    care.a_task(care.a_nurse())
    for queue in (NURSES_TO_CALL, NEW_TASKS):
        for result in launched_by_sensor(runs, queue):
            noticed(runs, result, Alarm(webhook.url, None))
    assert ["calls" in told["text"] for told in webhook.told] == [True, False]
    assert "takes no texts from us" in webhook.told[1]["text"]


def test_what_another_run_may_do_better_is_told_when_it_fails_the_third_time(
    care: Care, runs: Runs, webhook: Webhook
) -> None:
    """Its class alone: what an unknown error says may quote a row."""
    for _ in range(2):
        noticed(runs, failing_run(care, runs), Alarm(webhook.url, None))
    assert webhook.told == []
    for _ in range(2):
        noticed(runs, failing_run(care, runs), Alarm(webhook.url, None))
    (told,) = webhook.told
    assert told["text"].startswith("Sequora: 3 runs failed since ")
    assert "now of notify_nurse_task (UndefinedColumn)" in told["text"]


def test_a_run_that_the_sensor_sees_twice_counts_once(care: Care, runs: Runs, webhook: Webhook) -> None:
    """The daemon may have died before it wrote down that it had seen it."""
    result = failing_run(care, runs)
    for _ in range(5):
        noticed(runs, result, Alarm(webhook.url, None))
    assert webhook.told == []


def test_a_run_that_a_person_launched_is_hers_to_watch(care: Care, runs: Runs, webhook: Webhook) -> None:
    """She has mistyped an id, for instance."""
    assert care
    for _ in range(3):
        result = runs.launch("notify_nurse_task", task_ids=["00000000-0000-4000-8000-000000000000"])
        assert not result.success
        noticed(runs, result, Alarm(webhook.url, None))
    assert webhook.told == []


@pytest.mark.parametrize("job", ["delete_what_is_over", "measure_figures"])
def test_nobody_is_woken_for_what_nobody_waits_for(care: Care, runs: Runs, webhook: Webhook, job: str) -> None:
    """What is deleted and measured: it can be seen by day."""
    care.rows("DROP SCHEMA orchestration CASCADE")
    result = runs._run(job, {}, {"dagster/schedule_name": "a_schedule"})
    assert not result.success
    noticed(runs, result, Alarm(webhook.url, None))
    assert webhook.told == []


def test_settings_and_schema_are_told_at_once(care: Care, runs: Runs, webhook: Webhook) -> None:
    """No other run will do better; it says what to do."""
    care.rows("DROP SCHEMA orchestration CASCADE")
    result = runs._run("check_sla_warnings", {}, {"dagster/schedule_name": "a_schedule"})
    assert not result.success
    noticed(runs, result, Alarm(webhook.url, None))
    (told,) = webhook.told
    assert "run `sequora migrate`" in told["text"]


def test_an_engineer_is_texted_where_a_number_is_set(care: Care, runs: Runs, phones: Phones, webhook: Webhook) -> None:
    """Beside the webhook, and also when that fails."""
    webhook.status = 500
    for _ in range(3):
        result = failing_run(care, runs)
        noticed(runs, result, Alarm(webhook.url, ENGINEER_PHONE))
    assert len(webhook.told) == 1
    assert result.run_id in phones(ENGINEER_PHONE).received_text(containing=["3 runs failed"]).body
    assert runs.tags(result)["sequora/alarm"] == "raised"


@pytest.mark.usefixtures("environment")
def test_a_text_to_an_engineer_is_of_two_segments_at_most_and_a_webhook_gets_it_as_it_is(
    phones: Phones, webhook: Webhook
) -> None:
    """With a backtick, which the cheaper alphabet does not have, it would be of five."""
    alarm = "Sequora: see `sequora status`. " + "x" * 268
    assert Alarm(webhook.url, ENGINEER_PHONE).raise_(alarm).is_told
    assert segments(phones(ENGINEER_PHONE).received_text(containing="see 'sequora status'").body) == 2
    assert webhook.told == [{"text": alarm}]


def test_what_could_not_be_told_is_told_with_the_next_failure(care: Care, runs: Runs, webhook: Webhook) -> None:
    """A webhook that cannot be reached stops nothing, and swallows nothing."""
    gone = Alarm(f"http://127.0.0.1:{free_port()}/", None)
    for _ in range(3):
        noticed(runs, failing_run(care, runs), gone)
    noticed(runs, failing_run(care, runs), Alarm(webhook.url, None))
    (told,) = webhook.told
    assert told["text"].startswith("Sequora: 4 runs failed since ")


def test_an_address_that_no_library_can_read_is_said_without_it() -> None:
    """And nothing is broken by it."""
    raised = Alarm("http://a-secret..example.com/", None).raise_("a test")
    assert not raised.is_told
    (trouble,) = raised.troubles
    assert trouble == "SEQUORA_ALARM_URL cannot be reached (LocationParseError)"


@pytest.mark.usefixtures("environment")
def test_a_number_that_cannot_be_texted_is_said_without_it() -> None:
    """And nothing is broken by it."""
    raised = Alarm(None, "555-CALL-ME").raise_("a test")
    assert not raised.is_told
    (trouble,) = raised.troubles
    assert trouble.startswith("SEQUORA_ALARM_NUMBER cannot be texted: ")
    assert "555" not in trouble


@pytest.mark.parametrize("number", [None, ENGINEER_PHONE])
def test_an_alarm_that_is_taken_and_not_answered_in_time_is_told(
    care: Care, runs: Runs, phones: Phones, silence: str, monkeypatch: pytest.MonkeyPatch, number: str | None
) -> None:
    """Else each further failed run would say it again."""
    monkeypatch.setattr(alarms, "PATIENCE", 0.1)
    for _ in range(3):
        result = failing_run(care, runs)
        noticed(runs, result, Alarm(silence, number))
    if number:
        phones(number).received_text()
    assert runs.tags(result)["sequora/alarm"] == "raised"


def test_a_text_of_which_nobody_knows_whether_it_went_is_told(care: Care, runs: Runs, phones: Phones) -> None:
    """It may be read; nobody is texted the same for hours."""
    phones.company.script(ResetBeforeAccepting(), to=ENGINEER_PHONE)
    for _ in range(4):
        result = failing_run(care, runs)
        noticed(runs, result, Alarm(None, ENGINEER_PHONE))
    (told,) = runs.instance.get_runs(RunsFilter(tags={"sequora/alarm": "raised"}))
    assert told.run_id != result.run_id


def test_after_an_alarm_that_did_not_arrive_a_tick_tries_no_other(care: Care, runs: Runs, webhook: Webhook) -> None:
    """Of a hundred failed runs each might take seconds, and the tick be lost with them all; the next tries again."""
    webhook.status = 500
    ticks = Ticks(runs)
    for _ in range(5):
        failing_run(care, runs)
    assert ticks(Alarm(webhook.url, None)) == 5
    assert len(webhook.told) == 1
    failing_run(care, runs)
    assert ticks(Alarm(webhook.url, None)) == 1
    assert len(webhook.told) == 2


def test_after_alarms_that_have_taken_long_a_tick_tries_no_other(
    silence: str, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if they have arrived, for all that is known."""
    monkeypatch.setattr(alarms, "PATIENCE", 0.1)
    alarm = Alarm(silence, None)
    assert alarm.raise_("a test").is_told
    alarm.url = webhook.url
    assert not alarm.raise_("a test").is_told
    assert webhook.told == []


def test_an_alarm_arrives_without_its_link_where_that_cannot_be_made(
    care: Care, runs: Runs, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the run's id: a setting that is wrong must not keep it."""
    monkeypatch.setenv("SEQUORA_WEB_URL", "no address")
    for _ in range(3):
        result = failing_run(care, runs)
        noticed(runs, result, Alarm(webhook.url, None))
    (told,) = webhook.told
    assert told["text"].endswith(f"\nrun {result.run_id}")


def test_where_nobody_is_to_be_told_no_failure_is_kept_for_later(care: Care, runs: Runs, webhook: Webhook) -> None:
    """A tick sees them all, so none is told as news when somebody is to be told."""
    ticks = Ticks(runs)
    for _ in range(4):
        failing_run(care, runs)
    assert ticks(Alarm(None, None)) == 4
    assert ticks(Alarm(webhook.url, None)) == 0
    assert webhook.told == []


def an_hour_passes(runs: Runs, result: ExecuteInProcessResult) -> None:
    """Let a run have failed so long ago; when its tags are changed, Dagster takes it for updated now."""
    an_hour_ago = datetime.now(UTC) - BELONGS_TOGETHER
    runs.instance.run_storage.handle_run_event(result.run_id, result.get_run_failure_event(), an_hour_ago)
    runs.instance.add_run_tags(result.run_id, {"a": "tag"})


def test_what_failed_long_ago_is_no_news(care: Care, runs: Runs, webhook: Webhook) -> None:
    """The daemon was down, for instance, or nobody was to be told."""
    for _ in range(3):
        result = failing_run(care, runs)
        an_hour_passes(runs, result)
        noticed(runs, result, Alarm(webhook.url, None))
    assert webhook.told == []
    assert "sequora/failure" not in runs.tags(result)


def test_what_failed_long_ago_does_not_count(care: Care, runs: Runs, webhook: Webhook) -> None:
    """Nor does the alarm of then keep another from being raised; that a run was tagged makes it no younger."""
    for _ in range(3):
        result = failing_run(care, runs)
        noticed(runs, result, Alarm(webhook.url, None))
        an_hour_passes(runs, result)
    assert webhook.told == []
    for _ in range(3):
        result = failing_run(care, runs)
        noticed(runs, result, Alarm(webhook.url, None))
    assert len(webhook.told) == 1
    an_hour_passes(runs, result)
    noticed(runs, failing_run(care, runs), Alarm(webhook.url, None))
    assert len(webhook.told) == 2


def executed_again(runs: Runs, result: ExecuteInProcessResult, tags: dict[str, str]) -> DagsterRun:
    """Return a run that a person has made of another, with its tags and more, and that has failed, too."""
    failed = runs.instance.get_run_by_id(result.run_id)
    assert failed
    again = runs.instance.add_run(
        DagsterRun(
            job_name=failed.job_name,
            run_id=make_new_run_id(),
            tags={**failed.tags, **tags},
            status=DagsterRunStatus.STARTED,
            root_run_id=failed.run_id,
            parent_run_id=failed.run_id,
        )
    )
    runs.instance.report_run_failed(again)
    return again


@pytest.mark.parametrize("tags", [{}, {"sequora/alarm": "raised"}])
def test_what_a_person_executes_again_is_hers_to_watch(
    care: Care, runs: Runs, webhook: Webhook, tags: dict[str, str]
) -> None:
    """It inherits the tags of the run that failed: it neither counts nor keeps an alarm from being raised."""
    for _ in range(2):
        result = failing_run(care, runs)
        noticed(runs, result, Alarm(webhook.url, None))
    again = [executed_again(runs, result, tags) for _ in range(3)]
    noticed(runs, failing_run(care, runs), Alarm(webhook.url, None))
    (told,) = webhook.told
    assert told["text"].startswith("Sequora: 3 runs failed since ")
    for run in again:
        noticed(runs, result, Alarm(webhook.url, None), run)
        unchanged = runs.instance.get_run_by_id(run.run_id)
        assert unchanged
        assert unchanged.tags == run.tags
    assert len(webhook.told) == 1


def test_failures_of_any_job_come_to_the_sensor_in_its_ticks(
    care: Care, runs: Runs, phones: Phones, webhook: Webhook
) -> None:
    """Those since its first tick."""
    ticks = Ticks(runs)
    phones.company.always(Refuse(401, 20003))
    care.a_task(care.a_nurse())
    launched_by_sensor(runs, NEW_TASKS)
    ticks(Alarm(webhook.url, None))
    (told,) = webhook.told
    assert "Twilio takes no texts from us" in told["text"]


def test_nobody_to_escalate_to_is_told_at_once(care: Care, runs: Runs, webhook: Webhook) -> None:
    """Only a person can change that; the sentence names the task."""
    task = care.a_task(care.a_nurse(None), severity="CRITICAL")
    launched_by_sensor(runs, NEW_TASKS)
    result = runs._run("report_unreached_nurse", {"task_ids": [task]}, {"dagster/sensor_name": "unreached_nurses"})
    assert not result.success
    noticed(runs, result, Alarm(webhook.url, None))
    (told,) = webhook.told
    assert f"{task}: nobody to escalate to" in told["text"]


def test_a_run_of_another_job_with_the_same_error_is_another_matter(care: Care, runs: Runs, webhook: Webhook) -> None:
    """An error of which nothing is known belongs to its job."""
    for _ in range(2):
        noticed(runs, failing_run(care, runs), Alarm(webhook.url, None))
    care.rows("ALTER VIEW orchestration.care_patient RENAME primary_phone TO phone")
    care.an_episode(None)
    care.an_episode("00000000-0000-4000-8000-000000000000")
    failed = [result for result in launched_by_sensor(runs, NEW_EPISODES) if not result.success]
    assert failed
    for result in failed:
        noticed(runs, result, Alarm(webhook.url, None))
    assert webhook.told == []
