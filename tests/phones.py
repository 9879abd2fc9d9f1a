"""Fluent phones for tests: what a phone was texted, and what it was not.

A fixture makes every test strict about texts that nobody expected:

    @pytest.fixture
    def phones(twilio: TwilioServer) -> Iterator[Phones]:
        phones = Phones(twilio.company)
        yield phones
        phones.assert_nothing_unexpected()
        twilio.company.forget()
"""

from collections.abc import Collection
from dataclasses import dataclass

from sequora_orchestration.local.twilio.call import Call
from sequora_orchestration.local.twilio.message import Message
from sequora_orchestration.local.twilio.phone_company import PhoneCompany


class Phones:
    """Every phone there is; call it with a number to pick one up."""

    def __init__(self, company: PhoneCompany, *, patience: float = 5.0) -> None:
        """`patience` is how many seconds an expected text may take."""
        self.company = company
        self.patience = patience
        self._expected: set[str] = set()

    def __call__(self, number: str) -> "Phone":
        """Pick up the phone of that number."""
        return Phone(self, number)

    def unexpected(self, number: str = "") -> list[Message]:
        """Return the accepted texts, all or those to one number, that no expectation has claimed."""
        return [text for text in self.company.accepted(number) if text.sid not in self._expected]

    def expect(self, text: Message) -> None:
        """Claim a text: it was meant to be sent."""
        self._expected.add(text.sid)

    def unexpected_calls(self, number: str = "") -> list[Call]:
        """Return the calls, all or those to one number, that no expectation has claimed."""
        return [call for call in self.company.calls.made(number) if call.sid not in self._expected]

    def expect_call(self, call: Call) -> None:
        """Claim a call: it was meant to be made."""
        self._expected.add(call.sid)

    def assert_nothing_unexpected(self) -> None:
        """Fail if any phone was texted something, or called, and no expectation has claimed that."""
        if unexpected := self.unexpected():
            raise AssertionError(f"texts that nobody expected:\n{_listed(unexpected)}")
        if calls := self.unexpected_calls():
            raise AssertionError(f"calls that nobody expected, to {', '.join(masked(call.to) for call in calls)}")


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone."""

    phones: Phones
    number: str

    @property
    def texts(self) -> list[str]:
        """The bodies of all texts it was sent, oldest first."""
        return [text.body for text in self.phones.company.accepted(self.number)]

    @property
    def attempts(self) -> int:
        """How many requests to text it were made, whatever became of them."""
        return len(self.phones.company.attempts(self.number))

    def received_text(self, *, containing: Collection[str] = ()) -> Message:
        """Claim the oldest unclaimed text that contains all of these, waiting until it is there."""
        if isinstance(containing, str):
            containing = [containing]

        def matching() -> list[Message]:
            return [t for t in self.phones.unexpected(self.number) if all(part in t.body for part in containing)]

        if not self.phones.company.wait_for(lambda: bool(matching()), self.phones.patience):
            wanted = " and ".join(map(repr, containing)) or "anything"
            raise AssertionError(
                f"{masked(self.number)} was texted nothing (more) with {wanted} within "
                f"{self.phones.patience:g} s; after {self.attempts} attempts it holds:\n"
                f"{_listed(self.phones.company.accepted(self.number))}"
            )
        text = matching()[0]
        self.phones.expect(text)
        return text

    def rang(self) -> Call:
        """Claim the oldest unclaimed call, waiting until it is there."""
        calls = self.phones.unexpected_calls
        if not self.phones.company.wait_for(lambda: bool(calls(self.number)), self.phones.patience):
            raise AssertionError(f"{masked(self.number)} was not called (any more)")
        call = calls(self.number)[0]
        self.phones.expect_call(call)
        return call

    def received_no_text(self) -> None:
        """Fail if it was texted anything so far."""
        if texts := self.phones.company.accepted(self.number):
            raise AssertionError(f"{masked(self.number)} was to be left alone:\n{_listed(texts)}")


def masked(number: str) -> str:
    """Show only the last four digits of a number."""
    return f"•••• {number[-4:]}"


def _listed(texts: list[Message]) -> str:
    return "\n".join(f"  to {masked(text.to)}: {text.body!r}" for text in texts) or "  (none)"
