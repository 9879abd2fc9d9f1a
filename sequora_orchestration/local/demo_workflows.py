"""The demo's scenes: each workflow once, narrated while it happens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from sequora_orchestration.local.demo_stage import Entry, Ringing, Scene, Stage

# Seconds instead of 24 hours and 30 minutes. An episode's sensor looks every 2 s: its check-in is seen waiting.
CHECK_IN_DELAY = 8
ESCALATION_DELAY = 6

NURSE = "a0000000-0000-4000-8000-000000000001"

# The demo's own episode: every task about it is from this demo or an earlier one.
EPISODE = "c0000000-0000-4000-8000-0000000000de"
UNREACHED_NURSE = "a0000000-0000-4000-8000-0000000000de"
NURSE_ON_LANDLINE = "a0000000-0000-4000-8000-0000000000df"
PATIENTS = {
    "English": "b0000000-0000-4000-8000-0000000000de",
    "Spanish": "b0000000-0000-4000-8000-0000000000df",
}


@contextmanager
def own_tasks(stage: Stage) -> Iterator[None]:
    """Resolve the demo's tasks: those of earlier demos before the block, and those of this demo after it."""
    stage.execute("resolve_tasks_of_episode", episode=EPISODE)
    try:
        yield
    finally:
        with suppress(SQLAlchemyError):  # the next demo begins with it
            stage.execute("resolve_tasks_of_episode", episode=EPISODE)


def main_job(stage: Stage) -> str:
    """Show a new task's way, step by step; return the id of its run."""
    _put_patients(stage)
    stage.execute("put_episode", episode=EPISODE, patient=PATIENTS["English"])
    task = _insert_task(stage, severity="CRITICAL", reasons=["CHEST_PAIN", "SHORTNESS_OF_BREATH"])
    stage.say(f'inserted a row into "EscalationTask": {task}')
    stage.play(_new_task(stage, task, time.monotonic()))
    entry = stage.entry("task-created", task)
    return entry.run_id or "" if entry else ""


def other_workflows(stage: Stage) -> None:
    """Show the other workflows, all at the same time."""
    zone = _put_patients(stage)
    stage.execute("put_unreached_nurses", nurse=UNREACHED_NURSE, on_landline=NURSE_ON_LANDLINE)
    stage.say(
        f"now the others, at once; check-ins wait {CHECK_IN_DELAY} s (24 h by default), "
        f"escalations {ESCALATION_DELAY} s (30 min)"
    )
    near = _insert_task(stage, sla=42 * 60)
    stage.say(f"inserted a task whose SLA is in 42 min: {near}")
    missed = _insert_task(stage, sla=2)
    stage.say(f"inserted a task whose SLA is in 2 s: {missed}")
    resolved = _insert_task(stage, sla=2)
    stage.say(f"inserted another, which will be resolved in time: {resolved}")
    unreached = _insert_task(stage, nurse=UNREACHED_NURSE)
    stage.say(f"inserted a task whose nurse has no usable phone: {unreached}")
    called = _insert_task(stage, nurse=NURSE_ON_LANDLINE)
    stage.say(f"inserted a task whose nurse has a landline: {called}")
    accepted, handed_over = _insert_task(stage), _insert_task(stage)
    stage.say(f"inserted two tasks that are answered by text: {accepted} and {handed_over}")
    episodes = {
        language: _insert(stage, "insert_episode", patient=patient, zone=zone) for language, patient in PATIENTS.items()
    }
    stage.say(f"inserted two episodes in zone {zone}, where it is noon: no patient is texted at night")
    stage.play(
        _warning(stage, near),
        _missed_sla(stage, missed),
        _resolved_in_time(stage, resolved),
        _unreached_nurse(stage, unreached),
        _called(stage, called),
        _accepted(stage, accepted),
        _handed_over(stage, handed_over),
        *(_check_in(stage, episode, language) for language, episode in episodes.items()),
    )


def zone_where_it_is_noon(now: datetime) -> str:
    """Return a zone in which it is between 12:00 and 14:00; its sign is the reverse of the usual."""
    # At noon in Greenwich the next zone is taken: UTC in a patient's row means that the zone is not known.
    return f"Etc/GMT{now.astimezone(UTC).hour - 12 or -1:+d}"


def _new_task(stage: Stage, task: str, inserted: float) -> Scene[None]:
    received = yield from stage.until("a text", lambda: next(iter(stage.texts_about(task).values()), None))
    stage.say(
        f"{time.monotonic() - inserted:.1f} s later the phone {received.to} has the text:", quotation=received.body
    )
    entry, _ = yield from stage.sent("task-created", task)
    (run,) = yield from stage.ended_runs([entry.run_id or ""])
    steps = [
        f"{step['stepKey']:<18} {step['status']:<8} {(step['endTime'] - step['startTime']) * 1000:6.0f} ms"
        for step in run["stepStats"]
    ]
    stage.say(f"the run {run['runId']} ended as {run['status']}:", quotation="\n".join(steps))


def _check_in(stage: Stage, episode: str, language: str) -> Scene[None]:
    scheduled = yield from _wait_for_scheduled(stage, "check-in", episode)
    stage.say(
        f"schedule_check_in{_run(scheduled.scheduled_by)}: the one in {language} waits until "
        f"{stage.shown_time(scheduled.due_at)}"
    )
    entry, received = yield from stage.sent("check-in", episode)
    stage.say(f"send_check_in{_run(entry.run_id)}: the patient's phone {received.to} has:", quotation=received.body)


def _warning(stage: Stage, task: str) -> Scene[None]:
    run_id = stage.launch("check_sla_warnings", {"task_ids": [task]})
    stage.say(f"check_sla_warnings{_run(run_id)}: launched through the web UI (by schedule: every 5 min)")
    _, received = yield from stage.sent("sla-warning", task)
    stage.say(f"check_sla_warnings: the nurse's phone {received.to} has:", quotation=received.body)
    yield from stage.ended_runs([run_id])


def _missed_sla(stage: Stage, task: str) -> Scene[None]:
    entry, received = yield from stage.sent("sla-breach", task)
    stage.say(
        f"handle_sla_breach{_run(entry.run_id)}: SLA missed, the nurse's phone {received.to} has:",
        quotation=received.body,
    )
    waiting = yield from _wait_for_scheduled(stage, "sla-escalation", task)
    stage.say(f"handle_sla_breach: the escalation of {task[:8]} waits until {stage.shown_time(waiting.due_at)}")
    entry, received = yield from stage.sent("sla-escalation", task)
    stage.say(
        f"escalate_sla_breach{_run(entry.run_id)}: still open, the {entry.role}'s phone {received.to} has:",
        quotation=received.body,
    )


def _resolved_in_time(stage: Stage, task: str) -> Scene[None]:
    entry, _ = yield from stage.sent("sla-breach", task)
    waiting = yield from _wait_for_scheduled(stage, "sla-escalation", task)
    stage.execute("resolve_task", task=task)
    stage.say(
        f"handle_sla_breach{_run(entry.run_id)}: {task[:8]} waits until {stage.shown_time(waiting.due_at)}; "
        "now it is set to RESOLVED"
    )
    cancelled = yield from stage.until(
        "the escalation's cancellation", lambda: stage.entry("sla-escalation", task, "CANCELLED")
    )
    stage.say(
        f"escalate_sla_breach{_run(cancelled.run_id)}: the escalation of {task[:8]} is CANCELLED: {cancelled.reason}"
    )


def _wait_for_scheduled(stage: Stage, kind: str, subject: str) -> Scene[Entry]:
    def ask() -> Entry | None:
        entry = stage.entry(kind, subject)
        return entry if entry and entry.due_at else None

    return (yield from stage.until(f"the wait of {kind} about {subject}", ask))


def _unreached_nurse(stage: Stage, task: str) -> Scene[None]:
    failed = yield from stage.until("the failure", lambda: stage.entry("task-created", task, "FAILED"))
    stage.say(f"notify_nurse_task{_run(failed.run_id)}: {task[:8]} has FAILED: {failed.reason}")
    entry, received = yield from stage.sent("nurse-unreached", task)
    stage.say(
        f"report_unreached_nurse{_run(entry.run_id)}: the {entry.role}'s phone {received.to} has:",
        quotation=received.body,
    )


def _called(stage: Stage, task: str) -> Scene[None]:
    failed = yield from stage.until("the failure", lambda: stage.entry("task-created", task, "FAILED"))
    stage.say(f"notify_nurse_task{_run(failed.run_id)}: {task[:8]} has FAILED: {failed.reason}")

    def ringing() -> Ringing | None:
        entry = stage.entry("nurse-call", task, "SENT")
        call = stage.calls.get(entry.sid or "") if entry else None
        return call if call and call.is_ringing else None

    call = yield from stage.until("a call", ringing)
    stage.pick_up(call)
    entry = stage.entry("nurse-call", task)
    stage.say(f"call_nurse{_run(entry.run_id if entry else None)}: the phone {call.to} rings; she answers and hears:")
    heard = yield from stage.until("what is said", lambda: stage.calls[call.sid].said or None)
    stage.say("twice:", quotation="\n".join(dict.fromkeys(heard)))
    entry, received = yield from stage.sent("nurse-unreached", task)
    stage.say(
        f"report_unreached_nurse{_run(entry.run_id)}: the {entry.role}'s phone {received.to} has:",
        quotation=received.body,
    )


def _accepted(stage: Stage, task: str) -> Scene[None]:
    yield from _answered(stage, task, "A")


def _handed_over(stage: Stage, task: str) -> Scene[None]:
    yield from _answered(stage, task, "E")
    entry, received = yield from stage.sent("handed-over", task)
    stage.say(f"hand_over{_run(entry.run_id)}: the {entry.role}'s phone {received.to} has:", quotation=received.body)


def _answered(stage: Stage, task: str, letter: str) -> Scene[None]:
    """Let the nurse answer the text about a task by a letter, with the number that stands in the text's last line."""
    _, text = yield from stage.sent("task-created", task)
    command = f"{text.body.splitlines()[-1].removeprefix('Reply ').partition('A')[0]}{letter}"
    stage.answer(text.to, command)
    stage.say(f"on the phone {text.to} the nurse answers the text about {task[:8]}: {command}")
    entry, received = yield from stage.sent("reply", task)
    stage.say(f"follow_replies{_run(entry.run_id)}: her phone has:", quotation=received.body)


def _put_patients(stage: Stage) -> str:
    """Insert the patients, or move them to a zone where it is noon; return the zone."""
    zone = zone_where_it_is_noon(stage.clock())
    stage.execute("put_patients", english=PATIENTS["English"], spanish=PATIENTS["Spanish"], zone=zone)
    return zone


def _insert_task(
    stage: Stage,
    *,
    severity: str = "HIGH",
    reasons: list[str] | None = None,
    nurse: str = NURSE,
    sla: int = 4 * 3600,
) -> str:
    """Insert a task whose SLA is in so many seconds."""
    return _insert(
        stage,
        "insert_task",
        episode=EPISODE,
        severity=severity,
        reasons=reasons or ["MISSED_MEDICATION"],
        nurse=nurse,
        sla=sla,
    )


def _insert(stage: Stage, name: str, **values: object) -> str:
    (row,) = stage.execute(name, **values)
    stage.subjects.append(row["id"])
    return str(row["id"])


def _run(run_id: str | None) -> str:
    return f" (run {run_id[:8]})" if run_id else ""
