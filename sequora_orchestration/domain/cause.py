"""Why a message ended, waits or changed hands: a fact for programs. The sentence beside it is for people.

The ledger keeps both, of the message as it is now and of each change in its history. A sentence may be mended at any
time; a cause that stands in a ledger keeps its name.
"""

from enum import StrEnum


class Cause(StrEnum):
    """Why a message is as it is."""

    # The task.
    TASK_GONE = "TASK_GONE"
    TASK_CLOSED = "TASK_CLOSED"
    REASSIGNED = "REASSIGNED"
    ASSIGNED_MEANWHILE = "ASSIGNED_MEANWHILE"
    NOBODY_ASSIGNED = "NOBODY_ASSIGNED"
    TAKEN_BY_NURSE = "TAKEN_BY_NURSE"
    """The nurse took the task herself: she need not be told of it."""

    PICKED_UP = "PICKED_UP"
    NURSE_REACHED = "NURSE_REACHED"
    """The nurse whom a report is about has been reached since."""

    # Its SLA.
    NO_SLA = "NO_SLA"
    SLA_MOVED = "SLA_MOVED"
    SLA_PASSED = "SLA_PASSED"
    SLA_NOT_PASSED = "SLA_NOT_PASSED"

    # Who is to be texted.
    RECIPIENT_GONE = "RECIPIENT_GONE"
    INACTIVE = "INACTIVE"
    NOT_STAFF = "NOT_STAFF"
    """A patient is assigned to the task."""

    UNUSABLE_PHONE = "UNUSABLE_PHONE"
    OPTED_OUT = "OPTED_OUT"
    NO_CONSENT = "NO_CONSENT"
    NOBODY_TO_TELL = "NOBODY_TO_TELL"
    """Neither a supervisor nor an admin can be texted."""

    TOLD_BY_ANOTHER_RUN = "TOLD_BY_ANOTHER_RUN"

    # The time.
    EPISODE_GONE = "EPISODE_GONE"
    STALE = "STALE"
    NIGHT = "NIGHT"
    NOT_DUE = "NOT_DUE"
    DUE = "DUE"
    NURSE_HAS_TIME = "NURSE_HAS_TIME"
    """The nurse may still act on the breach before her supervisors are told."""

    # What the phone company answered.
    REFUSED = "REFUSED"
    """This text, for good."""

    NOT_TAKEN = "NOT_TAKEN"
    """For no fault of the text's own, as far as is known; it is tried again."""

    NO_CLEAR_ANSWER = "NO_CLEAR_ANSWER"
    UNDELIVERED = "UNDELIVERED"
    SECOND_TRY = "SECOND_TRY"
    NO_RECEIPT = "NO_RECEIPT"
    """The phone company was asked for a receipt, and does not know the text."""

    # What its list shows of a text in doubt.
    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    ATTEMPTS_USED_UP = "ATTEMPTS_USED_UP"
    NOT_RECORDED = "NOT_RECORDED"
    """Nothing was recorded that the text could be recognised by."""

    LIST_HIDES_TEXTS = "LIST_HIDES_TEXTS"
    LIST_UNREADABLE = "LIST_UNREADABLE"
    SETTLED_MEANWHILE = "SETTLED_MEANWHILE"

    # Runs and claims.
    HALTED = "HALTED"
    """No text of its kind, or none at all, may go out for now."""

    CLAIMED_AGAIN = "CLAIMED_AGAIN"
    CLAIMED_BY_NAME = "CLAIMED_BY_NAME"
    RUN_NOT_FINISHED = "RUN_NOT_FINISHED"
    RUN_NEVER_HANDED_IN = "RUN_NEVER_HANDED_IN"
    PROCESS_ENDED = "PROCESS_ENDED"
    """The process that was sending it ended before it recorded the answer."""

    SET_ASIDE = "SET_ASIDE"
    """Run after run died while it had this message: it may be what kills them."""

    # An operator.
    CANCELLED_BY_OPERATOR = "CANCELLED_BY_OPERATOR"
    RELEASED_BY_OPERATOR = "RELEASED_BY_OPERATOR"
    RESENT_BY_OPERATOR = "RESENT_BY_OPERATOR"

    # Ourselves.
    ROW_REFUSED = "ROW_REFUSED"
    """By our own database."""

    OUR_MISTAKE = "OUR_MISTAKE"


def known_cause(recorded: str | None) -> Cause | None:
    """Return a cause as the ledger has it; None also for one that a newer version has recorded."""
    try:
        return Cause(recorded) if recorded else None
    except ValueError:
        return None
