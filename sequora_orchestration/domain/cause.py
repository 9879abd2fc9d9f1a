"""Why a message ended, waits or changed hands: a fact for programs. The sentence beside it is for people.

The ledger keeps both, for the message as it is now and for each change in its history. A sentence may be mended at any
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
    """The nurse took up the task herself: she need not be told of it."""

    PICKED_UP = "PICKED_UP"
    CALLS_OFF = "CALLS_OFF"
    """Nobody is called any more: SEQUORA_CALL_FOR was switched off."""

    CANARY_OFF = "CANARY_OFF"
    """No number is set to which test texts go: SEQUORA_CANARY_NUMBER was switched off."""

    NURSE_REACHED = "NURSE_REACHED"
    """The nurse whom a report is about has been reached since."""

    # Its SLA.
    NO_SLA = "NO_SLA"
    SLA_MOVED = "SLA_MOVED"
    SLA_PASSED = "SLA_PASSED"
    SLA_NOT_PASSED = "SLA_NOT_PASSED"

    # The recipient.
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

    # The digest that tells of a task.
    GATHERED = "GATHERED"
    """The nurse has had many texts: a digest will tell of the task, among others."""

    TOLD_IN_DIGEST = "TOLD_IN_DIGEST"
    """A digest has told of the task, among others."""

    BECAME_CRITICAL = "BECAME_CRITICAL"
    """The task became critical while it waited for a digest."""

    NOTHING_LEFT = "NOTHING_LEFT"
    """Nothing is left for the digest to tell of."""

    # The phone company's answer.
    REFUSED = "REFUSED"
    """The phone company refused this text for good."""

    NOT_TAKEN = "NOT_TAKEN"
    """The phone company did not take the text, through no fault of the text as far as is known; it is tried again."""

    ANSWERED = "ANSWERED"
    """The recipient has answered it: that stands for a receipt."""

    NO_CLEAR_ANSWER = "NO_CLEAR_ANSWER"
    UNDELIVERED = "UNDELIVERED"
    SECOND_TRY = "SECOND_TRY"
    NO_RECEIPT = "NO_RECEIPT"
    """The phone company was asked for a receipt, and does not know the text."""

    # The look for a text in doubt in the phone company's list.
    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    ATTEMPTS_USED_UP = "ATTEMPTS_USED_UP"
    NOT_RECORDED = "NOT_RECORDED"
    """No fingerprint was recorded by which the text could be recognised."""

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
    """Our own database refused the row."""

    OUR_MISTAKE = "OUR_MISTAKE"


def known_cause(recorded: str | None) -> Cause | None:
    """Return the cause that the ledger has recorded; None also for a cause of a newer version."""
    try:
        return Cause(recorded) if recorded else None
    except ValueError:
        return None
