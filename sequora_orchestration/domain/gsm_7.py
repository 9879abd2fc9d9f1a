"""GSM-7, the alphabet in which a text is cheapest: how many segments a text takes, and how a name is put into it."""

import unicodedata

# 3GPP TS 23.038, the default alphabet and its extension table; a character of the latter costs an escape as well.
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_EXTENSION = frozenset("\f^{}\\[~]|€")
_BOTH = GSM_7 | GSM_7_EXTENSION
_SIMILAR = {"`": "'", "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."}  # noqa: RUF001
_LAST_OF_THE_BASIC_PLANE = "\uffff"


def segments(body: str) -> int:
    """Return how many SMS segments a body takes.

    GSM-7 holds 160 characters, or 153 in each of several segments; one character outside of it turns the
    whole body into UCS-2, with 70 and 67. Neither an escaped character nor a surrogate pair is split.
    """
    if is_gsm_7(body):
        sizes = [2 if character in GSM_7_EXTENSION else 1 for character in body]
        alone, each = 160, 153
    else:
        sizes = [2 if character > _LAST_OF_THE_BASIC_PLANE else 1 for character in body]
        alone, each = 70, 67
    if sum(sizes) <= alone:
        return 1
    count, filled = 1, 0
    for size in sizes:
        if filled + size > each:
            count, filled = count + 1, 0
        filled += size
    return count


def units_of_ucs_2(body: str) -> int:
    """Return how much room a body takes in the other alphabet: one for each character, two for most emoji."""
    return sum(2 if character > _LAST_OF_THE_BASIC_PLANE else 1 for character in body)


def is_gsm_7(body: str) -> bool:
    """Return whether the alphabet has every character of the body."""
    return _BOTH.issuperset(body)


def septets(body: str) -> int:
    """Return how much room a body of the alphabet takes: one for each character, two for an escaped one."""
    return len(body) + sum(character in GSM_7_EXTENSION for character in body)


def in_gsm_7(body: str, *, most_segments: int) -> str:
    """Return a body in this alphabet, cut to so many segments: a sign that it does not have is replaced.

    For texts to operators, who would rather read `'` in place of a backtick than half of the text.
    """
    written = "".join(
        one if one in _BOTH else _SIMILAR.get(one) or to_gsm_7(one) or "?" for one in unicodedata.normalize("NFC", body)
    )
    while segments(written) > most_segments:
        written = written[:-1]
    return written


def to_gsm_7(word: str) -> str | None:
    """Return a word without the accents that the alphabet does not have (`María` becomes `Maria`).

    None if it has a letter that cannot be written so (`Łukasz`).
    """
    written = ""
    for character in unicodedata.normalize("NFC", word):
        if character in GSM_7:
            written += character
        elif not unicodedata.combining(character):
            plain = "".join(c for c in unicodedata.normalize("NFKD", character) if c in GSM_7)
            if not plain.strip():
                return None
            written += plain
    return written
