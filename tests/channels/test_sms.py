"""Texts over real HTTP: sent, listed, and what became of them."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from doors import BODY, NUMBER, SENDER, an_sms, answering, send, sent
from phones import Phones

from sequora_orchestration.channels import records
from sequora_orchestration.channels import sms as channel_sms
from sequora_orchestration.channels.channel import LookUpError, UnreadableError
from sequora_orchestration.channels.sms import open_sms
from sequora_orchestration.domain.answers import Accepted
from sequora_orchestration.domain.ledger_state import State
from sequora_orchestration.local.twilio.api_keys import ApiKey
from sequora_orchestration.local.twilio.server import (
    TEST_API_KEY,
    TEST_API_SECRET,
)
from sequora_orchestration.settings.environment import SettingError


def test_a_text_that_is_accepted_has_a_sid(phones: Phones) -> None:
    """It arrives as it was sent, from our number."""
    answer = send()
    text = phones(NUMBER).received_text()
    assert answer == Accepted(text.sid)
    assert (text.body, text.from_, text.messaging_service_sid) == (BODY, SENDER, None)


def test_the_messaging_service_is_the_sender_when_there_is_one(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """It chooses the number by itself."""
    monkeypatch.setenv("TWILIO_MESSAGING_SERVICE_SID", "MG00000000000000000000000000000001")
    assert isinstance(send(), Accepted)
    text = phones(NUMBER).received_text()
    assert (text.from_, text.messaging_service_sid) == (None, "MG00000000000000000000000000000001")


def test_a_process_has_one_sender_for_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are kept between runs; other settings are another sender."""
    sms = open_sms()
    assert open_sms() is sms
    monkeypatch.setenv("TWILIO_FROM_NUMBER", "+15005550010")
    assert open_sms() is not sms


def test_without_an_account_there_is_no_sender_and_no_other_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to set."""
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    with pytest.raises(SettingError, match="TWILIO_AUTH_TOKEN is not set"):
        open_sms()


def test_the_texts_since_a_moment_are_listed_newest_first(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several pages; those to one number, or all."""
    monkeypatch.setattr(channel_sms, "PAGE_SIZE", 2)
    sids = sent(phones, "one", "two", "three", "four", "five")
    other = sent(phones, "to somebody else", to="+12025550124")
    sms = open_sms()
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    texts = sms.listed(hour_ago, to=NUMBER)
    assert [text.provider_id for text in texts] == sids[::-1]
    assert {(text.to, text.content) for text in texts} >= {(NUMBER, "one"), (NUMBER, "five")}
    assert [text.provider_id for text in sms.listed(hour_ago)] == [*other, *sids[::-1]]
    assert NUMBER not in repr(texts)
    assert "three" not in repr(texts)


def test_texts_that_are_too_old_are_not_listed(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the list is not read much further than to them."""
    monkeypatch.setattr(records, "OLDER_IN_A_ROW", 2)
    monkeypatch.setattr(channel_sms, "PAGE_SIZE", 1)
    sent(phones, "one", "two", "three", "four", "five")
    listed = phones.company.listed
    pages = []

    def counted(*args: object, **kwargs: object) -> object:
        pages.append(kwargs)
        return listed(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(phones.company, "listed", counted)
    assert open_sms().listed(datetime.now(UTC) + timedelta(hours=1), to=NUMBER) == []
    assert len(pages) == 2


def test_a_list_that_is_too_long_proves_nothing(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not seen may be there."""
    monkeypatch.setattr(channel_sms, "MOST_LISTED", 3)
    sent(phones, "one", "two", "three")
    with pytest.raises(LookUpError, match="too long"):
        open_sms().listed(datetime.now(UTC) - timedelta(hours=1))


def test_a_list_that_cannot_be_read_is_one_error_without_a_number(
    phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the SDK raises."""
    (sid,) = sent(phones, "one")
    now = datetime.now(UTC)
    for name, value in (("TWILIO_AUTH_TOKEN", "wrong"), ("TWILIO_API_BASE_URL", "http://127.0.0.1:9")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            sms = an_sms()
            with pytest.raises(LookUpError) as listed:
                sms.listed(now, to=NUMBER)
            with pytest.raises(LookUpError) as fetched:
                sms.receipts([sid], since=now, until=now)
            for raised in (listed, fetched):
                assert NUMBER[1:] not in f"{raised.value!r} {raised.value.__cause__!r}"


@pytest.mark.parametrize(
    ("http_status", "body", "said"),
    [
        (
            401,
            b'{"code": 70051, "message": "no", "status": 401}',
            " (HTTP 401, code 70051): the API key may not do this",
        ),
        (403, b'{"code": 20008, "message": "no"}', " (HTTP 403, code 20008): test credentials: nothing is sent"),
        (403, b"<html>Only POST gets through here</html>", " (HTTP 403)"),
        (405, b"", " (HTTP 405)"),
        (503, b'{"code": 20503}', " (HTTP 503, code 20503)"),
        (
            200,
            b"<html>Welcome to this hotel</html>",
            ": the phone company's answer did not come or could not be read (JSONDecodeError)",
        ),
    ],
)
def test_what_keeps_us_from_reading_is_said_with_status_and_code(
    monkeypatch: pytest.MonkeyPatch, http_status: int, body: bytes, said: str
) -> None:
    """Of the list as of a single text; a proxy that lets only texts out is told from Twilio."""
    now = datetime.now(UTC)
    with answering(http_status, body) as url:
        monkeypatch.setenv("TWILIO_API_BASE_URL", url)
        sms = an_sms()
        for ask in (
            lambda: sms.listed(now, to=NUMBER),
            lambda: sms.receipts(["SM1"], since=now, until=now),
            sms.try_to_read,
        ):
            with pytest.raises(UnreadableError) as raised:
                ask()
            assert str(raised.value) == f"the phone company's list could not be read{said}"


def test_an_api_key_sends_and_reads_in_the_accounts_name(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the auth token."""
    phones.company.api_keys[TEST_API_KEY] = ApiKey(TEST_API_SECRET)
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    monkeypatch.setenv("TWILIO_API_KEY", TEST_API_KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", TEST_API_SECRET)
    (sid,) = sent(phones, "one")
    phones.company.seconds_per_status = 0
    now = datetime.now(UTC)
    assert [one.provider_id for one in open_sms().listed(now - timedelta(hours=1), to=NUMBER)] == [sid]
    assert [one.provider_id for one in open_sms().receipts([sid], since=now, until=now).known] == [sid]


@pytest.mark.parametrize("count", [1, 12])
def test_receipts_are_known_once_texts_have_arrived(phones: Phones, count: int) -> None:
    """Of few by name, of many from the list."""
    sids = sent(phones, *(f"text {number}" for number in range(count)))
    now = datetime.now(UTC)
    phones.company.seconds_per_status = 1000
    assert open_sms().receipts(sids, since=now, until=now).known == []
    phones.company.seconds_per_status = 0
    receipts = open_sms().receipts(sids, since=now, until=now).known
    assert [(one.provider_id, one.state) for one in receipts] == [(sid, State.DELIVERED) for sid in sids]


def test_receipts_that_the_list_does_not_show_are_asked_for_by_name(phones: Phones) -> None:
    """Some of them each time: the ledger's clock is hours off."""
    sids = sent(phones, *(f"text {number}" for number in range(12)))
    phones.company.seconds_per_status = 0
    long_ago = datetime.now(UTC) - timedelta(hours=9)
    receipts = open_sms().receipts(sids, since=long_ago, until=long_ago).known
    assert len(receipts) == channel_sms.FEW_RECEIPTS
    assert {one.provider_id for one in receipts} < set(sids)


def test_a_text_that_the_phone_company_does_not_know_hides_no_other(phones: Phones) -> None:
    """One of three was deleted there."""
    sids = sent(phones, "one", "two")
    phones.company.seconds_per_status = 0
    now = datetime.now(UTC)
    receipts = open_sms().receipts([sids[0], "SM" + "0" * 32, sids[1]], since=now, until=now)
    assert {one.provider_id for one in receipts.known} == set(sids)
    assert receipts.unknown == {"SM" + "0" * 32}


def test_the_number_that_is_looked_for_is_not_logged(phones: Phones, caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library logs addresses at its level DEBUG, and the list's has the number in it."""
    sent(phones, "one")
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    sms = an_sms()
    sms.listed(datetime.now(UTC), to=NUMBER)
    sms.listed(datetime.now(UTC))
    assert NUMBER[1:] not in caplog.text
    assert "Messages.json" in caplog.text
