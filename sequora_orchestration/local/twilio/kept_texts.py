"""The texts that the phone company has, in order, and how they are found: by SID, by number, by phone.

Not here: keeping them in a file (`memory`), and what becomes of them (`phone_company`, which also sees to it that one
thread at a time is in here).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sequora_orchestration.local.twilio.message import Message


class KeptTexts:
    """Texts in the order in which they were accepted, or came in. Not safe for several threads by itself."""

    def __init__(self) -> None:
        """Begin without any."""
        self._messages: list[Message] = []
        self._place: dict[str, int] = {}
        self._by_number: dict[str, list[Message]] = defaultdict(list)
        self._by_phone: dict[str, list[Message]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Keep one as the newest."""
        self._place[message.sid] = len(self._messages)
        self._messages.append(message)
        self._by_number[message.to].append(message)
        # Taken out and put back, the phone that texted or was texted last is always the last one.
        self._by_phone[message.phone] = texts = self._by_phone.pop(message.phone, [])
        texts.append(message)

    def find(self, sid: str) -> Message | None:
        """Return the text of that SID."""
        place = self._place.get(sid)
        return None if place is None else self._messages[place]

    def oldest_first(self, to: str) -> Sequence[Message]:
        """Return those to one number; all if it is empty."""
        return self._by_number.get(to, []) if to else self._messages

    def newest_first(self, to: str, *, older_than: str) -> Iterator[Message]:
        """Yield those to one number, or all, that came before the one of that SID, or all if it has none."""
        end = self._place.get(older_than, len(self._messages))
        return (message for message in reversed(self.oldest_first(to)) if self._place[message.sid] < end)

    def of_phone(self, phone: str) -> Sequence[Message]:
        """Return what a phone was texted and has answered, oldest first."""
        return self._by_phone.get(phone, [])

    def conversations(self) -> Iterator[list[Message]]:
        """Yield what each phone was texted and has answered, oldest first; the phone with the newest text first."""
        return reversed(self._by_phone.values())
