"""`sequora demo`: what a new user sees first."""

import os
import re
import subprocess
from collections import Counter

import pytest
from running_system import BIN

pytestmark = [pytest.mark.story, pytest.mark.timeout(300), pytest.mark.xdist_group("demo")]

# Of somebody's own, all of them: none may be felt.
OWN = {
    "SUPABASE_DB_URL": "postgresql://me:secret@127.0.0.1:1/mine",
    "SEQUORA_APPLICATION_MAP": "/nowhere/map.toml",
    "SEQUORA_CHECK_IN_LINK_URL": "https://127.0.0.1:1/mine",
    "TWILIO_ACCOUNT_SID": "AC1",
    "SEQUORA_CHECK_IN_DELAY": "24h",
    "SEQUORA_ESCALATION_DELAY": "30m",
    "SEQUORA_SLA_WARNING_WINDOW": "1s",
}

NURSE, ENGLISH, SPANISH = "+12025550111", "+12025550161", "+12025550162"

# Who is told of what a nurse did not act on, by application: role and phone.
ON_CALL = {"brief": ("supervisor", "+12025550121"), "sequora": ("admin", "+12025550131")}

# What stands on whose phone, from its first words on.
TO_ON_CALL = [
    "ESCALATION: SLA missed less than 1 min ago, please take over.",
    "Nurse not reached: the phone number on file has letters in it.",
    "Handed over by the nurse. Please take over or reassign. HIGH task: MISSED_MEDICATION",
]
TEXTS = [
    (NURSE, "🚨 New CRITICAL task: CHEST_PAIN, SHORTNESS_OF_BREATH"),
    (NURSE, "SLA in 42 min, please act. HIGH task: MISSED_MEDICATION"),
    (NURSE, "SLA missed less than 1 min ago, please act now. HIGH task: MISSED_MEDICATION"),
    (ENGLISH, "Hi Emma, this is your care team at Sequora. How are you feeling today?"),
    (SPANISH, "Hola Marisol, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy?"),
]

# Message, role, state and job of each line of the table.
BECAME = Counter(
    {
        ("task-created", "nurse", "SENT", "notify_nurse_task"): 6,
        ("task-created", "nurse", "FAILED", "notify_nurse_task"): 2,
        ("nurse-call", "nurse", "SENT", "call_nurse"): 1,
        ("nurse-unreached", "on call", "SENT", "report_unreached_nurse"): 2,
        ("sla-warning", "nurse", "SENT", "check_sla_warnings"): 1,
        ("sla-breach", "nurse", "SENT", "handle_sla_breach"): 2,
        ("sla-escalation", "on call", "SENT", "escalate_sla_breach"): 1,
        ("sla-escalation", "on call", "CANCELLED", "escalate_sla_breach"): 1,
        ("check-in", "patient", "SENT", "send_check_in"): 2,
        ("reply", "nurse", "SENT", "follow_replies"): 2,
        ("handed-over", "on call", "SENT", "hand_over"): 1,
    }
)
# A receipt may have come before the table was made.
RECEIVED = {"DELIVERED": "SENT"}
REASONS = {
    "the phone number on file has letters in it; correct the assigned user's phone",
    "the task is RESOLVED: nobody needs to act",
    "answered",
}


@pytest.fixture(scope="module", params=["brief", pytest.param("sequora", marks=pytest.mark.nightly)])
def application(request: pytest.FixtureRequest) -> str:
    """Whose tables the demo is shown on."""
    return str(request.param)


@pytest.fixture(scope="module")
def said(application: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one demo printed, in the environment of a person who has a system of their own."""
    done = subprocess.run(
        [BIN / "sequora", "demo", "--dir", str(tmp_path_factory.mktemp("demo")), "--application", application],
        env={**os.environ, **OWN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def seconds(line: str) -> float | None:
    """Return when a line of the narrator was said."""
    told = re.match(r"\[ *(\d+\.\d) s\] ", line)
    return float(told[1]) if told else None


def test_the_demo_shows_the_text_the_steps_and_where_to_look(said: str) -> None:
    """On an embedded system, whatever a person's own settings are: nobody real is texted."""
    words = [line.split() for line in said.splitlines()]
    assert ["🚨", "New", "CRITICAL", "task:", "CHEST_PAIN,", "SHORTNESS_OF_BREATH"] in words
    steps = [step for step in words if step[1:2] == ["SUCCESS"]]
    assert [step[0] for step in steps] == ["fetch_task", "fetch_nurse", "send_sms", "log_notification"]
    assert all(step[3] == "ms" for step in steps)
    assert "http://127.0.0.1:3000/runs/" in said


def test_the_demo_shows_the_text_of_each_workflow(said: str, application: str) -> None:
    """A new task, a warning, a missed SLA, its escalation, an unreached nurse, and a check-in in two languages."""
    flowing = " ".join(said.split())
    role, phone_on_call = ON_CALL[application]
    assert f"the {role}'s phone {phone_on_call} has" in flowing
    for phone, beginning in [*TEXTS, *((phone_on_call, beginning) for beginning in TO_ON_CALL)]:
        assert re.search(rf"phone {re.escape(phone)} has[^+]*? {re.escape(beginning)}", flowing), beginning


def test_the_demo_shows_the_waits_and_the_task_that_is_resolved_in_time(said: str) -> None:
    """Both check-ins and both escalations wait for their time; one escalation is cancelled."""
    flowing = " ".join(said.split())
    for language in ("English", "Spanish"):
        assert re.search(
            rf"schedule_check_in \(run \w{{8}}\): the one in {language} waits until \[\d+\.\d s\]", flowing
        )
    resolved = re.search(r"(\w{8}) waits until \[\d+\.\d s\]; now it is set to RESOLVED", flowing)
    assert resolved
    assert f"the escalation of {resolved[1]} is CANCELLED: the task is RESOLVED" in flowing
    assert re.search(r"handle_sla_breach: the escalation of \w{8} waits until \[\d+\.\d s\]", flowing)
    assert "noon" in flowing


def test_the_demo_ends_with_a_table_of_what_was_sent_and_what_was_not(said: str, application: str) -> None:
    """To which role, by which run, and why not; a name or a number stands in none of its lines."""
    _, _, end = said.partition("from the ledger:")
    rows = [re.split(r"\s{2,}", line.strip()) for line in end.splitlines() if re.match(r" +\d+\.\d s  ", line)]
    # A scan of the schedule may come at any moment, and warn of what is missed a second later.
    roles = {ON_CALL[application][0]: "on call"}
    became = Counter(
        (message, roles.get(role, role), RECEIVED.get(state, state), job) for _, message, role, _, state, job, _ in rows
    )
    assert became >= BECAME
    assert all(re.fullmatch(r"[0-9a-f]{8}", one) for _, _, _, about, _, _, run in rows for one in (about, run))
    assert {line.split("└ ")[1] for line in end.splitlines() if "└" in line} >= REASONS
    without_ids = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f-]{27})?\b", "", end)
    assert not re.search(r"\+\d|555|Emma|Marisol|Reyes", without_ids)


def test_the_demo_fits_a_terminal_and_does_not_take_long(said: str) -> None:
    """Under two minutes from the moment that the system is up, which is more than twice what it takes."""
    directory = re.findall(r"source (\S+)/environment", said)[-1]
    assert max(map(len, said.replace(directory, ".sequora").splitlines())) <= 100
    up = next(seconds(line) for line in said.splitlines() if "] up." in line)
    last = [told for line in said.splitlines() if (told := seconds(line)) is not None][-1]
    assert up is not None
    assert last - up < 120
