"""The contract with the application: five views, column by column, and the values that can be written into its tables.

A map gives an expression over the application's row for each column. Not here: the maps themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Form(StrEnum):
    """The form into which a view brings a value of the application's."""

    ID = "id"
    """Text; beside it the application's own value (`<column>_key`), so that its indexes can be used."""

    TEXT = "text"
    TIME = "time"
    """A time with a zone; a time without one is taken as UTC."""

    FLAG = "flag"
    COUNT = "count"
    CODES = "codes"
    """JSON."""

    WORD = "word"
    """One of our words where the map knows the application's word; a word that the map lacks never becomes ours."""


IN_WORDS = {
    Form.ID: "an id",
    Form.TEXT: "a text",
    Form.TIME: "a time",
    Form.FLAG: "true or false",
    Form.COUNT: "a number",
    Form.CODES: "codes",
    Form.WORD: "a word",
}
"""The name of each form in sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a view."""

    form: Form
    comment: str
    default: str | None = None
    """The expression to use if the map has none. A column without a default must be in the map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view over one table (or view) of the application."""

    name: str
    columns: Mapping[str, Column]


def _id(comment: str) -> Column:
    return Column(form=Form.ID, comment=comment)


def _may_lack(form: Form, comment: str, default: str = "NULL") -> Column:
    return Column(form=form, comment=comment, default=default)


VIEWS: Mapping[str, View] = {
    "task": View(
        name="care_task",
        columns={
            "id": _id("the task's id"),
            "episode_id": _may_lack(Form.ID, "the episode that it is about"),
            "severity": Column(
                form=Form.WORD, comment="a word with a meaning under [task.severities]; another counts as HIGH"
            ),
            "priority": _may_lack(Form.TEXT, "shown in texts as it is"),
            "reason_codes": _may_lack(Form.CODES, "an array, JSON or a text; of it only codes are texted"),
            "status": Column(
                form=Form.TEXT, comment="a word with a meaning under [task.statuses]; another counts as open"
            ),
            "sla_due_at": _may_lack(Form.TIME, "by when somebody must have acted"),
            "assigned_to_user_id": _id("the nurse"),
            "picked_up_at": _may_lack(Form.TIME, "when the nurse took it"),
            "resolved_at": _may_lack(Form.TIME, "when it was closed"),
            "created_at": Column(form=Form.TIME, comment="when it was inserted"),
            "updated_at": _may_lack(Form.TIME, "when it was last changed"),
        },
    ),
    "person": View(
        name="care_person",
        columns={
            "id": _id("a member of staff"),
            "primary_phone": Column(form=Form.TEXT, comment="in international or US national format"),
            "role": Column(
                form=Form.WORD, comment="a word with a meaning under [person.roles]; another counts as none of these"
            ),
            "active": _may_lack(Form.FLAG, "false for those who are not texted", default="true"),
            "is_on_call": _may_lack(Form.FLAG, "which of the supervisors are told", default="true"),
        },
    ),
    "episode": View(
        name="care_episode",
        columns={
            "id": _id("a patient's stay and what follows it"),
            "patient_id": _id("the patient"),
            "discharge_at": _may_lack(Form.TIME, "when the patient left hospital"),
            "created_at": Column(form=Form.TIME, comment="when it was inserted: the check-in is counted from here"),
            "timezone": _may_lack(Form.TEXT, "an IANA name, if it is known of the episode"),
        },
    ),
    "patient": View(
        name="care_patient",
        columns={
            "id": _id("a patient"),
            "first_name": _may_lack(Form.TEXT, "greeted by it"),
            "primary_phone": Column(form=Form.TEXT, comment="in international or US national format"),
            "language_code": _may_lack(Form.TEXT, "EN, ES, ..."),
            "timezone": _may_lack(Form.TEXT, "an IANA name"),
            "may_be_texted": _may_lack(Form.FLAG, "whether there is a consent; NULL counts as none", default="true"),
        },
    ),
    "shift": View(
        name="care_shift",
        columns={
            "person_id": _id("the nurse"),
            "starts_at": Column(form=Form.TIME, comment="when it begins"),
            "ends_at": Column(form=Form.TIME, comment="when it ends"),
            "is_active": _may_lack(Form.FLAG, "false for one that is not worked", default="true"),
            "most_tasks": _may_lack(Form.COUNT, "how many open tasks the nurse may have"),
        },
    ),
}

STATUSES = ("open", "taken", "closed")
SEVERITIES = ("CRITICAL", "HIGH", "MODERATE", "LOW")
ROLES = ("NURSE", "SUPERVISOR", "ADMIN", "PATIENT", "OTHER")

MESSAGE: Mapping[str, str] = {
    "id": "uuid",
    "kind": "text",
    "channel": "text",
    "state": "text",
    "task_id": "text",
    "episode_id": "text",
    "user_id": "text",
    "patient_id": "text",
    "content": "text",
    "provider_id": "text",
    "provider_code": "integer",
    "reason": "text",
    "attempts": "integer",
    "sent_at": "timestamptz",
    "settled_at": "timestamptz",
}
"""The values of a message that a map may write into the application's log, with their types.

`settled_at` is when its receipt came.
"""

ASSIGNMENT: Mapping[str, str] = {"person_id": "text", "at": "timestamptz"}
"""The values of an assignment that a map may write into a task, with their types."""

COMMANDS: Mapping[str, str] = {"ACCEPT": "accepting", "RESOLVE": "resolving"}
"""The commands of a nurse that may be written into her task; by command, the section of a map that says how."""


def answer(type_of_person: str) -> Mapping[str, str]:
    """Return the values of a nurse's answer that a map may write into her task, with their types.

    `type_of_person` is the type of the column that holds a task's assignee.
    """
    return {"person_id": type_of_person, "at": "timestamptz"}


AUDIENCES = ("staff", "patients")
