"""Every setting that comes from the environment, with its type, its default and its error.

Nothing is read at import. A setting that is missing or wrong raises `SettingError`, whose message names
the variable, says what is wrong and what to do, and never repeats the value: it may be a secret.
"""

import re
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

POSTGRES_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg2://")

# Supabase shows URLs for Prisma; these parts of them are no business of Postgres, whose library refuses them.
PRISMA_PARAMETERS = ("connection_limit", "pgbouncer", "pool_timeout", "schema")


class SettingError(Exception):
    """A setting is missing or wrong; the message is for the person who set it."""


def postgres_url(value: str) -> str:
    """Return a Postgres URL of any usual form as one that names its driver. Raises ValueError."""
    value = without_blanks(value)  # Dagster's own configuration hands it in as the environment has it
    scheme = next((scheme for scheme in POSTGRES_SCHEMES if value.startswith(scheme)), None)
    if scheme is None:
        raise ValueError("must begin with postgresql:// or postgres://")
    try:
        # SQLAlchemy 2.1 takes `postgresql://` for psycopg 3, which Dagster's storage breaks on.
        url = make_url("postgresql+psycopg2://" + value.removeprefix(scheme))
    except (ArgumentError, ValueError):
        raise ValueError("is not a URL") from None
    return url.difference_update_query(PRISMA_PARAMETERS).render_as_string(hide_password=False)


def _redis_url(value: str) -> str:
    if not value.startswith(("redis://", "rediss://")):
        raise ValueError("must begin with redis:// or rediss://")
    return value


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    if not re.fullmatch(r"https?://([^\s/:?#\[\]]+|\[[\da-fA-F:.]+\])(:\d{1,5})?(/[^\s?#]*)?", value):
        raise ValueError("is not an address")
    return value.rstrip("/")


def _http_origin(value: str) -> str:
    value = _http_url(value)
    if value.count("/") > len("//"):
        raise ValueError("must have no path")
    return value


def _any_http_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+([/?][^\s#]*)?", value):
        raise ValueError("must begin with http:// or https:// and be an address")
    return value


# Where nobody else listens: what is sent there need not be encrypted.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def secure_url(value: str) -> str:
    """Return a URL of https, or of http on loopback, as it is. Raises ValueError, which does not repeat it."""
    if not value.isprintable() or not re.fullmatch(r"https?://[^\s\\/?#]+([/?#][^\s\\]*)?", value, re.IGNORECASE):
        raise ValueError("is not an address, https://…")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is not an address, https://…") from None
    if not host or parts.username is not None:
        raise ValueError("must have a host, and no user or password")
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ValueError("must begin with https://, or with http:// on localhost, 127.0.0.1 or ::1")
    return value


def _bearer_token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("must be of letters, digits and signs of ASCII alone, without spaces")
    return value


# What the SIDs begin with that are most easily taken for one another in Twilio's console, and whose they are.
_SIDS = {"AC": "an account", "SK": "an API key", "MG": "a messaging service", "PN": "a phone number"}

# All SIDs are of this form, but a stand-in for Twilio may have any others.
_ANY_SID = re.compile(r"[A-Z]{2}[\da-fA-F]{32}")


def _sid(kind: str) -> AfterValidator:
    """Refuse what is certainly another thing's SID."""

    def check(value: str) -> str:
        begins = value[:2]
        if begins != kind and (begins in _SIDS or _ANY_SID.fullmatch(value)):
            whose = _SIDS.get(begins, "something else")
            raise ValueError(f"is the SID of {whose} ({begins}…), not of {_SIDS[kind]} ({kind}…)")
        return value

    return AfterValidator(check)


def _messaging_service_sid(value: str) -> str:
    if not value.startswith("MG"):
        raise ValueError("is not the SID of a messaging service (MG…)")
    return value


E164 = re.compile(r"\+[1-9]\d{6,14}")
"""A phone number with its country's code (https://www.twilio.com/docs/glossary/what-e164)."""

SHORT_CODE = re.compile(r"\d{3,8}")
"""A number that only one country's phones know; in the US it has five or six digits."""

SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}")
"""A name in a number's place (https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id)."""

# `whatsapp:+12025550100`, `messenger:…`, `rcs:…`: senders of Twilio's other channels.
_OF_ANOTHER_CHANNEL = re.compile(r"[A-Za-z]+:.*", re.DOTALL)

# Digits, spaces and punctuation: nobody's secret, so the number in it may be said.
_LIKE_A_NUMBER = re.compile(r"[\d\s()+./\-\u2010-\u2015]+")


def _sender(value: str) -> str:
    if E164.fullmatch(value) or SHORT_CODE.fullmatch(value) or SENDER_NAME.fullmatch(value):
        return value
    if _OF_ANOTHER_CHANNEL.fullmatch(value):
        raise ValueError("names a sender of another channel than SMS, and texts are all that is sent")
    if _LIKE_A_NUMBER.fullmatch(value):
        proposed = _proposed_number(value)
        raise ValueError("is not in E.164" + (f", as {proposed} would be" if proposed else ""))
    raise ValueError("is neither a number in E.164, nor a short code, nor a name that texts can come from")


def _proposed_number(value: str) -> str | None:
    """Return the E.164 number that is most probably meant; without a country's code, one of the US or Canada."""
    digits = re.sub(r"\D", "", value)
    if not value.startswith("+"):
        national = re.fullmatch(r"1?([2-9]\d{9})", digits)
        digits = f"1{national[1]}" if national else re.sub(r"^(00|011)", "", digits)
    return f"+{digits}" if E164.fullmatch(f"+{digits}") else None


def without_blanks(value: str) -> str:
    """Return it without white space at its ends, and without what nobody sees there: a BOM, a zero-width space."""
    seen = [place for place, character in enumerate(value) if not _is_blank(character)]
    return value[seen[0] : seen[-1] + 1] if seen else ""


def _is_blank(character: str) -> bool:
    # `isspace` knows a non-breaking space; what has no width is a format character (Cf).
    return character.isspace() or unicodedata.category(character) == "Cf"


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

LONGEST_DELAY = timedelta(days=365)
"""What a workflow can be told to wait."""


def _duration(value: object) -> object:
    """Turn `90s`, `30m`, `24h`, `2d` (or several: `1h30m`) into a timedelta; pydantic reads ISO-8601 itself."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    if re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
        try:
            return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta(0))
        except OverflowError:
            return timedelta.max  # refused by what comes after
    if text.startswith("P"):
        return text
    raise ValueError("is not a length of time")


def _between(shortest: timedelta, longest: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if not shortest <= value <= longest:
            raise ValueError(f"must be between {shortest.days} and {longest.days} days")
        return value

    return AfterValidator(check)


Duration = Annotated[timedelta, BeforeValidator(_duration), _between(timedelta(0), LONGEST_DELAY)]
PostgresUrl = Annotated[str, AfterValidator(postgres_url)]
RedisUrl = Annotated[str, AfterValidator(_redis_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
AnyHttpUrl = Annotated[str, AfterValidator(_any_http_url)]
HttpOrigin = Annotated[str, AfterValidator(_http_origin)]
SecureUrl = Annotated[str, AfterValidator(secure_url)]
BearerToken = Annotated[SecretStr, AfterValidator(_bearer_token)]
AccountSid = Annotated[str, _sid("AC")]
ApiKeySid = Annotated[str, _sid("SK")]
MessagingServiceSid = Annotated[str, _sid("MG"), AfterValidator(_messaging_service_sid)]
TextSender = Annotated[str, AfterValidator(_sender)]


class Environment(BaseSettings):
    """Settings read from the environment; each field's title says what it is, its description what to give for it."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take off what a file of settings, or a copied text, has around a value; with nothing in it, it is not set."""
        trimmed = {name: without_blanks(one) if isinstance(one, str) else one for name, one in values.items()}
        return {name: one for name, one in trimmed.items() if one != ""}

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises SettingError."""
        try:
            return cls()
        except ValidationError as error:
            sentences = [cls._sentence(details["loc"], details["type"], details["msg"]) for details in error.errors()]
            raise SettingError("\n".join(sentences)) from None

    @classmethod
    def _sentence(cls, location: tuple[int | str, ...], kind: str, message: str) -> str:
        if not location:  # a rule about several settings names them itself
            return message.removeprefix("Value error, ")
        name = str(location[0])
        problem = "is not set" if kind == "missing" else message.removeprefix("Value error, ")
        return f"{name.upper()} {problem}: {cls.model_fields[name].description}"


class DatabaseSettings(Environment):
    """Where the care database is, and since when this system is live on it."""

    supabase_db_url: PostgresUrl = Field(
        title="the care database, `postgresql://…` or `postgres://…`",
        repr=False,
        description="give the care database's URL, postgresql://user:password@host:5432/database, "
        "or run `sequora dev`, which brings a database of its own.",
    )
    sequora_go_live_at: AwareDatetime | None = Field(
        title="tasks created before this time (with its zone) are left alone; by default the time of the first "
        "`sequora migrate`",
        default=None,
        description="give a time with its zone, e.g. 2026-01-31T09:00:00Z; tasks created before it are left alone.",
    )


class ApplicationSettings(Environment):
    """Where in the application's tables what we need stands."""

    sequora_application_map: Path | None = Field(
        title="a file that says so, for `sequora migrate` (docs/application.md); by default whichever of the two maps "
        "that come along fits",
        default=None,
        description="give the path of a map; `sequora map` proposes one.",
    )


_A_LENGTH_OF_TIME = "give a length of time, e.g. 90s, 30m, 24h, 2d or ISO-8601 (PT30M)."


class WorkflowSettings(Environment):
    """How long the workflows wait, and how early they warn."""

    sequora_check_in_delay: Duration = Field(
        title="from an episode's creation to the text to its patient",
        default=timedelta(hours=24),
        description=_A_LENGTH_OF_TIME,
    )
    sequora_sla_warning_window: Duration = Field(
        title="how long before its SLA a task is warned of", default=timedelta(hours=1), description=_A_LENGTH_OF_TIME
    )
    sequora_escalation_delay: Duration = Field(
        title="from the alert on a missed SLA to the supervisors' text",
        default=timedelta(minutes=30),
        description=_A_LENGTH_OF_TIME,
    )
    sequora_unassigned_grace: Duration = Field(
        title="how long a task may be nobody's before the supervisors are told; a critical one 10 s",
        default=timedelta(minutes=10),
        description=_A_LENGTH_OF_TIME,
    )


class AssignmentSettings(Environment):
    """Who assigns tasks that come without an assignee."""

    sequora_assign: Literal["off", "on"] = Field(
        title="`on` gives each to a nurse: on shift, below her limit, with the lightest load of open tasks; with `off` "
        "that is the application's business (docs/production.md)",
        default="off",
        description="give on, if tasks without an assignee are to be given to nurses here, or off, if the application "
        "does so.",
    )

    @property
    def assigns(self) -> bool:
        """Whether it is done here."""
        return self.sequora_assign == "on"


class DeliverySettings(Environment):
    """How sure we make that a text arrives, and how fast they may go out."""

    sequora_doubt_window: Duration = Field(
        title="how long a text in doubt may take to show up in Twilio's list, before it is sent again or held; 10 s at "
        "most where Twilio itself has answered with an error, for then it most probably does not have it",
        default=timedelta(seconds=60),
        description=_A_LENGTH_OF_TIME,
    )
    sequora_doubt_window_critical: Duration = Field(
        title="the same for a critical text to staff; never longer than `SEQUORA_DOUBT_WINDOW`",
        default=timedelta(seconds=15),
        description=_A_LENGTH_OF_TIME,
    )
    sequora_receipt_window: Duration = Field(
        title="how soon a critical text must have a receipt, before the supervisors are told",
        default=timedelta(minutes=5),
        description=_A_LENGTH_OF_TIME,
    )
    sequora_sender_rate: Annotated[float, Field(gt=0, le=1000)] | None = Field(
        title="segments a second that the sender may send, over all workers: 1 for a long code, 3 for a toll-free "
        "number; a nurse's text is 2 or 3 segments. By default as fast as it goes",
        default=None,
        description="give how many segments a second the sender may send, e.g. 1 for a long code, 3 for a toll-free "
        "number, 100 for a short code.",
    )


_TEN_YEARS = timedelta(days=3650)


class RetentionSettings(Environment):
    """How long what is over is kept."""

    sequora_keep_runs: Annotated[timedelta, BeforeValidator(_duration), _between(timedelta(days=1), _TEN_YEARS)] = (
        Field(
            title="how long runs are kept, with their events; a day at least",
            default=timedelta(days=30),
            description=_A_LENGTH_OF_TIME,
        )
    )
    # Receipts are followed for a day, a text in doubt is settled or held within hours: a month is far from all that.
    sequora_keep_messages: Annotated[
        timedelta, BeforeValidator(_duration), _between(timedelta(days=30), _TEN_YEARS)
    ] = Field(
        title="how long messages are kept that are over, with their history; 30 days at least, and as long as runs",
        default=timedelta(days=400),
        description=_A_LENGTH_OF_TIME,
    )

    @model_validator(mode="after")
    def _runs_find_their_messages(self) -> Self:
        if self.sequora_keep_runs > self.sequora_keep_messages:
            raise ValueError(
                "SEQUORA_KEEP_RUNS is longer than SEQUORA_KEEP_MESSAGES: keep messages at least as long as runs, for a "
                "run that is executed again must find what it has sent."
            )
        return self


class TwilioSettings(Environment):
    """The sender."""

    twilio_account_sid: AccountSid = Field(
        title="the Twilio account, `AC…`", description="give the account's SID from the Twilio console, AC…."
    )
    # The key comes before the token: whether that must be there hangs on it.
    twilio_api_key: ApiKeySid | None = Field(
        title="an API key of the account, `SK…`, which may send, list and read messages; or else the auth token",
        default=None,
        description="give the SID of an API key of the account, SK…, and its secret as TWILIO_API_SECRET; or leave "
        "both out, and give TWILIO_AUTH_TOKEN.",
    )
    twilio_api_secret: str | None = Field(
        title="the secret of that key",
        default=None,
        validate_default=True,
        description="give the secret of the API key TWILIO_API_KEY, which was shown when it was made; or leave both "
        "out, and give TWILIO_AUTH_TOKEN.",
        repr=False,
    )
    twilio_auth_token: str | None = Field(
        title="the account's auth token, where no API key is set; of both, the key is used",
        default=None,
        validate_default=True,
        description="give the account's auth token from the Twilio console, or an API key of the account instead, as "
        "TWILIO_API_KEY and TWILIO_API_SECRET.",
        repr=False,
    )
    twilio_from_number: TextSender | None = Field(
        title="the sender's number in E.164, `+12025550100`, a short code or a name; or else:",
        default=None,
        description="give the sender's number with its country's code, e.g. +12025550100, a short code, or a name of "
        "up to 11 letters and digits.",
    )
    twilio_messaging_service_sid: MessagingServiceSid | None = Field(
        title="the messaging service that texts come from, `MG…`", default=None, description="give the SID, MG…."
    )
    twilio_api_base_url: HttpOrigin = Field(
        title="where the Twilio API is",
        default="https://api.twilio.com",
        description="leave it out to use the real Twilio.",
    )
    sequora_texts_at_a_time: int = Field(
        title="how many texts a worker process sends at a time, 1 to 100",
        default=25,
        ge=1,
        le=100,
        description="give how many requests to Twilio a worker process may have open, 1 to 100.",
    )

    @field_validator("twilio_api_secret")
    @classmethod
    def _of_a_key(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "twilio_api_key" in info.data and (info.data["twilio_api_key"] is None) != (value is None):
            raise ValueError("is not set, but TWILIO_API_KEY is" if value is None else "is set without TWILIO_API_KEY")
        return value

    @field_validator("twilio_auth_token")
    @classmethod
    def _token_or_key(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("twilio_api_key", "of another form") is None:
            raise ValueError("is not set")
        return value

    @property
    def credentials(self) -> tuple[str, str]:
        """User and password of each request: an API key with its secret, or the account with its token."""
        if self.twilio_api_key and self.twilio_api_secret:
            return self.twilio_api_key, self.twilio_api_secret
        return self.twilio_account_sid, self.twilio_auth_token or ""

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if not (self.twilio_from_number or self.twilio_messaging_service_sid):
            raise ValueError(
                "neither TWILIO_FROM_NUMBER nor TWILIO_MESSAGING_SERVICE_SID is set: give the number "
                "or the messaging service that texts come from."
            )
        return self


class AppSettings(Environment):
    """The application that nurses open from a text."""

    sequora_app_url: HttpUrl = Field(
        title="the application; a text's link is `<app>/tasks/<task id>`",
        default="https://app.sequora.com",
        description="give the application's address, https://…",
    )


class CheckInLinkSettings(Environment):
    """The link in a check-in text, which the application makes."""

    sequora_check_in_link_url: SecureUrl | None = Field(
        title="the address that is asked (POST) for a check-in's link right before its text goes out; by default texts "
        "have none",
        default=None,
        repr=False,
        description="give the application's address for it, https://…, or http:// on this machine (localhost, "
        "127.0.0.1, ::1), or leave it out.",
    )
    sequora_check_in_link_token: BearerToken | None = Field(
        title="the bearer token that this address is asked with, if it wants one",
        default=None,
        repr=False,
        description="give the token that the address wants, without `Bearer`, or leave it out.",
    )


class WebSettings(Environment):
    """The web UI, as the people who run it reach it."""

    sequora_web_url: HttpUrl = Field(
        title="the web UI, which `sequora timeline` and alarms link to; `sequora dev` sets it",
        default="http://127.0.0.1:3000",
        description="give the address of Dagster's web UI, http://127.0.0.1:3000.",
    )

    def run_url(self, run_id: str) -> str:
        """Return where a run is shown."""
        return f"{self.sequora_web_url}/runs/{run_id}"


def _host(value: str) -> str:
    if not re.fullmatch(r"[\w.-]+|\[[\da-fA-F:.]+\]", value):
        raise ValueError("is not a host")
    return value


class CodeServerSettings(Environment):
    """Where the code server listens, and web server and daemon find it; it has no login."""

    sequora_code_host: Annotated[str, AfterValidator(_host)] = Field(
        title="the code server's host; where it listens, `0.0.0.0` is all of that machine's",
        default="127.0.0.1",
        description="give a name or an address, 127.0.0.1, without a port; one of IPv6 in brackets, [::1].",
    )
    sequora_code_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        title="the code server's port", default=4266, description="give a port, 1 to 65535."
    )

    @property
    def address(self) -> str:
        """Host and port, `127.0.0.1:4266`."""
        return f"{self.sequora_code_host}:{self.sequora_code_port}"


class WorkerSettings(Environment):
    """Where warm workers take runs from."""

    sequora_broker_url: RedisUrl = Field(
        title="Redis or Valkey, `redis://…` or `rediss://…`: where the workers take runs from",
        repr=False,
        description="give the URL of a Redis or Valkey server, redis://host:6379/0, or run `sequora dev`.",
    )


class HeartbeatSettings(Environment):
    """Who is told that all is well."""

    sequora_heartbeat_url: AnyHttpUrl | None = Field(
        title="asked for every half minute while all is well; by default nobody is told",
        default=None,
        repr=False,
        description="give a URL that is to be asked for while all is well, as https://healthchecks.io and others hand "
        "out, or leave it out.",
    )


class AlarmSettings(Environment):
    """How an engineer is told of runs that fail."""

    sequora_alarm_url: AnyHttpUrl | None = Field(
        title='a webhook that takes `{"text": "…"}`: told of runs that fail',
        default=None,
        repr=False,
        description='give the URL of a webhook that takes {"text": "…"}, as Slack, Mattermost and Teams hand out, or '
        "leave it out.",
    )
    sequora_alarm_number: str | None = Field(
        title="an engineer's number, in E.164: texted about runs that fail",
        default=None,
        repr=False,
        description="give an engineer's phone number, e.g. +12025550100, or leave it out.",
    )


class LogSettings(Environment):
    """How processes log."""

    sequora_log_format: Literal["text", "json"] = Field(
        title="`text`, or `json` for a JSON object a line",
        default="text",
        description="give text, for people, or json, for programs.",
    )


class DagsterStorageSettings(Environment):
    """Dagster's own database: runs, events, ticks."""

    dagster_pg_url: PostgresUrl = Field(
        title="Dagster's own storage, a database of its own",
        repr=False,
        description="give the URL of a database for Dagster's own storage, postgresql://…, or run `sequora dev`.",
    )
