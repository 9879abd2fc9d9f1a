"""A phone company whose clock the test moves, and the official SDK's client for it."""

from collections.abc import Iterator
from typing import Any

import pytest
from twilio_sdk import NOON, Clock, connected

from sequora_orchestration.local.twilio.phone_company import PhoneCompany
from sequora_orchestration.local.twilio.server import TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, TwilioServer


@pytest.fixture(scope="module")
def server() -> Iterator[TwilioServer]:
    company = PhoneCompany(TEST_ACCOUNT_SID, TEST_AUTH_TOKEN, clock=Clock(), seconds_per_status=10)
    with TwilioServer(company) as server:
        yield server


@pytest.fixture
def company(server: TwilioServer) -> PhoneCompany:
    server.company.forget()
    return server.company


@pytest.fixture
def clock(company: PhoneCompany) -> Iterator[Clock]:
    clock = company._clock
    assert isinstance(clock, Clock)
    yield clock
    clock.now = NOON


@pytest.fixture
def twilio(server: TwilioServer, company: PhoneCompany) -> Iterator[Any]:
    client = connected(server.url)
    yield client
    client.http_client.session.close()
    company.forget()
