"""Twilio: the account, its message list, the sender of texts, who answers people who reply, and who is called."""

import re
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import urlsplit

from sequora_orchestration.channels.channel import LookUpError, UnreadableError
from sequora_orchestration.channels.sms import open_sms
from sequora_orchestration.channels.twilio import AccountError, Replies, Sender, SenderForm, open_twilio
from sequora_orchestration.channels.voice import open_voice
from sequora_orchestration.cli.checks.finding import Check, Finding, fail, ok, warn
from sequora_orchestration.domain.answers import (
    API_KEY_MAY_NOT,
    TEST_CREDENTIALS,
    WRONG_CREDENTIALS,
    Refusal,
    Refused,
)
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.replies import ReplySettings
from sequora_orchestration.settings.twilio import TwilioSettings

# Texts from one of these senders are accepted and go nowhere: they are for test credentials
# (https://www.twilio.com/docs/iam/test-credentials).
_TEST_SENDERS = re.compile(r"\+1500555000\d")

# Twilio's codes for an API key that has some permissions, but not the one that is needed.
_NOT_FOR_THIS_KEY = frozenset({WRONG_CREDENTIALS, API_KEY_MAY_NOT})

_SID_OF_AN_ACCOUNT = re.compile(r"AC[\da-fA-F]{32}")

_LIVE_CREDENTIALS = (
    "give the live account's SID with an API key or its auth token, and a sender of its own, from the Twilio console"
)


def checks() -> list[Check]:
    """Return the checks of this area, in order."""
    twilio = _Twilio()
    return [
        Check(name="Twilio account", find=twilio.account),
        Check(name="Twilio messages", find=twilio.messages, needs=("Twilio account",)),
        Check(name="Twilio sender", find=twilio.sender, needs=("Twilio account",)),
        Check(name="Twilio replies", find=twilio.replies, needs=("Twilio sender",)),
        Check(name="Twilio inbound", find=twilio.inbound, needs=("Twilio sender",)),
        Check(name="Twilio calls", find=twilio.calls, needs=("Twilio sender",)),
    ]


class _Twilio:
    """Looks at the account of TWILIO_ACCOUNT_SID."""

    @cached_property
    def _sender(self) -> Sender | None:
        return open_twilio().sender()

    @cached_property
    def _settings(self) -> TwilioSettings:
        return TwilioSettings.load()

    @cached_property
    def _why_unreadable(self) -> UnreadableError | None:
        try:
            open_sms().try_to_read()
        except UnreadableError as error:
            return error
        return None

    def account(self) -> Finding:
        if self._has_test_sender:
            return fail("the sender is one of Twilio's for test credentials: nothing is sent", to_do=_LIVE_CREDENTIALS)
        try:
            account = open_twilio().account()
        except AccountError as error:
            return self._try_key() if self._may_be_only_a_permission(error) else self._trouble(error)
        if account.status != "active":
            return fail(
                f"the account is {account.status}", to_do="activate it in the Twilio console; see Billing there"
            )
        if account.is_trial:
            return warn(
                "a trial account: it texts only numbers that are verified in the Twilio console",
                to_do="upgrade it in the Twilio console",
            )
        said = "the credentials are right, and the account is active"
        return ok(f"{said}; it is a sub-account, with numbers of its own" if account.is_sub_account else said)

    def messages(self) -> Finding:
        if not self._why_unreadable:
            return ok("what was sent can be read: receipts and look-ups of texts in doubt are possible")
        return fail(
            f"{self._why_unreadable}; so nobody is told of texts that do not arrive, and a text in doubt is held",
            to_do="let the API key list and read messages (its permissions are in the Twilio console), or the proxy "
            "let GET requests through",
        )

    def sender(self) -> Finding:
        try:
            sender = self._sender
        except AccountError as error:
            if self._may_be_only_a_permission(error):
                return ok("the API key may not see it: whether it is the account's, and may text, is not known")
            return self._trouble(error)
        if sender is None:
            return fail(
                "the account has no such number or messaging service",
                to_do="correct TWILIO_FROM_NUMBER (as +12025550100) or TWILIO_MESSAGING_SERVICE_SID",
            )
        return _finding_of_sender(sender)

    def replies(self) -> Finding:
        try:
            sender = self._sender
        except AccountError as error:
            if self._may_be_only_a_permission(error):
                return ok("the API key may not see the sender: who answers them is in the Twilio console")
            return self._trouble(error)
        replies = sender.replies if sender else Replies.UNKNOWN
        if replies is Replies.DEMO:
            return warn(
                "Twilio's demonstration answers everybody who replies to a text, patients too",
                to_do="in the Twilio console, take the demo's address out of the webhook for incoming messages",
            )
        return ok(
            {
                Replies.NOBODY: "nobody answers them by machine",
                Replies.WEBHOOK: "a webhook of yours is told of them; what it answers is up to it",
                Replies.WEBHOOKS_OF_ITS_NUMBERS: "they go to the webhooks of the messaging service's numbers",
                Replies.IMPOSSIBLE: "nobody can reply to a name",
                Replies.UNKNOWN: "the sender is no phone number: who answers them is in the Twilio console",
            }[replies]
        )

    def inbound(self) -> Finding:
        channel, commands = open_sms(), ReplySettings.load().reads_commands
        try:
            numbers = channel.written_to()
            for number in numbers:
                next(channel.received(number, datetime.now(UTC)), None)
        except LookUpError as error:
            return fail(
                f"what people text to us cannot be read: {error}; so a STOP is noticed when a text is refused, and "
                "commands are not obeyed",
                to_do="let the API key list messages, and the numbers of a messaging service (its permissions are in "
                "the Twilio console)",
            )
        if not numbers:
            nobody = "nobody can text to the sender: neither STOP nor commands are possible"
            return (
                warn(nobody, to_do="give a number as the sender, or set SEQUORA_REPLIES to off")
                if commands
                else ok(nobody)
            )
        obeyed = "STOP, START and commands of staff are obeyed" if commands else "STOP and START are obeyed"
        return ok(f"what people text to us can be read: {obeyed}")

    def calls(self) -> Finding:
        call_for = DeliverySettings.load().sequora_call_for
        if call_for == "off":
            return ok("off: nobody is called")
        voice = open_voice()
        try:
            voice.try_to_read()
        except UnreadableError as error:
            return fail(
                f"calls: {error}; so nobody learns whether a nurse answered, and a call in doubt is held",
                to_do="let the API key make, list and read calls (its permissions are in the Twilio console), or the "
                "proxy let GET requests through; or set SEQUORA_CALL_FOR to off",
            )
        try:
            number = voice.number()
            sender = open_twilio().sender_of(number) if number else None
        except AccountError as error:
            if self._may_be_only_a_permission(error):
                return ok("the API key may not see the sender: whether it can call is not known")
            return self._trouble(error)
        # A number that is not the account's may be one that it has verified, which can call.
        if number is None or (sender and not sender.can_call):
            return fail(
                f"SEQUORA_CALL_FOR is {call_for}, but the sender has no number that can call: nobody is called",
                to_do="give TWILIO_FROM_NUMBER a number of the account that can call (Voice), and restart the workers, "
                "or give the messaging service one; or set SEQUORA_CALL_FOR to off",
            )
        return ok(f"nurses are called of tasks that are {call_for} or more severe, if no text reaches them")

    @property
    def _has_test_sender(self) -> bool:
        """Whether texts would come from a test number, at the real Twilio: a stand-in for it may have any numbers."""
        settings = self._settings
        host = urlsplit(settings.twilio_api_base_url).hostname or ""
        is_twilio = host.endswith(".twilio.com")
        uses_number = not settings.twilio_messaging_service_sid
        return is_twilio and uses_number and bool(_TEST_SENDERS.fullmatch(settings.twilio_from_number or ""))

    def _may_be_only_a_permission(self, error: AccountError) -> bool:
        """Whether the error may mean only that an API key does not have this permission."""
        is_refused = isinstance(error.answer, Refused) and error.answer.code in _NOT_FOR_THIS_KEY
        return bool(self._settings.twilio_api_key) and is_refused

    def _try_key(self) -> Finding:
        """Find out from the message list whether the API key is right: only a main key may see the account."""
        trouble = self._why_unreadable
        if trouble and trouble.code != API_KEY_MAY_NOT:
            if trouble.code == WRONG_CREDENTIALS:
                return fail(
                    "the account SID, the API key or its secret is wrong",
                    to_do=f"{self._right_sid}correct TWILIO_ACCOUNT_SID, TWILIO_API_KEY and TWILIO_API_SECRET: the "
                    "secret is shown once, when a key is made, and the key must be of this account and region",
                )
            return fail(str(trouble), to_do="try again; a proxy or firewall may hold it up")
        return ok(
            "Twilio knows the API key; whether the account is active, on trial or a sub-account cannot be told with "
            "it, for only a main key may ask"
        )

    @property
    def _right_sid(self) -> str:
        if _SID_OF_AN_ACCOUNT.fullmatch(self._settings.twilio_account_sid):
            return ""
        return "TWILIO_ACCOUNT_SID is not AC with 32 hexadecimal digits; "

    def _trouble(self, error: AccountError) -> Finding:
        match error.answer:
            case Refused(code=code) if code == TEST_CREDENTIALS:
                return fail(str(error), to_do=_LIVE_CREDENTIALS)
            case Refused(refusal=Refusal.UNREACHABLE):
                return fail(
                    str(error), to_do="let this machine reach TWILIO_API_BASE_URL, by default https://api.twilio.com"
                )
            case Refused(refusal=Refusal.CONFIGURATION, code=None):
                return fail(
                    str(error),
                    to_do="see what stands between this machine and Twilio (a proxy, a firewall, its certificates): it "
                    "must let GET requests through, for there are neither receipts nor look-ups without them",
                )
            case Refused(refusal=Refusal.CONFIGURATION):
                names = "TWILIO_API_KEY and TWILIO_API_SECRET" if self._settings.twilio_api_key else "TWILIO_AUTH_TOKEN"
                return fail(
                    str(error),
                    to_do=f"{self._right_sid}correct TWILIO_ACCOUNT_SID and {names}, as Twilio's console has them",
                )
        return fail(
            str(error), to_do="try again; a proxy or firewall may hold it up; see https://status.twilio.com too"
        )


def _finding_of_sender(sender: Sender) -> Finding:
    if not sender.can_text:
        return fail(
            "the number cannot send texts", to_do="give TWILIO_FROM_NUMBER a number of the account that can (SMS)"
        )
    if sender.form is SenderForm.NAME:
        return warn(
            "a name: numbers of the US and Canada cannot be texted from it, and nobody can reply to it, not even STOP",
            to_do="give TWILIO_FROM_NUMBER a number, unless all who are texted live elsewhere",
        )
    if sender.form is SenderForm.SHORT_CODE:
        return ok("a short code: it texts phones of its own country alone; whether it is the account's is not asked")
    return ok("it is the account's, and may text")
