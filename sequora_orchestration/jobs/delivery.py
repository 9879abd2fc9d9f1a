"""How messages of a claim are sent: the same code for every kind of message. Dagster is not known here.

Between any two statements the process may be killed. What then holds:
- before `begin_attempt` has committed: the row is QUEUED, certainly not sent, and claimed again after its lease;
- after it: the row is SENDING, and when its lease runs out it is IN_DOUBT, never sent again blindly;
- after the answer is recorded: the row has left SENDING for good, or is QUEUED with the reason.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.domain.answers import OPTED_OUT, Accepted, Answer, Refusal, Refused, Unclear
from sequora_orchestration.domain.care import Patient, User
from sequora_orchestration.domain.check_in import CheckInTime, check_in_time
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.message_kind import (
    CHECK_IN,
    KINDS,
    Facts,
    MessageKind,
    Postponement,
    Suppression,
    Withheld,
)
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.on_call import ROLES_IN_ORDER, nobody_pause, whom_to_tell
from sequora_orchestration.domain.phone_number import e164, usable
from sequora_orchestration.resources.care_database import CareDatabase
from sequora_orchestration.resources.ledger import Ledger
from sequora_orchestration.resources.sms_sender import TEXTS_AT_A_TIME, SmsSender

T = TypeVar("T")

# The first try, and one after each of the waits.
WAITS = (1, 2, 4)
ATTEMPTS = 1 + len(WAITS)

# Seconds until a text is tried again that our own configuration kept from going out.
CONFIGURATION_PAUSE = 15

# Seconds between the tries to record an answer while the database is away. Together they outlast a failover; a
# record that comes later than the attempt's lease still counts: what was taken for abandoned is settled all the same.
RECORD_WAITS = (1, 2, 4, 8, 15, 30, 30)


NOBODY = "nobody to escalate to: no active user with the role SUPERVISOR or ADMIN can be texted"


class SenderUnusableError(Exception):
    """The phone company takes no text from us until an engineer mends something; no attempt was burnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Sends what a claim has, in one run."""

    ledger: Ledger
    care: CareDatabase
    sender: SmsSender
    app_url: str
    run_id: str

    def drop_unwanted(self, notifications: Sequence[Notification]) -> list[tuple[Notification, Withheld]]:
        """End (or postpone) what nobody wants (any more, or yet), and return it with the reason."""
        return self._drop_unwanted(self._facts(notifications, with_recipients=False))

    def _drop_unwanted(self, facts: Sequence[Facts]) -> list[tuple[Notification, Withheld]]:
        return self._drop(facts, lambda kind: kind.unwanted)

    def drop_unreachable(self, notifications: Sequence[Notification]) -> list[tuple[Notification, Withheld]]:
        """End (or postpone) what cannot reach its recipient (now), and return it with the reason."""
        return self._drop(self._facts(notifications), lambda kind: kind.unreachable)

    def _drop(
        self, facts: Sequence[Facts], rule: Callable[[MessageKind], Callable[[Facts], Withheld | None]]
    ) -> list[tuple[Notification, Withheld]]:
        return [
            (one.message, why)
            for one in facts
            if (why := _judged(rule(KINDS[one.message.kind]), one)) and self._withhold(one.message, why)
        ]

    def _withhold(self, notification: Notification, why: Withheld) -> bool:
        """End or postpone a message; return False if it is no longer ours."""
        if isinstance(why, Postponement):
            return self.ledger.postpone(notification, why, self.run_id)
        return self.ledger.suppress(notification, why, self.run_id)

    def _facts(self, notifications: Sequence[Notification], *, with_recipients: bool = True) -> list[Facts]:
        """Read what the rules need to know of these messages, as it is now."""
        tasks = self.care.tasks(one.task_id for one in notifications if one.task_id)
        of_patients = [one.episode_id for one in notifications if one.kind == CHECK_IN.name and one.episode_id]
        episodes = self.care.episodes(of_patients) if of_patients else {}
        people: dict[str, User | Patient] = {}
        numbers: dict[str, str] = {}
        if with_recipients:
            staff = [one.recipient_id for one in notifications if one.kind != CHECK_IN.name and one.recipient_id]
            patients = [episode.patient_id for episode in episodes.values() if episode.patient_id]
            people |= self.care.users(staff) if staff else {}
            people |= self.care.patients(patients) if patients else {}
            numbers = {id_: number for id_, person in people.items() if (number := usable(person.primary_phone))}
        moment = self.ledger.moment(numbers.values())
        facts = []
        for one in notifications:
            episode = episodes.get(one.episode_id or "")
            person = (episode.patient_id if episode else None) if one.kind == CHECK_IN.name else one.recipient_id
            facts.append(
                Facts(
                    now=moment.now,
                    message=one,
                    task=tasks.get(one.task_id or ""),
                    episode=episode,
                    recipient=people.get(person or ""),
                    opted_out=numbers.get(person or "") in moment.opted_out,
                )
            )
        return facts

    def schedule_check_ins(self, notifications: Sequence[Notification]) -> list[tuple[Notification, CheckInTime]]:
        """Let each check-in wait until it is due, and return when that is and why."""
        scheduled = []
        for facts in self._facts(notifications):
            when = _judged(self._check_in_time, facts)
            if isinstance(when, Suppression):
                self._withhold(facts.message, when)
            elif self.ledger.postpone(facts.message, Postponement(when.due_at, when.reason), self.run_id):
                scheduled.append((facts.message, when))
        return scheduled

    def _check_in_time(self, facts: Facts) -> CheckInTime | Suppression:
        if facts.episode is None:
            return Suppression(State.CANCELLED, "the episode does not exist any more")
        return check_in_time(
            created_at=facts.episode.created_at or facts.message.owed_since,
            discharged_at=facts.episode.discharge_at,
            timezone=facts.recipient.timezone if isinstance(facts.recipient, Patient) else None,
            delay=self.ledger.check_in_delay,
        )

    def address(self, notifications: Sequence[Notification]) -> None:
        """Give those that have none their recipients: supervisors who can be reached, else admins.

        One for which there is nobody waits and is tried again, for the reason NOBODY; one that is not wanted ends.
        """
        unaddressed = [one for one in notifications if one.recipient_id is None]
        if not unaddressed:
            return
        all_facts = self._facts(unaddressed, with_recipients=False)
        ended = {one.id for one, _ in self._drop_unwanted(all_facts)}
        passed_over = self.ledger.passed_over([one.task_id for one in unaddressed if one.task_id])
        users = self.care.users_of_roles(ROLES_IN_ORDER)
        numbers = {
            user: number for user in users if user.active is not False and (number := usable(user.primary_phone))
        }
        opted_out = self.ledger.moment(numbers.values()).opted_out
        for facts in all_facts:
            one, task = facts.message, facts.task
            if one.id in ended:
                continue
            chosen = whom_to_tell(
                {
                    user: number
                    for user, number in numbers.items()
                    if number not in opted_out
                    and (one.task_id, user.id) not in passed_over
                    and not (task and user.id == task.assigned_to_user_id)  # somebody else is to be told
                }
            )
            if not chosen:
                self._withhold(one, Postponement(facts.now + nobody_pause(facts.now - one.owed_since), NOBODY))
            elif not self.ledger.address(one, chosen):
                self._withhold(one, Suppression(State.CANCELLED, "the supervisors are told by another run"))

    def send(self, notifications: Sequence[Notification]) -> bool:
        """Send the texts in their order, some at a time; return whether some are to be tried again.

        An error about one of them does not keep the others from being sent.
        Raises SenderUnusableError, and the database's errors.
        """
        halt = Halt()
        with ThreadPoolExecutor(TEXTS_AT_A_TIME, thread_name_prefix="send_sms") as pool:
            sent = [pool.submit(self._send_one, one, halt) for one in notifications]
        if halt.reason:
            self.ledger.give_back(notifications[0].claim_id, halt.reason, pause=CONFIGURATION_PAUSE)
            raise SenderUnusableError(
                f"Twilio takes no text from us: {halt.reason}. Check the TWILIO_… settings and the account; the texts "
                f"wait in the ledger and are tried again every {CONFIGURATION_PAUSE} s."
            )
        again = [one.result() for one in sent]
        return any(again)

    def _send_one(self, notification: Notification, halt: "Halt") -> bool:
        """Send one text and record its outcome; return whether it is to be tried again."""
        if halt.reason:
            return False
        # What the rules need is read at the last moment: a task closed since the run began is not texted about.
        (facts,) = self._facts([notification])
        message = _judged(lambda known: _prepared(known, self.app_url), facts)
        if not isinstance(message, _Message):
            self._withhold(notification, message)
            return False
        attempt = self.ledger.begin_attempt(notification, self.run_id)
        if attempt is None:  # another claim has taken the row over
            return False
        answer = self.sender.send(message.to, message.body)
        if isinstance(answer, Refused) and answer.refusal is Refusal.CONFIGURATION:
            halt.reason = f"{answer.reason} ({answer.code or 'no code'})"
        self._record(notification, attempt, answer, message.to)
        return isinstance(answer, Refused) and answer.refusal is Refusal.TRANSIENT and attempt < ATTEMPTS

    def _record(self, notification: Notification, attempt: int, answer: Answer, number: str) -> None:
        """Record the answer, however long the database is away for."""
        for wait in (*RECORD_WAITS, None):
            try:
                if isinstance(answer, Refused) and answer.code == OPTED_OUT:
                    self.ledger.remember_opt_out(number, notification.recipient_id)
                self._settle(notification, attempt, answer)
            except (DBAPIError, PoolTimeout):
                if wait is None:
                    raise
                time.sleep(wait)
            else:
                break

    def _settle(self, notification: Notification, attempt: int, answer: Answer) -> None:
        match answer:
            case Accepted(sid):
                self.ledger.settle_sent(notification, attempt, sid)
            case Unclear(reason, code):
                self.ledger.settle_unclear(notification, attempt, reason, code)
            case Refused(Refusal.CONFIGURATION, reason, code):
                # Its neighbours come back before it does: should it be the only one that is refused, they go out.
                self.ledger.put_back(notification, attempt, reason, code, pause=2 * CONFIGURATION_PAUSE)
            case Refused(Refusal.TRANSIENT, reason, code) if attempt < ATTEMPTS:
                self.ledger.try_again(notification, attempt, reason, code)
            case Refused(Refusal.TRANSIENT, reason, code):
                self.ledger.settle_refused(notification, attempt, f"{reason}; {attempt} attempts used up", code)
            case Refused(_, reason, code):
                self.ledger.settle_refused(notification, attempt, reason, code)


@dataclass(slots=True)
class Halt:
    """Why no further text of this run is sent; shared by the threads that send."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Message:
    to: str = field(repr=False)
    body: str = field(repr=False)


def _judged(rule: Callable[[Facts], T], facts: Facts) -> T | Suppression:
    """Return what a rule says; a mistake in it ends this message alone."""
    try:
        return rule(facts)
    except Exception as error:  # noqa: BLE001  # whatever it is, the neighbours go on
        return Suppression(State.FAILED, f"could not be prepared ({type(error).__name__}): a mistake of ours")


def _prepared(facts: Facts, app_url: str) -> _Message | Withheld:
    """Return what to send and where, or why not."""
    kind = KINDS[facts.message.kind]
    if withheld := kind.unwanted(facts) or kind.unreachable(facts):
        return withheld
    if facts.recipient is None:
        return Suppression(State.FAILED, "the recipient could not be read")
    return _Message(e164(facts.recipient.primary_phone), kind.text(facts, app_url))
