"""The link in a check-in: how it is asked for, which answers are links, and that no trouble shows one."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from certificates import certified, needs_openssl
from hypothesis import given
from hypothesis import strategies as st
from link_service import (
    LINK,
    Asked,
    Behaviour,
    LinkService,
    answers,
    breaks_off,
    drips,
    hangs_up,
    running_link_service,
    says_nothing,
)
from pydantic import SecretStr

from sequora_orchestration.care.check_in_link import (
    GIVEN_UP_FOR,
    LONGEST_ANSWER,
    LinkAsker,
    NoLinkError,
    link_in,
    open_link_asker,
)
from sequora_orchestration.local.ports import free_port
from sequora_orchestration.settings.environment import SettingError

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
TOKEN = "Zqtoken"
SECRETS = re.compile("zqlink|zqtoken", re.IGNORECASE)


@pytest.fixture
def service() -> Iterator[LinkService]:
    """The application, which makes links."""
    with running_link_service() as service:
        yield service


def asker(url: str, *, token: str | None = None, patience: float = 5.0) -> LinkAsker:
    """Return an asker whose waits take no time."""
    return LinkAsker(url=url, token=SecretStr(token) if token else None, waits=(0, 0, 0), patience=patience)


def link(asked: LinkAsker) -> str:
    return asked.link_for(patient_id="a-patient", episode_id="an-episode", now=NOW)


def why_none(asked: LinkAsker) -> str:
    """Ask in vain, and return why there is no link."""
    with pytest.raises(NoLinkError) as error:
        link(asked)
    return str(error.value)


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_link_is_asked_for_with_ids_alone(service: LinkService) -> None:
    """By POST, as JSON, at the address to the letter."""
    assert link(asker(service.url)) == LINK
    (asked,) = service.asked
    assert asked.ids == {"patient_id": "a-patient", "episode_id": "an-episode"}
    assert asked.path == "/links?of=check-ins"
    assert asked.headers["Content-Type"] == "application/json"
    assert "Authorization" not in asked.headers


def test_the_token_goes_along_where_there_is_one(service: LinkService) -> None:
    """As bearers' tokens do."""
    assert link(asker(service.url, token=TOKEN)) == LINK
    assert service.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


@needs_openssl
def test_the_token_goes_along_over_tls_whatever_the_machine_keeps_for_that_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that is not trusted is no service; of one that is, a password in a `.netrc` is not taken."""
    context, certificate = certified(tmp_path)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running_link_service(context) as service:
        assert why_none(asker(service.url, token=TOKEN)) == "the service cannot be reached (SSLError), after 4 tries"
        assert service.asked == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert link(asker(service.url, token=TOKEN)) == LINK
    assert service.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_no_proxy_stands_between_us_and_loopback(service: LinkService, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is not encrypted."""
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert link(asker(service.url)) == LINK


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        (answers({}, 500), "the service answers 500, after 4 tries"),
        (answers({"url": LINK}, 503), "the service answers 503, after 4 tries"),
        (answers({}, 429), "the service answers 429, after 4 tries"),
        (hangs_up, "the service cannot be reached (ConnectionError), after 4 tries"),
        (breaks_off, "the service cannot be reached (ProtocolError), after 4 tries"),
    ],
)
def test_what_may_pass_is_tried_four_times(service: LinkService, behaviour: Behaviour, sentence: str) -> None:
    """Errors of the server's, a limit of requests, a connection that breaks."""
    service.always = behaviour
    assert why_none(asker(service.url)) == sentence
    assert len(service.asked) == 4


@pytest.mark.parametrize("behaviour", [says_nothing, drips])
def test_no_try_takes_longer_than_its_patience(service: LinkService, behaviour: Behaviour) -> None:
    """Also where the server says something all the time, and never comes to an end."""
    service.always = behaviour
    assert re.fullmatch(
        r"the service (does not answer within 0\.2 s|cannot be reached \(ReadTimeout\)), after 4 tries",
        why_none(asker(service.url, patience=0.2)),
    )
    assert len(service.asked) == 4


def test_a_service_that_is_not_there_is_tried_four_times() -> None:
    """Nobody listens at its port."""
    said = why_none(asker(f"http://127.0.0.1:{free_port()}/"))
    assert said == "the service cannot be reached (ConnectionError), after 4 tries"


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_service_that_comes_back_in_time_gives_a_link(service: LinkService, failures: int) -> None:
    """The fourth try counts as the first does."""
    service.behaviours = [answers({}, 502)] * failures
    assert link(asker(service.url)) == LINK
    assert len(service.asked) == 1 + failures


def test_between_tries_the_given_waits_pass(service: LinkService) -> None:
    """None before the first try, and none after the last."""
    service.always = answers({}, 503)
    waited: list[float] = []
    why_none(LinkAsker(url=service.url, waits=(1, 2, 4), patience=5, sleep=waited.append))
    assert waited == [1, 2, 4]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_a_refusal_is_no_matter_of_time(service: LinkService, status: int) -> None:
    """It is asked once."""
    service.always = answers({"url": LINK}, status)
    assert why_none(asker(service.url)) == f"the service answers {status}"
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(service: LinkService, status: int) -> None:
    """Nobody else gets the ids or the token."""
    service.always = answers({"url": LINK}, status, location="/elsewhere")
    assert why_none(asker(service.url)) == f"the service answers {status}"
    assert len(service.asked) == 1


def test_an_answer_that_cannot_be_used_is_not_asked_for_again(service: LinkService) -> None:
    """It would be the same."""
    service.always = answers({"url": "http://care.example/Zqlink"})
    assert SECRETS.search(why_none(asker(service.url))) is None
    assert len(service.asked) == 1


def test_an_answer_that_is_packed_is_unpacked_and_one_that_is_packed_wrongly_cannot_be_used(
    service: LinkService,
) -> None:
    """As its header says."""
    service.always = answers(b"no gzip", content_encoding="gzip")
    assert why_none(asker(service.url)) == "the service cannot be asked (DecodeError)"
    assert len(service.asked) == 1


def test_an_address_that_only_looks_like_one_is_a_sentence() -> None:
    """The host has a part that is too long for a name."""
    assert why_none(asker(f"https://{'a' * 70}.example/")).startswith("the service cannot be ")


# --- many messages ----------------------------------------------------------------------------------------------------


def test_while_the_service_is_down_one_message_of_a_run_uses_up_its_tries(service: LinkService) -> None:
    """The others, which go out at the same time and later, go without a link at once."""
    service.always = answers({}, 503)
    of_the_run = asker(service.url)
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: why_none(of_the_run), range(50)))
    assert len(service.asked) == 4
    assert sorted(set(said)) == [
        "the service answers 503, after 4 tries",
        "the service has not answered just before",
    ]
    assert said.count("the service answers 503, after 4 tries") == 1
    service.always = answers({"url": LINK})
    assert link(asker(service.url)) == LINK


def test_a_service_that_was_given_up_is_asked_once_a_minute_until_it_answers(service: LinkService) -> None:
    """Each try may take seconds, for which a worker of nurses' texts is held."""
    service.always = answers({}, 503)
    seconds = [0.0]
    of_the_process = LinkAsker(url=service.url, waits=(0, 0, 0), patience=5, clock=lambda: seconds[0])
    assert why_none(of_the_process) == "the service answers 503, after 4 tries"
    seconds[0] = GIVEN_UP_FOR - 1
    assert why_none(of_the_process) == "the service has not answered just before"
    seconds[0] = GIVEN_UP_FOR
    assert why_none(of_the_process) == "the service answers 503, after 1 try"
    service.always = answers({"url": LINK})
    assert why_none(of_the_process) == "the service has not answered just before"
    seconds[0] = 2 * GIVEN_UP_FOR
    assert [link(of_the_process) for _ in range(2)] == [LINK, LINK]
    assert len(service.asked) == 4 + 1 + 2


def test_a_service_that_goes_down_in_the_middle_of_a_run_is_given_up_too(service: LinkService) -> None:
    """Those before have their links."""
    of_the_run = asker(service.url)
    assert link(of_the_run) == LINK
    service.always = answers({}, 503)
    assert why_none(of_the_run) == "the service answers 503, after 4 tries"
    assert why_none(of_the_run) == "the service has not answered just before"
    assert len(service.asked) == 1 + 4


def test_a_message_that_is_refused_keeps_no_other_from_its_link(service: LinkService) -> None:
    """The service has answered: it is up."""
    service.behaviours = [answers({}, 404), answers({"url": "nothing"})]
    of_the_run = asker(service.url)
    assert why_none(of_the_run) == "the service answers 404"
    assert why_none(of_the_run) == "the answer's url is not an address, https://…"
    assert link(of_the_run) == LINK


def test_a_service_that_is_up_is_asked_for_several_messages_at_a_time(service: LinkService) -> None:
    """A slow one holds up a run no longer than it must."""
    together = threading.Barrier(3, timeout=5)

    def answers_three_at_once(asked: Asked) -> None:
        together.wait()
        answers({"url": LINK})(asked)

    of_the_run = asker(service.url)
    assert link(of_the_run) == LINK
    service.always = answers_three_at_once
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: link(of_the_run), range(3))) == [LINK] * 3


# --- answers ----------------------------------------------------------------------------------------------------------


def judged(**answer: object) -> str:
    return link_in(json.dumps(answer).encode(), NOW)


def refused(body: bytes) -> str:
    """Return why there is no link in an answer; nothing of it is repeated."""
    with pytest.raises(NoLinkError) as error:
        link_in(body, NOW)
    assert SECRETS.search(repr(error.value)) is None
    return str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        LINK,
        "https://care.example",
        "https://care.example:8443/c/abc?x=1&y=%20#part",
        "HTTPS://CARE.EXAMPLE/C",
        "http://localhost:3000/c/abc",
        "http://127.0.0.1/c",
        "http://[::1]:3000/c",
        "https://care.example/~c",
        "https://care.example/" + "a" * 179,
    ],
)
def test_a_link_is_taken_as_it_is(url: str) -> None:
    """Of https anywhere, of http on loopback."""
    assert judged(url=url) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://care.example/Zqlink", "the answer's url must begin with https://, or with http:// on localhost"),
        ("http://localhost.care.example/Zqlink", "the answer's url must begin with https://, or with"),
        ("http://127.0.0.2/Zqlink", "the answer's url must begin with https://, or with"),
        ("http://localhost@care.example/Zqlink", "the answer's url must have a host, and no user or password"),
        ("https://zqlink:zqlink@care.example/", "the answer's url must have a host, and no user or password"),
        ("http://care.example\\@localhost/Zqlink", "the answer's url is not an address, https://…"),
        ("https:///Zqlink", "the answer's url is not an address, https://…"),
        ("https://:80/Zqlink", "the answer's url must have a host, and no user or password"),
        ("https://care.example:Zqlink/", "the answer's url is not an address, https://…"),
        ("https://[Zqlink/", "the answer's url is not an address, https://…"),
        ("ftp://care.example/Zqlink", "the answer's url is not an address, https://…"),
        ("javascript:Zqlink", "the answer's url is not an address, https://…"),
        ("care.example/Zqlink", "the answer's url is not an address, https://…"),
        ("", "the answer's url is not an address, https://…"),
        ("https://care.example/Zq link", "the answer's url is not an address, https://…"),
        (" https://care.example/Zqlink", "the answer's url is not an address, https://…"),
        ("https://care.example/Zqlink\n", "the answer's url is not an address, https://…"),
        ("https://care.example/Zqlink\tx", "the answer's url is not an address, https://…"),
        ("https://care.example/Zqlink\x00", "the answer's url is not an address, https://…"),
        ("https://care.example/Zqlink\u202ex", "the answer's url is not an address, https://…"),
        ("https://care.example/Zqlink\u0430", "the answer's url has a character that GSM-7 does not have"),
        ("https://care.example/`Zqlink`", "the answer's url has a character that GSM-7 does not have"),
        ("https://care.example/Zqlink" + "a" * 174, "the answer's url is longer than 200 characters"),
        ("https://care.example/Zqlink" + "~" * 87, "the answer's url is longer than 200 characters"),
    ],
)
def test_what_is_no_link_for_a_text_is_not_used(url: str, why: str) -> None:
    """For whoever reads it on the way, for what a phone makes of it, or for what it costs."""
    assert refused(json.dumps({"url": url}).encode()).startswith(why)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the answer is no JSON"),
        (b"https://care.example/Zqlink", "the answer is no JSON"),
        (b"\xff\xfe\xfa", "the answer is no JSON"),
        (b"[" * 9000, "the answer is no JSON"),
        (b'["https://care.example/Zqlink"]', "the answer has no url"),
        (b'"https://care.example/Zqlink"', "the answer has no url"),
        (b"null", "the answer has no url"),
        (b"{}", "the answer has no url"),
        (b'{"link": "https://care.example/Zqlink"}', "the answer has no url"),
        (b'{"url": null}', "the answer has no url"),
        (b'{"url": ["https://care.example/Zqlink"]}', "the answer has no url"),
        (b'{"url": "https://care.example/Zqlink"}' + b" " * LONGEST_ANSWER, "the answer has more than 10000 bytes"),
    ],
)
def test_an_answer_of_another_form_is_not_used(body: bytes, why: str) -> None:
    """And nothing of it is said."""
    assert refused(body) == why


@pytest.mark.parametrize(
    "expires_at",
    [
        None,
        "2026-03-02T15:00:01Z",
        "2026-03-02T15:00:00.001+00:00",
        "2026-03-02T15:00:01",
        "2026-03-02T10:00:01-05:00",
        "20260302T150001Z",
        "2026-03-03",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_a_link_that_has_not_expired_is_taken(expires_at: str | None) -> None:
    """A time without a zone is UTC; one that is left out is never."""
    assert judged(url=LINK, expires_at=expires_at) == judged(url=LINK) == LINK


@pytest.mark.parametrize(
    "expires_at", ["2026-03-02T15:00:00Z", "2026-03-02T14:59:59", "2026-03-02T16:00:00+02:00", "0001-01-01T00:00+14:00"]
)
def test_a_link_that_has_expired_is_not_used(expires_at: str) -> None:
    """By the database's clock, which every rule goes by."""
    assert refused(json.dumps({"url": LINK, "expires_at": expires_at}).encode()) == "the answer's link has expired"


@pytest.mark.parametrize(
    "expires_at", ["", "Zqlink", "tomorrow", "2026-02-30T00:00:00Z", 1772463600, True, {}, "15:00"]
)
def test_a_time_that_cannot_be_read_makes_the_answer_useless(expires_at: object) -> None:
    """Nobody knows whether the link leads anywhere."""
    body = json.dumps({"url": LINK, "expires_at": expires_at}).encode()
    assert refused(body) == "the answer's expires_at is no time in ISO-8601"


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: json.dumps({"url": text}).encode()))
def test_whatever_is_answered_is_a_link_or_a_sentence(body: bytes) -> None:
    """Nothing else ever comes of it."""
    try:
        link = link_in(body, NOW)
    except NoLinkError:
        return
    assert link.lower().startswith(("https://", "http://"))


# --- settings ---------------------------------------------------------------------------------------------------------


def test_without_the_setting_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there is a token, or nothing stands behind the name."""
    monkeypatch.delenv("SEQUORA_CHECK_IN_LINK_URL", raising=False)
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_TOKEN", TOKEN)
    assert open_link_asker((1, 2, 4)) is None
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", "")
    assert open_link_asker((1, 2, 4)) is None


def test_the_settings_say_who_is_asked_and_the_repr_does_not(
    service: LinkService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address may have a secret in it, too."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", service.url)
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_TOKEN", TOKEN)
    opened = open_link_asker((1, 2, 4))
    assert opened is not None
    assert link(opened) == LINK
    assert service.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert SECRETS.search(repr(opened)) is None
    assert service.url not in repr(opened)


def test_a_wrong_address_is_said_when_the_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody waits for a text."""
    monkeypatch.setenv("SEQUORA_CHECK_IN_LINK_URL", "http://care.example/links")
    with pytest.raises(SettingError, match=r"^SEQUORA_CHECK_IN_LINK_URL must begin with https://"):
        open_link_asker((1, 2, 4))
