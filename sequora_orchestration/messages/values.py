"""What of a row may stand in a text: values in place of placeholders, none of which breaks a line or is a link."""

import re
from datetime import timedelta
from urllib.parse import quote

from sequora_orchestration.domain.care import EscalationTask

UNSPECIFIED = "UNSPECIFIED"

# A line of a text is decoration around the link: past this it is cut, so that no row, however odd, makes
# a text longer than the phone company takes (1,600 characters, Twilio error 21617).
LONGEST_LINE_VALUE = 300
LONGEST_WORD = 60

# Printable to Python, yet nothing to see: a joiner, fillers and a blank; and variation selectors.
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_UNSEEN = re.compile(f"[{FILLERS}\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

# Phones make a link of what looks like one: a dot (or what domain names take for one, RFC 3490) before what may be a
# top-level domain, the dots of an IP address, a colon that joins a scheme to an address.
_JOINT = re.compile(r"[.\u3002\uff0e\uff61\u2024\ufe52]+(?=[^\W\d_]{2,}(?!\w)|[^\x00-\x7f])|\.(?=\d+\.\d)")
_SCHEME = re.compile(r":(?=[^\s\d])")

# What may be sent of a task's reasons.
_CODE = re.compile(r"[\w./-]{1,60}")


def reasons(task: EscalationTask) -> str:
    """Return the codes among a task's reasons, and how many more it has: a sentence may be what the patient said."""
    codes, others = list[str](), 0
    for reason in task.reason_codes:
        parts = [part.strip() for part in reason.split(",")]
        if all(_CODE.fullmatch(part) for part in parts):
            codes += parts
        else:
            others += 1
    if not others:
        return value(", ".join(codes))
    more = f", {others} more"
    return value(", ".join(codes), LONGEST_LINE_VALUE - len(more)) + more


def link_to(task_id: str | None, app_url: str) -> str:
    """Return the address of a task in the application; `app_url` has no slash at its end."""
    return f"{app_url}/tasks/{quote(task_id or '', safe='')}"


def in_words(span: timedelta) -> str:
    """Return a span of time as a person says it: `42 min`, `3 h`, `2 days`."""
    minutes = round(span / timedelta(minutes=1))
    if minutes < 1:
        return "less than 1 min"
    if minutes < 120:  # noqa: PLR2004  # two hours
        return f"{minutes} min"
    hours = round(span / timedelta(hours=1))
    return f"{hours} h" if hours < 48 else f"{round(span / timedelta(days=1))} days"  # noqa: PLR2004  # two days


def value(raw: str | None, longest: int = LONGEST_LINE_VALUE) -> str:
    """Return `raw` as a part of one line: it never breaks the line or becomes a link, and is named if it is missing."""
    line = " ".join(_SCHEME.sub(": ", _JOINT.sub(" ", seen(raw or ""))).split())
    if len(line) > longest:
        return line[: longest - 3] + "..."
    return line or UNSPECIFIED


def seen(raw: str) -> str:
    """Return `raw` with a space in place of each character that nobody sees, or that does something else than show."""
    return _UNSEEN.sub(" ", "".join(c if c.isprintable() else " " for c in raw))


def short(episode_id: str | None) -> str:
    """Return the beginning of an episode's id."""
    shown = value(episode_id)
    return shown if shown == UNSPECIFIED else f"{shown[:8]}..."
