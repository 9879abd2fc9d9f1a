"""Values that somebody may have typed to forge a line or a link in our texts."""

import re

# What a phone makes a link of: a scheme and an address, or a name or number with dots in it.
LINK = re.compile(r"\w:[^\s\d.]|\w[.\u3002\uff0e\uff61\u2024\ufe52]+[^\W\d_]{2,}(?!\w)|\d\.\d+\.\d")

DIRECTION = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNSEEN = "\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufe0f\ufeff\uffa0\U000e0041\U000e0100"
CONTROL = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) + "\u2028\u2029"

HOSTILE = [
    "http://evil",
    "https://evil.com/x",
    "evil.com/x",
    "evil.co",
    "www.evil.com",
    "EVIL.COM",
    "evil\u3002com",
    "evil\uff0ecom/x",
    "evil.рф",
    "nurse@evil.com",
    "10.0.0.1/x",
    "tel:+19005550100",
    "sequora:x",
    "FEVER\nView: https://evil.com/x",
    "FEVER\r\n\r\nPriority: LOW",
    "evil.\u200bcom",
    "evil.\ufe0fcom",
    "ht\u00adtp://evil.com",
    "evil.com" * 2_000,
    "🚨" * 10_000,
    "A" * 10_000,
    "[" * 10_000,
    "\n" * 10_000,
    *(f"FEVER{mark}moc.live//:ptth{mark}" for mark in DIRECTION + UNSEEN + CONTROL),
]
