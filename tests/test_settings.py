"""Every setting: what is missing or wrong is named, with what to do, and its value is never repeated."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from sequora_orchestration.settings.addresses import postgres_url
from sequora_orchestration.settings.application import ApplicationSettings, AppSettings, CheckInLinkSettings
from sequora_orchestration.settings.database import DagsterStorageSettings, DatabaseSettings, RetentionSettings
from sequora_orchestration.settings.delivery import DeliverySettings
from sequora_orchestration.settings.durations import Duration
from sequora_orchestration.settings.environment import SettingError
from sequora_orchestration.settings.processes import WebSettings, WorkerSettings
from sequora_orchestration.settings.replies import ReplySettings
from sequora_orchestration.settings.texts import TextsSettings
from sequora_orchestration.settings.twilio import TwilioSettings
from sequora_orchestration.settings.workflows import AssignmentSettings, Flood, WorkflowSettings

SECRET = "do-not-repeat-me"
KEY = "SK00000000000000000000000000000001"

GOOD = {
    "SUPABASE_DB_URL": "postgresql://app:pass@db.example.com:5432/care",
    "DAGSTER_PG_URL": "postgresql://app:pass@db.example.com:5432/dagster",
    "SEQUORA_BROKER_URL": "redis://broker.example.com:6379/0",
    "TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
    "TWILIO_AUTH_TOKEN": "a-token",
    "TWILIO_FROM_NUMBER": "+15005550006",
}
DURATIONS = {
    "SEQUORA_CHECK_IN_DELAY": timedelta(hours=24),
    "SEQUORA_SLA_WARNING_WINDOW": timedelta(hours=1),
    "SEQUORA_ESCALATION_DELAY": timedelta(minutes=30),
    "SEQUORA_UNASSIGNED_GRACE": timedelta(minutes=10),
}
OPTIONAL = (
    "SEQUORA_GO_LIVE_AT",
    "SEQUORA_APP_URL",
    "TWILIO_API_BASE_URL",
    "TWILIO_MESSAGING_SERVICE_SID",
    "TWILIO_API_KEY",
    "TWILIO_API_SECRET",
    *DURATIONS,
    "SEQUORA_TEXTS",
    "SEQUORA_APPLICATION_MAP",
    "SEQUORA_ASSIGN",
    "SEQUORA_DIGEST_AFTER",
    "SEQUORA_DOUBT_WINDOW",
    "SEQUORA_DOUBT_WINDOW_CRITICAL",
    "SEQUORA_RECEIPT_WINDOW",
    "SEQUORA_SENDER_RATE",
    "SEQUORA_TEXTS_AT_A_TIME",
    "SEQUORA_KEEP_RUNS",
    "SEQUORA_KEEP_MESSAGES",
    "SEQUORA_WEB_URL",
    "SEQUORA_CHECK_IN_LINK_URL",
    "SEQUORA_CHECK_IN_LINK_TOKEN",
)


class Loaded(Protocol):
    """Any of the classes of settings."""

    @classmethod
    def load(cls) -> object:
        """Read the environment."""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what must be set, to good values, and nothing else."""
    for name in OPTIONAL:
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def sentence(settings: type[Loaded]) -> str:
    """Load settings that are wrong, and return what the person who set them reads."""
    with pytest.raises(SettingError) as error:
        settings.load()
    return str(error.value)


@pytest.mark.parametrize(
    ("settings", "name", "what_to_do"),
    [
        (DatabaseSettings, "SUPABASE_DB_URL", "run `sequora dev`, which brings a database of its own"),
        (DagsterStorageSettings, "DAGSTER_PG_URL", "run `sequora dev`"),
        (WorkerSettings, "SEQUORA_BROKER_URL", "run `sequora dev`"),
        (TwilioSettings, "TWILIO_ACCOUNT_SID", "give the account's SID from the Twilio console"),
        (TwilioSettings, "TWILIO_AUTH_TOKEN", "give the account's auth token from the Twilio console"),
    ],
)
@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_setting_that_is_missing_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, settings: type[Loaded], name: str, what_to_do: str, how: str
) -> None:
    """An empty value is a missing one: that is what `NAME=` in a file of settings means."""
    if how == "missing":
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, "")
    said = sentence(settings)
    assert said.startswith(f"{name} is not set: ")
    assert what_to_do in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("~/sequora.toml", "begins with ~, which is not expanded here (write the whole path)"),
        ("$HOME/sequora.toml", "begins with $, which is not expanded here (write the whole path)"),
        ('"sequora.toml"', "has quotes round its value, which are taken for a part of it (write it without them)"),
        ("'/etc/sequora.toml'", "has quotes round its value, which are taken for a part of it (write it without them)"),
        ("file:///etc/sequora.toml", "begins with file://, as an address does (write the path alone)"),
    ],
)
@pytest.mark.parametrize(
    ("settings", "name"), [(TextsSettings, "SEQUORA_TEXTS"), (ApplicationSettings, "SEQUORA_APPLICATION_MAP")]
)
def test_what_only_a_shell_makes_a_path_of_is_told(
    monkeypatch: pytest.MonkeyPatch, settings: type[Loaded], name: str, value: str, problem: str
) -> None:
    """Otherwise the file would only be missed."""
    monkeypatch.setenv(name, value)
    assert sentence(settings).startswith(f"{name} {problem}: give the path of a ")


@pytest.mark.parametrize("value", ["sequora.toml", "./~/it's.toml", "/etc/sequora/$x.toml", "C:/sequora.toml"])
def test_any_other_path_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Whether there is such a file is asked where it is read."""
    monkeypatch.setenv("SEQUORA_TEXTS", value)
    assert TextsSettings.load().sequora_texts == Path(value)


@pytest.mark.parametrize(
    ("settings", "name", "value", "problem", "what_to_do"),
    [
        (
            DatabaseSettings,
            "SUPABASE_DB_URL",
            f"mysql://app:{SECRET}@host/care",
            "postgresql://",
            "care database's URL",
        ),
        (DatabaseSettings, "SUPABASE_DB_URL", SECRET, "must begin with", "run `sequora dev`"),
        (DatabaseSettings, "SUPABASE_DB_URL", f'"postgres://app:{SECRET}@host/care"', "must begin with", "give"),
        (DatabaseSettings, "SEQUORA_GO_LIVE_AT", SECRET, "valid datetime", "2026-01-31T09:00:00Z"),
        (DatabaseSettings, "SEQUORA_GO_LIVE_AT", "2030-05-06T07:08:09", "timezone", "with its zone"),
        (DatabaseSettings, "SEQUORA_GO_LIVE_AT", "2030-05-06", "timezone", "with its zone"),
        (DagsterStorageSettings, "DAGSTER_PG_URL", f"sqlite:///{SECRET}", "must begin with", "Dagster's own storage"),
        (WorkerSettings, "SEQUORA_BROKER_URL", f"amqp://{SECRET}@host", "redis://", "Redis or Valkey"),
        (AppSettings, "SEQUORA_APP_URL", f"app.example.com/{SECRET}", "https://", "the application's address"),
        (WebSettings, "SEQUORA_WEB_URL", f"127.0.0.1:3000/{SECRET}", "http://", "the address of Dagster's web UI"),
        (TwilioSettings, "TWILIO_API_BASE_URL", f"ftp://{SECRET}", "https://", "leave it out to use the real Twilio"),
        (AssignmentSettings, "SEQUORA_ASSIGN", SECRET, "is none of the words", "give on, if tasks"),
        (ReplySettings, "SEQUORA_REPLIES", SECRET, "is none of the words", "give on, if staff"),
        (ReplySettings, "SEQUORA_WRITE_BACK", SECRET, "is none of the words", "give on, if answers"),
        (WorkflowSettings, "SEQUORA_CHECK_IN_DELAY", SECRET, "is not a length of time", "e.g. 90s, 30m, 24h, 2d"),
        (WorkflowSettings, "SEQUORA_DIGEST_AFTER", f"{SECRET}/15m", "is neither off nor 1 to 999 texts", "e.g. 5/15m"),
        (WorkflowSettings, "SEQUORA_DIGEST_AFTER", f"5/{SECRET}", "is neither off nor 1 to 999 texts", "e.g. 5/15m"),
        (WorkflowSettings, "SEQUORA_ESCALATION_DELAY", f"P{SECRET}", "valid timedelta", "ISO-8601 (PT30M)"),
    ],
)
def test_a_setting_that_is_wrong_is_named_with_what_to_do_and_never_repeated(
    monkeypatch: pytest.MonkeyPatch, settings: type[Loaded], name: str, value: str, problem: str, what_to_do: str
) -> None:
    """It may be a secret, and the sentence ends up in logs."""
    monkeypatch.setenv(name, value)
    said = sentence(settings)
    assert said.startswith(f"{name} ")
    assert problem in said
    assert what_to_do in said
    assert value not in said
    assert SECRET not in said


def test_the_error_shows_nothing_of_the_value_in_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in its own representation nor in that of the error behind it."""
    monkeypatch.setenv("SUPABASE_DB_URL", f"mysql://app:{SECRET}@host/care")
    with pytest.raises(SettingError) as error:
        DatabaseSettings.load()
    assert SECRET not in repr(error.value) + str(error.value.__context__) + repr(error.value.__context__)


def test_everything_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each, so that nobody has to come back for the next."""
    monkeypatch.delenv("TWILIO_ACCOUNT_SID")
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    lines = sentence(TwilioSettings).splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"]


@pytest.mark.parametrize("form", ["postgresql://", "postgres://", "postgresql+psycopg2://"])
def test_every_usual_form_of_a_postgres_url_names_its_driver_afterwards(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Supabase gives one form, others give the other; the rest of the URL is left as it is."""
    rest = "app:p%40ss@db.example.com:6543/care?sslmode=require"
    monkeypatch.setenv("SUPABASE_DB_URL", form + rest)
    monkeypatch.setenv("DAGSTER_PG_URL", form + rest)
    assert DatabaseSettings.load().supabase_db_url == f"postgresql+psycopg2://{rest}"
    assert DagsterStorageSettings.load().dagster_pg_url == f"postgresql+psycopg2://{rest}"


@given(
    st.from_regex(r"postgres(ql)?://([a-z0-9]+(:[a-z0-9%.]+)?@)?[a-z0-9.]*(:[0-9]{1,5})?/[a-z]*", fullmatch=True),
    st.lists(st.sampled_from(["sslmode=require", "pgbouncer=true", "schema=public", "connect_timeout=9"]), unique=True),
)
def test_a_postgres_url_may_be_rewritten_again(url: str, parameters: list[str]) -> None:
    """What names its driver already is left as it is."""
    url += "?" + "&".join(parameters)
    assert postgres_url(postgres_url(url)) == postgres_url(url)


def test_parts_of_a_url_that_are_prismas_are_left_out() -> None:
    """Supabase shows them; Postgres' library refuses them."""
    url = (
        "postgres://app:p%40ss@db.example.com:6543/care?pgbouncer=true&sslmode=require&connection_limit=1&schema=public"
    )
    assert postgres_url(url) == "postgresql+psycopg2://app:p%40ss@db.example.com:6543/care?sslmode=require"


def test_a_postgres_url_that_dagster_hands_in_may_end_with_a_line() -> None:
    """It reads the variable by itself."""
    assert postgres_url("postgres://db.example.com/dagster\n") == "postgresql+psycopg2://db.example.com/dagster"


@pytest.mark.parametrize("url", ["https://", "http:///x", "http://host:port", "https://app example.com", "ftp://host"])
def test_an_address_that_is_none_is_said_before_a_text_needs_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Else every link would be broken, or every text in doubt."""
    monkeypatch.setenv("SEQUORA_APP_URL", url)
    with pytest.raises(SettingError, match="SEQUORA_APP_URL"):
        AppSettings.load()


def test_no_setting_shows_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever prints them."""
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://me:secret@host/db")
    assert "secret" not in repr(DatabaseSettings.load())


@pytest.mark.parametrize("url", ["redis://host:6379/0", "rediss://user:pass@host:6380/1"])
def test_the_broker_may_be_reached_with_or_without_tls(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The URL is left as it is."""
    monkeypatch.setenv("SEQUORA_BROKER_URL", url)
    assert WorkerSettings.load().sequora_broker_url == url


def test_what_need_not_be_set_has_the_contracts_default() -> None:
    """The real Twilio, the real application, and the moment that the migration has recorded."""
    assert TwilioSettings.load().twilio_api_base_url == "https://api.twilio.com"
    assert AppSettings.load().sequora_app_url == "https://app.sequora.com"
    assert WebSettings.load().run_url("a-run") == "http://127.0.0.1:3000/runs/a-run"
    assert DatabaseSettings.load().sequora_go_live_at is None


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_empty_value_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The default holds, as if the line were not there."""
    classes: list[type[Loaded]] = [
        DatabaseSettings,
        AppSettings,
        CheckInLinkSettings,
        WebSettings,
        TwilioSettings,
        WorkflowSettings,
    ]
    without = [settings.load() for settings in classes]
    monkeypatch.setenv(name, "")
    assert [settings.load() for settings in classes] == without


@pytest.mark.parametrize("name", ["SEQUORA_APP_URL", "TWILIO_API_BASE_URL"])
def test_a_slash_at_the_end_of_an_address_does_not_matter(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Links are made by adding to it."""
    monkeypatch.setenv(name, "http://localhost:3000/")
    loaded = (AppSettings if name == "SEQUORA_APP_URL" else TwilioSettings).load()
    assert getattr(loaded, name.lower()) == "http://localhost:3000"


@pytest.mark.parametrize("value", ["2026-01-31T09:00:00Z", "2026-01-31T10:00:00+01:00", "2026-01-31 04:00:00-05:00"])
def test_the_moment_of_going_live_has_a_zone(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Without one it would be another moment on every machine."""
    monkeypatch.setenv("SEQUORA_GO_LIVE_AT", value)
    assert DatabaseSettings.load().sequora_go_live_at == datetime(2026, 1, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "service"),
    [("+15005550006", None), (None, "MG00000000000000000000000000000000"), ("+15005550006", "MG0")],
)
def test_a_number_or_a_messaging_service_is_enough(
    monkeypatch: pytest.MonkeyPatch, number: str | None, service: str | None
) -> None:
    """Either is a sender; which of two is used is the sender's business."""
    for name, value in (("TWILIO_FROM_NUMBER", number), ("TWILIO_MESSAGING_SERVICE_SID", service)):
        monkeypatch.setenv(name, value or "")
    settings = TwilioSettings.load()
    assert (settings.twilio_from_number, settings.twilio_messaging_service_sid) == (number, service)


@pytest.mark.parametrize("around", [" ", "\n", "\r\n", "\t", "\u00a0", "\u200b", "\u202c", "\ufeff", "\u3000 \n"])
@pytest.mark.parametrize("name", [*GOOD, "SEQUORA_CHECK_IN_DELAY", "SEQUORA_SENDER_RATE"])
def test_what_nobody_sees_around_a_value_does_not_count(
    monkeypatch: pytest.MonkeyPatch, name: str, around: str
) -> None:
    """A file of settings ends a line with it, a web page puts it before a number that is copied."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_DELAY", "2h")
    monkeypatch.setenv("SEQUORA_SENDER_RATE", "3")
    classes: list[type[Loaded]] = [
        DatabaseSettings,
        DagsterStorageSettings,
        WorkerSettings,
        TwilioSettings,
        WorkflowSettings,
        DeliverySettings,
    ]
    without = [settings.load() for settings in classes]
    monkeypatch.setenv(name, f"{around}{os.environ[name]}{around}")
    assert [settings.load() for settings in classes] == without


@pytest.mark.parametrize("blank", [" ", "\n", "\u200b", "\ufeff\u00a0"])
def test_a_value_that_nobody_sees_is_none(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    """What must be set is missing, and of what need not be the default holds."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", blank)
    assert sentence(TwilioSettings).startswith("TWILIO_ACCOUNT_SID is not set: ")
    monkeypatch.setenv("SEQUORA_CHECK_IN_DELAY", blank)
    assert WorkflowSettings.load().sequora_check_in_delay == timedelta(hours=24)


@pytest.mark.parametrize("sender", ["+12025550199", "+447700900123", "73786", "7378", "Sequora", "Dr Jones 24", "A1"])
def test_a_sender_is_a_number_a_short_code_or_a_name(monkeypatch: pytest.MonkeyPatch, sender: str) -> None:
    """As they are given."""
    monkeypatch.setenv("TWILIO_FROM_NUMBER", sender)
    assert TwilioSettings.load().twilio_from_number == sender


@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("(202) 555-0199", "+12025550199"),
        ("12025550199", "+12025550199"),
        ("1-202-555-0199", "+12025550199"),
        ("202.555.0199", "+12025550199"),
        ("+1 202 555 0199", "+12025550199"),
        ("+1\u00a0202\u2011555\u20110199", "+12025550199"),
        ("0044 7700 900123", "+447700900123"),
        ("011 44 7700 900123", "+447700900123"),
        ("447700900123", "+447700900123"),
    ],
)
def test_a_sender_in_another_form_is_refused_with_the_right_one(
    monkeypatch: pytest.MonkeyPatch, typed: str, proposed: str
) -> None:
    """Twilio would refuse each text; the number is public, and nothing but a number is repeated."""
    monkeypatch.setenv("TWILIO_FROM_NUMBER", typed)
    said = sentence(TwilioSettings)
    assert said.startswith(f"TWILIO_FROM_NUMBER is not in E.164, as {proposed} would be: give the sender's number ")


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("020 7946 0958", "is not in E.164:"),
        ("1234567890123456789", "is not in E.164:"),
        ("whatsapp:+12025550199", "names a sender of another channel than SMS"),
        ("messenger:12025550199", "names a sender of another channel than SMS"),
        ("rcs:sequora_agent", "names a sender of another channel than SMS"),
        ('"+12025550199"', "is neither a number in E.164, nor a short code, nor a name"),
        ("202-555-CARE-NOW", "is neither a number in E.164, nor a short code, nor a name"),
        ("do-not-repeat-me-12025550199", "is neither a number in E.164, nor a short code, nor a name"),
    ],
)
def test_a_sender_that_is_none_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, typed: str, problem: str
) -> None:
    """Of one that is no number, or not a whole one, nothing can be proposed."""
    monkeypatch.setenv("TWILIO_FROM_NUMBER", typed)
    said = sentence(TwilioSettings)
    assert said.startswith(f"TWILIO_FROM_NUMBER {problem}")
    assert typed not in said
    assert "2025550199" not in said
    assert SECRET not in said


def test_an_api_key_stands_in_for_the_auth_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it, it is the one that is used."""
    assert TwilioSettings.load().credentials == (GOOD["TWILIO_ACCOUNT_SID"], "a-token")
    monkeypatch.setenv("TWILIO_API_KEY", KEY)
    monkeypatch.setenv("TWILIO_API_SECRET", SECRET)
    assert TwilioSettings.load().credentials == (KEY, SECRET)
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    settings = TwilioSettings.load()
    assert settings.credentials == (KEY, SECRET)
    assert SECRET not in f"{settings!r} {settings}"


@pytest.mark.parametrize("token", ["a-token", ""])
@pytest.mark.parametrize(
    ("given", "missing", "problem"),
    [
        ("TWILIO_API_KEY", "TWILIO_API_SECRET", "TWILIO_API_SECRET is not set, but TWILIO_API_KEY is: "),
        ("TWILIO_API_SECRET", "TWILIO_API_KEY", "TWILIO_API_SECRET is set without TWILIO_API_KEY: "),
    ],
)
def test_half_an_api_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str, missing: str, problem: str, token: str
) -> None:
    """Even beside a token: whoever sets a key means it to be used."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", token)
    monkeypatch.setenv(given, KEY)
    monkeypatch.delenv(missing, raising=False)
    assert sentence(TwilioSettings).startswith(problem)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("TWILIO_ACCOUNT_SID", f"SK{'0' * 32}", "is the SID of an API key (SK…), not of an account (AC…)"),
        ("TWILIO_ACCOUNT_SID", "SKtest", "is the SID of an API key (SK…), not of an account (AC…)"),
        ("TWILIO_ACCOUNT_SID", f"MG{'0' * 32}", "is the SID of a messaging service (MG…), not of an account (AC…)"),
        ("TWILIO_ACCOUNT_SID", f"VA{'0' * 32}", "is the SID of something else (VA…), not of an account (AC…)"),
        ("TWILIO_API_KEY", f"AC{'0' * 32}", "is the SID of an account (AC…), not of an API key (SK…)"),
        ("TWILIO_MESSAGING_SERVICE_SID", f"AC{'0' * 32}", "is the SID of an account (AC…), not of a messaging service"),
        ("TWILIO_MESSAGING_SERVICE_SID", f"PN{'0' * 32}", "is the SID of a phone number (PN…), not of a messaging"),
        ("TWILIO_MESSAGING_SERVICE_SID", "+12025550199", "is not the SID of a messaging service (MG…)"),
    ],
)
def test_a_sid_in_anothers_place_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str) -> None:
    """In one sentence, before anything starts: Twilio would say no more than that the credentials are wrong."""
    if name == "TWILIO_API_KEY":
        monkeypatch.setenv("TWILIO_API_SECRET", SECRET)
        monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    monkeypatch.setenv(name, value)
    said = sentence(TwilioSettings)
    assert said.startswith(f"{name} {problem}")
    assert "\n" not in said
    assert value not in said


@pytest.mark.parametrize("sid", ["ACtest", "test", "AC1", "ac00000000000000000000000000000000"])
def test_a_stand_in_for_twilio_may_have_sids_of_its_own(monkeypatch: pytest.MonkeyPatch, sid: str) -> None:
    """Only what is certainly another thing's is refused."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", sid)
    assert TwilioSettings.load().twilio_account_sid == sid


def test_without_any_sender_both_variables_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one setting that may be given in two ways."""
    monkeypatch.delenv("TWILIO_FROM_NUMBER")
    said = sentence(TwilioSettings)
    assert said == (
        "neither TWILIO_FROM_NUMBER nor TWILIO_MESSAGING_SERVICE_SID is set: "
        "give the number or the messaging service that texts come from."
    )


def test_the_repr_of_the_sender_hides_the_auth_token() -> None:
    """Settings may end up in an error's text, secrets may not."""
    assert "a-token" not in repr(TwilioSettings.load())
    assert "a-token" not in str(TwilioSettings.load())


def test_settings_are_values_that_nobody_changes() -> None:
    """They are the key under which a process keeps its one sender."""
    first, second = TwilioSettings.load(), TwilioSettings.load()
    assert first == second
    assert hash(first) == hash(second)


def test_every_variable_in_an_error_is_spelt_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name can be copied from the sentence to the shell."""
    for name in GOOD:
        monkeypatch.delenv(name)
    for settings in (DatabaseSettings, DagsterStorageSettings, WorkerSettings, TwilioSettings):
        for line in sentence(settings).splitlines():
            name = line.split(" ", 1)[0]
            assert re.fullmatch(r"[A-Z_]+", name)
            assert name in GOOD


# --- lengths of time --------------------------------------------------------------------------------------------------


def test_assigning_tasks_is_the_applications_business_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is done here where somebody says so."""
    assert not AssignmentSettings.load().assigns
    monkeypatch.setenv("SEQUORA_ASSIGN", "on")
    assert AssignmentSettings.load().assigns


def test_answers_are_neither_read_nor_written_back_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a setting of its own."""
    assert (ReplySettings.load().reads_commands, ReplySettings.load().writes_back) == (False, False)
    monkeypatch.setenv("SEQUORA_REPLIES", "on")
    assert (ReplySettings.load().reads_commands, ReplySettings.load().writes_back) == (True, False)
    monkeypatch.setenv("SEQUORA_WRITE_BACK", "on")
    assert (ReplySettings.load().reads_commands, ReplySettings.load().writes_back) == (True, True)


@pytest.mark.parametrize(
    ("value", "flood"),
    [
        ("off", None),
        ("OFF", None),
        ("5/15m", Flood(texts=5, within=timedelta(minutes=15))),
        (" 999 / 1d ", Flood(texts=999, within=timedelta(days=1))),
        ("1/PT1M", Flood(texts=1, within=timedelta(minutes=1))),
    ],
)
def test_what_is_a_flood_is_a_number_of_texts_in_a_length_of_time(
    monkeypatch: pytest.MonkeyPatch, value: str, flood: Flood | None
) -> None:
    """By default nothing is."""
    assert WorkflowSettings.load().flood is None
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", value)
    assert WorkflowSettings.load().flood == flood


@pytest.mark.parametrize("value", ["5", "/15m", "0/15m", "1000/15m", "-5/15m", "5/", "5/0s", "5/25h", "5/15", "on"])
def test_what_is_no_flood_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A nurse is told within a day, and of the first task at once."""
    monkeypatch.setenv("SEQUORA_DIGEST_AFTER", value)
    assert sentence(WorkflowSettings).startswith("SEQUORA_DIGEST_AFTER ")


def test_what_is_waited_for_by_default() -> None:
    """A day for the check-in, an hour's warning, half an hour for the nurse to act, ten minutes to be assigned."""
    loaded = WorkflowSettings.load()
    assert {name: getattr(loaded, name.lower()) for name in DURATIONS} == DURATIONS


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("0s", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("2d", timedelta(days=2)),
        ("365d", timedelta(days=365)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("1.5h", timedelta(hours=1, minutes=30)),
        (" 30m ", timedelta(minutes=30)),
        ("PT30M", timedelta(minutes=30)),
        ("PT1H30M", timedelta(hours=1, minutes=30)),
        ("P2D", timedelta(days=2)),
    ],
)
def test_a_length_of_time_is_written_as_a_person_or_as_iso_8601_writes_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, length: timedelta
) -> None:
    """It may be nothing, for those who try it out."""
    monkeypatch.setenv(name, value)
    assert getattr(WorkflowSettings.load(), name.lower()) == length


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("abc", "is not a length of time"),
        ("5", "is not a length of time"),
        ("-5m", "is not a length of time"),
        ("30 m", "is not a length of time"),
        ("1h 30m", "is not a length of time"),
        ("1h-30m", "is not a length of time"),
        ("30M", "is not a length of time"),
        ("5w", "is not a length of time"),
        ("00:30", "is not a length of time"),
        ("m", "is not a length of time"),
        (".5h", "is not a length of time"),
        ("-P2D", "is not a length of time"),
        ("P", "Input should be a valid timedelta"),
        ("P-2D", "Input should be a valid timedelta"),
        ("PT30", "Input should be a valid timedelta"),
        ("400d", "must be between 0 and 365 days"),
        ("365d1s", "must be between 0 and 365 days"),
        ("8761h", "must be between 0 and 365 days"),
        ("999999999999d", "must be between 0 and 365 days"),
        ("999999999d999999999d", "must be between 0 and 365 days"),
        ("P366D", "must be between 0 and 365 days"),
    ],
)
def test_what_is_no_sensible_length_of_time_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    """Without a unit it could be seconds or minutes; of nothing is guessed what it means."""
    monkeypatch.setenv(name, value)
    said = sentence(WorkflowSettings)
    assert said.startswith(f"{name} {problem}")
    assert said.endswith(": give a length of time, e.g. 90s, 30m, 24h, 2d or ISO-8601 (PT30M).")
    assert "\n" not in said


@given(st.integers(0, 364), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_the_parts_of_a_length_of_time_are_added(days: int, hours: int, minutes: int, seconds: int) -> None:
    """In whatever order they are written."""
    read = TypeAdapter(Duration).validate_python
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert read(f"{days}d{hours}h{minutes}m{seconds}s") == length
    assert read(f"{seconds}s{minutes}m{hours}h{days}d") == length
    assert read(f"P{days}DT{hours}H{minutes}M{seconds}S") == length
    assert read(length) == length


def test_every_length_of_time_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each."""
    for name in DURATIONS:
        monkeypatch.setenv(name, "soon")
    assert [line.split(" ", 1)[0] for line in sentence(WorkflowSettings).splitlines()] == list(DURATIONS)


# --- certainty --------------------------------------------------------------------------------------------------------


def test_how_sure_we_make_by_default() -> None:
    """A minute of doubt, five for a receipt, and as fast as it goes."""
    loaded = DeliverySettings.load()
    assert loaded.sequora_doubt_window == timedelta(minutes=1)
    assert loaded.sequora_receipt_window == timedelta(minutes=5)
    assert loaded.sequora_sender_rate is None


@pytest.mark.parametrize(("value", "rate"), [("1", 1), ("0.5", 0.5), ("100", 100)])
def test_a_senders_rate_is_a_number_of_segments_a_second(
    monkeypatch: pytest.MonkeyPatch, value: str, rate: float
) -> None:
    """Of less than one, too."""
    monkeypatch.setenv("SEQUORA_SENDER_RATE", value)
    assert DeliverySettings.load().sequora_sender_rate == rate


@pytest.mark.parametrize("value", ["0", "-1", "fast", "1/s", "nan", "inf"])
def test_what_is_no_rate_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Nothing would go out at a rate of nothing."""
    monkeypatch.setenv("SEQUORA_SENDER_RATE", value)
    said = sentence(DeliverySettings)
    assert said.startswith("SEQUORA_SENDER_RATE ")
    assert "give how many segments a second" in said


# --- retention --------------------------------------------------------------------------------------------------------


def test_how_long_what_is_over_is_kept_by_default() -> None:
    """A month of runs, and the messages of a year and a month."""
    loaded = RetentionSettings.load()
    assert (loaded.sequora_keep_runs, loaded.sequora_keep_messages) == (timedelta(days=30), timedelta(days=400))


def test_messages_may_be_kept_for_years(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six of them, where a policy says so."""
    monkeypatch.setenv("SEQUORA_KEEP_MESSAGES", "2192d")
    assert RetentionSettings.load().sequora_keep_messages == timedelta(days=2192)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SEQUORA_KEEP_RUNS", "23h", "must be between 1 and 3650 days"),
        ("SEQUORA_KEEP_RUNS", "0s", "must be between 1 and 3650 days"),
        ("SEQUORA_KEEP_MESSAGES", "29d", "must be between 30 and 3650 days"),
        ("SEQUORA_KEEP_MESSAGES", "3651d", "must be between 30 and 3650 days"),
        ("SEQUORA_KEEP_MESSAGES", "for ever", "is not a length of time"),
    ],
)
def test_a_retention_that_would_delete_what_is_needed_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    """A text's receipt and its doubts must be long over, and an engineer must have seen last night's runs."""
    monkeypatch.setenv(name, value)
    assert sentence(RetentionSettings).startswith(f"{name} {problem}: give a length of time")


def test_runs_are_not_kept_longer_than_what_they_have_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Executed again, a run would find nothing and send it once more."""
    monkeypatch.setenv("SEQUORA_KEEP_RUNS", "31d")
    monkeypatch.setenv("SEQUORA_KEEP_MESSAGES", "30d")
    assert sentence(RetentionSettings).startswith("SEQUORA_KEEP_RUNS is longer than SEQUORA_KEEP_MESSAGES: ")
    monkeypatch.setenv("SEQUORA_KEEP_RUNS", "30d")
    assert RetentionSettings.load()


# --- the link in a check-in -------------------------------------------------------------------------------------------


def test_by_default_nobody_is_asked_for_a_link() -> None:
    """Neither an address nor a token."""
    loaded = CheckInLinkSettings.load()
    assert (loaded.sequora_check_in_link_url, loaded.sequora_check_in_link_token) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com/api/check-in-links?v=1",
        "https://app.example.com",
        "http://localhost:3000/links",
        "http://127.0.0.1:3000/links",
        "http://[::1]:3000/links",
    ],
)
def test_links_are_asked_for_by_https_or_on_this_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """The address is left as it is."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", url)
    assert CheckInLinkSettings.load().sequora_check_in_link_url == url


@pytest.mark.parametrize(
    "url",
    [
        f"http://app.example.com/{SECRET}",
        f"http://127.0.0.1.example.com/{SECRET}",
        f"http://localhost@example.com/{SECRET}",
        f"http://10.0.0.1/{SECRET}",
        f"http://0.0.0.0/{SECRET}",
        f"https://user:{SECRET}@app.example.com/",
        f"https://app.example.com:{SECRET}/",
        f"https:///{SECRET}",
        f"https://app.example.com/ {SECRET}",
        f"ftp://localhost/{SECRET}",
        SECRET,
    ],
)
def test_an_address_that_others_can_listen_to_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """So is what is no address; the sentence says what to give, and repeats nothing."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", url)
    said = sentence(CheckInLinkSettings)
    assert said.startswith("SEQUORA_CHECK_IN_LINK_URL ")
    assert "give the application's address for it, https://" in said
    assert SECRET not in said


@pytest.mark.parametrize("token", [f"Bearer {SECRET}", f"{SECRET}\n1", f"{SECRET}é", f"{SECRET}\x7f"])
def test_a_token_that_no_header_can_have_is_refused(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Else every check-in would go without its link."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_TOKEN", token)
    said = sentence(CheckInLinkSettings)
    assert said.startswith("SEQUORA_CHECK_IN_LINK_TOKEN must be of ")
    assert SECRET not in said


def test_neither_the_address_nor_the_token_of_a_link_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever prints the settings."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", f"https://app.example.com/{SECRET}")
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_TOKEN", SECRET)
    loaded = CheckInLinkSettings.load()
    assert loaded.sequora_check_in_link_token
    assert loaded.sequora_check_in_link_token.get_secret_value() == SECRET
    assert SECRET not in f"{loaded!r} {loaded} {loaded.model_dump()['sequora_check_in_link_token']}"
