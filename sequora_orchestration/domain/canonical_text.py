"""The canonical form of a text, which Twilio does not change: the same for the body we sent and the body in its list.

A messaging service may replace characters that GSM-7 does not have (Smart Encoding) and links (Link Shortening), and
white space may be lost at either end. The text is recognised all the same, as long as no other has the same form. A
text that may read like others of its kind has a mark of its own in its link; should Twilio replace that link, it is not
recognised. How texts are recognised by their form stands in `doubt.py`.
"""

import re

# Twilio puts this before every text of a trial account.
TRIAL_PREFIX = "Sent from your Twilio trial account - "

# The characters that Smart Encoding writes, each with those that it replaces
# (https://www.twilio.com/docs/messaging/services/smart-encoding-char-list). White space that it writes is not listed:
# all white space counts alike.
_WRITTEN_FOR: dict[str, str] = {
    '"': "\u00ab\u00bb\u201c\u201d\u201e\u201f\u02ba\u02ee\u275d\u275e\u301d\u301e\uff02",
    "'": "`\u00b4\u2017\u2018\u2019\u201b\u02b9\u02bb\u02bc\u02bd\u02c8"
    "\u02ca\u02cb\u0313\u0314\u275b\u275c\ufe10\ufe11\uff07",
    "/": "\u00f7\u0337\u0338\u2044\u2215\u29f8\uff0f",
    "\\": "\u20e5\u29f5\u29f9\ufe68\uff3c",
    "_": "\u0332\uff3f",
    "|": "\u20d2\u20d3\u2223\u239c\u239f\u23b8\u23b9\u23d0\uff5c",
    "-": "\u2010\u2013\u2014\u2015\u2022\u2043\u23bc\u23bd\ufe63\uff0d",
    "@": "\ufe6b\uff20",
    "$": "\ufe69\uff04",
    "!": "\u01c3\ufe15\ufe57\uff01",
    "!!": "\u203c",
    "#": "\ufe5f\uff03",
    "%": "\ufe6a\uff05",
    "&": "\ufe60\uff06",
    ",": "\u201a\u0326\u3001\ufe50\ufe51\uff0c\uff64",
    "(": "\u2768\u276a\u27ee\u2985\ufe59\uff08",
    ")": "\u2769\u276b\u27ef\u2986\ufe5a\uff09",
    "*": "\u204e\u2217\u229b\u2722\u2723\u2724\u2725\u2731\u2732\u273a"
    "\u273b\u273c\u273d\u2743\u2749\u274a\u274b\u29c6\ufe61\uff0a",
    "+": "\u02d6\ufe62\uff0b",
    ".": "\u3002\ufe52\uff0e\uff61",
    "...": "\u2026",
    ":": "\u02d0\u02f8\u2982\ua789\ufe13\uff1a",
    ";": "\u204f\ufe14\ufe54\uff1b",
    "<": "\u203a\ufe64",
    "=": "\u0347\ua78a\ufe66\uff1d",
    ">": "\u2039\ufe65",
    "?": "\ufe16\ufe56\uff1f",
    "^": "\u02c6\u0302\u1dcd\uff3e",
    "{": "\u2774\ufe5b\uff5b",
    "}": "\u2775\ufe5c\uff5d",
    "[": "\uff3b",
    "]": "\uff3d",
    "~": "\u02dc\u02f7\u0303\u0330\u0334\u223c\uff5e",
    "1/4": "\u00bc",
    "1/2": "\u00bd",
    "3/4": "\u00be",
    # Written as nothing at all: controls, and characters without width.
    "": "\x00\x03\x04\x10\x11\x12\x13\x14\x17\x19\u200b\u2060\ufeff",
    " ": "\t\u0080\u008d\u0090\u009b\u009f\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000",
}
# Digits and letters of full width, and small capitals; there are none of Q and X.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FULL_WIDTH = {chr(0xFF10 + digit): str(digit) for digit in range(10)} | {
    chr(0xFF21 + place): letter for place, letter in enumerate(_LETTERS)
}
_SMALL_CAPITALS = dict(
    zip(
        "\u1d00\u0299\u1d04\u1d05\u1d07\ua730\u0262\u029c\u026a\u1d0a\u1d0b\u029f\u1d0d\u0274"
        "\u1d0f\u1d18\u0280\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22",
        "ABCDEFGHIJKLMNOPRSTUVWYZ",
        strict=True,
    )
)
SMART_ENCODING: dict[str, str] = {
    **{character: written for written, characters in _WRITTEN_FOR.items() for character in characters},
    **_FULL_WIDTH,
    **_SMALL_CAPITALS,
}
_REPLACED = str.maketrans(SMART_ENCODING)

# A shortened link may have lost its scheme (Twilio's setting `DisableHttps`).
_LINK = re.compile(r"(https?://|\b[\w-]+(\.[\w-]+)*\.[a-z]{2,}/)\S+", re.IGNORECASE)
_IN_PLACE_OF_A_LINK = "https://"

# What `own_mark` makes.
_MARK = re.compile(r"\?digest=[0-9a-f]{8}$")


def own_mark(id_: str) -> str:
    """Return what makes a link, and so its text, one message's own: a part of the message's id, a UUID."""
    return f"?digest={id_[:8]}"


def canonical(body: str) -> str:
    """Return the canonical form of a body: the same for the body that was sent and for the one in Twilio's list."""
    plain = body.removeprefix(TRIAL_PREFIX).translate(_REPLACED)
    return " ".join(_LINK.sub(_without_address, plain).split())


def _without_address(link: re.Match[str]) -> str:
    mark = _MARK.search(link[0])
    return _IN_PLACE_OF_A_LINK + (mark[0] if mark else "")
