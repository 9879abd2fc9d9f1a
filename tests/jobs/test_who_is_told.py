"""Whoever a task goes to is told of it, once for each time: whatever happens to it, and whenever its texts go out."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from care import NOW, NURSE_PHONE, Care
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from machines import try_out

from sequora_orchestration.care.care_database import CareDatabase
from sequora_orchestration.channels.sms import Sms
from sequora_orchestration.channels.twilio import Twilio
from sequora_orchestration.delivery.delivery import Delivery
from sequora_orchestration.delivery.prepare import drop_unreachable, drop_unwanted
from sequora_orchestration.delivery.send import send
from sequora_orchestration.domain.notification import SMS
from sequora_orchestration.ledger.ledger import Ledger
from sequora_orchestration.ledger.rows import Claim
from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.server import TwilioServer
from sequora_orchestration.messages.task_created import NEW_TASKS
from sequora_orchestration.messages.wording import Wording
from sequora_orchestration.settings.twilio import TwilioSettings

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
OTHER_PHONE = "+12025550102"
MOST_AN_HOUR = 3


class World:
    """What an example begins with: two nurses who can be reached and one who cannot; the next one uses it again."""

    def __init__(self, care: Care, care_database: CareDatabase, company: PhoneCompany) -> None:
        """Hire them."""
        self.care, self.care_database, self.company = care, care_database, company
        self.ledger = Ledger(care.engine)
        self.channel = Sms(Twilio(TwilioSettings.load()))
        self.phones = {care.a_nurse(): NURSE_PHONE, care.a_nurse(OTHER_PHONE): OTHER_PHONE}
        self.nurses: Sequence[str | None] = [*self.phones, care.a_nurse(None), None]

    def begin(self) -> None:
        """Forget the example before."""
        self.care.rows('TRUNCATE orchestration.notification, "EscalationTask", "NotificationLog" CASCADE')
        self.company.forget()

    def run(self, claim: Claim) -> None:
        """Do what a run of `notify_nurse_task` does for a claim."""
        run_id = str(uuid4())
        delivery = Delivery(
            ledger=self.ledger,
            care=self.care_database,
            channels={SMS: self.channel},
            wording=Wording(app_url="https://a.example"),
            run_id=run_id,
        )
        drop_unwanted(delivery, self.ledger.leases.take_up(claim.id, run_id))
        drop_unreachable(delivery, self.ledger.leases.take_up(claim.id, run_id))
        send(delivery, self.ledger.leases.take_up(claim.id, run_id))


class OneTask(RuleBasedStateMachine):
    """A task that goes from hand to hand, is closed and opened again, while its messages wait, some for long."""

    def __init__(self, world: World) -> None:
        """Insert it; nobody has it."""
        super().__init__()
        self.world = world
        self.now = NOW
        self.nurse: str | None = None
        self.is_open = True
        self.claims: list[Claim] = []
        self.told_at: dict[str, list[datetime]] = {nurse: [] for nurse in world.phones}
        self.may_be_told: set[str] = set(world.phones)
        """To whom the task has been another's, or closed, since the last text to her."""

        world.begin()
        self._it_is(NOW)
        self.task = world.care.a_task(None, created_at=NOW, updated_at=NOW)

    def _it_is(self, moment: datetime) -> None:
        self.now = moment
        self.world.care.it_is(moment)

    @rule(span=st.sampled_from([SECOND, MINUTE, HOUR]))
    def time_passes(self, span: timedelta) -> None:
        """Nothing else happens."""
        self._it_is(self.now + span)

    @rule(place=st.integers(0, 3))
    def it_is_assigned(self, place: int) -> None:
        """To a nurse, to one who cannot be reached, or to nobody."""
        self.nurse = self.world.nurses[place]
        self.world.care.change_task(self.task, assigned_to_user_id=self.nurse)
        self._look()

    @rule(keeps_its_time=st.booleans(), is_noted=st.booleans())
    def it_is_closed_and_opened_again(self, *, keeps_its_time: bool, is_noted: bool) -> None:
        """The application may forget when it was closed, and nobody may have noticed."""
        care = self.world.care
        care.change_task(self.task, status="RESOLVED", resolved_at=self.now)
        self.is_open = False
        self._look()
        if is_noted:
            self.world.ledger.tellings.note_what_is_over()
        self._it_is(self.now + SECOND)
        care.change_task(self.task, status="OPEN", resolved_at=self.now - SECOND if keeps_its_time else None)
        self.is_open = True

    def _look(self) -> None:
        self.may_be_told |= {nurse for nurse in self.world.phones if nurse != self.nurse or not self.is_open}

    @rule()
    def a_sensor_ticks(self) -> None:
        """What it claims waits for a worker."""
        self._it_is(self.now + SECOND)
        self.world.ledger.tellings.note_what_is_over()
        self.claims += self.world.ledger.claims.claim(NEW_TASKS)

    @rule(place=st.integers(0, 5))
    def a_run_begins(self, place: int) -> None:
        """One of those that wait, whichever."""
        if self.claims:
            self._it_is(self.now + SECOND)
            self._run(self.claims.pop(place % len(self.claims)))

    @rule(place=st.integers(0, 3), waits=st.booleans())
    def it_is_assigned_and_seen(self, place: int, *, waits: bool) -> None:
        """A sensor ticks at once; its run waits, or all that wait begin."""
        self.it_is_assigned(place)
        self.a_sensor_ticks()
        if not waits:
            self._it_is(self.now + SECOND)
            while self.claims:
                self._run(self.claims.pop(0))

    def _run(self, claim: Claim) -> None:
        before = Counter(text.phone for text in self.world.company.accepted())
        self.world.run(claim)
        for number in (Counter(text.phone for text in self.world.company.accepted()) - before).elements():
            (nurse,) = [nurse for nurse, phone in self.world.phones.items() if phone == number]
            assert nurse == self.nurse, "told of a task that is another's"
            assert nurse in self.may_be_told, "told twice of the same"
            self.may_be_told.discard(nurse)
            self.told_at[nurse].append(self.now)
            lately = [at for at in self.told_at[nurse] if at > self.now - HOUR]
            # Messages that are under way when a task is closed and opened count from when they were made.
            assert len(lately) <= MOST_AN_HOUR + 1, "told too often"

    def teardown(self) -> None:
        """Let everything be done: whoever has the task is the one who was told last."""
        for _ in range(4):
            self._it_is(self.now + 31 * SECOND)
            self.world.ledger.tellings.note_what_is_over()
            self.claims += self.world.ledger.claims.claim(NEW_TASKS)
            while self.claims:
                self._run(self.claims.pop(0))
        texts = self.world.company.accepted()
        number = self.world.phones.get(self.nurse or "")
        if number:
            lately = [at for at in self.told_at[self.nurse or ""] if at > self.now - HOUR - MINUTE]
            assert len(lately) >= MOST_AN_HOUR or (texts and texts[-1].phone == number), "not told"


@pytest.mark.timeout(1200)  # what fails is first made as short as can be, which takes up to five minutes
@pytest.mark.usefixtures("environment")
def test_whoever_gets_a_task_is_told_and_nobody_twice_of_the_same(
    care: Care, care_database: CareDatabase, twilio: TwilioServer, pytestconfig: pytest.Config
) -> None:
    """It goes to and fro, is closed and opened, while messages wait for a worker, in any order."""
    world = World(care, care_database, twilio.company)
    try:
        try_out(lambda: OneTask(world), pytestconfig, examples=25)
    finally:
        twilio.company.forget()
