"""The demo's stage: the running system as it looks from outside, and a narrator.

Here: the application's tables, the ledger, the phone inbox and the web UI's GraphQL. Not here: the scenes that are
played on it (`demo_workflows`).
"""

import textwrap
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import requests
from sqlalchemy import RowMapping, create_engine, text

from sequora_orchestration.database import NamedStatements
from sequora_orchestration.local.applications import DEFAULT, Application
from sequora_orchestration.settings.addresses import postgres_url
from sequora_orchestration.terminal.screen import columns, is_terminal

T = TypeVar("T")

Scene = Generator[None, None, T]
"""A scene that is watched while it happens: each `yield` says that there is nothing to see yet."""

# Seconds to wait for any event: ten times as long as it takes.
PATIENCE = 60
BETWEEN_LOOKS = 0.05

# Columns: no line is longer, however wide the terminal is.
WIDTH = 100

# A row for each message. The run is its last run; the run that scheduled it stands in its history. For an escalation
# that nobody was told of, the role is that of the people who would be told.
LEDGER = text("""
SELECT n.kind, coalesce(n.task_id, n.episode_id) AS subject, n.state, n.reason, n.run_id, n.provider_sid AS sid,
       n.due_at, coalesce(n.sent_at, last.at) AS at, scheduled.run_id AS scheduled_by,
       CASE WHEN n.kind = 'check-in' THEN 'patient'
            WHEN u.role IS NOT NULL THEN lower(u.role)
            WHEN n.kind IN ('sla-escalation', 'nurse-unreached', 'handed-over') THEN on_call.role
            ELSE 'nurse'
       END AS role
FROM orchestration.notification n
LEFT JOIN public."User" u ON u.id::text = n.recipient_id
CROSS JOIN (
    SELECT CASE WHEN bool_or(role = 'SUPERVISOR') THEN 'supervisor' ELSE 'admin' END AS role FROM public."User"
) AS on_call
JOIN LATERAL (
    SELECT at FROM orchestration.notification_event WHERE notification_id = n.id ORDER BY id DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT run_id FROM orchestration.notification_event
    WHERE notification_id = n.id AND to_state = 'SCHEDULED' ORDER BY id LIMIT 1
) AS scheduled ON true
WHERE n.task_id = ANY (CAST(:subjects AS text[]))
   OR (n.task_id IS NULL AND n.episode_id = ANY (CAST(:subjects AS text[])))
ORDER BY at
""")

CARE_CLOCK = text("SELECT now() AS now")

RUNS = """query Runs($ids: [String!]) {
  runsOrError(filter: {runIds: $ids}) {
    ... on Runs { results { runId jobName status stepStats { stepKey status startTime endTime } } }
  }
}"""

LAUNCH = """mutation Launch($selector: JobOrPipelineSelector!, $config: RunConfigData) {
  launchRun(executionParams: {selector: $selector, runConfigData: $config}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
  }
}"""


class DemoFailedError(Exception):
    """The demo did not come to its end; the message says where, and where the log is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message in the ledger."""

    kind: str
    subject: str
    """The id of the task, or of the episode."""

    role: str
    state: str
    reason: str | None
    run_id: str | None
    scheduled_by: str | None
    """The run that scheduled it for its time, if a run did."""

    sid: str | None
    due_at: datetime | None
    at: datetime
    """The time when it was sent, or came into its state."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text on a phone."""

    to: str
    body: str


@dataclass(frozen=True, slots=True)
class Ringing:
    """A call that was made to a phone."""

    to: str
    sid: str
    is_ringing: bool
    said: Sequence[str]
    """What is heard by whoever answers it."""


class Narrator:
    """Prints what happens, and how many seconds after the beginning."""

    def __init__(self) -> None:
        """Begin."""
        self.began = time.time()

    def say(self, sentence: str, quotation: str = "") -> None:
        """Print a sentence, and the text that it quotes."""
        print(_wrapped(f"[{time.time() - self.began:5.1f} s] {sentence}", below=10), flush=True)
        if quotation:
            lines = (_wrapped(line, before=4, below=4) for line in quotation.splitlines())
            print("\n" + "\n".join(lines) + "\n", flush=True)

    def shown_time(self, moment: datetime | None) -> str:
        """Return a moment as it will stand before the sentence that is printed then."""
        return f"[{moment.timestamp() - self.began:.1f} s]" if moment else ""


class Stage:
    """A running system, with the rows that the demo has put into it."""

    def __init__(
        self,
        web_url: str,
        environment: dict[str, str],
        log: Path,
        narrator: Narrator,
        application: Application = DEFAULT,
    ) -> None:
        """Nothing is connected yet."""
        self.say, self.shown_time = narrator.say, narrator.shown_time
        self.subjects: list[str] = []
        self.entries: list[Entry] = []
        self.texts: dict[str, Text] = {}
        self.calls: dict[str, Ringing] = {}
        self._web_url = web_url
        self._phones = environment["TWILIO_API_BASE_URL"]
        self._engine = create_engine(postgres_url(environment["SUPABASE_DB_URL"]))
        self._log = log
        self._statements = NamedStatements(application.sql("demo"))

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Close the connections when the block ends."""
        try:
            yield
        finally:
            self._engine.dispose()

    def execute(self, name: str, **values: object) -> Sequence[RowMapping]:
        """Run a statement of the application's on its tables; return its rows."""
        with self._engine.begin() as connection:
            result = connection.execute(self._statements[name], values)
            return result.mappings().all() if result.returns_rows else []

    def clock(self) -> datetime:
        """Return the care database's time."""
        with self._engine.connect() as connection:
            now: datetime = connection.execute(CARE_CLOCK).scalar_one()
        return now

    def play(self, *scenes: Scene[None]) -> None:
        """Watch all the scenes at the same time, until each has ended. Raises DemoFailedError."""
        playing = list(scenes)
        while playing:
            self._look()
            playing = [scene for scene in playing if next(scene, self) is not self]
            time.sleep(BETWEEN_LOOKS)

    def _look(self) -> None:
        with self._engine.connect() as connection:
            rows = connection.execute(LEDGER, {"subjects": self.subjects}).mappings()
            self.entries = [Entry(**row) for row in rows]
        # Read after the ledger: a message that is SENT in the ledger is on the phone by now.
        conversations = requests.get(f"{self._phones}/inbox.json", timeout=PATIENCE).json()["conversations"]
        self.texts = {
            message["sid"]: Text(conversation["number"], message["body"])
            for conversation in conversations
            for message in conversation["messages"]
        }
        self.calls = {
            call["sid"]: Ringing(conversation["number"], call["sid"], call["status"] == "ringing", call["said"])
            for conversation in conversations
            for call in conversation["calls"]
        }

    def until(self, what: str, ask: Callable[[], T | None]) -> Scene[T]:
        """Wait until `ask` returns something. Raises DemoFailedError after PATIENCE."""
        deadline = time.monotonic() + PATIENCE
        while (answer := ask()) is None:
            if time.monotonic() > deadline:
                raise self.failed(f"{what} did not come within {PATIENCE} s")
            yield
        return answer

    def entry(self, kind: str, subject: str, *states: str) -> Entry | None:
        """Return a message in one of these states (in any, if none is given), if there is one."""
        for one in self.entries:
            if (one.kind, one.subject) == (kind, subject) and (not states or one.state in states):
                return one
        return None

    def sent(self, kind: str, subject: str) -> Scene[tuple[Entry, Text]]:
        """Wait until a message is sent, and the text is on a phone."""

        def ask() -> tuple[Entry, Text] | None:
            entry = self.entry(kind, subject, "SENT", "DELIVERED")
            received = self.texts.get(entry.sid or "") if entry else None
            return (entry, received) if entry and received else None

        return (yield from self.until(f"the text of {kind} about {subject}", ask))

    def answer(self, phone: str, body: str) -> None:
        """Write an answer on a phone. Raises DemoFailedError."""
        self._post("answers", {"phone": phone, "body": body})

    def pick_up(self, call: Ringing) -> None:
        """Answer a call that rings. Raises DemoFailedError."""
        self._post(f"calls/{call.sid}", {"action": "answer"})

    def _post(self, path: str, action: dict[str, str]) -> None:
        answered = requests.post(f"{self._phones}/{path}", json=action, timeout=PATIENCE)
        if not answered.ok:
            raise self.failed(f"the phone inbox does not take an answer: HTTP {answered.status_code}")

    def texts_about(self, task: str) -> dict[str, Text]:
        """Return the texts that name the task, by SID."""
        return {sid: one for sid, one in self.texts.items() if task in one.body}

    def ended_runs(self, run_ids: Sequence[str]) -> Scene[list[dict[str, Any]]]:
        """Wait until these runs have ended, and return them. Raises DemoFailedError if one did not succeed."""

        def ask() -> list[dict[str, Any]] | None:
            runs = self._graphql(RUNS, ids=list(run_ids))["runsOrError"].get("results", [])
            ended = [run for run in runs if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"}]
            return ended if {run["runId"] for run in ended} == set(run_ids) else None

        runs = yield from self.until(f"the end of {', '.join(run_ids)}", ask)
        for run in runs:
            if run["status"] != "SUCCESS":
                raise self.failed(f"the run {run['runId']} of {run['jobName']} ended as {run['status']}")
        return runs

    def launch(self, job: str, config: dict[str, Any]) -> str:
        """Launch a job as the web UI's Launchpad does; return the run's id."""
        selector = {
            "jobName": job,
            "repositoryName": "__repository__",
            "repositoryLocationName": "sequora_orchestration.definitions",
        }
        answer = self._graphql(LAUNCH, selector=selector, config=config)["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise self.failed(f"{job} could not be launched: {answer['__typename']}")
        return str(answer["run"]["runId"])

    def _graphql(self, query: str, **variables: object) -> Any:
        answer = requests.post(
            f"{self._web_url}/graphql", json={"query": query, "variables": variables}, timeout=PATIENCE
        ).json()
        if not answer.get("data"):
            raise self.failed(f"the web UI refuses a question: {answer.get('errors')}")
        return answer["data"]

    def failed(self, sentence: str) -> DemoFailedError:
        """Return an error with a sentence, and where to look."""
        ledger = [
            f"  {one.kind} {one.subject} {one.state}{f': {one.reason}' if one.reason else ''}" for one in self.entries
        ]
        return DemoFailedError("\n".join([sentence, "The ledger:", *ledger, "The log:", tail(self._log)]))


def tail(log: Path) -> str:
    """Return the end of the log, and where the whole log is."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([*lines[-20:], f"(the whole log is {log})"])


def _wrapped(line: str, *, before: int = 0, below: int = 0) -> str:
    return textwrap.fill(
        line,
        min(WIDTH, columns()) if is_terminal() else WIDTH,
        initial_indent=" " * before,
        subsequent_indent=" " * below,
        break_long_words=False,
        break_on_hyphens=False,
    )
