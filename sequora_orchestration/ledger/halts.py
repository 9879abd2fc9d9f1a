"""The breaker, the sender's rate, and operators' pauses: each keeps texts from going out for a while."""

from dataclasses import dataclass
from pathlib import Path

from sequora_orchestration.database import (
    NamedStatements,
)
from sequora_orchestration.domain.answers import Refused, Unclear
from sequora_orchestration.domain.halts import HaltsInForce, Pause, Provider
from sequora_orchestration.ledger.room import Room
from sequora_orchestration.ledger.rows import Operator

SQL = NamedStatements(Path(__file__).with_suffix(".sql"))

# A trouble is a call that the phone company did not take, through no fault of the text as far as is known. So many in a
# row open the breaker: one more than a text has attempts, for that one text's number may be at fault all the same.
TROUBLES = 5

# Seconds until the first trial after the breaker has opened.
TRIAL_PAUSE = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The state of the breaker after a call that the phone company did not take."""

    is_open: bool
    has_just_opened: bool


class Halts(Room):
    """Opens and closes the breaker, hands out turns at the sender's rate, and keeps operators' pauses."""

    statements = SQL

    def note_answer(self, channel: str) -> None:
        """Record that the phone company answers: the channel's breaker closes, unless all its messages are refused."""
        self._changed("note_answer", channel=channel)

    def note_trouble(
        self, channel: str, answer: Refused | Unclear, *, at_once: bool, recipient_id: str | None = None
    ) -> Trouble:
        """Record that the phone company did not take a message; return the state of the channel's breaker.

        With `at_once` one trouble opens it; otherwise TROUBLES in a row. Give the `recipient_id` if the trouble may be
        about that recipient: while only messages to that person are refused, others' may be tried.
        """
        refused = answer if isinstance(answer, Refused) else None
        (row,) = self._rows(
            "note_trouble",
            channel=channel,
            reason=answer.reason,
            code=answer.code,
            at_once=at_once,
            retry_after=(refused and refused.retry_after) or 0.0,
            is_refused=bool(refused and refused.refusal.speaks_against_the_text),
            recipient_id=recipient_id,
            limit=TROUBLES,
            pause=TRIAL_PAUSE,
        )
        return Trouble(**row)

    def note_unreadable(self, channel: str, reason: str, *, http_status: int | None, code: int | None) -> None:
        """Record that the phone company's list of texts, or a receipt, could not be read."""
        self._rows("note_unreadable", channel=channel, reason=reason, http_status=http_status, code=code)

    def note_readable(self, channel: str) -> None:
        """Record that the phone company's list of texts, or a receipt, could be read."""
        self._rows("note_readable", channel=channel)

    def take_turn(self, channel: str, *, cost: float) -> float:
        """Take a turn at the sender's rate for a message; return how many seconds there are to wait until it comes.

        The `cost` is in the channel's own units, in which its rate is set.
        """
        rate = self._terms.rate_of(channel)
        if rate is None:
            return 0.0
        (row,) = self._rows("next_slot", channel=channel, seconds=cost / rate)
        return max(0.0, float(row["wait"]))

    def providers(self) -> dict[str, Provider]:
        """Return, by channel, whether the phone company takes its messages, and whether its list can be read."""
        return {row["channel"]: Provider(**row) for row in self._rows("providers")}

    def provider(self, channel: str) -> Provider:
        """Return the same of one channel."""
        return self.providers()[channel]

    def pause(self, kind: str, operator: Operator) -> bool:
        """Let no message of a kind, or none at all (ALL_KINDS), go out; return False if it was paused before."""
        return bool(self._rows("pause", kind=kind, who=operator.who, why=operator.why))

    def resume(self, kind: str, operator: Operator) -> list[str]:
        """Let messages of a kind go out again, or of all kinds (ALL_KINDS); return the kinds whose pauses ended.

        With ALL_KINDS every channel that leaves the phone company alone for a while also tries it at once.
        """
        return [row["kind"] for row in self._rows("resume", kind=kind, who=operator.who, why=operator.why)]

    def pauses(self) -> list[Pause]:
        """Return the pauses in force, one for each paused kind of message."""
        return [Pause(**row) for row in self._rows("pauses")]

    def in_force(self) -> HaltsInForce:
        """Return both."""
        return HaltsInForce(pauses=self.pauses(), providers=self.providers())
