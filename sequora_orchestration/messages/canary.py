"""The canary: each hour a test text to a number of our own, which goes the whole way that a nurse's text goes."""

from datetime import UTC, datetime, timedelta

from sequora_orchestration.domain.care import Operator
from sequora_orchestration.domain.cause import Cause
from sequora_orchestration.domain.phone_number import UnusablePhoneError, e164
from sequora_orchestration.messages.kind import Audience, Facts, MessageKind, Suppression, cancelled, failed
from sequora_orchestration.messages.phrase import ONE_LINE, Phrase, Placeholder, for_all
from sequora_orchestration.messages.queue import Queue
from sequora_orchestration.messages.wording import Wording

# By then the next one is owed, and says more.
WORTH_TO_OPERATORS = timedelta(hours=1)

HOUR = "2026-11-30 14:00 UTC"
AGAIN = "2026-11-30 14:00:01 UTC"


# It says when it was owed, so that each is another: a text in doubt is recognised by what it says.
TEST_TEXT = Phrase(
    said="each hour, to SEQUORA_CANARY_NUMBER",
    built_in=for_all("Sequora test text of {time}. No need to do anything."),
    placeholders={
        "time": Placeholder(
            meaning="when it was owed: the full hour, or when canaries were switched on, or ordered again",
            example=HOUR,
            longest=AGAIN,
        )
    },
    required=frozenset({"time"}),
    most_lines=ONE_LINE,
    most_segments=1,
)


def canary_text(owed_since: datetime, wording: Wording) -> str:
    """Return the line of a canary."""
    # One that is sent again by order may come in the same minute as another.
    time = f"{owed_since.astimezone(UTC):%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    return wording.say(TEST_TEXT, time=f"{time} UTC")


def _unwanted(facts: Facts) -> Suppression | None:
    if facts.now - facts.message.owed_since >= WORTH_TO_OPERATORS:
        return cancelled(Cause.STALE, "it could not be sent within its hour; the next one is owed")
    return None


def _unreachable(facts: Facts) -> Suppression | None:
    operator = facts.recipient
    if not isinstance(operator, Operator):
        return cancelled(Cause.CANARY_OFF, "SEQUORA_CANARY_NUMBER is not set here")
    try:
        e164(operator.primary_phone)
    except UnusablePhoneError as error:
        return failed(Cause.UNUSABLE_PHONE, f"{error}; correct SEQUORA_CANARY_NUMBER")
    if facts.opted_out:
        return failed(Cause.OPTED_OUT, "its number has replied STOP; text START from it")
    return None


CANARY = MessageKind(
    name="canary",
    audience=Audience.OPERATOR,
    unwanted=_unwanted,
    unreachable=_unreachable,
    text=lambda facts, wording: canary_text(facts.message.owed_since, wording),
    phrases=(TEST_TEXT,),
    worth=lambda _: WORTH_TO_OPERATORS,
    # One that was sent again and arrives twice harms nobody; one that was not would be a false alarm. But one that did
    # not arrive has done its work: it is not tried once more.
    second_try_after=timedelta(0),
    lateness_counts=True,
)

CANARIES = Queue(name="canaries", kind=CANARY, nothing_owed="it does not wait any more")
