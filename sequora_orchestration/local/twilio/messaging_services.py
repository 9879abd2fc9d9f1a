"""The account's messaging services, and the numbers of each.

Not here: how a service is shown (`twilio_api`).
"""

from collections.abc import Sequence

from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.scripted_answers import Script

NUMBER_OF_SERVICES = "+15005550006"
"""The one number of every messaging service that a test gives no others; phones reply to it."""


class MessagingServices:
    """The messaging services: every SID in the right form is one. `numbers` has the numbers of those set by a test.

    `requests` is how often a service's phone numbers were asked for; `answers` has the scripted answers to that.
    """

    def __init__(self) -> None:
        """Begin with services of one number, all the same."""
        self.numbers: dict[str, Sequence[str]] = {}
        self.requests = 0
        self.answers = Script()
        self.last_used: str | None = None
        """The service that was in the newest text with one."""

    def numbers_of(self, sid: str) -> Sequence[str]:
        """Return the numbers of a service; phones reply to the first."""
        return self.numbers.get(sid, (NUMBER_OF_SERVICES,))

    def number_in(self, message: Message) -> str:
        """Return the number of ours to, or from which a text goes."""
        return (
            message.to if message.inbound else message.from_ or self.numbers_of(message.messaging_service_sid or "")[0]
        )

    def of(self, number: str, newest: Message | None) -> str | None:
        """Return the service to which a number of ours belongs, for a text of a phone whose newest text is this."""
        if self.set_for(number) or number != NUMBER_OF_SERVICES:
            return self.set_for(number)
        # All services have this number, and it also texts without one: the conversation tells.
        if newest and number == self.number_in(newest):
            return newest.messaging_service_sid
        return self.last_used

    def set_for(self, number: str) -> str | None:
        """Return the service to which a test has given a number."""
        return next((sid for sid, numbers in self.numbers.items() if number in numbers), None)
