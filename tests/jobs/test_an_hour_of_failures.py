"""After an hour in which every text failed, one order sends again what is wanted still: once, the most severe first."""

from datetime import timedelta

import pytest
from care import NOW, SUPERVISOR_PHONE, Care
from phones import Phones
from replays import REGION_OFF, asked, found_and_again, page, ticked
from runs import Runs

from sequora_orchestration.messages.check_in import DUE_CHECK_INS, NEW_EPISODES
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.task_created import NEW_TASKS

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

# One patient each, and one task each of ten nurses.
CHECK_INS, TASKS, BREACHES, WARNINGS = 60, 60, 20, 20
ALL_TASKS = TASKS + BREACHES + WARNINGS

SEVERITIES = ("LOW", "CRITICAL", "MODERATE", "HIGH")

pytestmark = pytest.mark.usefixtures("stopped_clock")


def supervisors_told(runs: Runs) -> None:
    """Let the supervisors be told of nurses who were not reached; a run fails where none of them can be texted."""
    while runs.tick(UNREACHED_NURSES):
        pass


def an_hour_of_failures(care: Care, runs: Runs, phones: Phones) -> dict[str, list[str]]:
    """Return the tasks and episodes of 200 texts that failed from NOW on, by kind; it is an hour later."""
    care.it_is(NOW - 24 * HOUR)
    episodes = [
        care.an_episode(care.a_patient(f"+1202555{2000 + place}"), created_at=NOW - 24 * HOUR)
        for place in range(CHECK_INS)
    ]
    ticked(runs, [NEW_EPISODES])
    care.it_is(NOW)
    care.a_supervisor()
    nurses = [care.a_nurse(f"+1202555{1000 + place}") for place in range(10)]
    new = [care.a_task(nurses[place % 10], severity=SEVERITIES[place % 4], created_at=NOW) for place in range(TASKS)]
    phones.company.always(REGION_OFF)
    breached = [
        care.a_task(nurses[place % 10], created_at=NOW - HOUR, sla_due_at=NOW + 10 * MINUTE)
        for place in range(BREACHES)
    ]
    warned = [
        care.a_task(nurses[place % 10], created_at=NOW - HOUR, sla_due_at=NOW + 50 * MINUTE)
        for place in range(WARNINGS)
    ]
    ticked(runs, [NEW_TASKS, DUE_CHECK_INS])
    runs.launch("check_sla_warnings")
    supervisors_told(runs)
    for minutes in (10, 50):
        care.it_is(NOW + minutes * MINUTE)
        ticked(runs, [SLA_BREACHES])
        supervisors_told(runs)
    phones.company.always(None)
    care.it_is(NOW + HOUR)
    assert phones.unexpected() == []
    return {
        "check-in": episodes,
        "task-created": new + breached + warned,
        "sla-breach": breached,
        "sla-warning": warned,
    }


def test_after_an_hour_of_failures_what_is_wanted_is_sent_again(care: Care, runs: Runs, phones: Phones) -> None:
    """Left out are closed tasks, patients who have opted out, and warnings of an SLA that is missed."""
    failed = an_hour_of_failures(care, runs, phones)
    for task in failed["task-created"][:12]:
        care.change_task(task, status="RESOLVED")
    for place in range(3):
        runs.ledger.opt_outs.remember_opt_out(f"+1202555{2000 + place}", None)
    states = {kind: set(care.states(kind=kind)) for kind in failed}
    assert states == {kind: {"FAILED"} for kind in failed}

    told = asked("61m")
    by_kind = {kind: [0, 0] for kind in failed}
    for group in told["groups"]:
        if group["kind"] in by_kind:
            by_kind[group["kind"]][0] += group["found"]
            by_kind[group["kind"]][1] += group["again"]
    assert by_kind == {
        "check-in": [CHECK_INS, CHECK_INS - 3],
        "task-created": [ALL_TASKS, ALL_TASKS - 12],
        "sla-breach": [BREACHES + WARNINGS, BREACHES + WARNINGS],
        # All had been warned of both SLAs, which have passed.
        "sla-warning": [BREACHES + WARNINGS, 0],
    }
    assert told["found"] >= 200
    assert [one["severity"] for one in told["first"]] == ["CRITICAL"] * 10
    shown = page("61m")
    assert "the task is RESOLVED: nobody needs to act" in shown
    assert "opted out: the patient's number has replied STOP" in shown

    before = len(care.ledger())
    wanted = told["again"]
    assert found_and_again(asked("61m", done=True)) == (told["found"], wanted)
    assert found_and_again(asked("61m", done=True)) == (told["found"], 0)
    assert len(care.ledger()) == before + wanted

    # Claimed at once, as by one tick of a sensor: the most severe first.
    ticked(runs, [NEW_TASKS])
    sent = [text.body.split()[2] for text in phones.unexpected() if text.body.startswith("🚨 New ")]
    assert sent == sorted(sent, key=("CRITICAL", "HIGH", "MODERATE", "LOW").index)
    ticked(runs, [SLA_BREACHES, DUE_CHECK_INS])
    texts = [text for text in phones.unexpected() if text.to != SUPERVISOR_PHONE]
    assert len(texts) == wanted == sum(again for _, again in by_kind.values())
    assert len({(text.to, text.body) for text in texts}) == wanted, "each once"
    for text in phones.unexpected():
        phones.expect(text)
    assert found_and_again(asked("61m", done=True)) == (told["found"], 0)
