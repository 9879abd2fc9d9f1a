"""A text is the same text whatever Twilio has made of it on its way, and no other."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequora_orchestration.domain.canonical_text import SMART_ENCODING, TRIAL_PREFIX, canonical
from sequora_orchestration.domain.gsm_7 import GSM_7, GSM_7_EXTENSION, is_gsm_7

# Some of https://www.twilio.com/docs/messaging/services/smart-encoding-char-list, written down once more.
DOCUMENTED = {
    "\u201c": '"',
    "\u201d": '"',
    "\u00ab": '"',
    "\u2018": "'",
    "\u2019": "'",
    "\u00b4": "'",
    "`": "'",
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
    "\u2022": "-",
    "\u00bd": "1/2",
    "\u00f7": "/",
    "\u00a0": " ",
    "\u2003": " ",
    "\u200b": "",
    "\uff02": '"',
    "\uff21": "A",
    "\uff17": "7",
    "\u1d22": "Z",
    "\u203c": "!!",
}

SIGNS = sorted((GSM_7 | GSM_7_EXTENSION).difference(" \n\r\f") | SMART_ENCODING.keys() | {"🚨", "ł"})
WORDS = st.text(SIGNS, min_size=1, max_size=8)
LINKS = st.sampled_from(["https://app.example.com/tasks/0f8fad5b-d9cb-469f", "http://127.0.0.1:3000/x?y=1&z=2"])
SPACES = st.sampled_from([" ", "\n", "\n\n", "  ", "\r\n"])
BODIES = st.lists(st.tuples(WORDS | LINKS, SPACES), max_size=12).map(lambda parts: "".join(a + b for a, b in parts))


def smart_encoded(body: str) -> str:
    """Return what a messaging service with Smart Encoding sends: only if GSM-7 has all of it then."""
    written = "".join(SMART_ENCODING.get(sign, sign) for sign in body)
    return written if is_gsm_7(written) else body


def test_the_documented_characters_are_those_of_the_table() -> None:
    """As far as they are written down here."""
    assert {sign: SMART_ENCODING[sign] for sign in DOCUMENTED} == DOCUMENTED


def test_what_smart_encoding_writes_is_gsm_7_and_stays() -> None:
    """Else a text that went through it twice would be another one."""
    written = set("".join(SMART_ENCODING.values()))
    assert is_gsm_7("".join(written))
    assert written.isdisjoint(SMART_ENCODING)


@given(
    BODIES,
    st.sampled_from(["", TRIAL_PREFIX]),
    st.sampled_from(["https://twil.io/j9kj9K3huK", "twil.io/j9kj9K3huK", None]),
)
def test_a_text_is_the_same_whatever_twilio_makes_of_it(body: str, prefix: str, link: str | None) -> None:
    """Smart Encoding, Link Shortening with and without a scheme, other line ends, no white space at the end."""
    shown = re.sub(r"https?://\S+", link, body) if link else body
    shown = smart_encoded(shown).replace("\r\n", "\n").rstrip()
    assert canonical(prefix + shown) == canonical(body)
    assert canonical(shown.replace("\n", "\r\n")) == canonical(body)


@given(*[st.lists(st.text("abcxyzABC0123456789_", min_size=1), max_size=6)] * 2)
def test_texts_of_other_words_differ(words: list[str], other_words: list[str]) -> None:
    """Of letters and digits nothing is left out of account."""
    assert (canonical(" ".join(words)) == canonical("\n".join(other_words))) == (words == other_words)


@pytest.mark.parametrize("code", ["CHEST_PAIN", "BP/190", "3.5", "v1.2"])
def test_a_reason_code_is_no_link(code: str) -> None:
    """It tells one text from another."""
    assert code in canonical(f"New HIGH task: {code}\nView: https://app.example.com/tasks/1")
