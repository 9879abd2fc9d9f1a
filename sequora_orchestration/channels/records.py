"""Reading Twilio's records of texts and calls: a list from its newest record on, and records by their SIDs.

Not here: the requests of each channel, and the meaning of a record.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from twilio.base.exceptions import TwilioRestException

from sequora_orchestration.channels.channel import LookUpError
from sequora_orchestration.channels.twilio import NOT_FOUND, unless_not_found, unreadable

# A list is in the order of sending, but for records that waited for their turn at Twilio. After this many records in a
# row that are too old, no younger one is expected.
OLDER_IN_A_ROW = 50


def made_since(since: datetime, newest_first: Iterable[Any], *, most: int) -> list[Any]:
    """Return the records since then, newest first, of a list of which at most `most` are read.

    Raises LookUpError if the list is longer than that: only a list read to its end is proof.
    """
    made, read, older_in_a_row = list[Any](), 0, 0
    for record in newest_first:
        read += 1
        is_older = record.date_created and record.date_created < since
        older_in_a_row = older_in_a_row + 1 if is_older else 0
        if older_in_a_row == OLDER_IN_A_ROW:
            return made
        if not is_older and record.sid:
            made.append(record)
    if read == most:
        raise LookUpError("the phone company's list is too long to be read whole")
    return made


def fetched(
    fetch: Callable[[str], Any], sids: Sequence[str], already: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the records with these SIDs together with those in `already`, and the SIDs that Twilio does not know.

    Raises LookUpError if there is nothing to return.
    """
    records, unknown = dict(already or {}), set[str]()
    trouble: LookUpError | None = None
    for sid in sids:
        try:
            records[sid] = fetch(sid)
        except TwilioRestException as error:  # about this record alone: the others may be known
            # A gateway may also answer 404; only Twilio sends its own code with it.
            if error.status == HTTPStatus.NOT_FOUND and error.code == NOT_FOUND:
                unknown.add(sid)
            else:
                trouble = _error_about_one(error)
        except Exception as error:  # noqa: BLE001  # the SDK raises anything
            raise unreadable(error) from None
    if trouble and not records and not unknown:
        raise trouble
    return records, frozenset(unknown)


def read(stream: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """Yield the records of a list. Raises UnreadableError in place of the SDK's exceptions."""
    try:
        yield from stream()
    except Exception as error:  # noqa: BLE001  # the SDK raises anything, with the number in it
        raise unreadable(error) from None


def try_to_read(records: Any) -> None:
    """Read the newest record of a list, there and by its SID, as look-ups and receipts do. Raises UnreadableError."""
    try:
        for record in records.list(page_size=1, limit=1):
            with unless_not_found():
                records(record.sid).fetch()
    except Exception as error:  # noqa: BLE001  # the SDK raises anything, with the number in it
        raise unreadable(error) from None


def _error_about_one(error: TwilioRestException) -> LookUpError:
    """Return the error for a record that could not be read: Twilio may know others, though not this one."""
    if error.status == HTTPStatus.NOT_FOUND:
        return LookUpError("the phone company does not know the message")
    return unreadable(error)
