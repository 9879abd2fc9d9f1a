"""What people text to us: which messages were read, and what each has led to. Their bodies are not kept.

Reading the phone company's list is the business of `channels/`, and what a message means that of `domain/commands.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import RowMapping

from sequora_orchestration.database import NamedStatements, execute
from sequora_orchestration.domain.answering import Answered, Decision, Outcome, TextedTask
from sequora_orchestration.domain.commands import Verb
from sequora_orchestration.ledger.leases import LEASE
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.messages.reply import REPLY

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Seconds for which a command waits for a task that somebody has locked in the application's table.
WRITE_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far the messages of a channel were read."""

    newest_at: datetime | None
    """When the newest message that was read had been received, by the phone company's clock."""

    is_first: bool
    """Whether they were never read before."""

    live_at: datetime
    """What came before is left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A message that somebody has sent us: ids, no number, no text."""

    sid: str
    channel: str
    digest: str
    """Of the number that it came from."""

    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Whoever has sent us a message."""

    person_ids: Sequence[str] = ()
    """Of the members of staff who were texted there about a task in the last 30 days, the last first."""

    has_opted_out: bool = False


class Replies(Room):
    """Records what people text to us and what it leads to, each message once."""

    statements = SQL

    def reading(self, channel: str) -> Reading:
        """Return how far the messages of a channel were read."""
        (row,) = self._rows("reading", channel=channel, go_live_at=self._terms.go_live_at)
        return Reading(**row)

    def note_reading(self, channel: str, newest_at: datetime | None) -> None:
        """Record that all messages of a channel up to then were acted on."""
        self._changed("note_reading", channel=channel, newest_at=newest_at)

    def read_before(self, sids: Sequence[str]) -> set[str]:
        """Return those of these messages that were acted on."""
        return {row["sid"] for row in self._rows("read_before", sids=list(sids))}

    def staff_may_answer(self) -> bool:
        """Return whether anybody of the staff was texted about a task in the last day."""
        (row,) = self._rows("staff_may_answer")
        return bool(row["may"])

    def numbers_of_tasks(self, texts: Sequence[tuple[str, str, str]]) -> list[int | None]:
        """Return the tasks' small numbers on the phones that are about to be texted; None where all are taken.

        Of each text there is the phone's digest, the task's id, and the recipient's.
        """
        digests, tasks, people = zip(*texts, strict=True)
        rows = self._rows(
            "numbers_of_tasks", digests=list(digests), tasks_to_number=list(tasks), person_ids=list(people)
        )
        return [row["number"] for row in sorted(rows, key=lambda row: row["place"])]

    def texted_tasks(self, one: Inbound) -> list[TextedTask]:
        """Return the tasks that a message's phone was texted about in the last day, by their small numbers."""
        rows = self._rows("texted_tasks", channel=one.channel, digest=one.digest, received_at=one.received_at)
        return [TextedTask(**row) for row in rows]

    def told_by_digest(self, one: Inbound, person_ids: Sequence[str]) -> set[str]:
        """Return those of these people who may mean an open task that a digest told them of in the last day."""
        rows = self._rows("told_by_digest", people=list(person_ids), received_at=one.received_at)
        return {row["person_id"] for row in rows}

    def senders(self, digests: Sequence[str]) -> dict[str, Sender]:
        """Return what is known of the senders of messages, by their numbers' digests."""
        rows = self._rows("senders", digests=list(digests))
        return {row["digest"]: Sender(person_ids=row["person_ids"], has_opted_out=row["has_opted_out"]) for row in rows}

    def written_back(self) -> set[Verb]:
        """Return the commands that the map in force writes into the application's tasks."""
        return {Verb(row["verb"]) for row in self._rows("written_back")}

    def obey_stop(self, one: Inbound, run_id: str) -> None:
        """Record that a number has opted out."""
        self._changed("obey_stop", **_columns(one), run_id=run_id)

    def obey_start(self, one: Inbound, run_id: str) -> None:
        """Record that a number has opted in again."""
        self._changed("obey_start", **_columns(one), run_id=run_id)

    def note_others(self, some: Sequence[Inbound], run_id: str, *, understood: str = "NOTHING") -> None:
        """Record messages of one channel that ask for nothing that we do."""
        if some:
            self._changed(
                "note_others",
                channel=some[0].channel,
                sids=[one.sid for one in some],
                digests=[one.digest for one in some],
                times=[one.received_at for one in some],
                understood=understood,
                run_id=run_id,
            )

    def help(self, one: Inbound, *, person_id: str, claim_id: str, run_id: str, is_asked_for: bool) -> None:
        """Record a message that is no command, and let it be answered with help, once an hour for each number."""
        self._changed(
            "help",
            **_columns(one),
            understood="HELP" if is_asked_for else "NOTHING",
            **_of_reply(person_id, claim_id, run_id),
        )

    def obey(
        self, one: Inbound, decisions: Sequence[Decision], *, person_id: str, claim_id: str, run_id: str
    ) -> list[Answered]:
        """Record the commands of a message, and let it be answered; return what became of each.

        None if that was done before. What the application takes is written there by the same statement. Raises the
        database's errors, also if the application refuses that: then nothing was recorded.
        """
        parameters = dict(
            **_columns(one),
            **_of_reply(person_id, claim_id, run_id),
            places=list(range(len(decisions))),
            verbs=[each.command.verb.value for each in decisions],
            numbers=[each.task.number if each.task else each.command.number for each in decisions],
            of_tasks=[each.task.task_id if each.task else None for each in decisions],
            writers=[each.task.person_id if each.task else None for each in decisions],
            message_ids=[each.task.message_id if each.task else None for each in decisions],
            outcomes=[each.outcome.value for each in decisions],
            are_written=[each.is_written_back for each in decisions],
        )
        _, rows = execute(self._engine, SQL["obey"], parameters, lock_timeout=WRITE_PATIENCE)
        return [_answered(row) for row in rows]

    def answers(self, message_ids: Sequence[str]) -> dict[str, list[Answered]]:
        """Return, by the id of each of these replies of ours, what became of the commands that it answers."""
        answers: dict[str, list[Answered]] = {}
        for row in self._rows("answers", ids=list(message_ids)):
            answers.setdefault(row["message_id"], []).append(_answered(row))
        return answers

    def acceptances(self, task_ids: Sequence[str]) -> dict[str, tuple[str, datetime]]:
        """Return who has accepted each of these tasks by text last, and when."""
        return {
            row["task_id"]: (row["person_id"], row["at"]) for row in self._rows("acceptances", task_ids=list(task_ids))
        }


def _answered(row: RowMapping) -> Answered:
    return Answered(
        verb=Verb(row["verb"]), number=row["number"], task_id=row["task_id"], outcome=Outcome(row["outcome"])
    )


def _columns(one: Inbound) -> dict[str, object]:
    return {"sid": one.sid, "channel": one.channel, "digest": one.digest, "received_at": one.received_at}


def _of_reply(person_id: str, claim_id: str, run_id: str) -> dict[str, object]:
    return {"kind": REPLY.name, "person_id": person_id, "claim_id": claim_id, "run_id": run_id, "lease": LEASE}
