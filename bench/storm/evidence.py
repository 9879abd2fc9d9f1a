"""All records of a storm, and what is read from them. Pure: from records to answers.

The truth is the texts that the phone company accepted, and the rows that the application committed. The ledger may only
explain why a text is missing; that it says "sent" is no proof.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.storm.books import Inbox, Row
from bench.storm.hospital import Facts
from bench.storm.phone import CALL, DIGEST, REPLY, Request, Written
from bench.storm.plan import Person
from bench.storm.switches import Switches

# Seconds between reading that a task is open and the request's arrival, on a machine that has more to do than it can.
TOLERANCE = 1.0

# SEQUORA_DOUBT_WINDOW of a storm, in seconds. A text that the list shows later is sent again: that is the price.
DOUBT_WINDOW = 10.0

# The cause of a message that ended because its recipient wants no texts.
OPTED_OUT = "OPTED_OUT"

STAFF_ON_CALL = frozenset({"SUPERVISOR", "ADMIN"})

# So much of a digest's id stands in its link.
MARKED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """A text that should not be, or should be: the offence, and the people concerned; ids only."""

    what: str
    kind: str
    subject: str
    """The task's id, or the episode's."""

    recipient_id: str | None
    sids: Sequence[str] = ()


@dataclass(slots=True)
class Evidence:
    """All records of a storm, and indexes on them."""

    facts: Facts
    people: Sequence[Person]
    requests: Sequence[Request]
    rows: Sequence[Row]
    written: Sequence[Written] = ()
    inbox: Inbox = field(default_factory=Inbox)
    switches: Switches = field(default_factory=Switches)
    at: float = float("inf")
    """When all this was recorded, in seconds since the epoch; as it is, long after the storm."""

    texts: list[Request] = field(init=False)
    texts_by: dict[tuple[str, str], list[Request]] = field(init=False)
    """Texts by kind and task; of a digest the first one, as a text about each of its tasks."""
    digests_to: dict[str, list[Request]] = field(init=False)
    """Digests by number."""
    calls_to: dict[str, list[Request]] = field(init=False)
    """Calls by number, oldest first."""
    texts_to: dict[str, list[Request]] = field(init=False)
    """Check-ins by number."""
    replies_to: dict[str, list[Request]] = field(init=False)
    """Texts that answer a person, by number."""
    rows_by: dict[tuple[str, str], list[Row]] = field(init=False)
    """Rows of the ledger by kind and task or episode."""
    row_of: dict[str, Row] = field(init=False)
    """Rows by SID."""
    person_of: dict[str, Person] = field(init=False)
    """People by number."""
    tasks_by_number: dict[str, dict[int, set[str]]] = field(init=False)
    """The tasks that each phone was, or was to be, texted about, by their small numbers there."""
    person: dict[str, Person] = field(init=False)
    """People by id."""
    _digest: dict[str, Row] = field(init=False)
    """Digests of the ledger by their marks."""
    _named: dict[str, list[Row]] = field(init=False)
    """Rows of tasks by the id of the digest that tells of them."""

    def __post_init__(self) -> None:
        """Make the indexes."""
        self.texts = [one for one in self.requests if one.sid]
        self.texts_by, self.texts_to, self.rows_by = defaultdict(list), defaultdict(list), defaultdict(list)
        self.replies_to, self.digests_to, self.calls_to = defaultdict(list), defaultdict(list), defaultdict(list)
        to_one = {REPLY: self.replies_to, DIGEST: self.digests_to, CALL: self.calls_to}
        for text in self.texts:
            if text.task_id:
                self.texts_by[text.kind, text.task_id].append(text)
            else:
                to_one.get(text.kind, self.texts_to)[text.to].append(text)
        for row in self.rows:
            self.rows_by[row.kind, row.task_id or row.episode_id or ""].append(row)
        self._index_digests()
        self.row_of = {sid: row for row in self.rows for sid in (row.sid, *row.found_late) if sid}
        self.person_of = {one.phone: one for one in self.people}
        self.tasks_by_number = defaultdict(lambda: defaultdict(set))
        for request in self.requests:
            if request.number and request.task_id:
                self.tasks_by_number[request.to][request.number].add(request.task_id)
        self.person = {one.id: one for one in self.people}

    def _index_digests(self) -> None:
        self._named, self._digest = defaultdict(list), {}
        for row in self.rows:
            if row.named_by:
                self._named[row.named_by].append(row)
            if row.kind == DIGEST:
                self._digest[row.id[:MARKED]] = row
        for digests in self.digests_to.values():
            for digest in {one.mark: one for one in reversed(digests)}.values():
                for row in self.named(digest):
                    self.texts_by[row.kind, row.task_id or ""].append(digest)

    def digest(self, text: Request) -> Row | None:
        """Return the ledger's row of a digest that the phone company accepted."""
        return self._digest.get(text.mark or "")

    def named(self, text: Request) -> list[Row]:
        """Return the rows of the tasks that a digest tells of: the text counts them, and only the ledger names them."""
        digest = self.digest(text)
        return [row for row in self._named[digest.id] if row.state != "CANCELLED"] if digest else []

    def told(self, kind: str, task: str) -> set[str]:
        """Return the ids of those for whom the phone company accepted such a text, or a digest that stands for it."""
        return {self.person_of[text.to].id for text in self.texts_by[kind, task] if text.to in self.person_of}

    def supervisor_told(self, task: str, *kinds: str) -> bool:
        """Return whether a supervisor (or admin) got such a text about the task."""
        return any(self.person[one].role in STAFF_ON_CALL for kind in kinds for one in self.told(kind, task))


def begun(evidence: Evidence, text: Request) -> float:
    """Return when the ledger committed to the call that made a text, or if unknown when the request came in."""
    row = evidence.row_of.get(text.sid or "")
    moments = [event.at for event in row.history if event.to_state == "SENDING"] if row else []
    return max((at for at in moments if at <= text.at), default=text.at)


def is_excuse(row: Row) -> bool:
    """Return whether a row says why its text did not go out, in a state of which a person is told."""
    return row.state in {"FAILED", "HELD"} and bool(row.reason)


def offence_of(what: str, *texts: Request) -> Offence:
    """Return an offence of texts about the same thing."""
    return Offence(
        what=what,
        kind=texts[0].kind,
        subject=texts[0].task_id or "",
        recipient_id=None,
        sids=[text.sid for text in texts if text.sid],
    )
