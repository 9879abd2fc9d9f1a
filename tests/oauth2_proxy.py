"""Stand-ins for oauth2-proxy and for a provider of logins, as far as a reverse proxy and a browser notice them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

from webhook import serving

SESSION = "_oauth2_proxy=a-session"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its path with the query, and its headers."""

    path: str
    headers: Mapping[str, str]


class _Server(ThreadingHTTPServer):
    """Remembers what it was asked, and answers with headers alone, as a subclass says."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.asked: list[Asked] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = Asked(self.path, dict(self.headers))
                server.asked.append(asked)
                status, headers = server.answer(asked)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, asked: Asked) -> tuple[int, dict[str, str]]:
        """Return status and headers of the answer."""
        raise NotImplementedError


class Provider(_Server):
    """Knows everybody, and asks for nothing."""

    def answer(self, asked: Asked) -> tuple[int, dict[str, str]]:
        """Send the browser back at once."""
        query = parse_qs(urlsplit(asked.path).query)
        (back,), (state,) = query["redirect_uri"], query["state"]
        return 302, {"Location": f"{back}?code=a-code&state={quote(state, safe='')}"}


class OAuth2Proxy(_Server):
    """Begins sessions for those who come back from the provider, and knows them by a cookie."""

    def __init__(self, provider: Provider) -> None:
        """Listen on a free port."""
        super().__init__()
        self._provider = provider

    def answer(self, asked: Asked) -> tuple[int, dict[str, str]]:
        """Answer as oauth2-proxy does."""
        match urlsplit(asked.path).path:
            case "/oauth2/auth":
                return (202 if SESSION in asked.headers.get("Cookie", "") else 401), {}
            case "/oauth2/start":
                back = quote(f"https://{asked.headers['Host']}/oauth2/callback", safe="")
                state = quote(asked.headers["X-Auth-Request-Redirect"], safe="")
                return 302, {"Location": f"{self._provider.url}/authorize?redirect_uri={back}&state={state}"}
            case "/oauth2/callback":
                (state,) = parse_qs(urlsplit(asked.path).query)["state"]
                return 302, {"Location": state, "Set-Cookie": f"{SESSION}; Path=/; HttpOnly; Secure; SameSite=Lax"}
            case _:
                return 404, {}


@contextmanager
def running_oauth2_proxy() -> Iterator[OAuth2Proxy]:
    """Run both for the length of the block."""
    with Provider() as provider, OAuth2Proxy(provider) as stand_in, serving(provider), serving(stand_in):
        yield stand_in
