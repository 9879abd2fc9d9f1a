"""What our texts say, word for word."""

import re
import unicodedata
from datetime import timedelta
from urllib.parse import quote

from sequora_orchestration.domain.care import EscalationTask, Patient
from sequora_orchestration.domain.gsm_7 import to_gsm_7

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

# A name that is longer is left out: it is no first name.
LONGEST_NAME = 20

# The longest link of a check-in, in septets: with it the text has three segments, whatever the patient is called.
LONGEST_LINK = 200

# Written without the accents that GSM-7 does not have (á, í, ó, ú): one of them would more than double the segments.
CHECK_IN = {
    "en": (
        "Hi{name}, this is your care team at Sequora. How are you feeling today? You can answer this text and we will "
        "read it.{link}In an emergency call 911. Reply STOP to end these texts."
    ),
    "es": (
        "Hola{name}, le escribe su equipo de cuidados de Sequora. ¿Qué tal se siente hoy? Puede responder a este "
        "mensaje y lo leeremos.{link}En una emergencia llame al 911. Responda STOP para dejar de recibir mensajes."
    ),
}
# The link is a line of its own: a full stop behind it would become part of it on some phones.
CHECK_IN_LINK = {
    "en": " You can also use this link:\n{link}\n",
    "es": " También puede usar este enlace:\n{link}\n",
}
_LANGUAGES = {"en": "en", "eng": "en", "es": "es", "spa": "es"}


def nurse_text(task: EscalationTask, app_url: str) -> str:
    """Return the four lines that tell a nurse of a new task; `app_url` has no slash at its end."""
    return _about(task, app_url, f"🚨 New {_value(task.severity, LONGEST_WORD)} task: {_reasons(task)}")


def warning_text(task: EscalationTask, app_url: str, *, time_left: timedelta) -> str:
    """Return the four lines that warn a nurse of an SLA."""
    return _about(task, app_url, f"SLA in {_in_words(time_left)}, please act. {_headline(task)}")


def breach_text(task: EscalationTask, app_url: str, *, overdue: timedelta) -> str:
    """Return the four lines that alert a nurse whose task has missed its SLA."""
    return _about(task, app_url, f"SLA missed {_in_words(overdue)} ago, please act now. {_headline(task)}")


def escalation_text(task: EscalationTask, app_url: str, *, overdue: timedelta) -> str:
    """Return the four lines that tell a supervisor of a task whose SLA was missed and that is still open."""
    return _about(
        task, app_url, f"ESCALATION: SLA missed {_in_words(overdue)} ago, please take over. {_headline(task)}"
    )


def unreached_text(task: EscalationTask, app_url: str, *, reason: str | None) -> str:
    """Return the four lines that tell a supervisor that a nurse was not reached; of `reason` the gist is said."""
    gist = _value((reason or "").split(";")[0].split(":")[0], LONGEST_WORD)
    return _about(task, app_url, f"Nurse not reached: {gist}. Please take over or reassign. {_headline(task)}")


def unassigned_text(task: EscalationTask, app_url: str) -> str:
    """Return the four lines that tell a supervisor that nobody is assigned to a task."""
    return _about(task, app_url, f"Nobody is assigned, please assign a nurse. {_headline(task)}")


def check_in_text(patient: Patient, link: str | None = None) -> str:
    """Return the friendly question to a patient, in Spanish or English; of GSM-7 and two segments at most.

    A link must be of GSM-7 and no longer than LONGEST_LINK: with it the text has three segments at most.
    """
    name = _first_name(patient.first_name)
    code = (patient.language_code or "").strip().lower().replace("_", "-").split("-")[0]
    language = _LANGUAGES.get(code, "en")
    return CHECK_IN[language].format(
        name=f" {name}" if name else "", link=CHECK_IN_LINK[language].format(link=link) if link else " "
    )


def _first_name(typed: str | None) -> str:
    """Return a name as it may stand in a text: letters and what joins them, so that it is never a link."""
    straight = (typed or "").replace("\u2019", "'")
    words = "".join(c if _is_of_a_name(c) else " " for c in straight).split()
    name = to_gsm_7(" ".join(words)) or ""
    return name if len(name) <= LONGEST_NAME and any(character.isalpha() for character in name) else ""


def _is_of_a_name(character: str) -> bool:
    return character.isalpha() or unicodedata.combining(character) > 0 or character in "'-"


def _about(task: EscalationTask, app_url: str, first_line: str) -> str:
    return "\n".join(
        [
            first_line,
            f"Priority: {_value(task.priority, LONGEST_WORD)}",
            f"Ep ID: {_short(task.episode_id)}",
            f"View: {app_url}/tasks/{quote(task.id, safe='')}",
        ]
    )


def _headline(task: EscalationTask) -> str:
    return f"{_value(task.severity, LONGEST_WORD)} task: {_reasons(task)}"


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
        return _value(", ".join(codes))
    more = f", {others} more"
    return _value(", ".join(codes), LONGEST_LINE_VALUE - len(more)) + more


def _in_words(span: timedelta) -> str:
    """Return a span of time as a person says it: `42 min`, `3 h`, `2 days`."""
    minutes = round(span / timedelta(minutes=1))
    if minutes < 1:
        return "less than 1 min"
    if minutes < 120:  # noqa: PLR2004  # two hours
        return f"{minutes} min"
    hours = round(span / timedelta(hours=1))
    return f"{hours} h" if hours < 48 else f"{round(span / timedelta(days=1))} days"  # noqa: PLR2004  # two days


def _value(raw: str | None, longest: int = LONGEST_LINE_VALUE) -> str:
    """Return `raw` as part of one line: what is missing is said; what would break it or be a link is not let in."""
    seen = _UNSEEN.sub(" ", "".join(c if c.isprintable() else " " for c in raw or ""))
    line = " ".join(_SCHEME.sub(": ", _JOINT.sub(" ", seen)).split())
    if len(line) > longest:
        return line[: longest - 3] + "..."
    return line or UNSPECIFIED


def _short(episode_id: str | None) -> str:
    shown = _value(episode_id)
    return shown if shown == UNSPECIFIED else f"{shown[:8]}..."
