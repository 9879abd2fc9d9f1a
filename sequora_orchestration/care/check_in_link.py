"""The link in a check-in text: the application is asked for it, and its answer is judged.

A missing link keeps no text from going out: every trouble becomes a NoLinkError with a sentence. Anybody with the link
may pass for the patient, so no sentence, log line or `repr` shows a link, nor the token of the request.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Lock, Thread

import requests
import urllib3
from pydantic import SecretStr

from sequora_orchestration.domain.gsm_7 import is_gsm_7, septets
from sequora_orchestration.messages.check_in_words import LONGEST_LINK
from sequora_orchestration.settings.addresses import secure_url
from sequora_orchestration.settings.application import CheckInLinkSettings

# Seconds for a whole try: the look-up of the name, the connection, and the whole answer.
PATIENCE = 5.0

# Seconds without requests after a message's tries were all in vain.
GIVEN_UP_FOR = 60.0

# Bytes: a longer answer is not read to its end.
LONGEST_ANSWER = 10_000

_TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    # `requests` does not wrap urllib3's errors while the answer's body is read.
    urllib3.exceptions.ProtocolError,
    urllib3.exceptions.TimeoutError,
)


class NoLinkError(Exception):
    """There is no link. The sentence says why, and shows nothing of the answer but its status."""


class _TransientError(Exception):
    """The service may give a link when it is asked again."""


@dataclass(slots=True, kw_only=True)
class LinkAsker:
    """Asks for the links of a process's texts; safe to use from threads.

    One message's four tries take 27 s at worst (5 s each, and waits of 1, 2 and 4 s); a claim has its rows for 30 s,
    and nurses' texts wait for the same workers. So while the service is down only one message uses up its tries: the
    first message asks, the others wait for its outcome, and if it gets no answer they go without a link at once. A
    minute later one message asks again, once.
    """

    url: str = field(repr=False)
    token: SecretStr | None = field(default=None, repr=False)
    waits: Sequence[float]
    """Seconds before each further try."""

    patience: float
    """Seconds for a whole try."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _alone: Lock = field(default_factory=Lock, init=False, repr=False)
    _has_answered: bool = field(default=False, init=False)
    _given_up_at: float | None = field(default=None, init=False)

    def link_for(self, *, patient_id: str, episode_id: str, now: datetime) -> str:
        """Return a link that has not expired by `now`. Raises NoLinkError."""
        ids = {"patient_id": patient_id, "episode_id": episode_id}
        if not self._has_answered:
            with self._alone:
                if not self._has_answered:
                    return link_in(self._ask(ids), now)
        return link_in(self._ask(ids), now)

    def _ask(self, ids: dict[str, str]) -> bytes:
        """Return the body of the service's answer; ask again while that may help. Raises NoLinkError."""
        trouble = ""
        waits = (0, *(self.waits if self._given_up_at is None else ()))
        for wait in waits:
            if wait:
                self.sleep(wait)
            given_up_at = self._given_up_at  # another thread may have got an answer meanwhile
            if given_up_at is not None and self.clock() - given_up_at < GIVEN_UP_FOR:
                raise NoLinkError("the service has not answered just before")
            try:
                answer = self._ask_once(ids)
            except _TransientError as error:
                trouble = str(error)
                continue
            self._has_answered, self._given_up_at = True, None
            if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
                raise NoLinkError(f"the service answers {answer.status}")
            return answer.body
        self._has_answered, self._given_up_at = False, self.clock()
        raise NoLinkError(f"{trouble}, after {len(waits)} {'try' if len(waits) == 1 else 'tries'}")

    def _ask_once(self, ids: dict[str, str]) -> "_Answer":
        """Return the answer to one request, within the patience. Raises _TransientError and NoLinkError."""
        # A socket's time-out holds for each read, not for all of them, and not for the look-up of a name. So the
        # request runs in a thread of its own, which can be left behind.
        outcomes = SimpleQueue[_Answer | Exception]()
        Thread(target=lambda: outcomes.put(self._post(ids)), name="check_in_link", daemon=True).start()
        try:
            outcome = outcomes.get(timeout=self.patience)
        except Empty:
            raise _TransientError(f"the service does not answer within {self.patience:g} s") from None
        kind = type(outcome).__name__
        if isinstance(outcome, _TRANSIENT):
            raise _TransientError(f"the service cannot be reached ({kind})")
        if isinstance(outcome, Exception):
            raise NoLinkError(f"the service cannot be asked ({kind})")
        if outcome.status == HTTPStatus.TOO_MANY_REQUESTS or outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _TransientError(f"the service answers {outcome.status}")
        return outcome

    def _post(self, ids: dict[str, str]) -> "_Answer | Exception":
        try:
            with requests.Session() as session:
                # Without TLS (allowed on loopback only) the request must not go through a proxy of the environment.
                session.trust_env = self.url.lower().startswith("https:")
                with session.post(
                    self.url,
                    json=ids,
                    auth=self._authorized,
                    timeout=self.patience,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    body = response.raw.read(LONGEST_ANSWER + 1, decode_content=True)
                    return _Answer(response.status_code, body)
        except Exception as error:  # noqa: BLE001  # nothing that goes wrong with a link may stop a text
            return error

    def _authorized(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Give the request its token. Set as a plain header it would be replaced by a password in a `.netrc`."""
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token.get_secret_value()}"
        return request


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes = field(repr=False)


def link_in(body: bytes, now: datetime) -> str:
    """Return the link in an answer, checked for use in a text. Raises NoLinkError."""
    if len(body) > LONGEST_ANSWER:
        raise NoLinkError(f"the answer has more than {LONGEST_ANSWER} bytes")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise NoLinkError("the answer is no JSON") from None
    if not isinstance(answer, dict) or not isinstance(url := answer.get("url"), str):
        raise NoLinkError("the answer has no url")
    try:
        secure_url(url)
    except ValueError as error:
        raise NoLinkError(f"the answer's url {error}") from None
    if not is_gsm_7(url):
        raise NoLinkError("the answer's url has a character that GSM-7 does not have")
    if septets(url) > LONGEST_LINK:
        raise NoLinkError(f"the answer's url is longer than {LONGEST_LINK} characters")
    expires_at = _expiry(answer.get("expires_at"))
    if expires_at and expires_at <= now:
        raise NoLinkError("the answer's link has expired")
    return url


def _expiry(said: object) -> datetime | None:
    """Return the time when a link expires, None for never; a time without a zone is UTC. Raises NoLinkError."""
    if said is None:
        return None
    try:
        moment = datetime.fromisoformat(said if isinstance(said, str) else "")
    except ValueError:
        raise NoLinkError("the answer's expires_at is no time in ISO-8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def open_link_asker(waits: tuple[float, ...]) -> LinkAsker | None:
    """Return this process's asker of links; None if links are off. Raises SettingError."""
    return _asker(CheckInLinkSettings.load(), waits)


@cache
def _asker(settings: CheckInLinkSettings, waits: tuple[float, ...]) -> LinkAsker | None:
    url, token = settings.sequora_check_in_link_url, settings.sequora_check_in_link_token
    return LinkAsker(url=url, token=token, waits=waits, patience=PATIENCE) if url else None
