"""The steps that the jobs are made of, and the parts that they share. Rules about messages are not here.

The ops pass nothing on but their order. A run's messages stand in the ledger, under its claim: so each step can be
retried, and each run executed again, without doing its work twice.

No `from __future__ import annotations` here or in a job: Dagster reads the annotations of ops and configs.
"""

from collections.abc import Sequence
from typing import Any

from dagster import (
    Config,
    ConfigMapping,
    Failure,
    In,
    MetadataValue,
    Nothing,
    OpDefinition,
    OpExecutionContext,
    Out,
    ResourceParam,
    config_mapping,
    op,
)
from pydantic import Field
from sqlalchemy.exc import DBAPIError

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.log import bring_log_up_to_date, log_owed_to_digests
from sequora_orchestration.delivery.on_call import NOBODY
from sequora_orchestration.delivery.prepare import address, drop_unreachable, drop_unwanted, gather
from sequora_orchestration.delivery.send import send as send_messages
from sequora_orchestration.domain.case import Story
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification, noun_of
from sequora_orchestration.jobs.reports import report_outcomes, report_withheld, story_table, warn_of_failures
from sequora_orchestration.jobs.retries import CAUSE, RETRIES, claim_of, is_launched_by_hand, retried, try_again
from sequora_orchestration.ledger.rows import MANY, Message, Subject
from sequora_orchestration.messages.kinds import QUEUES
from sequora_orchestration.messages.queue import Queue

# After so many locked rows of the application's log a run tries no more: each costs time, and most probably the whole
# table is locked.
LOCKED = 3


class TaskIds(Config):
    """The tasks that a run is about."""

    task_ids: list[str] = Field(
        description="Ids of tasks. What has been done for one of them is not done again.",
        min_length=1,
    )


class EpisodeIds(Config):
    """The episodes that a run is about."""

    episode_ids: list[str] = Field(
        description="Ids of episodes. What has been done for one of them is not done again.",
        min_length=1,
    )


class NotificationIds(Config):
    """The messages that a run is about, where they are about no single task."""

    notification_ids: list[str] = Field(
        description="Ids of messages in the ledger. One that was sent is not sent again.", min_length=1
    )


class Work(Config):
    """The configuration of a step: the queue that its run works on, and the ids that the run was given."""

    queue: str
    ids: list[str]


def work_on(queue: Queue, *steps: OpDefinition) -> ConfigMapping:
    """Return the mapping from the ids that a run is given to the configuration of its steps."""

    def of_steps(ids: list[str]) -> dict[str, Any]:
        work = Work(queue=queue.name, ids=ids)
        return {"ops": {each.name: {"config": work.model_dump()} for each in steps}}

    @config_mapping
    def tasks(config: TaskIds) -> dict[str, Any]:
        return of_steps(config.task_ids)

    @config_mapping
    def episodes(config: EpisodeIds) -> dict[str, Any]:
        return of_steps(config.episode_ids)

    @config_mapping
    def notifications(config: NotificationIds) -> dict[str, Any]:
        return of_steps(config.notification_ids)

    return {"task_ids": tasks, "episode_ids": episodes, "notification_ids": notifications}[queue.ids]


# --- steps ------------------------------------------------------------------------------------------------------------


def reading(name: str, description: str) -> OpDefinition:
    """Return a job's first step: it claims messages for the ids that a person gave, and ends messages nobody wants."""

    @op(name=name, description=description, out=Out(Nothing), retry_policy=RETRIES)
    def read(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
        with retried(context, delivery):
            claim_by_name(context, config, delivery)
            taken_up = delivery.ledger.leases.take_up(claim_of(context), context.run_id)
            report_others(context, config, delivery, taken_up)
            report_withheld(context, taken_up, drop_unwanted(delivery, taken_up))

    return read


def finding_recipients(name: str, description: str) -> OpDefinition:
    """Return the step that ends messages which cannot reach their recipients, and gathers those that are too many."""

    @op(name=name, description=description, ins={"read": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
    def find(context: OpExecutionContext, delivery: ResourceParam[Delivery]) -> None:
        with retried(context, delivery):
            taken_up = delivery.ledger.leases.take_up(claim_of(context), context.run_id)
            dropped = drop_unreachable(delivery, taken_up)
            ended = {one.id for one, _ in dropped}
            waiting = gather(
                delivery, [one for one in taken_up if one.id not in ended], alone=is_launched_by_hand(context)
            )
            report_withheld(context, taken_up, [*dropped, *waiting])

    return find


@op(ins={"found": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def send_sms(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
    """Send the texts, most severe first. Only what certainly did not go out is tried again."""
    with retried(context, delivery):
        claim_by_name(context, config, delivery)
        send_claimed(context, delivery)


@op(ins={"sent": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def log_notification(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
    """See that every text stands in the application's log; most rows came with the send, the rest are written now.

    The map says which texts that log is about: the map `brief` has no row for check-ins.
    """
    with retried(context, delivery):
        # The stories of a small run also tell whether anything is missing; as a rule nothing is.
        is_a_sensors = claim_of(context) != context.run_id
        stories = stories_to_show(context, config.ids, delivery) if is_a_sensors else []
        if not stories or any(one.log_owes for one in stories):
            log_sent_texts(context, config, delivery)
            stories = stories_to_show(context, config.ids, delivery)
        show(context, stories)


@op(ins={"checked": In(Nothing)}, out=Out(Nothing), retry_policy=RETRIES)
def escalate_to_supervisor(context: OpExecutionContext, config: Work, delivery: ResourceParam[Delivery]) -> None:
    """Text the supervisors who can be reached, or else the admins. Nobody there: the run fails, and another tries."""
    with retried(context, delivery):
        claim_by_name(context, config, delivery)
        address(delivery, delivery.ledger.leases.take_up(claim_of(context), context.run_id))
        outcomes = send_claimed(context, delivery)
        log_sent_texts(context, config, delivery)
        report_story(context, config.ids, delivery)
        if nobody := [one.subject for one in outcomes if one.cause is Cause.NOBODY_TO_TELL]:
            raise Failure(f"{', '.join(nobody)}: {NOBODY}", metadata={CAUSE: "NobodyToTell"}, allow_retries=False)


# --- what steps share -------------------------------------------------------------------------------------------------


def claim_by_name(context: OpExecutionContext, config: Work, delivery: Delivery) -> None:
    """Claim messages for a run that no sensor requested: a person launched it, or executed a run again.

    What waits for a digest is claimed only if a person wants these very ids now.
    """
    if claim_of(context) != context.run_id:
        return
    queue = QUEUES[config.queue]
    newly_claimed = delivery.ledger.claims.claim_named(
        queue,
        known_ids(config, delivery),
        claim_id=context.run_id,
        out_of_digests=is_launched_by_hand(context),
    )
    if newly_claimed:
        context.instance.add_run_tags(context.run_id, run_tags(newly_claimed))


def known_ids(config: Work, delivery: Delivery) -> list[str]:
    """Return the ids that exist, as the database writes them: a person may have typed theirs in capitals."""
    queue = QUEUES[config.queue]
    if (ids := queue.ids) == "notification_ids":
        return delivery.ledger.claims.known_messages(queue, config.ids)
    return list(delivery.care.tasks(config.ids) if ids == "task_ids" else delivery.care.episodes(config.ids))


def send_claimed(context: OpExecutionContext, delivery: Delivery) -> list[Message]:
    """Send the claim's messages; show and return how each ended. Raises RetryRequested if some are tried again."""
    outcomes, _ = send(context, delivery, delivery.ledger.leases.take_up(claim_of(context), context.run_id))
    return outcomes


def send(
    context: OpExecutionContext, delivery: Delivery, notifications: Sequence[Notification], *, of: str | None = None
) -> tuple[list[Message], str | None]:
    """Send these; show and return how the claim's messages ended, or the one with the id `of` (its own, or its task's).

    Beside them the reason why texts wait that may not go out now; None if none waits. Raises RetryRequested if some are
    tried again.
    """
    sent = send_messages(delivery, notifications)
    outcomes = delivery.ledger.leases.outcomes(claim_of(context), of=of)
    taken_up = {one.id for one in notifications}  # an earlier step has logged the others
    warn_of_failures(context, [one for one in outcomes if one.id in taken_up])
    if sent.waits:
        context.log.warning(f"{noun_of(notifications[0].channel)}s wait in the ledger: {sent.waits}")
    if sent.some_again:
        raise try_again(context)
    report_outcomes(context, outcomes)
    return outcomes, sent.waits


def log_sent_texts(context: OpExecutionContext, config: Work, delivery: Delivery) -> None:
    """Write rows of the application's log that it refused before; raises if it still does.

    These are the texts that the run's claim has sent; if a person asked for the run, all texts about its tasks.
    """
    if claim_of(context) == context.run_id:
        log, ids = delivery.ledger.application_log, known_ids(config, delivery)
        is_about_messages = QUEUES[config.queue].ids == "notification_ids"
        make_up_log_rows(context, delivery, log.log_owed_of(ids) if is_about_messages else log.log_owed(ids))
    else:
        make_up_log_rows(context, delivery, delivery.ledger.application_log.log_owed_of_claim(claim_of(context)))


def make_up_log_rows(context: OpExecutionContext, delivery: Delivery, owed: Sequence[Message]) -> None:
    """Complete the application's log for these texts; if it refuses one, raises after all others were tried.

    Locked rows are left to the next scan for SLAs. After LOCKED of them all other rows are left to it, too: a run that
    waits for many locks would hold up others' texts.
    """
    refused, locked = None, 0
    for one in log_owed_to_digests(delivery, owed):
        if locked == LOCKED:
            break
        try:
            if not bring_log_up_to_date(delivery, one):
                locked += 1
                context.log.warning(
                    f"{one.subject}: sent; the application's log is locked, its {one.log_owes} comes later"
                )
        except DBAPIError as error:
            context.log.warning(f"{one.subject}: sent, but the application's log refuses its {one.log_owes}")
            refused = error
    if refused:
        raise refused


def report_story(context: OpExecutionContext, ids: Sequence[str], delivery: Delivery, *, of: str | None = None) -> None:
    """Show in the UI the timeline of a small run's messages, or of the one that an id names, at its last step."""
    show(context, stories_to_show(context, ids, delivery, of=of))


def stories_to_show(
    context: OpExecutionContext, ids: Sequence[str], delivery: Delivery, *, of: str | None = None
) -> list[Story]:
    """Return the stories of a small run's messages, or of the one that an id names; of a large run none."""
    if len(ids) > MANY:  # it would cost a burst time
        return []
    try:
        return delivery.ledger.stories.stories_of_claim(claim_of(context), of=of)
    except Exception as error:  # noqa: BLE001  # the texts went out; a table to look at must not fail their run
        context.log.warning(f"the timeline is not shown: {type(error).__name__}")
        return []


def show(context: OpExecutionContext, stories: Sequence[Story]) -> None:
    """Show the timeline of messages in the UI."""
    if stories and len(stories) <= MANY:  # a digest may have told of hundreds
        context.add_output_metadata({"timeline": MetadataValue.md(story_table(stories))})


def run_tags(subjects: Sequence[Subject]) -> dict[str, str]:
    """Return the tags of a run: the ids and severity of its one subject, or the number of its subjects."""
    if len(subjects) > 1:
        return {"sequora/batch": str(len(subjects))}
    subject = subjects[0]
    tags = {
        "sequora/task_id": subject.task_id,
        "sequora/episode_id": subject.episode_id,
        "sequora/severity": subject.severity,
        "sequora/notification_id": None if subject.task_id or subject.episode_id else subject.notification_id,
    }
    return {name: value for name, value in tags.items() if value}


def report_others(
    context: OpExecutionContext, config: Work, delivery: Delivery, taken_up: Sequence[Notification] = ()
) -> None:
    """Log the ids whose messages are in other hands, and the ids that do not exist. Raises Failure if none exists.

    Ids of messages that were taken up are ours; if all are, no statement is run.
    """
    queue, claim_id = QUEUES[config.queue], claim_of(context)
    if set(config.ids) <= {one.subject_id for one in taken_up}:
        return
    ours = {one.subject_id for one in delivery.ledger.leases.outcomes(claim_id)}
    others = set(config.ids) - ours
    if not others:
        return
    known = set(known_ids(Work(queue=config.queue, ids=sorted(others)), delivery))
    elsewhere = delivery.ledger.claims.in_hand_elsewhere(queue, sorted(others | known), claim_id)
    for id_, in_hand in elsewhere.items():
        context.log.info(f"{id_}: {_in_other_hands(in_hand)}; this run leaves it alone")
    for id_ in sorted(known - ours - set(elsewhere)):
        context.log.warning(f"{id_}: {queue.nothing_owed}")
    found = {*known, *elsewhere, *ours}
    # An id in another spelling than the database's still finds its row.
    unknown = sorted(one for one in others - found if not known_ids(Work(queue=config.queue, ids=[one]), delivery))
    if unknown:
        subject = {"task_ids": "task", "episode_ids": "episode", "notification_ids": "message"}[queue.ids]
        sentence = f"no {subject} has the id {', '.join(unknown)}"
        if len(unknown) == len(set(config.ids)):
            raise Failure(sentence, allow_retries=False)
        context.log.warning(sentence)


def _in_other_hands(in_hand: Message) -> str:
    if in_hand.state is State.SCHEDULED and in_hand.due_at:
        return f"its message waits until {in_hand.due_at:%Y-%m-%d %H:%M:%S %Z}"
    return f"its message is {in_hand.state} under another claim"
