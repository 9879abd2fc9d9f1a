"""What the texts about tasks have in common: their four lines, and what of a row may stand in a line."""

import re
from datetime import timedelta
from urllib.parse import quote

from sequora_orchestration.domain.care import EscalationTask

UNSPECIFIED = "UNSPECIFIED"

# A line of a text is decoration around the link: past this it is cut, so that no row, however odd, makes
# a text longer than the phone company takes (1,600 characters, Twilio error 21617).
LONGEST_LINE_VALUE = 300
LONGEST_WORD = 60

# Printable to Python, yet nothing to see: fillers, a blank, joiners and variation selectors.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)

# Phones make a link of what looks like one: a dot (or what domain names take for one, RFC 3490) before what may be a
# top-level domain, the dots of an IP address, a colon that joins a scheme to an address.
_JOINT = re.compile(r"[.\u3002\uff0e\uff61\u2024\ufe52]+(?=[^\W\d_]{2,}(?!\w)|[^\x00-\x7f])|\.(?=\d+\.\d)")
_SCHEME = re.compile(r":(?=[^\s\d])")

# What may be sent of a task's reasons.
_CODE = re.compile(r"[\w./-]{1,60}")


def about(task: EscalationTask, app_url: str, first_line: str) -> str:
    """Return the four lines of a text about a task; `app_url` has no slash at its end."""
    return "\n".join(
        [
            first_line,
            f"Priority: {value(task.priority, LONGEST_WORD)}",
            f"Ep ID: {_short(task.episode_id)}",
            f"View: {app_url}/tasks/{quote(task.id, safe='')}",
        ]
    )


def commands_line(number: int, *, is_to_supervisor: bool) -> str:
    """Return the last line of a text about a task that may be answered; `number` is the task's on that phone.

    Nobody is above a supervisor to hand a task over to.
    """
    hand_over = "" if is_to_supervisor else f", {number}E hand over"
    return f"Reply {number}A accept, {number}R resolved{hand_over}"


def headline(task: EscalationTask) -> str:
    """Return how severe a task is, and why it was made."""
    return f"{value(task.severity, LONGEST_WORD)} task: {_reasons(task)}"


def _reasons(task: EscalationTask) -> str:
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
    seen = _UNSEEN.sub(" ", "".join(c if c.isprintable() else " " for c in raw or ""))
    line = " ".join(_SCHEME.sub(": ", _JOINT.sub(" ", seen)).split())
    if len(line) > longest:
        return line[: longest - 3] + "..."
    return line or UNSPECIFIED


def _short(episode_id: str | None) -> str:
    shown = value(episode_id)
    return shown if shown == UNSPECIFIED else f"{shown[:8]}..."
