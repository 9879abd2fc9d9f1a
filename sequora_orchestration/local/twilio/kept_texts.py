"""The texts that the phone company has, in their orders, and finding them by SID, by number or by phone.

Not here: keeping them in a file (`memory`), and moving them on (`phone_company`, which also lets only one thread at a
time in here).
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from sequora_orchestration.local.twilio.message import Message


class KeptTexts:
    """Texts in the order in which they were accepted, or came in, and by their times.

    The two differ where a text says another time than that of its arrival. Not safe for several threads by itself.
    """

    def __init__(self) -> None:
        """Begin without texts."""
        self._messages: list[Message] = []
        self._place: dict[str, int] = {}
        self._by_number: dict[str, list[Message]] = defaultdict(list)
        # By their times, as lists show them: all texts under "", and those to each number.
        self._by_time: dict[str, list[Message]] = defaultdict(list)
        self._by_phone: dict[str, list[Message]] = {}

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Keep a text as the newest."""
        self._place[message.sid] = len(self._messages)
        self._messages.append(message)
        self._by_number[message.to].append(message)
        for listed in (self._by_time[""], self._by_time[message.to]):
            insort(listed, message, key=self._time_and_place)
        # Taken out and put back, the phone with the newest text is always the last in the dictionary.
        self._by_phone[message.phone] = texts = self._by_phone.pop(message.phone, [])
        texts.append(message)

    def find(self, sid: str) -> Message | None:
        """Return the text with this SID."""
        place = self._place.get(sid)
        return None if place is None else self._messages[place]

    def oldest_first(self, to: str) -> Sequence[Message]:
        """Return the texts to a number, or all if it is empty, in the order in which they were accepted, or came in."""
        return self._by_number.get(to, []) if to else self._messages

    def newest_first(self, to: str, *, older_than: str) -> Iterator[Message]:
        """Yield the texts to a number, or to any, by their times.

        If `older_than` is the SID of a text, only those that lists show after it.
        """
        listed, last = self._by_time.get(to, []), self.find(older_than)
        end = len(listed) if last is None else bisect_left(listed, self._time_and_place(last), key=self._time_and_place)
        return (listed[place] for place in range(end - 1, -1, -1))

    def newest_of(self, phone: str) -> Message | None:
        """Return the newest text to or from a phone."""
        texts = self._by_phone.get(phone)
        return texts[-1] if texts else None

    def conversations(self) -> Iterator[list[Message]]:
        """Yield the texts to and from each phone, oldest first; the phone with the newest text comes first."""
        return reversed(self._by_phone.values())

    def _time_and_place(self, message: Message) -> tuple[datetime, int]:
        return message.created, self._place[message.sid]
