"""Twilio: the account, what texts come from, and who answers those who reply."""

from functools import cached_property

from sequora_orchestration.cli.checks.finding import Check, Finding, fail, ok, warn
from sequora_orchestration.domain.answers import Refusal, Refused
from sequora_orchestration.resources.sms_sender import AccountError, Replies, Sender, open_sms_sender


def checks() -> list[Check]:
    """Return the checks of this area, in order."""
    twilio = _Twilio()
    return [
        Check(name="Twilio account", find=twilio.account),
        Check(name="Twilio sender", find=twilio.sender, needs=("Twilio account",)),
        Check(name="Twilio replies", find=twilio.replies, needs=("Twilio sender",)),
    ]


class _Twilio:
    """Looks at the account of TWILIO_ACCOUNT_SID."""

    @cached_property
    def _sender(self) -> Sender | None:
        return open_sms_sender().sender()

    def account(self) -> Finding:
        try:
            account = open_sms_sender().account()
        except AccountError as error:
            return _trouble(error)
        if account.status != "active":
            return fail(
                f"the account is {account.status}", to_do="activate it in the Twilio console; see Billing there"
            )
        if account.is_trial:
            return warn(
                "a trial account: it texts only numbers that are verified in the Twilio console",
                to_do="upgrade it in the Twilio console",
            )
        return ok("the credentials are right, and the account is active")

    def sender(self) -> Finding:
        try:
            sender = self._sender
        except AccountError as error:
            return _trouble(error)
        if sender is None:
            return fail(
                "the account has no such number or messaging service",
                to_do="correct TWILIO_FROM_NUMBER (as +12025550100) or TWILIO_MESSAGING_SERVICE_SID",
            )
        if not sender.can_text:
            return fail(
                "the number cannot send texts", to_do="give TWILIO_FROM_NUMBER a number of the account that can (SMS)"
            )
        return ok("it is the account's, and may text")

    def replies(self) -> Finding:
        sender = self._sender
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
                Replies.UNKNOWN: "the sender is no phone number: who answers them is in the Twilio console",
            }[replies]
        )


def _trouble(error: AccountError) -> Finding:
    match error.answer:
        case Refused(refusal=Refusal.UNREACHABLE):
            return fail(
                str(error), to_do="let this machine reach TWILIO_API_BASE_URL, by default https://api.twilio.com"
            )
        case Refused(refusal=Refusal.CONFIGURATION):
            return fail(
                str(error), to_do="correct TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, as Twilio's console has them"
            )
    return fail(str(error), to_do="try again; a proxy or firewall may hold it up; see https://status.twilio.com too")
