"""Names, numbers and texts stay where they belong: the whole system on marked rows, then a search in all it leaves."""

import base64
import os
import subprocess
import zlib
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from care import UNDER_WAY, Care
from click.testing import CliRunner
from leaks import Marks, in_broker, in_files, in_tables
from least_rights import as_role
from orphans import an_orphan
from own_servers import own_databases, settings
from phones import Phones
from running_system import BIN, ROOT, RunningSystem, eventually
from sqlalchemy import NullPool, create_engine

from sequora_orchestration.cli.commands import sequora
from sequora_orchestration.database import engine_for
from sequora_orchestration.local.demo_workflows import zone_where_it_is_noon
from sequora_orchestration.local.environment import read_environment
from sequora_orchestration.local.postgres import EmbeddedPostgres
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.scripted_answers import (
    Answer,
    ErrorAfterAccepting,
    Garbage,
    Hang,
    Refuse,
    ResetAfterAccepting,
    ResetBeforeAccepting,
)
from sequora_orchestration.local.twilio.server import TwilioServer
from sequora_orchestration.settings.addresses import postgres_url

pytestmark = [pytest.mark.story, pytest.mark.timeout(240)]

# Every marked word begins with it, every marked number is one of these: people's, and the refused of the phone company.
MARKS = Marks(
    words=[
        "ZQMARK",
        # Of the texts.
        "How are you feeling",
        "se siente hoy",
        "to end these texts",
        "para dejar de recibir",
        "Ep ID:",
        "View: http",
        "please act",
        "please take over",
        "to answer a text about",
        "A: accepted",
    ],
    national_numbers=["61755571..", "500555000[149]"],
)

# What an operator types may be a name: the ledger keeps it and `sequora timeline` shows it, all else has ids alone.
TYPED_BY_AN_OPERATOR = Marks(words=["ZQTYPED"])

# Not secret, but odd: it stands in a run's tags, and so the search has to find it.
SEVERITY = "HIGH\nZQSEVERITY"

APPLICATIONS_TABLES = [
    f'public."{name}"' for name in ("User", "Patient", "Episode", "EscalationTask", "NotificationLog")
]

# Opted out, a landline, not valid, says the phone company.
REFUSED = ["+15005550004", "+15005550009", "+15005550001"]

# Refused by ourselves.
NO_NUMBERS = ["555-CALL-ZQMARK", "617-555-7192 ext. 7", "617 555 7193 7194"]

TROUBLES: list[Answer] = [
    ResetBeforeAccepting(),
    ResetAfterAccepting(),
    ErrorAfterAccepting(),
    Garbage(),
    Refuse(429, 20429, "Too many requests to +16175557101, (617) 555-7101, Zqmarknora"),
    Hang(2),
]

# Lets the libraries in each Python process say all that they would say to somebody who looks for a mistake.
TALKATIVE = """
import logging
for name, level in {"urllib3": "DEBUG", "twilio": "DEBUG", "celery": "DEBUG", "sqlalchemy.engine": "DEBUG"}.items():
    logging.getLogger(name).setLevel(level)
    logging.getLogger(name).addHandler(logging.StreamHandler())
"""


@pytest.fixture
def databases(own_postgres: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """The care database of the story, and Dagster's."""
    care_url, dagster_url = own_databases(own_postgres, "leaks")
    yield care_url, dagster_url
    engine_for(care_url).dispose()


@pytest.fixture
def care_url(databases: tuple[str, str]) -> str:
    """The care database of the story."""
    return databases[0]


@pytest.fixture
def system(databases: tuple[str, str], twilio: TwilioServer, tmp_path: Path) -> Iterator[RunningSystem]:
    """A system of the story's own, with seconds instead of hours, and libraries that log all they can."""
    care_url, dagster_url = databases
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(TALKATIVE)
    delays = {
        "SEQUORA_CHECK_IN_DELAY": "1s",
        "SEQUORA_ESCALATION_DELAY": "2s",
        "SEQUORA_UNASSIGNED_GRACE": "1s",
        "SEQUORA_DOUBT_WINDOW": "4s",
        "SEQUORA_REPLIES": "on",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(hooks), os.environ.get("PYTHONPATH")])),
    }
    system = RunningSystem.sequora_dev(tmp_path, settings(as_role(care_url), dagster_url, twilio) | delays)
    with system.running():
        system.wait_until_ready()
        yield system


class MarkedRows:
    """Inserts rows in which everything that somebody typed is marked; everybody has a number of their own."""

    def __init__(self, care: Care) -> None:
        """Begin with the first number."""
        self.care = care
        self._last = 7100

    def number(self) -> str:
        """Return another number, in E.164."""
        self._last += 1
        return f"+1617555{self._last}"

    def nurse(self, phone: str | None, **columns: object) -> str:
        """Insert a nurse."""
        return self.care.a_nurse(phone, **{"first_name": "Zqmarknora", "last_name": "Zqmarkreyes", **columns})

    def task(self, nurse: str | None, **columns: object) -> str:
        """Insert a task."""
        codes = {"priority": "ZQMARKPRIORITY", "reason_codes": ["ZQMARKREASON", "zqmark\nthat has\r\ntwo more lines"]}
        return self.care.a_task(nurse, **{**codes, "severity": SEVERITY, **columns})

    def an_episode(self, phone: str, **columns: object) -> str:
        """Insert the episode of a patient."""
        patient = self.care.a_patient(
            phone,
            **{
                "first_name": "Zqmarkellen",
                "last_name": "Zqmarkmarsh",
                "timezone": zone_where_it_is_noon(datetime.now(UTC)),
                **columns,
            },
        )
        return self.care.an_episode(patient, condition_code="ZQMARKCONDITION", risk_level="ZQMARKRISK")


def are(care: Care, states: Collection[str], tasks: Collection[str]) -> bool:
    """Tell whether the texts that tell the nurses of these tasks are in these states."""
    return all(state in states for task in tasks for state in care.states(task, kind="task-created") or ["NONE"])


def runs_fail(dagster: Care, error: str) -> bool:
    """Tell whether a step has failed with that error."""
    return bool(dagster.one("SELECT count(*) FROM event_logs WHERE strpos(event, :error) > 0", error=error))


def runs_end(dagster: Care) -> bool:
    """Tell whether no run is under way."""
    return bool(dagster.one("SELECT count(*) = 0 FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"))


def printed_elsewhere(system: RunningSystem, *command: str) -> str:
    """Return what a command in another terminal prints, with all that its libraries log."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        env={**system._environment, **read_environment(system.directory / "dev")},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def printed(system: RunningSystem, *command: str) -> str:
    """Return what `sequora` prints: in this process, for each other one has to start first."""
    environment = {**system._environment, **read_environment(system.directory / "dev")}
    done = CliRunner().invoke(sequora, command, env=environment)
    # That somebody was not reached is an exit code of `timeline`; that a text is not ours, one of `reconcile`.
    assert done.exit_code == 0 or (done.exit_code == 1 and command[0] in {"timeline", "reconcile"}), done.output
    return done.output


def timelines(system: RunningSystem, care: Care, tasks: Collection[str]) -> str:
    """Return what is told of these tasks, and of every episode."""
    ids = [*tasks, *(str(row["id"]) for row in care.rows('SELECT id FROM "Episode" ORDER BY id'))]
    return "".join(printed(system, "timeline", id_) for id_ in ids)


def tasks_while_the_application_changes(rows: MarkedRows, care: Care, dagster: Care) -> list[str]:
    """Let the application's log refuse a task's row, and a column go away for a moment; return the tasks."""
    unlogged = str(uuid4())
    care.rows(
        f"""CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.task_id = '{unlogged}' THEN
                RAISE EXCEPTION 'not for Zqmarknora' USING DETAIL = 'whose number is +16175557101';
            END IF;
            RETURN NEW;
        END $$"""
    )
    care.rows(
        """CREATE TRIGGER refuse BEFORE INSERT ON "NotificationLog" FOR EACH ROW EXECUTE FUNCTION public.refuse()"""
    )
    rows.task(rows.nurse(rows.number()), id=unlogged)
    eventually(lambda: are(care, {"SENT"}, [unlogged]), within=10, what="sent, though it cannot be logged")
    nurse = rows.nurse(rows.number())
    care.rows("ALTER VIEW orchestration.care_person RENAME primary_phone TO phone")
    task = rows.task(nurse)
    eventually(lambda: runs_fail(dagster, "UndefinedColumn"), within=10, what="a step that fails")
    care.rows("ALTER VIEW orchestration.care_person RENAME phone TO primary_phone")
    return [unlogged, task]


def what_people_answer(rows: MarkedRows, phones: Phones, patient: str) -> list[str]:
    """Let a nurse send a command and a sentence, and a patient and a stranger a sentence; return the texts' ids."""
    nurse = rows.number()
    rows.task(rows.nurse(nurse))
    phones(nurse).received_text(containing="Reply 1A accept")
    written = [
        phones.company.receive(phone=phone, body=body, to="+15005550006")
        for phone, body in (
            (nurse, "1a"),
            (nurse, "Zqmarkellen fell, and I can't come"),
            (nurse, "Liked “View: http zqmark”"),
            (patient, "It is Zqmarkellen here, 1a"),
            (rows.number(), "zqmark"),
        )
    ]
    phones(nurse).received_text(containing="1A: accepted")
    phones(nurse).received_text(containing="to answer a text about a task")
    return [one.sid for one in written if isinstance(one, Message)]


def are_read(care: Care, sids: Collection[str]) -> bool:
    """Tell whether these texts of people stand in the ledger."""
    read = care.one("SELECT count(*) FROM orchestration.inbound WHERE sid = ANY (:sids)", sids=list(sids))
    return bool(read == len(sids))


def texts_of_others_yesterday(rows: MarkedRows, care: Care, phones: Phones) -> list[str]:
    """Let the system be live since the day before yesterday; return texts of others that went out yesterday."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    care.rows("UPDATE orchestration.go_live SET go_live_at = :at", at=yesterday - timedelta(days=1))
    bodies = ("Zqmarkellen, did you sleep well?", "View: https://app.sequora.com/tasks/zqmark")
    return [an_orphan(phones, body, to=rows.number(), created=yesterday) for body in bodies]


def test_names_numbers_and_texts_are_left_nowhere(
    system: RunningSystem, databases: tuple[str, str], care: Care, phones: Phones, tmp_path: Path
) -> None:
    """Good, bad and failing rows of every kind; and the search finds what is there to be found."""
    rows, company = MarkedRows(care), phones.company
    phones.patience = 20
    supervisor = rows.number()
    care.a_supervisor(supervisor, first_name="Zqmarksofia", last_name="Zqmarklopez")

    missed = rows.task(rows.nurse(rows.number()), sla_due_at=datetime.now(UTC), status="Zqmarkstatus typed here")
    sent = [rows.task(rows.nurse(typed)) for typed in (rows.number(), " (617) 555-7190 ", "1-617-555.7191")]
    company.undeliverable[(absent := rows.number())] = 30006
    not_sent = [
        *(rows.task(rows.nurse(typed)) for typed in (*REFUSED, *NO_NUMBERS)),
        rows.task(rows.nurse(absent)),
        rows.task(rows.nurse(rows.number(), active=False)),
        rows.task(str(uuid4())),
        rows.task(None),
    ]
    english, spanish, found, lost = rows.number(), rows.number(), rows.number(), rows.number()
    company.script(ResetAfterAccepting(), to=found)
    company.script(ResetBeforeAccepting(), to=lost)
    for episode in (
        {"phone": english},
        {"phone": spanish, "language_code": "ES"},
        {"phone": found},
        {"phone": lost},
        {"phone": rows.number(), "language_code": "ZQMARKLANGUAGE", "timezone": "ZQMARK/Zone"},
        *({"phone": typed} for typed in (*REFUSED, *NO_NUMBERS)),
    ):
        rows.an_episode(**episode)

    # One after the other, and a good one in between: so many in a row, and no texts would go out for a while.
    for answer in TROUBLES:
        company.script(answer, to=(number := rows.number()))
        sent.append(rows.task(rows.nurse(number)))
        assert company.wait_for(lambda number=number: bool(company.attempts(number)), 10)  # type: ignore[misc]
        sent.append(rows.task(rows.nurse(number := rows.number())))
        phones(number).received_text()

    dagster = Care(create_engine(postgres_url(databases[1]), poolclass=NullPool))
    sent += tasks_while_the_application_changes(rows, care, dagster)

    answers = what_people_answer(rows, phones, english)

    # An old one, which no sensor takes up: a person does.
    sent.append(rows.task(rows.nurse(rows.number()), created_at="2020-01-01Z"))
    (config := tmp_path / "config.yaml").write_text(f'task_ids: ["{sent[-1]}"]')
    execute = ("dagster", "job", "execute", "-m", "sequora_orchestration.definitions", "-j", "notify_nurse_task")
    execution = printed_elsewhere(system, *execute, "-c", str(config))
    typed = ("--who", "zqtyped-who", "--why", "ZQTYPED why")
    resending = printed(system, "resend", sent[0], "--kind", "task-created", *typed)

    phones(supervisor).received_text(containing=["ESCALATION", missed, "ZQMARKREASON"])
    phones(supervisor).received_text(containing=["Nurse not reached", not_sent[0], "ZQMARKREASON"])
    phones(supervisor).received_text(containing=["Nobody is assigned", not_sent[-1], "ZQMARKREASON"])
    phones(english).received_text(containing=["Hi Zqmarkellen", "How are you feeling"])
    phones(spanish).received_text(containing=["Hola Zqmarkellen", "se siente hoy"])
    eventually(lambda: are(care, {"SENT", "DELIVERED"}, sent), within=30, what="all texts sent")
    eventually(lambda: are(care, {"FAILED", "UNDELIVERED"}, not_sent), within=40, what="the rest set aside")
    eventually(lambda: are_read(care, answers), within=20, what="all that people have written read")
    eventually(lambda: care.one(UNDER_WAY) == 0, within=20, what="nothing under way")
    eventually(lambda: runs_end(dagster), within=20, what="no run under way")

    orphans = texts_of_others_yesterday(rows, care, phones)
    reconciling = printed(system, "reconcile"), printed(system, "reconcile", "--json")
    reconciled = printed_elsewhere(system, *execute[:-1], "reconcile_texts")

    left = {
        "Dagster's database": in_tables(dagster.engine),
        "our schema": in_tables(care.engine, but=APPLICATIONS_TABLES),
        "the broker": in_broker(read_environment(system.directory / "dev")["SEQUORA_BROKER_URL"]),
        "the processes": {str(process.pid): " ".join(process.cmdline()) for process in system.processes()},
        "what commands print": {
            "dagster job execute": execution,
            "sequora resend": resending,
            "sequora reconcile": "".join(reconciling),
            "the job reconcile_texts": reconciled,
            "sequora status": printed_elsewhere(system, "sequora", "status"),
            "sequora status --json": printed(system, "status", "--json"),
            "sequora timeline": timelines(system, care, [missed, sent[0], not_sent[0], not_sent[-1]]),
        },
    }
    system.stop()
    left["the files"] = in_files(tmp_path, but=tmp_path / "none")
    for message in company.accepted():
        phones.expect(message)

    known = {
        "Dagster's database": ["ZQSEVERITY", missed, "UndefinedColumn", "RaiseException", *orphans],
        "our schema": [missed, "landline", "HELD", "ZQTYPED why", "COMMANDS", *answers, *orphans],
        "the broker": ["celery-task-meta"],
        "the processes": ["dagster-daemon"],
        "what commands print": ["To be looked at", "set_aside", "was told at", "•••• 71", *orphans],
        "the files": ["run_launcher", "POST /2010-04-01/Accounts", "SQL parameters hidden"],
    }
    for place, words in known.items():
        for word in words:
            assert Marks(words=[word]).found_in(left[place]), f"{place} must have {word}: the search has not seen it"
    leaks = [f"{place}: {leak}" for place, contents in left.items() for leak in MARKS.found_in(contents)]
    leaks += [
        f"{place}: {leak}"
        for place in left.keys() - {"our schema", "what commands print"}
        for leak in TYPED_BY_AN_OPERATOR.found_in(left[place])
    ]
    assert not leaks, "\n".join([f"{len(leaks)} leaks", *leaks[:40]])


@pytest.mark.parametrize(
    "form",
    [
        b"+16175557101",
        b"6175557101",
        b"(617) 555-7101",
        b"617.555.7101",
        b"To=%2B16175557101",
        b"%28617%29+555-7101",
        b"twilio: +15005550009",
        b"Zqmarkellen",
        b"555-CALL-ZQMARK",
        zlib.compress(b"Hola Zqmarkellen"),
        b'{"body": "' + base64.b64encode(b"a letter to Zqmarkellen Zqmarkmarsh") + b'"}',
    ],
)
def test_a_mark_is_found_in_any_form(form: bytes, tmp_path: Path) -> None:
    """As it was typed, in E.164, in an address, packed or in Base64."""
    (tmp_path / "file").write_bytes(b"before " + form if form.isascii() else form)
    assert MARKS.found_in(in_files(tmp_path, but=tmp_path / "none"))


@pytest.mark.parametrize("harmless", ["•••• 7101", "7101", "ZQSEVERITY", "16175557", "+15005550006"])
def test_what_may_be_shown_is_no_mark(harmless: str) -> None:
    """A masked number, and the sender's."""
    assert not MARKS.found_in({"place": harmless})
