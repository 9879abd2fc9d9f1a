"""One call to the phone company: begun, and settled by its answer. The call itself is made by a channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
    """The permission to call the phone company, or the reason why there is none."""

    number: int | None
    """The attempt's number; None if the phone company may not be called."""

    opted_out: bool = False
    """Whether the reason is that the phone number has replied STOP."""

    is_content_logged: bool = False
    """Whether the application's log keeps the content of texts."""

    halted: str | None = None
    """The reason, in words, if no text of this kind, or none at all, may go out now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """The result of putting back a text that the phone company did not take."""

    has_failed: bool
    """Whether the text has failed for good: it is refused, and others are not."""

    others_went_out: bool
    """Whether other texts have gone out since this one was last not taken."""


class Attempts(Room):
    """Begins calls to the phone company, and settles each by its answer."""

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
        """If a call is allowed now, commit that it begins, with its recipient and its text's fingerprints."""
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

    def settle_sent(
        self,
        notification: Notification,
        attempt: int,
        provider_id: str,
        *,
        content: str | None,
        accepted_at: datetime | None = None,
    ) -> None:
        """Record that the phone company has the message, here and in the application's log.

        `accepted_at` is when it accepted it, by its own clock.

        That log gets the `content` if it keeps it. It may refuse its row, or be locked (its table is not ours): then
        only the ledger records the text, and `bring_log_up_to_date` writes the log's row later.
        """
        parameters = {
            **_attempt(notification, attempt),
            "provider_id": provider_id,
            "accepted_at": accepted_at,
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

        `is_error_answer`: the phone company itself answered with an error, so the text was most probably not accepted,
        and is looked for only briefly (WINDOW_AFTER_ERROR_ANSWER).
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

        If it is refused again and again while others go out, it has failed. Returns None if the attempt was settled
        before.
        """
        rows = self._rows(
            "put_back",
            **_refused_attempt(notification, attempt, refused),
            channel=notification.channel,
            pause=pause,
        )
        return PutBack(**rows[0]) if rows else None


def _attempt(notification: Notification, attempt: int) -> dict[str, object]:
    """Return the parameters that identify an attempt: its number alone may come again, under another claim."""
    return {"id": notification.id, "claim_id": notification.claim_id, "attempt": attempt}


def _refused_attempt(notification: Notification, attempt: int, refused: Refused) -> dict[str, object]:
    return {
        **_attempt(notification, attempt),
        "reason": refused.reason,
        "code": refused.code,
        "is_refused": refused.refusal.speaks_against_the_text,
    }
