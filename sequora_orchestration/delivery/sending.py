"""How messages of a claim are sent: the same code for every kind of message. Dagster is not known here.

Between any two statements the process may be killed. What then holds:
- before `begin_attempt` has committed: the row is QUEUED, certainly not sent, and claimed again after its lease;
- after it: the row is SENDING, and when its lease runs out it is IN_DOUBT: looked up, never sent again blindly;
- after the answer is recorded: the row has left SENDING for good, or is QUEUED with the reason.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sequora_orchestration.care.care_database import CareDatabase, open_care_database
from sequora_orchestration.care.check_in_link import LinkAsker, NoLinkError, open_link_asker
from sequora_orchestration.channels.sms_sender import SmsSender, open_sms_sender
from sequora_orchestration.domain.answers import OPTED_OUT, Accepted, Answer, Refusal, Refused, Unclear
from sequora_orchestration.domain.care import Patient, User
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.domain.halts import in_brackets
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.domain.on_call import ROLES_IN_ORDER, nobody_pause, whom_to_tell
from sequora_orchestration.domain.phone_number import e164, usable
from sequora_orchestration.ledger.attempts import Attempt
from sequora_orchestration.ledger.halts import TRIAL_PAUSE
from sequora_orchestration.ledger.ledger import Ledger, open_ledger
from sequora_orchestration.ledger.rows import Outcome
from sequora_orchestration.messages.check_in import CheckInTime, check_in_time, zone_of
from sequora_orchestration.messages.kind import Facts, MessageKind, Postponement, Suppression, Withheld
from sequora_orchestration.messages.kinds import KINDS, is_to_a_patient
from sequora_orchestration.settings.application import AppSettings

T = TypeVar("T")

LOG = logging.getLogger(__name__)

# The first try, and one after each of the waits.
WAITS = (1, 2, 4)
ATTEMPTS = 1 + len(WAITS)

# Seconds until a text may be tried again that the phone company did not take for no fault of its own. Its neighbours
# may go before: should it be the only one that is refused, they go out.
PUT_BACK_PAUSE = 30

# If a process stands still for longer than so many seconds between its record and its call, it does not call any more:
# the text may be taken for abandoned, and sent by another.
LATEST_CALL = 10
STOOD_STILL_PAUSE = 5

# Seconds for which what was read of a task and its nurse counts as read at the moment of sending. A run that goes
# through many messages reads each anew when its turn comes.
LOOK_HOLDS = 0.5

# Seconds between the tries to record an answer while the database is away. Together they outlast a failover; a
# record that comes later than the attempt's lease still counts: what was taken for abandoned is settled all the same.
RECORD_WAITS = (1, 2, 4, *([5] * 17))


NOBODY = "nobody to escalate to: no active user with the role SUPERVISOR or ADMIN can be texted"


def on_call(care: CareDatabase, ledger: Ledger) -> dict[User, str]:
    """Return the active supervisors and admins who can be texted, with their numbers."""
    users = care.users_of_roles(ROLES_IN_ORDER, on_call=True)
    numbers = {user: number for user in users if user.active is not False and (number := usable(user.primary_phone))}
    opted_out = ledger.opt_outs.moment(numbers.values()).opted_out
    return {user: number for user, number in numbers.items() if number not in opted_out}


class SenderUnusableError(Exception):
    """The phone company takes no texts from us; no attempt was burnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Sends what a claim has, in one run."""

    ledger: Ledger
    care: CareDatabase
    sender: SmsSender
    app_url: str
    run_id: str
    link_asker: Callable[[], LinkAsker | None] = lambda: None
    """Whom to ask for the links in the texts of kinds that carry one; None if they are to have none. It is called for
    those alone: a mistake in the link's settings stops no other texts."""

    def drop_unwanted(self, notifications: Sequence[Notification]) -> list[tuple[Notification, Withheld]]:
        """End (or postpone) what nobody wants (any more, or yet), and return it with the reason."""
        return self._drop_unwanted(self._about(notifications))

    def _drop_unwanted(self, facts: Sequence[Facts]) -> list[tuple[Notification, Withheld]]:
        return self._drop(facts, lambda kind: kind.unwanted)

    def drop_unreachable(self, notifications: Sequence[Notification]) -> list[tuple[Notification, Withheld]]:
        """End (or postpone) what cannot reach its recipient (now), and return it with the reason."""
        facts = self._with_recipients(self._about(notifications, with_tasks=False))
        return self._drop(self._with_opt_outs(facts), lambda kind: kind.unreachable)

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
            return self.ledger.withheld.postpone(notification, why, self.run_id)
        return self.ledger.withheld.suppress(notification, why, self.run_id)

    def _about(self, notifications: Sequence[Notification], *, with_tasks: bool = True) -> list[Facts]:
        """Read what these messages are about, as it is now: their tasks (or not), or of check-ins the episodes."""
        of_tasks = [one.task_id for one in notifications if one.task_id] if with_tasks else []
        of_patients = [one.episode_id for one in notifications if is_to_a_patient(one.kind) and one.episode_id]
        tasks = self.care.tasks(of_tasks) if of_tasks else {}
        episodes = self.care.episodes(of_patients) if of_patients else {}
        return [
            Facts(
                now=one.read_at,
                message=one,
                task=tasks.get(one.task_id or ""),
                unassigned_grace=timedelta(0) if one.has_no_taker else self.ledger.unassigned_grace,
                episode=episodes.get(one.episode_id or "") if is_to_a_patient(one.kind) else None,
            )
            for one in notifications
        ]

    def _with_recipients(self, facts: Sequence[Facts]) -> list[Facts]:
        """Read the recipients: members of staff, or of check-ins the patients."""
        patients, staff = list[str](), list[str]()
        for one in facts:
            if id_ := _recipient_id(one):
                (patients if is_to_a_patient(one.message.kind) else staff).append(id_)
        people: dict[str, User | Patient] = {}
        people |= self.care.users(staff) if staff else {}
        people |= self.care.patients(patients) if patients else {}
        return [replace(one, recipient=people.get(_recipient_id(one) or "")) for one in facts]

    def _with_opt_outs(self, facts: Sequence[Facts]) -> list[Facts]:
        """Read which patients have opted out: at night their texts end, and do not wait for the morning.

        Of members of staff that is asked in the statement that begins an attempt.
        """
        numbers = {
            one.message.id: number
            for one in facts
            if isinstance(one.recipient, Patient) and (number := usable(one.recipient.primary_phone))
        }
        if not numbers:
            return list(facts)
        moment = self.ledger.opt_outs.moment(numbers.values())
        return [replace(one, opted_out=numbers.get(one.message.id) in moment.opted_out) for one in facts]

    def schedule_check_ins(self, notifications: Sequence[Notification]) -> list[tuple[Notification, CheckInTime]]:
        """Let each check-in wait until it is due, and return when that is and why."""
        scheduled = []
        for facts in self._with_recipients(self._about(notifications)):
            when = _judged(self._check_in_time, facts)
            if isinstance(when, Suppression):
                self._withhold(facts.message, when)
            elif self.ledger.withheld.postpone(
                facts.message, Postponement(when.due_at, when.reason, Cause.NOT_DUE), self.run_id
            ):
                scheduled.append((facts.message, when))
        return scheduled

    def _check_in_time(self, facts: Facts) -> CheckInTime | Suppression:
        if facts.episode is None:
            return Suppression(State.CANCELLED, "the episode does not exist any more", Cause.EPISODE_GONE)
        return check_in_time(
            created_at=facts.episode.created_at or facts.message.owed_since,
            discharged_at=facts.episode.discharge_at,
            timezone=zone.key if (zone := zone_of(facts)) else None,
            delay=self.ledger.check_in_delay,
        )

    def address(self, notifications: Sequence[Notification]) -> None:
        """Give those that have none their recipients: supervisors who can be reached, else admins.

        One for which there is nobody waits and is tried again, for the reason NOBODY; one that is not wanted ends.
        """
        unaddressed = [one for one in notifications if one.recipient_id is None]
        if not unaddressed:
            return
        all_facts = self._about(unaddressed)
        ended = {one.id for one, _ in self._drop_unwanted(all_facts)}
        passed_over = self.ledger.withheld.passed_over([one.id for one in unaddressed])
        numbers = on_call(self.care, self.ledger)
        for facts in all_facts:
            one, task = facts.message, facts.task
            if one.id in ended:
                continue
            chosen = whom_to_tell(
                {
                    user: number
                    for user, number in numbers.items()
                    if (one.id, user.id) not in passed_over
                    and not (task and user.id == task.assigned_to_user_id)  # somebody else is to be told
                }
            )
            if not chosen:
                self._withhold(
                    one,
                    Postponement(facts.now + nobody_pause(facts.now - one.owed_since), NOBODY, Cause.NOBODY_TO_TELL),
                )
            elif not self.ledger.withheld.address(one, chosen):
                self._withhold(
                    one,
                    Suppression(State.CANCELLED, "the supervisors are told by another run", Cause.TOLD_BY_ANOTHER_RUN),
                )

    def send(self, notifications: Sequence[Notification]) -> "Sent":
        """Send the texts in their order, some at a time.

        An error about one of them does not keep the others from being sent. What may not go out now, for an operator
        has paused it or the breaker is open, waits in the ledger.
        Raises SenderUnusableError if it was these texts that the breaker opened on, and the database's errors.
        """
        halt = Halt()
        looked_at = time.monotonic()
        facts = self._with_recipients(self._about(notifications))
        with ThreadPoolExecutor(self.sender.texts_at_a_time, thread_name_prefix="send_sms") as pool:
            sent = [pool.submit(self._send_one, one, looked_at, halt) for one in facts]
        if halt.reason:
            self.ledger.leases.give_back(notifications, f"waits: {halt.reason}")
        if halt.is_trouble:
            raise SenderUnusableError(
                f"Twilio takes no texts from us: {halt.reason}. Check the TWILIO_… settings, the account and "
                "https://status.twilio.com; the texts wait in the ledger, and one is tried again every "
                f"{TRIAL_PAUSE} to {4 * TRIAL_PAUSE} s."
            )
        again = [self._result(one, future) for one, future in zip(notifications, sent, strict=True)]
        return Sent(some_again=any(again), waits=halt.reason)

    def _result(self, notification: Notification, sent: Future[bool]) -> bool:
        """Return whether a text is to be tried again; one that the database itself cannot take ends alone."""
        try:
            return sent.result()
        except (DataError, IntegrityError) as error:
            self._withhold(
                notification,
                Suppression(State.FAILED, f"the database refuses it ({type(error).__name__})", Cause.ROW_REFUSED),
            )
            return False

    def _send_one(self, facts: Facts, looked_at: float, halt: "Halt") -> bool:
        """Send one text and record its outcome; return whether it is to be tried again.

        The facts were read at that moment of the monotonic clock.
        """
        if halt.reason:
            return False
        facts, message = self._prepared(facts, looked_at)
        if isinstance(message, _Message) and KINDS[facts.message.kind].carries_link and (asker := self.link_asker()):
            facts, message = self._prepared(self._with_link(facts, asker), looked_at)
        if isinstance(message, _Message) and (wait := self.ledger.halts.wait_of(segments(message.body))):
            time.sleep(wait)
            facts, message = self._prepared(facts, looked_at)
        notification = facts.message
        if not isinstance(message, _Message):
            self._withhold(notification, message)
            return False
        began = time.monotonic()
        attempt = self.ledger.attempts.begin_attempt(
            notification, self.run_id, recipient_id=_recipient_id(facts), number=message.to, body=message.body
        )
        if attempt.number is None:
            if attempt.opted_out:
                self._withhold_opted_out(facts)
            else:  # another claim has taken the row over, or no text may go out now
                halt.reason = halt.reason or attempt.halted
            return False
        if time.monotonic() - began > LATEST_CALL:
            stood_still = Refused(Refusal.TRANSIENT, "not called: process or database stood still right before")
            LOG.warning("%s: %s", notification.subject, stood_still.reason, extra={"notification": notification.id})
            self.ledger.attempts.put_back(notification, attempt.number, stood_still, pause=STOOD_STILL_PAUSE)
            return False
        answer = self.sender.send(message.to, message.body, message.worth)
        return self._record(notification, attempt, answer, message, halt)

    def _prepared(self, facts: Facts, looked_at: float) -> tuple[Facts, "_Message | Withheld"]:
        """Return what is known at this moment, and what to send by it: a task closed since is not texted about."""
        if time.monotonic() - looked_at > LOOK_HOLDS:
            now = self.ledger.opt_outs.moment().now
            (read_again,) = self._with_recipients(self._about([replace(facts.message, read_at=now)]))
            # A link is for one patient: should the episode be another's by now, the text goes out without it.
            is_for_the_same = _recipient_id(read_again) == _recipient_id(facts)
            facts = replace(read_again, link=facts.link if is_for_the_same else None)
        return facts, _judged(lambda known: _prepared(known, self.app_url), facts)

    def _with_link(self, facts: Facts, asker: LinkAsker) -> Facts:
        """Ask for the link in a text that may go out; without one it goes out all the same.

        Whether the patient has opted out is asked once more, for a run may consist of this step alone.
        """
        (facts,) = self._with_opt_outs([facts])
        patient_id, episode_id = _recipient_id(facts), facts.message.episode_id
        if facts.opted_out or not patient_id or not episode_id:
            return facts
        try:
            return replace(facts, link=asker.link_for(patient_id=patient_id, episode_id=episode_id, now=facts.now))
        except NoLinkError as error:
            subject, why = facts.message.subject, str(error)
            LOG.warning("%s: texted without a link: %s", subject, why, extra={"notification": facts.message.id})
            return facts

    def _withhold_opted_out(self, facts: Facts) -> None:
        """End the message of somebody whose number has replied STOP, as its kind says."""
        if why := _judged(KINDS[facts.message.kind].unreachable, replace(facts, opted_out=True)):
            self._withhold(facts.message, why)

    def _record(
        self, notification: Notification, attempt: Attempt, answer: Answer, message: "_Message", halt: "Halt"
    ) -> bool:
        """Record the answer, however long the database is away for; return whether to try again."""
        for wait in (*RECORD_WAITS, None):
            try:
                if isinstance(answer, Refused) and answer.code == OPTED_OUT:
                    self.ledger.opt_outs.remember_opt_out(message.to, notification.recipient_id)
                content = message.content if attempt.is_content_logged else None
                return self._settle(notification, attempt.number or 0, answer, content, halt)
            except (DBAPIError, PoolTimeout):
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError("the last wait is none")

    def _settle(
        self, notification: Notification, attempt: int, answer: Answer, content: str | None, halt: "Halt"
    ) -> bool:
        match answer:
            case Accepted(sid):
                self.ledger.attempts.settle_sent(notification, attempt, sid, content=content)
                return False
            case Refused(Refusal.PERMANENT, reason, code):
                self.ledger.attempts.settle_refused(notification, attempt, reason, code)
                self.ledger.halts.note_answer()
                return False
            case Unclear(reason, code):
                self.ledger.attempts.settle_unclear(
                    notification, attempt, reason, code, is_error_answer=answer.is_error_answer
                )
                self._note_trouble(notification, answer, halt)
                return False
            case Refused():
                return self._settle_not_taken(notification, attempt, answer, halt)

    def _settle_not_taken(self, notification: Notification, attempt: int, refused: Refused, halt: "Halt") -> bool:
        """Record that a text was not taken, maybe through no fault of its own; return whether to try again.

        After its tries it waits in the ledger, and the breaker opens, unless others go out.
        """
        retry_after = refused.retry_after or 0
        is_about_us = refused.refusal is Refusal.CONFIGURATION
        if is_about_us:  # the other threads need not find it out, too
            halt.reason = halt.reason or refused.reason
        if is_about_us or attempt >= ATTEMPTS:
            put_back = self.ledger.attempts.put_back(
                notification, attempt, refused, pause=max(PUT_BACK_PAUSE, retry_after)
            )
            if put_back and not put_back.has_failed:
                self._note_trouble(notification, refused, halt, at_once=not put_back.others_went_out)
            return False
        self._note_trouble(notification, refused, halt)
        if halt.is_trouble or retry_after:
            pause = max(PUT_BACK_PAUSE if halt.is_trouble else 0, retry_after)
            self.ledger.attempts.put_back(notification, attempt, refused, pause=pause)
            return False
        self.ledger.attempts.try_again(notification, attempt, refused)
        return True

    def _note_trouble(
        self, notification: Notification, answer: Refused | Unclear, halt: "Halt", *, at_once: bool = False
    ) -> None:
        is_unknown = isinstance(answer, Refused) and answer.refusal is Refusal.UNKNOWN
        trouble = self.ledger.halts.note_trouble(
            answer, at_once=at_once, recipient_id=notification.recipient_id if is_unknown else None
        )
        if trouble.has_just_opened:
            LOG.error("the breaker is open, no text goes out: %s%s", answer.reason, in_brackets(None, answer.code))
        if trouble.is_open:
            halt.reason = f"{answer.reason}{in_brackets(None, answer.code)}"
            halt.is_trouble = True

    def bring_log_up_to_date(self, owed: Outcome) -> bool:
        """Write what the application's log lacks of a text; return False if somebody has locked it.

        Where that log wants to know what the text said, it is told what it would say by now. Raises the database's
        errors, that of a refused row among them.
        """
        content = None
        if owed.log_owes == "row" and (notification := self.ledger.application_log.as_sent(owed.id)):
            content = self._content(notification)
        return self.ledger.application_log.bring_log_up_to_date([owed.id], content=content)

    def _content(self, notification: Notification) -> str | None:
        (facts,) = self._with_recipients(self._about([notification]))
        said = _judged(lambda known: KINDS[notification.kind].text_to_keep(known, self.app_url), facts)
        return said if isinstance(said, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of sending some texts, beside what the ledger says of each."""

    some_again: bool
    """Whether some are to be tried again by this run."""

    waits: str | None
    """Why the others wait, if so."""


@dataclass(slots=True)
class Halt:
    """Why no further text of this run is sent; shared by the threads that send."""

    reason: str | None = None
    is_trouble: bool = False
    """Whether it was one of this run's own texts that the phone company did not take."""


@dataclass(frozen=True, slots=True)
class _Message:
    to: str = field(repr=False)
    body: str = field(repr=False)
    content: str = field(repr=False)
    """What the application's log is told that it says: the same without its link."""

    worth: timedelta


def _recipient_id(facts: Facts) -> str | None:
    """Return whose a message is: of a check-in the episode's patient, who may have been corrected since."""
    if is_to_a_patient(facts.message.kind):
        return facts.episode.patient_id if facts.episode else None
    return facts.message.recipient_id


def _judged(rule: Callable[[Facts], T], facts: Facts) -> T | Suppression:
    """Return what a rule says; a mistake in it ends this message alone."""
    try:
        return rule(facts)
    except Exception as error:  # noqa: BLE001  # whatever it is, the neighbours go on
        return Suppression(
            State.FAILED, f"could not be prepared ({type(error).__name__}): a mistake of ours", Cause.OUR_MISTAKE
        )


def _prepared(facts: Facts, app_url: str) -> _Message | Withheld:
    """Return what to send and where, or why not."""
    kind = KINDS[facts.message.kind]
    if withheld := kind.unwanted(facts) or kind.unreachable(facts):
        return withheld
    if facts.recipient is None:
        return Suppression(State.FAILED, "the recipient could not be read", Cause.RECIPIENT_GONE)
    body = kind.text(facts, app_url)
    content = kind.text_to_keep(facts, app_url) if facts.link else body
    return _Message(e164(facts.recipient.primary_phone), body, content, kind.worth(facts))


def open_delivery(run_id: str) -> Delivery:
    """Return what a run sends with. Raises SettingError."""
    return Delivery(
        ledger=open_ledger(),
        care=open_care_database(),
        sender=open_sms_sender(),
        app_url=AppSettings.load().sequora_app_url,
        run_id=run_id,
        link_asker=lambda: open_link_asker(WAITS),
    )
