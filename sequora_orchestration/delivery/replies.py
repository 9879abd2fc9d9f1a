"""Reads what people text to us, and obeys it: STOP and START of anybody, and commands of staff, where those are on.

A message is acted on by one statement, which also records its id: so it is acted on once, whoever reads it, however
often, and wherever a process is killed. Messages are read over and over for OVERLAP, for some show up late in the list.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.channels.channel import ReceivedMessage, Receiver
from sequora_orchestration.database import SchemaMissingError, refuses_a_row
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.domain.answering import Decision, Outcome, decide
from sequora_orchestration.domain.care import User
from sequora_orchestration.domain.commands import Understood, Verb, Word, is_reaction, understood
from sequora_orchestration.domain.phone_number import usable
from sequora_orchestration.ledger.replies import Inbound, Reading, Sender

LOG = logging.getLogger(__name__)

# A message may show up in the phone company's list as late as this.
OVERLAP = timedelta(hours=1)

# Before anything was read, our clock is all there is to go by, and it may differ from the phone company's.
CLOCKS_DIFFER_BY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A message that asks for something that we do."""

    inbound: Inbound
    meaning: Understood
    """A word; or commands of somebody of the staff; or neither, where somebody of the staff is to be helped."""

    number: str = field(repr=False)
    """From which it came."""

    person_id: str | None
    """Who has sent it, if it is somebody of the staff and commands are on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """The messages of a channel that nobody has acted on yet, oldest first."""

    channel: str
    requests: Sequence[Request]
    others: Sequence[Inbound]
    """Those that ask for nothing that we do."""

    too_old: Sequence[Inbound]
    """Those from before this was switched on."""

    newest_at: datetime | None
    """When the newest of all messages was received, if all were read that may be new; else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obeyed:
    """What a message has led to, for a person who looks at the run."""

    sid: str
    understood: str
    outcomes: Sequence[str] = ()
    task_ids: Sequence[str] = ()


# --- reading ----------------------------------------------------------------------------------------------------------


def unread(delivery: Delivery, *, whole: bool) -> list[Unread]:
    """Return, for each channel, the messages that nobody has acted on.

    If not `whole`, a page without any ends the reading: a look that is cheap, and misses what shows up late. Raises
    LookUpError, and the database's errors.
    """
    receivers = [channel for channel in delivery.channels.values() if isinstance(channel, Receiver)]
    return [_unread(delivery, channel, whole=whole) for channel in receivers]


def _unread(delivery: Delivery, channel: Receiver, *, whole: bool) -> Unread:
    reading = delivery.ledger.replies.reading(channel.name)
    is_whole = whole or reading.is_first
    found: dict[str, ReceivedMessage] = {}
    newest_at: datetime | None = None
    for number in channel.written_to():
        for page in channel.received(number, _since(reading)):
            newest_at = max([one.received_at for one in page] + ([newest_at] if newest_at else []), default=None)
            known = delivery.ledger.replies.read_before([one.provider_id for one in page]) if page else set()
            new = [one for one in page if one.provider_id not in known]
            found |= {one.provider_id: one for one in new}
            if page and not new and not is_whole:
                break
    messages = list(reversed(found.values()))  # the list has the newest first, also of those from the same second
    messages.sort(key=lambda one: one.received_at)
    too_old = [one for one in messages if reading.is_first and one.received_at < reading.live_at]
    sorted_ = _sorted(delivery, channel, messages[len(too_old) :])  # the too old ones come first
    return Unread(
        channel=channel.name,
        requests=sorted_.requests,
        others=sorted_.others,
        too_old=[_inbound(delivery, channel, one) for one in too_old],
        newest_at=newest_at if is_whole else None,
    )


def _since(reading: Reading) -> datetime:
    if reading.newest_at:
        return reading.newest_at - OVERLAP
    return reading.live_at - CLOCKS_DIFFER_BY


def _inbound(delivery: Delivery, channel: Receiver, message: ReceivedMessage) -> Inbound:
    return Inbound(
        sid=message.provider_id,
        channel=channel.name,
        digest=delivery.ledger.opt_outs.digest(message.number),
        received_at=message.received_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorted:
    requests: list[Request]
    others: list[Inbound]


def _sorted(delivery: Delivery, channel: Receiver, messages: Sequence[ReceivedMessage]) -> _Sorted:
    """Sort messages, oldest first, by whether they ask for anything that we do.

    A command that is not obeyed, because commands are off, is neither: should they just be switched on, another process
    may obey it.
    """
    inbound = [_inbound(delivery, channel, one) for one in messages]
    senders = delivery.ledger.replies.senders([one.digest for one in inbound]) if inbound else {}
    people = _people(delivery, [id_ for sender in senders.values() for id_ in sender.person_ids])
    opted_out = {digest for digest, sender in senders.items() if sender.has_opted_out}
    sorted_ = _Sorted(requests=[], others=[])
    for message, one in zip(messages, inbound, strict=True):
        meaning, sender = understood(message.body), senders.get(one.digest, Sender())
        if meaning.word is Word.YES and one.digest in opted_out:
            meaning = Understood(word=Word.START)
        if meaning.word is Word.STOP:
            opted_out.add(one.digest)
        elif meaning.word is Word.START:
            opted_out.discard(one.digest)
        person_id = next((id_ for id_ in sender.person_ids if has_number(people.get(id_), message.number)), None)
        # A heart that a phone has sent by itself is to be answered no more than a machine's text from a short code,
        # which is nobody's number: two machines must not talk to each other.
        is_staffs = person_id is not None and not is_reaction(message.body)
        if meaning.word in {Word.STOP, Word.START}:
            sorted_.requests.append(Request(inbound=one, meaning=meaning, number=message.number, person_id=None))
        elif is_staffs and delivery.reply_settings.reads_commands:
            sorted_.requests.append(Request(inbound=one, meaning=meaning, number=message.number, person_id=person_id))
        elif not (is_staffs and meaning.commands):
            sorted_.others.append(one)
    return sorted_


def _people(delivery: Delivery, ids: Sequence[str]) -> Mapping[str, User]:
    return delivery.care.users(list(dict.fromkeys(ids))) if ids else {}


def has_number(person: User | None, number: str) -> bool:
    """Whether a member of staff, as the application knows her now, has this number and is active."""
    return person is not None and person.active is not False and usable(person.primary_phone) == number


# --- obeying ----------------------------------------------------------------------------------------------------------


def note_others(delivery: Delivery, some: Unread) -> None:
    """Record the messages that ask for nothing; and, if nothing else was new, how far all were read."""
    replies = delivery.ledger.replies
    replies.note_others(some.others, delivery.run_id)
    replies.note_others(some.too_old, delivery.run_id, understood="TOO_OLD")
    if not some.requests:
        replies.note_reading(some.channel, some.newest_at)


def obey(delivery: Delivery, some: Unread, claim_id: str) -> Iterator[Obeyed]:
    """Act on messages, words first, each in their order; yield what each has led to.

    Answers to staff are left to the claim to send. A message about which the database raises an error keeps no other
    from being obeyed: it is read again by another run.
    """
    note_others(delivery, some)
    are_all_obeyed = True
    for request in sorted(some.requests, key=lambda one: one.meaning.word not in {Word.STOP, Word.START}):
        try:
            yield _obey(delivery, request, claim_id)
        except (DBAPIError, PoolTimeout, SchemaMissingError) as error:
            LOG.warning("message %s cannot be acted on yet: %s", request.inbound.sid, type(error).__name__)
            are_all_obeyed = False
            yield Obeyed(sid=request.inbound.sid, understood=f"not acted on yet ({type(error).__name__})")
    if are_all_obeyed:
        delivery.ledger.replies.note_reading(some.channel, some.newest_at)


def _obey(delivery: Delivery, request: Request, claim_id: str) -> Obeyed:
    replies, one, word = delivery.ledger.replies, request.inbound, request.meaning.word
    if word is Word.STOP:
        replies.obey_stop(one, delivery.run_id)
    elif word is Word.START:
        replies.obey_start(one, delivery.run_id)
    elif request.meaning.commands and request.person_id:
        return _obey_commands(delivery, request, request.person_id, claim_id)
    elif request.person_id:
        is_asked_for = word is Word.HELP
        replies.help(
            one, person_id=request.person_id, claim_id=claim_id, run_id=delivery.run_id, is_asked_for=is_asked_for
        )
    return Obeyed(sid=one.sid, understood=word.value if word else "no command")


def _obey_commands(delivery: Delivery, request: Request, person_id: str, claim_id: str) -> Obeyed:
    replies, one = delivery.ledger.replies, request.inbound
    tasks = replies.texted_tasks(one)
    people = _people(delivery, [task.person_id for task in tasks])
    theirs = [task for task in tasks if has_number(people.get(task.person_id), request.number)]
    decisions = decide(
        request.meaning.commands,
        theirs,
        writes_back=_written_back(delivery),
        is_told_of_others=_is_told_of_others(delivery, request, {person_id, *(task.person_id for task in theirs)}),
    )
    try:
        answered = replies.obey(one, decisions, person_id=person_id, claim_id=claim_id, run_id=delivery.run_id)
    except DBAPIError as error:
        if not refuses_a_row(error) or not any(decision.is_written_back for decision in decisions):
            raise
        LOG.warning("message %s: the application does not take what it asks for", one.sid)
        decisions = [_not_written(decision) for decision in decisions]
        answered = replies.obey(one, decisions, person_id=person_id, claim_id=claim_id, run_id=delivery.run_id)
    return Obeyed(
        sid=one.sid,
        understood=", ".join(command.verb for command in request.meaning.commands),
        outcomes=[each.outcome.value for each in answered] or ["acted on by another run"],
        task_ids=[each.task_id for each in answered if each.task_id],
    )


def _is_told_of_others(delivery: Delivery, request: Request, person_ids: set[str]) -> bool:
    """Whether those who have a phone were also told of open tasks that have no number, if a command lacks one."""
    if all(command.number is not None for command in request.meaning.commands):
        return False
    return bool(delivery.ledger.replies.told_by_digest(request.inbound, sorted(person_ids)))


def _not_written(decision: Decision) -> Decision:
    if not decision.is_written_back:
        return decision
    return Decision(command=decision.command, task=decision.task, outcome=Outcome.NOT_WRITTEN)


def _written_back(delivery: Delivery) -> set[Verb]:
    return delivery.ledger.replies.written_back() if delivery.reply_settings.writes_back else set()
