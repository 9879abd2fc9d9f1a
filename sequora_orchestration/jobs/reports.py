"""How a step's messages are shown in the UI: ids, states and reasons; no names, no numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dagster import MetadataValue, OpExecutionContext, TableRecord

from sequora_orchestration.domain.case import Story
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.history import history
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification, in_words
from sequora_orchestration.domain.spell import spell
from sequora_orchestration.ledger.rows import Message
from sequora_orchestration.messages.kind import Withheld


def report_withheld(
    context: OpExecutionContext, taken_up: Sequence[Notification], withheld: Sequence[tuple[Notification, Withheld]]
) -> None:
    """Show in the UI how many messages go on from this step, and each that does not, with the reason."""
    for one, why in withheld:
        note = context.log.info if why.cause in {Cause.NOT_DUE, Cause.GATHERED} else context.log.warning
        note(f"{one.subject}: {why.state}: {why.reason}", extra=ids_of(one))
    context.add_output_metadata(
        {
            "taken up": len(taken_up),
            "go on": len(taken_up) - len(withheld),
            **each([{**_subject_of(one), "state": why.state.value, "reason": why.reason} for one, why in withheld]),
        }
    )


def warn_of_failures(context: OpExecutionContext, outcomes: Sequence[Message]) -> None:
    """Log messages that were not sent and may need a person."""
    for one in outcomes:
        if one.state not in {State.SENT, State.DELIVERED, State.CANCELLED, State.SCHEDULED}:
            context.log.warning(f"{one.subject}: {one.state}: {one.reason}", extra=ids_of(one))


def report_outcomes(context: OpExecutionContext, outcomes: Sequence[Message]) -> None:
    """Show in the UI how each message of the claim ended."""
    counts = Counter(one.state.value for one in outcomes)
    context.add_output_metadata(
        {
            **dict(sorted(counts.items())),
            "logged": sum(one.logged for one in outcomes),
            **each(
                [
                    {
                        **_subject_of(one),
                        "recipient": one.recipient_id or "",
                        "state": one.state.value,
                        "attempts": one.attempts,
                        "SID": one.provider_id or "",
                        "due": one.due_at.isoformat(timespec="seconds") if one.due_at else "",
                        "reason": one.reason or "",
                    }
                    for one in outcomes
                ]
            ),
        }
    )


def ids_of(one: Notification | Message) -> dict[str, str | None]:
    """Return the fields that a log line about a message has beside its sentence, for programs."""
    return {"notification": one.id, "task": one.task_id, "episode": one.episode_id}


def _subject_of(one: Notification | Message) -> dict[str, str]:
    # A digest is beside the tasks that it tells of, in a table whose rows all have the same fields.
    return {"episode": one.episode_id} if one.episode_id and not one.task_id else {"task": one.task_id or ""}


def story_table(stories: Sequence[Story]) -> str:
    """Return the events of messages, in order, as a Markdown table; times are in UTC.

    Operators' orders are left out, for their names and reasons are free text. The change that an order made is there,
    and says that it was ordered.
    """
    subjects = {one.task_id or one.episode_id or one.id for one in stories}
    labels = {
        one.id: one.kind if len(subjects) == 1 else f"{one.kind} of {in_words(one.task_id, one.episode_id, one.id)}"
        for one in stories
    }
    rows, before = ["| when (UTC) | after | message | what |", "|---|---:|---|---|"], None
    for entry in history([replace(one, orders=()) for one in stories]):
        if entry.at:
            after = spell(entry.at - before) if before else ""
            when = f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
            what = " ".join(entry.in_words(_rendered).split()).replace("|", "\\|")
            rows.append(f"| {when} | {after} | {labels[entry.message_id or '']} | {what} |")
            before = entry.at
    return "\n".join(rows)


def _rendered(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def each(records: Sequence[Mapping[str, str | int]]) -> Mapping[str, Any]:
    """Return metadata about the records: a line for each fact if there is one record, a table if there are more."""
    if len(records) == 1:
        return {name: value for name, value in records[0].items() if value != ""}
    if not records:
        return {}
    # Dagster's tables want the same fields in every row; one may be about a task, and another about an episode.
    names = dict.fromkeys(name for record in records for name in record)
    return {
        "messages": MetadataValue.table(
            [TableRecord({name: record.get(name, "") for name in names}) for record in records]
        )
    }
