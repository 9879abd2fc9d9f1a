"""What may happen to a task around its SLA, in any order: who is texted, when, and how often, whatever else goes wrong.

Not Dagster's runs but the steps that they are made of, one at a time, so that anything may happen in between. What is
expected is worked out here from the tasks and the texts, not from the ledger's own idea of what is owed.
"""

import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from care import ADMIN_PHONE, NURSE_PHONE, SUPERVISOR_PHONE, Care
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from machines import try_out

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.channels.sms import Sms
from sequora_orchestration.channels.twilio import Twilio
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.prepare import address, drop_unwanted
from sequora_orchestration.delivery.send import send
from sequora_orchestration.domain.answers import Accepted, Answer
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.scripted_answers import Refuse
from sequora_orchestration.local.twilio.server import TwilioServer
from sequora_orchestration.messages.nurse_unreached import UNREACHED_NURSES
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.sla_breach import SLA_BREACHES
from sequora_orchestration.messages.sla_escalation import UNANSWERED_BREACHES
from sequora_orchestration.messages.sla_warning import TASKS_NEAR_SLA
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.twilio import TwilioSettings

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
NOTHING = timedelta(0)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

# The defaults of SEQUORA_SLA_WARNING_WINDOW, SEQUORA_ESCALATION_DELAY and the grace of a task without a nurse.
WINDOW = HOUR
DELAY = 30 * MINUTE
GRACE = 10 * MINUTE

ALL_QUEUES = (TASKS_NEAR_SLA, SLA_BREACHES, UNANSWERED_BREACHES, UNREACHED_NURSES)

# More would make none of it more likely.
MOST_TASKS = 3
MOST_RUNS = 8

# After so long, somebody whose number was refused is tried again, and so is what nobody could be told of.
LONG_ENOUGH = HOUR + SECOND

# How often a sensor may find something at one moment before we say that it never ends.
ENOUGH_TICKS = 25

KIND_BY_FIRST_WORDS = {
    "SLA in": "warning",
    "SLA missed": "alert",
    "ESCALATION": "escalation",
    "Nurse not reached": "report",
    "Nobody": "report",
}


def an_id(number: int) -> str:
    """Return an id that is the same when an example is replayed: what ties is sorted by it."""
    return str(UUID(int=number))


@dataclass(slots=True, kw_only=True)
class Task:
    """A task, as the application has it."""

    id: str
    severity: str
    nurse: str | None
    created: datetime
    sla: datetime | None
    slas: list[datetime | None]
    """Every SLA time that it has had, the first one first; None if it had none for a while."""
    status: str = "OPEN"

    @property
    def open(self) -> bool:
        """Whether somebody needs to act."""
        return self.status in {"OPEN", "IN_PROGRESS"}


def half_of_its_time_is_over(task: Task, now: datetime) -> bool:
    """Tell whether a scan may warn of the SLA that the task has, if it is near."""
    assert task.sla
    # Rounded to microseconds, as Postgres does.
    return now >= task.created + (task.sla - task.created) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """A request to text somebody, and what the phone company said."""

    kind: str
    task: str
    sla: datetime | None
    """The SLA that the task had at that moment."""

    nurse: str | None
    """Whose task it was at that moment."""

    recipient: str
    at: datetime
    sid: str | None


class WatchedSms(Sms):
    """The channel, looked over the shoulder."""

    def __init__(self, twilio: Twilio) -> None:
        """Nothing is seen yet."""
        super().__init__(twilio)
        self.seen: list[tuple[str, str, Answer]] = []

    def submit(self, to: str, content: str, worth: timedelta) -> Answer:
        """Send it, and remember it with its answer."""
        answer = super().submit(to, content, worth)
        self.seen.append((to, content, answer))
        return answer


class World:
    """What an example begins with: staff, and nothing else; all of it is used again by the next one."""

    def __init__(self, care: Care, care_database: CareDatabase, company: PhoneCompany) -> None:
        """Hire the staff."""
        self.care, self.care_database, self.company = care, care_database, company
        # Nobody asks for receipts here, and nothing follows from that.
        self.ledger = Ledger(care.engine, delivery=DeliverySettings(sequora_receipt_window=timedelta(days=365)))
        self.sms = WatchedSms(Twilio(TwilioSettings.load()))
        self.numbers = {
            care.a_nurse(id=an_id(1)): NURSE_PHONE,
            care.a_nurse("+12025550102", id=an_id(2)): "+12025550102",
            care.a_supervisor(id=an_id(3)): SUPERVISOR_PHONE,
            care.a_supervisor("+12025550122", id=an_id(4)): "+12025550122",
            care.a_nurse(ADMIN_PHONE, role="ADMIN", id=an_id(5)): ADMIN_PHONE,
        }
        self.people = {number: person for person, number in self.numbers.items()}
        self.nurses, self.staff = list(self.numbers)[:2], list(self.numbers)[2:]

    def begin(self) -> None:
        """Forget the example before."""
        self.care.rows('TRUNCATE orchestration.notification, "EscalationTask", "NotificationLog" CASCADE')
        self.company.forget()
        self.sms.seen.clear()

    def delivery(self, run_id: str) -> Delivery:
        """Return what a run sends with."""
        return Delivery(
            ledger=self.ledger,
            care=self.care_database,
            channels={SMS: self.sms},
            wording=Wording(app_url="https://app.example.com"),
            run_id=run_id,
        )


class Run:
    """A run of one of the jobs: the steps that it has still to do. One that is left alone has died."""

    def __init__(self, world: World, queue: Queue, ids: Sequence[str], *, claim_id: str | None = None) -> None:
        """Without a claim it is a scan, or a person has launched it."""
        self.id = str(uuid4())
        self.queue, self.ids = queue, ids
        self.claim_id, self.claimed = claim_id or self.id, claim_id is not None
        self.delivery = world.delivery(self.id)
        self.ledger = world.ledger
        self.steps: deque[Callable[[], None]] = deque(self._job())
        self.last: Callable[[], None] = lambda: None
        self.killed = False
        """Whether it is killed after the first text of a step that sends several."""

    def proceed(self) -> None:
        """Do the next step."""
        self.last = self.steps.popleft()
        self.last()

    def _job(self) -> list[Callable[[], None]]:
        return {
            TASKS_NEAR_SLA.name: [self._find_tasks_near_sla],
            SLA_BREACHES.name: [self._alert_nurse, self._wait],
            UNANSWERED_BREACHES.name: [self._check, self._escalate_to_supervisor],
            UNREACHED_NURSES.name: [self._check, self._escalate_to_supervisor],
        }[self.queue.name]

    def _find_tasks_near_sla(self) -> None:
        if self.ids:
            self._claim_by_name()
        else:
            self.ledger.claims.claim_all(TASKS_NEAR_SLA, self.id)
        found = self.ledger.leases.take_up_scan(self.id, self.id)
        tasks = Counter(one.task_id for one in found)
        self.steps = deque(
            self._warning_of(one.task_id if one.task_id and tasks[one.task_id] == 1 else one.id) for one in found
        )

    def _warning_of(self, name: str) -> Callable[[], None]:
        def warn() -> None:
            if not self.ledger.leases.outcomes(self.id, of=name):
                self.ledger.claims.claim_named(TASKS_NEAR_SLA, [name], self.id)
            if waiting := self.ledger.leases.take_up_one(self.id, name):
                send(self.delivery, [waiting])

        return warn

    def _alert_nurse(self) -> None:
        self._claim_by_name()
        self._send()

    def _wait(self) -> None:
        self.ledger.withheld.schedule_escalations(self.ids)

    def _check(self) -> None:
        self._claim_by_name()
        drop_unwanted(self.delivery, self.ledger.leases.take_up(self.claim_id, self.id))

    def _escalate_to_supervisor(self) -> None:
        self._claim_by_name()
        address(self.delivery, self.ledger.leases.take_up(self.claim_id, self.id))
        self._send()

    def _claim_by_name(self) -> None:
        if not self.claimed:
            self.ledger.claims.claim_named(self.queue, self.ids, self.claim_id)

    def _send(self) -> None:
        waiting = self.ledger.leases.take_up(self.claim_id, self.id)
        send(self.delivery, waiting[:1] if self.killed else waiting)
        if self.killed:
            self.steps.clear()


SPANS = st.sampled_from([DELAY, SECOND, 31 * SECOND, HOUR, 5 * MINUTE, 5 * HOUR])
PATIENCE = st.sampled_from([NOTHING, LONG_ENOUGH])
BESIDES = st.sampled_from([NOTHING, -SECOND, SECOND])
NEAR_AND_FAR = (
    *(NOTHING, SECOND, -SECOND, MINUTE, -MINUTE, DELAY, -DELAY, DELAY + SECOND, timedelta(microseconds=1)),
    *(WINDOW, WINDOW - SECOND, WINDOW + SECOND, 2 * HOUR, -2 * HOUR),
)
PLACES = st.integers(0, 11)
"""Which of a list is meant; there may be fewer."""
MAYBE_FROM_NOW = st.sampled_from([*NEAR_AND_FAR, None])
NURSES = st.sampled_from([0, 1, None])
Change = tuple[str, Any]
CHANGES = st.one_of(
    st.tuples(st.just("status"), st.sampled_from(["OPEN", "RESOLVED", "CANCELLED", "IN_PROGRESS"])),
    st.tuples(st.just("nurse"), NURSES),
    st.tuples(st.just("SLA from now"), MAYBE_FROM_NOW),
    st.tuples(st.just("SLA moved by"), st.sampled_from(NEAR_AND_FAR)),
    st.tuples(st.just("SLA as it was"), PLACES),
)
QUEUES = st.sampled_from(ALL_QUEUES)


class Sla(RuleBasedStateMachine):
    """Tasks and their SLAs, what people do with them, and the runs that text about them."""

    def __init__(self, world: World) -> None:
        """Begin with no task."""
        super().__init__()
        self.world = world
        self.now = MIDNIGHT
        self.tasks: list[Task] = []
        self.runs: list[Run] = []
        self.tries: list[Try] = []
        self.noticed_at: dict[tuple[str, datetime | None], datetime] = {}
        self.by_hand = False
        """Whether a person has named a task, or executed a step again: a warning need not wait for the half then."""
        """When it was noticed that a task which nobody is assigned to has missed this SLA."""
        self.on_duty: set[str] = set()
        self.forgotten = 0
        """How many texts the phones do not remember."""
        world.begin()

    # --- the clock, and people ----------------------------------------------------------------------------------------

    @initialize(on_duty=st.sampled_from([{0}, {0, 1}, {0, 1, 2}, {2}, set()]), sla=MAYBE_FROM_NOW)
    def begin(self, on_duty: set[int], sla: timedelta | None) -> None:
        """It is midnight, there is a task, and some of the staff are on duty."""
        self._it_is(MIDNIGHT)
        self.a_task_is_inserted("HIGH", sla, 0)
        for place, person in enumerate(self.world.staff):
            self._put_on_duty(person, on_duty=place in on_duty)

    def _it_is(self, moment: datetime) -> None:
        self.now = moment
        self.world.care.it_is(moment)

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        """Nothing else happens: an outage, if it is long."""
        self._it_is(self.now + span)

    @rule(place=PLACES, beside=BESIDES, backwards=st.booleans())
    def it_is_just_about_the_time_and_everything_is_launched(
        self, *, place: int, beside: timedelta, backwards: bool
    ) -> None:
        """As when sensors tick each second."""
        self._it_is_just_about_the_time(place, beside)
        self._everything_is_launched_and_ends(backwards=backwards)

    def _it_is_just_about_the_time(self, place: int, beside: timedelta) -> None:
        """Go on to a moment at which something becomes due, or to the second before or after it."""
        slas = [task.sla for task in self.tasks if task.sla]
        moments = {
            *slas,
            *(sla - WINDOW for sla in slas),
            *(task.created + (task.sla - task.created) / 2 for task in self.tasks if task.sla),
            *(each.at + DELAY for each in self.tries if each.kind == "alert"),
            *(since + wait for since in self.noticed_at.values() for wait in (DELAY, GRACE)),
        }
        if coming := sorted(moment for moment in moments if moment + beside > self.now):
            self._it_is(coming[place % min(len(coming), 3)] + beside)

    @precondition(lambda self: len(self.tasks) < MOST_TASKS)
    @rule(severity=st.sampled_from(["HIGH", "CRITICAL", "LOW"]), sla=MAYBE_FROM_NOW, place=NURSES)
    def a_task_is_inserted(self, severity: str, sla: timedelta | None, place: int | None) -> None:
        """By the application."""
        nurse = None if place is None else self.world.nurses[place]
        due_at = None if sla is None else self.now + sla
        columns = {"severity": severity, "sla_due_at": due_at, "created_at": self.now, "updated_at": self.now}
        id_ = self.world.care.a_task(nurse, id=an_id(100 + len(self.tasks)), **columns)
        self.tasks.append(Task(id=id_, severity=severity, nurse=nurse, created=self.now, sla=due_at, slas=[due_at]))

    @rule(place=PLACES, change=CHANGES)
    def a_task_is_changed(self, place: int, change: Change) -> None:
        """Its status, its nurse or its SLA."""
        self._change(self._task(place), change)

    @rule(place=PLACES, change=CHANGES, patience=PATIENCE)
    def a_task_is_changed_in_peace(self, place: int, change: Change, patience: timedelta) -> None:
        """And what follows from it follows."""
        self._change(self._task(place), change)
        self.nothing_is_in_the_way_for_a_while(patience)

    def _change(self, task: Task, change: Change) -> None:
        match change:
            case "status", status:
                task.status = status
            case "nurse", nurse:
                task.nurse = None if nurse is None else self.world.nurses[nurse]
            case "SLA from now", span:
                task.sla = None if span is None else self.now + span
            case "SLA moved by", span:
                task.sla = task.sla + span if task.sla else None
            case "SLA as it was", place:
                task.sla = task.slas[place % len(task.slas)]
        if task.sla not in task.slas:
            task.slas.append(task.sla)
        self.world.care.change_task(task.id, status=task.status, assigned_to_user_id=task.nurse, sla_due_at=task.sla)

    @rule(place=PLACES, on_duty=st.booleans())
    def somebody_comes_or_goes(self, *, place: int, on_duty: bool) -> None:
        """A supervisor or an admin; who is not on duty is not texted."""
        self._put_on_duty(self.world.staff[place % len(self.world.staff)], on_duty=on_duty)

    def _put_on_duty(self, person: str, *, on_duty: bool) -> None:
        (self.on_duty.add if on_duty else self.on_duty.discard)(person)
        self.world.care.rows('UPDATE "User" SET active = :active WHERE id = :id', active=on_duty, id=person)

    @rule(place=PLACES)
    def a_number_is_refused_the_next_time(self, place: int) -> None:
        """For good, as a landline is, and for this once."""
        numbers = list(self.world.numbers.values())
        self.world.company.script(Refuse(400, 21614), to=numbers[place % len(numbers)])
        self._it_is_just_about_the_time(0, NOTHING)
        self._everything_is_launched_and_ends(backwards=False)

    def _task(self, place: int) -> Task:
        return self.tasks[-1 - place % len(self.tasks)]

    # --- runs ---------------------------------------------------------------------------------------------------------

    def _claims(self, queue: Queue) -> list[Run]:
        """Return the runs that are launched: by the schedule one, by a sensor one for each claim."""
        if queue is TASKS_NEAR_SLA:
            return [Run(self.world, queue, [])]
        runs = [
            Run(self.world, queue, list(dict.fromkeys(one.id for one in claim.subjects)), claim_id=claim.id)
            for claim in self.world.ledger.claims.claim(queue)
        ]
        for run in runs:
            self._notice(run)
        return runs

    def _notice(self, run: Run) -> None:
        nobodys = [task for task in self.tasks if task.id in run.ids and task.open and task.nurse is None]
        for task in nobodys if run.queue is SLA_BREACHES else []:
            if task.sla and task.sla <= self.now:
                self.noticed_at.setdefault((task.id, task.sla), self.now)

    def _proceed(self, run: Run) -> None:
        run.proceed()
        self._notice(run)
        self._look_at_the_phones()

    def _finish(self, run: Run) -> None:
        while run.steps:
            self._proceed(run)

    @rule(queue=QUEUES, times=st.integers(1, 2))
    def runs_are_launched_and_end(self, queue: Queue, times: int) -> None:
        """Twice at once: the claims of both come before what the runs of either do."""
        for run in [run for _ in range(times) for run in self._claims(queue)]:
            self._finish(run)

    @rule(span=SPANS, backwards=st.booleans())
    def time_passes_and_everything_is_launched_and_ends(self, *, span: timedelta, backwards: bool) -> None:
        """As when sensors tick now and then."""
        self._it_is(self.now + span)
        self._everything_is_launched_and_ends(backwards=backwards)

    def _everything_is_launched_and_ends(self, *, backwards: bool) -> None:
        """Sensors tick one after the other, in the order of a task's life or against it."""
        for queue in ALL_QUEUES[::-1] if backwards else ALL_QUEUES:
            self.runs_are_launched_and_end(queue, 1)

    @rule(span=st.sampled_from([NOTHING, DELAY, 31 * SECOND, HOUR]))
    def runs_are_launched_and_time_passes(self, span: timedelta) -> None:
        """What they do next, if anything, comes later: one that is left alone has died."""
        self.runs = [*self.runs, *(run for queue in ALL_QUEUES for run in self._claims(queue))][-MOST_RUNS:]
        self._it_is(self.now + span)

    @rule(queue=QUEUES, place=PLACES)
    def a_run_is_launched_by_name(self, queue: Queue, place: int) -> None:
        """By a person, who has named a task; what it does comes later."""
        self.by_hand = True
        self.runs = [*self.runs, Run(self.world, queue, [self._task(place).id])][-MOST_RUNS:]

    @rule(queue=QUEUES, place=PLACES)
    def a_run_is_launched_by_name_and_ends(self, queue: Queue, place: int) -> None:
        """By a person, who has named a task."""
        self.by_hand = True
        self._finish(Run(self.world, queue, [self._task(place).id]))

    @precondition(lambda self: self.runs)
    @rule(place=PLACES, again=st.booleans())
    def a_run_proceeds(self, *, place: int, again: bool) -> None:
        """By a step, or by the one before once more."""
        run = self.runs[place % len(self.runs)]
        if run.steps:
            self._proceed(run)
        if again:
            self.by_hand = True
            run.steps.appendleft(run.last)
            self._proceed(run)
        if not run.steps:
            self.runs.remove(run)

    @precondition(lambda self: self.runs)
    @rule(place=PLACES)
    def a_run_is_killed(self, place: int) -> None:
        """At its end, or after the first of several texts."""
        run = self.runs.pop(place % len(self.runs))
        run.killed = True
        self._finish(run)

    @rule(place=PLACES, beside=BESIDES, steps=st.integers(0, 1), change=CHANGES)
    def a_task_is_changed_while_its_runs_proceed(
        self, place: int, beside: timedelta, steps: int, change: Change
    ) -> None:
        """After their claim, or between two of their steps."""
        self._it_is_just_about_the_time(place, beside)
        runs = [run for queue in ALL_QUEUES for run in self._claims(queue)]
        for run in runs:
            for _ in range(steps):
                self._proceed(run)
        ids = {id_ for run in runs for id_ in run.ids}
        for task in [task for task in self.tasks if task.id in ids] or [self._task(place)]:
            self._change(task, change)
        for run in runs:
            self._finish(run)

    @rule()
    def leases_expire(self) -> None:
        """Whoever had claimed something is taken for dead."""
        self.world.care.let_leases_expire()

    @rule(patience=PATIENCE)
    def nothing_is_in_the_way_for_a_while(self, patience: timedelta) -> None:
        """Whatever became of all runs before, what is owed by now is done."""
        self._it_is(self.now + patience)
        self._let_everything_be_done()
        for task in (task for task in self.tasks if task.open and task.sla):
            self._judge_what_was_owed_to_the_nurse(task)
            alerted = [one.at for one in self._accepted("alert", task) if one.at + DELAY <= self.now]
            refused = [one for one in self.tries if not one.sid and one.at == self.now]
            if patience and self.on_duty and alerted and not refused:
                assert self._accepted("escalation", task), f"nobody is told of {task}"

    def _let_everything_be_done(self) -> None:
        """Let every claim end, and sensors tick until they find nothing."""
        self.leases_expire()
        self.runs_are_launched_and_end(TASKS_NEAR_SLA, 1)
        for queue in ALL_QUEUES[1:]:
            ticks = 0
            while runs := self._claims(queue):
                for run in runs:
                    self._finish(run)
                ticks += 1
                assert ticks < ENOUGH_TICKS, f"{queue.name} have no end"

    # --- what is true of every text -----------------------------------------------------------------------------------

    def _look_at_the_phones(self) -> None:
        """Judge the texts that have just been sent; nothing has been changed since."""
        # A step sends some at a time: in which order is not ours to say.
        for number, body, answer in sorted(self.world.sms.seen, key=lambda one: one[:2]):
            self._judge(number, body, answer)
        self.world.sms.seen.clear()
        accepted = [one.sid for one in self.tries if one.sid]
        assert {text.sid for text in self.world.company.accepted()} == set(accepted[self.forgotten :])

    def _judge(self, number: str, body: str, answer: Answer) -> None:
        (kind,) = {kind for words, kind in KIND_BY_FIRST_WORDS.items() if body.startswith(words)}
        (task,) = (task for task in self.tasks if body.endswith(f"/tasks/{task.id}"))
        text = Try(
            kind=kind,
            task=task.id,
            sla=task.sla,
            nurse=task.nurse,
            recipient=self.world.people[number],
            at=self.now,
            sid=answer.provider_id if isinstance(answer, Accepted) else None,
        )
        assert task.open, f"texted of a closed task: {text}"
        {
            "warning": self._judge_warning,
            "alert": self._judge_alert,
            "escalation": self._judge_escalation,
            "report": self._judge_report,
        }[kind](text)
        self.tries.append(text)

    def _judge_warning(self, text: Try) -> None:
        assert text.recipient == text.nurse, f"somebody else is warned: {text}"
        assert text.sla, f"warned of no SLA: {text}"
        (task,) = (task for task in self.tasks if task.id == text.task)
        assert text.sla - WINDOW <= text.at < text.sla, f"warned at the wrong time: {text}"
        assert self.by_hand or half_of_its_time_is_over(task, text.at), f"warned too early: {text}"
        assert not self._told(text), f"warned twice: {text}"

    def _judge_alert(self, text: Try) -> None:
        assert text.recipient == text.nurse, f"somebody else is alerted: {text}"
        assert text.sla, f"alerted of no SLA: {text}"
        assert text.sla <= text.at, f"alerted before the SLA: {text}"
        assert not self._told(text), f"alerted twice: {text}"

    def _judge_escalation(self, text: Try) -> None:
        assert text.recipient in self.on_duty, f"escalated to somebody who is not on duty: {text}"
        assert text.sla, f"escalated without an SLA: {text}"
        assert text.sla <= text.at, f"escalated before the SLA: {text}"
        assert text.recipient not in {one.recipient for one in self._told(text)}, f"escalated twice to the same: {text}"
        alerts = [one.at for one in self.tries if (one.kind, one.task, one.sla) == ("alert", text.task, text.sla)]
        since = max(alerts, default=self.noticed_at.get((text.task, text.sla)))
        assert since, f"escalated before it was tried to alert the nurse: {text}"
        assert text.at >= since + DELAY, f"escalated {since + DELAY - text.at} too early: {text}"

    def _judge_report(self, text: Try) -> None:
        assert text.recipient in self.on_duty, f"reported to somebody who is not on duty: {text}"
        told = [one for one in self.tries if one.sid and (one.kind, one.task) == (text.kind, text.task)]
        assert (text.recipient, text.nurse) not in {(one.recipient, one.nurse) for one in told}, (
            f"reported twice to the same: {text}"
        )

    def _told(self, text: Try) -> list[Try]:
        """Return what was accepted before, of the same kind and SLA."""
        about = (text.kind, text.task, text.sla)
        return [one for one in self.tries if one.sid and (one.kind, one.task, one.sla) == about]

    # --- what becomes true in the end ---------------------------------------------------------------------------------

    def _judge_what_was_owed_to_the_nurse(self, task: Task) -> None:
        """Fail unless the nurse was told, or it was tried in vain."""
        if task.sla and task.nurse and self.now >= task.sla - WINDOW and half_of_its_time_is_over(task, self.now):
            kind = "warning" if self.now < task.sla else "alert"
            refused = [one for one in self._tried(kind, task) if one.recipient == task.nurse]
            assert self._accepted(kind, task) or refused, f"the nurse had no {kind} of {task}"

    def _is_out_of_reach(self, task: Task) -> bool:
        """Whether the last text to the task's nurse was refused, or there was nobody to alert."""
        if task.nurse is None:
            return bool(task.sla) and not self._accepted("alert", task)
        hers = [one for one in self.tries if (one.task, one.recipient) == (task.id, task.nurse)]
        return bool(hers) and not any(one.sid for one in hers if one.at == hers[-1].at)

    def _tried(self, kind: str, task: Task) -> list[Try]:
        """Return the requests to text of the SLA that the task has now."""
        return [one for one in self.tries if (one.kind, one.task, one.sla) == (kind, task.id, task.sla)]

    def _accepted(self, kind: str, task: Task) -> list[Try]:
        return [one for one in self._tried(kind, task) if one.sid]

    def teardown(self) -> None:
        """Judge what has become of it all."""
        if sys.exception() is None:
            self._settle()
            self._judge_the_end()

    def _settle(self) -> None:
        """Let everything that is owed be done: all SLAs pass, nothing is refused, and sensors go on ticking."""
        self.runs.clear()
        self.world.company.forget()
        self.forgotten = sum(1 for one in self.tries if one.sid)
        self._it_is(max([self.now, *(task.sla for task in self.tasks if task.sla)]))
        for _ in range(4):
            self._it_is(self.now + DELAY + SECOND)
            self._let_everything_be_done()

    def _judge_the_end(self) -> None:
        for task in (task for task in self.tasks if task.open and task.sla):
            self._judge_what_was_owed_to_the_nurse(task)
            assert self._accepted("escalation", task) or not self.on_duty, f"nobody is told of {task}"
        for task in (task for task in self.tasks if task.open and self._is_out_of_reach(task)):
            reports = [one for one in self.tries if one.sid and (one.kind, one.task) == ("report", task.id)]
            told = task.nurse in {one.nurse for one in reports}
            assert told or not self.on_duty, f"nobody is told that the nurse of {task} is not reached"
        states = Counter(row["state"] for row in self.world.care.ledger())
        assert not states["QUEUED"] + states["SENDING"] + states["IN_DOUBT"], f"not settled: {states}"
        assert not self.on_duty or not states["SCHEDULED"], f"not settled: {states}"
        logged = self.world.care.rows('SELECT task_id::text, nurse_id::text FROM "NotificationLog"')
        assert Counter((row["task_id"], row["nurse_id"]) for row in logged) == Counter(
            (one.task, one.recipient) for one in self.tries if one.sid
        )


@pytest.mark.timeout(1200)  # what fails is first made as short as can be, which takes up to five minutes
@pytest.mark.usefixtures("environment")
def test_whatever_happens_around_an_sla_each_is_told_once_in_time_and_nobody_in_vain(
    care: Care, care_database: CareDatabase, twilio: TwilioServer, pytestconfig: pytest.Config
) -> None:
    """Tasks and SLAs change, runs die, are repeated and meet, numbers are refused, people come and go, in any order."""
    world = World(care, care_database, twilio.company)
    try:
        try_out(lambda: Sla(world), pytestconfig, examples=20)
    finally:
        twilio.company.forget()
