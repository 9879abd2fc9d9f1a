"""What went out from our sender in a span of time, read from Twilio's list over real HTTP."""

from datetime import timedelta
from decimal import Decimal

import pytest
from care import NOW
from orphans import SENDER, STRANGER, an_orphan, it_is_at
from phones import Phones
from twilio.base.exceptions import TwilioRestException

from sequora_orchestration.channels import sms as channel_sms
from sequora_orchestration.channels.channel import DayReader, LookUpError, UnreadableError
from sequora_orchestration.channels.sms import open_sms
from sequora_orchestration.channels.voice import open_voice
from sequora_orchestration.domain.canonical_text import TRIAL_PREFIX
from sequora_orchestration.domain.reconciliation import SentText
from sequora_orchestration.local.twilio.scripted_answers import Refuse

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture(autouse=True)
def later(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """All texts of the tests have been delivered by now, and have a price."""
    it_is_at(NOW + 24 * HOUR, phones, monkeypatch)
    phones.company.seconds_per_status = 0


def listed() -> list[SentText]:
    """Return the texts of the hour that begins with NOW."""
    return [text for page in open_sms().sent_between(NOW, NOW + HOUR) for text in page]


def test_texts_of_the_span_are_read_page_by_page(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first second on, and not those of the second with which the next span begins."""
    monkeypatch.setattr(channel_sms, "PAGE_SIZE", 2)
    times = (NOW - SECOND, NOW, NOW + 20 * SECOND, NOW + HOUR - SECOND, NOW + HOUR)
    before, first, middle, last, after = (an_orphan(phones, created=at) for at in times)
    pages = [[text.provider_id for text in page] for page in open_sms().sent_between(NOW, NOW + HOUR)]
    assert [sid for page in pages for sid in page] == [last, middle, first]
    assert max(map(len, pages)) <= 2
    assert not {before, after} & {sid for page in pages for sid in page}


def test_a_text_is_read_with_what_it_costs(phones: Phones) -> None:
    """Its price is positive here; nobody sees its number or its words."""
    sid = an_orphan(phones, body="x" * 161)
    (text,) = listed()
    assert (text.provider_id, text.to, text.body, text.at) == (sid, STRANGER, "x" * 161, NOW)
    assert (text.status, text.code, text.segments, text.is_by_request) == ("delivered", None, 2, True)
    assert (text.price, text.currency) == (Decimal("0.01580"), "USD")
    assert STRANGER not in repr(text)
    assert "xxx" not in repr(text)


def test_a_text_without_a_price_yet_says_so(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """No price is not a price of nothing."""
    an_orphan(phones)
    it_is_at(NOW, phones, monkeypatch)
    (text,) = listed()
    assert text.price is None


def test_what_came_in_and_what_others_sent_is_left_out(phones: Phones) -> None:
    """A webhook's answer from our number is not by request."""
    phones.company.receive(phone=STRANGER, body="Hello", to=SENDER, created=NOW)
    an_orphan(phones, from_="+15005550010")
    sid = an_orphan(phones, in_reply=True)
    assert [(text.provider_id, text.is_by_request) for text in listed()] == [(sid, False)]


def test_a_trial_accounts_prefix_is_no_part_of_the_text(phones: Phones) -> None:
    """As when texts in doubt are looked for."""
    an_orphan(phones, body=f"{TRIAL_PREFIX}Hello")
    assert [text.body for text in listed()] == ["Hello"]


@pytest.mark.parametrize("hidden", [{"body": "REDACTED"}, {"to": "+1202555XXXX"}])
def test_what_the_account_redacts_is_not_taken_for_a_text(phones: Phones, hidden: dict[str, str]) -> None:
    """Else all such texts would read alike."""
    an_orphan(phones, **hidden)
    assert [text.body for text in listed()] == [None]


def test_a_list_that_is_too_long_is_no_list(phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody learns half of it."""
    monkeypatch.setattr(channel_sms, "MOST_OF_A_DAY", 3)
    for _ in range(3):
        an_orphan(phones)
    with pytest.raises(LookUpError, match="more than 2 texts"):
        listed()


def test_a_list_that_is_refused_is_an_error_without_a_number(phones: Phones) -> None:
    """Not an empty list."""
    phones.company.list_answers.always(Refuse(401, 20003, f"not {SENDER}"))
    with pytest.raises(UnreadableError, match="HTTP 401, code 20003") as raised:
        listed()
    assert SENDER not in str(raised.value)


def test_texts_that_twilio_does_not_know_are_told_by_their_sids(phones: Phones) -> None:
    """Each is asked for."""
    known, gone = an_orphan(phones), "SM" + "9" * 32
    assert open_sms().unknown([known, gone]) == {gone}
    assert open_sms().unknown([]) == frozenset()


def test_texts_about_which_twilio_does_not_answer_are_not_taken_for_known(
    phones: Phones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside one that it does not know: those would be missing, too, and nobody would learn of it."""
    known, gone, busy = an_orphan(phones), "SM" + "9" * 32, "SM" + "8" * 32
    messages = open_sms()._messages

    class Busy:
        def fetch(self) -> None:
            raise TwilioRestException(429, f"/Messages/{busy}.json", f"not to {STRANGER}", code=20429)

    monkeypatch.setattr(open_sms(), "_messages", lambda sid: Busy() if sid == busy else messages(sid))
    with pytest.raises(LookUpError, match="does not answer about 1 of 3 texts") as raised:
        open_sms().unknown([known, gone, busy])
    assert STRANGER not in str(raised.value)


def test_only_texts_are_read_day_by_day() -> None:
    """Calls are few: each is asked for by its id."""
    assert isinstance(open_sms(), DayReader)
    assert not isinstance(open_voice(), DayReader)
