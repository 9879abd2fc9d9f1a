"""What is remembered of a messaging service's numbers, by all channels: for how long, and what if Twilio is away."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from phones import Phones
from running_system import eventually

from sequora_orchestration.channels import messaging_service
from sequora_orchestration.channels.messaging_service import FAILURE_HOLDS, HOLDS, KNOWN_HOLDS
from sequora_orchestration.channels.sms import ANY_NUMBER, Sms
from sequora_orchestration.channels.twilio import AccountError, Twilio
from sequora_orchestration.channels.voice import NONE_HOLDS, Voice
from sequora_orchestration.local.twilio.messaging_services import NUMBER_OF_SERVICES
from sequora_orchestration.local.twilio.scripted_answers import Hang, Refuse
from sequora_orchestration.settings.twilio import TwilioSettings

SERVICE = "MG00000000000000000000000000000001"
ANOTHER_NUMBER = "+15005550010"
AWAY = Refuse(503, 20503)


@dataclass
class Clock:
    """The seconds of this test's own."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        """Say what time it is."""
        return self.seconds

    def goes_on(self, seconds: float) -> None:
        """Move on, and a little more."""
        self.seconds += seconds + 0.1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the memory goes by."""
    clock = Clock()
    monkeypatch.setattr(messaging_service, "time", clock)
    return clock


@pytest.fixture
def twilio_of_service(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twilio]:
    """Twilio, where a messaging service is the sender."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", SERVICE)
    monkeypatch.delenv("TWILIO_FROM_NUMBER")
    assert phones.company.services.requests == 0
    yield Twilio(TwilioSettings.load())
    phones.company.services.answers.always(None, to=SERVICE)


def test_texts_and_calls_share_what_is_known(phones: Phones, clock: Clock, twilio_of_service: Twilio) -> None:
    """It is asked for once, and anew after ten minutes."""
    sms, voice = Sms(twilio_of_service), Voice(twilio_of_service)
    for _ in range(2):
        assert (sms.written_to(), voice.number()) == ([NUMBER_OF_SERVICES], NUMBER_OF_SERVICES)
    assert phones.company.services.requests == 1
    phones.company.services.numbers[SERVICE] = [ANOTHER_NUMBER]
    clock.goes_on(HOLDS)
    assert (sms.written_to(), voice.number()) == ([ANOTHER_NUMBER], ANOTHER_NUMBER)
    assert phones.company.services.requests == 2


def test_while_twilio_cannot_be_read_what_is_known_stays_known(
    phones: Phones, clock: Clock, twilio_of_service: Twilio
) -> None:
    """It is asked again after a minute, not each time."""
    sms, voice, services = Sms(twilio_of_service), Voice(twilio_of_service), phones.company.services
    sms.written_to()
    services.numbers[SERVICE] = [ANOTHER_NUMBER]
    services.answers.always(AWAY, to=SERVICE)
    clock.goes_on(HOLDS)
    for _ in range(2):
        assert (sms.written_to(), voice.number()) == ([NUMBER_OF_SERVICES], NUMBER_OF_SERVICES)
    assert services.requests == 2
    services.answers.always(None, to=SERVICE)
    clock.goes_on(KNOWN_HOLDS)
    assert (sms.written_to(), voice.number()) == ([ANOTHER_NUMBER], ANOTHER_NUMBER)


def test_a_failure_is_remembered_for_some_seconds_only(phones: Phones, clock: Clock, twilio_of_service: Twilio) -> None:
    """Meanwhile texts are read at all numbers of the account, and nobody can be called."""
    sms, voice, services = Sms(twilio_of_service), Voice(twilio_of_service), phones.company.services
    services.answers.always(AWAY, to=SERVICE)
    for _ in range(2):
        assert sms.written_to() == [ANY_NUMBER]
        with pytest.raises(AccountError):
            voice.number()
    assert services.requests == 1
    services.answers.always(None, to=SERVICE)
    clock.goes_on(FAILURE_HOLDS)
    assert (sms.written_to(), voice.number()) == ([NUMBER_OF_SERVICES], NUMBER_OF_SERVICES)


def test_that_no_number_can_call_is_remembered_for_some_seconds_only(
    phones: Phones, clock: Clock, twilio_of_service: Twilio
) -> None:
    """An engineer is giving the service another one; no process has to be started anew."""
    voice, company = Voice(twilio_of_service), phones.company
    company.numbers_can_call = False
    assert voice.number() is voice.number() is None
    assert company.services.requests == 1
    company.numbers_can_call = True
    clock.goes_on(NONE_HOLDS)
    assert voice.number() == NUMBER_OF_SERVICES


def test_of_many_threads_that_wait_for_an_answer_one_asks(phones: Phones, twilio_of_service: Twilio) -> None:
    """Each would wait for Twilio's silence after the other."""
    voice, services = Voice(twilio_of_service), phones.company.services
    services.answers.queue([Hang(0.2)], to=SERVICE)
    services.answers.always(AWAY, to=SERVICE)
    with ThreadPoolExecutor(25) as pool:
        list(pool.map(lambda _: voice.prepare(), range(25)))
    assert services.requests == 1
    assert voice.number() == NUMBER_OF_SERVICES


def test_of_many_threads_one_asks_also_if_that_fails(phones: Phones, twilio_of_service: Twilio) -> None:
    """The others have its answer."""
    voice, services = Voice(twilio_of_service), phones.company.services
    services.answers.always(AWAY, to=SERVICE)
    with ThreadPoolExecutor(25) as pool:
        list(pool.map(lambda _: voice.prepare(), range(25)))
    assert services.requests == 1


def test_who_needs_what_is_known_does_not_wait_until_it_is_read_anew(
    phones: Phones, clock: Clock, twilio_of_service: Twilio
) -> None:
    """One thread waits for Twilio, the others call."""
    voice, services = Voice(twilio_of_service), phones.company.services
    voice.prepare()
    clock.goes_on(HOLDS)
    services.answers.queue([Hang(1)], to=SERVICE)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(voice.prepare)
        eventually(lambda: services.requests == 2, within=5, what="a second request")
        assert voice.number() == NUMBER_OF_SERVICES
        assert not asking.done()
