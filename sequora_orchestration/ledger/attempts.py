"""One call of the phone company: begun, and settled by its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from sequora_orchestration.database import (
    NamedStatements,
    refuses_a_row,
)
from sequora_orchestration.domain.answers import Refused
from sequora_orchestration.domain.doubt import WINDOW_AFTER_ERROR_ANSWER
from sequora_orchestration.domain.notification import Notification
from sequora_orchestration.ledger.doubts import doubt_windows
from sequora_orchestration.ledger.leases import LEASE
from sequora_orchestration.ledger.opt_outs import OptOuts
from sequora_orchestration.ledger.room import Room, hexadecimal

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# Seconds until a call without an answer counts as abandoned: longer than its time-outs (3 s to connect, 30 s to read).
ATTEMPT_LEASE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Whether the phone company may be called."""

    number: int | None
    """None if it may not."""

    opted_out: bool = False
    """Whether that is because the number has replied STOP."""

    is_content_logged: bool = False
    """Whether the application's log wants to know what the text says."""

    halted: str | None = None
    """Why no text of this kind, or none at all, may go out now, if that is so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """What became of a text that was not taken, and what that says of the others."""

    has_failed: bool
    """Whether it is about this text alone."""

    others_went_out: bool
    """Whether others have gone out since it was last not taken."""


class Attempts(Room):
    """One call of the phone company: begun, and settled by its answer."""

    statements = SQL

    def begin_attempt(
        self,
        notification: Notification,
        run_id: str,
        *,
        recipient_id: str | None,
        number: str,
        fingerprints: Sequence[str],
    ) -> Attempt:
        """Commit that the call begins, to whom, and how the message is recognised, if it may begin."""
        (row,) = self._rows(
            "begin_attempt",
            id=notification.id,
            kind=notification.kind,
            channel=notification.channel,
            claim_id=notification.claim_id,
            run_id=run_id,
            recipient_id=recipient_id,
            lease=ATTEMPT_LEASE,
            digest=OptOuts(self._store).digest(number),
            fingerprints=list(fingerprints),
        )
        if row["attempt"] is not None:
            return Attempt(number=row["attempt"], is_content_logged=row["is_content_logged"])
        return Attempt(number=None, opted_out=row["opted_out"], halted=row["halted"])

    def settle_sent(self, notification: Notification, attempt: int, provider_id: str, *, content: str | None) -> None:
        """Record that the phone company has the message, here and in the application's log.

        That log is told the `content` where it wants it. It may refuse its row, or be locked (its table is not ours):
        then the ledger alone knows, and `bring_log_up_to_date` makes up for it.
        """
        parameters = {
            **_attempt(notification, attempt),
            "provider_id": provider_id,
            "channel": notification.channel,
        }
        try:
            self._logged("settle_sent", **parameters, content=hexadecimal(content))
        except DBAPIError as error:
            if not refuses_a_row(error):
                raise
            self._changed("settle_sent_unlogged", **parameters)

    def settle_refused(self, notification: Notification, attempt: int, reason: str, code: int | None) -> None:
        """Record that the text was refused for good."""
        self._changed("settle_refused", **_attempt(notification, attempt), reason=reason, code=code)

    def settle_unclear(
        self,
        notification: Notification,
        attempt: int,
        reason: str,
        code: int | None,
        *,
        is_error_answer: bool = False,
    ) -> None:
        """Set the message aside: nobody knows whether it was sent.

        After an `is_error_answer` of the phone company's own that is not looked into for long.
        """
        self._changed(
            "settle_unclear",
            **_attempt(notification, attempt),
            **doubt_windows(self._terms),
            window_after_error_answer=WINDOW_AFTER_ERROR_ANSWER if is_error_answer else None,
            reason=reason,
            code=code,
        )

    def try_again(self, notification: Notification, attempt: int, refused: Refused) -> None:
        """Record that the text certainly did not go out, and that this claim tries again."""
        self._changed("try_again", **_refused_attempt(notification, attempt, refused), lease=LEASE)

    def put_back(self, notification: Notification, attempt: int, refused: Refused, *, pause: float) -> PutBack | None:
        """Record that the text did not go out; any claim may try again after `pause` seconds.

        If it is refused again and again while others go out, it has failed. Returns None if the attempt is settled.
        """
        rows = self._rows(
            "put_back",
            **_refused_attempt(notification, attempt, refused),
            channel=notification.channel,
            pause=pause,
        )
        return PutBack(**rows[0]) if rows else None


def _attempt(notification: Notification, attempt: int) -> dict[str, object]:
    """Return what names an attempt: its number alone may come again, under another claim."""
    return {"id": notification.id, "claim_id": notification.claim_id, "attempt": attempt}


def _refused_attempt(notification: Notification, attempt: int, refused: Refused) -> dict[str, object]:
    return {
        **_attempt(notification, attempt),
        "reason": refused.reason,
        "code": refused.code,
        "is_refused": refused.refusal.speaks_against_the_text,
    }
