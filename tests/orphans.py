"""Texts in the phone company's list that no message of ours has sent."""

import secrets
from dataclasses import replace
from datetime import datetime

import pytest
from care import NOW, Care
from phones import Phones

from sequora_orchestration.domain.gsm_7 import segments
from sequora_orchestration.local.twilio.message import Message

SENDER = "+15005550006"
STRANGER = "+12025550199"


def an_orphan(phones: Phones, body: str = "Good morning!", **fields: object) -> str:
    """Put a text of somebody else's from our sender into the list, sent at NOW; return its SID."""
    text = Message(
        sid="SM" + secrets.token_hex(16),
        to=STRANGER,
        from_=SENDER,
        messaging_service_sid=None,
        body=body,
        created=NOW,
        num_segments=segments(body),
    )
    text = replace(text, **fields)  # type: ignore[arg-type]
    phones.company.keep(text)
    phones.expect(text)
    return text.sid


def with_clock_of(care: Care, phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both sides go by one clock, which stands still at NOW until a test moves one or the other."""
    care.it_is(NOW)
    it_is_at(NOW, phones, monkeypatch)


def it_is_at(moment: datetime, phones: Phones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it be this time at the phone company."""
    monkeypatch.setattr(phones.company, "_clock", moment.timestamp)
