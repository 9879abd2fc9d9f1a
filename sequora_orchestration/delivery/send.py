"""Sends the messages of a claim: the same code for every kind of message and every channel.

The meaning of an answer stands in `settle.py`. Between any two statements the process may be killed. Then this holds:
- before `begin_attempt` has committed: the row is QUEUED, certainly not sent, and claimed again after its lease;
- after it: the row is SENDING, and when its lease runs out it is IN_DOUBT: looked up, never sent again blindly;
- after the answer is recorded: the row has left SENDING for good, or is QUEUED with the reason.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.exc import DataError, IntegrityError

from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.facts import about, let_critical_go, read_again, recipient_id, with_recipients
from sequora_orchestration.delivery.prepare import (
    Message,
    lacks_number,
    prepared,
    with_link,
    with_numbers,
    withhold,
    withhold_opted_out,
)
from sequora_orchestration.delivery.settle import Called, Halt, Settled, halted_by, record
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification, noun_of
from sequora_orchestration.ledger.halts import TRIAL_PAUSE
from sequora_orchestration.messages.kind import Facts, Suppression, Withheld
from sequora_orchestration.messages.kinds import KINDS

LOG = logging.getLogger(__name__)

# If a process stands still for longer than so many seconds between its record and its call, it makes no call: the
# attempt may be taken for abandoned, and another process may send the text.
LATEST_CALL = 10
STOOD_STILL_PAUSE = 5

# Seconds for which a task and its nurse count as read at the moment of sending. A run with many messages reads them
# anew when each message's turn comes.
LOOK_HOLDS = 0.5


class SenderUnusableError(Exception):
    """The phone company takes no messages of a channel from us; no attempt was burnt."""

    def __init__(self, channel: str, sentence: str) -> None:
        """Name the channel, as the ledger does, and say why and what to do."""
        super().__init__(sentence)
        self.channel = channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The outcome of sending some messages; the ledger has the outcome of each."""

    some_again: bool
    """Whether this run is to try some of them again."""

    waits: str | None
    """Why the others wait, if so."""


def send(delivery: Delivery, notifications: Sequence[Notification]) -> Sent:
    """Send these messages in their order, some at a time.

    An error about one of them does not keep the others from being sent. A message waits in the ledger while an operator
    has paused its kind, or the breaker is open.
    Raises SenderUnusableError if one of these messages opened the breaker, and the database's errors.
    """
    if not notifications:
        return Sent(some_again=False, waits=None)
    let_critical_go(delivery, notifications)
    looked_at = time.monotonic()
    waiting = deque(with_numbers(delivery, with_recipients(delivery, about(delivery, notifications))))
    at_a_time = min(delivery.channels[one.channel].at_a_time for one in notifications)
    with ThreadPoolExecutor(at_a_time, thread_name_prefix="send") as pool:
        threads = [
            pool.submit(_send_in_turn, delivery, waiting, looked_at) for _ in range(min(at_a_time, len(waiting)))
        ]
    outcomes = [outcome for thread in threads for outcome in thread.result()]
    halt = _why_halted(outcomes)
    if halt:
        delivery.ledger.leases.give_back(notifications, f"waits: {halt.reason}")
    if halt and halt.is_trouble:
        channel = notifications[0].channel
        noun = noun_of(channel)
        raise SenderUnusableError(
            channel,
            f"Twilio takes no {noun}s from us: {halt.reason}. Check the TWILIO_… settings, the account and "
            f"https://status.twilio.com; the {noun}s wait in the ledger, and one is tried again every "
            f"{TRIAL_PAUSE} to {4 * TRIAL_PAUSE} s.",
        )
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    some_again = any(isinstance(one, Settled) and one.is_tried_again for one in outcomes)
    return Sent(some_again=some_again, waits=halt.reason if halt else None)


def _send_in_turn(delivery: Delivery, waiting: deque[Facts], looked_at: float) -> list[Settled | Exception]:
    """Send waiting messages one after another, as one of the run's threads; return the outcome of each.

    When sending is halted, the waiting messages stay in the ledger, and no thread begins a further one.
    """
    outcomes: list[Settled | Exception] = []
    while (facts := _next(waiting)) is not None:
        try:
            called = _called(delivery, facts, looked_at)
            if isinstance(called, Called) and (halt := halted_by(called.answer)):
                waiting.clear()  # before it is recorded: the other threads need not find it out, too
                outcomes.append(Settled(halt=halt))
            outcome = record(delivery, called) if isinstance(called, Called) else called
            if outcome.halt:
                waiting.clear()
            outcomes.append(outcome)
        except (DataError, IntegrityError) as error:
            outcomes.append(_ended_alone(delivery, facts.message, error))
        except Exception as error:  # noqa: BLE001  # `send` raises it when the neighbours are through
            outcomes.append(error)
    return outcomes


def _next(waiting: deque[Facts]) -> Facts | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


def _ended_alone(
    delivery: Delivery, notification: Notification, error: DataError | IntegrityError
) -> Settled | Exception:
    """End a message that the database itself cannot take; the others go on."""
    try:
        why = Suppression(State.FAILED, f"the database refuses it ({type(error).__name__})", Cause.ROW_REFUSED)
        withhold(delivery, notification, why)
    except Exception as another:  # noqa: BLE001  # as above
        return another
    return Settled()


def _why_halted(outcomes: Sequence[Settled | Exception]) -> Halt | None:
    """Return why sending was halted, if it was: an open breaker says more than the trouble that led to it."""
    halts = [one.halt for one in outcomes if isinstance(one, Settled) and one.halt]
    return next((one for one in halts if one.is_trouble), halts[0] if halts else None)


def _called(delivery: Delivery, facts: Facts, looked_at: float) -> Called | Settled:
    """Hand over one message, if it may still go out, and return the answer; or its outcome without a call.

    `looked_at` is the time of the monotonic clock when the facts were read.
    """
    ledger, channel = delivery.ledger, delivery.channels[facts.message.channel]
    # It may take longer than a lease allows for: before the last look at the facts, and before the attempt begins.
    channel.prepare()
    facts, message = _by_now(delivery, facts, looked_at)
    if isinstance(message, Message) and KINDS[facts.message.kind].carries_link and (asker := delivery.link_asker()):
        facts, message = _by_now(delivery, with_link(delivery, facts, asker), looked_at)
    if isinstance(message, Message) and lacks_number(delivery, facts):  # her phone is another one by now
        (facts,) = with_numbers(delivery, [facts])
        facts, message = _by_now(delivery, facts, looked_at)
    if isinstance(message, Message) and (wait := ledger.halts.take_turn(channel.name, cost=channel.cost(message.body))):
        time.sleep(wait)
        facts, message = _by_now(delivery, facts, looked_at)
    notification = facts.message
    if not isinstance(message, Message):
        withhold(delivery, notification, message)
        return Settled()
    began = time.monotonic()
    attempt = ledger.attempts.begin_attempt(
        notification,
        delivery.run_id,
        recipient_id=recipient_id(facts),
        number=message.to,
        fingerprints=channel.recognise(ledger.opt_outs.salt, message.to, message.body),
    )
    if attempt.number is None:
        if attempt.opted_out:
            withhold_opted_out(delivery, facts)
            return Settled()
        # Another claim has taken the row over, or nothing may go out now.
        return Settled(halt=Halt(reason=attempt.halted) if attempt.halted else None)
    if time.monotonic() - began > LATEST_CALL:
        stood_still = Refused(Refusal.TRANSIENT, "not called: process or database stood still right before")
        LOG.warning("%s: %s", notification.subject, stood_still.reason, extra={"notification": notification.id})
        ledger.attempts.put_back(notification, attempt.number, stood_still, pause=STOOD_STILL_PAUSE)
        return Settled()
    answer = channel.submit(message.to, message.body, message.worth)
    return Called(notification=notification, attempt=attempt, message=message, answer=answer)


def _by_now(delivery: Delivery, facts: Facts, looked_at: float) -> tuple[Facts, Message | Withheld]:
    """Return the facts at this moment, and the message they make: a task closed since is not texted about."""
    if time.monotonic() - looked_at > LOOK_HOLDS:
        facts = read_again(delivery, facts)
    return facts, prepared(delivery, facts)
