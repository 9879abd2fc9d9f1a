"""What our texts say, word for word."""

from urllib.parse import quote

from sequora_orchestration.domain.care import EscalationTask

UNSPECIFIED = "UNSPECIFIED"

# A line of a text is decoration around the link: past this it is cut, so that no row, however odd, makes
# a text longer than the phone company takes (1,600 characters, Twilio error 21617).
LONGEST_LINE_VALUE = 300


def nurse_text(task: EscalationTask, app_url: str) -> str:
    """Return the four lines that tell a nurse of a new task; `app_url` has no slash at its end."""
    return "\n".join(
        [
            f"🚨 New {_value(task.severity)} task: {_value(', '.join(task.reason_codes))}",
            f"Priority: {_value(task.priority)}",
            f"Ep ID: {_short(task.episode_id)}",
            f"View: {app_url}/tasks/{quote(task.id, safe='')}",
        ]
    )


def _value(raw: str | None) -> str:
    """Return `raw` as part of one line: what is missing is said, what would break the line is not let in."""
    line = " ".join("".join(c if c.isprintable() else " " for c in raw or "").split())
    if len(line) > LONGEST_LINE_VALUE:
        return line[: LONGEST_LINE_VALUE - 3] + "..."
    return line or UNSPECIFIED


def _short(episode_id: str | None) -> str:
    shown = _value(episode_id)
    return shown if shown == UNSPECIFIED else f"{shown[:8]}..."
