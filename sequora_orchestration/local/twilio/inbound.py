"""Texts that come in from phones: which ones are taken, and the words by which a phone opts out or in.

As the real API has it by default, in English: a phone opts out of the number to which it writes, or of the whole
messaging service to which that number belongs. The real one also answers these words, and HELP and INFO, by itself:
nobody is answered here. Not here: keeping texts (`kept_texts`), and who may write (`phone_company`).
"""

from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.refusals import LONGEST_BODY, Refusal

# A text of one of these words alone, in upper or lower case (https://help.twilio.com/articles/223134027).
OPT_OUT_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
OPT_IN_WORDS = frozenset({"START", "YES", "UNSTOP"})


def refusal_of_inbound(phone: str, to: str, body: str) -> Refusal | None:
    """Return the refusal of a text that a phone writes to our number `to`; None if it is taken.

    The phone may be anything that texts, a short code as well.
    """
    if not phone or not to:
        return Refusal(404, 20404, "That phone was texted nothing that it could answer")
    if not body.strip() or len(body) > LONGEST_BODY:
        return Refusal(400, 21602, f"An answer has 1 to {LONGEST_BODY} characters")
    return None


class OptOuts:
    """Who has opted out of whose texts: pairs of a sender and a phone. Not safe for several threads by itself."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.pairs: set[tuple[str, str]] = set()

    def follow(self, message: Message) -> bool:
        """Do what a text that came in says if it is one of the words; return whether it is."""
        word, pair = message.body.strip().upper(), (sender_in(message), message.phone)
        if word in OPT_OUT_WORDS:
            self.pairs.add(pair)
        elif word in OPT_IN_WORDS:
            self.pairs.discard(pair)
        return word in OPT_OUT_WORDS | OPT_IN_WORDS


def sender_in(message: Message) -> str:
    """Return the sender for opting out: the messaging service if there is one, otherwise the number."""
    return message.messaging_service_sid or (message.to if message.inbound else message.from_) or ""
